/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Flows in their buckets: found again, kept apart, and which one makes room. */
#include <criterion/criterion.h>
#include <stdint.h>

#include "hook_native.h"

#include "confirm.h"
#include "new_flow.h"
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

static struct bl_direction direction(uint8_t family, uint32_t i, uint32_t last_seen)
{
	return (struct bl_direction){
		.from = tuple_of(family, i),
		.to = target_of(family, i),
		.flow = {.kind = BL_FLOW_LOCAL, .backend_id = i, .last_seen = last_seen},
	};
}

static int establish(uint8_t family, uint32_t i, uint32_t last_seen)
{
	struct bl_direction flow = direction(family, i, last_seen);

	return bl_flow_establish(&flow) ? BL_FLOW_NOWHERE : flow.place;
}

static int wait(uint8_t family, uint32_t i, uint32_t last_seen)
{
	struct bl_direction flow = direction(family, i, last_seen);

	flow.hash = bl_tuple_hash(&flow.from);
	if (bl_flow_claim_waiting(&flow))
		return BL_FLOW_NOWHERE;
	return bl_flow_put_waiting(&flow) ? BL_FLOW_NOWHERE : flow.place;
}

static struct bl_flow_tags *tags_of(uint8_t family, uint32_t i, bool is_second)
{
	const struct bl_tuple tuple = tuple_of(family, i);
	uint32_t bucket = bl_flow_bucket(bl_tuple_hash(&tuple), bl_flow_buckets(family), is_second);

	return bl_flow_tags(bucket, family);
}

