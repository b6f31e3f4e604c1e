/* SPDX-License-Identifier: GPL-3.0-or-later */
/* kubeconfig files: one context, its cluster and its user. */
#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "kube/base64.h"
#include "kube/config.h"
#include "kube/yaml_fields.h"

#define FILE_MAX (4u << 20)
#define NAMES_SHOWN 8

/* Values */

/* A file's path is relative to the kubeconfig's folder. */
static char *resolve(const struct bl_kube_reading *reading, const char *path)
{
	char *whole = NULL;

	if (path[0] == '/')
		return strdup(path);
	return asprintf(&whole, "%s/%s", reading->folder, path) < 0 ? NULL : whole;
}

static void read_data(const struct bl_kube_map *map, const char *field, struct bl_kube_secret *ret)
{
	const char *text = bl_kube_word(map, field);
	_cleanup_(bl_buf_done) struct bl_buf plain = {0};

	if (!text)
		return;
	if (!bl_base64_decode(&plain, text, strlen(text)))
		bl_kube_complain(map, BL_SEVERITY_ERROR, field, "it is no base64");
	else if (!plain.data || !strstr(plain.data, "-----BEGIN "))
		bl_kube_complain(map, BL_SEVERITY_ERROR, field,
				 "expected PEM in base64, got no '-----BEGIN ' in it");
	else {
		ret->len = plain.len;
		ret->text = bl_buf_take(&plain);
	}
	if (plain.data)
		explicit_bzero(plain.data, plain.len);
}

static void read_path(const struct bl_kube_map *map, const char *field, struct bl_kube_secret *ret)
{
	const char *path = bl_kube_word(map, field);

	if (!path)
		return;
	ret->file = resolve(map->reading, path);
	if (ret->file && access(ret->file, R_OK) < 0)
		bl_kube_complain(map, BL_SEVERITY_ERROR, field, "cannot read '%s': %s", ret->file,
				 strerror(errno));
}

/* "certificate-authority-data", or the file that "certificate-authority" names. */
static void read_pem(const struct bl_kube_map *map, const char *field, const char *data_field,
		     struct bl_kube_secret *ret)
{
	if (bl_kube_has(map, data_field))
		read_data(map, data_field, ret);
	else
		read_path(map, field, ret);
}

static bool is_given(const struct bl_kube_secret *secret)
{
	return secret->text || secret->file;
}

/* Clusters */

static void read_exec_extension(const struct bl_kube_map *map, struct bl_kube_exec *ret)
{
	const struct bl_tree *list = bl_kube_tree(map, "extensions", BL_TREE_LIST);

	for (size_t i = 0; list && i < list->count; i++) {
		const char *name = bl_tree_string(bl_tree_get(list->items[i], "name"));
		const struct bl_tree *value = bl_tree_get(list->items[i], "extension");
		struct bl_buf text = {0};

		if (!name || strcmp(name, "client.authentication.k8s.io/exec") != 0 || !value)
			continue;
		bl_tree_to_json_text(value, &text);
		free(ret->cluster_config);
		ret->cluster_config = bl_buf_take(&text);
	}
}

#define URL_SHOWN 200

/* As it is, but for a user and a password, which are nothing for a log. */
static const char *without_password(const char *url, char ret[static URL_SHOWN])
{
	const char *start = strstr(url, "://"), *end;

	start = start ? start + strlen("://") : url;
	end = strrchr(start, '@');
	(void)snprintf(ret, URL_SHOWN, "%.*s%s%s", (int)(end ? start - url : 0), url,
		       end ? "***" : "", end ? end : url);
	return ret;
}

static void read_cluster(const struct bl_kube_map *map, struct bl_kube_config *ret)
{
	char shown[URL_SHOWN];
	const char *server = bl_kube_word(map, "server");
	struct bl_err err = {0};

	if (!server)
		bl_kube_complain(map, BL_SEVERITY_ERROR, "server",
				 "it needs a 'server', such as https://10.0.0.1:6443");
	else if (bl_kube_config_set_server(ret, server, &err) < 0)
		bl_kube_complain(map, BL_SEVERITY_ERROR, "server", "%s", err.text);
	ret->tls_server_name = bl_kube_string(map, "tls-server-name");
	ret->proxy_url = bl_kube_string(map, "proxy-url");
	ret->insecure_skip_tls_verify = bl_kube_flag(map, "insecure-skip-tls-verify");
	read_pem(map, "certificate-authority", "certificate-authority-data", &ret->ca);
	if (ret->insecure_skip_tls_verify && is_given(&ret->ca))
		bl_kube_complain(map, BL_SEVERITY_ERROR, "insecure-skip-tls-verify",
				 "a certificate authority is given, which would not be used; "
				 "drop one of them");
	else if (ret->insecure_skip_tls_verify)
		bl_kube_complain(map, BL_SEVERITY_WARNING, "insecure-skip-tls-verify",
				 "anybody can pass for this server");
	if (ret->proxy_url && strncmp(ret->proxy_url, "http://", 7) != 0 &&
	    strncmp(ret->proxy_url, "https://", 8) != 0 &&
	    strncmp(ret->proxy_url, "socks5://", 9) != 0)
		bl_kube_complain(map, BL_SEVERITY_ERROR, "proxy-url",
				 "expected a URL of http, https or socks5, got '%s'",
				 without_password(ret->proxy_url, shown));
	read_exec_extension(map, &ret->exec);
}

