/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A gRPC call over a socket: the health service of a container, or ExecSync of a container runtime
 * on its UNIX socket. */
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "probe/grpc_call.h"
#include "probe/try_parts.h"

#define HEALTH_PATH "/grpc.health.v1.Health/Check"
#define EXEC_PATH "/runtime.v1.RuntimeService/ExecSync"
#define RUNTIME_GRACE_MS                                                                           \
	2000 /* the runtime has the deadline; ours is for when it does not answer */

struct grpc_try {
	struct bl_try try;
	struct bl_grpc_call *call;
	int fd;
	int failure; /* of connect() itself, told from the loop */
	bool connected;
	bool is_exec;
	uint32_t exec_timeout_ms;
	struct bl_buf output; /* what is to be written */
	size_t written;       /* of it */
	sd_event_source *io;
};

static void release(struct bl_try *try)
{
	struct grpc_try *grpc = (struct grpc_try *)try;

	sd_event_source_disable_unref(grpc->io);
	bl_close_p(&grpc->fd);
	bl_grpc_call_free(grpc->call);
	bl_buf_done(&grpc->output);
	free(grpc);
}

/* That a container does not answer says something about it, that a runtime does not does not. */
static enum bl_probe_outcome no_answer(const struct grpc_try *grpc)
{
	return grpc->is_exec ? BL_PROBE_ERROR : BL_PROBE_FAILURE;
}

static void fail(struct grpc_try *grpc, int error)
{
	char text[BL_TRY_TEXT];

	bl_try_end(&grpc->try, no_answer(grpc), "%s%s", grpc->is_exec ? "container runtime: " : "",
		   error == EPROTO ? "the peer speaks no HTTP/2" : bl_try_error_text(error, text));
}

static void end_health(struct grpc_try *grpc, const struct bl_grpc_answer *answer)
{
	static const char *const words[] = {"UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"};
	uint64_t status = answer->fields.numbers[1];

	if (answer->status == BL_GRPC_UNIMPLEMENTED)
		bl_try_end(&grpc->try, BL_PROBE_FAILURE,
			   "gRPC status 12: the server has no grpc.health.v1.Health");
	else if (answer->status == BL_GRPC_DEADLINE_EXCEEDED)
		bl_try_end_timeout(&grpc->try);
	else if (answer->status > 0)
		bl_try_end(&grpc->try, BL_PROBE_FAILURE, "gRPC status %d%s%s", answer->status,
			   answer->message[0] ? ": " : "", answer->message);
	else if (answer->status < 0 && !answer->http_status)
		bl_try_end(&grpc->try, BL_PROBE_FAILURE, "the peer speaks no HTTP/2");
	else if (answer->status < 0 && answer->http_status != 200)
		bl_try_end(&grpc->try, BL_PROBE_FAILURE, "HTTP %d", answer->http_status);
	else if (answer->status < 0 || !answer->has_message)
		bl_try_end(&grpc->try, BL_PROBE_FAILURE, "the answer is no gRPC message");
	else if (status == 1)
		bl_try_end(&grpc->try, BL_PROBE_SUCCESS, "%s", "");
	else
		bl_try_end(&grpc->try, BL_PROBE_FAILURE, "%s",
			   words[status < ARRAY_SIZE(words) ? status : 0]);
}

static void end_exec(struct grpc_try *grpc, const struct bl_grpc_answer *answer)
{
	int code = (int)answer->fields.numbers[3];
	char line[BL_TRY_LINE];

	if (answer->status == BL_GRPC_DEADLINE_EXCEEDED)
		bl_try_end(&grpc->try, BL_PROBE_FAILURE, "timed out after %us",
			   grpc->exec_timeout_ms / 1000);
	else if (answer->status != BL_GRPC_OK || !answer->has_message)
		bl_try_end(&grpc->try, BL_PROBE_ERROR, "container runtime: gRPC status %d%s%s",
			   answer->status, answer->message[0] ? ": " : "", answer->message);
	else if (code == 0)
		bl_try_end(&grpc->try, BL_PROBE_SUCCESS, "%s", "");
	else
		bl_try_end(&grpc->try, BL_PROBE_FAILURE, "exit status %d%s", code,
			   bl_try_first_line(answer->fields.bytes, answer->fields.bytes_len, line));
}

