/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The pure parts of the packet programs, and the parser over a frame of this machine's memory. */
#include <criterion/criterion.h>
#include <stdint.h>

#include "hook_native.h"

#include "bucket.h"
#include "flow_table.h"
#include "parse.h"
#include "pool.h"

/* RFC 1071 by the book. */
static uint16_t whole_sum(const uint16_t *words, size_t count)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < count; i++)
		sum += words[i];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static uint32_t next_random(void)
{
	static uint64_t state = 88172645463325252ull;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state >> 32);
}

Test(csum, change_by_difference_is_as_good_as_summing_anew)
{
	for (int round = 0; round < 200000; round++) {
		union {
			union bl_ip ip;
			uint16_t words[8];
		} before, after;
		uint16_t port = (uint16_t)next_random(), to = (uint16_t)next_random();
		uint16_t all[9], had, wanted, got;

		for (int i = 0; i < 4; i++) {
			/* Zeros and ones are where carries go wrong. */
			before.ip.words[i] = round % 3 ? next_random() : 0;
			after.ip.words[i] = round % 5 ? next_random() : 0xffffffff;
		}
		memcpy(all, before.words, 16);
		all[8] = port;
		had = whole_sum(all, 9);
		memcpy(all, after.words, 16);
		all[8] = to;
		wanted = whole_sum(all, 9);
		got = bl_csum_apply(
			had, bl_csum_add(bl_csum_ip(&before.ip, &after.ip), bl_csum_16(port, to)));
		/* Both are zero in one's complement. */
		cr_assert(got == wanted || (uint16_t)(got ^ wanted) == 0xffff, "%04x, not %04x",
			  got, wanted);
	}
}

Test(pool, every_port_of_a_small_pool_is_tried_once)
{
	for (uint32_t size = 1; size <= BL_POOL_TRIES; size++) {
		bool tried[BL_POOL_TRIES] = {false};
		uint32_t start = next_random();

		for (uint32_t i = 0; i < size; i++) {
			uint32_t place =
				bl_pool_port(40000, (uint16_t)(40000 + size - 1), start, i) -
				40000u;

			cr_assert_lt(place, size);
			cr_assert_not(tried[place]);
			tried[place] = true;
		}
	}
}

/* Nine of ten ports are taken, in no order: how many of many clients find a free one. */
Test(pool, free_port_is_found_at_ninety_percent_use)
{
	enum { SIZE = 4536, CLIENTS = 20000 };
	static bool taken[SIZE];
	uint32_t used = 0;

	while (used < SIZE * 9 / 10) {
		uint32_t place = next_random() % SIZE;

		used += !taken[place];
		taken[place] = true;
	}
	for (uint32_t client = 0; client < CLIENTS; client++) {
		uint32_t start = next_random(), i = 0;

		while (i < BL_POOL_TRIES && taken[bl_pool_port(61000, 65535, start, i) - 61000])
			i++;
		cr_assert_lt(i, BL_POOL_TRIES, "client %u found none", client);
	}
}

Test(pool, ports_stay_within_the_pool_up_to_the_last)
{
	for (uint32_t i = 0; i < 100000; i++) {
		cr_assert_geq(bl_pool_port(61000, 65535, next_random(), i), 61000);
		cr_assert_geq(bl_pool_port(1, 65535, next_random(), i), 1);
	}
}

Test(bucket, burst_then_the_rate_and_no_more)
{
	struct bl_packet_guard bucket = {0};
	uint64_t now_ns = 1000000000ull;
	uint32_t taken = 0;

	for (int i = 0; i < 1000; i++)
		taken += bl_bucket_take(&bucket, 100, 50, now_ns);
	cr_assert_eq(taken, 50);
	/* Ten seconds, asked every millisecond: steps shorter than a token lose nothing. */
	taken = 0;
	for (int i = 0; i < 10000; i++)
		taken += bl_bucket_take(&bucket, 100, 50, now_ns += 1000000);
	cr_assert_geq(taken, 999);
	cr_assert_leq(taken, 1001);
}

Test(bucket, long_pause_fills_it_to_the_burst_alone)
{
	struct bl_packet_guard bucket = {.filled_ns = 1, .tokens = 0};
	uint32_t taken = 0;

	for (int i = 0; i < 100; i++)
		taken += bl_bucket_take(&bucket, 4000000000u, 7, UINT64_MAX / 2);
	cr_assert_eq(taken, 7);
}

