/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <criterion/criterion.h>
#include <stdint.h>
#include <stdlib.h>

#include "choose.h"

static uint64_t state = 88172645463325252ull;

static uint32_t next_random(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state >> 32);
}

/*
 * Exact, not by chance: of the 2^32 draws, those that give a slot are consecutive, so where one
 * slot's draws end and the next one's begin says how many there are, and the ones refused are
 * counted at the seams.
 */
static uint64_t draws_of_slot(uint32_t slot, uint32_t count)
{
	uint64_t first = (((uint64_t)slot << 32) + count - 1) / count;
	uint64_t last = (((uint64_t)(slot + 1) << 32) + count - 1) / count;
	uint64_t draws = last - first;
	uint32_t chosen;

	for (uint64_t random = first; random < last && random < first + 3; random++)
		if (!bl_choose_random((uint32_t)random, count, &chosen))
			draws--;
		else
			cr_assert_eq(chosen, slot);
	return draws;
}

Test(choose, every_slot_has_exactly_as_many_draws_as_every_other)
{
	static const uint32_t counts[] = {1,    2,    3,     5,       7,       10,        100,
					  1000, 4095, 65537, 1000003, 1048576, 0x7fffffff};

	for (size_t c = 0; c < sizeof(counts) / sizeof(counts[0]); c++) {
		uint32_t count = counts[c], step = count > 5000 ? count / 5000 : 1;

		for (uint32_t slot = 0; slot < count - count % step; slot += step)
			cr_assert_eq(draws_of_slot(slot, count), (1ull << 32) / count,
				     "slot %u of %u", slot, count);
	}
}

Test(choose, refused_draw_leaves_the_output_alone)
{
	uint32_t chosen = 77;

	/* 2^32 mod 3 is 1: draw 0 is the one too many. */
	cr_assert_not(bl_choose_random(0, 3, &chosen));
	cr_assert_eq(chosen, 77);
	cr_assert(bl_choose_random(1, 3, &chosen));
	cr_assert_eq(chosen, 0);
	cr_assert(bl_choose_random(0xffffffff, 3, &chosen));
	cr_assert_eq(chosen, 2);
}

static struct bl_destination destination(uint32_t last_word, uint16_t port)
{
	struct bl_destination dst = {.family = BL_FAMILY_IPV6, .port = port, .protocol = 17};

	dst.address.words[0] = 0xfd00;
	dst.address.words[3] = last_word;
	return dst;
}

static double chi_square(const uint32_t *hits, uint32_t slots, uint32_t total)
{
	double expected = (double)total / slots, sum = 0;

	for (uint32_t i = 0; i < slots; i++)
		sum += ((double)hits[i] - expected) * ((double)hits[i] - expected) / expected;
	return sum;
}

Test(choose, consecutive_cookies_spread_evenly)
{
	static const uint32_t counts[] = {2, 3, 7, 10, 64, 100};
	enum { SOCKETS = 100000 };

	for (size_t c = 0; c < sizeof(counts) / sizeof(counts[0]); c++) {
		uint32_t hits[100] = {0};
		struct bl_destination dst = destination(1, 53);

		for (uint64_t cookie = 1; cookie <= SOCKETS; cookie++)
			hits[bl_choose_hashed(bl_hash_flow(cookie, &dst), counts[c])]++;
		/* Mean is slots - 1, deviation sqrt(2 * slots); six deviations and some. */
		cr_assert_lt(chi_square(hits, counts[c], SOCKETS), counts[c] + 90.0, "%u slots",
			     counts[c]);
	}
}

Test(choose, one_socket_spreads_over_frontends_that_differ_in_address_or_port)
{
	uint32_t by_address[10] = {0}, by_port[10] = {0};

	for (uint32_t i = 0; i < 20000; i++) {
		struct bl_destination a = destination(i, 53), p = destination(1, (uint16_t)i);

		by_address[bl_choose_hashed(bl_hash_flow(4242, &a), 10)]++;
		by_port[bl_choose_hashed(bl_hash_flow(4242, &p), 10)]++;
	}
	cr_assert_lt(chi_square(by_address, 10, 20000), 60.0);
	cr_assert_lt(chi_square(by_port, 10, 20000), 60.0);
}

Test(choose, same_socket_and_frontend_always_give_the_same_slot_below_the_count)
{
	for (int i = 0; i < 100000; i++) {
		struct bl_destination dst = destination(next_random(), (uint16_t)next_random());
		uint64_t cookie = (uint64_t)next_random() << 32 | next_random();
		uint32_t count = next_random() % 1048576 + 1;
		uint32_t chosen = bl_choose_hashed(bl_hash_flow(cookie, &dst), count);

		cr_assert_lt(chosen, count);
		cr_assert_eq(chosen, bl_choose_hashed(bl_hash_flow(cookie, &dst), count));
	}
}
