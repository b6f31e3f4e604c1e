/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "kube/exec.h"

#include <errno.h>
#include <json-c/json.h>
#include <string.h>

#include "base/buf.h"
#include "kube/base64.h"
#include "loop/child.h"
#include "model/decode.h"

#define OUTPUT_MAX (256u * 1024u)

struct bl_kube_exec_run {
	struct bl_child *child;
	char *command;
	char *api_version;
	uint64_t timeout_ms;
	bl_kube_exec_done_fn *done;
	void *userdata;
};

/* The answer */

static int read_string(struct json_object *status, const char *name, const char **ret,
		       struct bl_err *err)
{
	struct json_object *value;

	*ret = NULL;
	if (!json_object_object_get_ex(status, name, &value) || !value)
		return 0;
	if (!json_object_is_type(value, json_type_string))
		return bl_err_set(err, -EINVAL, "'status.%s': expected a string", name);
	if (json_object_get_string_len(value) == 0)
		return 0;
	if (strlen(json_object_get_string(value)) != (size_t)json_object_get_string_len(value))
		return bl_err_set(err, -EINVAL, "'status.%s' has a zero byte", name);
	*ret = json_object_get_string(value);
	return 0;
}

static bool is_word(struct json_object *tree, const char *name, const char *word)
{
	struct json_object *value;

	return json_object_object_get_ex(tree, name, &value) &&
	       json_object_is_type(value, json_type_string) &&
	       !strcmp(json_object_get_string(value), word);
}

static int read_status(struct json_object *status, struct bl_kube_exec_answer *ret,
		       struct bl_err *err)
{
	const char *expires = NULL;
	int r = read_string(status, "token", &ret->token, err);

	if (r == 0)
		r = read_string(status, "clientCertificateData", &ret->certificate, err);
	if (r == 0)
		r = read_string(status, "clientKeyData", &ret->key, err);
	if (r == 0)
		r = read_string(status, "expirationTimestamp", &expires, err);
	if (r < 0)
		return r;
	if (!ret->certificate != !ret->key)
		return bl_err_set(err, -EINVAL,
				  "it gave '%s' without '%s': both or neither is needed",
				  ret->key ? "clientKeyData" : "clientCertificateData",
				  ret->key ? "clientCertificateData" : "clientKeyData");
	if (!ret->token && !ret->certificate)
		return bl_err_set(err, -EINVAL, "it gave neither a token nor a client certificate");
	ret->expires = INT64_MAX;
	if (expires && bl_time_parse(expires, &ret->expires) < 0)
		return bl_err_set(err, -EINVAL,
				  "'status.expirationTimestamp': expected a time such as "
				  "2030-01-02T15:04:05Z, got '%s'",
				  expires);
	return 0;
}

int bl_kube_exec_parse(const char *text, size_t len, const char *api_version,
		       struct json_object **ret_tree, struct bl_kube_exec_answer *ret,
		       struct bl_err *err)
{
	struct bl_kube_exec_answer answer = {0};
	struct json_tokener *tokener = json_tokener_new();
	struct json_object *tree, *status;
	int r;

	if (!tokener)
		return bl_err_set(err, -ENOMEM, "no memory");
	tree = len <= OUTPUT_MAX ? json_tokener_parse_ex(tokener, text, (int)len) : NULL;
	json_tokener_free(tokener);
	if (!json_object_is_type(tree, json_type_object))
		r = bl_err_set(err, -EINVAL, "it printed no JSON object");
	else if (!is_word(tree, "kind", "ExecCredential"))
		r = bl_err_set(err, -EINVAL, "what it printed is no ExecCredential");
	else if (!is_word(tree, "apiVersion", api_version))
		r = bl_err_set(err, -EINVAL,
			       "its answer is of another apiVersion than '%s', which the "
			       "kubeconfig asks for",
			       api_version);
	else if (!json_object_object_get_ex(tree, "status", &status) ||
		 !json_object_is_type(status, json_type_object))
		r = bl_err_set(err, -EINVAL, "its answer has no 'status'");
	else
		r = read_status(status, &answer, err);
	if (r < 0) {
		(void)json_object_put(tree);
		return r;
	}
	*ret_tree = tree;
	*ret = answer;
	return 0;
}

/* The question */

