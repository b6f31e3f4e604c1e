/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "agent/task.h"

struct job {
	int how; /* 0: well, 1: fails, 2: dies, 3: never ends */
	unsigned int touched;
	unsigned int ended;
	struct bl_task_result result;
};

static void work(void *userdata, struct bl_task_result *ret)
{
	struct job *job = userdata;

	job->touched++;
	if (job->how == 2)
		(void)kill(getpid(), SIGKILL);
	while (job->how == 3)
		(void)pause();
	if (job->how == 1)
		ret->code = bl_err_set(&ret->err, -EACCES, "no way");
	ret->number = 7;
}

static void done(const struct bl_task_result *result, void *userdata)
{
	struct job *job = userdata;

	job->ended++;
	job->result = *result;
}

static const struct {
	int how;
	int code;
	const char *text;
} rows[] = {
	{0, 0, ""},
	{1, -EACCES, "no way"},
	{2, -EIO, "was killed"},
	{3, -ETIME, "took too long"},
};

static sd_event *make_loop(void)
{
	sd_event *loop = NULL;
	sigset_t mask;

	(void)sigemptyset(&mask);
	(void)sigaddset(&mask, SIGCHLD);
	(void)sigprocmask(SIG_BLOCK, &mask, NULL);
	cr_assert_geq(sd_event_new(&loop), 0);
	return loop;
}

Test(task, the_result_of_the_child_comes_back_and_nothing_else, .timeout = 600)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		sd_event *loop = make_loop();
		struct job job = {.how = rows[i].how};
		struct bl_task *task = NULL;

		cr_assert_eq(bl_task_new(loop, work, done, &job, 200 * 1000, &task), 0);
		for (unsigned int again = 1; again <= 2; again++) {
			bl_task_start(task);
			cr_assert(bl_task_is_running(task));
			bl_task_start(task);
			while (job.ended < again)
				cr_assert_geq(sd_event_run(loop, 100000), 0);
			cr_assert_not(bl_task_is_running(task));
			cr_assert_eq(job.result.code, rows[i].code, "row %zu", i);
			cr_assert(strstr(job.result.err.text, rows[i].text), "%s",
				  job.result.err.text);
		}
		cr_assert_eq(job.touched, 0);
		bl_task_free(task);
		sd_event_unref(loop);
	}
}

Test(task, a_child_that_runs_ends_with_its_task, .timeout = 600)
{
	sd_event *loop = make_loop();
	struct job job = {.how = 3};
	struct bl_task *task = NULL;

	cr_assert_eq(bl_task_new(loop, work, done, &job, UINT64_C(3600000000), &task), 0);
	bl_task_start(task);
	bl_task_free(task);
	cr_assert_eq(job.ended, 0);
	sd_event_unref(loop);
}
