/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Packets of clients outside that are dropped for a reason that somebody can do something about: a
 * warning among the problems while it goes on. The counters alone are easily overlooked.
 */
#ifndef AGENT_DROPS_H
#define AGENT_DROPS_H

#include <systemd/sd-event.h>

#include "agent/problems.h"
#include "datapath/datapath.h"

/* How long after the last drop its problem stays. */
#define BL_DROPS_QUIET_S 60

struct bl_drops;

struct bl_drops_config { /* all borrowed */
	sd_event *loop;
	struct bl_datapath *datapath;
	struct bl_problems *problems;
};

/* Looks at the counters every ten seconds. Negative errno. */
int bl_drops_new(const struct bl_drops_config *config, struct bl_drops **ret);
struct bl_drops *bl_drops_free(struct bl_drops *drops);
BL_DEFINE_CLEANUP(struct bl_drops *, bl_drops_free);

/* One look: what the counters say at `now_s` (any clock that goes on). The first one tells nothing,
 * since the counters outlive agents. */
void bl_drops_look(struct bl_drops *drops, const uint64_t counts[BL_REASON_COUNT], int64_t now_s);

#endif