static const uint32_t *tag_at(uint8_t family, int place)
{
	return bl_flow_tag_at(bl_flow_tags(bl_flow_bucket_at(place), family), place);
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
			cr_assert_geq(i % 3 ? establish(family, i, 1000) : wait(family, i, 1000),
				      0);
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

Test(flow_table, establishing_a_flow_replaces_what_it_had)
{
	struct bl_tuple to;

	for (size_t f = 0; f < 2; f++) {
		uint8_t family = families[f];
		int waits = wait(family, 7, 1000), place;

		cr_assert(waits >= 0 && bl_flow_waits(waits));
		cr_expect_eq(find(family, 7, &to)->last_seen, 1000);
		place = establish(family, 7, 2000);
		cr_assert(place >= 0 && !bl_flow_waits(place));
		cr_expect_eq(find(family, 7, &to)->last_seen, 2000);
		cr_expect_eq(*tag_at(family, waits), 0);
		cr_expect_eq(establish(family, 7, 3000), place);
		cr_expect_eq(find(family, 7, &to)->last_seen, 3000);
		native_clear();
	}
}

Test(flow_table, a_second_entry_of_the_same_ends_is_found)
{
	const struct bl_tuple tuple = tuple_of(BL_FAMILY_IPV6, 7);
	uint64_t hash = bl_tuple_hash(&tuple);
	int first = wait(BL_FAMILY_IPV6, 7, 1000), second;

	cr_expect_eq(bl_flow_place_but(&tuple, hash, first, BL_FAMILY_IPV6), BL_FLOW_NOWHERE);
	second = wait(BL_FAMILY_IPV6, 7, 1000);
	cr_expect_neq(first, second);
	cr_expect_eq(bl_flow_place_but(&tuple, hash, first, BL_FAMILY_IPV6), second);
	cr_expect_eq(bl_flow_place_but(&tuple, hash, second, BL_FAMILY_IPV6), first);
	native_clear();
}

#define BOTH (2 * BL_FLOW_ESTABLISHED_WAYS)

static struct bl_flow4 *entry_of(uint32_t i)
{
	const struct bl_tuple tuple = tuple_of(BL_FAMILY_IPV4, 0);
	uint32_t bucket = bl_flow_bucket(bl_tuple_hash(&tuple), BL_FLOWS4_BUCKETS,
					 i >= BL_FLOW_ESTABLISHED_WAYS);

	return bl_flow_entry(bucket, i % BL_FLOW_ESTABLISHED_WAYS, BL_FAMILY_IPV4);
}

/* Fills both buckets of flow 0 with others, seen at the given times. */
static void fill_buckets(uint32_t first_seen)
{
	for (uint32_t i = 0; i < BOTH; i++) {
		struct bl_flow_tags *tags =
			tags_of(BL_FAMILY_IPV4, 0, i >= BL_FLOW_ESTABLISHED_WAYS);

		tags->tags[i % BL_FLOW_ESTABLISHED_WAYS] = 2 * i + 1;
		entry_of(i)->flow.last_seen = first_seen + i;
		entry_of(i)->flow.state = BL_FLOW_ESTABLISHED;
	}
}

Test(flow_table, in_full_buckets_the_one_goes_that_was_used_longest_ago)
{
	struct bl_tuple to;
	/* Times wrap. */
	static const uint32_t times[] = {5000, UINT32_MAX - 3};

	for (size_t t = 0; t < 2; t++) {
		for (uint32_t oldest = 0; oldest < BOTH; oldest++) {
			fill_buckets(times[t]);
			entry_of(oldest)->flow.last_seen = times[t] - 900 * SECOND;
			cr_assert_geq(establish(BL_FAMILY_IPV4, 0, times[t] + 20), 0);
			cr_expect_eq(find(BL_FAMILY_IPV4, 0, &to), &entry_of(oldest)->flow);
			native_clear();
		}
	}
}

Test(flow_table, what_a_cpu_saw_whose_time_is_ahead_is_the_last_to_go)
{
	struct bl_flow_tags *tags = tags_of(BL_FAMILY_IPV4, 0, false);
	struct bl_tuple to;
	int place;

	fill_buckets(1000);
	entry_of(4)->flow.last_seen = 1100 + 5;
	cr_assert_geq(establish(BL_FAMILY_IPV4, 0, 1100), 0);
	cr_expect_neq(find(BL_FAMILY_IPV4, 0, &to), &entry_of(4)->flow);
	native_clear();
	for (uint32_t i = 0; i < 2; i++)
		for (uint32_t way = 0; way < BL_FLOW_WAITING_WAYS; way++) {
			tags = tags_of(BL_FAMILY_IPV4, 0, i);
			tags->tags[BL_FLOW_ESTABLISHED_WAYS + way] = 99;
			tags->seen[way] = i ? 1000 : 1100 + 5;
		}
	place = wait(BL_FAMILY_IPV4, 0, 1100);
	cr_assert_geq(place, 0);
	cr_expect_eq(bl_flow_tags(bl_flow_bucket_at(place), BL_FAMILY_IPV4), tags);
	native_clear();
}

Test(flow_table, what_begins_to_wait_takes_nothing_over_from_what_waited_there)
{
	for (size_t f = 0; f < 2; f++) {
		int place = wait(families[f], 7, 1000), again;
		struct bl_flow_tags *tags = bl_flow_tags(bl_flow_bucket_at(place), families[f]);
		const struct bl_tuple tuple = tuple_of(families[f], 7);

		cr_assert_geq(place, 0);
		cr_expect_eq(tags->seen[bl_flow_waiting_at(place)], 1000);
		tags->acknowledges[bl_flow_waiting_at(place)] = 77;
		(void)bl_flow_delete(&tuple);
		again = wait(families[f], 7, 2000);
		cr_assert_eq(again, place);
		cr_expect_eq(tags->seen[bl_flow_waiting_at(place)], 2000);
		cr_expect_eq(tags->acknowledges[bl_flow_waiting_at(place)], 0);
		native_clear();
	}
}

Test(flow_table, what_is_closed_goes_before_what_is_old)
{
	struct bl_tuple to;

	fill_buckets(1000000);
	entry_of(3)->flow.last_seen -= 900 * SECOND;
	entry_of(13)->flow.state = BL_FLOW_CLOSED;
	cr_assert_geq(establish(BL_FAMILY_IPV4, 0, 1000100), 0);
	cr_expect_eq(find(BL_FAMILY_IPV4, 0, &to), &entry_of(13)->flow);
	native_clear();
}

Test(flow_table, the_emptier_bucket_is_asked_once_the_first_is_nearly_full)
{
	/* Entries in the first and the second bucket, and where the next one goes. */
	static const struct {
		uint32_t first;
		uint32_t second;
		bool to_second;
	} rows[] = {{0, 0, false}, {7, 0, false}, {8, 0, true},  {8, 7, true},
		    {8, 8, false}, {9, 8, true},  {9, 9, false}, {10, 9, true}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bl_flow_tags *second = tags_of(BL_FAMILY_IPV4, 0, true);
		struct bl_flow_tags *first = tags_of(BL_FAMILY_IPV4, 0, false);
		int place;

		for (uint32_t way = 0; way < BL_FLOW_ESTABLISHED_WAYS; way++) {
			first->tags[way] = way < rows[i].first;
			second->tags[way] = way < rows[i].second;
		}
		place = establish(BL_FAMILY_IPV4, 0, 1000);
		cr_assert_geq(place, 0);
		cr_expect_eq(bl_flow_tags(bl_flow_bucket_at(place), BL_FAMILY_IPV4) == second,
			     rows[i].to_second, "row %zu", i);
		native_clear();
	}
}

Test(flow_table, flows_that_wait_push_out_each_other_alone)
{
	struct bl_flow_tags *tags[] = {tags_of(BL_FAMILY_IPV4, 0, false),
				       tags_of(BL_FAMILY_IPV4, 0, true)};

	fill_buckets(1000);
	for (uint32_t oldest = 0; oldest < 2 * BL_FLOW_WAITING_WAYS; oldest++) {
		int place;

		for (uint32_t i = 0; i < 2 * BL_FLOW_WAITING_WAYS; i++) {
			struct bl_flow_tags *in = tags[i / BL_FLOW_WAITING_WAYS];

			in->tags[BL_FLOW_ESTABLISHED_WAYS + i % BL_FLOW_WAITING_WAYS] = 99;
			in->seen[i % BL_FLOW_WAITING_WAYS] = i == oldest ? 4000 : 5000;
		}
		place = wait(BL_FAMILY_IPV4, 0, 5100);
		cr_assert(place >= 0 && bl_flow_waits(place));
		cr_expect_eq(
			tag_at(BL_FAMILY_IPV4, place),
			&tags[oldest / BL_FLOW_WAITING_WAYS]
				 ->tags[BL_FLOW_ESTABLISHED_WAYS + oldest % BL_FLOW_WAITING_WAYS]);
		for (uint32_t i = 0; i < BOTH; i++)
			cr_expect_eq(tags[i / BL_FLOW_ESTABLISHED_WAYS]
					     ->tags[i % BL_FLOW_ESTABLISHED_WAYS],
				     2 * i + 1);
	}
	native_clear();
}

Test(flow_table, entries_that_are_being_written_are_left_alone)
{
	struct bl_tuple to;

	fill_buckets(1000);
	for (uint32_t i = 0; i < 2; i++)
		for (uint32_t way = 0; way < BL_FLOW_WAYS; way++)
			tags_of(BL_FAMILY_IPV4, 0, i)->tags[way] = 4;
	cr_expect_lt(establish(BL_FAMILY_IPV4, 0, 1000), 0);
	cr_expect_lt(wait(BL_FAMILY_IPV4, 0, 1000), 0);
	cr_expect_null(find(BL_FAMILY_IPV4, 0, &to));
	native_clear();
}

Test(flow_table, the_oldest_of_those_goes_that_nobody_is_writing)
{
	struct bl_tuple to;

	fill_buckets(1000000);
	entry_of(3)->flow.last_seen -= 900 * SECOND;
	tags_of(BL_FAMILY_IPV4, 0, false)->tags[3] = 4;
	entry_of(15)->flow.last_seen -= 800 * SECOND;
	cr_assert_geq(establish(BL_FAMILY_IPV4, 0, 1000100), 0);
	cr_expect_eq(find(BL_FAMILY_IPV4, 0, &to), &entry_of(15)->flow);
	native_clear();
}

/* Another CPU puts an entry where one is about to go. */
static void take_place_of(const struct bl_direction *chosen)
{
	struct bl_direction other = direction(BL_FAMILY_IPV4, 1234, 9000);

	other.hash = bl_tuple_hash(&other.from);
	other.place = chosen->place;
	other.had = chosen->had;
	cr_assert_eq(bl_flow_claim(&other, BL_FAMILY_IPV4), 0);
	bl_flow_put(&other, BL_FAMILY_IPV4);
}

Test(flow_table, what_another_cpu_put_into_the_chosen_place_stays)
{
	static const char *const rows[] = {"a free place", "the oldest one's place",
					   "a place to wait at"};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bl_direction flow = direction(BL_FAMILY_IPV4, 0, 5000);
		uint32_t others;

		flow.hash = bl_tuple_hash(&flow.from);
		if (i == 1)
			fill_buckets(1000);
		if (i == 2)
			bl_flow_waiting_room(&flow, BL_FAMILY_IPV4);
		else
			bl_flow_room(&flow, BL_FAMILY_IPV4);
		cr_assert_geq(flow.place, 0, "%s", rows[i]);
		take_place_of(&flow);
		others = *tag_at(BL_FAMILY_IPV4, flow.place);
		cr_expect_neq(bl_flow_claim(&flow, BL_FAMILY_IPV4), 0, "%s", rows[i]);
		cr_expect_eq(*tag_at(BL_FAMILY_IPV4, flow.place), others, "%s", rows[i]);
		native_clear();
	}
}

