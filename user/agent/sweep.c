/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/sweep.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "base/log.h"

struct bl_sweep {
	sd_event *loop; /* borrowed */
	struct bl_datapath *datapath;
	struct bl_problems *problems;
	sd_event_source *timer;
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

static void run(struct bl_sweep *sweep)
{
	uint64_t started = now_usec(), ended;
	struct bl_err err = {0};
	size_t destroyed = 0;
	int r = bl_datapath_sweep_sockets(sweep->datapath, &destroyed, &err);

	ended = now_usec();
	sweep->pending = false;
	sweep->last_us = ended - started;
	sweep->next_usec = ended + BL_SWEEP_PAUSE_USEC;
	sweep->last_s = time(NULL);
	sweep->count++;
	sweep->destroyed += destroyed;
	if (r < 0)
		bl_problems_set(sweep->problems, "sweep", BL_SEVERITY_WARNING,
				"cannot move connected UDP sockets off backends that left: %s",
				err.text[0] ? err.text : strerror(-r));
	else
		bl_problems_clear(sweep->problems, "sweep");
	if (destroyed)
		bl_log(BL_LOG_INFO, "%zu UDP sockets were cut off from backends that left",
		       destroyed);
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
	if (now >= sweep->next_usec) {
		run(sweep);
		return;
	}
	sweep->pending = true;
	(void)sd_event_source_set_time(sweep->timer, sweep->next_usec);
	(void)sd_event_source_set_enabled(sweep->timer, SD_EVENT_ONESHOT);
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
