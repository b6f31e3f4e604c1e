/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Backends on other nodes: sent on under the node's address, answers sent back to the client. */
#include <stdlib.h>
#include <string.h>

#include "packet_fixture.h"

TestSuite(packet_remote, .init = packet_up, .fini = packet_down);

static const enum who one_remote[] = {REMOTE_POD};
static const uint8_t far_mac[] = {2, 0, 0, 0, 1, 2};
static const uint8_t router_mac[] = {2, 0, 0, 0, 0, 0xfe};

static void there_and_back(void)
{
	struct outcome out;
	uint16_t port;

	packet_serve(NODE, NODE_PORT, BL_FRONTEND_F_NODE_PORT, one_remote, 1, NULL);
	packet_send(&(struct frame){CLIENT, 5000, NODE, NODE_PORT, .flags = SYN, .payload = 77},
		    &out);
	cr_assert_eq(out.verdict, SENT, "%s", setting->name);
	port = out.seen.from_port;
	assert_ends(&out, NODE_INNER, port, REMOTE_POD, POD_PORT, "to the backend");
	cr_assert_geq(port, BL_SNAT_FIRST_DEFAULT);
	cr_assert_eq(out.seen.ttl, 63);
	cr_assert_eq(memcmp(out.seen.to_mac, far_mac, 6), 0);
	for (int i = 0; i < 2; i++) {
		packet_send(&(struct frame){REMOTE_POD, POD_PORT, NODE_INNER, port,
					    .flags = SYN | ACK, .payload = 33},
			    &out);
		cr_assert_eq(out.verdict, SENT, "%s", setting->name);
		assert_ends(&out, NODE, NODE_PORT, CLIENT, 5000, "to the client");
		cr_assert_eq(out.seen.ttl, 63);
		cr_assert_eq(memcmp(out.seen.to_mac, router_mac, 6), 0);
		packet_send(&(struct frame){CLIENT, 5000, NODE, NODE_PORT, .flags = ACK}, &out);
		assert_ends(&out, NODE_INNER, port, REMOTE_POD, POD_PORT, "again");
	}
	cr_assert_eq(packet_reason(BL_REASON_FLOW_NEW), 1);
	cr_assert_eq(packet_reason(BL_REASON_FLOW_REMOTE), 3);
	cr_assert_eq(packet_reason(BL_REASON_FLOW_REPLY), 2);
	cr_assert_eq(packet_flow_count(), 2);
}

Test(packet_remote, packet_goes_under_the_nodes_address_and_its_answer_comes_back)
{
	everywhere(there_and_back);
}

static void next_hop_is_remembered(void)
{
	struct frame frame = {CLIENT, 5000, VIP, SERVICE_PORT, .flags = SYN};
	struct outcome out;

	packet_serve(VIP, SERVICE_PORT, 0, one_remote, 1, NULL);
	packet_send(&frame, &out);
	cr_assert_eq(out.verdict, SENT);
	cr_assert_eq(system("ip route change 10.244.2.0/24 via 192.0.2.254 && "
			    "ip -6 route change fd00:244:2::/64 via 2001:db8:2::fe dev up0"),
		     0);
	packet_send(&frame, &out);
	cr_assert_eq(memcmp(out.seen.to_mac, far_mac, 6), 0, "remembered");
	packet_next_hops_changed();
	packet_send(&frame, &out);
	cr_assert_eq(memcmp(out.seen.to_mac, router_mac, 6), 0, "asked again");
	/* The address that the backend knows stays. */
	assert_ends(&out, NODE_INNER, out.seen.from_port, REMOTE_POD, POD_PORT, "rerouted");
	cr_assert_eq(system("ip route change 10.244.2.0/24 via 172.16.0.2 && "
			    "ip -6 route change fd00:244:2::/64 via fd00:16::2 dev up1"),
		     0);
	packet_next_hops_changed();
}

Test(packet_remote, next_hop_is_remembered_until_the_generation_rises)
{
	everywhere(next_hop_is_remembered);
}