Test(flow_table, what_is_claimed_is_found_by_rivals_alone)
{
	struct bl_direction flow = direction(BL_FAMILY_IPV4, 7, 1000), rival = flow;
	struct bl_tuple to;

	flow.hash = rival.hash = bl_tuple_hash(&flow.from);
	cr_assert_eq(bl_flow_claim_waiting(&flow), 0);
	cr_expect_null(find(BL_FAMILY_IPV4, 7, &to));
	cr_expect_not(bl_flow_has_rival(&flow, BL_FAMILY_IPV4));
	cr_assert_eq(bl_flow_claim_waiting(&rival), 0);
	cr_expect(bl_flow_has_rival(&flow, BL_FAMILY_IPV4));
	cr_expect(bl_flow_has_rival(&rival, BL_FAMILY_IPV4));
	bl_flow_unclaim(&rival);
	cr_expect_not(bl_flow_has_rival(&flow, BL_FAMILY_IPV4));
	(void)bl_flow_put_waiting(&flow);
	cr_expect_not_null(find(BL_FAMILY_IPV4, 7, &to));
	cr_assert_eq(bl_flow_claim_waiting(&rival), 0);
	cr_expect(bl_flow_has_rival(&rival, BL_FAMILY_IPV4));
	native_clear();
}

static struct bl_direction answer_of(uint8_t family)
{
	struct bl_direction answer = direction(family, 7, 1000);

