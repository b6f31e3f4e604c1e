/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/sweep.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "agent/task.h"
#include "base/log.h"

#define DEADLINE_USEC (60 * 1000 * 1000ull)

struct bl_sweep {
	sd_event *loop; /* borrowed */
	struct bl_datapath *datapath;
	struct bl_problems *problems;
	sd_event_source *timer;
	struct bl_task *task;
	uint64_t started_usec;
	uint64_t next_usec; /* not before, CLOCK_MONOTONIC */
	bool pending;
	int64_t last_s;
	uint64_t count;
	uint64_t destroyed;
	uint64_t last_us;
};

static uint64_t now_usec(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* In a child: it may have to enter every network namespace and to go over all their sockets. */
static void work(void *userdata, struct bl_task_result *ret)
{
	const struct bl_sweep *sweep = userdata;
	size_t destroyed = 0;

	ret->code = bl_datapath_sweep_sockets(sweep->datapath, &destroyed, &ret->err);
	ret->number = destroyed;
}

static void arm(struct bl_sweep *sweep)
{
	(void)sd_event_source_set_time(sweep->timer, sweep->next_usec);
	(void)sd_event_source_set_enabled(sweep->timer, SD_EVENT_ONESHOT);
}

static void done(const struct bl_task_result *result, void *userdata)
{
	struct bl_sweep *sweep = userdata;
	uint64_t ended = now_usec();

	sweep->last_us = ended - sweep->started_usec;
	sweep->next_usec = ended + BL_SWEEP_PAUSE_USEC;
	sweep->last_s = time(NULL);
	sweep->count++;
	sweep->destroyed += result->number;
	if (result->code < 0)
		bl_problems_set(sweep->problems, "sweep", BL_SEVERITY_WARNING,
				"cannot move connected UDP sockets off backends that left: %s",
				result->err.text[0] ? result->err.text : strerror(-result->code));
	else
		bl_problems_clear(sweep->problems, "sweep");
	if (result->number)
		bl_log(BL_LOG_INFO, "%zu UDP sockets were cut off from backends that left",
		       (size_t)result->number);
	if (sweep->pending)
		arm(sweep);
}

static void run(struct bl_sweep *sweep)
{
	sweep->pending = false;
	sweep->started_usec = now_usec();
	bl_task_start(sweep->task);
}

static int on_timer(sd_event_source *timer, uint64_t usec, void *userdata)
{
	(void)timer;
	(void)usec;
	run(userdata);
	return 0;
}

void bl_sweep_request(struct bl_sweep *sweep)
{
	uint64_t now = now_usec();

	if (sweep->pending)
		return;
	sweep->pending = true;
	if (bl_task_is_running(sweep->task))
		return; /* it may have passed the sockets by already: once more when it is done */
	if (now >= sweep->next_usec)
		run(sweep);
	else
		arm(sweep);
}

int bl_sweep_new(sd_event *loop, struct bl_datapath *datapath, struct bl_problems *problems,
		 struct bl_sweep **ret)
{
	_cleanup_(bl_sweep_free) struct bl_sweep *sweep = calloc(1, sizeof(*sweep));
	int r;

	if (!sweep)
		return -ENOMEM;
	sweep->loop = loop;
	sweep->datapath = datapath;
	sweep->problems = problems;
	r = bl_task_new(loop, work, done, sweep, DEADLINE_USEC, &sweep->task);
	if (r < 0)
		return r;
	r = sd_event_add_time(loop, &sweep->timer, CLOCK_MONOTONIC, 0, 1000, on_timer, sweep);
	if (r >= 0)
		r = sd_event_source_set_enabled(sweep->timer, SD_EVENT_OFF);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(sweep);
	return 0;
}

struct bl_sweep *bl_sweep_free(struct bl_sweep *sweep)
{
	if (!sweep)
		return NULL;
	bl_task_free(sweep->task);
	sd_event_source_disable_unref(sweep->timer);
	free(sweep);
	return NULL;
}

void bl_sweep_stats(const struct bl_sweep *sweep, int64_t *ret_last_s, uint64_t *ret_count,
		    uint64_t *ret_destroyed, uint64_t *ret_us)
{
	*ret_last_s = sweep->last_s;
	*ret_count = sweep->count;
	*ret_destroyed = sweep->destroyed;
	*ret_us = sweep->last_us;
}
