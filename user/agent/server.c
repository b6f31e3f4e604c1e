/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/server.h"

#include <errno.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <stdarg.h>
#include <string.h>
#include <sys/epoll.h>

#include "agent/deadlines.h"
#include "agent/listen.h"
#include "agent/status_error.h"
#include "base/log.h"

#define CONNECTION_TIMEOUT_S 30u /* of silence */
/* Whoever sends or reads slowly: until a request is there, and until its answer is taken. */
#define REQUEST_LIMIT_US (60u * 1000000u)
#define ANSWER_LIMIT_US (120u * 1000000u)
#define LIMITS_PERIOD_US (5u * 1000000u)
#define CONNECTION_MEMORY (64u << 10)
#define STREAM_CHUNK (32u << 10)
#define WARNING_TEXT 512
#define WARNINGS_MAX (4u << 10) /* bytes; further ones are not sent */

struct bl_server {
	sd_event *loop; /* borrowed */
	char *path;     /* NULL: a TCP port */
	enum bl_server_guard guard;
	struct MHD_Daemon *daemon;
	sd_event_source *io;
	sd_event_source *timer;
	bl_request_fn *handle;
	void *userdata;
	struct stream *streams;
	struct bl_deadlines *deadlines;
};

/* One request while its body arrives. */
struct pending {
	struct bl_buf body;
	bool too_large;
};

/* One watch that is being sent. */
struct stream {
	struct bl_server *server;
	struct stream *next;
	struct MHD_Connection *connection;
	struct bl_watcher *watcher;
	struct bl_buf text;
	size_t sent;
	bool suspended;
	sd_event_source *timeout;
	sd_event_source *hangup; /* a suspended connection is not looked at by the library */
};

const char *bl_request_query(const struct bl_request *request, const char *key)
{
	return request->connection ? MHD_lookup_connection_value(request->connection,
								 MHD_GET_ARGUMENT_KIND, key)
				   : NULL;
}

const char *bl_request_header(const struct bl_request *request, const char *name)
{
	return request->connection
		       ? MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name)
		       : NULL;
}

void bl_reply_warn(struct bl_reply *reply, const char *format, ...)
{
	char text[WARNING_TEXT];
	va_list args;

	if (reply->warnings.len > WARNINGS_MAX)
		return;
	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	bl_buf_add_str(&reply->warnings, "299 - \"");
	for (const char *at = text; *at; at++)
		bl_buf_addf(&reply->warnings, *at == '"' || *at == '\\' ? "\\%c" : "%c",
			    (unsigned char)*at < ' ' ? ' ' : *at);
	bl_buf_add(&reply->warnings, "\"", 2); /* with the zero byte */
}

/* The library says when it wants to be called again without any event. */
static void arm_timer(struct bl_server *server)
{
	MHD_UNSIGNED_LONG_LONG ms;

	if (MHD_get_timeout(server->daemon, &ms) != MHD_YES) {
		(void)sd_event_source_set_enabled(server->timer, SD_EVENT_OFF);
		return;
	}
	(void)sd_event_source_set_time_relative(server->timer, ms * 1000);
	(void)sd_event_source_set_enabled(server->timer, SD_EVENT_ONESHOT);
}

static void run(struct bl_server *server)
{
	(void)MHD_run(server->daemon);
	arm_timer(server);
}

static int on_io(sd_event_source *io, int fd, uint32_t revents, void *userdata)
{
	(void)io;
	(void)fd;
	(void)revents;
	run(userdata);
	return 0;
}

static int on_timer(sd_event_source *timer, uint64_t usec, void *userdata)
{
	(void)timer;
	(void)usec;
	run(userdata);
	return 0;
}

static void on_wake(void *userdata)
{
	struct stream *stream = userdata;

	if (!stream->suspended)
		return;
	stream->suspended = false;
	MHD_resume_connection(stream->connection);
	(void)sd_event_source_set_time_relative(stream->server->timer, 0);
	(void)sd_event_source_set_enabled(stream->server->timer, SD_EVENT_ONESHOT);
}

static int on_stream_timeout(sd_event_source *timer, uint64_t usec, void *userdata)
{
	struct stream *stream = userdata;

	(void)timer;
	(void)usec;
	bl_watcher_finish(stream->watcher);
	return 0;
}

