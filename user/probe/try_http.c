/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * httpGet. The first request goes over a plain connection of ours when it can (plain_get.h);
 * https, redirects and hosts that are names go over libcurl.
 */
#include <ctype.h>
#include <curl/curl.h>
#include <errno.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>

#include "loop/curl.h"
#include "probe/http_answer.h"
#include "probe/plain_get.h"
#include "probe/try_parts.h"

#define IDLE_MAX 32 /* handles kept for the next try: making one costs more than asking */

struct bl_http_tries {
	struct bl_tries *tries;
	struct bl_curl_loop *curl;
	CURL *idle[IDLE_MAX];
	size_t idle_count;
};

struct http_try {
	struct bl_try try;
	struct bl_http_tries *http;
	struct bl_plain_get *plain; /* either this */
	CURL *easy;                 /* or that; NULL: neither is under way */
	struct curl_slist *headers;
	char *url; /* what is being asked */
	uint64_t deadline_us;
	size_t body_len;
	unsigned int hops;
	bool connect_only; /* tcpSocket of a host that is a name */
	bool overrun;      /* more body than is read, on purpose */
};

static uint64_t now_us(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* The body is read so that a server can write it, and forgotten. */
static size_t on_body(char *bytes, size_t size, size_t count, void *userdata)
{
	struct http_try *http = userdata;

	(void)bytes;
	http->body_len += size * count;
	if (http->body_len <= BL_PROBE_BODY_MAX)
		return size * count;
	http->overrun = true;
	return 0;
}

static int on_sockopt(void *userdata, curl_socket_t fd, curlsocktype purpose)
{
	const struct bl_http_tries *http = userdata;
	uint32_t mark = http->tries->config.mark;

	(void)purpose;
	if (mark && setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)) < 0)
		return CURL_SOCKOPT_ERROR;
	return CURL_SOCKOPT_OK;
}

static CURL *make_easy(struct bl_http_tries *http)
{
	CURL *easy = curl_easy_init();
	CURLcode code = CURLE_OK;

	if (!easy)
		return NULL;
#define SET(option, value) code = code ? code : curl_easy_setopt(easy, option, value)
	SET(CURLOPT_NOSIGNAL, 1L);
	/* Or the loop would wait for the thread that looks a name up, when its try is over. */
	SET(CURLOPT_QUICK_EXIT, 1L);
	SET(CURLOPT_PROXY, "");
	SET(CURLOPT_PROTOCOLS_STR, "http,https");
	SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	SET(CURLOPT_FOLLOWLOCATION, 0L); /* only on the same host, which libcurl cannot say */
	SET(CURLOPT_PATH_AS_IS, 1L);
	SET(CURLOPT_SSL_VERIFYPEER, 0L);
	SET(CURLOPT_SSL_VERIFYHOST, 0L);
	SET(CURLOPT_FRESH_CONNECT, 1L);
	SET(CURLOPT_FORBID_REUSE, 1L);
	/* Addresses would be remembered too, and all of them looked through at each try. */
	SET(CURLOPT_DNS_CACHE_TIMEOUT, 0L);
	SET(CURLOPT_WRITEFUNCTION, on_body);
	SET(CURLOPT_SOCKOPTFUNCTION, on_sockopt);
	SET(CURLOPT_SOCKOPTDATA, http);
#undef SET
	if (code != CURLE_OK) {
		curl_easy_cleanup(easy);
		return NULL;
	}
	return easy;
}

static void release(struct bl_try *try)
{
	struct http_try *http = (struct http_try *)try;
	struct bl_http_tries *all = http->http;

	if (http->easy) {
		(void)curl_multi_remove_handle(bl_curl_loop_multi(all->curl), http->easy);
		if (all->idle_count < IDLE_MAX)
			all->idle[all->idle_count++] = http->easy;
		else
			curl_easy_cleanup(http->easy);
	}
	bl_plain_get_free(http->plain);
	curl_slist_free_all(http->headers);
	free(http->url);
	free(http);
}

