// SPDX-License-Identifier: GPL-3.0-or-later
#include <criterion/criterion.h>
#include <string.h>

#include "base/arena.h"

Test(arena, text_on_top_of_a_sized_arena_takes_a_small_step)
{
	_cleanup_(bl_arena_free) struct bl_arena *arena = NULL;

	cr_assert_eq(bl_arena_new_sized(1000, &arena), 0);
	cr_assert_not_null(bl_arena_alloc(arena, 1000));
	size_t before = bl_arena_size(arena);
	cr_assert_not_null(bl_arena_strdup(arena, "3f2504e0-4f89-41d3-9a0c-0305e82c3301"));
	cr_assert_lt(bl_arena_size(arena) - before, 128);
}

Test(arena, steps_grow_so_that_many_allocations_take_few_blocks)
{
	_cleanup_(bl_arena_free) struct bl_arena *arena = NULL;

	cr_assert_eq(bl_arena_new_sized(16, &arena), 0);
	for (int i = 0; i < 10000; i++)
		cr_assert_not_null(bl_arena_alloc(arena, 16));
	cr_assert_geq(bl_arena_size(arena), 160000);
	cr_assert_lt(bl_arena_size(arena), 2 * 160000);
}

Test(arena, allocation_larger_than_any_block_is_served_and_zeroed)
{
	_cleanup_(bl_arena_free) struct bl_arena *arena = NULL;
	static const char zeros[100000];

	cr_assert_eq(bl_arena_new(&arena), 0);
	char *large = bl_arena_alloc(arena, sizeof(zeros));
	cr_assert_not_null(large);
	cr_assert_eq(memcmp(large, zeros, sizeof(zeros)), 0);
}
