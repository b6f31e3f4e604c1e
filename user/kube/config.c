/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "kube/config.h"

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
