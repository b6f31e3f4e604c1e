/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "store/store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "model/codec.h"
#include "model/endpoints.h"
#include "model/pod.h"
#include "model/service.h"
#include "store/index.h"

struct bl_store_watch {
	struct bl_store_watch *next;
	bl_store_watch_fn *fn; /* NULL: removed while events were being delivered */
	void *userdata;
};

struct bl_store {
	uint64_t seed;
	uint64_t version;
	struct bl_index objects[BL_KIND_COUNT]; /* by namespace and name */
	size_t counts[BL_KIND_COUNT];
	struct bl_index pods_by_label;        /* by namespace and each label */
	struct bl_index services_by_selector; /* by namespace and one pair of the selector */
	struct bl_index slices_by_service;    /* by namespace and service name */
	struct bl_store_watch *watches;       /* in the order in which they were added */
	bool notifying;
};

int bl_store_new(struct bl_store **ret)
{
	struct bl_store *store = calloc(1, sizeof(*store));

	if (!store)
		return -ENOMEM;
	if (getrandom(&store->seed, sizeof(store->seed), GRND_NONBLOCK) < 0)
		store->seed = (uint64_t)(uintptr_t)store;
	*ret = store;
	return 0;
}

static void release_objects(struct bl_index *index)
{
	for (size_t i = 0; i < index->capacity; i++) {
		struct bl_index_set *set = &index->sets[i];
		struct bl_object **objects = bl_index_objects(set);

		for (uint32_t k = 0; k < set->count; k++)
			(void)bl_object_unref(objects[k]);
	}
	bl_index_done(index);
}

struct bl_store *bl_store_free(struct bl_store *store)
{
	if (!store)
		return NULL;
	for (size_t kind = 0; kind < BL_KIND_COUNT; kind++)
		release_objects(&store->objects[kind]);
	bl_index_done(&store->pods_by_label);
	bl_index_done(&store->services_by_selector);
	bl_index_done(&store->slices_by_service);
	while (store->watches) {
		struct bl_store_watch *watch = store->watches;

		store->watches = watch->next;
		free(watch);
	}
	free(store);
	return NULL;
}

static const char *text_or_empty(const char *text)
{
	return text ? text : "";
}

static uint64_t hash_two(const struct bl_store *store, const char *first, const char *second)
{
	return bl_index_hash(bl_index_hash(store->seed, first), second);
}

static uint64_t hash_pair(const struct bl_store *store, const char *ns, const struct bl_pair *pair)
{
	return bl_index_hash(hash_two(store, ns, pair->key), pair->value);
}

static struct bl_object *find_object(const struct bl_store *store, enum bl_kind kind,
				     const char *ns, const char *name)
{
	struct bl_object *const *objects = NULL;
	size_t count = bl_index_get(&store->objects[kind], hash_two(store, ns, name), &objects);

	for (size_t i = 0; i < count; i++)
		if (strcmp(text_or_empty(objects[i]->meta.ns), text_or_empty(ns)) == 0 &&
		    strcmp(objects[i]->meta.name, name) == 0)
			return objects[i];
	return NULL;
}

/* The keys under which an object stands in the index of its kind. */
struct index_keys {
	struct bl_index *index; /* NULL: the kind has none */
	const struct bl_pair *pairs;
	size_t pair_count;
	const char *service; /* used instead of pairs when set */
};

static struct index_keys keys_of(struct bl_store *store, const struct bl_object *object)
{
	struct index_keys keys = {NULL, NULL, 0, NULL};

	if (object->kind == BL_KIND_POD) {
		keys.index = &store->pods_by_label;
		keys.pairs = object->meta.labels.items;
		keys.pair_count = object->meta.labels.count;
	} else if (object->kind == BL_KIND_SERVICE) {
		const struct bl_pairs *selector = &bl_service_of(object)->spec.selector;

		/* All pairs must match, so that one is enough to find the Service by. */
		keys.index = &store->services_by_selector;
		keys.pairs = selector->items;
		keys.pair_count = selector->count > 0 ? 1 : 0;
	} else if (object->kind == BL_KIND_ENDPOINT_SLICE) {
		keys.service = bl_pairs_get(&object->meta.labels, BL_LABEL_SERVICE_NAME);
		keys.index = keys.service ? &store->slices_by_service : NULL;
	}
	return keys;
}

