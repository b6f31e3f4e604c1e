/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/task.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

struct bl_task {
	sd_event *loop; /* borrowed */
	bl_task_work_fn *work;
	bl_task_done_fn *done;
	void *userdata;
	uint64_t deadline_usec;
	pid_t child; /* 0: none */
	int result;  /* end of the pipe; -1: none */
	bool late;
	sd_event_source *exit;
	sd_event_source *deadline;
};

_Static_assert(sizeof(struct bl_task_result) <= PIPE_BUF, "a result is written in one piece");

static void end(struct bl_task *task)
{
	task->child = 0;
	bl_close_p(&task->result);
	task->exit = sd_event_source_disable_unref(task->exit);
	task->deadline = sd_event_source_disable_unref(task->deadline);
}

static void kill_child(struct bl_task *task)
{
	if (task->child > 0) {
		(void)kill(task->child, SIGKILL);
		(void)waitpid(task->child, NULL, 0);
	}
	end(task);
}

static int on_exit_of_child(sd_event_source *source, const siginfo_t *info, void *userdata)
{
	struct bl_task *task = userdata;
	struct bl_task_result result = {0};

	(void)source;
	(void)info;
	if (read(task->result, &result, sizeof(result)) != (ssize_t)sizeof(result)) {
		result = (struct bl_task_result){.code = task->late ? -ETIME : -EIO};
		(void)bl_err_set(&result.err, result.code, "the process for it %s",
				 task->late ? "took too long" : "was killed");
	}
	end(task);
	task->done(&result, task->userdata);
	return 0;
}

static int on_deadline(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct bl_task *task = userdata;

	(void)source;
	(void)usec;
	task->late = true;
	(void)kill(task->child, SIGKILL); /* its exit tells */
	return 0;
}

static void child_main(const struct bl_task *task, int to)
{
	struct bl_task_result result = {0};

	/* It holds the agent's locks for as long as it runs. */
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	task->work(task->userdata, &result);
	_exit(write(to, &result, sizeof(result)) == (ssize_t)sizeof(result) ? 0 : 1);
}

static int follow(struct bl_task *task)
{
	int r = sd_event_add_child(task->loop, &task->exit, task->child, WEXITED, on_exit_of_child,
				   task);

	if (r >= 0)
		r = sd_event_add_time_relative(task->loop, &task->deadline, CLOCK_MONOTONIC,
					       task->deadline_usec, 0, on_deadline, task);
	return r;
}

static int start_child(struct bl_task *task)
{
	int ends[2], r = 0;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	task->late = false;
	task->result = ends[0];
	task->child = fork();
	if (task->child == 0)
		child_main(task, ends[1]);
	if (task->child < 0) {
		r = -errno;
		task->child = 0;
	}
	(void)close(ends[1]);
	if (r >= 0)
		r = follow(task);
	if (r < 0)
		kill_child(task);
	return r;
}

void bl_task_start(struct bl_task *task)
{
	struct bl_task_result result = {0};

	if (task->child || start_child(task) >= 0)
		return;
	task->work(task->userdata, &result);
	task->done(&result, task->userdata);
}

bool bl_task_is_running(const struct bl_task *task)
{
	return task->child > 0;
}

int bl_task_new(sd_event *loop, bl_task_work_fn *work, bl_task_done_fn *done, void *userdata,
		uint64_t deadline_usec, struct bl_task **ret)
{
	struct bl_task *task = calloc(1, sizeof(*task));

	if (!task)
		return -ENOMEM;
	*task = (struct bl_task){
		.loop = loop,
		.work = work,
		.done = done,
		.userdata = userdata,
		.deadline_usec = deadline_usec,
		.result = -1,
	};
	*ret = task;
	return 0;
}

struct bl_task *bl_task_free(struct bl_task *task)
{
	if (!task)
		return NULL;
	kill_child(task);
	free(task);
	return NULL;
}
