/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Established flows in their buckets: found again, kept apart, and which one makes room. */
#include <criterion/criterion.h>
#include <stdint.h>

#include "hook_native.h"

#include "flow_table.h"
#include "parse.h"

#define SECOND (1000000000ull >> BL_FLOW_TIME_SHIFT)

static const uint8_t families[] = {BL_FAMILY_IPV4, BL_FAMILY_IPV6};

static struct bl_tuple tuple_of(uint8_t family, uint32_t i)
{
	struct bl_tuple tuple = {.source.words = {bpf_htonl(0xc6120000 + (i >> 12))},
				 .destination.words = {bpf_htonl(0x0a800001)},
				 .source_port = bpf_htons((uint16_t)(2048 + (i & 4095))),
				 .destination_port = bpf_htons(80),
				 .family = family,
				 .protocol = IPPROTO_TCP};

	if (family == BL_FAMILY_IPV6)
		tuple.source.words[3] = bpf_htonl(i >> 12);
	return tuple;
}

static struct bl_tuple target_of(uint8_t family, uint32_t i)
{
	struct bl_tuple to = tuple_of(family, i);

	to.destination.words[0] = bpf_htonl(0x0af40000 + i);
	to.destination_port = bpf_htons(8080);
	return to;
}

static int store(uint8_t family, uint32_t i, uint32_t last_seen, uint64_t flags)
{
	const struct bl_tuple tuple = tuple_of(family, i), to = target_of(family, i);
	const struct bl_flow flow = {
		.kind = BL_FLOW_LOCAL, .backend_id = i, .last_seen = last_seen};

	return bl_flow_store(&tuple, &flow, &to, flags);
}

static struct bl_flow *find(uint8_t family, uint32_t i, struct bl_tuple *ret_to)
{
	const struct bl_tuple tuple = tuple_of(family, i);

	memset(ret_to, 0, sizeof(*ret_to));
	return bl_flow_find(&tuple, ret_to);
}

Test(flow_table, what_is_stored_is_found_until_it_is_deleted)
{
	struct bl_tuple to, wanted;

	for (size_t f = 0; f < 2; f++) {
		uint8_t family = families[f];

		for (uint32_t i = 0; i < 300; i++)
			cr_assert_eq(store(family, i, 1000, BPF_ANY), 0);
		for (uint32_t i = 0; i < 300; i++) {
			const struct bl_flow *flow = find(family, i, &to);

			wanted = target_of(family, i);
			cr_assert(flow && flow->backend_id == i);
			cr_expect_eq(memcmp(&to, &wanted, sizeof(to)), 0);
		}
		for (uint32_t i = 0; i < 300; i += 2) {
			wanted = tuple_of(family, i);
			(void)bl_flow_delete(&wanted);
		}
		for (uint32_t i = 0; i < 300; i++)
			cr_expect_eq(find(family, i, &to) != NULL, i % 2);
	}
	native_clear();
}

Test(flow_table, an_entry_is_replaced_only_when_that_is_asked_for)
{
	struct bl_tuple to;

	cr_assert_eq(store(BL_FAMILY_IPV4, 7, 1000, BPF_NOEXIST), 0);
	cr_expect_lt(store(BL_FAMILY_IPV4, 7, 2000, BPF_NOEXIST), 0);
	cr_expect_eq(find(BL_FAMILY_IPV4, 7, &to)->last_seen, 1000);
	cr_expect_eq(store(BL_FAMILY_IPV4, 7, 2000, BPF_ANY), 0);
	cr_expect_eq(find(BL_FAMILY_IPV4, 7, &to)->last_seen, 2000);
	native_clear();
}

/* Fills both buckets of flow 0 with others, seen at the given times. */
static void fill_buckets(uint32_t first_seen, struct bl_flow4 *ret[2 * BL_FLOW_WAYS])
{
	const struct bl_tuple tuple = tuple_of(BL_FAMILY_IPV4, 0);
	uint64_t hash = bl_tuple_hash(&tuple);

	for (uint32_t i = 0; i < 2 * BL_FLOW_WAYS; i++) {
		uint32_t index = bl_flow_bucket(hash, BL_FLOWS4_BUCKETS, i >= BL_FLOW_WAYS);
		struct bl_flow4_bucket *bucket = bpf_map_lookup_elem(&flows4, &index);

		bucket->tags[i % BL_FLOW_WAYS] = 2 * i + 1;
		ret[i] = &bucket->entries[i % BL_FLOW_WAYS];
		ret[i]->flow.last_seen = first_seen + i;
		ret[i]->flow.state = BL_FLOW_ESTABLISHED;
	}
}

