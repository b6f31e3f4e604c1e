/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <criterion/criterion.h>
#include <stdio.h>

#include "base/map.h"

Test(map, keeps_what_was_put_through_growth_and_removal)
{
	_cleanup_(bl_map_free) struct bl_map *map = NULL;
	static int values[5000];
	char key[16];

	cr_assert_eq(bl_map_new(&map), 0);
	for (int i = 0; i < 5000; i++) {
		(void)snprintf(key, sizeof(key), "key-%d", i);
		cr_assert_eq(bl_map_put_str(map, key, &values[i], NULL), 0);
	}
	for (int i = 0; i < 5000; i += 2) {
		(void)snprintf(key, sizeof(key), "key-%d", i);
		cr_assert_eq(bl_map_remove_str(map, key), &values[i]);
	}
	cr_assert_eq(bl_map_count(map), 2500);
	for (int i = 0; i < 5000; i++) {
		(void)snprintf(key, sizeof(key), "key-%d", i);
		cr_assert_eq(bl_map_get_str(map, key), i % 2 ? &values[i] : NULL);
	}
}

Test(map, putting_a_key_again_replaces_and_returns_the_old_value)
{
	_cleanup_(bl_map_free) struct bl_map *map = NULL;
	int first, second;
	void *old = &second;

	cr_assert_eq(bl_map_new(&map), 0);
	cr_assert_eq(bl_map_put(map, "\0a", 2, &first, &old), 0);
	cr_assert_null(old);
	cr_assert_eq(bl_map_put(map, "\0a", 2, &second, &old), 0);
	cr_assert_eq(old, &first);
	cr_assert_eq(bl_map_count(map), 1);
}

Test(map, iteration_meets_every_entry_once)
{
	_cleanup_(bl_map_free) struct bl_map *map = NULL;
	static char seen[300];
	size_t cursor = 0;
	void *value;

	cr_assert_eq(bl_map_new(&map), 0);
	for (int i = 0; i < 300; i++)
		cr_assert_eq(bl_map_put(map, &i, sizeof(i), &seen[i], NULL), 0);
	while (bl_map_next(map, &cursor, NULL, NULL, &value))
		++*(char *)value;
	for (int i = 0; i < 300; i++)
		cr_assert_eq(seen[i], 1);
}

struct named {
	int number;
	char name[8];
};

Test(map, borrowed_key_is_that_of_the_newest_value)
{
	_cleanup_(bl_map_free) struct bl_map *map = NULL;
	struct named first = {1, "same"}, second = {2, "same"};
	void *old = NULL;

	cr_assert_eq(bl_map_new_borrowing(&map), 0);
	cr_assert_eq(bl_map_put_str(map, first.name, &first, NULL), 0);
	cr_assert_eq(bl_map_put_str(map, second.name, &second, &old), 0);
	cr_assert_eq(old, &first);
	first.name[0] = '\0'; /* it may go now */
	cr_assert_eq(bl_map_get_str(map, "same"), &second);
	cr_assert_eq(bl_map_remove_str(map, second.name), &second);
	cr_assert_null(bl_map_get_str(map, "same"));
	cr_assert_eq(bl_map_count(map), 0);
}
