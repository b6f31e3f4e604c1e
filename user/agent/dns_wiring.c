/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/dns_wiring.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "agent/dirty.h"
#include "base/buf.h"
#include "base/log.h"
#include "dns/resolv_conf.h"
#include "model/pod.h"

#define SUBJECT "dns"
#define RETRY_USEC (2 * 1000 * 1000ull)
#define RESOLV_CONF "/etc/resolv.conf"
#define RESOLV_CONF_MAX (64u * 1024)
/* Answers a second to one client: far more than a program resolves, less than a flood. */
#define RATE 20000u

struct bl_agent_dns {
	struct bl_agent_dns_config config;
	struct bl_agent_dns_deps deps;
	struct bl_dns_zone zone;
	struct bl_dns_server *server;
	struct bl_dns_endpoint listen[BL_DNS_LISTEN_MAX]; /* wanted */
	size_t listen_count;
	struct bl_addr *clients; /* addresses of the node that were put into the zone */
	size_t client_count;
	struct bl_store_watch *watch;
	struct bl_dirty dirty;
	bool begun;
	sd_event_source *flush;
	sd_event_source *retry;
};

const char *bl_agent_dns_domain(const struct bl_agent_dns *dns)
{
	return dns->config.domain ? dns->config.domain : "cluster.local";
}

const struct bl_dns_server *bl_agent_dns_server(const struct bl_agent_dns *dns)
{
	return dns->server;
}

/* --- the store into the zone --- */

static void on_event(const struct bl_event *event, void *userdata)
{
	struct bl_agent_dns *dns = userdata;
	const struct bl_object *object = event->object;
	bool is_gone = event->change == BL_CHANGE_DELETED;
	int r = 0;

	if (!dns->begun)
		return;
	bl_dirty_note(&dns->dirty, dns->deps.store, event);
	if (object->kind == BL_KIND_POD)
		r = bl_dns_zone_put_pod(&dns->zone,
					is_gone      ? bl_pod_of(object)
					: event->old ? bl_pod_of(event->old)
						     : NULL,
					is_gone ? NULL : bl_pod_of(object));
	else if (object->kind == BL_KIND_NAMESPACE)
		r = bl_dns_zone_put_namespace(&dns->zone, object->meta.name, !is_gone);
	if (r < 0)
		bl_log(BL_LOG_ERROR,
		       "dns: names of '%s' may be wrong until the agent is started "
		       "again: no memory",
		       object->meta.name);
	(void)sd_event_source_set_enabled(dns->flush, SD_EVENT_ONESHOT);
	/* A kube-dns of the user's takes the place of ours, and makes room for it when it goes; the
	 * store must not change now. */
	if (object->kind == BL_KIND_SERVICE && strcmp(object->meta.name, BL_DNS_SERVICE) == 0) {
		(void)sd_event_source_set_time_relative(dns->retry, 0);
		(void)sd_event_source_set_enabled(dns->retry, SD_EVENT_ONESHOT);
	}
}

static int put_names(struct bl_agent_dns *dns, char **names, size_t count)
{
	const struct bl_local_node *node = bl_node_watch_facts(dns->deps.node);
	int r = 0;

	for (size_t i = 0; r == 0 && i < count; i++) {
		char *slash = strchr(names[i], '/');

		*slash = '\0';
		r = bl_dns_zone_put_service(&dns->zone, dns->deps.store, node, names[i], slash + 1);
		*slash = '/';
	}
	return r;
}

static int flush(struct bl_agent_dns *dns)
{
	char **names = NULL;
	size_t count = 0;
	int r = bl_dirty_take(&dns->dirty, dns->deps.store, &names, &count);

	if (r == 0)
		r = put_names(dns, names, count);
	for (size_t i = 0; i < count; i++)
		free(names[i]);
	free(names);
	if (r == 0)
		r = bl_dns_zone_publish(&dns->zone);
	if (r < 0)
		dns->dirty.all = true;
	return r;
}

static void retry_later(struct bl_agent_dns *dns)
{
	(void)sd_event_source_set_time_relative(dns->retry, RETRY_USEC);
	(void)sd_event_source_set_enabled(dns->retry, SD_EVENT_ONESHOT);
}

static int on_flush(sd_event_source *source, void *userdata)
{
	struct bl_agent_dns *dns = userdata;

	(void)source;
	if (flush(dns) < 0) {
		bl_log(BL_LOG_ERROR, "dns: no memory for new records; trying again");
		retry_later(dns);
	}
	return 0;
}