static int add_string(struct json_object *object, const char *name, const char *text, size_t len)
{
	struct json_object *value = json_object_new_string_len(text, (int)len);

	if (value && json_object_object_add(object, name, value) == 0)
		return 0;
	(void)json_object_put(value);
	return -ENOMEM;
}

static int add_cluster(struct json_object *spec, const struct bl_kube_config *config)
{
	struct json_object *cluster = json_object_new_object();
	_cleanup_(bl_buf_done) struct bl_buf ca = {0};
	struct json_object *more;
	int r;

	if (!cluster || json_object_object_add(spec, "cluster", cluster) < 0) {
		(void)json_object_put(cluster);
		return -ENOMEM;
	}
	r = add_string(cluster, "server", config->server, strlen(config->server));
	if (r == 0 && config->tls_server_name)
		r = add_string(cluster, "tls-server-name", config->tls_server_name,
			       strlen(config->tls_server_name));
	if (r == 0 && config->insecure_skip_tls_verify)
		r = json_object_object_add(cluster, "insecure-skip-tls-verify",
					   json_object_new_boolean(1));
	if (r == 0 && config->proxy_url)
		r = add_string(cluster, "proxy-url", config->proxy_url, strlen(config->proxy_url));
	if (r == 0 && config->ca.text) {
		bl_base64_encode(&ca, config->ca.text, config->ca.len);
	} else if (r == 0 && config->ca.file) {
		_cleanup_(bl_buf_done) struct bl_buf file = {0};

		if (bl_buf_read_file(&file, config->ca.file, OUTPUT_MAX) == 0 && file.len)
			bl_base64_encode(&ca, file.data, file.len);
	}
	if (r == 0 && ca.len)
		r = add_string(cluster, "certificate-authority-data", ca.data, ca.len);
	if (r == 0 && config->exec.cluster_config) {
		more = json_tokener_parse(config->exec.cluster_config);
		r = json_object_object_add(cluster, "config", more);
	}
	return r;
}

