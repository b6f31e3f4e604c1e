/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Times of the packet cores: when the clock is asked, and what CPUs make of each other's times. */
#include <criterion/criterion.h>
#include <stdint.h>

#include "hook_native.h"

#include "flow.h"
#include "fragment.h"
#include "guard.h"

#define JIFFY_NS 4000000ull
#define UNIT_NS (1ull << BL_FLOW_TIME_SHIFT)

static uint64_t whole_units(uint64_t ns)
{
	return ns / UNIT_NS * UNIT_NS;
}

static uint64_t now_at(uint64_t ns)
{
	native.now_ns = ns;
	return bl_now_ns();
}

Test(clock, it_is_asked_once_a_jiffy)
{
	uint64_t first = 1000 * JIFFY_NS;

	cr_expect_eq(now_at(first), whole_units(first));
	cr_expect_eq(now_at(first + JIFFY_NS - 1), whole_units(first));
	cr_expect_eq(now_at(first + JIFFY_NS), whole_units(first + JIFFY_NS));
	/* Back again, as for a CPU that was held up. */
	cr_expect_eq(now_at(first), whole_units(first));
}

Test(clock, it_is_right_before_and_after_the_number_of_jiffies_wraps)
{
	uint64_t wrap = (BL_CLOCK_JIFFIES + 1) * JIFFY_NS;

	for (uint64_t ns = wrap - 3 * JIFFY_NS; ns <= wrap + 3 * JIFFY_NS; ns += JIFFY_NS)
		cr_expect_eq(now_at(ns), whole_units(ns));
	/* Years. */
	cr_expect_eq(now_at(1ull << 59), 1ull << 59);
}

Test(clock, ages_are_right_for_most_of_the_time_that_flows_have)
{
	static const struct {
		uint32_t age;
		uint32_t wanted;
	} rows[] = {
		{0, 0},
		{1, 1},
		{INT32_MAX, INT32_MAX},
		/* 26 days and more. */
		{1u << 31, 1u << 31},
		{UINT32_MAX - 2 * BL_FLOW_AHEAD, UINT32_MAX - 2 * BL_FLOW_AHEAD},
		/* Seen by a CPU whose time is ahead. */
		{0u - 1, 0},
		{0u - BL_FLOW_AHEAD, 0},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bl_flow flow = {.last_seen = 77 - rows[i].age};

		cr_expect_eq(bl_flow_age(&flow, 77 * UNIT_NS), rows[i].wanted, "row %zu", i);
	}
}

Test(clock, fragments_are_found_by_a_cpu_whose_time_is_behind_and_for_half_a_minute)
{
	static const struct {
		int64_t later_ns;
		int found;
	} rows[] = {{-(int64_t)JIFFY_NS, 1},
		    {0, 1},
		    {29 * (int64_t)BL_SECOND_NS, 1},
		    {31 * (int64_t)BL_SECOND_NS, 0}};
	const uint64_t first_ns = 1000 * BL_SECOND_NS;
	struct bl_packet packet = {.tuple = {.source_port = 5,
					     .destination_port = 6,
					     .family = BL_FAMILY_IPV4,
					     .protocol = IPPROTO_UDP}};

	native.now_ns = first_ns;
	(void)bl_fragment_store(&packet);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		native.now_ns = first_ns + (uint64_t)rows[i].later_ns;
		cr_expect_eq(bl_fragment_find(&packet), rows[i].found, "row %zu", i);
	}
	native_clear();
}

Test(bucket, time_that_goes_back_a_little_fills_nothing)
{
	struct bl_packet_guard bucket = {0};
	uint32_t taken = 0;

	for (int i = 0; i < 100; i++)
		taken += bl_bucket_take(&bucket, 100, 10, BL_SECOND_NS + (i % 2 ? 0 : JIFFY_NS));
	cr_expect_eq(taken, 10);
}
