/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "dns/table.h"

struct item {
	struct bl_dns_value value;
	uint8_t key[16];
	unsigned int number;
	unsigned int check; /* ~number while it lives */
};

static _Atomic size_t alive;

static void free_item(struct bl_dns_value *value)
{
	struct item *item = (struct item *)value;

	cr_assert_eq(item->check, ~item->number, "freed twice");
	item->check = item->number;
	atomic_fetch_sub(&alive, 1);
	free(item);
}

static size_t key_of(unsigned int index, uint8_t *key)
{
	return (size_t)snprintf((char *)key, 16, "k%u", index);
}

static void put(struct bl_dns_table *table, unsigned int index, unsigned int number)
{
	struct item *item = calloc(1, sizeof(*item));

	cr_assert_not_null(item);
	item->value = (struct bl_dns_value){
		.key = item->key, .key_len = key_of(index, item->key), .free = free_item};
	item->number = number;
	item->check = ~number;
	atomic_fetch_add(&alive, 1);
	cr_assert_eq(bl_dns_table_put(table, &item->value), 0);
}

static const struct item *find(const struct bl_dns_version *version, unsigned int index)
{
	uint8_t key[16];

	return (const struct item *)bl_dns_version_find(version, key, key_of(index, key));
}

Test(table, reader_keeps_its_version)
{
	struct bl_dns_table *table;
	const struct bl_dns_version *old, *now;
	uint8_t key[16];

	cr_assert_eq(bl_dns_table_new(&table), 0);
	put(table, 1, 10);
	cr_assert_eq(bl_dns_table_publish(table), 0);
	old = bl_dns_table_enter(table, 0);
	put(table, 1, 11);
	put(table, 2, 20);
	cr_expect_eq(find(old, 1)->number, 10u, "changes are not published yet");
	cr_assert_eq(bl_dns_table_publish(table), 0);
	cr_assert_eq(bl_dns_table_remove(table, key, key_of(2, key)), 0);
	cr_assert_eq(bl_dns_table_publish(table), 0);
	cr_expect_eq(find(old, 1)->number, 10u);
	cr_expect_null(find(old, 2));
	cr_expect_eq(alive, 3u, "the reader holds what it may look up");
	now = bl_dns_table_enter(table, 1);
	cr_expect_eq(find(now, 1)->number, 11u);
	cr_expect_null(find(now, 2));
	bl_dns_table_leave(table, 0);
	cr_assert_eq(bl_dns_table_publish(table), 0);
	cr_expect_eq(alive, 1u, "nobody can reach the old ones any more");
	cr_expect_eq(bl_dns_table_count(table), 1u);
	bl_dns_table_leave(table, 1);
	bl_dns_table_free(table);
	cr_expect_eq(alive, 0u);
}

Test(table, many_keys_come_and_go)
{
	struct bl_dns_table *table;
	const struct bl_dns_version *version;
	uint8_t key[16];

	cr_assert_eq(bl_dns_table_new(&table), 0);
	for (unsigned int i = 0; i < 20000; i++)
		put(table, i, i);
	cr_assert_eq(bl_dns_table_publish(table), 0);
	for (unsigned int i = 0; i < 20000; i += 2)
		cr_assert_eq(bl_dns_table_remove(table, key, key_of(i, key)), 0);
	cr_assert_eq(bl_dns_table_publish(table), 0);
	version = bl_dns_table_enter(table, 0);
	for (unsigned int i = 0; i < 20000; i++)
		cr_assert_eq(find(version, i) != NULL, i % 2 == 1);
	bl_dns_table_leave(table, 0);
	cr_expect_eq(bl_dns_table_count(table), 10000u);
	cr_expect_eq(alive, 10000u);
	bl_dns_table_free(table);
	cr_expect_eq(alive, 0u);
}

#define KEYS 64u

static struct bl_dns_table *shared;
static _Atomic bool stop;
static _Atomic size_t looked;

static void *read_on(void *reader)
{
	unsigned int slot = *(unsigned int *)reader;

	while (!atomic_load(&stop)) {
		const struct bl_dns_version *version = bl_dns_table_enter(shared, slot);
		unsigned int first = find(version, 0)->number;

		/* A version is whole: all keys were written with the same number. */
		for (unsigned int i = 0; i < KEYS; i++) {
			const struct item *item = find(version, i);

			if (!item || item->number != first || item->check != ~first)
				abort();
		}
		bl_dns_table_leave(shared, slot);
		atomic_fetch_add(&looked, 1);
	}
	return NULL;
}

Test(table, readers_see_whole_versions_while_it_changes)
{
	unsigned int slots[2] = {0, 1};
	pthread_t threads[2];

	cr_assert_eq(bl_dns_table_new(&shared), 0);
	for (unsigned int i = 0; i < KEYS; i++)
		put(shared, i, 0);
	cr_assert_eq(bl_dns_table_publish(shared), 0);
	for (size_t i = 0; i < 2; i++)
		cr_assert_eq(pthread_create(&threads[i], NULL, read_on, &slots[i]), 0);
	for (unsigned int round = 1; round < 2000 || atomic_load(&looked) < 100; round++) {
		for (unsigned int i = 0; i < KEYS; i++)
			put(shared, i, round);
		cr_assert_eq(bl_dns_table_publish(shared), 0);
	}
	atomic_store(&stop, true);
	for (size_t i = 0; i < 2; i++)
		cr_assert_eq(pthread_join(threads[i], NULL), 0);
	cr_assert_eq(bl_dns_table_publish(shared), 0);
	cr_expect_eq(alive, KEYS);
	bl_dns_table_free(shared);
}
