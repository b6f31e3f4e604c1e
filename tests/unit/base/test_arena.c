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

Test(arena, sized_arena_holds_structs_and_texts_without_a_second_block)
{
	_cleanup_(bl_arena_free) struct bl_arena *scratch = NULL, *arena = NULL;
	struct bl_arena *both[2];

	cr_assert_eq(bl_arena_new(&scratch), 0);
	both[0] = scratch;
	for (int pass = 0; pass < 2; pass++) {
		for (int i = 0; i < 500; i++) {
			cr_assert_not_null(bl_arena_alloc(both[pass], 20));
			cr_assert_not_null(bl_arena_strdup(both[pass], "odd"));
		}
		if (pass == 0)
			cr_assert_eq(bl_arena_new_sized(bl_arena_used(scratch), &arena), 0);
		both[1] = arena;
	}
	cr_assert_eq(bl_arena_used(arena), 500 * (24 + 4));
	cr_assert_lt(bl_arena_size(arena), 500 * (24 + 4) + 100);
}

Test(arena, reset_arena_gives_zeroed_memory_again)
{
	_cleanup_(bl_arena_free) struct bl_arena *arena = NULL;
	static const char zeros[3000];

	cr_assert_eq(bl_arena_new(&arena), 0);
	for (int pass = 0; pass < 2; pass++) {
		for (int i = 0; i < 4; i++) {
			char *bytes = bl_arena_alloc(arena, sizeof(zeros));

			cr_assert_not_null(bytes);
			cr_assert_eq(memcmp(bytes, zeros, sizeof(zeros)), 0);
			memset(bytes, 1, sizeof(zeros));
			cr_assert_str_eq(bl_arena_strdup(arena, "text"), "text");
		}
		bl_arena_reset(arena);
		cr_assert_eq(bl_arena_used(arena), 0);
	}
}