static ssize_t read_stream(void *userdata, uint64_t position, char *to, size_t max)
{
	struct stream *stream = userdata;
	size_t len;
	int r;

	(void)position;
	if (stream->sent == stream->text.len) {
		stream->text.len = 0;
		stream->sent = 0;
		r = bl_watcher_read(stream->watcher, &stream->text, STREAM_CHUNK);
		if (r == 0) {
			stream->suspended = true;
			MHD_suspend_connection(stream->connection);
			return 0;
		}
		if (r < 0 && !stream->text.len)
			return MHD_CONTENT_READER_END_OF_STREAM;
	}
	len = stream->text.len - stream->sent;
	if (len > max)
		len = max;
	memcpy(to, stream->text.data + stream->sent, len);
	stream->sent += len;
	return (ssize_t)len;
}

static void free_stream(void *userdata)
{
	struct stream *stream = userdata;
	struct stream **link = &stream->server->streams;

	while (*link && *link != stream)
		link = &(*link)->next;
	if (*link)
		*link = stream->next;
	sd_event_source_disable_unref(stream->timeout);
	sd_event_source_disable_unref(stream->hangup);
	bl_watcher_close(stream->watcher);
	bl_buf_done(&stream->text);
	free(stream);
}

static int on_hangup(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct stream *stream = userdata;

	(void)fd;
	(void)revents;
	bl_watcher_finish(stream->watcher);
	return sd_event_source_set_enabled(source, SD_EVENT_OFF);
}

static struct bl_deadline *deadline_of(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return info ? info->socket_context : NULL;
}

/* Notices a client that goes while there is nothing to tell it. */
static int watch_hangup(struct stream *stream)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(stream->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	int fd = info ? fcntl(info->connect_fd, F_DUPFD_CLOEXEC, 3) : -1, r;

	if (fd < 0)
		return -EBADF;
	/* A closed TCP connection is no hangup before both sides are: the first word of it is that
	 * nothing comes any more. */
	r = sd_event_add_io(stream->server->loop, &stream->hangup, fd, EPOLLRDHUP, on_hangup,
			    stream);
	if (r < 0)
		(void)close(fd);
	else
		(void)sd_event_source_set_io_fd_own(stream->hangup, true);
	return r;
}

/* Takes the watcher. */
static struct MHD_Response *
stream_response(struct bl_server *server, struct MHD_Connection *connection, struct bl_reply *reply)
{
	struct stream *stream = calloc(1, sizeof(*stream));
	struct MHD_Response *response;

	if (!stream) {
		bl_watcher_close(TAKE_PTR(reply->watcher));
		return NULL;
	}
	stream->server = server;
	stream->connection = connection;
	stream->watcher = TAKE_PTR(reply->watcher);
	stream->next = server->streams;
	bl_deadline_set(deadline_of(connection), 0); /* its queue is its limit */
	server->streams = stream;
	bl_watcher_set_wake(stream->watcher, on_wake, stream);
	if (watch_hangup(stream) < 0 ||
	    (reply->timeout_s &&
	     sd_event_add_time_relative(server->loop, &stream->timeout, CLOCK_MONOTONIC,
					reply->timeout_s * 1000000ull, 1, on_stream_timeout,
					stream) < 0)) {
		free_stream(stream);
		return NULL;
	}
	response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, STREAM_CHUNK, read_stream,
						     stream, free_stream);
	if (!response)
		free_stream(stream);
	return response;
}

static struct MHD_Response *body_response(struct bl_reply *reply)
{
	size_t len = reply->body.len;
	char *text = bl_buf_take(&reply->body);
	struct MHD_Response *response;

	if (!text)
		return NULL;
	response = MHD_create_response_from_buffer(len, text, MHD_RESPMEM_MUST_FREE);
	if (!response)
		free(text);
	return response;
}

static void add_warnings(struct MHD_Response *response, const struct bl_reply *reply)
{
	for (size_t at = 0; !reply->warnings.failed && at < reply->warnings.len;
	     at += strlen(reply->warnings.data + at) + 1)
		(void)MHD_add_response_header(response, MHD_HTTP_HEADER_WARNING,
					      reply->warnings.data + at);
}

static enum MHD_Result send_reply(struct bl_server *server, struct MHD_Connection *connection,
				  struct bl_reply *reply)
{
	struct MHD_Response *response;
	enum MHD_Result result;

	response =
		reply->watcher ? stream_response(server, connection, reply) : body_response(reply);
	if (!response)
		return MHD_NO; /* no memory even for an error: the connection closes */
	(void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, reply->content_type);
	(void)MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-cache");
	if (reply->etag[0])
		(void)MHD_add_response_header(response, MHD_HTTP_HEADER_ETAG, reply->etag);
	if (reply->allow)
		(void)MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, reply->allow);
	add_warnings(response, reply);
	result = MHD_queue_response(connection, reply->code, response);
	MHD_destroy_response(response);
	return result;
}

