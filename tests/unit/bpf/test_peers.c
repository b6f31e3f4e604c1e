/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <criterion/criterion.h>
#include <stdint.h>

#include "peers.h"

static struct bl_destination frontend(uint8_t number)
{
	struct bl_destination dst = {.address = {.ipv4 = {10, 96, 0, number}},
				     .port = 53,
				     .family = BL_FAMILY_IPV4,
				     .protocol = 17};

	return dst;
}

static struct bl_backend backend(uint8_t number)
{
	struct bl_backend b = {.address = {.ipv4 = {10, 244, 0, number}},
			       .port = 5353,
			       .family = BL_FAMILY_IPV4,
			       .state = BL_BACKEND_READY};

	return b;
}

static uint32_t put(struct bl_udp_peers *peers, uint8_t frontend_number, uint8_t backend_number)
{
	struct bl_destination dst = frontend(frontend_number);
	struct bl_backend b = backend(backend_number);
	uint32_t place = bl_peers_place(peers, &dst);

	cr_assert_lt(place, BL_UDP_PEERS);
	bl_translation_set(&peers->peers[place], &dst, backend_number, &b, 0);
	peers->recent = place;
	return place;
}

static struct bl_destination answer_of(uint8_t backend_number)
{
	struct bl_backend b = backend(backend_number);
	struct bl_destination src = {.address = b.address, .port = b.port, .family = b.family};

	return src;
}

Test(peers, empty_peers_hold_nothing)
{
	struct bl_udp_peers peers = {0};
	struct bl_destination dst = frontend(1), zero = {0};

	cr_assert_null(bl_peers_find(&peers, &dst));
	cr_assert_null(bl_peers_find(&peers, &zero));
	cr_assert_null(bl_peers_find_reply(&peers, &zero));
}

Test(peers, each_frontend_has_one_place_and_keeps_it)
{
	struct bl_udp_peers peers = {0};

	for (uint8_t i = 1; i <= BL_UDP_PEERS; i++)
		cr_assert_eq(put(&peers, i, i), i - 1u);
	for (uint8_t i = 1; i <= BL_UDP_PEERS; i++) {
		struct bl_destination dst = frontend(i);

		cr_assert_eq(bl_peers_find(&peers, &dst), &peers.peers[i - 1]);
		cr_assert_eq(bl_peers_place(&peers, &dst), i - 1u);
	}
}

Test(peers, oldest_makes_room_in_turn)
{
	struct bl_udp_peers peers = {0};

	for (uint8_t i = 1; i <= 3 * BL_UDP_PEERS; i++)
		cr_assert_eq(put(&peers, i, i), (i - 1u) % BL_UDP_PEERS);
	for (uint8_t i = 1; i <= 3 * BL_UDP_PEERS; i++) {
		struct bl_destination dst = frontend(i);

		cr_assert_eq(bl_peers_find(&peers, &dst) != NULL, i > 2 * BL_UDP_PEERS, "%u", i);
	}
}

Test(peers, entry_being_written_is_a_free_place_and_no_match)
{
	struct bl_udp_peers peers = {0};
	struct bl_destination dst = frontend(2), source = answer_of(2);

	for (uint8_t i = 1; i <= BL_UDP_PEERS; i++)
		put(&peers, i, i);
	peers.peers[1].backend_id = 0;
	cr_assert_null(bl_peers_find(&peers, &dst));
	cr_assert_null(bl_peers_find_reply(&peers, &source));
	dst = frontend(9);
	cr_assert_eq(bl_peers_place(&peers, &dst), 1);
}

Test(peers, answer_is_explained_by_the_frontend_used_last)
{
	struct bl_udp_peers peers = {0};
	struct bl_destination source = answer_of(7);

	put(&peers, 1, 7);
	put(&peers, 2, 7);
	cr_assert_eq(bl_peers_find_reply(&peers, &source), &peers.peers[1]);
	peers.recent = 0;
	cr_assert_eq(bl_peers_find_reply(&peers, &source), &peers.peers[0]);
	put(&peers, 3, 8);
	cr_assert_not_null(bl_peers_find_reply(&peers, &source));
	source = answer_of(9);
	cr_assert_null(bl_peers_find_reply(&peers, &source));
}

Test(peers, numbers_beyond_the_array_do_no_harm)
{
	struct bl_udp_peers peers = {.next = 0xffffffff, .recent = 0xffffffff};
	struct bl_destination source = answer_of(1);

	for (uint8_t i = 1; i <= BL_UDP_PEERS; i++)
		put(&peers, i, i);
	peers.recent = 0xffffffff;
	peers.next = 0xffffffff;
	cr_assert_eq(bl_peers_find_reply(&peers, &source), &peers.peers[0]);
	cr_assert_eq(put(&peers, 9, 9), BL_UDP_PEERS - 1);
}
