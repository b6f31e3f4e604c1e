/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where an API server is: its URL, and a pod's way to find it. */
#include <curl/curl.h>
#include <errno.h>
#include <string.h>

#include "base/addr.h"
#include "base/buf.h"
#include "kube/config.h"

#define ACCOUNT "/var/run/secrets/kubernetes.io/serviceaccount"

static bool has_part(CURLU *url, CURLUPart part)
{
	char *text = NULL;
	bool has = curl_url_get(url, part, &text, 0) == CURLUE_OK;

	curl_free(text);
	return has;
}

static bool has_scheme(CURLU *url, const char *scheme)
{
	char *text = NULL;
	bool is =
		curl_url_get(url, CURLUPART_SCHEME, &text, 0) == CURLUE_OK && !strcmp(text, scheme);

	curl_free(text);
	return is;
}

int bl_kube_config_set_server(struct bl_kube_config *config, const char *server, struct bl_err *err)
{
	CURLU *url = curl_url();
	size_t len = strlen(server);
	int r = 0;

	/* A password is nothing for a log, whatever else is wrong. */
	if (strchr(server, '@'))
		r = bl_err_set(err, -EINVAL, "a user or password in the URL is not supported");
	else if (!url || curl_url_set(url, CURLUPART_URL, server, 0) != CURLUE_OK ||
		 (!has_scheme(url, "https") && !has_scheme(url, "http")))
		r = bl_err_set(err, -EINVAL,
			       "expected a URL such as https://10.0.0.1:6443, got '%s'", server);
	else if (has_part(url, CURLUPART_QUERY) || has_part(url, CURLUPART_FRAGMENT))
		r = bl_err_set(err, -EINVAL, "expected a URL without a query, got '%s'", server);
	curl_url_cleanup(url);
	if (r < 0)
		return r;
	while (len && server[len - 1] == '/')
		len--;
	free(config->server);
	config->server = strndup(server, len);
	return config->server ? 0 : bl_err_set(err, -ENOMEM, "no memory");
}

bool bl_kube_config_is_private(const struct bl_kube_config *config)
{
	CURLU *url = curl_url();
	char *host = NULL;
	struct bl_addr address;
	bool is_private = false;

	if (url && curl_url_set(url, CURLUPART_URL, config->server, 0) == CURLUE_OK &&
	    curl_url_get(url, CURLUPART_HOST, &host, 0) == CURLUE_OK) {
		size_t len = strlen(host);

		if (host[0] == '[' && len > 2) { /* [::1] */
			host[len - 1] = '\0';
			memmove(host, host + 1, len - 1);
		}
		is_private = has_scheme(url, "https") || !strcmp(host, "localhost") ||
			     (bl_addr_parse(host, &address) == 0 && bl_addr_is_loopback(&address));
	}
	curl_free(host);
	curl_url_cleanup(url);
	return is_private;
}

static int find_server(struct bl_kube_config *config, struct bl_err *err)
{
	const char *host = getenv("KUBERNETES_SERVICE_HOST");
	const char *port = getenv("KUBERNETES_SERVICE_PORT");
	_cleanup_free_ char *url = NULL;

	if (!host || !*host || !port || !*port)
		return bl_err_set(err, -ENOENT,
				  "this is no pod: KUBERNETES_SERVICE_HOST and _PORT are not set");
	if (asprintf(&url, strchr(host, ':') ? "https://[%s]:%s" : "https://%s:%s", host, port) < 0)
		return bl_err_set(err, -ENOMEM, "no memory");
	return bl_kube_config_set_server(config, url, err);
}

int bl_kube_config_in_cluster(const char *server, const char *root, struct bl_kube_config *ret,
			      struct bl_err *err)
{
	_cleanup_(bl_kube_config_done) struct bl_kube_config config = {0};
	int r = server ? bl_kube_config_set_server(&config, server, err)
		       : find_server(&config, err);

	if (r < 0)
		return r;
	if (!root)
		root = ACCOUNT;
	config.origin = strdup("the pod's service account");
	if (!config.origin || asprintf(&config.token.file, "%s/token", root) < 0 ||
	    asprintf(&config.ca.file, "%s/ca.crt", root) < 0)
		return bl_err_set(err, -ENOMEM, "no memory");
	if (access(config.token.file, R_OK) < 0)
		return bl_err_set(err, -errno,
				  "cannot read the service account's token '%s': %m; has the pod "
				  "'automountServiceAccountToken: false'?",
				  config.token.file);
	if (access(config.ca.file, R_OK) < 0)
		return bl_err_set(err, -errno, "cannot read the cluster's CA '%s': %m",
				  config.ca.file);
	*ret = config;
	memset(&config, 0, sizeof(config));
	return 0;
}
