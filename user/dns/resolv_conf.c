/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "dns/resolv_conf.h"

#include <errno.h>
#include <string.h>

#define BLANKS " \t\r\f\v"

/* A list that knows each word once. */
static void add_word(const char **words, size_t *count, size_t max, const char *word)
{
	for (size_t i = 0; i < *count; i++)
		if (strcmp(words[i], word) == 0)
			return;
	if (*count < max)
		words[(*count)++] = word;
}

static void add_server(struct bl_resolv_conf *conf, const char *server)
{
	add_word(conf->servers, &conf->server_count, BL_RESOLV_SERVERS_MAX, server);
}

static void add_search(struct bl_resolv_conf *conf, const char *search)
{
	size_t chars = strlen(search);

	for (size_t i = 0; i < conf->search_count; i++)
		chars += strlen(conf->searches[i]) + 1;
	if (chars <= BL_RESOLV_SEARCH_CHARS)
		add_word(conf->searches, &conf->search_count, BL_RESOLV_SEARCHES_MAX, search);
}

/* One of the same name takes the place of the one before. */
static void add_option(struct bl_resolv_conf *conf, const char *option)
{
	size_t name = strcspn(option, ":");

	for (size_t i = 0; i < conf->option_count; i++) {
		if (strncmp(conf->options[i], option, name) == 0 &&
		    strchr(":", conf->options[i][name])) {
			conf->options[i] = option;
			return;
		}
	}
	if (conf->option_count < BL_RESOLV_OPTIONS_MAX)
		conf->options[conf->option_count++] = option;
}

static void parse_line(char *line, struct bl_resolv_conf *conf)
{
	char *rest = NULL, *key = strtok_r(line, BLANKS, &rest), *word;

	if (!key || key[0] == '#' || key[0] == ';')
		return;
	if (strcmp(key, "nameserver") == 0) {
		word = strtok_r(NULL, BLANKS, &rest);
		if (word)
			add_server(conf, word);
		return;
	}
	/* The last line of these two counts. */
	if (strcmp(key, "search") == 0 || strcmp(key, "domain") == 0)
		conf->search_count = 0;
	else if (strcmp(key, "options") != 0)
		return;
	while ((word = strtok_r(NULL, BLANKS, &rest)) != NULL) {
		if (key[0] == 'o')
			add_option(conf, word);
		else
			add_search(conf, word);
	}
}

