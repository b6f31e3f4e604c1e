/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * From hashes to sets of objects, in few bytes: 16 a hash, and 8 an object where several share
 * one. The key itself is not kept, so a set may hold strangers whose key has the same hash:
 * whoever reads a set looks at its objects again. Objects are borrowed.
 */
#ifndef STORE_INDEX_H
#define STORE_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bl_object;

struct bl_index_set {
	union {
		struct bl_object *one;   /* count 1 */
		struct bl_object **many; /* owned; room for the next power of two */
	};
	uint32_t hash;  /* its lower half */
	uint32_t count; /* 0: free */
};

static inline struct bl_object **bl_index_objects(struct bl_index_set *set)
{
	return set->count > 1 ? set->many : &set->one;
}

struct bl_index {
	struct bl_index_set *sets;
	size_t capacity; /* a power of two, or 0 */
	size_t count;    /* sets in use */
};

void bl_index_done(struct bl_index *index);

/* -ENOMEM changes nothing. */
int bl_index_add(struct bl_index *index, uint64_t hash, struct bl_object *object);
/* Nothing happens when it is not there. */
void bl_index_remove(struct bl_index *index, uint64_t hash, const struct bl_object *object);
/* Puts `object` where `old` is; `old` must be there. */
void bl_index_replace(struct bl_index *index, uint64_t hash, const struct bl_object *old,
		      struct bl_object *object);

/* The objects under a hash, in no order, borrowed until the next change. */
size_t bl_index_get(const struct bl_index *index, uint64_t hash,
		    struct bl_object *const **ret_objects);

/* Hash of strings with a seed, so that input cannot be made to collide; NULL is as "". */
uint64_t bl_index_hash(uint64_t seed, const char *text);

#endif