static int put_clients(struct bl_agent_dns *dns)
{
	const struct bl_local_node *node = bl_node_watch_facts(dns->deps.node);
	struct bl_addr *clients = calloc(node->address_count + 1, sizeof(*clients));
	int r = clients ? 0 : -ENOMEM;

	if (r < 0)
		return r;
	for (size_t i = 0; r == 0 && i < dns->client_count; i++)
		r = bl_dns_zone_put_client(&dns->zone, &dns->clients[i], false);
	free(dns->clients);
	dns->clients = clients;
	dns->client_count = 0;
	for (size_t i = 0; r == 0 && i < node->address_count; i++) {
		r = bl_dns_zone_put_client(&dns->zone, &node->addresses[i], true);
		if (r == 0)
			clients[dns->client_count++] = node->addresses[i];
	}
	return r;
}

/* --- where it listens --- */

static const struct bl_addr *node_address(const struct bl_agent_dns *dns, uint8_t family)
{
	const struct bl_local_node *node = bl_node_watch_facts(dns->deps.node);

	for (size_t i = 0; i < node->address_count; i++)
		if (node->addresses[i].family == family &&
		    !bl_addr_is_loopback(&node->addresses[i]) &&
		    !bl_addr_is_link_local(&node->addresses[i]))
			return &node->addresses[i];
	return NULL;
}

static void add_listen(struct bl_agent_dns *dns, const struct bl_addr *addr, uint16_t port)
{
	dns->listen[dns->listen_count++] =
		(struct bl_dns_endpoint){.addr = *addr, .port = port ? port : BL_DNS_DEFAULT_PORT};
}

static void find_listen(struct bl_agent_dns *dns)
{
	const struct bl_agent_dns_config *config = &dns->config;
	struct bl_addr loopback;

	dns->listen_count = 0;
	memset(dns->listen, 0, sizeof(dns->listen));
	for (size_t i = 0; i < config->listen_count; i++)
		add_listen(dns, &config->listen[i].addr, config->listen[i].port);
	if (config->listen_count)
		return;
	(void)bl_addr_parse("127.0.0.1", &loopback);
	add_listen(dns, &loopback, 0);
	for (size_t i = 0; i < dns->deps.service_cidr_count; i++) {
		const struct bl_addr *addr =
			node_address(dns, dns->deps.service_cidrs[i].addr.family);

		if (addr)
			add_listen(dns, addr, 0);
	}
}

/* --- whom it asks --- */

static bool is_own(const struct bl_agent_dns *dns, const struct bl_addr *addr, uint16_t port)
{
	for (size_t i = 0; i < dns->deps.service_cidr_count; i++)
		if (bl_prefix_contains(&dns->deps.service_cidrs[i], addr))
			return true;
	for (size_t i = 0; i < dns->listen_count; i++)
		if (bl_addr_equal(&dns->listen[i].addr, addr) && dns->listen[i].port == port)
			return true;
	return false;
}

static void add_upstream(const struct bl_agent_dns *dns, const struct bl_addr *addr, uint16_t port,
			 struct bl_dns_server_config *config)
{
	char text[BL_ADDR_TEXT];

	if (is_own(dns, addr, port))
		bl_log(BL_LOG_WARNING, "dns: upstream '%s' port %u is this DNS itself; left out",
		       bl_addr_format(addr, text), port);
	else if (config->upstream_count < BL_DNS_UPSTREAMS_MAX)
		config->upstreams[config->upstream_count++] =
			(struct bl_dns_endpoint){.addr = *addr, .port = port};
}

static void read_upstreams(const struct bl_agent_dns *dns, struct bl_dns_server_config *config)
{
	_cleanup_(bl_buf_done) struct bl_buf text = {0};
	_cleanup_(bl_arena_free) struct bl_arena *arena = NULL;
	struct bl_resolv_conf conf = {0};
	struct bl_addr addr;

	if (bl_buf_read_file(&text, RESOLV_CONF, RESOLV_CONF_MAX) < 0 || !text.data ||
	    bl_arena_new(&arena) < 0 || bl_resolv_conf_parse(text.data, arena, &conf) < 0)
		return;
	for (size_t i = 0; i < conf.server_count; i++)
		if (bl_addr_parse_lenient(conf.servers[i], &addr) == 0)
			add_upstream(dns, &addr, 53, config);
}