Test(flow_table, in_full_buckets_the_one_goes_that_was_used_longest_ago)
{
	struct bl_flow4 *entries[2 * BL_FLOW_WAYS];
	struct bl_tuple to;
	/* Times wrap. */
	static const uint32_t times[] = {5000, UINT32_MAX - 3};

	for (size_t t = 0; t < 2; t++) {
		for (uint32_t oldest = 0; oldest < 2 * BL_FLOW_WAYS; oldest++) {
			fill_buckets(times[t], entries);
			entries[oldest]->flow.last_seen = times[t] - 900 * SECOND;
			cr_assert_eq(store(BL_FAMILY_IPV4, 0, times[t] + 20, BPF_ANY), 0);
			cr_expect_eq(find(BL_FAMILY_IPV4, 0, &to), &entries[oldest]->flow);
			native_clear();
		}
	}
}

Test(flow_table, what_is_closed_goes_before_what_is_old)
{
	struct bl_flow4 *entries[2 * BL_FLOW_WAYS];
	struct bl_tuple to;

	fill_buckets(1000000, entries);
	entries[3]->flow.last_seen -= 900 * SECOND;
	entries[11]->flow.state = BL_FLOW_CLOSED;
	cr_assert_eq(store(BL_FAMILY_IPV4, 0, 1000100, BPF_ANY), 0);
	cr_expect_eq(find(BL_FAMILY_IPV4, 0, &to), &entries[11]->flow);
	native_clear();
}

Test(flow_table, entries_that_are_being_written_are_left_alone)
{
	const struct bl_tuple tuple = tuple_of(BL_FAMILY_IPV4, 0);
	struct bl_flow4 *entries[2 * BL_FLOW_WAYS];
	struct bl_tuple to;

	fill_buckets(1000, entries);
	for (uint32_t i = 0; i < 2; i++) {
		uint32_t index = bl_flow_bucket(bl_tuple_hash(&tuple), BL_FLOWS4_BUCKETS, i);
		struct bl_flow4_bucket *bucket = bpf_map_lookup_elem(&flows4, &index);

		for (uint32_t way = 0; way < BL_FLOW_WAYS; way++)
			bucket->tags[way] = BL_FLOW_BUSY;
	}
	cr_expect_lt(store(BL_FAMILY_IPV4, 0, 1000, BPF_ANY), 0);
	cr_expect_null(find(BL_FAMILY_IPV4, 0, &to));
	native_clear();
}

/* Where entries go when each takes the emptier of its two buckets: the map may be filled to nearly
 * four fifths before one is pushed out. */
Test(flow_table, four_fifths_of_the_map_hold_flows_without_losing_any_to_speak_of)
{
	static uint8_t used[BL_FLOWS4_BUCKETS];
	uint32_t lost = 0;

	for (uint32_t i = 0; i < BL_FLOWS4_MAX * 4 / 5; i++) {
		const struct bl_tuple tuple = tuple_of(BL_FAMILY_IPV4, i);
		uint64_t hash = bl_tuple_hash(&tuple);
		uint32_t a = bl_flow_bucket(hash, BL_FLOWS4_BUCKETS, false);
		uint32_t b = bl_flow_bucket(hash, BL_FLOWS4_BUCKETS, true);
		uint32_t emptier = used[b] < used[a] ? b : a;

		lost += used[emptier] == BL_FLOW_WAYS;
		used[emptier] += used[emptier] < BL_FLOW_WAYS;
	}
	cr_expect_lt(lost, BL_FLOWS4_MAX * 4 / 5 / 1000, "%u of %u", lost, BL_FLOWS4_MAX * 4 / 5);
}
