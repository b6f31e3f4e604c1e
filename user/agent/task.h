/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Work that takes longer than the event loop may pause, in a child that has everything as it was
 * when it was started: it may read maps and memory, but what it changes in memory is lost. One
 * small result comes back.
 */
#ifndef AGENT_TASK_H
#define AGENT_TASK_H

#include <systemd/sd-event.h>

#include "base/cleanup.h"
#include "base/err.h"

struct bl_task_result {
	int code; /* 0 or -errno; -ETIME: it took too long, -EIO: the child died */
	uint64_t number;
	struct bl_err err;
};

/* In the child; must not touch the loop. */
typedef void bl_task_work_fn(void *userdata, struct bl_task_result *ret);
/* In the loop, when the child has ended. May start the task anew. */
typedef void bl_task_done_fn(const struct bl_task_result *result, void *userdata);

struct bl_task;

int bl_task_new(sd_event *loop, bl_task_work_fn *work, bl_task_done_fn *done, void *userdata,
		uint64_t deadline_usec, struct bl_task **ret);
/* Ends a child that runs. */
struct bl_task *bl_task_free(struct bl_task *task);
BL_DEFINE_CLEANUP(struct bl_task *, bl_task_free);

bool bl_task_is_running(const struct bl_task *task);
/* Nothing when it runs already. Where no child can be made the work is done at once, here. */
void bl_task_start(struct bl_task *task);

#endif