static void slow_next_hops(void)
{
	static const struct {
		const char *what;
		enum who backend;
	} rows[] = {{"an unresolved neighbour", UNKNOWN_POD}};
	struct outcome out;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		packet_serve(VIP, SERVICE_PORT, 0, &rows[i].backend, 1, NULL);
		packet_send(&(struct frame){CLIENT, 5000, VIP, SERVICE_PORT, .flags = SYN}, &out);
		if (setting->hook == HOOK_XDP) {
			cr_assert_eq(out.verdict, PASSED, "%s, %s", setting->name, rows[i].what);
			assert_ends(&out, CLIENT, 5000, VIP, SERVICE_PORT, rows[i].what);
			cr_assert_eq(packet_reason(BL_REASON_NEXT_HOP_SLOW), 1);
			/* tc takes it from there, with the same flow. */
			packet_run(HOOK_TC_INGRESS, out.data, out.len, &out);
		}
		cr_assert_eq(out.verdict, SENT, "%s, %s", setting->name, rows[i].what);
		assert_ends(&out, NODE_INNER, out.seen.from_port, rows[i].backend, POD_PORT,
			    rows[i].what);
		cr_assert_eq(packet_reason(BL_REASON_FLOW_NEW), 1);
	}
}

Test(packet_remote, what_xdp_cannot_send_tc_sends_with_the_same_flow)
{
	everywhere(slow_next_hops);
}

static const struct {
	const char *what;
	enum who backend;
	struct frame frame;
	enum bl_reason reason;
} dropped[] = {
	{"no route", LOST_POD, {CLIENT, 5001, VIP, SERVICE_PORT, .flags = SYN}, BL_REASON_NO_ROUTE},
	{"the last hop",
	 REMOTE_POD,
	 {CLIENT, 5002, VIP, SERVICE_PORT, .flags = SYN, .ttl = 1},
	 BL_REASON_TTL_EXPIRED},
};

static void drops(void)
{
	for (size_t i = 0; i < sizeof(dropped) / sizeof(dropped[0]); i++) {
		struct outcome out;

		packet_serve(VIP, SERVICE_PORT, 0, &dropped[i].backend, 1, NULL);
		packet_send(&dropped[i].frame, &out);
		cr_assert_eq(out.verdict, DROPPED, "%s, %s", setting->name, dropped[i].what);
		cr_assert_eq(packet_reason(dropped[i].reason), 1, "%s, %s", setting->name,
			     dropped[i].what);
	}
}

Test(packet_remote, what_cannot_be_sent_on_is_dropped_under_its_reason)
{
	everywhere(drops);
}

static void too_big(void)
{
	static const enum who narrow[] = {NARROW_POD};
	struct frame frame = {CLIENT, 5000, VIP, SERVICE_PORT, .flags = ACK, .payload = 1300};
	struct seen inner;
	struct outcome out;

	packet_serve(VIP, SERVICE_PORT, 0, narrow, 1, NULL);
	packet_send(&frame, &out);
	cr_assert_eq(out.verdict, SENT, "%s", setting->name);
	assert_ends(&out, VIP, 0, CLIENT, 0, "packet too big");
	cr_assert_eq(out.seen.icmp_type, setting->family == 4 ? 3 : 2);
	cr_assert_eq(out.seen.icmp_code, setting->family == 4 ? 4 : 0);
	cr_assert_eq(out.seen.mtu, 1300);
	frame_read_inner(out.data, out.len, &inner);
	cr_assert_str_eq(inner.from, address_of(CLIENT, setting->family));
	cr_assert_eq(inner.from_port, 5000);
	cr_assert_eq(packet_reason(BL_REASON_TOO_BIG), 1);
	frame.payload = 1200;
	packet_send(&frame, &out);
	assert_ends(&out, NODE_INNER, out.seen.from_port, NARROW_POD, POD_PORT, "one that fits");
}

Test(packet_remote, packet_too_big_for_the_route_tells_its_sender_the_size)
{
	everywhere(too_big);
}

static void segments(void)
{
	static const enum who narrow[] = {NARROW_POD};
	struct frame frame = {CLIENT, 5000, VIP, SERVICE_PORT, .flags = ACK, .payload = 1300};
	struct outcome out;

	/* Drivers' frames are what they are. */
	if (setting->hook != HOOK_TC_INGRESS)
		return;
	packet_serve(VIP, SERVICE_PORT, 0, narrow, 1, NULL);
	packet_send_segments(&frame, 1200, &out);
	assert_ends(&out, NODE_INNER, out.seen.from_port, NARROW_POD, POD_PORT, "segments");
	cr_assert_eq(packet_reason(BL_REASON_TOO_BIG), 0);
}

