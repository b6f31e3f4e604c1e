/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "loop/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <time.h>

#include "base/buf.h"

#define COMPLAINT_MAX 200
#define READS 64 /* in one go: a flood must not keep the loop */

struct stream {
	int fd;
	sd_event_source *io;
};

struct bl_child {
	pid_t pid;
	size_t output_max;
	bl_child_done_fn *done;
	void *userdata;
	sd_event_source *exit;
	sd_event_source *timer;
	struct stream output;
	struct stream errors;
	struct bl_buf text;
	char tail[COMPLAINT_MAX]; /* the newest of standard error */
	size_t tail_len;
};

static void close_stream(struct stream *stream)
{
	stream->io = sd_event_source_disable_unref(stream->io);
	bl_close_p(&stream->fd);
	stream->fd = -1;
}

/* The loop awaits the end of what was killed; nobody hears of it. */
static void abandon(struct bl_child *child)
{
	if (!child->exit)
		return;
	(void)kill(-child->pid, SIGKILL);
	(void)sd_event_source_set_userdata(child->exit, NULL);
	(void)sd_event_source_set_floating(child->exit, true);
	child->exit = sd_event_source_unref(child->exit);
}

struct bl_child *bl_child_cancel(struct bl_child *child)
{
	if (!child)
		return NULL;
	abandon(child);
	close_stream(&child->output);
	close_stream(&child->errors);
	sd_event_source_disable_unref(child->timer);
	if (child->text.data)
		explicit_bzero(child->text.data, child->text.len);
	bl_buf_done(&child->text);
	free(child);
	return NULL;
}

/* Bytes of the character of UTF-8 that starts here and can be seen; 0: none does. C1 controls speak
 * to terminals, and a log with broken characters is shown as bytes. */
static size_t visible(const char *at, size_t left)
{
	unsigned char first = (unsigned char)*at;
	size_t len = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;

	if (first < ' ' || first == 0x7f || first > 0xf4 || len > left)
		return 0;
	for (size_t i = 1; i < len; i++)
		if (((unsigned char)at[i] & 0xc0) != 0x80)
			return 0;
	return first == 0xc2 && (unsigned char)at[1] < 0xa0 ? 0 : len;
}

/* The last line of standard error that says anything. */
static void write_complaint(const struct bl_child *child, char line[static COMPLAINT_MAX + 1])
{
	size_t end = child->tail_len, start;

	while (end && (unsigned char)child->tail[end - 1] <= ' ')
		end--;
	start = end;
	while (start && child->tail[start - 1] != '\n')
		start--;
	for (size_t i = start; i < end;) {
		size_t len = visible(&child->tail[i], end - i);

		if (len)
			memcpy(&line[i - start], &child->tail[i], len);
		else
			line[i - start] = '?';
		i += len ? len : 1;
	}
	line[end - start] = '\0';
}

static void finish(struct bl_child *child, struct bl_child_end *end)
{
	char line[COMPLAINT_MAX + 1];

	write_complaint(child, line);
	end->output = child->text.data ? child->text.data : "";
	end->output_len = child->text.len;
	end->complaint = line;
	abandon(child);
	child->done(end, child->userdata);
	(void)bl_child_cancel(child);
}

/* Output */

static void keep_tail(struct bl_child *child, const char *bytes, size_t len)
{
	size_t drop;

	if (len > COMPLAINT_MAX) {
		bytes += len - COMPLAINT_MAX;
		len = COMPLAINT_MAX;
	}
	drop = child->tail_len + len > COMPLAINT_MAX ? child->tail_len + len - COMPLAINT_MAX : 0;
	memmove(child->tail, child->tail + drop, child->tail_len - drop);
	memcpy(child->tail + child->tail_len - drop, bytes, len);
	child->tail_len += len - drop;
}

/* False: there is more output than anybody wants. */
static bool read_stream(struct bl_child *child, struct stream *stream)
{
	char bytes[4096];

	for (int i = 0; i < READS; i++) {
		ssize_t n = read(stream->fd, bytes, sizeof(bytes));

		if (n <= 0) {
			if (n == 0 || errno != EAGAIN)
				close_stream(stream);
			return true;
		}
		if (stream == &child->errors)
			keep_tail(child, bytes, (size_t)n);
		else if (child->text.len + (size_t)n > child->output_max)
			return false;
		else
			bl_buf_add(&child->text, bytes, (size_t)n);
	}
	return true;
}

static int on_io(sd_event_source *io, int fd, uint32_t events, void *userdata)
{
	struct bl_child *child = userdata;
	struct bl_child_end end = {.too_much = true, .status = -1};

	(void)events;
	(void)io;
	if (!read_stream(child, fd == child->output.fd ? &child->output : &child->errors))
		finish(child, &end);
	return 0;
}

/* Ends */