/* "localhost", or an address, each with or without a port: what no foreign web page can make of the
 * name that it was fetched by (DNS rebinding). */
static bool is_own_host(const char *host)
{
	char text[BL_ADDR_TEXT];
	struct bl_addr addr;
	bool bracketed = host[0] == '[';
	size_t len = strcspn(host + bracketed, bracketed ? "]" : ":");

	if (len >= sizeof(text))
		return false;
	memcpy(text, host + bracketed, len);
	text[len] = '\0';
	return !strcmp(text, "localhost") || bl_addr_parse(text, &addr) == 0;
}

/* Browsers reach ports of this machine for any page that they show; nothing else sends an Origin.
 */
static bool is_from_page(struct MHD_Connection *connection)
{
	const char *host =
		MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_HOST);

	return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_ORIGIN) ||
	       (host && !is_own_host(host));
}

/* Who has the document already is told so, and no more. */
static void shorten(const struct bl_request *request, struct bl_reply *reply)
{
	const char *known = bl_request_header(request, MHD_HTTP_HEADER_IF_NONE_MATCH);

	if (!reply->etag[0] || !known || !strstr(known, reply->etag))
		return;
	bl_buf_done(&reply->body);
	reply->body = (struct bl_buf){0};
	bl_buf_add_str(&reply->body, "");
	reply->code = MHD_HTTP_NOT_MODIFIED;
}

static enum MHD_Result answer(struct bl_server *server, struct MHD_Connection *connection,
			      const char *path, const char *method, const struct pending *pending)
{
	struct bl_request request = {
		.method = method,
		.path = path,
		.body = pending->body.data ? pending->body.data : "",
		.body_len = pending->body.len,
		.connection = connection,
	};
	const char *type = bl_request_header(&request, MHD_HTTP_HEADER_CONTENT_TYPE);
	struct bl_reply reply = {.code = 200, .content_type = "application/json"};
	enum MHD_Result result;

	request.content_type = type ? type : "";
	if (server->guard == BL_SERVER_NO_PAGES && is_from_page(connection)) {
		reply.code = 403;
		bl_status_error(&reply.body, 403, bl_status_reason(403),
				"this port is not for web pages: no Origin is taken, and no Host "
				"but localhost and addresses",
				NULL);
	} else if (pending->too_large) {
		reply.code = 413;
		bl_status_error(&reply.body, 413, bl_status_reason(413),
				"the body has more than 3 MiB", NULL);
	} else if (pending->body.failed) {
		reply.code = 500;
		bl_status_error(&reply.body, 500, bl_status_reason(500), "no memory for the body",
				NULL);
	} else {
		server->handle(&request, &reply, server->userdata);
	}
	if (reply.body.failed) { /* half an answer is none */
		bl_buf_done(&reply.body);
		reply.body = (struct bl_buf){0};
		reply.code = 500;
		bl_status_error(&reply.body, 500, bl_status_reason(500), "no memory", NULL);
	}
	shorten(&request, &reply);
	result = send_reply(server, connection, &reply);
	bl_buf_done(&reply.body);
	bl_buf_done(&reply.warnings);
	return result;
}

static void on_connection(void *userdata, struct MHD_Connection *connection, void **context,
			  enum MHD_ConnectionNotificationCode code)
{
	struct bl_server *server = userdata;
	const union MHD_ConnectionInfo *info;

	if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
		bl_deadline_end(*context);
		*context = NULL;
		return;
	}
	info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	*context = info ? bl_deadline_begin(server->deadlines, info->connect_fd) : NULL;
	bl_deadline_set(*context, REQUEST_LIMIT_US);
}

static enum MHD_Result on_request(void *userdata, struct MHD_Connection *connection,
				  const char *path, const char *method, const char *version,
				  const char *data, size_t *data_len, void **state)
{
	struct pending *pending = *state;

	(void)version;
	if (!pending) {
		pending = calloc(1, sizeof(*pending));
		*state = pending;
		return pending ? MHD_YES : MHD_NO;
	}
	if (!*data_len) {
		bl_deadline_set(deadline_of(connection), ANSWER_LIMIT_US);
		return answer(userdata, connection, path, method, pending);
	}
	/* The rest of too large a body is read and dropped: the client hears the reason only when
	 * it is done sending. */
	if (pending->body.len + *data_len > BL_BODY_MAX) {
		pending->too_large = true;
		bl_buf_done(&pending->body);
		pending->body = (struct bl_buf){0};
	}
	if (!pending->too_large)
		bl_buf_add(&pending->body, data, *data_len);
	*data_len = 0;
	return MHD_YES;
}

