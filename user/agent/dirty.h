/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which Services a change of an object touches. Collects their names until they are taken. Follows
 * the indexes of the store, so that one change costs the same with ten Services as with 10,000.
 */
#ifndef AGENT_DIRTY_H
#define AGENT_DIRTY_H

#include "base/map.h"
#include "store/store.h"

struct bl_dirty {
	struct bl_map *names; /* "ns/name" -> anything */
	bool all;             /* also when memory did not suffice for a name */
};

int bl_dirty_init(struct bl_dirty *dirty);
void bl_dirty_done(struct bl_dirty *dirty);

void bl_dirty_add(struct bl_dirty *dirty, const char *ns, const char *name);
void bl_dirty_note(struct bl_dirty *dirty, const struct bl_store *store,
		   const struct bl_event *event);
/* The names as "ns/name", sorted, with all Services of the store when everything is dirty; the
 * collection is empty afterwards. The array and its strings are the caller's. */
int bl_dirty_take(struct bl_dirty *dirty, const struct bl_store *store, char ***ret_names,
		  size_t *ret_count);
bool bl_dirty_is_empty(const struct bl_dirty *dirty);

#endif
