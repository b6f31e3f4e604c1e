/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Entries of `metadata.managedFields` from inside, for the files that write them. */
#ifndef API_MANAGED_PARTS_H
#define API_MANAGED_PARTS_H

#include "api/managed.h"

/* A member of a mapping that is a text; NULL: there is none. */
const char *bl_entry_text(struct json_object *json, const char *key);
int bl_entry_put_text(struct json_object *map, const char *key, const char *text);
bool bl_entry_same(const char *a, const char *b); /* NULL is "" */
/* Its set, borrowed. */
struct json_object *bl_entry_fields(struct json_object *entry);
bool bl_entry_is_of(struct json_object *entry, const struct bl_manager *who);

/* A copy that may be changed; NULL: an empty list. */
int bl_entries_copy(struct json_object *managers, struct json_object **ret);
/* Everybody but `but` gives up what changed hands, and what was removed. */
int bl_entries_take(struct json_object *entries, const struct bl_manager *but,
		    struct json_object *set, struct json_object *removed);
/* Gives `who` the set (taken), in its entry or in a new one; NULL: it has none any more. The time
 * changes only with the set, or when `touch` says so. */
int bl_entries_give(enum bl_kind kind, struct json_object *entries, const struct bl_manager *who,
		    struct json_object *set, bool touch);

/* An object (NULL: an empty one) without what nobody owns; parts are shared. */
int bl_ownable(struct json_object *json, struct json_object **ret);
/* The fields of such a one. */
int bl_owned_fields(enum bl_kind kind, struct json_object *object, struct json_object **ret,
		    struct bl_err *err);

#endif