Test(packet_remote, many_segments_in_one_are_not_too_big_for_the_route)
{
	everywhere(segments);
}

static void no_own_address(void)
{
	struct bl_uplink none = {0}, had = packet_addresses(NODE_INNER);
	struct outcome out;

	had.flags = BL_UPLINK_F_XDP_REDIRECT;
	packet_uplink(uplink_inner, &none);
	packet_serve(VIP, SERVICE_PORT, 0, one_remote, 1, NULL);
	packet_send(&(struct frame){CLIENT, 5000, VIP, SERVICE_PORT, .flags = SYN}, &out);
	cr_assert_eq(out.verdict, DROPPED);
	cr_assert_eq(packet_reason(BL_REASON_NO_SNAT_ADDRESS), 1);
	packet_uplink(uplink_inner, &had);
}

Test(packet_remote, device_without_an_address_of_the_family_cannot_send_on)
{
	everywhere(no_own_address);
}

/* What the agent says about the second uplink, and whether XDP can send there. */
static const struct {
	const char *what;
	uint32_t flags;
	bool is_vlan; /* 100, on the uplink where frames come in */
	struct frame frame;
	bool is_sent;
} devices[] = {
	{"a device that takes frames",
	 BL_UPLINK_F_XDP_REDIRECT,
	 false,
	 {CLIENT, 6000, VIP, SERVICE_PORT, .flags = SYN},
	 true},
	{"a device that takes none",
	 0,
	 false,
	 {CLIENT, 6001, VIP, SERVICE_PORT, .flags = SYN},
	 false},
	{"a tagged frame and a device without tags",
	 BL_UPLINK_F_XDP_REDIRECT,
	 false,
	 {CLIENT, 6002, VIP, SERVICE_PORT, .flags = SYN, .tags = 1, .vlan_id = 100},
	 false},
	{"a frame of the VLAN that it leaves by",
	 0,
	 true,
	 {CLIENT, 6003, VIP, SERVICE_PORT, .flags = SYN, .tags = 1, .vlan_id = 100},
	 true},
	{"a frame of another VLAN",
	 0,
	 true,
	 {CLIENT, 6004, VIP, SERVICE_PORT, .flags = SYN, .tags = 1, .vlan_id = 101},
	 false},
	{"a frame of no VLAN", 0, true, {CLIENT, 6005, VIP, SERVICE_PORT, .flags = SYN}, false},
};

static void check_device(size_t i)
{
	struct bl_uplink value = packet_addresses(NODE_INNER);
	struct outcome out;

	value.flags = devices[i].flags;
	value.vlan_parent = devices[i].is_vlan ? uplink : 0;
	value.vlan_id = devices[i].is_vlan ? 100 : 0;
	packet_uplink(uplink_inner, &value);
	for (int again = 0; again < 2; again++) {
		packet_send(&devices[i].frame, &out);
		cr_assert_eq(out.verdict, devices[i].is_sent ? SENT : PASSED, "%s, %s",
			     setting->name, devices[i].what);
		cr_assert_eq(out.seen.tags, devices[i].frame.tags);
		if (devices[i].is_sent)
			assert_ends(&out, NODE_INNER, out.seen.from_port, REMOTE_POD, POD_PORT,
				    devices[i].what);
		else
			assert_ends(&out, CLIENT, devices[i].frame.from_port, VIP, SERVICE_PORT,
				    devices[i].what);
	}
}

static void devices_of_xdp(void)
{
	if (setting->hook != HOOK_XDP)
		return;
	packet_serve(VIP, SERVICE_PORT, 0, one_remote, 1, NULL);
	for (size_t i = 0; i < sizeof(devices) / sizeof(devices[0]); i++)
		check_device(i);
	check_device(0);
}

Test(packet_remote, xdp_sends_only_where_frames_are_taken_as_they_are_tagged)
{
	everywhere(devices_of_xdp);
}