static bool set_up(struct http_try *http)
{
	uint64_t now = now_us();
	/* Our own deadline comes first; libcurl's is for what it does in the background. */
	long left_ms = now < http->deadline_us ? (long)((http->deadline_us - now) / 1000) + 50 : 1;
	CURL *easy = http->easy;

	return curl_easy_setopt(easy, CURLOPT_URL, http->url) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_PRIVATE, http) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_WRITEDATA, http) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_HTTPHEADER, http->headers) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_CONNECT_ONLY, (long)http->connect_only) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, left_ms) == CURLE_OK;
}

/* Asks http->url over libcurl. */
static int ask(struct http_try *http)
{
	struct bl_http_tries *all = http->http;
	CURLM *multi = bl_curl_loop_multi(all->curl);

	if (http->easy)
		(void)curl_multi_remove_handle(multi, http->easy);
	else
		http->easy = all->idle_count ? all->idle[--all->idle_count] : make_easy(all);
	http->body_len = 0;
	http->overrun = false;
	return http->easy && set_up(http) && curl_multi_add_handle(multi, http->easy) == CURLM_OK
		       ? 0
		       : -ENOMEM;
}

#define WORDS_NO_ANSWER "connection closed without an answer"
#define WORDS_BROKEN "connection broke off in the answer"
#define WORDS_NO_HTTP "the answer is no HTTP/1"

static const char *words_of(CURLcode code)
{
	switch (code) {
	case CURLE_GOT_NOTHING:
		return WORDS_NO_ANSWER;
	case CURLE_RECV_ERROR:
	case CURLE_PARTIAL_FILE:
		return WORDS_BROKEN;
	case CURLE_WEIRD_SERVER_REPLY:
	case CURLE_UNSUPPORTED_PROTOCOL:
		return WORDS_NO_HTTP;
	case CURLE_SSL_CONNECT_ERROR:
		return "the TLS handshake failed";
	case CURLE_COULDNT_RESOLVE_HOST:
		return "the host name has no address";
	default:
		return NULL;
	}
}

static void fail(struct http_try *http, CURLcode code)
{
	const char *words = words_of(code);
	char text[BL_TRY_TEXT];
	long error = 0;

	if (code == CURLE_OPERATION_TIMEDOUT) {
		bl_try_end_timeout(&http->try);
		return;
	}
	if (code == CURLE_OUT_OF_MEMORY || code == CURLE_ABORTED_BY_CALLBACK ||
	    code == CURLE_FAILED_INIT) {
		bl_try_end(&http->try, BL_PROBE_ERROR, "libcurl: %s", curl_easy_strerror(code));
		return;
	}
	(void)curl_easy_getinfo(http->easy, CURLINFO_OS_ERRNO, &error);
	if (code == CURLE_COULDNT_CONNECT && error) {
		words = bl_try_error_text((int)error, text);
	} else if (!words) {
		(void)snprintf(text, sizeof(text), "%s", curl_easy_strerror(code));
		text[0] = (char)tolower((unsigned char)text[0]);
		words = text;
	}
	bl_try_end(&http->try, BL_PROBE_FAILURE, "%s", words);
}

/* Go's client sends a Host header of its own along only while redirects name no host. */
static void drop_host(struct http_try *http)
{
	for (struct curl_slist **at = &http->headers; *at;) {
		struct curl_slist *item = *at;

		if (strncasecmp(item->data, "Host:", 5) != 0) {
			at = &item->next;
			continue;
		}
		*at = item->next;
		item->next = NULL;
		curl_slist_free_all(item);
	}
}

static void decide(struct http_try *http, long status, const char *location)
{
	struct bl_http_step step;
	enum bl_http_next next;
	int r = bl_http_answer(http->url, status, location, http->hops, &next, &step);

	if (r < 0) {
		bl_try_end(&http->try, BL_PROBE_ERROR, "no memory");
		return;
	}
	if (next == BL_HTTP_DONE) {
		bl_try_end(&http->try, step.outcome, "%s", step.text);
		return;
	}
	http->plain = bl_plain_get_free(http->plain);
	free(http->url);
	http->url = TAKE_PTR(step.url);
	http->hops++;
	if (!step.is_relative)
		drop_host(http);
	if (ask(http) < 0)
		bl_try_end(&http->try, BL_PROBE_ERROR, "no memory");
}

