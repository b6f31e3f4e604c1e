/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One call as a transfer of libcurl: its options, and what libcurl calls back. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "base/buf.h"
#include "kube/parts.h"

#define UNANSWERED_MS 30000 /* a peer that acknowledges nothing for so long is gone */
#define KEEPALIVE_S 15
#define KEEPALIVE_EACH_S 5

/* The answer */

/* A head is whole: is it for the owner? */
static int end_of_head(struct bl_kube_call *call)
{
	int r = 0;

	if (call->has_head || call->status < 200) /* trailers; 100 Continue */
		return 0;
	call->has_head = true;
	if (call->status == 401 && !call->repeated &&
	    bl_kube_auth_refused(call->client->auth, call->generation)) {
		call->again = true;
		return 0;
	}
	if (call->handler.head)
		r = call->handler.head(call, call->status, call->retry_after_ms,
				       call->handler.userdata);
	return r;
}

static int read_header(struct bl_kube_call *call, const char *line, size_t len)
{
	static const char retry_after[] = "retry-after:";
	char value[64];

	if (len && (line[0] == '\r' || line[0] == '\n'))
		return end_of_head(call);
	if (call->has_head)
		return 0;
	if (len > 5 && !strncmp(line, "HTTP/", 5)) {
		const char *space = memchr(line, ' ', len);

		call->status = space ? (int)strtol(space, NULL, 10) : 0;
		call->retry_after_ms = BL_KUBE_NO_RETRY_AFTER;
	} else if (len >= sizeof(retry_after) - 1 &&
		   !strncasecmp(line, retry_after, sizeof(retry_after) - 1)) {
		(void)snprintf(value, sizeof(value), "%.*s", (int)(len - (sizeof(retry_after) - 1)),
			       line + sizeof(retry_after) - 1);
		call->retry_after_ms = bl_kube_retry_after_ms(value);
	}
	return 0;
}

static void note_activity(struct bl_kube_call *call)
{
	call->active_us = bl_kube_now_us(call->client);
	call->client->received_us = call->active_us;
}

/* What libcurl is told: go on, or end this transfer. */
static size_t verdict(struct bl_kube_call *call, int r, size_t len)
{
	if (r < 0 && !call->stopped)
		call->stopped = r;
	return call->state == BL_KUBE_DEAD || call->stopped || call->too_large ? 0 : len;
}

static size_t on_header(char *bytes, size_t size, size_t count, void *userdata)
{
	struct bl_kube_call *call = userdata;
	size_t len = size * count;
	int r = 0;

	note_activity(call);
	call->client->in_curl = true;
	if (call->state != BL_KUBE_DEAD)
		r = read_header(call, bytes, len);
	call->client->in_curl = false;
	return verdict(call, r, len);
}

static size_t on_body(char *bytes, size_t size, size_t count, void *userdata)
{
	struct bl_kube_call *call = userdata;
	size_t len = size * count;
	int r = 0;

	note_activity(call);
	call->client->info.bytes_received += len;
	call->too_large = call->body_max && call->received + len > call->body_max;
	call->client->in_curl = true;
	if (call->state != BL_KUBE_DEAD && !call->again && !call->too_large) {
		call->received += len;
		r = call->handler.data(call, bytes, len, call->handler.userdata);
	}
	call->client->in_curl = false;
	return verdict(call, r, len);
}

/* Sockets */

