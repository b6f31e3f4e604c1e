/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What all Kubernetes objects share. An object and everything it points to live in one arena; it
 * does not change once it is in the store (a change is a new object), and it is reference-counted
 * because watchers and the resolver hold it for a while. One thread.
 *
 * Optional scalars are three-valued enums or carry a `has_` bit; an absent string is NULL.
 */
#ifndef MODEL_OBJECT_H
#define MODEL_OBJECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/err.h"

enum bl_kind {
	BL_KIND_SERVICE,
	BL_KIND_POD,
	BL_KIND_ENDPOINTS,
	BL_KIND_ENDPOINT_SLICE,
	BL_KIND_NODE,
	BL_KIND_NAMESPACE,
	BL_KIND_LEASE,
	BL_KIND_COUNT,
};

#define BL_ONE_BYTE __attribute__((packed)) /* of enums that many objects have */

enum BL_ONE_BYTE bl_tristate {
	BL_UNSET = 0,
	BL_FALSE,
	BL_TRUE,
};

struct bl_pair {
	const char *key;
	const char *value;
};

struct bl_pairs { /* labels, annotations, selectors: sorted by key */
	struct bl_pair *items;
	size_t count;
};

struct bl_strings {
	const char **items;
	size_t count;
};

struct bl_owner {
	const char *api_version;
	const char *kind;
	const char *name;
	const char *uid;
};

struct bl_owners {
	struct bl_owner *items;
	size_t count;
};

#define BL_UID_TEXT 37 /* bytes of a uid, which a store adds to an object that has none */

struct bl_meta {
	const char *name;
	const char *ns; /* NULL for kinds without namespace; "default" is filled in by defaulting */
	const char *uid;
	uint64_t resource_version; /* 0: not in a store yet */
	int64_t generation;
	int64_t creation_time; /* seconds since the epoch; 0: unset */
	int64_t deletion_time; /* metadata.deletionTimestamp; 0: not being deleted */
	struct bl_pairs labels;
	struct bl_pairs annotations;
	struct bl_owners owners;
	const char *managed_fields; /* JSON text of a list; NULL: not kept */
};

/* What decoding fills in: an object whose `ns` is this very text names no namespace itself. */
extern const char bl_default_namespace[];

struct bl_word_page;
struct bl_kept; /* a field that is known but not used, kept as it was read (schema.h) */

struct bl_object {
	enum bl_kind kind;
	unsigned int refs;
	struct bl_arena *arena;     /* owns all of it, but for words */
	struct bl_word_page *words; /* shared with other objects (words.h); NULL: none */
	const struct bl_kept *kept;
	struct bl_meta meta;
	struct bl_pos origin; /* where it was read; file NULL: from the API */
};

struct bl_object *bl_object_ref(struct bl_object *object);
/* Accepts NULL, returns NULL. */
struct bl_object *bl_object_unref(struct bl_object *object);
BL_DEFINE_CLEANUP(struct bl_object *, bl_object_unref);

/* Static facts of a kind, for paths, messages and kubectl's names. */
struct bl_kind_info {
	const char *kind;        /* "Service" */
	const char *api_version; /* "v1", "discovery.k8s.io/v1" */
	const char *group;       /* "", "discovery.k8s.io" */
	const char *plural;      /* "services" */
	const char *singular;    /* "service" */
	const char *short_name;  /* "svc"; NULL: none */
	bool namespaced;
};
const struct bl_kind_info *bl_kind_info(enum bl_kind kind);
/* Accepts plural, singular, short name and Kind, in any case. -ENOENT. */
int bl_kind_from_word(const char *word, enum bl_kind *ret);

/* NULL when there is no such key. */
const char *bl_pairs_get(const struct bl_pairs *pairs, const char *key);
/* Does every pair of `selector` stand in `labels`? An empty selector matches nothing here. */
bool bl_pairs_match(const struct bl_pairs *selector, const struct bl_pairs *labels);

struct bl_object_list {
	struct bl_object **items; /* owned references */
	size_t count;
};
void bl_object_list_done(struct bl_object_list *list);
static inline void bl_object_list_done_p(struct bl_object_list *list)
{
	bl_object_list_done(list);
}
/* Takes the reference, also on failure. */
int bl_object_list_add_take(struct bl_object_list *list, struct bl_object *object);

#endif
