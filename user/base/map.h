/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A hash map from byte strings to pointers. Keys are copied, values are borrowed: the caller
 * releases them. Iteration is in no order; the map must not change meanwhile.
 */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"

struct bl_map;

int bl_map_new(struct bl_map **ret);
/* The same without copies of the keys: each is part of its value, and goes after it was removed. */
int bl_map_new_borrowing(struct bl_map **ret);
struct bl_map *bl_map_free(struct bl_map *map); /* accepts NULL, returns NULL */
BL_DEFINE_CLEANUP(struct bl_map *, bl_map_free);

size_t bl_map_count(const struct bl_map *map);
/* NULL when there is no such key. */
void *bl_map_get(const struct bl_map *map, const void *key, size_t key_len);
/* Inserts or replaces; `ret_old` (may be NULL) gets the value replaced, or NULL. -ENOMEM. */
int bl_map_put(struct bl_map *map, const void *key, size_t key_len, void *value, void **ret_old);
/* Returns the value removed, or NULL. */
void *bl_map_remove(struct bl_map *map, const void *key, size_t key_len);
void bl_map_clear(struct bl_map *map);

/* Start with *cursor = 0; false at the end. Any output may be NULL. */
bool bl_map_next(const struct bl_map *map, size_t *cursor, const void **ret_key,
		 size_t *ret_key_len, void **ret_value);

/* The hash of the map, for other tables: with a random seed nobody can make keys collide. */
uint64_t bl_map_hash(uint64_t seed, const void *key, size_t key_len);

/* The same for keys that are C strings (the terminator is not part of the key). */
void *bl_map_get_str(const struct bl_map *map, const char *key);
int bl_map_put_str(struct bl_map *map, const char *key, void *value, void **ret_old);
void *bl_map_remove_str(struct bl_map *map, const char *key);

#endif
