/* SPDX-License-Identifier: GPL-3.0-or-later */
/* httpGet over libcurl's multi interface, whose sockets and timer live in our loop. */
#include <ctype.h>
#include <curl/curl.h>
#include <errno.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>

#include "probe/http_answer.h"
#include "probe/try_parts.h"

#define IDLE_MAX 32 /* handles kept for the next try: making one costs more than asking */

struct bl_http_tries {
	struct bl_tries *tries;
	CURLM *multi;
	sd_event_source *timer;
	CURL *idle[IDLE_MAX];
	size_t idle_count;
};

struct http_try {
	struct bl_try try;
	struct bl_http_tries *http;
	CURL *easy;
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
	SET(CURLOPT_PROXY, "");
	SET(CURLOPT_PROTOCOLS_STR, "http,https");
	SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	SET(CURLOPT_FOLLOWLOCATION, 0L); /* only on the same host, which libcurl cannot say */
	SET(CURLOPT_PATH_AS_IS, 1L);
	SET(CURLOPT_SSL_VERIFYPEER, 0L);
	SET(CURLOPT_SSL_VERIFYHOST, 0L);
	SET(CURLOPT_FRESH_CONNECT, 1L);
	SET(CURLOPT_FORBID_REUSE, 1L);
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
		(void)curl_multi_remove_handle(all->multi, http->easy);
		if (all->idle_count < IDLE_MAX)
			all->idle[all->idle_count++] = http->easy;
		else
			curl_easy_cleanup(http->easy);
	}
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

static const char *words_of(CURLcode code)
{
	switch (code) {
	case CURLE_GOT_NOTHING:
		return "connection closed without an answer";
	case CURLE_RECV_ERROR:
	case CURLE_PARTIAL_FILE:
		return "connection broke off in the answer";
	case CURLE_WEIRD_SERVER_REPLY:
	case CURLE_UNSUPPORTED_PROTOCOL:
		return "the answer is no HTTP/1";
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

static void answer(struct http_try *http)
{
	struct curl_header *location = NULL;
	struct bl_http_step step;
	enum bl_http_next next;
	long status = 0;
	int r;

	(void)curl_easy_getinfo(http->easy, CURLINFO_RESPONSE_CODE, &status);
	if (curl_easy_header(http->easy, "Location", 0, CURLH_HEADER, -1, &location) != CURLHE_OK)
		location = NULL;
	r = bl_http_answer(http->url, status, location ? location->value : NULL, http->hops, &next,
			   &step);
	if (r < 0) {
		bl_try_end(&http->try, BL_PROBE_ERROR, "no memory");
		return;
	}
	if (next == BL_HTTP_DONE) {
		bl_try_end(&http->try, step.outcome, "%s", step.text);
		return;
	}
	(void)curl_multi_remove_handle(http->http->multi, http->easy);
	free(http->url);
	http->url = TAKE_PTR(step.url);
	http->hops++;
	http->body_len = 0;
	http->overrun = false;
	if (!step.is_relative)
		drop_host(http);
	if (!set_up(http) || curl_multi_add_handle(http->http->multi, http->easy) != CURLM_OK)
		bl_try_end(&http->try, BL_PROBE_ERROR, "no memory");
}

static void read_messages(struct bl_http_tries *all)
{
	CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(all->multi, &left))) {
		CURLcode code = message->data.result;
		struct http_try *http = NULL;

		if (message->msg != CURLMSG_DONE ||
		    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &http) != CURLE_OK ||
		    !http)
			continue;
		if (code == CURLE_OK && http->connect_only)
			bl_try_end(&http->try, BL_PROBE_SUCCESS, "%s", "");
		else if (code == CURLE_OK || (code == CURLE_WRITE_ERROR && http->overrun))
			answer(http);
		else
			fail(http, code);
	}
}