static struct bl_dns_server_config *make_config(struct bl_agent_dns *dns)
{
	struct bl_dns_server_config *config = calloc(1, sizeof(*config));

	if (!config)
		return NULL;
	config->zone = &dns->zone;
	config->mark = dns->deps.mark;
	config->rate = RATE;
	memcpy(config->listen, dns->listen, sizeof(config->listen));
	config->listen_count = dns->listen_count;
	for (size_t i = 0; i < dns->config.upstream_count; i++)
		add_upstream(dns, &dns->config.upstreams[i].addr,
			     dns->config.upstreams[i].port ? dns->config.upstreams[i].port : 53,
			     config);
	if (!dns->config.upstream_count)
		read_upstreams(dns, config);
	memcpy(config->allow, dns->config.allow, sizeof(config->allow));
	config->allow_count = dns->config.allow_count;
	return config;
}

static int start_server(struct bl_agent_dns *dns, struct bl_err *err)
{
	_cleanup_free_ struct bl_dns_server_config *config = make_config(dns);

	dns->server = bl_dns_server_free(dns->server);
	return config ? bl_dns_server_new(config, &dns->server, err)
		      : bl_err_set(err, -ENOMEM, "no memory for the DNS server");
}

/* --- the Service --- */

static int put_service(struct bl_agent_dns *dns, struct bl_err *err)
{
	_cleanup_(bl_object_unref) struct bl_object *service = NULL;
	const struct bl_source_name name = {BL_KIND_SERVICE, BL_DNS_NAMESPACE, BL_DNS_SERVICE};
	int r;

	if (dns->deps.no_service ||
	    bl_store_find(dns->deps.store, BL_KIND_SERVICE, name.ns, name.name))
		return 0; /* ours, or the user's, which comes first */
	r = bl_dns_make_service(dns->deps.service_cidrs, dns->deps.service_cidr_count, &service);
	if (r < 0)
		return bl_err_set(err, r,
				  "the service range has no tenth address for "
				  "'" BL_DNS_NAMESPACE "/" BL_DNS_SERVICE "'");
	r = bl_allocate(dns->deps.allocator, (struct bl_service *)service, err);
	if (r < 0)
		return bl_err_wrap(err, r, "service '" BL_DNS_NAMESPACE "/" BL_DNS_SERVICE "'");
	r = bl_catalog_put_own(dns->deps.catalog, service);
	return r < 0 ? bl_err_set(err, r, "cannot make service '%s'", BL_DNS_SERVICE) : 0;
}

/* A Service that is the user's leads where the user says. */
static int put_slice(struct bl_agent_dns *dns, uint8_t family, bool is_wanted)
{
	const struct bl_source_name name = {BL_KIND_ENDPOINT_SLICE, BL_DNS_NAMESPACE,
					    family == BL_FAMILY_IPV4 ? BL_DNS_SERVICE "-beeline-4"
								     : BL_DNS_SERVICE "-beeline-6"};
	_cleanup_(bl_object_unref) struct bl_object *slice = NULL;
	int r = is_wanted ? bl_dns_make_slice(family, dns->listen, dns->listen_count, &slice)
			  : -ENOENT;

	if (r == -ENOENT) {
		bl_catalog_remove_own(dns->deps.catalog, &name);
		return 0;
	}
	return r < 0 ? r : bl_catalog_put_own(dns->deps.catalog, slice);
}

static int put_objects(struct bl_agent_dns *dns, struct bl_err *err)
{
	const struct bl_source_name name = {BL_KIND_SERVICE, BL_DNS_NAMESPACE, BL_DNS_SERVICE};
	int r = put_service(dns, err);
	bool is_own;

	if (r < 0)
		return r;
	is_own = bl_catalog_is_own(dns->deps.catalog, &name);
	if (put_slice(dns, BL_FAMILY_IPV4, is_own) < 0 ||
	    put_slice(dns, BL_FAMILY_IPV6, is_own) < 0)
		return bl_err_set(err, -ENOMEM, "no memory for the endpoints of the DNS");
	return 0;
}