/* Plugins */

static void read_args(const struct bl_kube_map *map, struct bl_kube_exec *ret)
{
	const struct bl_tree *list = bl_kube_tree(map, "args", BL_TREE_LIST);

	if (!list)
		return;
	ret->args = calloc(list->count + 1, sizeof(*ret->args));
	for (size_t i = 0; ret->args && i < list->count; i++) {
		const char *text = bl_tree_string(list->items[i]);

		if (!text) {
			bl_kube_complain(map, BL_SEVERITY_ERROR, "args",
					 "argument %zu: expected a string; put it in quotes",
					 i + 1);
			return;
		}
		ret->args[i] = strdup(text);
	}
}

static void read_env(const struct bl_kube_map *map, struct bl_kube_exec *ret)
{
	const struct bl_tree *list = bl_kube_tree(map, "env", BL_TREE_LIST);

	if (!list)
		return;
	ret->env = calloc(list->count + 1, sizeof(*ret->env));
	for (size_t i = 0; ret->env && i < list->count; i++) {
		const char *name = bl_tree_string(bl_tree_get(list->items[i], "name"));
		const char *value = bl_tree_string(bl_tree_get(list->items[i], "value"));

		if (!name || !*name || strchr(name, '=') || !value) {
			bl_kube_complain(map, BL_SEVERITY_ERROR, "env",
					 "variable %zu: expected a 'name' and a 'value', both "
					 "strings",
					 i + 1);
			return;
		}
		ret->env[i].name = strdup(name);
		ret->env[i].value = strdup(value);
		ret->env_count++;
	}
}

static void check_interactive(const struct bl_kube_map *map, const char *version)
{
	const char *mode = bl_kube_word(map, "interactiveMode");

	if (!mode && version && !strcmp(version, "client.authentication.k8s.io/v1"))
		bl_kube_complain(map, BL_SEVERITY_ERROR, "interactiveMode",
				 "it needs 'interactiveMode' with this apiVersion: Never or "
				 "IfAvailable");
	else if (mode && !strcmp(mode, "Always"))
		bl_kube_complain(map, BL_SEVERITY_ERROR, "interactiveMode",
				 "an agent has no terminal; expected Never or IfAvailable");
	else if (mode && strcmp(mode, "Never") != 0 && strcmp(mode, "IfAvailable") != 0)
		bl_kube_complain(map, BL_SEVERITY_ERROR, "interactiveMode",
				 "expected Never, IfAvailable or Always, got '%s'", mode);
}

static void read_exec(const struct bl_kube_map *map, struct bl_kube_exec *ret)
{
	const char *version = bl_kube_word(map, "apiVersion");
	const char *command = bl_kube_word(map, "command");

	if (!command)
		bl_kube_complain(map, BL_SEVERITY_ERROR, "command", "it needs a 'command'");
	else
		ret->command =
			strchr(command, '/') ? resolve(map->reading, command) : strdup(command);
	if (!version)
		bl_kube_complain(map, BL_SEVERITY_ERROR, "apiVersion",
				 "it needs an 'apiVersion': client.authentication.k8s.io/v1 or "
				 "/v1beta1");
	else if (strcmp(version, "client.authentication.k8s.io/v1") != 0 &&
		 strcmp(version, "client.authentication.k8s.io/v1beta1") != 0)
		bl_kube_complain(map, BL_SEVERITY_ERROR, "apiVersion",
				 "expected client.authentication.k8s.io/v1 or /v1beta1, got '%s'",
				 version);
	ret->api_version = version ? strdup(version) : NULL;
	ret->install_hint = bl_kube_string(map, "installHint");
	ret->provide_cluster_info = bl_kube_flag(map, "provideClusterInfo");
	read_args(map, ret);
	read_env(map, ret);
	check_interactive(map, version);
}

/* Users */