static const struct {
	const char *what;
	uint8_t bytes[64];
	uint32_t len;
	enum bl_parsed expected;
} frames[] = {
	{"nothing", {0}, 0, BL_PARSED_FOREIGN},
	{"no EtherType that we know", {[12] = 0x08, 0x06}, 42, BL_PARSED_FOREIGN},
	{"a tag and nothing behind it", {[12] = 0x81, 0}, 16, BL_PARSED_MALFORMED},
	{"three tags",
	 {[12] = 0x88, 0xa8, 0, 1, 0x88, 0xa8, 0, 2, 0x81, 0, 0, 3, 8, 0},
	 60,
	 BL_PARSED_FOREIGN},
	{"IPv4 that says version 6", {[12] = 8, 0, 0x65}, 60, BL_PARSED_MALFORMED},
	{"IPv4 with a header of 16 bytes", {[12] = 8, 0, 0x44, 0, 0, 40}, 60, BL_PARSED_MALFORMED},
	{"IPv4 shorter than its header", {[12] = 8, 0, 0x45, 0, 0, 19}, 60, BL_PARSED_MALFORMED},
	{"IPv4 longer than the frame", {[12] = 8, 0, 0x45, 0, 0, 47}, 60, BL_PARSED_MALFORMED},
	{"IPv4 with another protocol", {[12] = 8, 0, 0x45, 0, 0, 46, [23] = 132}, 60, BL_PARSED},
	{"TCP of 19 bytes",
	 {[12] = 8, 0, 0x45, 0, 0, 39, [23] = 6, [46] = 0x50},
	 60,
	 BL_PARSED_MALFORMED},
	{"TCP with a header of 16 bytes",
	 {[12] = 8, 0, 0x45, 0, 0, 40, [23] = 6, [46] = 0x40},
	 60,
	 BL_PARSED_MALFORMED},
	{"TCP", {[12] = 8, 0, 0x45, 0, 0, 40, [23] = 6, [46] = 0x50}, 60, BL_PARSED},
	{"UDP that says 7 bytes",
	 {[12] = 8, 0, 0x45, 0, 0, 28, [23] = 17, [39] = 7},
	 60,
	 BL_PARSED_MALFORMED},
	{"UDP", {[12] = 8, 0, 0x45, 0, 0, 28, [23] = 17, [39] = 8}, 60, BL_PARSED},
	{"a later fragment too short for ports",
	 {[12] = 8, 0, 0x45, 0, 0, 21, [21] = 1, [23] = 17},
	 60,
	 BL_PARSED},
	{"IPv6 longer than the frame",
	 {[12] = 0x86, 0xdd, 0x60, [19] = 7, 59},
	 60,
	 BL_PARSED_MALFORMED},
	{"IPv6 with nothing behind", {[12] = 0x86, 0xdd, 0x60, [19] = 6, 59}, 60, BL_PARSED},
	{"IPv6 with options beyond the frame",
	 {[12] = 0x86, 0xdd, 0x60, [19] = 8, 0, [54] = 6, 1},
	 62,
	 BL_PARSED_MALFORMED},
};

Test(parse, lengths_that_cannot_be_make_a_packet_malformed)
{
	for (size_t i = 0; i < sizeof(frames) / sizeof(frames[0]); i++) {
		struct bl_packet packet = {0};
		struct bl_context ctx;
		enum bl_parsed parsed;

		native_hold(&ctx, frames[i].len);
		memcpy(ctx.data, frames[i].bytes, frames[i].len);
		parsed = bl_parse(&ctx, &packet);
		cr_expect_eq(parsed, frames[i].expected, "%s: %d, not %d", frames[i].what, parsed,
			     frames[i].expected);
		free(ctx.block);
	}
}

Test(csum, udp_without_a_checksum_stays_so_and_zero_is_written_as_ones)
{
	cr_assert_eq(bl_csum_transport(0, 0x1234, true), 0);
	cr_assert_neq(bl_csum_transport(0, 0x1234, false), 0);
	/* The change that makes the sum all ones, whose complement is zero. */
	cr_assert_eq(bl_csum_transport(0x1234, 0x1234, true), 0xffff);
	cr_assert_eq(bl_csum_transport(0x1234, 0x1234, false), 0);
}

/* Neighbouring ports of neighbouring addresses, as one machine dials many virtual ones. */
Test(flow_hash, flows_that_differ_in_related_places_have_hashes_of_their_own)
{
	static uint64_t seen[4096];
	uint32_t shared = 0, used[64] = {0};

	for (uint32_t i = 0; i < 4096; i++) {
		struct bl_tuple tuple = {.source.words = {0x000012c6},
					 .destination.words = {bpf_htonl(0x0a800000 + (i & 255))},
					 .source_port = bpf_htons((uint16_t)(2048 + i)),
					 .destination_port = bpf_htons(80),
					 .family = BL_FAMILY_IPV4,
					 .protocol = IPPROTO_UDP};

		seen[i] = bl_tuple_hash(&tuple);
		used[seen[i] % 64]++;
		for (uint32_t k = 0; k < i; k++)
			shared += bl_flow_tag(seen[k]) == bl_flow_tag(seen[i]);
	}
	cr_expect_eq(shared, 0);
	/* Seven deviations of 64 in each. */
	for (uint32_t i = 0; i < 64; i++)
		cr_expect(used[i] > 8 && used[i] < 120, "%u: %u", i, used[i]);
}
