/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "plan/maglev.h"

#define MEMBERS_MAX 200

static void make_members(struct bl_maglev_member *members, size_t count)
{
	for (size_t i = 0; i < count; i++)
		members[i] = (struct bl_maglev_member){
			.address.ipv6 = {10, 244, (__u8)(i / 250), (__u8)(i % 250 + 1)},
			.port = 8080,
			.weight = 100,
		};
}

static uint16_t *make_table(const struct bl_maglev_member *members, size_t count, uint32_t size)
{
	uint16_t *table = calloc(size + 1, sizeof(*table));

	cr_assert_not_null(table);
	cr_assert_eq(bl_maglev_fill(members, count, table, size), 0);
	return table;
}

static void count_shares(const uint16_t *table, uint32_t size, uint32_t *shares, size_t count)
{
	memset(shares, 0, count * sizeof(*shares));
	for (uint32_t i = 0; i < size; i++) {
		cr_assert_lt(table[i], count);
		shares[table[i]]++;
	}
}

Test(maglev, sizes_are_prime_and_few_and_leave_fifty_entries_to_each_member)
{
	uint32_t before = 0;
	size_t changes = 0;

	for (size_t count = 0; count <= 1310; count++) {
		uint32_t size = bl_maglev_size(count);

		cr_assert_geq(size, before);
		changes += size != before;
		before = size;
		if (count < 2)
			continue;
		cr_assert_geq(size, 50 * count, "%zu members", count);
		for (uint32_t i = 2; i * i <= size; i++)
			cr_assert_neq(size % i, 0, "%u", size);
	}
	cr_expect_leq(changes, 5);
	cr_expect_eq(bl_maglev_size(0), 0);
	cr_expect_eq(bl_maglev_size(1), 1);
	cr_expect_eq(bl_maglev_size(100000), 65521);
}

Test(maglev, equal_weights_get_equal_shares_within_one_per_round)
{
	static const size_t counts[] = {1, 2, 3, 5, 6, 20, 50, 163, 200};
	struct bl_maglev_member members[MEMBERS_MAX];
	uint32_t shares[MEMBERS_MAX];

	make_members(members, MEMBERS_MAX);
	for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
		uint32_t size = bl_maglev_size(counts[i]);
		_cleanup_free_ uint16_t *table = make_table(members, counts[i], size);

		count_shares(table, size, shares, counts[i]);
		for (size_t k = 0; k < counts[i]; k++) {
			cr_expect_geq(shares[k], size / counts[i]);
			cr_expect_leq(shares[k], size / counts[i] + 1);
		}
	}
}

Test(maglev, shares_follow_the_weights)
{
	static const struct {
		uint16_t weights[3];
		double shares[3];
	} rows[] = {
		{{100, 100, 200}, {0.25, 0.25, 0.5}}, {{1, 2, 7}, {0.1, 0.2, 0.7}},
		{{0, 100, 300}, {0, 0.25, 0.75}},     {{0, 0, 0}, {0.333, 0.333, 0.333}},
		{{65535, 65535, 0}, {0.5, 0.5, 0}},
	};
	struct bl_maglev_member members[3];
	uint32_t size = bl_maglev_size(3);
	uint32_t shares[3];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_free_ uint16_t *table = NULL;

		make_members(members, 3);
		for (size_t k = 0; k < 3; k++)
			members[k].weight = rows[i].weights[k];
		table = make_table(members, 3, size);
		count_shares(table, size, shares, 3);
		for (size_t k = 0; k < 3; k++)
			cr_expect_float_eq((double)shares[k] / size, rows[i].shares[k], 0.01,
					   "row %zu member %zu: %u of %u", i, k, shares[k], size);
	}
}

/* The share of entries that lead to a member of `before` other than the one they led to, not
 * counting those of the member that left. */
static double share_moved(const struct bl_maglev_member *members, size_t count, size_t leaving,
			  uint32_t size)
{
	_cleanup_free_ struct bl_maglev_member *fewer = calloc(count, sizeof(*fewer));
	_cleanup_free_ uint16_t *before = make_table(members, count, size);
	_cleanup_free_ uint16_t *after = NULL;
	uint32_t moved = 0;

	cr_assert_not_null(fewer);
	memcpy(fewer, members, leaving * sizeof(*fewer));
	memcpy(fewer + leaving, members + leaving + 1, (count - leaving - 1) * sizeof(*fewer));
	after = make_table(fewer, count - 1, size);
	for (uint32_t i = 0; i < size; i++) {
		size_t now = after[i] < leaving ? after[i] : after[i] + 1u;

		moved += before[i] != leaving && before[i] != now;
	}
	return (double)moved / size;
}

Test(maglev, few_entries_move_when_a_backend_leaves_or_comes)
{
	static const size_t counts[] = {3, 5, 10, 20, 50, 100, 163};
	struct bl_maglev_member members[MEMBERS_MAX];

	make_members(members, MEMBERS_MAX);
	for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
		size_t count = counts[i];
		double sum = 0;

		for (size_t leaving = 0; leaving < count; leaving++)
			sum += share_moved(members, count, leaving, bl_maglev_size(count));
		/* The paper: beyond what must move, a few per cent at fifty entries each. */
		cr_expect_lt(sum / (double)count, 0.06, "%zu members: %f", count,
			     sum / (double)count);
	}
}

Test(maglev, a_table_is_the_same_each_time_and_other_ports_make_another)
{
	struct bl_maglev_member members[5];
	uint32_t size = bl_maglev_size(5);
	_cleanup_free_ uint16_t *first = NULL;
	_cleanup_free_ uint16_t *again = NULL;
	_cleanup_free_ uint16_t *other = NULL;

	make_members(members, 5);
	first = make_table(members, 5, size);
	again = make_table(members, 5, size);
	members[2].port++;
	other = make_table(members, 5, size);
	cr_expect_eq(memcmp(first, again, size * sizeof(*first)), 0);
	cr_expect_neq(memcmp(first, other, size * sizeof(*first)), 0);
}

Test(maglev, too_many_members_are_refused)
{
	struct bl_maglev_member member = {.weight = 1};
	uint16_t entry = 7;

	cr_expect_eq(bl_maglev_fill(&member, BL_MAGLEV_MEMBERS_MAX + 1, &entry, 1), -E2BIG);
	cr_expect_eq(entry, 7);
	cr_expect_eq(bl_maglev_fill(&member, 0, &entry, 1), 0);
}
