/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who answers for an address: several nodes on a link that loses nothing, over a clock of our own.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "announce/claim.h"
#include "base/cleanup.h"

#define NODES 4
#define STEP_USEC 10000u
#define SECOND (1000 * 1000ull)

struct node {
	struct bl_claim claim;
	uint8_t mac[BL_MAC_LEN];
	bool wanted;
	bool deaf; /* neither hears nor is heard: its agent is dead, or its cable is out */
	bool dead;
};

struct link {
	struct node nodes[NODES];
	struct bl_addr address;
	uint64_t now_us;
	unsigned int owners_seen[NODES]; /* most owners at a time that were seen for long */
	unsigned int asks;
	unsigned int tells;
};

static void link_init(struct link *link, const char *address)
{
	*link = (struct link){.now_us = 1000 * SECOND};
	cr_assert_eq(bl_addr_parse(address, &link->address), 0);
	for (uint8_t i = 0; i < NODES; i++) {
		struct node *node = &link->nodes[i];

		memcpy(node->mac, (const uint8_t[]){2, 0, 0, 0, 0, (uint8_t)(0x0a + i)},
		       BL_MAC_LEN);
		bl_claim_init(&node->claim, &link->address, node->mac);
	}
}

static void carry(struct link *link, size_t from, enum bl_claim_action action);

static void hear(struct link *link, size_t at, const struct bl_frame *frame)
{
	struct node *node = &link->nodes[at];

	if (node->deaf || node->dead)
		return;
	/* The answer goes to the one that asks. */
	if (frame->kind == BL_FRAME_ASK && node->claim.state == BL_CLAIM_OWNED)
		carry(link, at, BL_CLAIM_TELL);
	carry(link, at, bl_claim_hear(&node->claim, frame, node->mac, link->now_us));
}

static void carry(struct link *link, size_t from, enum bl_claim_action action)
{
	struct bl_frame frame = {
		.kind = action == BL_CLAIM_ASK ? BL_FRAME_ASK : BL_FRAME_TELL,
		.address = link->address,
		.sender = link->address,
	};

	if (action == BL_CLAIM_SILENT || link->nodes[from].deaf)
		return;
	link->asks += action == BL_CLAIM_ASK;
	link->tells += action == BL_CLAIM_TELL;
	if (action == BL_CLAIM_ASK)
		frame.sender = (struct bl_addr){.family = link->address.family};
	memcpy(frame.mac, link->nodes[from].mac, BL_MAC_LEN);
	for (size_t i = 0; i < NODES; i++)
		if (i != from)
			hear(link, i, &frame);
}

static void say(struct link *link, size_t at, bool wanted, enum bl_claim_say say)
{
	struct node *node = &link->nodes[at];

	node->wanted = wanted;
	carry(link, at,
	      bl_claim_set(&node->claim, wanted, say, BL_CLAIM_INTERVAL_USEC, link->now_us));
}

static void run(struct link *link, uint64_t usec)
{
	for (uint64_t end = link->now_us + usec; link->now_us < end; link->now_us += STEP_USEC)
		for (size_t i = 0; i < NODES; i++)
			if (!link->nodes[i].dead && link->nodes[i].claim.due_us <= link->now_us)
				carry(link, i, bl_claim_turn(&link->nodes[i].claim, link->now_us));
}

static bool owns(const struct link *link, size_t at)
{
	return !link->nodes[at].dead && link->nodes[at].claim.state == BL_CLAIM_OWNED;
}

/* Index of the only owner. */
static size_t owner(const struct link *link)
{
	size_t found = NODES;

	for (size_t i = 0; i < NODES; i++) {
		if (!owns(link, i))
			continue;
		cr_assert_eq(found, NODES, "%zu and %zu", found, i);
		found = i;
	}
	cr_assert_lt(found, NODES, "nobody answers");
	return found;
}

static void all_want(struct link *link)
{
	for (size_t i = 0; i < NODES; i++)
		say(link, i, true, BL_CLAIM_BY_LINK);
}

Test(claim, of_nodes_that_begin_together_one_answers_within_one_and_a_half_seconds)
{
	char text[BL_ADDR_TEXT];

	for (int i = 1; i < 200; i++) {
		struct link link;

		(void)snprintf(text, sizeof(text), i % 2 ? "192.0.2.%d" : "fd00::%d", i);
		link_init(&link, text);
		all_want(&link);
		run(&link, 3 * SECOND / 2);
		for (size_t k = 0, first = owner(&link); k < NODES; k++)
			if (k != first)
				cr_expect_arr_eq(link.nodes[k].claim.holder, link.nodes[first].mac,
						 BL_MAC_LEN);
	}
}

