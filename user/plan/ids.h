/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Numbers that are given out, and runs of slots. Both come back into use late: what was given up
 * waits in a queue behind others, so that a program that still holds an old number does not meet a
 * new meaning. Pure bookkeeping; the rows are the plan's.
 */
#ifndef PLAN_IDS_H
#define PLAN_IDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "beeline/abi.h"

/* Ids 1 to limit - 1. */
struct bl_ids {
	uint32_t limit;
	uint32_t next; /* the first one never used */
	uint32_t used;
	uint32_t *queue; /* ring of free ids, oldest first */
	uint32_t head;
	uint32_t count;
	uint32_t capacity; /* a power of two, or 0 */
};

void bl_ids_init(struct bl_ids *ids, uint32_t limit);
void bl_ids_done(struct bl_ids *ids);
/* Ids below `next` that `is_used` does not name are free, the lowest first. For fresh ids. */
int bl_ids_adopt(struct bl_ids *ids, uint32_t next, const bool *is_used);
/* Can so many be taken? */
bool bl_ids_has(const struct bl_ids *ids, uint32_t count);
/* Room for `more` to come back, so that as many releases cannot fail. */
int bl_ids_reserve(struct bl_ids *ids, uint32_t more);
uint32_t bl_ids_take(struct bl_ids *ids);
void bl_ids_release(struct bl_ids *ids, uint32_t id);

/* Runs of slots: best fit among what is free. */
struct bl_ranges {
	uint32_t limit;
	uint32_t end;               /* slots from here on were never used */
	uint32_t used;              /* slots in use */
	struct bl_slot_range *free; /* sorted, no two touch */
	size_t free_count;
	size_t free_capacity;
	struct bl_slot_range *waiting; /* ring of released runs, oldest first */
	size_t waiting_head;
	size_t waiting_count;
	size_t waiting_capacity; /* a power of two, or 0 */
	uint32_t waiting_slots;
};

void bl_ranges_init(struct bl_ranges *ranges, uint32_t limit);
void bl_ranges_done(struct bl_ranges *ranges);
/* Room for `more` runs to be released or taken back without failing. */
int bl_ranges_reserve(struct bl_ranges *ranges, size_t more);
/* -ENOSPC; changes nothing then. Needs room, see above. */
int bl_ranges_take(struct bl_ranges *ranges, uint32_t count, uint32_t *ret_first);
void bl_ranges_release(struct bl_ranges *ranges, struct bl_slot_range range);
/* Puts runs, sorted and apart, in use; what lies between them is free. For fresh ranges. */
int bl_ranges_adopt(struct bl_ranges *ranges, const struct bl_slot_range *used, size_t count);
/* Undoes a take that nobody has seen. */
void bl_ranges_give_back(struct bl_ranges *ranges, struct bl_slot_range range);

#endif
