/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/dirty.h"

#include <errno.h>
#include <string.h>

#include "model/endpoints.h"
#include "model/node.h"

int bl_dirty_init(struct bl_dirty *dirty)
{
	*dirty = (struct bl_dirty){0};
	return bl_map_new(&dirty->names);
}

void bl_dirty_done(struct bl_dirty *dirty)
{
	dirty->names = bl_map_free(dirty->names);
}

bool bl_dirty_is_empty(const struct bl_dirty *dirty)
{
	return !dirty->all && !bl_map_count(dirty->names);
}

void bl_dirty_add(struct bl_dirty *dirty, const char *ns, const char *name)
{
	char key[600];
	int len = snprintf(key, sizeof(key), "%s/%s", ns, name);

	if (len < 0 || (size_t)len >= sizeof(key) ||
	    bl_map_put_str(dirty->names, key, dirty, NULL) < 0)
		dirty->all = true;
}

static void note_pod(struct bl_dirty *dirty, const struct bl_store *store,
		     const struct bl_object *pod)
{
	_cleanup_free_ const struct bl_object **items = NULL;
	size_t count = 0;

	if (!pod)
		return;
	if (bl_store_services_selecting(store, pod->meta.ns, &pod->meta.labels, &items, &count) < 0)
		dirty->all = true;
	for (size_t i = 0; i < count; i++)
		bl_dirty_add(dirty, items[i]->meta.ns, items[i]->meta.name);
}

static void note_slice(struct bl_dirty *dirty, const struct bl_object *slice)
{
	const char *service =
		slice ? bl_pairs_get(&slice->meta.labels, BL_LABEL_SERVICE_NAME) : NULL;

	if (service)
		bl_dirty_add(dirty, slice->meta.ns, service);
}

static bool same_text(const char *a, const char *b)
{
	return !a == !b && (!a || !strcmp(a, b));
}

/* Of nodes only the zone matters, for topology; conditions change all the time. */
static void note_node(struct bl_dirty *dirty, const struct bl_event *event)
{
	const char *old = event->old ? bl_pairs_get(&event->old->meta.labels, BL_LABEL_ZONE) : NULL;
	const char *now = event->change == BL_CHANGE_DELETED
				  ? NULL
				  : bl_pairs_get(&event->object->meta.labels, BL_LABEL_ZONE);

	if (!same_text(old, now))
		dirty->all = true;
}

void bl_dirty_note(struct bl_dirty *dirty, const struct bl_store *store,
		   const struct bl_event *event)
{
	const struct bl_object *object = event->object;

	switch (object->kind) {
	case BL_KIND_SERVICE:
	case BL_KIND_ENDPOINTS:
		bl_dirty_add(dirty, object->meta.ns, object->meta.name);
		break;
	case BL_KIND_POD:
		note_pod(dirty, store, event->old);
		note_pod(dirty, store, object);
		break;
	case BL_KIND_ENDPOINT_SLICE:
		note_slice(dirty, event->old);
		note_slice(dirty, object);
		break;
	case BL_KIND_NODE:
		note_node(dirty, event);
		break;
	case BL_KIND_NAMESPACE:
	case BL_KIND_LEASE:
	case BL_KIND_COUNT:
		break;
	}
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int add_all(struct bl_dirty *dirty, const struct bl_store *store)
{
	_cleanup_free_ const struct bl_object **items = NULL;
	size_t count = 0;
	int r = bl_store_list(store, BL_KIND_SERVICE, NULL, &items, &count);

	if (r < 0)
		return r;
	dirty->all = false;
	for (size_t i = 0; i < count; i++)
		bl_dirty_add(dirty, items[i]->meta.ns, items[i]->meta.name);
	return dirty->all ? -ENOMEM : 0;
}

int bl_dirty_take(struct bl_dirty *dirty, const struct bl_store *store, char ***ret_names,
		  size_t *ret_count)
{
	size_t cursor = 0, len, used = 0;
	const void *key;
	char **names;
	int r = dirty->all ? add_all(dirty, store) : 0;

	if (r < 0)
		return r;
	names = calloc(bl_map_count(dirty->names) + 1, sizeof(*names));
	if (!names)
		return -ENOMEM;
	while (bl_map_next(dirty->names, &cursor, &key, &len, NULL)) {
		names[used] = strndup(key, len);
		if (!names[used]) {
			while (used)
				free(names[--used]);
			free(names);
			return -ENOMEM;
		}
		used++;
	}
	if (used)
		qsort(names, used, sizeof(*names), by_text);
	bl_map_clear(dirty->names);
	*ret_names = names;
	*ret_count = used;
	return 0;
}
