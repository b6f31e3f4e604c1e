/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What was ready when the agent ended, so that starting it anew takes no pod out of service: until
 * a probe has spoken, its last word stands. A file of lines, "KIND NS/POD/CONTAINER IDENTITY".
 */
#ifndef AGENT_PROBE_MEMORY_H
#define AGENT_PROBE_MEMORY_H

#include "base/buf.h"
#include "base/map.h"
#include "model/pod.h"
#include "probe/state.h"

struct bl_probe_memory {     /* starts as {0} */
	struct bl_map *good; /* "KIND NS/POD/CONTAINER" -> identity, owned text */
};

/* A file that is missing or damaged is an empty one. -ENOMEM. */
int bl_probe_memory_open(struct bl_probe_memory *memory, const char *path);
void bl_probe_memory_done(struct bl_probe_memory *memory);

/* Was it good? Told once. */
bool bl_probe_memory_claim(struct bl_probe_memory *memory, const struct bl_pod *pod,
			   const char *container, enum bl_probe_kind kind);
/* Adds the line of a good probe to what will be the file. */
void bl_probe_memory_add(struct bl_buf *text, const struct bl_pod *pod, const char *container,
			 enum bl_probe_kind kind);

#endif