int bl_resolv_conf_parse(const char *text, struct bl_arena *arena, struct bl_resolv_conf *ret)
{
	struct bl_resolv_conf conf = {0};
	char *copy = bl_arena_strdup(arena, text), *rest = NULL;

	if (!copy)
		return -ENOMEM;
	for (char *line = strtok_r(copy, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		parse_line(line, &conf);
	*ret = conf;
	return 0;
}

enum policy {
	POLICY_CLUSTER,
	POLICY_NODE,
	POLICY_NONE,
};

static enum policy policy_of(const struct bl_pod *pod)
{
	const char *name = pod->spec.dns_policy ? pod->spec.dns_policy : "ClusterFirst";

	if (strcmp(name, "None") == 0)
		return POLICY_NONE;
	if (strcmp(name, "Default") == 0)
		return POLICY_NODE;
	/* With the node's network a pod has the node's DNS unless it says otherwise. */
	if (strcmp(name, "ClusterFirst") == 0 && pod->spec.host_network == BL_TRUE)
		return POLICY_NODE;
	return POLICY_CLUSTER;
}

/* Texts that the result points to. */
struct texts {
	char servers[BL_RESOLV_SERVERS_MAX][BL_ADDR_TEXT];
	struct bl_arena *arena;
};

static char *joined(struct texts *texts, const char *a, const char *b, const char *c)
{
	size_t len = strlen(a) + strlen(b) + strlen(c) + 1;
	char *text = bl_arena_alloc(texts->arena, len);

	if (text)
		(void)snprintf(text, len, "%s%s%s", a, b, c);
	return text;
}

static int fill_cluster(const struct bl_pod *pod, const struct bl_resolv_cluster *cluster,
			const struct bl_resolv_conf *node, struct texts *texts,
			struct bl_resolv_conf *conf, struct bl_err *err)
{
	const char *own = joined(texts, pod->object.meta.ns, ".svc.", cluster->domain);
	const char *services = joined(texts, "svc.", cluster->domain, "");

	if (!own || !services)
		return -ENOMEM;
	if (!cluster->server_count)
		return bl_err_set(
			err, -EINVAL,
			"the cluster has no DNS: there is no Service "
			"'kube-system/kube-dns' with an address; run the agent with --dns");
	for (size_t i = 0; i < cluster->server_count && i < BL_RESOLV_SERVERS_MAX; i++)
		add_server(conf, bl_addr_format(&cluster->server[i], texts->servers[i]));
	add_search(conf, own);
	add_search(conf, services);
	add_search(conf, cluster->domain);
	for (size_t i = 0; i < node->search_count; i++)
		add_search(conf, node->searches[i]);
	add_option(conf, "ndots:5");
	return 0;
}

static int merge_config(const struct bl_pod_dns_config *config, struct texts *texts,
			struct bl_resolv_conf *conf)
{
	for (size_t i = 0; i < config->nameservers.count; i++)
		add_server(conf, config->nameservers.items[i]);
	for (size_t i = 0; i < config->searches.count; i++)
		add_search(conf, config->searches.items[i]);
	for (size_t i = 0; i < config->options.count; i++) {
		const struct bl_pod_dns_option *option = &config->options.items[i];
		const char *text = joined(texts, option->name, option->value ? ":" : "",
					  option->value ? option->value : "");

		if (!text)
			return -ENOMEM;
		add_option(conf, text);
	}
	return 0;
}

static void write_words(struct bl_buf *buf, const char *key, const char *const *words, size_t count)
{
	if (!count)
		return;
	bl_buf_add_str(buf, key);
	for (size_t i = 0; i < count; i++)
		bl_buf_addf(buf, " %s", words[i]);
	bl_buf_add_str(buf, "\n");
}

static int fill(const struct bl_pod *pod, const struct bl_resolv_cluster *cluster,
		const struct bl_resolv_conf *node, struct texts *texts, struct bl_resolv_conf *conf,
		struct bl_err *err)
{
	enum policy policy = policy_of(pod);
	int r = 0;

	if (policy == POLICY_NODE)
		*conf = *node;
	else if (policy == POLICY_CLUSTER)
		r = fill_cluster(pod, cluster, node, texts, conf, err);
	if (r == 0)
		r = merge_config(&pod->spec.dns_config, texts, conf);
	if (r == 0 && policy == POLICY_NONE && !conf->server_count)
		return bl_err_set(err, -EINVAL,
				  "dnsPolicy 'None' needs a name server in dnsConfig.nameservers");
	return r;
}

int bl_resolv_conf_of_pod(const struct bl_pod *pod, const struct bl_resolv_cluster *cluster,
			  const struct bl_resolv_conf *node, struct bl_buf *ret, struct bl_err *err)
{
	_cleanup_(bl_arena_free) struct bl_arena *arena = NULL;
	struct bl_resolv_conf conf = {0};
	struct texts texts;
	int r = bl_arena_new(&arena);

	if (r < 0)
		return r;
	texts.arena = arena;
	r = fill(pod, cluster, node, &texts, &conf, err);
	if (r < 0)
		return r;
	write_words(ret, "search", conf.searches, conf.search_count);
	for (size_t i = 0; i < conf.server_count; i++)
		bl_buf_addf(ret, "nameserver %s\n", conf.servers[i]);
	write_words(ret, "options", conf.options, conf.option_count);
	return ret->failed ? -ENOMEM : 0;
}