static void on_completed(void *userdata, struct MHD_Connection *connection, void **state,
			 enum MHD_RequestTerminationCode code)
{
	struct pending *pending = *state;

	(void)userdata;
	(void)code;
	bl_deadline_set(deadline_of(connection), REQUEST_LIMIT_US);
	if (pending)
		bl_buf_done(&pending->body);
	free(pending);
	*state = NULL;
}

static int start_daemon(struct bl_server *server, int fd, struct bl_err *err)
{
	const union MHD_DaemonInfo *info;
	int r = bl_deadlines_new(server->loop, LIMITS_PERIOD_US, &server->deadlines);

	if (r < 0) {
		bl_close_p(&fd);
		return bl_err_set(err, r, "cannot make a timer: %s", strerror(-r));
	}
	server->daemon = MHD_start_daemon(
		MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, on_request, server,
		MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT, BL_CONNECTIONS_MAX,
		MHD_OPTION_CONNECTION_TIMEOUT, CONNECTION_TIMEOUT_S,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
		MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL, MHD_OPTION_NOTIFY_CONNECTION,
		on_connection, server, MHD_OPTION_END);
	if (!server->daemon) {
		bl_close_p(&fd);
		return bl_err_set(err, -EIO, "cannot start the server on '%s'",
				  server->path ? server->path : "the TCP port");
	}
	info = MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	if (!info)
		return bl_err_set(err, -ENOTSUP, "libmicrohttpd was built without epoll");
	r = sd_event_add_io(server->loop, &server->io, info->epoll_fd, EPOLLIN, on_io, server);
	if (r >= 0)
		r = sd_event_add_time_relative(server->loop, &server->timer, CLOCK_MONOTONIC, 0, 1,
					       on_timer, server);
	return r < 0 ? bl_err_set(err, r, "cannot follow the server: %s", strerror(-r)) : 0;
}

static int new_server(sd_event *loop, bl_request_fn *handle, void *userdata, struct bl_server **ret,
		      struct bl_err *err)
{
	struct bl_server *server = calloc(1, sizeof(*server));

	if (!server)
		return bl_err_set(err, -ENOMEM, "no memory");
	server->loop = loop;
	server->handle = handle;
	server->userdata = userdata;
	*ret = server;
	return 0;
}

int bl_server_new(sd_event *loop, const char *path, bl_request_fn *handle, void *userdata,
		  struct bl_server **ret, struct bl_err *err)
{
	_cleanup_(bl_server_free) struct bl_server *server = NULL;
	_cleanup_free_ char *copy = strdup(path);
	int fd, r;

	if (!copy)
		return bl_err_set(err, -ENOMEM, "no memory");
	r = new_server(loop, handle, userdata, &server, err);
	if (r < 0)
		return r;
	fd = bl_listen_unix(path, err);
	if (fd < 0)
		return fd;
	server->path = TAKE_PTR(copy); /* from here on the socket is ours to remove */
	r = start_daemon(server, fd, err);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(server);
	return 0;
}

int bl_server_new_tcp(sd_event *loop, const struct bl_addr *addr, uint16_t port,
		      enum bl_server_guard guard, bl_request_fn *handle, void *userdata,
		      struct bl_server **ret, struct bl_err *err)
{
	_cleanup_(bl_server_free) struct bl_server *server = NULL;
	int r = new_server(loop, handle, userdata, &server, err), fd;

	if (r < 0)
		return r;
	server->guard = guard;
	fd = bl_listen_tcp(addr, port, err);
	if (fd < 0)
		return fd;
	r = start_daemon(server, fd, err);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(server);
	return 0;
}

/* Ends the streams in order: the library forbids to stop while connections are suspended. */
static void end_streams(struct bl_server *server)
{
	for (struct stream *stream = server->streams; stream; stream = stream->next)
		bl_watcher_finish(stream->watcher);
	for (int i = 0; server->daemon && server->streams && i < 10; i++)
		(void)MHD_run(server->daemon);
}

struct bl_server *bl_server_free(struct bl_server *server)
{
	if (!server)
		return NULL;
	end_streams(server);
	sd_event_source_disable_unref(server->io);
	sd_event_source_disable_unref(server->timer);
	if (server->daemon)
		MHD_stop_daemon(server->daemon);
	bl_deadlines_free(server->deadlines);
	if (server->path)
		(void)unlink(server->path);
	free(server->path);
	free(server);
	return NULL;
}
