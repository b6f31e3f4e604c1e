/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Whose field is whose: `metadata.managedFields` and server-side apply (KEP-555). Each writer has
 * an entry with the set of fields that it last gave; who applies gives up what it no longer names,
 * and may not change what another one gave unless it insists.
 */
#ifndef API_MANAGED_H
#define API_MANAGED_H

#include "base/err.h"
#include "model/object.h"

struct json_object;

struct bl_manager { /* all borrowed */
	const char *name;
	const char *subresource; /* "status"; NULL: the object */
	const char *time;        /* now, RFC 3339 */
	bool applies;            /* operation Apply; else Update */
};

/* A list of entries as a client sent it: checked, sets in their one spelling. -EINVAL with words,
 * -ENOMEM. */
int bl_managed_read(struct json_object *list, struct json_object **ret, struct bl_err *err);

/*
 * The entries after `who` made `now` of `old` (NULL: there was none) by other means than an apply.
 * `managers` (NULL: none) are those before. `ret` is a new list, NULL when it is empty; it is the
 * same text as before when nothing changed but the time. -ENOMEM.
 */
int bl_managed_update(enum bl_kind kind, struct json_object *old, struct json_object *now,
		      struct json_object *managers, const struct bl_manager *who,
		      struct json_object **ret);

struct bl_applied {
	struct json_object *object;    /* owned: the object with the configuration applied */
	struct json_object *managers;  /* owned: the entries afterwards */
	struct json_object *conflicts; /* owned, with -EEXIST: causes for a Status */
};
void bl_applied_done(struct bl_applied *applied);
static inline void bl_applied_done_p(struct bl_applied *applied)
{
	bl_applied_done(applied);
}

/*
 * Applies `config` to `live` (NULL: there is none). `force` takes fields from others. -EEXIST:
 * fields belong to others, with words and causes; -EINVAL with words: the configuration cannot be
 * taken apart; -ENOMEM.
 */
int bl_managed_apply(enum bl_kind kind, struct json_object *live, struct json_object *config,
		     struct json_object *managers, const struct bl_manager *who, bool force,
		     struct bl_applied *ret, struct bl_err *err);

#endif