static uint64_t hash_key(const struct bl_store *store, const struct bl_object *object,
			 const struct index_keys *keys, size_t i)
{
	if (keys->service)
		return hash_two(store, object->meta.ns, keys->service);
	return hash_pair(store, object->meta.ns, &keys->pairs[i]);
}

static size_t key_count(const struct index_keys *keys)
{
	if (!keys->index)
		return 0;
	return keys->service ? 1 : keys->pair_count;
}

static void unindex_keys(struct bl_store *store, const struct bl_object *object, size_t count)
{
	struct index_keys keys = keys_of(store, object);

	for (size_t i = 0; i < count; i++)
		bl_index_remove(keys.index, hash_key(store, object, &keys, i), object);
}

static void unindex_object(struct bl_store *store, const struct bl_object *object)
{
	struct index_keys keys = keys_of(store, object);

	unindex_keys(store, object, key_count(&keys));
}

static int index_object(struct bl_store *store, struct bl_object *object)
{
	struct index_keys keys = keys_of(store, object);

	for (size_t i = 0; i < key_count(&keys); i++) {
		int r = bl_index_add(keys.index, hash_key(store, object, &keys, i), object);

		if (r < 0) {
			unindex_keys(store, object, i);
			return r;
		}
	}
	return 0;
}

/* A random UUID (RFC 9562, version 4). */
static int make_uid(struct bl_arena *arena, const char **ret)
{
	static const char digits[] = "0123456789abcdef";
	uint8_t bytes[16];
	char text[BL_UID_TEXT];
	size_t at = 0;
	const char *uid;

	if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
		return -EIO;
	bytes[6] = (uint8_t)((bytes[6] & 0x0f) | 0x40);
	bytes[8] = (uint8_t)((bytes[8] & 0x3f) | 0x80);
	for (size_t i = 0; i < sizeof(bytes); i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			text[at++] = '-';
		text[at++] = digits[bytes[i] >> 4];
		text[at++] = digits[bytes[i] & 15];
	}
	text[at] = '\0';
	uid = bl_arena_strdup(arena, text);
	if (!uid)
		return -ENOMEM;
	*ret = uid;
	return 0;
}

/* What an object does not say about itself it has from the one before, else from now. */
static int complete_meta(struct bl_object *object, const struct bl_object *old, int64_t now_s)
{
	struct bl_meta *meta = &object->meta;
	int r = 0;

	if (!meta->uid && old && old->meta.uid) {
		meta->uid = bl_arena_strdup(object->arena, old->meta.uid);
		r = meta->uid ? 0 : -ENOMEM;
	} else if (!meta->uid) {
		r = make_uid(object->arena, &meta->uid);
	}
	if (meta->creation_time == 0)
		meta->creation_time = old ? old->meta.creation_time : now_s;
	return r;
}

static void sweep_watches(struct bl_store *store)
{
	struct bl_store_watch **link = &store->watches;

	while (*link) {
		struct bl_store_watch *watch = *link;

		if (watch->fn) {
			link = &watch->next;
		} else {
			*link = watch->next;
			free(watch);
		}
	}
}

static void notify(struct bl_store *store, enum bl_change change, struct bl_object *object,
		   const struct bl_object *old)
{
	const struct bl_event event = {.change = change, .object = object, .old = old};

	store->notifying = true;
	for (struct bl_store_watch *watch = store->watches; watch; watch = watch->next)
		if (watch->fn)
			watch->fn(&event, watch->userdata);
	store->notifying = false;
	sweep_watches(store);
}

/* Takes the place of `old` (NULL: a new place) in all indexes, or in none. */
static int enter_object(struct bl_store *store, struct bl_object *object, struct bl_object *old)
{
	struct bl_index *objects = &store->objects[object->kind];
	uint64_t hash = hash_two(store, object->meta.ns, object->meta.name);
	int r;

	r = index_object(store, object);
	if (r < 0)
		return r;
	if (old) {
		bl_index_replace(objects, hash, old, object);
		unindex_object(store, old);
		return 0;
	}
	r = bl_index_add(objects, hash, object);
	if (r < 0) {
		unindex_object(store, object);
		return r;
	}
	store->counts[object->kind]++;
	return 0;
}

