/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tells watches that want it, once a minute, up to which version they have heard everything. */
#ifndef AGENT_BOOKMARKS_H
#define AGENT_BOOKMARKS_H

#include <systemd/sd-event.h>

#include "agent/watch.h"

/* The source is the caller's (sd_event_source_disable_unref), before the watches go. */
int bl_bookmarks_start(sd_event *loop, struct bl_watches *watches, sd_event_source **ret);

#endif
