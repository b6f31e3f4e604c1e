/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <criterion/criterion.h>

#include "model/object.h"
#include "store/index.h"

#define OBJECTS 3000

static struct bl_object objects[OBJECTS];

static bool holds(const struct bl_index *index, uint64_t hash, const struct bl_object *object)
{
	struct bl_object *const *found = NULL;
	size_t count = bl_index_get(index, hash, &found);

	for (size_t i = 0; i < count; i++)
		if (found[i] == object)
			return true;
	return false;
}

Test(index, sets_of_one_and_of_many_survive_growth_and_removal)
{
	struct bl_index index = {0};

	/* Every third object has a hash of its own, the others share 100 of them. */
	for (uint64_t i = 0; i < OBJECTS; i++)
		cr_assert_eq(bl_index_add(&index, i % 3 ? i % 100 : 1000000 + i, &objects[i]), 0);
	for (uint64_t i = 0; i < OBJECTS; i += 2)
		bl_index_remove(&index, i % 3 ? i % 100 : 1000000 + i, &objects[i]);
	for (uint64_t i = 0; i < OBJECTS; i++)
		cr_assert_eq(holds(&index, i % 3 ? i % 100 : 1000000 + i, &objects[i]), i % 2 == 1);
	for (uint64_t i = 1; i < OBJECTS; i += 2)
		bl_index_remove(&index, i % 3 ? i % 100 : 1000000 + i, &objects[i]);
	cr_assert_eq(index.count, 0);
	bl_index_done(&index);
}

Test(index, removal_finds_back_sets_that_were_pushed_past_their_place)
{
	struct bl_index index = {0};

	/* All hashes want the same place of sixteen. */
	for (uint64_t i = 0; i < 10; i++)
		cr_assert_eq(bl_index_add(&index, 15 + 16 * i, &objects[i]), 0);
	for (uint64_t i = 0; i < 10; i++) {
		bl_index_remove(&index, 15 + 16 * i, &objects[i]);
		for (uint64_t k = 0; k < 10; k++)
			cr_assert_eq(holds(&index, 15 + 16 * k, &objects[k]), k > i);
	}
	bl_index_done(&index);
}

Test(index, replacing_keeps_the_set_and_its_other_objects)
{
	struct bl_index index = {0};

	cr_assert_eq(bl_index_add(&index, 7, &objects[0]), 0);
	cr_assert_eq(bl_index_add(&index, 7, &objects[1]), 0);
	bl_index_replace(&index, 7, &objects[0], &objects[2]);
	cr_assert(!holds(&index, 7, &objects[0]));
	cr_assert(holds(&index, 7, &objects[1]));
	cr_assert(holds(&index, 7, &objects[2]));
	bl_index_done(&index);
}

Test(index, hash_tells_apart_where_one_string_ends)
{
	cr_assert_neq(bl_index_hash(bl_index_hash(1, "ab"), "c"),
		      bl_index_hash(bl_index_hash(1, "a"), "bc"));
	cr_assert_eq(bl_index_hash(1, NULL), bl_index_hash(1, ""));
	cr_assert_neq(bl_index_hash(1, "a"), bl_index_hash(2, "a"));
}