static int set_options(const struct bl_kube_client *client, int fd)
{
	unsigned int unanswered = UNANSWERED_MS;
	uint32_t mark = client->config.mark;

	/* Not all that libcurl opens is TCP over a network; what does not know it needs it not. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &unanswered, sizeof(unanswered));
	if (mark && setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)) < 0)
		return -errno;
	return 0;
}

static curl_socket_t on_open(void *userdata, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct bl_kube_client *client = userdata;
	struct bl_kube_socket *socket_ = calloc(1, sizeof(*socket_));
	_cleanup_close_ int fd =
		socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
	int r;

	(void)purpose;
	r = !socket_ ? -ENOMEM : fd < 0 ? -errno : set_options(client, fd);
	if (r < 0) {
		client->socket_error = -r;
		free(socket_);
		return CURL_SOCKET_BAD;
	}
	client->socket_error = 0;
	socket_->fd = fd;
	socket_->opened_us = bl_kube_now_us(client);
	socket_->next = client->sockets;
	client->sockets = socket_;
	client->info.connections++;
	client->info.connections_open++;
	return TAKE_FD(fd);
}

static int on_close(void *userdata, curl_socket_t fd)
{
	struct bl_kube_client *client = userdata;

	for (struct bl_kube_socket **at = &client->sockets; *at; at = &(*at)->next) {
		struct bl_kube_socket *found = *at;

		if (found->fd != fd)
			continue;
		*at = found->next;
		free(found);
		client->info.connections_open--;
		break;
	}
	return close(fd);
}

void bl_kube_shut_sockets(struct bl_kube_client *client, uint64_t before_us)
{
	for (struct bl_kube_socket *at = client->sockets; at; at = at->next)
		if (at->opened_us <= before_us)
			(void)shutdown(at->fd, SHUT_RDWR);
}

/* Options */

struct setter {
	CURL *easy;
	CURLcode code;
	CURLoption failed; /* the first that was refused */
};

static void note(struct setter *set, CURLoption option, CURLcode code)
{
	if (set->code == CURLE_OK && code != CURLE_OK) {
		set->code = code;
		set->failed = option;
	}
}

static void set_long(struct setter *set, CURLoption option, long value)
{
	note(set, option, curl_easy_setopt(set->easy, option, value));
}

static void set_pointer(struct setter *set, CURLoption option, const void *value)
{
	note(set, option, curl_easy_setopt(set->easy, option, value));
}

static void set_blob(struct setter *set, CURLoption option, const struct bl_kube_text *text)
{
	struct curl_blob blob = {
		.data = (void *)(uintptr_t)text->text,
		.len = text->len,
		.flags = CURL_BLOB_COPY,
	};

	note(set, option, curl_easy_setopt(set->easy, option, &blob));
}

static void set_functions(struct setter *set, struct bl_kube_call *call)
{
	CURL *easy = set->easy;

	set_pointer(set, CURLOPT_PRIVATE, call);
	set_pointer(set, CURLOPT_ERRORBUFFER, call->error_text);
	set_pointer(set, CURLOPT_HEADERDATA, call);
	set_pointer(set, CURLOPT_WRITEDATA, call);
	set_pointer(set, CURLOPT_OPENSOCKETDATA, call->client);
	set_pointer(set, CURLOPT_CLOSESOCKETDATA, call->client);
	note(set, CURLOPT_HEADERFUNCTION,
	     curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header));
	note(set, CURLOPT_WRITEFUNCTION, curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body));
	note(set, CURLOPT_OPENSOCKETFUNCTION,
	     curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open));
	note(set, CURLOPT_CLOSESOCKETFUNCTION,
	     curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, on_close));
}

static void set_connection(struct setter *set, const struct bl_kube_client *client)
{
	const char *proxy = client->config.proxy_url;

	set_long(set, CURLOPT_NOSIGNAL, 1);
	/* A thread that looks a name up is left to itself when its transfer ends: libcurl would
	 * have the loop wait for it, which takes as long as name servers are silent. */
	set_long(set, CURLOPT_QUICK_EXIT, 1);
	set_pointer(set, CURLOPT_PROTOCOLS_STR, "http,https");
	set_long(set, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_2TLS);
	/* Calls wait to see whether they can share a connection. Without TLS they cannot, and some
	 * versions of curl would let them wait for a watch to end. */
	set_long(set, CURLOPT_PIPEWAIT, strncasecmp(client->config.server, "https:", 6) == 0);
	set_long(set, CURLOPT_FOLLOWLOCATION, 0);
	set_long(set, CURLOPT_PATH_AS_IS, 1);
	set_long(set, CURLOPT_CONNECTTIMEOUT_MS, BL_KUBE_CONNECT_MS);
	set_long(set, CURLOPT_TCP_KEEPALIVE, 1);
	set_long(set, CURLOPT_TCP_KEEPIDLE, KEEPALIVE_S);
	set_long(set, CURLOPT_TCP_KEEPINTVL, KEEPALIVE_EACH_S);
	/* The environment's proxies are no concern of a node's agent. */
	set_pointer(set, CURLOPT_PROXY, proxy ? proxy : "");
	set_pointer(set, CURLOPT_NOPROXY, "");
	set_long(set, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1);
	set_long(set, CURLOPT_HEADEROPT, CURLHEADER_SEPARATE);
	if (client->connect_to)
		set_pointer(set, CURLOPT_CONNECT_TO, client->connect_to);
}