int bl_store_put(struct bl_store *store, struct bl_object *object, int64_t now_s,
		 enum bl_change *ret_change)
{
	struct bl_object *old =
		find_object(store, object->kind, object->meta.ns, object->meta.name);
	enum bl_change change = old ? BL_CHANGE_MODIFIED : BL_CHANGE_ADDED;
	int r;

	r = complete_meta(object, old, now_s);
	if (r < 0)
		return r;
	if (old && bl_object_equal(old, object)) {
		change = BL_CHANGE_NONE;
	} else {
		r = enter_object(store, object, old);
		if (r < 0)
			return r;
		object->meta.resource_version = ++store->version;
		notify(store, change, bl_object_ref(object), old);
		(void)bl_object_unref(old);
	}
	if (ret_change)
		*ret_change = change;
	return 0;
}

int bl_store_delete(struct bl_store *store, enum bl_kind kind, const char *ns, const char *name)
{
	struct bl_object *object = find_object(store, kind, ns, name);

	if (!object)
		return -ENOENT;
	bl_index_remove(&store->objects[kind], hash_two(store, ns, name), object);
	unindex_object(store, object);
	store->counts[kind]--;
	/* It has left the store: from here on it stands for its deletion. */
	object->meta.resource_version = ++store->version;
	notify(store, BL_CHANGE_DELETED, object, object);
	(void)bl_object_unref(object);
	return 0;
}

const struct bl_object *bl_store_find(const struct bl_store *store, enum bl_kind kind,
				      const char *ns, const char *name)
{
	return find_object(store, kind, ns, name);
}

size_t bl_store_count(const struct bl_store *store, enum bl_kind kind)
{
	return store->counts[kind];
}

void bl_store_set_version(struct bl_store *store, uint64_t version)
{
	if (version > store->version)
		store->version = version;
}

uint64_t bl_store_version(const struct bl_store *store)
{
	return store->version;
}

uint64_t bl_store_next_version(struct bl_store *store)
{
	return ++store->version;
}

static int compare_objects(const void *a, const void *b)
{
	const struct bl_meta *x = &(*(const struct bl_object *const *)a)->meta;
	const struct bl_meta *y = &(*(const struct bl_object *const *)b)->meta;
	int order = strcmp(text_or_empty(x->ns), text_or_empty(y->ns));

	return order ? order : strcmp(x->name, y->name);
}

/* Copies `count` objects that `wanted` lets through, sorted. */
typedef bool wanted_fn(const struct bl_object *object, const void *what);

struct collection {
	const struct bl_object **items;
	size_t count;
	size_t capacity;
};

static int collect(struct collection *collection, struct bl_object *const *objects, size_t count,
		   wanted_fn *wanted, const void *what)
{
	for (size_t i = 0; i < count; i++) {
		if (!wanted(objects[i], what))
			continue;
		if (collection->count == collection->capacity) {
			size_t capacity = collection->capacity ? collection->capacity * 2 : 16;
			const struct bl_object **items =
				reallocarray(collection->items, capacity, sizeof(*items));

			if (!items)
				return -ENOMEM;
			collection->items = items;
			collection->capacity = capacity;
		}
		collection->items[collection->count++] = objects[i];
	}
	return 0;
}

static int deliver(struct collection *collection, int r, const struct bl_object ***ret_items,
		   size_t *ret_count)
{
	if (r < 0) {
		free(collection->items);
		return r;
	}
	if (collection->count > 1)
		qsort(collection->items, collection->count, sizeof(*collection->items),
		      compare_objects);
	*ret_items = collection->items;
	*ret_count = collection->count;
	return 0;
}

static bool is_in_namespace(const struct bl_object *object, const void *what)
{
	return !what || strcmp(text_or_empty(object->meta.ns), what) == 0;
}

