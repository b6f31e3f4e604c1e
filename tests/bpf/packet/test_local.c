/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Backends on this node: the client's address is kept, answers get the frontend's. */
#include "packet_fixture.h"

TestSuite(packet_local, .init = packet_up, .fini = packet_down);

static const enum who one_local[] = {LOCAL_POD};

static const struct row {
	const char *what;
	struct frame frame;
} to_local[] = {
	{"a plain packet", {CLIENT, 5000, VIP, SERVICE_PORT, .flags = SYN}},
	{"a packet with data", {CLIENT, 5001, VIP, SERVICE_PORT, .flags = SYN, .payload = 1400}},
	{"data of odd length", {CLIENT, 5002, VIP, SERVICE_PORT, .flags = SYN, .payload = 333}},
	{"IP options before the transport header",
	 {CLIENT, 5003, VIP, SERVICE_PORT, .flags = SYN, .payload = 9, .options = 2}},
	{"a packet on its last hop", {CLIENT, 5004, VIP, SERVICE_PORT, .flags = SYN, .ttl = 1}},
	{"a packet in the middle of an unknown connection",
	 {CLIENT, 5005, VIP, SERVICE_PORT, .flags = ACK, .payload = 100}},
};

static void check_local(const struct row *row)
{
	struct frame frame = row->frame;
	struct outcome out;

	packet_send(&frame, &out);
	cr_assert_eq(out.verdict, PASSED, "%s, %s", setting->name, row->what);
	assert_ends(&out, CLIENT, frame.from_port, LOCAL_POD, POD_PORT, row->what);
	cr_assert_eq(out.seen.ttl, frame.ttl ? frame.ttl : 64);
	/* Again: now the flow is known. */
	packet_send(&frame, &out);
	assert_ends(&out, CLIENT, frame.from_port, LOCAL_POD, POD_PORT, row->what);
	packet_leave(&(struct frame){LOCAL_POD, POD_PORT, CLIENT, frame.from_port,
				     .flags = SYN | ACK, .payload = 50},
		     &out);
	cr_assert_eq(out.verdict, PASSED, "%s, %s", setting->name, row->what);
	assert_ends(&out, VIP, SERVICE_PORT, CLIENT, frame.from_port, row->what);
}

static void local_backend(void)
{
	packet_serve(VIP, SERVICE_PORT, 0, one_local, 1, NULL);
	for (size_t i = 0; i < sizeof(to_local) / sizeof(to_local[0]); i++)
		check_local(&to_local[i]);
	cr_assert_eq(packet_reason(BL_REASON_FLOW_NEW), sizeof(to_local) / sizeof(to_local[0]));
	cr_assert_eq(packet_reason(BL_REASON_FLOW_LOCAL),
		     2 * sizeof(to_local) / sizeof(to_local[0]));
	cr_assert_eq(packet_reason(BL_REASON_FLOW_REPLY), sizeof(to_local) / sizeof(to_local[0]));
}

Test(packet_local, client_address_is_kept_and_the_answer_comes_from_the_frontend)
{
	everywhere(local_backend);
}

static const struct {
	const char *what;
	enum who frontend;
	uint16_t port;
	uint16_t flags;
	enum who backend;
} frontends[] = {
	{"a NodePort", NODE, NODE_PORT, BL_FRONTEND_F_NODE_PORT, LOCAL_POD},
	{"a NodePort of a host-network pod", NODE, NODE_PORT + 1, BL_FRONTEND_F_NODE_PORT, NODE},
	{"a NodePort on the second uplink", NODE_INNER, NODE_PORT, BL_FRONTEND_F_NODE_PORT,
	 OTHER_POD},
	{"a load-balancer IP", VIP, SERVICE_PORT, BL_FRONTEND_F_VIRTUAL, LOCAL_POD},
	{"an external IP", OTHER_VIP, SERVICE_PORT, BL_FRONTEND_F_VIRTUAL, OTHER_POD},
};

static void frontend_kinds(void)
{
	for (size_t i = 0; i < sizeof(frontends) / sizeof(frontends[0]); i++) {
		uint16_t from = (uint16_t)(6000 + i);
		struct outcome out;

		packet_serve(frontends[i].frontend, frontends[i].port, frontends[i].flags,
			     &frontends[i].backend, 1, NULL);
		packet_send(&(struct frame){CLIENT, from, frontends[i].frontend, frontends[i].port,
					    .flags = SYN},
			    &out);
		assert_ends(&out, CLIENT, from, frontends[i].backend, POD_PORT, frontends[i].what);
		packet_leave(&(struct frame){frontends[i].backend, POD_PORT, CLIENT, from,
					     .flags = SYN | ACK},
			     &out);
		assert_ends(&out, frontends[i].frontend, frontends[i].port, CLIENT, from,
			    frontends[i].what);
	}
}

Test(packet_local, case_38_every_kind_of_frontend_answers_on_its_own_address)
{
	everywhere(frontend_kinds);
}

static void tagged(void)
{
	for (uint8_t tags = 1; tags <= 2 && setting->hook == HOOK_XDP; tags++) {
		struct frame frame = {
			CLIENT,       (uint16_t)(5000 + tags), VIP,          SERVICE_PORT,
			.flags = SYN, .payload = 40,           .tags = tags, .vlan_id = 100};
		struct outcome out;

		packet_serve(VIP, SERVICE_PORT, 0, one_local, 1, NULL);
		packet_send(&frame, &out);
		cr_assert_eq(out.verdict, PASSED);
		assert_ends(&out, CLIENT, frame.from_port, LOCAL_POD, POD_PORT, "a tagged frame");
		cr_assert_eq(out.seen.tags, tags);
		cr_assert_eq(out.seen.vlan_id, 100);
	}
}

Test(packet_local, tags_of_a_frame_stay)
{
	everywhere(tagged);
}

static void no_udp_checksum(void)
{
	struct frame frame = {CLIENT,       5000,          VIP,
			      SERVICE_PORT, .payload = 40, .without_checksum = true};
	struct outcome out;

	if (setting->family == 6 || setting->protocol != IPPROTO_UDP)
		return;
	packet_serve(VIP, SERVICE_PORT, 0, one_local, 1, NULL);
	packet_send(&frame, &out);
	assert_ends(&out, CLIENT, 5000, LOCAL_POD, POD_PORT, "a datagram without a checksum");
	cr_assert_eq(out.data[out.seen.payload + 6] | out.data[out.seen.payload + 7], 0);
}

Test(packet_local, datagram_without_a_checksum_gets_none)
{
	everywhere(no_udp_checksum);
}
