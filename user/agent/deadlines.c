/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/deadlines.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

struct bl_deadline {
	struct bl_deadlines *deadlines;
	struct bl_deadline *previous, *next;
	int fd;
	uint64_t end_us; /* CLOCK_MONOTONIC; 0: none */
};

struct bl_deadlines {
	sd_event *loop; /* borrowed */
	sd_event_source *timer;
	uint64_t period_us;
	struct bl_deadline *first;
};

static uint64_t now_us(const struct bl_deadlines *deadlines)
{
	uint64_t now = 0;

	(void)sd_event_now(deadlines->loop, CLOCK_MONOTONIC, &now);
	return now;
}

static int on_timer(sd_event_source *timer, uint64_t usec, void *userdata)
{
	struct bl_deadlines *deadlines = userdata;
	uint64_t now = now_us(deadlines);

	(void)usec;
	for (struct bl_deadline *one = deadlines->first; one; one = one->next) {
		if (!one->end_us || one->end_us > now)
			continue;
		(void)shutdown(one->fd, SHUT_RDWR);
		one->end_us = 0;
	}
	if (!deadlines->first)
		return 0; /* the next connection starts it again */
	(void)sd_event_source_set_time_relative(timer, deadlines->period_us);
	return sd_event_source_set_enabled(timer, SD_EVENT_ONESHOT);
}

int bl_deadlines_new(sd_event *loop, uint64_t period_us, struct bl_deadlines **ret)
{
	_cleanup_(bl_deadlines_free) struct bl_deadlines *deadlines = calloc(1, sizeof(*deadlines));
	int r;

	if (!deadlines)
		return -ENOMEM;
	deadlines->loop = loop;
	deadlines->period_us = period_us;
	r = sd_event_add_time_relative(loop, &deadlines->timer, CLOCK_MONOTONIC, period_us, 0,
				       on_timer, deadlines);
	if (r >= 0)
		r = sd_event_source_set_enabled(deadlines->timer, SD_EVENT_OFF);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(deadlines);
	return 0;
}

struct bl_deadlines *bl_deadlines_free(struct bl_deadlines *deadlines)
{
	if (!deadlines)
		return NULL;
	sd_event_source_disable_unref(deadlines->timer);
	free(deadlines);
	return NULL;
}

struct bl_deadline *bl_deadline_begin(struct bl_deadlines *deadlines, int fd)
{
	struct bl_deadline *deadline = calloc(1, sizeof(*deadline));

	if (!deadline)
		return NULL;
	deadline->deadlines = deadlines;
	deadline->fd = fd;
	deadline->next = deadlines->first;
	if (deadline->next)
		deadline->next->previous = deadline;
	else
		(void)sd_event_source_set_time_relative(deadlines->timer, deadlines->period_us);
	deadlines->first = deadline;
	(void)sd_event_source_set_enabled(deadlines->timer, SD_EVENT_ONESHOT);
	return deadline;
}

void bl_deadline_set(struct bl_deadline *deadline, uint64_t limit_us)
{
	if (deadline)
		deadline->end_us = limit_us ? now_us(deadline->deadlines) + limit_us : 0;
}

void bl_deadline_end(struct bl_deadline *deadline)
{
	if (!deadline)
		return;
	if (deadline->next)
		deadline->next->previous = deadline->previous;
	if (deadline->previous)
		deadline->previous->next = deadline->next;
	else
		deadline->deadlines->first = deadline->next;
	free(deadline);
}