int bl_store_list(const struct bl_store *store, enum bl_kind kind, const char *ns,
		  const struct bl_object ***ret_items, size_t *ret_count)
{
	const struct bl_index *index = &store->objects[kind];
	struct collection collection = {0};
	int r = 0;

	for (size_t i = 0; i < index->capacity && r == 0; i++) {
		struct bl_index_set *set = &index->sets[i];

		r = collect(&collection, bl_index_objects(set), set->count, is_in_namespace, ns);
	}
	return deliver(&collection, r, ret_items, ret_count);
}

struct match {
	const char *ns;
	const struct bl_pairs *pairs;
	const char *service;
};

static bool pod_is_selected(const struct bl_object *object, const void *what)
{
	const struct match *match = what;

	return is_in_namespace(object, match->ns) &&
	       bl_pairs_match(match->pairs, &object->meta.labels);
}

int bl_store_pods_matching(const struct bl_store *store, const char *ns,
			   const struct bl_pairs *selector, const struct bl_object ***ret_items,
			   size_t *ret_count)
{
	const struct match match = {.ns = ns, .pairs = selector};
	struct bl_object *const *rarest = NULL;
	size_t least = 0;
	struct collection collection = {0};
	int r;

	for (size_t i = 0; i < selector->count; i++) {
		struct bl_object *const *objects = NULL;
		size_t count = bl_index_get(&store->pods_by_label,
					    hash_pair(store, ns, &selector->items[i]), &objects);

		if (i == 0 || count < least) {
			rarest = objects;
			least = count;
		}
	}
	r = collect(&collection, rarest, least, pod_is_selected, &match);
	return deliver(&collection, r, ret_items, ret_count);
}

static bool slice_is_of(const struct bl_object *object, const void *what)
{
	const struct match *match = what;
	const char *service = bl_pairs_get(&object->meta.labels, BL_LABEL_SERVICE_NAME);

	return is_in_namespace(object, match->ns) && service &&
	       strcmp(service, match->service) == 0;
}

int bl_store_slices_of(const struct bl_store *store, const char *ns, const char *service,
		       const struct bl_object ***ret_items, size_t *ret_count)
{
	const struct match match = {.ns = ns, .service = service};
	struct bl_object *const *objects = NULL;
	size_t count =
		bl_index_get(&store->slices_by_service, hash_two(store, ns, service), &objects);
	struct collection collection = {0};
	int r;

	r = collect(&collection, objects, count, slice_is_of, &match);
	return deliver(&collection, r, ret_items, ret_count);
}

static bool service_selects(const struct bl_object *object, const void *what)
{
	const struct match *match = what;

	return is_in_namespace(object, match->ns) &&
	       bl_pairs_match(&bl_service_of(object)->spec.selector, match->pairs);
}

int bl_store_services_selecting(const struct bl_store *store, const char *ns,
				const struct bl_pairs *labels, const struct bl_object ***ret_items,
				size_t *ret_count)
{
	const struct match match = {.ns = ns, .pairs = labels};
	struct collection collection = {0};
	int r = 0;

	/* A Service stands under one pair only, so none is met twice. */
	for (size_t i = 0; i < labels->count && r == 0; i++) {
		struct bl_object *const *objects = NULL;
		size_t count = bl_index_get(&store->services_by_selector,
					    hash_pair(store, ns, &labels->items[i]), &objects);

		r = collect(&collection, objects, count, service_selects, &match);
	}
	return deliver(&collection, r, ret_items, ret_count);
}

int bl_store_watch_add(struct bl_store *store, bl_store_watch_fn *fn, void *userdata,
		       struct bl_store_watch **ret)
{
	struct bl_store_watch *watch = malloc(sizeof(*watch));
	struct bl_store_watch **link = &store->watches;

	if (!watch)
		return -ENOMEM;
	*watch = (struct bl_store_watch){.fn = fn, .userdata = userdata};
	while (*link)
		link = &(*link)->next;
	*link = watch;
	*ret = watch;
	return 0;
}

void bl_store_watch_remove(struct bl_store *store, struct bl_store_watch *watch)
{
	watch->fn = NULL;
	if (!store->notifying)
		sweep_watches(store);
}