Test(claim, addresses_are_spread_over_the_nodes)
{
	unsigned int count[NODES] = {0};
	char text[BL_ADDR_TEXT];

	for (int i = 1; i < 200; i++) {
		struct link link;

		(void)snprintf(text, sizeof(text), "192.0.2.%d", i);
		link_init(&link, text);
		all_want(&link);
		run(&link, 3 * SECOND / 2);
		count[owner(&link)]++;
	}
	for (size_t i = 0; i < NODES; i++)
		cr_expect_gt(count[i], 20, "%zu has %u of 199", i, count[i]);
}

Test(claim, an_owner_keeps_what_it_has_when_others_come)
{
	struct link link;

	for (size_t first = 0; first < NODES; first++) {
		link_init(&link, "192.0.2.1");
		say(&link, first, true, BL_CLAIM_BY_LINK);
		run(&link, 3 * SECOND / 2);
		all_want(&link);
		for (int i = 0; i < 300; i++) {
			run(&link, SECOND / 10);
			cr_assert_eq(owner(&link), first);
		}
	}
}

/* Its machine is busy, while another agent begins, asks and hears nothing. */
Test(claim, an_owner_that_answers_late_keeps_it_when_another_begins)
{
	for (size_t first = 0; first < NODES; first++) {
		struct link link;
		size_t second = (first + 1) % NODES;

		link_init(&link, "192.0.2.1");
		say(&link, first, true, BL_CLAIM_BY_LINK);
		run(&link, 20 * SECOND);
		link.nodes[first].deaf = true;
		say(&link, second, true, BL_CLAIM_BY_LINK);
		run(&link, 7 * SECOND / 10);
		cr_expect_not(owns(&link, second));
		link.nodes[first].deaf = false;
		for (int i = 0; i < 100; i++) {
			run(&link, SECOND / 10);
			cr_assert_eq(owner(&link), first);
		}
	}
}

Test(claim, an_owner_that_dies_is_followed_by_another_after_three_intervals)
{
	struct link link;
	size_t first;

	link_init(&link, "192.0.2.1");
	all_want(&link);
	run(&link, 20 * SECOND);
	first = owner(&link);
	link.nodes[first].dead = true;
	run(&link, 2 * BL_CLAIM_INTERVAL_USEC - BL_CLAIM_INTERVAL_USEC / 2);
	for (size_t i = 0; i < NODES; i++)
		cr_expect_not(owns(&link, i), "too early");
	run(&link, 3 * BL_CLAIM_INTERVAL_USEC);
	cr_expect_neq(owner(&link), first);
}

Test(claim, an_owner_that_is_restarted_within_the_time_has_it_again)
{
	struct link link;

	for (int i = 1; i < 50; i++) {
		char text[BL_ADDR_TEXT];
		size_t first;

		(void)snprintf(text, sizeof(text), "192.0.2.%d", i);
		link_init(&link, text);
		all_want(&link);
		run(&link, 20 * SECOND);
		first = owner(&link);
		link.nodes[first].dead = true;
		run(&link, 3 * SECOND);
		link.nodes[first].dead = false;
		bl_claim_init(&link.nodes[first].claim, &link.address, link.nodes[first].mac);
		say(&link, first, true, BL_CLAIM_BY_LINK);
		run(&link, 30 * SECOND);
		cr_expect_eq(owner(&link), first, "%s", text);
	}
}

Test(claim, what_an_owner_gives_up_another_has_within_two_seconds)
{
	struct link link;
	size_t first;

	link_init(&link, "192.0.2.1");
	all_want(&link);
	run(&link, 20 * SECOND);
	first = owner(&link);
	say(&link, first, false, BL_CLAIM_BY_LINK);
	run(&link, 2 * SECOND);
	cr_expect_neq(owner(&link), first);
}

Test(claim, two_owners_that_find_each_other_become_one)
{
	struct link link;

	for (size_t away = 0; away < NODES; away++) {
		link_init(&link, "192.0.2.1");
		link.nodes[away].deaf = true;
		all_want(&link);
		run(&link, 10 * SECOND);
		cr_expect(owns(&link, away));
		link.nodes[away].deaf = false;
		run(&link, 2 * BL_CLAIM_INTERVAL_USEC);
		(void)owner(&link);
	}
}

