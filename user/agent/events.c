/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/events.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "api/json.h"

struct event {
	struct json_object *json;
	uint64_t made;    /* the version that it came with */
	uint64_t version; /* and the one that it has */
	int64_t changed_s;
};

struct bl_events {
	struct bl_store *store;
	struct bl_watches *watches;
	struct bl_store_watch *watch;
	struct event items[BL_EVENTS_MAX]; /* by version */
	size_t count;
	uint64_t gone; /* version of the last removal; those from before are not told any more */
};

static const char *namespace_of(struct json_object *json)
{
	return bl_json_str_or(json, "metadata.namespace", "");
}

static size_t find(const struct bl_events *events, const char *ns, const char *name)
{
	for (size_t i = 0; i < events->count; i++) {
		struct json_object *json = events->items[i].json;

		if (!strcmp(bl_json_str_or(json, "metadata.name", ""), name) &&
		    !strcmp(namespace_of(json), ns))
			return i;
	}
	return SIZE_MAX;
}

static struct event take_out(struct bl_events *events, size_t at)
{
	struct event event = events->items[at];

	events->count--;
	memmove(&events->items[at], &events->items[at + 1],
		(events->count - at) * sizeof(events->items[0]));
	return event;
}

static void set_version(struct json_object *json, uint64_t version)
{
	char text[24];

	(void)snprintf(text, sizeof(text), "%" PRIu64, version);
	bl_json_set_str(bl_json_key(json, "metadata"), "resourceVersion", text);
}

/* The same with a version of its own; what is queued for watchers shares the rest. */
static struct json_object *with_version(struct json_object *json, uint64_t version)
{
	struct json_object *copy = json_object_new_object(), *meta = json_object_new_object();

	json_object_object_foreach(json, key, value)
	{
		if (strcmp(key, "metadata") != 0)
			bl_json_set(copy, key, json_object_get(value));
	}
	json_object_object_foreach(bl_json_key(json, "metadata"), name, part)
		bl_json_set(meta, name, json_object_get(part));
	bl_json_set(copy, "metadata", meta);
	set_version(copy, version);
	return copy;
}

static void let_go(struct bl_events *events, size_t at)
{
	_cleanup_json_ struct json_object *last = NULL;
	struct event event = take_out(events, at);

	events->gone = bl_store_next_version(events->store);
	last = with_version(event.json, events->gone);
	bl_watches_tell(events->watches, BL_CHANGE_DELETED, last);
	(void)json_object_put(event.json);
}

/* A namespace takes what was noticed in it along. */
static void on_change(const struct bl_event *change, void *userdata)
{
	struct bl_events *events = userdata;

	if (change->change != BL_CHANGE_DELETED || change->object->kind != BL_KIND_NAMESPACE)
		return;
	for (size_t i = events->count; i-- > 0;)
		if (!strcmp(namespace_of(events->items[i].json), change->object->meta.name))
			let_go(events, i);
}

int bl_events_new(struct bl_store *store, struct bl_watches *watches, struct bl_events **ret)
{
	_cleanup_(bl_events_free) struct bl_events *events = calloc(1, sizeof(*events));
	int r;

	if (!events)
		return -ENOMEM;
	events->store = store;
	events->watches = watches;
	events->gone = bl_store_version(store);
	r = bl_store_watch_add(store, on_change, events, &events->watch);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(events);
	return 0;
}

struct bl_events *bl_events_free(struct bl_events *events)
{
	if (!events)
		return NULL;
	if (events->watch)
		bl_store_watch_remove(events->store, events->watch);
	for (size_t i = 0; i < events->count; i++)
		(void)json_object_put(events->items[i].json);
	free(events);
	return NULL;
}

void bl_events_expire(struct bl_events *events, int64_t now_s)
{
	while (events->count && now_s - events->items[0].changed_s >= BL_EVENTS_LIFE_S)
		let_go(events, 0);
}

void bl_events_put(struct bl_events *events, struct json_object *json, int64_t now_s)
{
	struct event item = {.json = json, .changed_s = now_s};
	bool is_new;
	size_t at;

	bl_events_expire(events, now_s);
	at = find(events, namespace_of(json), bl_json_str_or(json, "metadata.name", ""));
	is_new = at == SIZE_MAX;
	if (is_new && events->count == BL_EVENTS_MAX)
		let_go(events, 0);
	item.version = bl_store_next_version(events->store);
	item.made = item.version;
	if (!is_new) {
		struct event old = take_out(events, at);

		item.made = old.made;
		(void)json_object_put(old.json);
	}
	set_version(json, item.version);
	events->items[events->count++] = item;
	bl_watches_tell(events->watches, is_new ? BL_CHANGE_ADDED : BL_CHANGE_MODIFIED, json);
}

int bl_events_remove(struct bl_events *events, const char *ns, const char *name)
{
	size_t at = find(events, ns, name);

	if (at == SIZE_MAX)
		return -ENOENT;
	let_go(events, at);
	return 0;
}

struct json_object *bl_events_find(const struct bl_events *events, const char *ns, const char *name)
{
	size_t at = find(events, ns, name);

	return at == SIZE_MAX ? NULL : events->items[at].json;
}

size_t bl_events_count(const struct bl_events *events)
{
	return events->count;
}

struct json_object *bl_events_at(const struct bl_events *events, size_t index)
{
	return events->items[index].json;
}

int bl_events_tell(const struct bl_events *events, struct bl_watcher *watcher, uint64_t version)
{
	if (version && (version < events->gone || version > bl_store_version(events->store)))
		return -ESTALE;
	for (size_t i = 0; i < events->count; i++)
		if (events->items[i].version > version)
			bl_watcher_tell(watcher,
					events->items[i].made > version ? BL_CHANGE_ADDED
									: BL_CHANGE_MODIFIED,
					events->items[i].json);
	return 0;
}
