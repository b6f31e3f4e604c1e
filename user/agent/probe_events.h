/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What happened to pods, the latest few of each, as Kubernetes' Events tell it. */
#ifndef AGENT_PROBE_EVENTS_H
#define AGENT_PROBE_EVENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/map.h"

struct json_object;

#define BL_PROBE_EVENTS_MAX 10 /* of one pod */
#define BL_PROBE_EVENT_TEXT 320

struct bl_probe_events { /* starts as {0}; bl_probe_events_init */
	struct bl_map *pods;
};

int bl_probe_events_init(struct bl_probe_events *events);
void bl_probe_events_done(struct bl_probe_events *events);

/* The same thing again is counted. Lost when there is no memory: the log has it. */
void bl_probe_events_add(struct bl_probe_events *events, const char *ns, const char *name,
			 bool warning, const char *reason, const char *message, int64_t now_s);
void bl_probe_events_forget(struct bl_probe_events *events, const char *ns, const char *name);
/* A new list, oldest first. */
struct json_object *bl_probe_events_json(const struct bl_probe_events *events, const char *ns,
					 const char *name);

#endif
