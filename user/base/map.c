/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Open addressing with linear probing; removal moves later entries back, so there are no
 * tombstones. */
#include "base/map.h"

#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

struct entry {
	void *value;
	const void *key; /* NULL: free */
	uint32_t key_len;
	uint32_t hash;
};

struct bl_map {
	struct entry *entries;
	size_t capacity; /* a power of two, or 0 */
	size_t count;
	bool borrows_keys;
	uint64_t seed; /* keys come from files and peers: nobody should be able to make them collide
			*/
};

int bl_map_new(struct bl_map **ret)
{
	struct bl_map *map = calloc(1, sizeof(*map));

	if (!map)
		return -ENOMEM;
	if (getrandom(&map->seed, sizeof(map->seed), GRND_NONBLOCK) < 0)
		map->seed = (uint64_t)(uintptr_t)map;
	*ret = map;
	return 0;
}

int bl_map_new_borrowing(struct bl_map **ret)
{
	int r = bl_map_new(ret);

	if (r >= 0)
		(*ret)->borrows_keys = true;
	return r;
}

static void free_key(const struct bl_map *map, const struct entry *entry)
{
	if (!map->borrows_keys)
		free((void *)(uintptr_t)entry->key);
}

void bl_map_clear(struct bl_map *map)
{
	for (size_t i = 0; i < map->capacity; i++)
		free_key(map, &map->entries[i]);
	free(map->entries);
	map->entries = NULL;
	map->capacity = 0;
	map->count = 0;
}

struct bl_map *bl_map_free(struct bl_map *map)
{
	if (!map)
		return NULL;
	bl_map_clear(map);
	free(map);
	return NULL;
}

size_t bl_map_count(const struct bl_map *map)
{
	return map->count;
}

static uint64_t mix(uint64_t value)
{
	value ^= value >> 32;
	value *= 0xd6e8feb86659fd93u;
	value ^= value >> 32;
	value *= 0xd6e8feb86659fd93u;
	value ^= value >> 32;
	return value;
}

uint64_t bl_map_hash(uint64_t seed, const void *key, size_t key_len)
{
	const uint8_t *bytes = key;
	uint64_t hash = seed ^ key_len;

	while (key_len >= 8) {
		uint64_t word;

		memcpy(&word, bytes, 8);
		hash = mix(hash ^ word);
		bytes += 8;
		key_len -= 8;
	}
	if (key_len > 0) {
		uint64_t word = 0;

		memcpy(&word, bytes, key_len);
		hash = mix(hash ^ word);
	}
	return mix(hash);
}

static uint32_t hash_key(const struct bl_map *map, const void *key, size_t key_len)
{
	return (uint32_t)bl_map_hash(map->seed, key, key_len);
}

/* The entry with this key, or the free one where it belongs. There is always a free one. */
static struct entry *find_entry(const struct bl_map *map, uint32_t hash, const void *key,
				size_t key_len)
{
	size_t mask = map->capacity - 1;

	for (size_t i = hash & mask;; i = (i + 1) & mask) {
		struct entry *entry = &map->entries[i];

		if (!entry->key)
			return entry;
		if (entry->hash == hash && entry->key_len == key_len &&
		    memcmp(entry->key, key, key_len) == 0)
			return entry;
	}
}

static int grow(struct bl_map *map)
{
	struct bl_map bigger = *map;

	bigger.capacity = map->capacity ? map->capacity * 2 : 16;
	bigger.entries = calloc(bigger.capacity, sizeof(*bigger.entries));
	if (!bigger.entries)
		return -ENOMEM;
	for (size_t i = 0; i < map->capacity; i++) {
		const struct entry *entry = &map->entries[i];

		if (entry->key)
			*find_entry(&bigger, entry->hash, entry->key, entry->key_len) = *entry;
	}
	free(map->entries);
	*map = bigger;
	return 0;
}

void *bl_map_get(const struct bl_map *map, const void *key, size_t key_len)
{
	if (map->count == 0)
		return NULL;
	return find_entry(map, hash_key(map, key, key_len), key, key_len)->value;
}

static void *copy_key(const void *key, size_t key_len)
{
	void *copy = malloc(key_len ? key_len : 1);

	return copy ? memcpy(copy, key, key_len) : NULL;
}

int bl_map_put(struct bl_map *map, const void *key, size_t key_len, void *value, void **ret_old)
{
	uint32_t hash = hash_key(map, key, key_len);
	struct entry *entry;

	assert(value);
	if (key_len > UINT32_MAX)
		return -ENOMEM;
	if (map->count + 1 > map->capacity - map->capacity / 4) {
		int r = grow(map);
		if (r < 0)
			return r;
	}
	entry = find_entry(map, hash, key, key_len);
	if (entry->key) {
		if (ret_old)
			*ret_old = entry->value;
		entry->value = value;
		if (map->borrows_keys)
			entry->key = key; /* the old one may go with the old value */
		return 0;
	}
	if (!map->borrows_keys) {
		key = copy_key(key, key_len);
		if (!key)
			return -ENOMEM;
	}
	*entry = (struct entry){
		.hash = hash, .value = value, .key = key, .key_len = (uint32_t)key_len};
	map->count++;
	if (ret_old)
		*ret_old = NULL;
	return 0;
}

/* Fills the hole at `hole` with later entries of the same run. */
static void close_gap(struct bl_map *map, size_t hole)
{
	size_t mask = map->capacity - 1;

	for (size_t i = (hole + 1) & mask; map->entries[i].key; i = (i + 1) & mask) {
		size_t home = map->entries[i].hash & mask;

		if (((i - home) & mask) >= ((i - hole) & mask)) {
			map->entries[hole] = map->entries[i];
			hole = i;
		}
	}
	map->entries[hole] = (struct entry){0};
}

void *bl_map_remove(struct bl_map *map, const void *key, size_t key_len)
{
	struct entry *entry;
	void *value;

	if (map->count == 0)
		return NULL;
	entry = find_entry(map, hash_key(map, key, key_len), key, key_len);
	if (!entry->key)
		return NULL;
	value = entry->value;
	free_key(map, entry);
	close_gap(map, (size_t)(entry - map->entries));
	map->count--;
	return value;
}

bool bl_map_next(const struct bl_map *map, size_t *cursor, const void **ret_key,
		 size_t *ret_key_len, void **ret_value)
{
	for (size_t i = *cursor; i < map->capacity; i++) {
		const struct entry *entry = &map->entries[i];

		if (!entry->key)
			continue;
		*cursor = i + 1;
		if (ret_key)
			*ret_key = entry->key;
		if (ret_key_len)
			*ret_key_len = entry->key_len;
		if (ret_value)
			*ret_value = entry->value;
		return true;
	}
	*cursor = map->capacity;
	return false;
}

void *bl_map_get_str(const struct bl_map *map, const char *key)
{
	return bl_map_get(map, key, strlen(key));
}

int bl_map_put_str(struct bl_map *map, const char *key, void *value, void **ret_old)
{
	return bl_map_put(map, key, strlen(key), value, ret_old);
}

void *bl_map_remove_str(struct bl_map *map, const char *key)
{
	return bl_map_remove(map, key, strlen(key));
}