/* All that the call has to say by now, frame by frame, so that one write sends it. */
static int gather_output(struct grpc_try *grpc)
{
	const void *bytes;
	size_t len;
	int r;

	grpc->output.len = 0;
	grpc->written = 0;
	do {
		r = bl_grpc_call_output(grpc->call, &bytes, &len);
		if (r >= 0 && len)
			bl_buf_add(&grpc->output, bytes, len);
	} while (r >= 0 && len);
	return r < 0 ? r : grpc->output.failed ? -ENOMEM : 0;
}

/* 1: all is written, 0: the socket is full. -errno. */
static int write_output(struct grpc_try *grpc)
{
	for (;;) {
		size_t left = grpc->output.len - grpc->written;
		ssize_t n;
		int r;

		if (!left) {
			r = gather_output(grpc);
			if (r < 0 || !grpc->output.len)
				return r < 0 ? r : 1;
			left = grpc->output.len;
		}
		n = send(grpc->fd, grpc->output.data + grpc->written, left, MSG_NOSIGNAL);
		if (n < 0)
			return errno == EAGAIN ? 0 : -errno;
		grpc->written += (size_t)n;
	}
}

/* 1: the peer hung up. -errno. */
static int read_input(struct grpc_try *grpc)
{
	uint8_t bytes[4096];

	while (!bl_grpc_call_answer(grpc->call)) {
		ssize_t n = recv(grpc->fd, bytes, sizeof(bytes), 0);
		int r;

		if (n < 0 && errno == EAGAIN)
			return 0;
		if (n < 0)
			return -errno;
		if (n == 0)
			return 1;
		r = bl_grpc_call_feed(grpc->call, bytes, (size_t)n);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Who takes us for something else answers before it hangs up: what it said is worth more than that
 * it is gone. */
static bool spoke_otherwise(struct grpc_try *grpc)
{
	const void *bytes;
	size_t len;
	int r = read_input(grpc) == -EPROTO ? -EPROTO : 0;

	do
		r = r < 0 ? r : bl_grpc_call_output(grpc->call, &bytes, &len);
	while (r == 0 && len);
	return r < 0;
}

static void go_on(struct grpc_try *grpc, uint32_t events)
{
	const struct bl_grpc_answer *answer;
	int r = events & EPOLLIN ? read_input(grpc) : 0, written;

	answer = bl_grpc_call_answer(grpc->call);
	if (answer && grpc->is_exec) {
		end_exec(grpc, answer);
	} else if (answer) {
		end_health(grpc, answer);
	} else if (r > 0 && spoke_otherwise(grpc)) {
		fail(grpc, EPROTO);
	} else if (r > 0) {
		bl_try_end(&grpc->try, no_answer(grpc), "connection closed without an answer");
	} else {
		written = r < 0 ? r : write_output(grpc);
		if ((written == -EPIPE || written == -ECONNRESET) && spoke_otherwise(grpc))
			written = -EPROTO;
		if (written < 0)
			fail(grpc, -written);
		else
			(void)sd_event_source_set_io_events(grpc->io,
							    written ? EPOLLIN : EPOLLIN | EPOLLOUT);
	}
}

static int on_io(sd_event_source *io, int fd, uint32_t events, void *userdata)
{
	struct grpc_try *grpc = userdata;
	int r = grpc->connected ? 0 : bl_try_connect_result(fd);

	(void)io;
	if (r < 0) {
		fail(grpc, -r);
		return 0;
	}
	grpc->connected = true;
	if (events & (EPOLLERR | EPOLLHUP))
		events |= EPOLLIN; /* reading tells which */
	go_on(grpc, events);
	return 0;
}

static int on_failure(sd_event_source *defer, void *userdata)
{
	struct grpc_try *grpc = userdata;

	(void)defer;
	fail(grpc, grpc->failure);
	return 0;
}

/* With a descriptor, or with the failure to get one. */
static int start(struct grpc_try *grpc, struct bl_tries *tries, uint32_t timeout_ms,
		 bl_try_done_fn *done, void *userdata, struct bl_try **ret, struct bl_err *err)
{
	int r;

	if (grpc->failure)
		r = sd_event_add_defer(tries->config.loop, &grpc->io, on_failure, grpc);
	else
		r = sd_event_add_io(tries->config.loop, &grpc->io, grpc->fd, EPOLLOUT, on_io, grpc);
	if (r >= 0)
		r = bl_try_enter(&grpc->try, tries, timeout_ms, done, userdata, release);
	if (r < 0) {
		release(&grpc->try);
		return bl_err_set(err, r, "cannot wait for a socket");
	}
	*ret = &grpc->try;
	return 0;
}

int bl_try_start_grpc(struct bl_tries *tries, const struct bl_probe_target *target,
		      bl_try_done_fn *done, void *userdata, struct bl_try **ret, struct bl_err *err)
{
	_cleanup_(bl_buf_done) struct bl_buf request = {0};
	bool v6 = target->address.family == BL_FAMILY_IPV6;
	struct grpc_try *grpc;
	char authority[300];
	int r;

	if (!target->address.family)
		return bl_err_set(err, -EINVAL, "host '%s' is no address", target->host);
	grpc = calloc(1, sizeof(*grpc));
	if (!grpc)
		return bl_err_set(err, -ENOMEM, "no memory");
	grpc->fd = -1;
	(void)snprintf(authority, sizeof(authority), "%s%s%s:%u", v6 ? "[" : "", target->host,
		       v6 ? "]" : "", target->port);
	if (target->service[0])
		bl_pb_add_string(&request, 1, target->service);
	if (bl_grpc_call_new(authority, HEALTH_PATH, &request, target->timeout_ms, &grpc->call) <
	    0) {
		release(&grpc->try);
		return bl_err_set(err, -ENOMEM, "no memory");
	}
	r = bl_try_connect(tries, &target->address, target->port, &grpc->fd, &grpc->failure, err);
	if (r < 0) {
		release(&grpc->try);
		return r;
	}
	return start(grpc, tries, target->timeout_ms, done, userdata, ret, err);
}

static int connect_unix(const char *path)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t len = strlen(path);

	if (fd < 0)
		return -errno;
	if (len >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	memcpy(address.sun_path, path, len + 1);
	if (connect(fd, (struct sockaddr *)&address,
		    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + 1)) < 0)
		return -errno;
	return TAKE_FD(fd);
}

int bl_try_start_cri(struct bl_tries *tries, const struct bl_probe_target *target,
		     bl_try_done_fn *done, void *userdata, struct bl_try **ret, struct bl_err *err)
{
	_cleanup_(bl_buf_done) struct bl_buf request = {0};
	const char *id = strstr(target->container_id, "://");
	struct grpc_try *grpc = calloc(1, sizeof(*grpc));
	int r;

	if (!grpc)
		return bl_err_set(err, -ENOMEM, "no memory");
	grpc->fd = -1;
	grpc->is_exec = true;
	grpc->exec_timeout_ms = target->timeout_ms;
	bl_pb_add_string(&request, 1, id ? id + 3 : target->container_id);
	for (size_t i = 0; i < target->command->count; i++)
		bl_pb_add_string(&request, 2, target->command->items[i]);
	bl_pb_add_number(&request, 3, target->timeout_ms / 1000);
	if (bl_grpc_call_new("localhost", EXEC_PATH, &request,
			     target->timeout_ms + RUNTIME_GRACE_MS, &grpc->call) < 0) {
		release(&grpc->try);
		return bl_err_set(err, -ENOMEM, "no memory");
	}
	grpc->fd = r = connect_unix(tries->config.cri_socket);
	if (r < 0) {
		grpc->fd = -1;
		grpc->failure = -r;
	}
	r = start(grpc, tries, target->timeout_ms + RUNTIME_GRACE_MS, done, userdata, ret, err);
	if (r >= 0)
		(*ret)->timeout_ms = target->timeout_ms; /* what people are told */
	return r;
}