static int on_io(sd_event_source *io, int fd, uint32_t events, void *userdata)
{
	struct bl_http_tries *all = userdata;
	int running, mask = 0;

	(void)io;
	if (events & EPOLLIN)
		mask |= CURL_CSELECT_IN;
	if (events & EPOLLOUT)
		mask |= CURL_CSELECT_OUT;
	if (events & (EPOLLERR | EPOLLHUP))
		mask |= CURL_CSELECT_ERR;
	(void)curl_multi_socket_action(all->multi, fd, mask, &running);
	read_messages(all);
	return 0;
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *userdata, void *source)
{
	struct bl_http_tries *all = userdata;
	sd_event_source *io = source;
	uint32_t events = 0;

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		sd_event_source_disable_unref(io);
		return 0;
	}
	if (what == CURL_POLL_IN || what == CURL_POLL_INOUT)
		events |= EPOLLIN;
	if (what == CURL_POLL_OUT || what == CURL_POLL_INOUT)
		events |= EPOLLOUT;
	if (io)
		return sd_event_source_set_io_events(io, events) < 0 ? -1 : 0;
	if (sd_event_add_io(all->tries->config.loop, &io, fd, events, on_io, all) < 0)
		return -1;
	(void)curl_multi_assign(all->multi, fd, io);
	return 0;
}

static int on_timer(sd_event_source *timer, uint64_t usec, void *userdata)
{
	struct bl_http_tries *all = userdata;
	int running;

	(void)timer;
	(void)usec;
	(void)curl_multi_socket_action(all->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	read_messages(all);
	return 0;
}

static int on_set_timer(CURLM *multi, long ms, void *userdata)
{
	struct bl_http_tries *all = userdata;

	(void)multi;
	if (ms < 0)
		return sd_event_source_set_enabled(all->timer, SD_EVENT_OFF) < 0 ? -1 : 0;
	if (sd_event_source_set_time_relative(all->timer, (uint64_t)ms * 1000) < 0)
		return -1;
	return sd_event_source_set_enabled(all->timer, SD_EVENT_ONESHOT) < 0 ? -1 : 0;
}

int bl_http_tries_new(struct bl_tries *tries, struct bl_http_tries **ret)
{
	struct bl_http_tries *all = calloc(1, sizeof(*all));
	int r;

	if (!all)
		return -ENOMEM;
	all->tries = tries;
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
		free(all);
		return -ENOMEM;
	}
	r = sd_event_add_time_relative(tries->config.loop, &all->timer, CLOCK_MONOTONIC, 0, 1000,
				       on_timer, all);
	if (r >= 0)
		r = sd_event_source_set_enabled(all->timer, SD_EVENT_OFF);
	all->multi = r >= 0 ? curl_multi_init() : NULL;
	if (r >= 0 &&
	    (!all->multi ||
	     curl_multi_setopt(all->multi, CURLMOPT_SOCKETFUNCTION, on_socket) != CURLM_OK ||
	     curl_multi_setopt(all->multi, CURLMOPT_SOCKETDATA, all) != CURLM_OK ||
	     curl_multi_setopt(all->multi, CURLMOPT_TIMERFUNCTION, on_set_timer) != CURLM_OK ||
	     curl_multi_setopt(all->multi, CURLMOPT_TIMERDATA, all) != CURLM_OK))
		r = -ENOMEM;
	if (r < 0) {
		bl_http_tries_free(all);
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
	if (all->multi)
		(void)curl_multi_cleanup(all->multi);
	sd_event_source_disable_unref(all->timer);
	curl_global_cleanup();
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

int bl_try_start_http(struct bl_tries *tries, const struct bl_probe_target *target,
		      bl_try_done_fn *done, void *userdata, struct bl_try **ret, struct bl_err *err)
{
	struct bl_http_tries *all = tries->http;
	struct http_try *http = calloc(1, sizeof(*http));
	bool connect_only = target->action == BL_PROBE_TCP;
	int r;

	if (!http)
		return bl_err_set(err, -ENOMEM, "no memory");
	http->http = all;
	http->connect_only = connect_only;
	http->deadline_us = now_us() + target->timeout_ms * 1000ull;
	http->url = connect_only ? bl_probe_url(false, target->host, target->port, "/")
				 : strdup(target->url);
	http->easy = all->idle_count ? all->idle[--all->idle_count] : make_easy(all);
	r = http->url && http->easy ? add_headers(http, target->headers) : -ENOMEM;
	if (r >= 0)
		r = set_up(http) ? 0 : -ENOMEM;
	if (r >= 0)
		r = bl_try_enter(&http->try, tries, target->timeout_ms, done, userdata, release);
	if (r >= 0 && curl_multi_add_handle(all->multi, http->easy) != CURLM_OK) {
		bl_try_cancel(&http->try);
		return bl_err_set(err, -ENOMEM, "libcurl has no memory");
	}
	if (r < 0) {
		release(&http->try);
		return bl_err_set(err, r, "cannot make a request: %s", strerror(-r));
	}
	*ret = &http->try;
	return 0;
}
