/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What an agent would know after reading some files, without running one: for the commands that
 * plan, load and verify. Problems are logged as they are found.
 */
#ifndef AGENT_WORLD_H
#define AGENT_WORLD_H

#include "agent/catalog.h"
#include "agent/config.h"
#include "plan/plan.h"
#include "plan/rows.h"

struct bl_world {
	struct bl_problems *problems;
	struct bl_store *store;
	struct bl_allocator *allocator;
	struct bl_allocations allocations;
	struct bl_catalog *catalog;
	struct bl_local_node node; /* strings and addresses are owned below */
	char *node_name;
	struct bl_addr *addresses;
	uint32_t random; /* state of the numbers on paper */
	size_t refused;  /* Services that the plan could not take */
};

enum bl_world_node {
	BL_WORLD_HERE,  /* this machine: its name, its addresses, its state file */
	BL_WORLD_PAPER, /* any machine: the same files give the same bytes */
};

/* Reads files, folders and "-". -EINVAL when some of it was wrong; the rest is there. */
int bl_world_open(struct bl_world *world, const struct bl_settings *settings,
		  enum bl_world_node where, const char *const *paths, size_t path_count,
		  struct bl_err *err);
void bl_world_done(struct bl_world *world);
static inline void bl_world_done_p(struct bl_world *world)
{
	bl_world_done(world);
}

/* Puts every Service into the plan. With `rows` the plan is adopted from them first, and what the
 * files do not bring is taken out again, but for the canary of an agent. */
int bl_world_plan(struct bl_world *world, const struct bl_settings *settings, struct bl_plan *plan,
		  const struct bl_plan_rows *rows, struct bl_err *err);

#endif