static void answer(struct http_try *http)
{
	struct curl_header *location = NULL;
	long status = 0;

	(void)curl_easy_getinfo(http->easy, CURLINFO_RESPONSE_CODE, &status);
	if (curl_easy_header(http->easy, "Location", 0, CURLH_HEADER, -1, &location) != CURLHE_OK)
		location = NULL;
	decide(http, status, location ? location->value : NULL);
}

static void on_plain_done(const struct bl_http_response *response, int error, void *userdata)
{
	struct http_try *http = userdata;
	char text[BL_TRY_TEXT];

	if (error == 0)
		decide(http, response->status, response->location);
	else
		bl_try_end(&http->try, BL_PROBE_FAILURE, "%s",
			   error == -EBADMSG   ? WORDS_NO_HTTP
			   : error == -ENODATA ? WORDS_NO_ANSWER
			   : error == -EPIPE   ? WORDS_BROKEN
					       : bl_try_error_text(-error, text));
}

static void on_done(CURL *easy, CURLcode code, void *userdata)
{
	struct http_try *http = NULL;

	(void)userdata;
	if (curl_easy_getinfo(easy, CURLINFO_PRIVATE, &http) != CURLE_OK || !http)
		return;
	if (code == CURLE_OK && http->connect_only)
		bl_try_end(&http->try, BL_PROBE_SUCCESS, "%s", "");
	else if (code == CURLE_OK || (code == CURLE_WRITE_ERROR && http->overrun))
		answer(http);
	else
		fail(http, code);
}

int bl_http_tries_new(struct bl_tries *tries, struct bl_http_tries **ret)
{
	struct bl_http_tries *all = calloc(1, sizeof(*all));
	int r;

	if (!all)
		return -ENOMEM;
	all->tries = tries;
	r = bl_curl_loop_new(tries->config.loop, on_done, all, &all->curl);
	if (r < 0) {
		free(all);
		return r;
	}
	*ret = all;
	return 0;
}

struct bl_http_tries *bl_http_tries_free(struct bl_http_tries *all)
{
	if (!all)
		return NULL;
	while (all->idle_count)
		curl_easy_cleanup(all->idle[--all->idle_count]);
	(void)bl_curl_loop_free(all->curl);
	free(all);
	return NULL;
}

static int add_headers(struct http_try *http, char *const *headers)
{
	for (; headers && *headers; headers++) {
		struct curl_slist *grown = curl_slist_append(http->headers, *headers);

		if (!grown)
			return -ENOMEM;
		http->headers = grown;
	}
	return 0;
}

/* Has the target an address, and is no TLS wanted? */
static bool is_plain(const struct bl_probe_target *target)
{
	return target->action == BL_PROBE_HTTP && target->address.family &&
	       strncmp(target->url, "http:", 5) == 0;
}

int bl_try_start_http(struct bl_tries *tries, const struct bl_probe_target *target,
		      bl_try_done_fn *done, void *userdata, struct bl_try **ret, struct bl_err *err)
{
	struct http_try *http = calloc(1, sizeof(*http));
	int r;

	if (!http)
		return bl_err_set(err, -ENOMEM, "no memory");
	http->http = tries->http;
	http->connect_only = target->action == BL_PROBE_TCP;
	http->deadline_us = now_us() + target->timeout_ms * 1000ull;
	http->url = http->connect_only ? bl_probe_url(false, target->host, target->port, "/")
				       : strdup(target->url);
	r = http->url ? add_headers(http, target->headers) : -ENOMEM;
	if (r >= 0)
		r = bl_try_enter(&http->try, tries, target->timeout_ms, done, userdata, release);
	if (r < 0) {
		release(&http->try);
		return bl_err_set(err, r, "cannot make a request: %s", strerror(-r));
	}
	if (is_plain(target))
		r = bl_plain_get_new(tries, target, on_plain_done, http, &http->plain, err);
	else if ((r = ask(http)) < 0)
		(void)bl_err_set(err, r, "libcurl has no memory");
	if (r < 0) {
		bl_try_cancel(&http->try);
		return r;
	}
	*ret = &http->try;
	return 0;
}
