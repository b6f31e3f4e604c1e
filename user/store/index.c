/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Open addressing with linear probing over sets; removal moves later sets back. */
#include "store/index.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CAPACITY 16u

void bl_index_done(struct bl_index *index)
{
	for (size_t i = 0; i < index->capacity; i++)
		if (index->sets[i].count > 1)
			free(index->sets[i].many);
	free(index->sets);
	*index = (struct bl_index){0};
}

/* The set of this hash, or the free place where it belongs. There is always a free one. */
static struct bl_index_set *find_set(const struct bl_index *index, uint32_t hash)
{
	size_t mask = index->capacity - 1;

	for (size_t i = hash & mask;; i = (i + 1) & mask) {
		struct bl_index_set *set = &index->sets[i];

		if (set->count == 0 || set->hash == hash)
			return set;
	}
}

static int grow(struct bl_index *index)
{
	size_t capacity = index->capacity ? index->capacity * 2 : FIRST_CAPACITY;
	struct bl_index larger = {.capacity = capacity, .count = index->count};

	if (index->capacity > 0 && (index->count + 1) * 4 <= index->capacity * 3)
		return 0;
	larger.sets = calloc(capacity, sizeof(*larger.sets));
	if (!larger.sets)
		return -ENOMEM;
	for (size_t i = 0; i < index->capacity; i++)
		if (index->sets[i].count > 0)
			*find_set(&larger, index->sets[i].hash) = index->sets[i];
	free(index->sets);
	*index = larger;
	return 0;
}

/* Capacity is the next power of two, so it need not be kept. */
static int add_one_more(struct bl_index_set *set, struct bl_object *object)
{
	struct bl_object **many = set->many;

	if ((set->count & (set->count - 1)) == 0) {
		many = reallocarray(set->count > 1 ? many : NULL, 2 * (size_t)set->count,
				    sizeof(struct bl_object *));
		if (!many)
			return -ENOMEM;
		if (set->count == 1)
			many[0] = set->one;
	}
	many[set->count++] = object;
	set->many = many;
	return 0;
}

int bl_index_add(struct bl_index *index, uint64_t hash, struct bl_object *object)
{
	struct bl_index_set *set;
	int r;

	r = grow(index);
	if (r < 0)
		return r;
	set = find_set(index, (uint32_t)hash);
	if (set->count > 0)
		return add_one_more(set, object);
	*set = (struct bl_index_set){.one = object, .hash = (uint32_t)hash, .count = 1};
	index->count++;
	return 0;
}

/* Empties a place and moves back the sets behind it that would not be found past it. */
static void free_set(struct bl_index *index, struct bl_index_set *set)
{
	size_t mask = index->capacity - 1;
	size_t hole = (size_t)(set - index->sets);

	for (size_t i = (hole + 1) & mask; index->sets[i].count > 0; i = (i + 1) & mask) {
		size_t home = index->sets[i].hash & mask;

		if (((i - home) & mask) < ((i - hole) & mask))
			continue;
		index->sets[hole] = index->sets[i];
		hole = i;
	}
	index->sets[hole] = (struct bl_index_set){0};
	index->count--;
}

static struct bl_object **find_object(const struct bl_index *index, uint64_t hash,
				      const struct bl_object *object, struct bl_index_set **ret_set)
{
	struct bl_index_set *set;
	struct bl_object **objects;

	if (index->capacity == 0)
		return NULL;
	set = find_set(index, (uint32_t)hash);
	objects = bl_index_objects(set);
	/* From the end: what came last leaves first more often than not. */
	for (uint32_t i = set->count; i > 0; i--) {
		if (objects[i - 1] == object) {
			*ret_set = set;
			return &objects[i - 1];
		}
	}
	return NULL;
}

void bl_index_remove(struct bl_index *index, uint64_t hash, const struct bl_object *object)
{
	struct bl_index_set *set;
	struct bl_object **place = find_object(index, hash, object, &set);

	if (!place)
		return;
	*place = bl_index_objects(set)[set->count - 1];
	if (set->count == 2) {
		struct bl_object **many = set->many;

		set->one = many[0];
		free(many);
	}
	if (--set->count == 0)
		free_set(index, set);
}

void bl_index_replace(struct bl_index *index, uint64_t hash, const struct bl_object *old,
		      struct bl_object *object)
{
	struct bl_index_set *set;
	struct bl_object **place = find_object(index, hash, old, &set);

	if (place)
		*place = object;
}

size_t bl_index_get(const struct bl_index *index, uint64_t hash,
		    struct bl_object *const **ret_objects)
{
	struct bl_index_set *set;

	if (index->capacity == 0)
		return 0;
	set = find_set(index, (uint32_t)hash);
	*ret_objects = bl_index_objects(set);
	return set->count;
}

uint64_t bl_index_hash(uint64_t seed, const char *text)
{
	uint64_t hash = seed ^ 0x9e3779b97f4a7c15u;

	for (; text && *text; text++) {
		hash = (hash ^ (uint8_t)*text) * 0xd6e8feb86659fd93u;
		hash ^= hash >> 32;
	}
	/* The end counts too: "a" "bc" and "ab" "c" are two keys. */
	hash = (hash ^ 0x100u) * 0xd6e8feb86659fd93u;
	return hash ^ hash >> 32;
}