/* "KUBERNETES_EXEC_INFO={...}" */
static char *make_info(const struct bl_kube_config *config)
{
	const struct bl_kube_exec *exec = &config->exec;
	struct json_object *info = json_object_new_object(), *spec = json_object_new_object();
	_cleanup_(bl_buf_done) struct bl_buf line = {0};
	int r;

	r = !info || !spec ? -ENOMEM : add_string(info, "kind", "ExecCredential", 14);
	if (r == 0)
		r = add_string(info, "apiVersion", exec->api_version, strlen(exec->api_version));
	if (r == 0)
		r = json_object_object_add(info, "spec", json_object_get(spec));
	if (r == 0 && exec->provide_cluster_info)
		r = add_cluster(spec, config);
	if (r == 0)
		r = json_object_object_add(spec, "interactive", json_object_new_boolean(0));
	if (r == 0)
		bl_buf_addf(&line, "KUBERNETES_EXEC_INFO=%s",
			    json_object_to_json_string_ext(
				    info, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
	(void)json_object_put(spec);
	(void)json_object_put(info);
	return r == 0 ? bl_buf_take(&line) : NULL;
}

static void free_strings(char ***strings)
{
	for (char **at = *strings; at && *at; at++)
		free(*at);
	free(*strings);
}

static bool is_replaced(const char *entry, const struct bl_kube_exec *exec)
{
	size_t len = strcspn(entry, "=");

	if (len == strlen("KUBERNETES_EXEC_INFO") && !strncmp(entry, "KUBERNETES_EXEC_INFO", len))
		return true;
	for (size_t i = 0; i < exec->env_count; i++)
		if (strlen(exec->env[i].name) == len && !strncmp(entry, exec->env[i].name, len))
			return true;
	return false;
}

/* Our own environment, what the kubeconfig says on top, and the question. */
static char **make_env(const struct bl_kube_config *config)
{
	const struct bl_kube_exec *exec = &config->exec;
	__attribute__((cleanup(free_strings))) char **env = NULL;
	size_t count = 0, used = 0;

	while (environ && environ[count])
		count++;
	env = calloc(count + exec->env_count + 2, sizeof(*env));
	if (!env)
		return NULL;
	for (size_t i = 0; i < count; i++) {
		if (is_replaced(environ[i], exec))
			continue;
		env[used] = strdup(environ[i]);
		if (!env[used++])
			return NULL;
	}
	for (size_t i = 0; i < exec->env_count; i++) {
		struct bl_buf line = {0};

		bl_buf_addf(&line, "%s=%s", exec->env[i].name, exec->env[i].value);
		env[used] = bl_buf_take(&line);
		if (!env[used++])
			return NULL;
	}
	env[used] = make_info(config);
	return env[used] ? TAKE_PTR(env) : NULL;
}

/* The run */

struct bl_kube_exec_run *bl_kube_exec_cancel(struct bl_kube_exec_run *run)
{
	if (!run)
		return NULL;
	(void)bl_child_cancel(run->child);
	free(run->command);
	free(run->api_version);
	free(run);
	return NULL;
}

static int judge(const struct bl_kube_exec_run *run, const struct bl_child_end *end,
		 struct json_object **ret_tree, struct bl_kube_exec_answer *ret, struct bl_err *err)
{
	const char *colon = end->complaint[0] ? ": " : "";

	if (end->timed_out)
		return bl_err_set(err, -ETIMEDOUT, "it was not done within %g s and was killed%s%s",
				  (double)run->timeout_ms / 1000, colon, end->complaint);
	if (end->too_much)
		return bl_err_set(err, -EFBIG, "it printed more than %u bytes", OUTPUT_MAX);
	if (end->signal)
		return bl_err_set(err, -EIO, "it was killed by signal %d%s%s", end->signal, colon,
				  end->complaint);
	if (end->status)
		return bl_err_set(err, -EIO, "it ended with status %d%s%s", end->status, colon,
				  end->complaint);
	return bl_kube_exec_parse(end->output, end->output_len, run->api_version, ret_tree, ret,
				  err);
}

static void on_end(const struct bl_child_end *end, void *userdata)
{
	struct bl_kube_exec_run *run = userdata;
	struct bl_kube_exec_answer answer;
	struct json_object *tree = NULL;
	struct bl_err err = {0};
	int r = judge(run, end, &tree, &answer, &err);

	run->child = NULL;
	if (r < 0)
		(void)bl_err_wrap(&err, r, "credential plugin '%s'", run->command);
	run->done(r < 0 ? NULL : &answer, &err, run->userdata);
	(void)json_object_put(tree);
	(void)bl_kube_exec_cancel(run);
}

static char **make_argv(const struct bl_kube_exec *exec)
{
	size_t count = 0;
	char **argv;

	while (exec->args && exec->args[count])
		count++;
	argv = calloc(count + 2, sizeof(*argv));
	if (!argv)
		return NULL;
	argv[0] = exec->command;
	for (size_t i = 0; i < count; i++)
		argv[i + 1] = exec->args[i];
	return argv;
}

static void cancel_run(struct bl_kube_exec_run **run)
{
	(void)bl_kube_exec_cancel(*run);
}

int bl_kube_exec_start(sd_event *loop, const struct bl_kube_config *config,
		       bl_kube_exec_done_fn *done, void *userdata, struct bl_kube_exec_run **ret,
		       struct bl_err *err)
{
	const struct bl_kube_exec *exec = &config->exec;
	__attribute__((cleanup(cancel_run))) struct bl_kube_exec_run *run = calloc(1, sizeof(*run));
	__attribute__((cleanup(free_strings))) char **env = make_env(config);
	_cleanup_free_ char **argv = make_argv(exec);
	struct bl_child_spec spec = {
		.program = exec->command,
		.argv = argv,
		.env = env,
		.output_max = OUTPUT_MAX,
		.timeout_ms = exec->timeout_ms ? exec->timeout_ms : BL_KUBE_EXEC_TIMEOUT_MS,
	};
	int r;

	if (!run || !env || !argv)
		return bl_err_set(err, -ENOMEM, "no memory for a credential plugin");
	run->done = done;
	run->timeout_ms = spec.timeout_ms;
	run->userdata = userdata;
	run->command = strdup(exec->command);
	run->api_version = strdup(exec->api_version);
	if (!run->command || !run->api_version)
		return bl_err_set(err, -ENOMEM, "no memory for a credential plugin");
	r = bl_child_start(loop, &spec, on_end, run, &run->child, err);
	if (r < 0) {
		(void)bl_err_wrap(err, r, "credential plugin");
		if (r == -ENOENT && exec->install_hint)
			return bl_err_set(err, r, "credential plugin '%s' is not there: %s",
					  exec->command, exec->install_hint);
		return r;
	}
	*ret = TAKE_PTR(run);
	return 0;
}
