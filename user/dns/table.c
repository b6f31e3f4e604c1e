/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "dns/table.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/map.h"

#define FAN 256u

struct cell {
	uint64_t hash;
	struct bl_dns_value *value;
};

struct bucket {
	size_t count;
	struct cell cells[];
};

struct middle {
	uint64_t number; /* of the version that it was made for */
	struct bucket *buckets[FAN];
};

struct bl_dns_version {
	uint64_t number;
	uint64_t seed;
	struct middle *middles[FAN];
};

/* What the version after `number` does not hold any more. */
struct retired {
	uint64_t number;
	void *memory; /* NULL when it is a value */
	struct bl_dns_value *value;
};

struct bl_dns_table {
	_Atomic(struct bl_dns_version *) current;
	/* What each reader is in; NULL: in none. */
	_Atomic(struct bl_dns_version *) reading[BL_DNS_READERS];
	struct bl_dns_version *next; /* never NULL; the writer's alone */
	size_t count;
	struct retired *retired; /* by number */
	size_t retired_count;
	size_t retired_capacity;
};

static struct bucket *const *slot_of(const struct bl_dns_version *version, uint64_t hash)
{
	const struct middle *middle = version->middles[hash % FAN];

	return middle ? &middle->buckets[hash / FAN % FAN] : NULL;
}

static size_t find_cell(const struct bucket *bucket, uint64_t hash, const void *key, size_t len)
{
	size_t i = 0;

	for (; bucket && i < bucket->count; i++)
		if (bucket->cells[i].hash == hash && bucket->cells[i].value->key_len == len &&
		    memcmp(bucket->cells[i].value->key, key, len) == 0)
			break;
	return i;
}

uint64_t bl_dns_version_number(const struct bl_dns_version *version)
{
	return version->number;
}

const struct bl_dns_value *bl_dns_version_find(const struct bl_dns_version *version,
					       const void *key, size_t key_len)
{
	uint64_t hash = bl_map_hash(version->seed, key, key_len);
	struct bucket *const *slot = slot_of(version, hash);
	size_t i;

	if (!slot || !*slot)
		return NULL;
	i = find_cell(*slot, hash, key, key_len);
	return i < (*slot)->count ? (*slot)->cells[i].value : NULL;
}

const struct bl_dns_value *bl_dns_table_find(const struct bl_dns_table *table, const void *key,
					     size_t key_len)
{
	return bl_dns_version_find(table->next, key, key_len);
}

size_t bl_dns_table_count(const struct bl_dns_table *table)
{
	return table->count;
}

int bl_dns_table_new(struct bl_dns_table **ret)
{
	_cleanup_free_ struct bl_dns_table *table = calloc(1, sizeof(*table));
	_cleanup_free_ struct bl_dns_version *first = calloc(1, sizeof(*first));
	_cleanup_free_ struct bl_dns_version *next = calloc(1, sizeof(*next));

	if (!table || !first || !next)
		return -ENOMEM;
	if (getrandom(&first->seed, sizeof(first->seed), GRND_NONBLOCK) < 0)
		first->seed = (uint64_t)(uintptr_t)first;
	next->seed = first->seed;
	next->number = 1;
	atomic_init(&table->current, TAKE_PTR(first));
	table->next = TAKE_PTR(next);
	*ret = TAKE_PTR(table);
	return 0;
}

/* Room for so many retirements, so that a change that has begun cannot fail half way. */
static int reserve(struct bl_dns_table *table, size_t more)
{
	size_t capacity = table->retired_capacity ? table->retired_capacity : 64;
	struct retired *retired;

	while (capacity < table->retired_count + more)
		capacity *= 2;
	if (capacity == table->retired_capacity)
		return 0;
	retired = reallocarray(table->retired, capacity, sizeof(*retired));
	if (!retired)
		return -ENOMEM;
	table->retired = retired;
	table->retired_capacity = capacity;
	return 0;
}

static void retire(struct bl_dns_table *table, void *memory, struct bl_dns_value *value)
{
	if (memory || value)
		table->retired[table->retired_count++] = (struct retired){
			.number = table->next->number, .memory = memory, .value = value};
}

/* The middle of the next version that may be written to. */
static struct middle *own_middle(struct bl_dns_table *table, uint64_t hash)
{
	struct middle **slot = &table->next->middles[hash % FAN];
	struct middle *copy;

	if (*slot && (*slot)->number == table->next->number)
		return *slot;
	copy = malloc(sizeof(*copy));
	if (!copy)
		return NULL;
	if (*slot)
		*copy = **slot;
	else
		*copy = (struct middle){0};
	copy->number = table->next->number;
	retire(table, *slot, NULL);
	*slot = copy;
	return copy;
}

/* A copy of a bucket without cell `skip` and with room for one more. */
static struct bucket *copy_bucket(const struct bucket *bucket, size_t skip)
{
	size_t count = bucket ? bucket->count : 0;
	struct bucket *copy = malloc(sizeof(*copy) + (count + 1) * sizeof(copy->cells[0]));

