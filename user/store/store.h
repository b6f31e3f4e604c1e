/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The objects in force, by kind, namespace and name, with resource versions, indexes and watchers.
 * Objects in the store never change: a change puts a new object in place of the old one. Knows
 * nothing of files, peers or maps. One thread; callbacks must not change the store.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "model/object.h"

struct bl_store;

enum bl_change {
	BL_CHANGE_NONE, /* the object was there already with the same content */
	BL_CHANGE_ADDED,
	BL_CHANGE_MODIFIED,
	BL_CHANGE_DELETED,
};

struct bl_event {
	enum bl_change change;
	struct bl_object *object; /* the new one; for DELETED the last one, with the version of the
				   * deletion */
	const struct bl_object *old; /* NULL for ADDED */
};

typedef void bl_store_watch_fn(const struct bl_event *event, void *userdata);

int bl_store_new(struct bl_store **ret);
struct bl_store *bl_store_free(struct bl_store *store); /* accepts NULL, returns NULL */
BL_DEFINE_CLEANUP(struct bl_store *, bl_store_free);

/* Puts an object in force. The store takes its own reference and sets resource_version, uid (kept
 * from the old object, else made) and creation_time (kept, else `now_s`); the object must not be in
 * a store already. `ret_change` may be NULL. -ENOMEM leaves the old object in force. */
int bl_store_put(struct bl_store *store, struct bl_object *object, int64_t now_s,
		 enum bl_change *ret_change);
/* -ENOENT. */
int bl_store_delete(struct bl_store *store, enum bl_kind kind, const char *ns, const char *name);

/* Borrowed until the next change of this object; NULL: none. `ns` is NULL for kinds without one. */
const struct bl_object *bl_store_find(const struct bl_store *store, enum bl_kind kind,
				      const char *ns, const char *name);
size_t bl_store_count(const struct bl_store *store, enum bl_kind kind);
uint64_t bl_store_version(const struct bl_store *store);
/* A version of its own for what is told beside the objects. */
uint64_t bl_store_next_version(struct bl_store *store);
/* Where versions go on from; only upwards. */
void bl_store_set_version(struct bl_store *store, uint64_t version);

/* All objects of a kind, of one namespace or of all (ns NULL), sorted by namespace and name. The
 * array is the caller's (free), the objects are borrowed. */
int bl_store_list(const struct bl_store *store, enum bl_kind kind, const char *ns,
		  const struct bl_object ***ret_items, size_t *ret_count);

/* Index look-ups, in a stable order (by name). Arrays as above. */
/* Pods of `ns` whose labels hold all pairs of `selector` (empty: none). */
int bl_store_pods_matching(const struct bl_store *store, const char *ns,
			   const struct bl_pairs *selector, const struct bl_object ***ret_items,
			   size_t *ret_count);
/* EndpointSlices of `ns` labelled kubernetes.io/service-name=`service`. */
int bl_store_slices_of(const struct bl_store *store, const char *ns, const char *service,
		       const struct bl_object ***ret_items, size_t *ret_count);
/* Services of `ns` whose selector matches `labels`. */
int bl_store_services_selecting(const struct bl_store *store, const char *ns,
				const struct bl_pairs *labels, const struct bl_object ***ret_items,
				size_t *ret_count);

/* `fn` hears of every later change, in order, until it is removed. */
struct bl_store_watch;
int bl_store_watch_add(struct bl_store *store, bl_store_watch_fn *fn, void *userdata,
		       struct bl_store_watch **ret);
void bl_store_watch_remove(struct bl_store *store, struct bl_store_watch *watch);

#endif
