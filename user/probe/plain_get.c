/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "probe/plain_get.h"

#include <errno.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/buf.h"
#include "probe/http_answer.h"

struct bl_plain_get {
	bl_plain_get_done_fn *done;
	void *userdata;
	sd_event_source *source;
	int fd;
	int failure; /* of connect() itself, told from the loop */
	struct bl_buf request;
	size_t sent;
	struct bl_http_response response;
};

struct bl_plain_get *bl_plain_get_free(struct bl_plain_get *get)
{
	if (!get)
		return NULL;
	sd_event_source_disable_unref(get->source);
	bl_close_p(&get->fd);
	bl_buf_done(&get->request);
	free(get);
	return NULL;
}

/* "Name;" is an empty header, and "Name:" the wish to send none. */
static void add_header(struct bl_buf *request, const char *header)
{
	size_t name_len = strcspn(header, ":;");

	if (header[name_len] == ';')
		bl_buf_addf(request, "%.*s:\r\n", (int)name_len, header);
	else if (header[name_len] && header[name_len + 1])
		bl_buf_addf(request, "%s\r\n", header);
}

static int write_request(struct bl_buf *request, const struct bl_probe_target *target)
{
	const char *authority = target->url + strlen("http://");
	size_t authority_len = strcspn(authority, "/");
	const char *path = authority + authority_len;

	bl_buf_addf(request, "GET %.*s HTTP/1.1\r\n", (int)strcspn(path, "#"), path);
	if (!target->keeps_host)
		bl_buf_addf(request, "Host: %.*s\r\n", (int)authority_len, authority);
	for (char *const *header = target->headers; header && *header; header++)
		add_header(request, *header);
	bl_buf_add_str(request, "\r\n");
	return request->failed ? -ENOMEM : 0;
}

/* 1: all is written, 0: the socket is full, -errno. */
static int send_request(struct bl_plain_get *get)
{
	while (get->sent < get->request.len) {
		ssize_t n = send(get->fd, get->request.data + get->sent,
				 get->request.len - get->sent, MSG_NOSIGNAL);

		if (n < 0)
			return errno == EAGAIN ? 0 : -errno;
		get->sent += (size_t)n;
	}
	return 1;
}

/* 1: the answer is complete, 0: more is to come, -errno. */
static int read_answer(struct bl_plain_get *get)
{
	char bytes[4096];

	for (;;) {
		ssize_t n = recv(get->fd, bytes, sizeof(bytes), 0);
		int r;

		if (n < 0)
			return errno == EAGAIN ? 0 : -errno;
		r = n ? bl_http_response_read(&get->response, bytes, (size_t)n)
		      : bl_http_response_end(&get->response);
		if (r != 0)
			return r;
	}
}

/* The source tells of each change once (EPOLLET), so that it need not be set for writing and then
 * for reading; what connecting came to is what the first send says. */
static int on_io(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct bl_plain_get *get = userdata;
	int r = get->sent < get->request.len ? send_request(get) : 1;

	(void)source;
	(void)fd;
	/* Who answers before it has read all is heard before it is gone. */
	if ((r > 0 || r == -EPIPE || r == -ECONNRESET) &&
	    events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
		int answered = read_answer(get);

		r = r > 0 || answered > 0 ? answered : r;
	} else if (r > 0) {
		r = 0;
	}
	if (r != 0)
		get->done(&get->response, r < 0 ? r : 0, get->userdata);
	return 0;
}

static int on_failure(sd_event_source *source, void *userdata)
{
	struct bl_plain_get *get = userdata;

	(void)source;
	get->done(&get->response, -get->failure, get->userdata);
	return 0;
}

static int open_socket(struct bl_plain_get *get, const struct bl_tries *tries,
		       const struct bl_probe_target *target, struct bl_err *err)
{
	int r = bl_try_connect(tries, &target->address, target->port, &get->fd, &get->failure, err);

	if (r < 0)
		return r;
	if (get->failure)
		r = sd_event_add_defer(tries->config.loop, &get->source, on_failure, get);
	else
		r = sd_event_add_io(tries->config.loop, &get->source, get->fd,
				    EPOLLIN | EPOLLOUT | EPOLLET, on_io, get);
	return r < 0 ? bl_err_set(err, r, "cannot wait for a socket: %s", strerror(-r)) : 0;
}

int bl_plain_get_new(const struct bl_tries *tries, const struct bl_probe_target *target,
		     bl_plain_get_done_fn *done, void *userdata, struct bl_plain_get **ret,
		     struct bl_err *err)
{
	_cleanup_(bl_plain_get_free) struct bl_plain_get *get = malloc(sizeof(*get));
	int r;

	if (!get)
		return bl_err_set(err, -ENOMEM, "no memory");
	/* The response sets itself up: clearing its lines would cost more than reading them. */
	memset(get, 0, offsetof(struct bl_plain_get, response));
	get->fd = -1;
	get->done = done;
	get->userdata = userdata;
	bl_http_response_init(&get->response, BL_PROBE_BODY_MAX);
	if (write_request(&get->request, target) < 0)
		return bl_err_set(err, -ENOMEM, "no memory");
	r = open_socket(get, tries, target, err);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(get);
	return 0;
}