static void set_tls(struct setter *set, const struct bl_kube_config *config,
		    const struct bl_kube_credentials *credentials)
{
	static const struct bl_kube_text pem = {.text = "PEM", .len = 3};
	bool check = !config->insecure_skip_tls_verify;

	set_long(set, CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2);
	set_long(set, CURLOPT_SSL_VERIFYPEER, check);
	set_long(set, CURLOPT_SSL_VERIFYHOST, check ? 2 : 0);
	if (credentials->ca.text) { /* and nothing else: not the system's either */
		set_pointer(set, CURLOPT_CAINFO, NULL);
		set_pointer(set, CURLOPT_CAPATH, NULL);
		set_blob(set, CURLOPT_CAINFO_BLOB, &credentials->ca);
	}
	if (credentials->certificate.text) {
		set_pointer(set, CURLOPT_SSLCERTTYPE, pem.text);
		set_pointer(set, CURLOPT_SSLKEYTYPE, pem.text);
		set_blob(set, CURLOPT_SSLCERT_BLOB, &credentials->certificate);
		set_blob(set, CURLOPT_SSLKEY_BLOB, &credentials->key);
	}
}

static int add_header(struct bl_kube_call *call, const char *name, const char *value)
{
	_cleanup_(bl_buf_done) struct bl_buf line = {0};
	struct curl_slist *grown;

	bl_buf_addf(&line, "%s%s", name, value);
	grown = line.failed ? NULL : curl_slist_append(call->headers, line.data);
	if (line.data)
		explicit_bzero(line.data, line.len);
	if (!grown)
		return -ENOMEM;
	call->headers = grown;
	return 0;
}

static int make_headers(struct bl_kube_call *call, const struct bl_kube_credentials *credentials)
{
	const char *host = call->client->host_header;
	int r = add_header(call, "Accept: ", call->accept);

	if (r == 0 && host)
		r = add_header(call, "Host: ", host);
	if (r == 0 && call->has_body)
		r = add_header(call, "Content-Type: ", call->content_type);
	if (r == 0 && call->has_body)
		r = add_header(call, "Expect:", ""); /* no 100 Continue */
	if (r == 0 && credentials->token.text)
		r = add_header(call, "Authorization: Bearer ", credentials->token.text);
	return r;
}

static void set_request(struct setter *set, const struct bl_kube_call *call)
{
	_cleanup_(bl_buf_done) struct bl_buf url = {0};

	bl_buf_addf(&url, "%s%s", call->client->url, call->path);
	if (url.failed)
		note(set, CURLOPT_URL, CURLE_OUT_OF_MEMORY);
	else
		set_pointer(set, CURLOPT_URL, url.data);
	set_pointer(set, CURLOPT_HTTPHEADER, call->headers);
	set_pointer(set, CURLOPT_USERAGENT, "beeline");
	if (call->compressed)
		set_pointer(set, CURLOPT_ACCEPT_ENCODING, "gzip");
	if (call->has_body) {
		note(set, CURLOPT_POSTFIELDSIZE_LARGE,
		     curl_easy_setopt(set->easy, CURLOPT_POSTFIELDSIZE_LARGE,
				      (curl_off_t)call->body_len));
		set_pointer(set, CURLOPT_POSTFIELDS, call->body);
	}
	set_pointer(set, CURLOPT_CUSTOMREQUEST, call->method);
}

int bl_kube_transfer_start(struct bl_kube_call *call, const struct bl_kube_credentials *credentials,
			   struct bl_err *err)
{
	struct bl_kube_client *client = call->client;
	struct setter set = {.easy = curl_easy_init()};

	if (!set.easy)
		return bl_err_set(err, -ENOMEM, "no memory for a request");
	call->easy = set.easy;
	if (make_headers(call, credentials) < 0)
		return bl_err_set(err, -ENOMEM, "no memory for a request");
	set_functions(&set, call);
	set_connection(&set, client);
	set_tls(&set, &client->config, credentials);
	set_request(&set, call);
	if (set.code != CURLE_OK)
		return bl_err_set(err, set.code == CURLE_OUT_OF_MEMORY ? -ENOMEM : -EINVAL,
				  "libcurl refuses option %d: %s", (int)set.failed,
				  curl_easy_strerror(set.code));
	if (curl_multi_add_handle(bl_curl_loop_multi(client->curl), call->easy) != CURLM_OK)
		return bl_err_set(err, -ENOMEM, "libcurl has no memory for a request");
	call->generation = credentials->generation;
	call->active_us = bl_kube_now_us(client);
	client->info.requests++;
	return 0;
}

void bl_kube_transfer_end(struct bl_kube_call *call)
{
	if (call->easy) {
		(void)curl_multi_remove_handle(bl_curl_loop_multi(call->client->curl), call->easy);
		curl_easy_cleanup(call->easy);
		call->easy = NULL;
	}
	for (struct curl_slist *at = call->headers; at; at = at->next)
		explicit_bzero(at->data, strlen(at->data)); /* one is the token */
	curl_slist_free_all(call->headers);
	call->headers = NULL;
}
