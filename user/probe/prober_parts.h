/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What prober.c, which knows when and what came of it, shares with prober_pods.c, which makes of a
 * version of a pod what is to be asked. */
#ifndef PROBE_PROBER_PARTS_H
#define PROBE_PROBER_PARTS_H

#include "base/map.h"
#include "probe/heap.h"
#include "probe/prober.h"

#define BL_PROBE_TEXT 160

struct bl_probed_container {
	char *name;
	struct bl_probe_container now; /* how it is */
	struct bl_probe_entry *probes[BL_PROBE_KIND_COUNT];
	bool seen; /* by the version of the pod that is being read */
};

struct bl_probed_pod {
	struct bl_prober *prober;
	struct bl_object *object; /* a reference */
	struct bl_probed_container **containers;
	size_t count;
	struct bl_container_verdict *verdicts; /* room for all of them */
};

struct bl_probe_entry {
	struct bl_heap_item item; /* first: what is in the heap is an entry */
	struct bl_probed_pod *pod;
	struct bl_probed_container *container;
	struct bl_probe_rule rule;
	struct bl_probe_state state;
	struct bl_probe_target target;
	bool has_target;
	char problem[BL_PROBE_TEXT]; /* why there is no target */
	void *handle;                /* of the try under way */
	bool under_way;
	uint8_t errors; /* tries in a row that could not be made */
	uint8_t told;   /* what was reported last: 0 nothing, 1 not good, 2 good */
	uint64_t last_us;
	char text[BL_PROBE_TEXT];
};

struct bl_prober {
	struct bl_prober_config config;
	struct bl_map *pods; /* "ns/name" -> struct bl_probed_pod */
	struct bl_heap heap;
	struct bl_prober_stats stats;
};

/* What is under way is cancelled. */
void bl_probe_entry_stop(struct bl_probe_entry *entry);
void bl_probe_entry_free(struct bl_probe_entry *entry); /* accepts NULL */
void bl_probed_container_free(struct bl_probed_container *container);
void bl_probe_entry_report(struct bl_probe_entry *entry, bool good, bool warning, const char *text);
/* At the tick of its state. -ENOMEM for one that was not scheduled before. */
int bl_probe_entry_schedule(struct bl_probe_entry *entry);

/* Takes up pod->object. -ENOMEM leaves some probes as they were. */
int bl_probed_pod_update(struct bl_probed_pod *pod, const struct bl_moment *now);

#endif