/* By tc, whatever the setting's hook is. */
static void send_by_tc(const struct frame *frame, struct outcome *ret)
{
	uint8_t data[FRAME_MAX];
	size_t len = frame_make(data, setting->family, setting->protocol, frame);

	packet_run(HOOK_TC_INGRESS, data, len, ret);
}

static void hop_of_tc(void)
{
	const struct frame syn = {CLIENT, 5000, VIP, SERVICE_PORT, .flags = SYN};
	const struct frame ack = {CLIENT, 5000, VIP, SERVICE_PORT, .flags = ACK};
	struct bl_uplink inner = packet_addresses(NODE_INNER);
	struct outcome out;

	if (setting->hook != HOOK_XDP)
		return;
	packet_serve(VIP, SERVICE_PORT, 0, one_remote, 1, NULL);
	packet_uplink(uplink_inner, &inner);
	send_by_tc(&syn, &out);
	cr_assert_eq(out.verdict, SENT, "%s", setting->name);
	send_by_tc(&(struct frame){REMOTE_POD, POD_PORT, NODE_INNER, out.seen.from_port,
				   .flags = SYN | ACK},
		   &out);
	/* The second is of an established flow, of which tc remembers where it goes. */
	for (int i = 0; i < 2; i++) {
		send_by_tc(&ack, &out);
		cr_assert_eq(out.verdict, SENT, "%s", setting->name);
		packet_send(&ack, &out);
		cr_assert_eq(out.verdict, PASSED, "%s: XDP cannot send there", setting->name);
	}
	inner.flags = BL_UPLINK_F_XDP_REDIRECT;
	packet_uplink(uplink_inner, &inner);
	packet_send(&ack, &out);
	cr_assert_eq(out.verdict, SENT, "%s: now it can", setting->name);
}

Test(packet_remote, next_hops_of_tc_are_not_those_of_xdp)
{
	everywhere(hop_of_tc);
}

static void up_with_small_pool(void)
{
	struct bl_packet_tunables tunables = packet_tunables();

	tunables.snat_first = 50000;
	tunables.snat_last = 50999;
	packet_up_with(tunables);
}

#define POOL 1000u

/* Clients [first, first + count) of one backend; returns how many got a port, each its own. */
static uint32_t take_ports(uint32_t first, uint32_t count, bool *used)
{
	uint32_t served = 0;

	for (uint32_t i = first; i < first + count; i++) {
		struct outcome out;

		packet_send(&(struct frame){CLIENT, (uint16_t)(1024 + i), VIP, SERVICE_PORT,
					    .flags = SYN},
			    &out);
		if (out.verdict != SENT)
			continue;
		cr_assert_geq(out.seen.from_port, 50000);
		cr_assert_lt(out.seen.from_port, 50000 + POOL);
		cr_assert_not(used[out.seen.from_port - 50000], "port %u is given twice",
			      out.seen.from_port);
		used[out.seen.from_port - 50000] = true;
		served++;
	}
	return served;
}

static void pool(void)
{
	static const enum who other[] = {NARROW_POD};
	bool used[POOL] = {0};
	uint32_t more;
	struct outcome out;

	packet_serve(VIP, SERVICE_PORT, 0, one_remote, 1, NULL);
	cr_assert_eq(take_ports(0, POOL * 9 / 10, used), POOL * 9 / 10, "%s", setting->name);
	cr_assert_eq(packet_reason(BL_REASON_NO_SNAT_PORT), 0);
	more = take_ports(POOL, 200, used);
	cr_assert_leq(more, POOL / 10);
	cr_assert_eq(packet_reason(BL_REASON_NO_SNAT_PORT), 200 - more);
	/* The same ports serve another backend. */
	packet_serve(VIP, SERVICE_PORT + 1, 0, other, 1, NULL);
	packet_send(&(struct frame){CLIENT, 1024, VIP, SERVICE_PORT + 1, .flags = SYN}, &out);
	cr_assert_eq(out.verdict, SENT);
}

Test(packet_pool, ports_are_found_at_ninety_percent_use_and_refused_beyond,
     .init = up_with_small_pool, .fini = packet_down)
{
	everywhere(pool);
}