static void refuse_unsupported(const struct bl_kube_map *map)
{
	static const struct {
		const char *field;
		const char *words;
	} rows[] = {
		{"username", "a user name and password are not supported, nor are they by API "
			     "servers since Kubernetes 1.19; use a token or a certificate"},
		{"password", "a user name and password are not supported, nor are they by API "
			     "servers since Kubernetes 1.19; use a token or a certificate"},
		{"auth-provider",
		 "it is not supported, nor is it by kubectl since 1.26; use 'exec'"},
		{"as", "to act as somebody else is not supported"},
		{"as-uid", "to act as somebody else is not supported"},
		{"as-groups", "to act as somebody else is not supported"},
		{"as-user-extra", "to act as somebody else is not supported"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (bl_kube_has(map, rows[i].field))
			bl_kube_complain(map, BL_SEVERITY_ERROR, rows[i].field, "%s",
					 rows[i].words);
}

static void read_token(const struct bl_kube_map *map, struct bl_kube_config *ret)
{
	const char *token = bl_kube_word(map, "token");

	if (bl_kube_has(map, "tokenFile")) { /* the file counts when both are there */
		read_path(map, "tokenFile", &ret->token);
		return;
	}
	for (const char *at = token; at && *at; at++) {
		if ((unsigned char)*at > ' ' && (unsigned char)*at < 0x7f)
			continue;
		bl_kube_complain(map, BL_SEVERITY_ERROR, "token",
				 "expected one word, got white space or other bytes in it");
		return;
	}
	if (token) {
		ret->token.text = strdup(token);
		ret->token.len = strlen(token);
	}
}

static void read_user(const struct bl_kube_map *map, struct bl_kube_config *ret)
{
	struct bl_kube_map exec = *map;
	char name[256];

	refuse_unsupported(map);
	read_pem(map, "client-certificate", "client-certificate-data", &ret->client_certificate);
	read_pem(map, "client-key", "client-key-data", &ret->client_key);
	if (is_given(&ret->client_certificate) != is_given(&ret->client_key) &&
	    !map->reading->diag->error_count)
		bl_kube_complain(map, BL_SEVERITY_ERROR, NULL,
				 "a client certificate needs its key, and a key its certificate");
	read_token(map, ret);
	exec.tree = bl_kube_tree(map, "exec", BL_TREE_MAP);
	if (!exec.tree)
		return;
	if (is_given(&ret->token)) {
		bl_kube_complain(map, BL_SEVERITY_WARNING, "exec",
				 "it is not used, since there is a token");
		return;
	}
	(void)snprintf(name, sizeof(name), "%s: exec", map->name);
	exec.name = name;
	read_exec(&exec, &ret->exec);
}

/* The file */

/* "'a', 'b' and 3 more" */
static void list_names(const struct bl_tree *list, struct bl_buf *ret)
{
	size_t shown = 0;

	for (size_t i = 0; list && i < list->count; i++) {
		const char *name = bl_tree_string(bl_tree_get(list->items[i], "name"));

		if (!name)
			continue;
		if (shown++ < NAMES_SHOWN)
			bl_buf_addf(ret, "%s'%s'", shown > 1 ? ", " : "", name);
	}
	if (shown > NAMES_SHOWN)
		bl_buf_addf(ret, " and %zu more", shown - NAMES_SHOWN);
	if (!shown)
		bl_buf_add_str(ret, "none");
}

/* What `contexts`, `clusters` or `users` has under a name. False: nothing, as was said at
 * `from.field`, which names it. */
static bool find_named(const struct bl_kube_map *root, const char *list_field, const char *singular,
		       const char *name, const struct bl_kube_map *from, const char *field,
		       struct bl_kube_map *ret)
{
	const struct bl_tree *list = bl_kube_tree(root, list_field, BL_TREE_LIST);
	_cleanup_(bl_buf_done) struct bl_buf names = {0};

	for (size_t i = 0; list && i < list->count; i++) {
		const char *found = bl_tree_string(bl_tree_get(list->items[i], "name"));
		struct bl_kube_map item = {.reading = root->reading, .tree = list->items[i]};

		if (!found || strcmp(found, name) != 0)
			continue;
		item.name = ret->name;
		*ret = item;
		ret->tree = bl_kube_tree(&item, singular, BL_TREE_MAP);
		if (!ret->tree) /* "user: {}" is left out, or null */
			ret->tree = item.tree;
		return true;
	}
	list_names(list, &names);
	bl_kube_complain(from, BL_SEVERITY_ERROR, field, "there is no %s '%s'; there are: %s",
			 singular, name, names.data ? names.data : "");
	return false;
}

static void read_context(const struct bl_kube_map *root, const char *context,
			 struct bl_kube_config *ret)
{
	char context_name[256], cluster_name[256], user_name[256];
	struct bl_kube_map found = {.name = context_name}, cluster = {.name = cluster_name},
			   user = {.name = user_name};
	const char *name;

	(void)snprintf(context_name, sizeof(context_name), "context '%s'", context);
	if (!find_named(root, "contexts", "context", context, root, "current-context", &found))
		return;
	name = bl_kube_word(&found, "cluster");
	if (!name) {
		bl_kube_complain(&found, BL_SEVERITY_ERROR, "cluster", "it names no 'cluster'");
		return;
	}
	(void)snprintf(cluster_name, sizeof(cluster_name), "cluster '%s'", name);
	if (find_named(root, "clusters", "cluster", name, &found, "cluster", &cluster))
		read_cluster(&cluster, ret);
	name = bl_kube_word(&found, "user");
	if (!name)
		return;
	(void)snprintf(user_name, sizeof(user_name), "user '%s'", name);
	if (!find_named(root, "users", "user", name, &found, "user", &user))
		return;
	read_user(&user, ret);
	if (ret->server && !bl_kube_config_is_private(ret) &&
	    (is_given(&ret->token) || ret->exec.command))
		bl_kube_complain(&cluster, BL_SEVERITY_ERROR, "server",
				 "a token is not sent without TLS; expected a URL of https, got "
				 "'%s'",
				 ret->server);
}

struct job {
	struct bl_kube_reading reading;
	const char *context;
	struct bl_kube_config *ret;
	size_t documents;
};

static int read_root(struct bl_document *document, void *userdata)
{
	struct job *job = userdata;
	struct bl_kube_map root = {.reading = &job->reading, .tree = document->root, .name = ""};
	const char *kind, *context = job->context;

	if (job->documents++)
		return 0; /* kubectl reads the first alone, too */
	if (root.tree->type != BL_TREE_MAP) {
		bl_kube_complain(&root, BL_SEVERITY_ERROR, NULL,
				 "expected a mapping with 'clusters', 'users' and 'contexts'");
		return 0;
	}
	kind = bl_kube_word(&root, "kind");
	if (kind && strcmp(kind, "Config") != 0)
		bl_kube_complain(&root, BL_SEVERITY_ERROR, "kind",
				 "expected Config, got '%s': this is no kubeconfig", kind);
	if (!context)
		context = bl_kube_word(&root, "current-context");
	if (!context && !job->reading.diag->error_count)
		bl_kube_complain(&root, BL_SEVERITY_ERROR, "current-context",
				 "it names no 'current-context', and no other was asked for");
	if (context && !job->reading.diag->error_count)
		read_context(&root, context, job->ret);
	return 0;
}

static char *folder_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (!slash)
		return strdup(".");
	return slash == path ? strdup("/") : strndup(path, (size_t)(slash - path));
}

int bl_kube_config_parse(const char *path, const char *text, size_t len, const char *context,
			 struct bl_kube_config *ret, struct bl_diag *diag)
{
	_cleanup_(bl_kube_config_done) struct bl_kube_config config = {0};
	_cleanup_free_ char *folder = folder_of(path);
	struct bl_document piece = {.file = path, .text = text, .len = len, .line = 1, .column = 1};
	struct bl_tree_budget budget = {.depth = 64, .aliases = 1000, .nodes = 100000};
	struct job job = {
		.reading = {.path = path, .folder = folder, .diag = diag},
		.context = context,
		.ret = &config,
	};
	size_t errors = diag->error_count;
	struct bl_pos pos = {.file = path};
	int r;

	if (!folder || asprintf(&config.origin, "kubeconfig '%s'", path) < 0)
		return -ENOMEM;
	r = bl_tree_read_yaml(&piece, &budget, diag, read_root, &job);
	if (r == 0 && !job.documents && diag->error_count == errors)
		bl_diag_add(diag, BL_SEVERITY_ERROR, &pos, NULL, "the file is empty");
	if (r < 0 || diag->error_count != errors)
		return r < 0 ? r : -EINVAL;
	*ret = config;
	memset(&config, 0, sizeof(config));
	return 0;
}

int bl_kube_config_read(const char *path, const char *context, struct bl_kube_config *ret,
			struct bl_diag *diag)
{
	_cleanup_(bl_buf_done) struct bl_buf text = {0};
	struct bl_pos pos = {.file = path};
	int r = bl_buf_read_file(&text, path, FILE_MAX);

	if (r < 0) {
		bl_diag_add(diag, BL_SEVERITY_ERROR, &pos, NULL, "cannot read the kubeconfig: %s",
			    strerror(-r));
		return r;
	}
	r = bl_kube_config_parse(path, text.data ? text.data : "", text.len, context, ret, diag);
	if (text.data)
		explicit_bzero(text.data, text.len); /* tokens and keys */
	return r;
}