	answer.hash = bl_tuple_hash(&answer.from);
	return answer;
}

/* An answer's entry is claimed by this CPU and another one at the same time. */
Test(flow_table, who_sees_the_claim_of_another_for_the_same_answer_gives_in)
{
	for (size_t f = 0; f < 2; f++) {
		struct bl_direction answer = answer_of(families[f]), rival = answer;

		cr_assert_eq(bl_flow_claim_waiting(&rival), 0);
		cr_expect_neq(bl_answer_claim(&answer, 1000 * SECOND), 0);
		cr_expect_neq(answer.place, rival.place);
		cr_expect_eq(*tag_at(families[f], answer.place), 0, "not given back");
		cr_expect(bl_flow_is_busy(*tag_at(families[f], rival.place)));
		bl_flow_unclaim(&rival);
		cr_expect_eq(bl_answer_claim(&answer, 1000 * SECOND), 0);
		native_clear();
	}
}

Test(flow_table, a_flow_that_finds_no_place_gives_its_answers_place_back)
{
	static struct bl_scratch s;

	s.reply = answer_of(BL_FAMILY_IPV4);
	s.flow = direction(BL_FAMILY_IPV4, 0, 1000);
	cr_assert_eq(bl_flow_claim_waiting(&s.reply), 0);
	for (uint32_t i = 0; i < 2; i++)
		for (uint32_t way = BL_FLOW_ESTABLISHED_WAYS; way < BL_FLOW_WAYS; way++)
			tags_of(BL_FAMILY_IPV4, 0, i)->tags[way] = 4;
	cr_expect_eq(bl_flow_wait(&s), BL_REASON_FLOW_FAILED);
	cr_expect_eq(*tag_at(BL_FAMILY_IPV4, s.reply.place), 0);
	native_clear();
}

Test(flow_table, a_packet_of_a_flow_that_waits_keeps_it_from_being_pushed_out)
{
	int place = wait(BL_FAMILY_IPV4, 7, 1000);
	struct bl_flow_tags *tags = bl_flow_tags(bl_flow_bucket_at(place), BL_FAMILY_IPV4);
	struct bl_tuple to;
	struct bl_flow *flow = find(BL_FAMILY_IPV4, 7, &to);

	cr_assert(flow && tags);
	bl_flow_seen(place, flow, BL_FAMILY_IPV4, 5000ull << BL_FLOW_TIME_SHIFT);
	cr_expect_eq(flow->last_seen, 5000);
	cr_expect_eq(tags->seen[bl_flow_waiting_at(place)], 5000);
	native_clear();
}

/* How many ways of the bucket are used, and where the next entry goes, as flow_store.h has it. */
Test(flow_table, four_fifths_of_the_map_hold_flows_without_losing_any_to_speak_of)
{
	static uint8_t used[BL_FLOWS4_BUCKETS];
	const uint32_t count = BL_FLOWS4_MAX * 4 / 5;
	const uint8_t full = BL_FLOW_ESTABLISHED_WAYS;
	uint32_t lost = 0;

	for (uint32_t i = 0; i < count; i++) {
		const struct bl_tuple tuple = tuple_of(BL_FAMILY_IPV4, i);
		uint64_t hash = bl_tuple_hash(&tuple);
		uint32_t first = bl_flow_bucket(hash, BL_FLOWS4_BUCKETS, false);
		uint32_t second = bl_flow_bucket(hash, BL_FLOWS4_BUCKETS, true);
		bool has_spare = used[first] < full - BL_FLOW_SPARE_WAYS;
		uint32_t bucket = has_spare || used[second] >= used[first] ? first : second;

		lost += used[bucket] == full;
		used[bucket] += used[bucket] < full;
	}
	cr_expect_lt(lost, count / 1000, "%u of %u", lost, count);
}