/* With a new server where the listeners changed. */
static void try_start(struct bl_agent_dns *dns, bool anew)
{
	struct bl_err err = {0};
	int r = 0;

	find_listen(dns);
	if (anew || !dns->server)
		r = start_server(dns, &err);
	if (r == 0)
		r = put_objects(dns, &err);
	if (r == 0) {
		bl_problems_clear(dns->deps.problems, SUBJECT);
		return;
	}
	bl_problems_set(dns->deps.problems, SUBJECT, BL_SEVERITY_ERROR, "%s", err.text);
	retry_later(dns);
}

static int on_retry(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct bl_agent_dns *dns = userdata;

	(void)usec;
	if (!bl_dirty_is_empty(&dns->dirty))
		(void)on_flush(source, dns);
	try_start(dns, false);
	return 0;
}

void bl_agent_dns_begin(struct bl_agent_dns *dns)
{
	if (dns->begun)
		return;
	dns->begun = true;
	if (bl_dns_zone_fill(&dns->zone, dns->deps.store, bl_node_watch_facts(dns->deps.node)) <
		    0 ||
	    put_clients(dns) < 0 || bl_dns_zone_publish(&dns->zone) < 0) {
		bl_problems_set(dns->deps.problems, SUBJECT, BL_SEVERITY_ERROR,
				"no memory for the DNS zone; there is no DNS");
		return;
	}
	try_start(dns, true);
}

void bl_agent_dns_follow_node(struct bl_agent_dns *dns)
{
	struct bl_dns_endpoint before[BL_DNS_LISTEN_MAX];

	if (!dns->begun)
		return;
	if (put_clients(dns) < 0)
		bl_log(BL_LOG_ERROR, "dns: no memory for the addresses of this node");
	(void)sd_event_source_set_enabled(dns->flush, SD_EVENT_ONESHOT);
	memcpy(before, dns->listen, sizeof(before));
	find_listen(dns);
	if (!dns->server || memcmp(before, dns->listen, sizeof(before)) != 0)
		try_start(dns, true);
}

static int make(struct bl_agent_dns *dns, struct bl_err *err)
{
	const struct bl_agent_dns_deps *deps = &dns->deps;
	struct bl_dns_zone_config zone = {
		.domain = dns->config.domain,
		.owned = deps->service_cidrs,
		.owned_count = deps->service_cidr_count,
		.serial = (uint32_t)time(NULL),
		.node_name = bl_node_watch_facts(deps->node)->name,
	};
	int r = bl_dns_zone_init(&dns->zone, &zone, err);

	if (r < 0)
		return r;
	r = bl_dirty_init(&dns->dirty);
	if (r >= 0)
		r = bl_store_watch_add(deps->store, on_event, dns, &dns->watch);
	if (r >= 0)
		r = sd_event_add_defer(deps->loop, &dns->flush, on_flush, dns);
	if (r >= 0)
		r = sd_event_source_set_enabled(dns->flush, SD_EVENT_OFF);
	if (r >= 0)
		r = sd_event_add_time_relative(deps->loop, &dns->retry, CLOCK_MONOTONIC, 0, 0,
					       on_retry, dns);
	if (r >= 0)
		r = sd_event_source_set_enabled(dns->retry, SD_EVENT_OFF);
	return r < 0 ? bl_err_set(err, r, "cannot make the DNS: %s", strerror(-r)) : 0;
}

int bl_agent_dns_new(const struct bl_agent_dns_config *config, const struct bl_agent_dns_deps *deps,
		     struct bl_agent_dns **ret, struct bl_err *err)
{
	struct bl_agent_dns *dns = calloc(1, sizeof(*dns));
	int r;

	if (!dns)
		return bl_err_set(err, -ENOMEM, "no memory for the DNS");
	dns->config = *config;
	dns->deps = *deps;
	r = make(dns, err);
	if (r < 0) {
		(void)bl_agent_dns_free(dns);
		return r;
	}
	*ret = dns;
	return 0;
}

struct bl_agent_dns *bl_agent_dns_free(struct bl_agent_dns *dns)
{
	if (!dns)
		return NULL;
	if (dns->watch)
		bl_store_watch_remove(dns->deps.store, dns->watch);
	sd_event_source_disable_unref(dns->flush);
	sd_event_source_disable_unref(dns->retry);
	bl_dns_server_free(dns->server);
	bl_dns_zone_done(&dns->zone);
	bl_dirty_done(&dns->dirty);
	free(dns->clients);
	free(dns);
	return NULL;
}