Test(claim, who_decides_elsewhere_is_believed_and_defended)
{
	struct link link;

	link_init(&link, "192.0.2.1");
	all_want(&link);
	run(&link, SECOND);
	for (size_t chosen = 0; chosen < NODES; chosen++) {
		for (size_t i = 0; i < NODES; i++)
			say(&link, i, true, i == chosen ? BL_CLAIM_HERE : BL_CLAIM_ELSEWHERE);
		cr_expect_eq(owner(&link), chosen, "at once");
		run(&link, 10 * SECOND);
		cr_expect_eq(owner(&link), chosen);
	}
	/* One that could not serve does not answer, whatever is decided. */
	say(&link, NODES - 1, false, BL_CLAIM_HERE);
	cr_expect_not(owns(&link, NODES - 1));
}

/* As when some nodes cannot ask the API server. */
Test(claim, an_owner_that_is_told_nothing_any_more_keeps_it_until_another_has_it)
{
	struct link link;

	for (size_t first = 0; first < NODES; first++) {
		size_t second = (first + 1) % NODES;

		link_init(&link, "192.0.2.1");
		for (size_t i = 0; i < NODES; i++)
			say(&link, i, true, i == first ? BL_CLAIM_HERE : BL_CLAIM_ELSEWHERE);
		for (size_t i = 0; i < NODES; i++) /* nobody can ask */
			say(&link, i, true, BL_CLAIM_BY_LINK);
		run(&link, 20 * SECOND);
		cr_expect_eq(owner(&link), first);
		for (size_t i = 0; i < NODES; i++) /* all but the owner can again */
			if (i != first)
				say(&link, i, true,
				    i == second ? BL_CLAIM_HERE : BL_CLAIM_ELSEWHERE);
		run(&link, SECOND);
		cr_expect_eq(owner(&link), second);
		run(&link, 20 * SECOND);
		cr_expect_eq(owner(&link), second);
	}
}

/* Its machine is busy, while the others hear that nobody decides any more. */
Test(claim, an_owner_that_is_slow_when_nobody_decides_any_more_keeps_it)
{
	struct link link;

	for (size_t first = 0; first < NODES; first++) {
		link_init(&link, "192.0.2.1");
		for (size_t i = 0; i < NODES; i++)
			say(&link, i, true, i == first ? BL_CLAIM_HERE : BL_CLAIM_ELSEWHERE);
		run(&link, 5 * SECOND);
		link.nodes[first].deaf = true;
		for (size_t i = 0; i < NODES; i++)
			say(&link, i, true, BL_CLAIM_BY_LINK);
		run(&link, 4 * SECOND);
		link.nodes[first].deaf = false;
		run(&link, 20 * SECOND);
		cr_expect_eq(owner(&link), first);
	}
}

Test(claim, an_owner_that_is_gone_when_nobody_decides_any_more_is_followed)
{
	struct link link;

	link_init(&link, "192.0.2.1");
	for (size_t i = 0; i < NODES; i++)
		say(&link, i, true, i == 0 ? BL_CLAIM_HERE : BL_CLAIM_ELSEWHERE);
	link.nodes[0].dead = true;
	for (size_t i = 1; i < NODES; i++)
		say(&link, i, true, BL_CLAIM_BY_LINK);
	run(&link, 10 * SECOND);
	cr_expect_neq(owner(&link), 0);
}

Test(claim, a_machine_that_has_the_address_is_left_alone)
{
	struct link link;
	struct bl_frame frame = {.kind = BL_FRAME_TELL, .mac = {6, 6, 6, 6, 6, 6}};

	link_init(&link, "192.0.2.1");
	frame.address = frame.sender = link.address;
	say(&link, 0, true, BL_CLAIM_BY_LINK);
	for (int i = 0; i < 100; i++) {
		unsigned int before = link.asks;

		run(&link, SECOND / 10);
		if (link.asks != before) /* it answers questions, and tells of nothing unasked */
			hear(&link, 0, &frame);
		cr_assert_not(owns(&link, 0));
	}
	cr_expect_eq(link.tells, 0);
	run(&link, 10 * SECOND);
	cr_expect_eq(owner(&link), 0, "it is gone");
}

Test(claim, a_new_owner_tells_of_it_several_times_and_then_at_every_interval)
{
	struct link link;

	link_init(&link, "192.0.2.1");
	say(&link, 0, true, BL_CLAIM_BY_LINK);
	run(&link, SECOND);
	cr_expect_eq(link.asks, BL_CLAIM_ASKS);
	run(&link, 5 * SECOND);
	cr_expect_geq(link.tells, BL_CLAIM_BURST);
	link.tells = 0;
	run(&link, 20 * SECOND);
	cr_expect_eq(link.tells, 20 * SECOND / BL_CLAIM_INTERVAL_USEC);
}
