/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "kube/config.h"

#include <errno.h>
#include <string.h>

static void secret_done(struct bl_kube_secret *secret)
{
	if (secret->text)
		explicit_bzero(secret->text, secret->len);
	free(secret->text);
	free(secret->file);
}

static void exec_done(struct bl_kube_exec *exec)
{
	for (size_t i = 0; exec->args && exec->args[i]; i++)
		free(exec->args[i]);
	for (size_t i = 0; i < exec->env_count; i++) {
		free(exec->env[i].name);
		free(exec->env[i].value);
	}
	free(exec->args);
	free(exec->env);
	free(exec->command);
	free(exec->api_version);
	free(exec->install_hint);
	free(exec->cluster_config);
}

void bl_kube_config_done(struct bl_kube_config *config)
{
	free(config->origin);
	free(config->server);
	free(config->tls_server_name);
	free(config->proxy_url);
	secret_done(&config->ca);
	secret_done(&config->client_certificate);
	secret_done(&config->client_key);
	secret_done(&config->token);
	exec_done(&config->exec);
	memset(config, 0, sizeof(*config));
}

/* Copying */

static int copy_text(const char *from, char **ret)
{
	*ret = from ? strdup(from) : NULL;
	return from && !*ret ? -ENOMEM : 0;
}

static int copy_secret(const struct bl_kube_secret *from, struct bl_kube_secret *ret)
{
	if (from->text) {
		ret->text = calloc(1, from->len + 1);
		if (!ret->text)
			return -ENOMEM;
		memcpy(ret->text, from->text, from->len);
		ret->len = from->len;
	}
	return copy_text(from->file, &ret->file);
}

static int copy_args(char *const *from, char ***ret)
{
	size_t count = 0;

	if (!from)
		return 0;
	while (from[count])
		count++;
	*ret = calloc(count + 1, sizeof(**ret));
	if (!*ret)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		if (copy_text(from[i], &(*ret)[i]) < 0)
			return -ENOMEM;
	return 0;
}

static int copy_env(const struct bl_kube_exec *from, struct bl_kube_exec *ret)
{
	int r = 0;

	ret->env = calloc(from->env_count + 1, sizeof(*ret->env));
	if (!ret->env)
		return -ENOMEM;
	for (size_t i = 0; r == 0 && i < from->env_count; i++) {
		ret->env_count++;
		r = copy_text(from->env[i].name, &ret->env[i].name);
		if (r == 0)
			r = copy_text(from->env[i].value, &ret->env[i].value);
	}
	return r;
}

static int copy_exec(const struct bl_kube_exec *from, struct bl_kube_exec *ret)
{
	int r = copy_text(from->command, &ret->command);

	ret->timeout_ms = from->timeout_ms;
	ret->provide_cluster_info = from->provide_cluster_info;
	if (r == 0)
		r = copy_text(from->api_version, &ret->api_version);
	if (r == 0)
		r = copy_text(from->install_hint, &ret->install_hint);
	if (r == 0)
		r = copy_text(from->cluster_config, &ret->cluster_config);
	if (r == 0)
		r = copy_args(from->args, &ret->args);
	return r < 0 ? r : copy_env(from, ret);
}

int bl_kube_config_copy(const struct bl_kube_config *config, struct bl_kube_config *ret)
{
	_cleanup_(bl_kube_config_done) struct bl_kube_config copy = {
		.insecure_skip_tls_verify = config->insecure_skip_tls_verify,
		.mark = config->mark,
	};
	int r = copy_text(config->origin, &copy.origin);

	if (r == 0)
		r = copy_text(config->server, &copy.server);
	if (r == 0)
		r = copy_text(config->tls_server_name, &copy.tls_server_name);
	if (r == 0)
		r = copy_text(config->proxy_url, &copy.proxy_url);
	if (r == 0)
		r = copy_secret(&config->ca, &copy.ca);
	if (r == 0)
		r = copy_secret(&config->client_certificate, &copy.client_certificate);
	if (r == 0)
		r = copy_secret(&config->client_key, &copy.client_key);
	if (r == 0)
		r = copy_secret(&config->token, &copy.token);
	if (r == 0)
		r = copy_exec(&config->exec, &copy.exec);
	if (r < 0)
		return r;
	*ret = copy;
	memset(&copy, 0, sizeof(copy));
	return 0;
}
