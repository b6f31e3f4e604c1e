/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "probe/try.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>

#include "probe/try_parts.h"

int bl_tries_new(const struct bl_tries_config *config, struct bl_tries **ret, struct bl_err *err)
{
	_cleanup_(bl_tries_free) struct bl_tries *tries = calloc(1, sizeof(*tries));
	int r;

	if (!tries)
		return bl_err_set(err, -ENOMEM, "no memory");
	tries->config = *config;
	r = bl_http_tries_new(tries, &tries->http);
	if (r < 0)
		return bl_err_set(err, r, "cannot set up libcurl: %s", strerror(-r));
	r = bl_exec_groups_new(config->loop, &tries->exec_groups);
	if (r < 0)
		return bl_err_set(err, r, "cannot set up commands: %s", strerror(-r));
	*ret = TAKE_PTR(tries);
	return 0;
}

struct bl_tries *bl_tries_free(struct bl_tries *tries)
{
	if (!tries)
		return NULL;
	while (tries->first)
		bl_try_cancel(tries->first);
	bl_http_tries_free(tries->http);
	bl_exec_groups_free(tries->exec_groups);
	free(tries);
	return NULL;
}

int bl_try_start(struct bl_tries *tries, const struct bl_probe_target *target, bl_try_done_fn *done,
		 void *userdata, struct bl_try **ret, struct bl_err *err)
{
	switch (target->action) {
	case BL_PROBE_TCP:
		if (!target->address.family) /* libcurl knows how to look a name up */
			return bl_try_start_http(tries, target, done, userdata, ret, err);
		return bl_try_start_tcp(tries, target, done, userdata, ret, err);
	case BL_PROBE_HTTP:
		return bl_try_start_http(tries, target, done, userdata, ret, err);
	case BL_PROBE_GRPC:
		return bl_try_start_grpc(tries, target, done, userdata, ret, err);
	case BL_PROBE_EXEC:
		if (tries->config.cri_socket && target->container_id && target->container_id[0])
			return bl_try_start_cri(tries, target, done, userdata, ret, err);
		return bl_try_start_exec(tries, target, done, userdata, ret, err);
	}
	return bl_err_set(err, -EINVAL, "unknown action");
}

/* Out of the list, without a timer; the rest is the kind's. */
static void leave(struct bl_try *try)
{
	if (try->link) {
		*try->link = try->next;
		if (try->next)
			try->next->link = try->link;
		try->link = NULL;
	}
	try->timer = sd_event_source_disable_unref(try->timer);
	try->release(try);
}

struct bl_try *bl_try_cancel(struct bl_try *try)
{
	if (try)
		leave(try);
	return NULL;
}

void bl_try_end(struct bl_try *try, enum bl_probe_outcome outcome, const char *format, ...)
{
	bl_try_done_fn *done = try->done;
	void *userdata = try->userdata;
	char text[BL_TRY_TEXT];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	leave(try);
	done(outcome, text, userdata);
}

void bl_try_end_timeout(struct bl_try *try)
{
	uint32_t ms = try->timeout_ms;

	if (ms % 1000)
		bl_try_end(try, BL_PROBE_FAILURE, "timed out after %ums", ms);
	else
		bl_try_end(try, BL_PROBE_FAILURE, "timed out after %us", ms / 1000);
}

static int on_deadline(sd_event_source *timer, uint64_t usec, void *userdata)
{
	(void)timer;
	(void)usec;
	bl_try_end_timeout(userdata);
	return 0;
}

int bl_try_enter(struct bl_try *try, struct bl_tries *tries, uint32_t timeout_ms,
		 bl_try_done_fn *done, void *userdata, void (*release)(struct bl_try *try))
{
	int r = sd_event_add_time_relative(tries->config.loop, &try->timer, CLOCK_MONOTONIC,
					   timeout_ms * 1000ull, 1000, on_deadline, try);

	if (r < 0)
		return r;
	try->tries = tries;
	try->timeout_ms = timeout_ms;
	try->done = done;
	try->userdata = userdata;
	try->release = release;
	try->next = tries->first;
	try->link = &tries->first;
	if (try->next)
		try->next->link = &try->next;
	tries->first = try;
	return 0;
}

const char *bl_try_error_text(int error, char buffer[static BL_TRY_TEXT])
{
	(void)snprintf(buffer, BL_TRY_TEXT, "%s", strerror(error));
	buffer[0] = (char)tolower((unsigned char)buffer[0]);
	return buffer;
}

const char *bl_try_first_line(const char *output, size_t len, char buffer[static BL_TRY_LINE])
{
	size_t used = 0;

	for (size_t i = 0; i < len && used < BL_TRY_LINE - 3; i++) {
		unsigned char c = (unsigned char)output[i];

		if (c == '\n' && used)
			break;
		if (c != '\n')
			buffer[2 + used++] = c < ' ' || c == 0x7f ? '?' : (char)c;
	}
	buffer[0] = used ? ':' : '\0';
	buffer[1] = ' ';
	buffer[2 + used] = '\0';
	return buffer;
}

static int connect_marked(const struct bl_tries *tries, const struct bl_addr *address,
			  uint16_t port)
{
	struct sockaddr_storage sockaddr;
	socklen_t len = bl_addr_to_sockaddr(address, port, &sockaddr);
	uint32_t mark = tries->config.mark;
	_cleanup_close_ int fd =
		socket(sockaddr.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	if (mark && setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)) < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&sockaddr, len) < 0 && errno != EINPROGRESS)
		return -errno;
	return TAKE_FD(fd);
}

/* What the network says is an answer; that we have no descriptors left is none. */
static bool is_our_own(int error)
{
	return error == EPERM || error == EMFILE || error == ENFILE || error == ENOMEM ||
	       error == ENOBUFS || error == EADDRNOTAVAIL;
}

int bl_try_connect(const struct bl_tries *tries, const struct bl_addr *address, uint16_t port,
		   int *ret_fd, int *ret_failure, struct bl_err *err)
{
	int fd = connect_marked(tries, address, port);
	char text[BL_TRY_TEXT];

	if (fd < 0 && is_our_own(-fd))
		return bl_err_set(err, fd, "cannot make a socket: %s",
				  bl_try_error_text(-fd, text));
	*ret_fd = fd < 0 ? -1 : fd;
	*ret_failure = fd < 0 ? -fd : 0;
	return 0;
}

int bl_try_connect_result(int fd)
{
	int error = 0;
	socklen_t len = sizeof(error);

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
		return -errno;
	return -error;
}
