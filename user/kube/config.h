/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How to reach a Kubernetes API server and what to show it: what a context of a kubeconfig file, or
 * a pod's service account, says. Data alone; files named here are read by who uses them (auth.h),
 * again and again, since certificates and tokens are replaced while the agent runs.
 */
#ifndef KUBE_CONFIG_H
#define KUBE_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/err.h"

/* Text that is given, or in a file that may be replaced; neither: there is none. */
struct bl_kube_secret {
	char *text; /* owned */
	size_t len;
	char *file; /* owned; used when there is no text */
};

struct bl_kube_env {
	char *name;
	char *value;
};

/* A program that prints credentials: KEP-541, client.authentication.k8s.io. */
struct bl_kube_exec {
	char *command; /* NULL: no program. With a slash in it a path, else looked for in PATH */
	char **args;   /* ends with NULL; may be NULL */
	struct bl_kube_env *env;
	size_t env_count;
	char *api_version;  /* "client.authentication.k8s.io/v1" or "/v1beta1" */
	char *install_hint; /* may be NULL */
	bool provide_cluster_info;
	uint64_t timeout_ms;  /* 0: 60 s */
	char *cluster_config; /* JSON of the extension for plugins; may be NULL */
};

struct bl_kube_config {
	char *origin;          /* for messages: "kubeconfig '/etc/kubernetes/admin.conf'" */
	char *server;          /* "https://10.0.0.1:6443", without a slash at the end */
	char *tls_server_name; /* NULL: the server's own name */
	char *proxy_url;       /* NULL: none */
	bool insecure_skip_tls_verify;
	struct bl_kube_secret ca; /* none: the certificates that the system trusts */
	struct bl_kube_secret client_certificate;
	struct bl_kube_secret client_key;
	struct bl_kube_secret token;
	struct bl_kube_exec exec;
	uint32_t mark; /* SO_MARK of every socket; 0: none */
};

void bl_kube_config_done(struct bl_kube_config *config);
static inline void bl_kube_config_done_p(struct bl_kube_config *config)
{
	bl_kube_config_done(config);
}

/* A deep copy. -ENOMEM. */
int bl_kube_config_copy(const struct bl_kube_config *config, struct bl_kube_config *ret);

/*
 * The current context of a kubeconfig file, or the one named. Paths in it are relative to its
 * folder. Problems go to `diag` with file, line and column; those of parts that another context
 * uses are not looked for. Warnings say what is there and not supported.
 */
int bl_kube_config_read(const char *path, const char *context, struct bl_kube_config *ret,
			struct bl_diag *diag);
int bl_kube_config_parse(const char *path, const char *text, size_t len, const char *context,
			 struct bl_kube_config *ret, struct bl_diag *diag);

/*
 * Of a pod: its service account's token and CA below `root` (NULL: the usual folder), and the
 * server of KUBERNETES_SERVICE_HOST and _PORT. That server is a virtual address which the agent
 * itself may have to serve, so `server` ("https://10.0.0.1:6443") should be given.
 */
int bl_kube_config_in_cluster(const char *server, const char *root, struct bl_kube_config *ret,
			      struct bl_err *err);
/* Another server than the configuration says. -EINVAL: it is no http or https URL. */
int bl_kube_config_set_server(struct bl_kube_config *config, const char *server,
			      struct bl_err *err);
/* What is sent stays between us and the server: TLS, or this machine. */
bool bl_kube_config_is_private(const struct bl_kube_config *config);

#endif
