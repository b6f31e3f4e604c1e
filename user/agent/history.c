/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/history.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

static void change_done(struct bl_history_change *change)
{
	bl_object_unref(change->object);
	bl_object_unref(change->old);
	*change = (struct bl_history_change){0};
}

void bl_history_add(struct bl_history *history, const struct bl_history_change *change)
{
	size_t at;

	if (history->count == BL_HISTORY_MAX) {
		struct bl_history_change *oldest = &history->changes[history->first];

		history->forgotten = oldest->version;
		change_done(oldest);
		history->first = (history->first + 1) % BL_HISTORY_MAX;
		history->count--;
	}
	at = (history->first + history->count++) % BL_HISTORY_MAX;
	history->changes[at] = (struct bl_history_change){
		.type = change->type,
		.object = bl_object_ref(change->object),
		.old = change->old ? bl_object_ref(change->old) : NULL,
		.version = change->object->meta.resource_version,
	};
}

void bl_history_done(struct bl_history *history)
{
	for (size_t i = 0; i < BL_HISTORY_MAX; i++)
		change_done(&history->changes[i]);
}

const struct bl_history_change *bl_history_at(const struct bl_history *history, size_t index)
{
	return &history->changes[(history->first + index) % BL_HISTORY_MAX];
}

bool bl_history_reaches(const struct bl_history *history, uint64_t version, uint64_t now)
{
	/* A version from the future is one of an agent that ran before this one. */
	return version >= history->forgotten && version <= now;
}

static int compare_names(const struct bl_object *a, const struct bl_object *b)
{
	int r = strcmp(a->meta.ns ? a->meta.ns : "", b->meta.ns ? b->meta.ns : "");

	return r ? r : strcmp(a->meta.name, b->meta.name);
}

static int compare(const void *a, const void *b)
{
	return compare_names(*(const struct bl_object *const *)a,
			     *(const struct bl_object *const *)b);
}

/* Where the object of that name is among the sorted ones; NULL: it is not. */
static const struct bl_object **find(const struct bl_object **items, size_t count,
				     const struct bl_object *object)
{
	return count ? bsearch(&object, items, count, sizeof(*items), compare) : NULL;
}

/* Puts what was there before the change in place of what came by it. */
static void undo(const struct bl_history_change *change, const struct bl_object **items,
		 size_t *count)
{
	const struct bl_object *before = change->type == BL_CHANGE_ADDED     ? NULL
					 : change->type == BL_CHANGE_DELETED ? change->object
									     : change->old;
	const struct bl_object **at = find(items, *count, change->object);

	if (at && before) {
		*at = before;
	} else if (at) {
		memmove(at, at + 1, (size_t)(items + *count - at - 1) * sizeof(*items));
		(*count)--;
	} else if (before) {
		size_t place = *count;

		while (place && compare_names(items[place - 1], before) > 0)
			place--;
		memmove(items + place + 1, items + place, (*count - place) * sizeof(*items));
		items[place] = before;
		(*count)++;
	}
}

int bl_history_list(const struct bl_history *history, const struct bl_store *store,
		    enum bl_kind kind, const char *ns, uint64_t version,
		    const struct bl_object ***ret_items, size_t *ret_count)
{
	_cleanup_free_ const struct bl_object **now = NULL;
	const struct bl_object **items;
	size_t count = 0;
	int r = bl_store_list(store, kind, ns, &now, &count);

	if (r < 0)
		return r;
	/* Each change brings back at most one. */
	items = reallocarray(now, count + history->count + 1, sizeof(*items));
	if (!items)
		return -ENOMEM;
	now = NULL;
	for (size_t i = history->count; i > 0; i--) {
		const struct bl_history_change *change = bl_history_at(history, i - 1);
		const struct bl_object *object = change->object;

		if (change->version <= version)
			break;
		if (object->kind == kind &&
		    (!ns || (object->meta.ns && strcmp(object->meta.ns, ns) == 0)))
			undo(change, items, &count);
	}
	*ret_items = items;
	*ret_count = count;
	return 0;
}
