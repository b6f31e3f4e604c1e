/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The state file of the allocator. It is written before anybody can see a new address, so that no
 * crash gives one address to two Services. A damaged file stops the agent: to go on without it
 * would silently give Services other addresses than their clients know.
 */
#ifndef AGENT_ALLOCATIONS_H
#define AGENT_ALLOCATIONS_H

#include "agent/pool.h"
#include "resolve/allocate.h"

struct bl_allocations {
	char *path; /* owned; NULL: nothing is kept */
	struct bl_allocator *allocator;
	bool unsaved; /* the last write failed */
	/* Load-balancer addresses, in a file of their own. */
	struct bl_pool *pool; /* borrowed; NULL: they come from elsewhere */
	char *pool_path;      /* owned; NULL: nothing is kept */
	bool pool_unsaved;
};

/* `path` NULL: addresses are not kept. Fills an empty allocator from the file. */
int bl_allocations_open(struct bl_allocations *allocations, struct bl_allocator *allocator,
			const char *path, struct bl_err *err);
/* The same for an empty pool. */
int bl_allocations_open_pool(struct bl_allocations *allocations, struct bl_pool *pool,
			     const char *path, struct bl_err *err);
/* A Service is gone: all that it had is free. */
void bl_allocations_release(struct bl_allocations *allocations, const char *ns, const char *name);
/* All sources have delivered: what no Service claimed is free. */
void bl_allocations_forget_unclaimed(struct bl_allocations *allocations);
void bl_allocations_done(struct bl_allocations *allocations);
/* Writes the file if anything changed. */
int bl_allocations_save(struct bl_allocations *allocations, struct bl_err *err);

#endif
