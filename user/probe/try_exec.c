/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A command in a container that this agent enters itself. The child makes nothing but system calls
 * between fork and exec: the agent has threads, whose locks it may have been copied with.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>

#include "probe/exec_group.h"
#include "probe/exec_place.h"
#include "probe/try_parts.h"

#define OUTPUT_MAX (10u * 1024u)

enum stage {
	STAGE_ENTER,  /* the namespaces and the cgroup */
	STAGE_BECOME, /* root, folder, user */
	STAGE_RUN,
};

struct trouble { /* the child's last words */
	enum stage stage;
	int error;
};

struct exec_try {
	struct bl_try try;
	struct bl_exec_group *group; /* NULL: it cannot have one */
	pid_t pid;
	int output_fd;
	int trouble_fd;
	char output[OUTPUT_MAX];
	size_t output_len;
	char program[64];
	sd_event_source *io;
	sd_event_source *child;
};

static void release(struct bl_try *try)
{
	struct exec_try *exec = (struct exec_try *)try;

	if (exec->child) {
		/* Whatever it has started dies with it; its end is awaited by the loop. */
		(void)kill(-exec->pid, SIGKILL);
		(void)kill(exec->pid, SIGKILL);
		(void)sd_event_source_set_userdata(exec->child, NULL);
		(void)sd_event_source_set_floating(exec->child, true);
		sd_event_source_unref(exec->child);
	}
	exec->group = bl_exec_group_end(try->tries->exec_groups, exec->group);
	sd_event_source_disable_unref(exec->io);
	bl_close_p(&exec->output_fd);
	bl_close_p(&exec->trouble_fd);
	free(exec);
}

static void read_output(struct exec_try *exec)
{
	char rest[4096];

	for (int i = 0; i < 64; i++) { /* a flood must not keep the loop */
		size_t room = sizeof(exec->output) - exec->output_len;
		ssize_t n = read(exec->output_fd, room ? exec->output + exec->output_len : rest,
				 room ? room : sizeof(rest));

		if (n <= 0) {
			if (n == 0 || errno != EAGAIN)
				exec->io = sd_event_source_disable_unref(exec->io);
			return;
		}
		exec->output_len += room ? (size_t)n : 0;
	}
}

static int on_output(sd_event_source *io, int fd, uint32_t events, void *userdata)
{
	(void)io;
	(void)fd;
	(void)events;
	read_output(userdata);
	return 0;
}

static void end_in_trouble(struct exec_try *exec, const struct trouble *trouble)
{
	char text[BL_TRY_TEXT];

	if (trouble->stage == STAGE_RUN)
		bl_try_end(&exec->try, BL_PROBE_FAILURE, "cannot run '%s': %s", exec->program,
			   bl_try_error_text(trouble->error, text));
	else
		bl_try_end(&exec->try, BL_PROBE_ERROR, "cannot enter the container%s: %s",
			   trouble->stage == STAGE_ENTER ? "" : " as its user",
			   bl_try_error_text(trouble->error, text));
}

static int on_child(sd_event_source *child, const siginfo_t *info, void *userdata)
{
	struct exec_try *exec = userdata;
	char line[BL_TRY_LINE];
	struct trouble trouble;

	if (!exec) { /* its try is over */
		(void)sd_event_source_set_floating(child, false);
		return 0;
	}
	exec->child = sd_event_source_disable_unref(exec->child);
	(void)kill(-exec->pid, SIGKILL); /* what it left behind */
	if (exec->io)
		read_output(exec);
	if (read(exec->trouble_fd, &trouble, sizeof(trouble)) == sizeof(trouble))
		end_in_trouble(exec, &trouble);
	else if (info->si_code != CLD_EXITED)
		bl_try_end(&exec->try, BL_PROBE_FAILURE, "killed by signal %d%s", info->si_status,
			   bl_try_first_line(exec->output, exec->output_len, line));
	else if (info->si_status)
		bl_try_end(&exec->try, BL_PROBE_FAILURE, "exit status %d%s", info->si_status,
			   bl_try_first_line(exec->output, exec->output_len, line));
	else
		bl_try_end(&exec->try, BL_PROBE_SUCCESS, "%s", "");
	return 0;
}

/* In the child */

static void __attribute__((noreturn)) give_up(int fd, enum stage stage, int error)
{
	const struct trouble trouble = {.stage = stage, .error = error};

	if (write(fd, &trouble, sizeof(trouble)) != sizeof(trouble))
		_exit(126);
	_exit(127);
}

/* Waits for the process that is inside, and ends as it did. */
static void __attribute__((noreturn)) stand_in_for(pid_t inside)
{
	int status = 0;

	/* Above all the lock of the state folder: the command may outlive the agent. */
	(void)close_range(STDERR_FILENO + 1, ~0u, 0);
	while (waitpid(inside, &status, 0) < 0 && errno == EINTR)
		continue;
	if (WIFSIGNALED(status))
		(void)kill(getpid(), WTERMSIG(status));
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 125);
}

