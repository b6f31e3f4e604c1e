/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The state file of the allocator. It is written before anybody can see a new address, so that no
 * crash gives one address to two Services. A damaged file stops the agent: to go on without it
 * would silently give Services other addresses than their clients know.
 */
#ifndef AGENT_ALLOCATIONS_H
#define AGENT_ALLOCATIONS_H

#include "resolve/allocate.h"

struct bl_allocations {
	char *path; /* owned; NULL: nothing is kept */
	struct bl_allocator *allocator;
	bool unsaved; /* the last write failed */
};

/* `path` NULL: addresses are not kept. Fills an empty allocator from the file. */
int bl_allocations_open(struct bl_allocations *allocations, struct bl_allocator *allocator,
			const char *path, struct bl_err *err);
void bl_allocations_done(struct bl_allocations *allocations);
/* Writes the file if anything changed. */
int bl_allocations_save(struct bl_allocations *allocations, struct bl_err *err);

#endif