	if (!copy)
		return NULL;
	copy->count = 0;
	for (size_t i = 0; i < count; i++)
		if (i != skip)
			copy->cells[copy->count++] = bucket->cells[i];
	return copy;
}

static int change(struct bl_dns_table *table, const void *key, size_t key_len,
		  struct bl_dns_value *value)
{
	uint64_t hash = bl_map_hash(table->next->seed, key, key_len);
	struct bucket *const *slot = slot_of(table->next, hash);
	struct bucket *old = slot ? *slot : NULL, *copy;
	size_t at = find_cell(old, hash, key, key_len);
	bool is_there = old && at < old->count;
	struct middle *middle;

	if (!value && !is_there)
		return 0;
	if (reserve(table, 3) < 0)
		return -ENOMEM;
	copy = copy_bucket(old, is_there ? at : SIZE_MAX);
	middle = copy ? own_middle(table, hash) : NULL;
	if (!middle) {
		free(copy);
		return -ENOMEM;
	}
	retire(table, NULL, is_there ? old->cells[at].value : NULL);
	retire(table, old, NULL);
	if (value)
		copy->cells[copy->count++] = (struct cell){.hash = hash, .value = value};
	if (copy->count == 0) {
		free(copy);
		copy = NULL;
	}
	middle->buckets[hash / FAN % FAN] = copy;
	table->count += (value != NULL) - (size_t)is_there;
	return 0;
}

int bl_dns_table_put(struct bl_dns_table *table, struct bl_dns_value *value)
{
	int r = change(table, value->key, value->key_len, value);

	if (r < 0)
		value->free(value);
	return r;
}

int bl_dns_table_remove(struct bl_dns_table *table, const void *key, size_t key_len)
{
	return change(table, key, key_len, NULL);
}

static void release(struct retired *retired)
{
	free(retired->memory);
	if (retired->value)
		retired->value->free(retired->value);
}

/* The oldest version that a reader is in; a version that is no version any more is a reader's that
 * has not looked again yet, and will see that it is too late. */
static uint64_t oldest_read(struct bl_dns_table *table)
{
	uint64_t oldest = table->next->number;

	for (size_t reader = 0; reader < BL_DNS_READERS; reader++) {
		const struct bl_dns_version *version = atomic_load(&table->reading[reader]);

		for (size_t i = 0; version && i < table->retired_count; i++)
			if (table->retired[i].memory == version &&
			    table->retired[i].number - 1 < oldest)
				oldest = table->retired[i].number - 1;
	}
	return oldest;
}

/* Version N was replaced by N + 1, and is itself retired with number N + 1: what has that number is
 * unreachable from N + 1 on. */
static void collect(struct bl_dns_table *table)
{
	uint64_t oldest = oldest_read(table);
	size_t freed = 0;

	while (freed < table->retired_count && table->retired[freed].number <= oldest)
		release(&table->retired[freed++]);
	table->retired_count -= freed;
	if (freed && table->retired_count)
		memmove(table->retired, table->retired + freed,
			table->retired_count * sizeof(*table->retired));
}

int bl_dns_table_publish(struct bl_dns_table *table)
{
	struct bl_dns_version *following = malloc(sizeof(*following));
	struct bl_dns_version *old;

	if (!following || reserve(table, 1) < 0) {
		free(following);
		return -ENOMEM;
	}
	*following = *table->next;
	following->number++;
	old = atomic_exchange(&table->current, table->next);
	retire(table, old, NULL);
	table->next = following;
	collect(table);
	return 0;
}

const struct bl_dns_version *bl_dns_table_enter(struct bl_dns_table *table, unsigned int reader)
{
	struct bl_dns_version *version = atomic_load(&table->current);

	/* What the slot names is kept only if it was still current after the slot was written. */
	for (;;) {
		struct bl_dns_version *again;

		atomic_store(&table->reading[reader], version);
		again = atomic_load(&table->current);
		if (again == version)
			return version;
		version = again;
	}
}

void bl_dns_table_leave(struct bl_dns_table *table, unsigned int reader)
{
	atomic_store_explicit(&table->reading[reader], NULL, memory_order_release);
}

static void free_bucket(struct bucket *bucket)
{
	for (size_t i = 0; bucket && i < bucket->count; i++)
		bucket->cells[i].value->free(bucket->cells[i].value);
	free(bucket);
}

struct bl_dns_table *bl_dns_table_free(struct bl_dns_table *table)
{
	if (!table)
		return NULL;
	for (size_t i = 0; i < table->retired_count; i++)
		release(&table->retired[i]);
	for (size_t i = 0; i < FAN; i++) {
		struct middle *middle = table->next->middles[i];

		for (size_t j = 0; middle && j < FAN; j++)
			free_bucket(middle->buckets[j]);
		free(middle);
	}
	free(table->retired);
	free(table->next);
	free(atomic_load(&table->current));
	free(table);
	return NULL;
}
