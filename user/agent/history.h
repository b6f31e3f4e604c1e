/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The last changes of the store: a watch goes on from a version, and a list shows how things were
 * at one, so that its later pieces belong to the first. Objects are owned references.
 */
#ifndef AGENT_HISTORY_H
#define AGENT_HISTORY_H

#include "store/store.h"

#define BL_HISTORY_MAX 1024u /* changes remembered */

struct bl_history_change {
	enum bl_change type;
	struct bl_object *object; /* for DELETED: the last one, with the version of the deletion */
	struct bl_object *old;    /* NULL for ADDED */
	uint64_t version; /* of the change; set when it is added, for the object's moves on when it
			   * is deleted */
};

struct bl_history {
	struct bl_history_change changes[BL_HISTORY_MAX];
	size_t first;
	size_t count;
	uint64_t forgotten; /* changes up to this version are not remembered */
};

/* Takes references of its own. */
void bl_history_add(struct bl_history *history, const struct bl_history_change *change);
void bl_history_done(struct bl_history *history);
/* Oldest first; `index` below `count`. */
const struct bl_history_change *bl_history_at(const struct bl_history *history, size_t index);
/* Can what happened since `version` be told? `now` is the store's. */
bool bl_history_reaches(const struct bl_history *history, uint64_t version, uint64_t now);

/*
 * bl_store_list as it was at `version`, which the history must reach: the changes since are undone.
 * The array is the caller's, the objects are borrowed until the next change of the store.
 */
int bl_history_list(const struct bl_history *history, const struct bl_store *store,
		    enum bl_kind kind, const char *ns, uint64_t version,
		    const struct bl_object ***ret_items, size_t *ret_count);

#endif
