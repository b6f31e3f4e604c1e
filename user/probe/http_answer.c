/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rules: DoHTTPProbe and RedirectChecker of pkg/probe/http/http.go, net/http's Client. */
#include "probe/http_answer.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"

BL_DEFINE_CLEANUP(CURLU *, curl_url_cleanup);

static inline void curl_free_p(char **text)
{
	curl_free(*text);
}

void bl_http_step_done(struct bl_http_step *step)
{
	free(step->url);
	step->url = NULL;
}

static void say(struct bl_http_step *step, enum bl_probe_outcome outcome, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static void say(struct bl_http_step *step, enum bl_probe_outcome outcome, const char *format, ...)
{
	va_list args;

	step->outcome = outcome;
	va_start(args, format);
	(void)vsnprintf(step->text, sizeof(step->text), format, args);
	va_end(args);
	/* A Location is the server's text. */
	for (char *at = step->text; *at; at++)
		if ((unsigned char)*at < ' ' || *at == 0x7f)
			*at = '?';
}

static bool is_redirect(long status)
{
	return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/* Has it a scheme or an authority of its own? */
static bool is_relative(const char *location)
{
	size_t letters = strspn(location, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
					  "0123456789+-.");

	if (location[0] == '/' && location[1] == '/')
		return false;
	return letters == 0 || location[letters] != ':';
}

/* The host and the whole of `location`, seen from `url`. -EINVAL when it is none. */
static int resolve(const char *url, const char *location, char **ret_host, char **ret_before,
		   char **ret_url)
{
	_cleanup_(curl_url_cleanup) CURLU *parts = curl_url();
	_cleanup_(curl_free) char *target = NULL;

	if (!parts)
		return -ENOMEM;
	if (curl_url_set(parts, CURLUPART_URL, url, 0) != CURLUE_OK ||
	    curl_url_get(parts, CURLUPART_HOST, ret_before, 0) != CURLUE_OK ||
	    curl_url_set(parts, CURLUPART_URL, location, CURLU_URLENCODE) != CURLUE_OK ||
	    curl_url_get(parts, CURLUPART_HOST, ret_host, 0) != CURLUE_OK ||
	    curl_url_get(parts, CURLUPART_URL, &target, 0) != CURLUE_OK)
		return -EINVAL;
	*ret_url = strdup(target);
	return *ret_url ? 0 : -ENOMEM;
}

static int follow(const char *url, const char *location, unsigned int hops, enum bl_http_next *next,
		  struct bl_http_step *step)
{
	_cleanup_(curl_free) char *host = NULL;
	_cleanup_(curl_free) char *before = NULL;
	int r = resolve(url, location, &host, &before, &step->url);

	if (r == -EINVAL) {
		say(step, BL_PROBE_FAILURE, "redirected to '%.80s', which is no address", location);
		return 0;
	}
	if (r < 0)
		return r;
	if (strcasecmp(host, before) != 0) {
		say(step, BL_PROBE_WARNING, "redirected to another host, '%.80s': not followed",
		    host);
	} else if (hops + 1 >= BL_PROBE_REDIRECTS_MAX) {
		say(step, BL_PROBE_FAILURE, "stopped after %d redirects", BL_PROBE_REDIRECTS_MAX);
	} else {
		step->is_relative = is_relative(location);
		*next = BL_HTTP_FOLLOW;
		return 0;
	}
	bl_http_step_done(step);
	return 0;
}

int bl_http_answer(const char *url, long status, const char *location, unsigned int hops,
		   enum bl_http_next *ret_next, struct bl_http_step *ret)
{
	*ret = (struct bl_http_step){.outcome = BL_PROBE_SUCCESS};
	*ret_next = BL_HTTP_DONE;
	if (is_redirect(status) && location && location[0])
		return follow(url, location, hops, ret_next, ret);
	if (status >= 300 && status < 400)
		say(ret, BL_PROBE_WARNING, "HTTP %ld: a redirect that leads nowhere", status);
	else if (status < 200 || status >= 400)
		say(ret, BL_PROBE_FAILURE, "HTTP %ld", status);
	return 0;
}
