/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/bookmarks.h"

#include <time.h>

#define PERIOD_USEC (60 * 1000 * 1000ull)
#define ACCURACY_USEC (1000 * 1000ull)

static int on_period(sd_event_source *timer, uint64_t usec, void *userdata)
{
	(void)usec;
	bl_watches_bookmark(userdata);
	(void)sd_event_source_set_time_relative(timer, PERIOD_USEC);
	return sd_event_source_set_enabled(timer, SD_EVENT_ONESHOT);
}

int bl_bookmarks_start(sd_event *loop, struct bl_watches *watches, sd_event_source **ret)
{
	return sd_event_add_time_relative(loop, ret, CLOCK_MONOTONIC, PERIOD_USEC, ACCURACY_USEC,
					  on_period, watches);
}
