/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Fragments go where their first one went. */
#include <stdio.h>

#include "packet_fixture.h"

TestSuite(packet_fragment, .init = packet_up, .fini = packet_down);

static const enum who one_local[] = {LOCAL_POD};
static const enum who several[] = {REMOTE_POD, NARROW_POD, REMOTE_POD, NARROW_POD};

static struct frame first(uint16_t id)
{
	return (struct frame){CLIENT,
			      5000,
			      VIP,
			      SERVICE_PORT,
			      .flags = ACK,
			      .payload = 200,
			      .fragment_id = id,
			      .more_fragments = true};
}

static struct frame later(uint16_t id, bool is_last)
{
	return (struct frame){CLIENT,
			      .to = VIP,
			      .payload = 64,
			      .fragment_id = id,
			      .fragment_at = is_last ? 34 : 26,
			      .more_fragments = !is_last};
}

static void go(struct frame frame, struct outcome *ret)
{
	packet_send(&frame, ret);
}

static void to_local(void)
{
	struct outcome out;

	packet_serve(VIP, SERVICE_PORT, 0, one_local, 1, NULL);
	go(first(7), &out);
	cr_assert_eq(out.verdict, PASSED);
	cr_assert_str_eq(out.seen.to, address_of(LOCAL_POD, setting->family));
	for (int i = 0; i < 2; i++) {
		go(later(7, i == 1), &out);
		cr_assert_null(out.seen.wrong, "%s: %s", setting->name, out.seen.wrong);
		cr_assert_str_eq(out.seen.to, address_of(LOCAL_POD, setting->family));
		/* Data where a first fragment has ports. */
		cr_assert_eq(out.data[out.seen.payload], 0x5a);
		cr_assert_eq(out.data[out.seen.payload + 7], 0x5a);
	}
	cr_assert_eq(packet_reason(BL_REASON_FRAGMENT_FOLLOWED), 2);
}

Test(packet_fragment, fragments_reach_the_local_backend_of_the_first)
{
	everywhere(to_local);
}

static void to_remote(void)
{
	struct outcome out;
	char went[64];

	packet_serve(VIP, SERVICE_PORT, 0, several, 4, NULL);
	go(first(9), &out);
	cr_assert_eq(out.verdict, SENT);
	cr_assert_str_eq(out.seen.from, address_of(NODE_INNER, setting->family));
	(void)snprintf(went, sizeof(went), "%s", out.seen.to);
	go(later(9, true), &out);
	cr_assert_eq(out.verdict, SENT);
	cr_assert_null(out.seen.wrong);
	cr_assert_str_eq(out.seen.from, address_of(NODE_INNER, setting->family));
	cr_assert_str_eq(out.seen.to, went);
}

Test(packet_fragment, fragments_reach_the_remote_backend_of_the_first)
{
	everywhere(to_remote);
}

static void out_of_order(void)
{
	struct frame frame = later(11, false);
	uint8_t data[FRAME_MAX];
	size_t len = frame_make(data, setting->family, setting->protocol, &frame);
	struct outcome out;

	packet_serve(VIP, SERVICE_PORT, 0, one_local, 1, NULL);
	packet_run(setting->hook, data, len, &out);
	assert_unchanged(&out, data, len, "a fragment before the first");
	cr_assert_eq(packet_reason(BL_REASON_FRAGMENT_UNKNOWN), 1);
	go(first(10), &out);
	packet_run(setting->hook, data, len, &out);
	assert_unchanged(&out, data, len, "a fragment of another datagram");
}

Test(packet_fragment, fragment_that_overtakes_its_first_is_left_alone)
{
	everywhere(out_of_order);
}

static void answers(void)
{
	struct frame frame = {
		LOCAL_POD,    POD_PORT,       CLIENT,           5000,
		.flags = ACK, .payload = 200, .fragment_id = 3, .more_fragments = true};
	struct outcome out;

	packet_serve(VIP, SERVICE_PORT, 0, one_local, 1, NULL);
	go((struct frame){CLIENT, 5000, VIP, SERVICE_PORT, .flags = SYN}, &out);
	packet_leave(&frame, &out);
	cr_assert_str_eq(out.seen.from, address_of(VIP, setting->family));
	frame.fragment_at = 26;
	frame.more_fragments = false;
	packet_leave(&frame, &out);
	cr_assert_null(out.seen.wrong);
	cr_assert_str_eq(out.seen.from, address_of(VIP, setting->family), "%s", setting->name);
}

Test(packet_fragment, fragments_of_an_answer_get_the_frontends_address)
{
	everywhere(answers);
}