static void __attribute__((noreturn))
run_child(const struct bl_exec_place *place, int procs, char **argv, int null_fd, int output_fd,
	  int trouble_fd)
{
	sigset_t none;
	pid_t inside;
	int error;

	(void)setpgid(0, 0);
	(void)sigemptyset(&none);
	(void)signal(SIGPIPE, SIG_DFL);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	if (dup2(null_fd, 0) < 0 || dup2(output_fd, 1) < 0 || dup2(output_fd, 2) < 0)
		give_up(trouble_fd, STAGE_ENTER, errno);
	error = bl_exec_place_enter(place, procs);
	if (error)
		give_up(trouble_fd, STAGE_ENTER, error);
	/* Only children are in another namespace of process ids. */
	inside = place->pidfd >= 0 ? fork() : 0;
	if (inside < 0)
		give_up(trouble_fd, STAGE_ENTER, errno);
	if (inside > 0)
		stand_in_for(inside);
	error = bl_exec_place_become(place);
	if (error)
		give_up(trouble_fd, STAGE_BECOME, error);
	(void)execvp(argv[0], argv);
	give_up(trouble_fd, STAGE_RUN, errno);
}

/* In the agent */

static int spawn(struct exec_try *exec, const struct bl_exec_place *place, char **argv,
		 struct bl_err *err)
{
	_cleanup_close_ int null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int output[2] = {-1, -1}, trouble[2] = {-1, -1}, error;

	if (null_fd < 0 || pipe2(output, O_CLOEXEC) < 0)
		return bl_err_set(err, -errno, "cannot make a pipe: %m");
	exec->output_fd = output[0];
	if (pipe2(trouble, O_CLOEXEC) < 0) {
		error = errno;
		(void)close(output[1]);
		return bl_err_set(err, -error, "cannot make a pipe: %s", strerror(error));
	}
	exec->trouble_fd = trouble[0];
	(void)fcntl(output[0], F_SETFL, O_NONBLOCK);
	(void)fcntl(trouble[0], F_SETFL, O_NONBLOCK);
	exec->pid = fork();
	error = errno;
	if (exec->pid == 0)
		run_child(place, exec->group ? bl_exec_group_procs(exec->group) : place->procs,
			  argv, null_fd, output[1], trouble[1]);
	(void)close(output[1]);
	(void)close(trouble[1]);
	if (exec->pid < 0)
		return bl_err_set(err, -error, "cannot start a process: %s", strerror(error));
	(void)setpgid(exec->pid, exec->pid); /* whoever comes first */
	return 0;
}

static char **make_argv(const struct bl_strings *command)
{
	char **argv = calloc(command->count + 1, sizeof(*argv));

	for (size_t i = 0; argv && i < command->count; i++)
		argv[i] = (char *)(uintptr_t)command->items[i];
	return argv;
}

static void reap(pid_t pid)
{
	(void)kill(-pid, SIGKILL);
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
}

static int watch(struct exec_try *exec, struct bl_tries *tries, uint32_t timeout_ms,
		 bl_try_done_fn *done, void *userdata)
{
	int r = sd_event_add_child(tries->config.loop, &exec->child, exec->pid, WEXITED, on_child,
				   exec);

	if (r < 0) {
		reap(exec->pid);
		return r;
	}
	r = sd_event_add_io(tries->config.loop, &exec->io, exec->output_fd, EPOLLIN, on_output,
			    exec);
	return r < 0 ? r : bl_try_enter(&exec->try, tries, timeout_ms, done, userdata, release);
}

int bl_try_start_exec(struct bl_tries *tries, const struct bl_probe_target *target,
		      bl_try_done_fn *done, void *userdata, struct bl_try **ret, struct bl_err *err)
{
	_cleanup_(bl_exec_place_done) struct bl_exec_place place = BL_EXEC_PLACE_INIT;
	_cleanup_free_ char **argv = make_argv(target->command);
	struct exec_try *exec;
	int r = bl_exec_place_open(target, tries->config.cgroup_root, &place, err);

	if (r < 0)
		return r;
	exec = argv ? calloc(1, sizeof(*exec)) : NULL;
	if (!exec)
		return bl_err_set(err, -ENOMEM, "no memory");
	exec->output_fd = -1;
	exec->trouble_fd = -1;
	(void)snprintf(exec->program, sizeof(exec->program), "%s", argv[0]);
	exec->try.tries = tries;
	if (place.cgroup >= 0)
		(void)bl_exec_group_new(place.cgroup, &exec->group); /* else the process group */
	r = spawn(exec, &place, argv, err);
	if (r >= 0) {
		r = watch(exec, tries, target->timeout_ms, done, userdata);
		if (r < 0)
			(void)bl_err_set(err, r, "cannot wait for a process: %s", strerror(-r));
	}
	if (r < 0) {
		release(&exec->try);
		return r;
	}
	*ret = &exec->try;
	return 0;
}