static int on_child_exit(sd_event_source *source, const siginfo_t *info, void *userdata)
{
	struct bl_child *child = userdata;
	struct bl_child_end end = {.status = -1};

	if (!child) { /* abandoned */
		(void)sd_event_source_set_floating(source, false);
		return 0;
	}
	child->exit = sd_event_source_disable_unref(child->exit);
	(void)kill(-child->pid, SIGKILL); /* what it left behind */
	if (child->output.fd >= 0 && !read_stream(child, &child->output))
		end.too_much = true;
	if (child->errors.fd >= 0)
		(void)read_stream(child, &child->errors);
	if (info->si_code == CLD_EXITED)
		end.status = info->si_status;
	else
		end.signal = info->si_status;
	finish(child, &end);
	return 0;
}

static int on_deadline(sd_event_source *timer, uint64_t usec, void *userdata)
{
	struct bl_child_end end = {.timed_out = true, .status = -1};

	(void)timer;
	(void)usec;
	finish(userdata, &end);
	return 0;
}

/* Start */

static int open_pipe(struct stream *stream, int *ret_write_fd)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	(void)fcntl(fds[0], F_SETFL, O_NONBLOCK);
	stream->fd = fds[0];
	*ret_write_fd = fds[1];
	return 0;
}

/* posix_spawn says whether the program could be run, and touches no lock of our threads. */
static int spawn(struct bl_child *child, const struct bl_child_spec *spec, int output_fd,
		 int error_fd)
{
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attributes;
	sigset_t none, all;
	int r;

	(void)sigemptyset(&none);
	(void)sigfillset(&all);
	r = posix_spawn_file_actions_init(&files);
	if (r)
		return -r;
	r = posix_spawnattr_init(&attributes);
	if (r) {
		(void)posix_spawn_file_actions_destroy(&files);
		return -r;
	}
	r = posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
	r = r ? r : posix_spawn_file_actions_adddup2(&files, output_fd, 1);
	r = r ? r : posix_spawn_file_actions_adddup2(&files, error_fd, 2);
	r = r ? r
	      : posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP |
							      POSIX_SPAWN_SETSIGMASK |
							      POSIX_SPAWN_SETSIGDEF);
	r = r ? r : posix_spawnattr_setpgroup(&attributes, 0);
	r = r ? r : posix_spawnattr_setsigmask(&attributes, &none);
	r = r ? r : posix_spawnattr_setsigdefault(&attributes, &all);
	r = r ? r
	      : posix_spawnp(&child->pid, spec->program, &files, &attributes, spec->argv,
			     spec->env);
	(void)posix_spawnattr_destroy(&attributes);
	(void)posix_spawn_file_actions_destroy(&files);
	return -r;
}

static int watch(struct bl_child *child, sd_event *loop, uint64_t timeout_ms)
{
	int r = sd_event_add_child(loop, &child->exit, child->pid, WEXITED, on_child_exit, child);

	if (r < 0) {
		(void)kill(-child->pid, SIGKILL);
		(void)waitpid(child->pid, NULL, 0);
		return r;
	}
	r = sd_event_add_io(loop, &child->output.io, child->output.fd, EPOLLIN, on_io, child);
	if (r >= 0)
		r = sd_event_add_io(loop, &child->errors.io, child->errors.fd, EPOLLIN, on_io,
				    child);
	if (r >= 0)
		r = sd_event_add_time_relative(loop, &child->timer, CLOCK_MONOTONIC,
					       timeout_ms * 1000, 1000, on_deadline, child);
	return r;
}

static void cancel_child(struct bl_child **child)
{
	(void)bl_child_cancel(*child);
}

int bl_child_start(sd_event *loop, const struct bl_child_spec *spec, bl_child_done_fn *done,
		   void *userdata, struct bl_child **ret, struct bl_err *err)
{
	__attribute__((cleanup(cancel_child))) struct bl_child *child = calloc(1, sizeof(*child));
	_cleanup_close_ int output_fd = -1;
	_cleanup_close_ int error_fd = -1;
	int r;

	if (!child)
		return bl_err_set(err, -ENOMEM, "no memory");
	child->output.fd = -1;
	child->errors.fd = -1;
	child->output_max = spec->output_max;
	child->done = done;
	child->userdata = userdata;
	r = open_pipe(&child->output, &output_fd);
	if (r == 0)
		r = open_pipe(&child->errors, &error_fd);
	if (r < 0)
		return bl_err_set(err, r, "cannot make a pipe: %s", strerror(-r));
	r = spawn(child, spec, output_fd, error_fd);
	if (r < 0)
		return bl_err_set(err, r, "cannot run '%s': %s", spec->program, strerror(-r));
	r = watch(child, loop, spec->timeout_ms);
	if (r < 0)
		return bl_err_set(err, r, "cannot wait for '%s': %s", spec->program, strerror(-r));
	*ret = TAKE_PTR(child);
	return 0;
}
