/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Direct server return: encapsulated here, unwrapped on the backend's node. */
#include <string.h>

#include "packet_fixture.h"

TestSuite(packet_dsr, .init = packet_up, .fini = packet_down);

static const enum who one_remote[] = {REMOTE_POD};
static const enum who one_local[] = {LOCAL_POD};

/* The frame that arrive() made last. */
static uint8_t wrapped_frame[FRAME_MAX];
static size_t wrapped_frame_len;

static uint32_t head_len(void)
{
	return setting->family == 4 ? 20 : 40;
}

static void wrapped(void)
{
	struct frame frame = {CLIENT, 5000, VIP, SERVICE_PORT, .flags = SYN, .payload = 120};
	uint8_t data[FRAME_MAX];
	size_t len = frame_make(data, setting->family, setting->protocol, &frame);
	struct outcome out;
	struct seen inner;

	packet_serve(VIP, SERVICE_PORT, BL_FRONTEND_F_DSR, one_remote, 1, NULL);
	for (int i = 0; i < 2; i++) {
		packet_send(&frame, &out);
		cr_assert_eq(out.verdict, SENT, "%s", setting->name);
		assert_ends(&out, NODE_INNER, 0, REMOTE_POD, 0, "the outer packet");
		cr_assert_eq(out.seen.protocol, setting->family == 4 ? 4 : 41);
		if (setting->family == 4)
			cr_assert_eq(out.data[out.seen.at + 6], 0x40, "may not be fragmented");
		frame_read_inner(out.data, out.len, &inner);
		cr_assert_null(inner.wrong);
		cr_assert_eq(out.len, len + head_len());
		cr_assert_eq(memcmp(out.data + inner.at, data + 14, len - 14), 0,
			     "the packet inside is changed");
	}
	cr_assert_eq(packet_reason(BL_REASON_FLOW_DSR), 2);
	cr_assert_eq(packet_flow_count(), 1);
}

Test(packet_dsr, packet_for_a_remote_backend_travels_inside_one_to_the_pod)
{
	everywhere(wrapped);
}

static void local(void)
{
	struct outcome out;

	packet_serve(VIP, SERVICE_PORT, BL_FRONTEND_F_DSR, one_local, 1, NULL);
	packet_send(&(struct frame){CLIENT, 5000, VIP, SERVICE_PORT, .flags = SYN}, &out);
	cr_assert_eq(out.verdict, PASSED);
	assert_ends(&out, CLIENT, 5000, LOCAL_POD, POD_PORT, "a local backend");
}

Test(packet_dsr, local_backend_needs_no_wrapping)
{
	everywhere(local);
}

static void too_big(void)
{
	static const enum who narrow[] = {NARROW_POD};
	uint32_t limit = 1300 - head_len();
	struct frame frame = {CLIENT, 5000, VIP, SERVICE_PORT, .flags = ACK};
	uint32_t heads = head_len() + (setting->protocol == IPPROTO_TCP ? 20 : 8);
	struct outcome out;

	packet_serve(VIP, SERVICE_PORT, BL_FRONTEND_F_DSR, narrow, 1, NULL);
	frame.payload = (uint16_t)(limit - heads + 1);
	packet_send(&frame, &out);
	cr_assert_eq(out.verdict, SENT);
	assert_ends(&out, VIP, 0, CLIENT, 0, "packet too big");
	cr_assert_eq(out.seen.mtu, limit);
	frame.payload--;
	packet_send(&frame, &out);
	assert_ends(&out, NODE_INNER, 0, NARROW_POD, 0, "one that just fits");
	cr_assert_eq(out.seen.length, 1300);
}

Test(packet_dsr, what_grows_too_big_by_the_header_is_answered_with_what_fits)
{
	everywhere(too_big);
}

/* The sender of fragments has to hear of it as well, with the ports among what is quoted. */
static void fragment_too_big(void)
{
	static const enum who narrow[] = {NARROW_POD};
	struct frame frame = {
		CLIENT,           5000, VIP, SERVICE_PORT, .payload = 1400, .more_fragments = true,
		.fragment_id = 77};
	struct outcome out;
	struct seen inner;

	if (setting->protocol != IPPROTO_UDP)
		return;
	packet_serve(VIP, SERVICE_PORT, BL_FRONTEND_F_DSR, narrow, 1, NULL);
	packet_send(&frame, &out);
	cr_assert_eq(out.verdict, SENT, "%s", setting->name);
	assert_ends(&out, VIP, 0, CLIENT, 0, "packet too big");
	cr_assert_eq(out.seen.mtu, 1300 - head_len());
	frame_read_inner(out.data, out.len, &inner);
	cr_assert_eq(inner.from_port, 5000);
	cr_assert_eq(inner.to_port, SERVICE_PORT);
}

Test(packet_dsr, sender_of_fragments_that_grow_too_big_is_told)
{
	everywhere(fragment_too_big);
}

/* On the backend's node. The client dialled a NodePort of another node in the second row. */
static const struct {
	const char *what;
	enum who dialled;
	uint16_t port;
	enum who frontend;
	uint16_t flags;
} rows[] = {
	{"a load-balancer IP", VIP, SERVICE_PORT, VIP, 0},
	{"a NodePort of another node", FAR_NODE, NODE_PORT, LOOPBACK,
	 BL_FRONTEND_F_NODE_PORT | BL_FRONTEND_F_HOST_ONLY},
};

static void unwrapped(void)
{
	uint8_t inner[FRAME_MAX], data[FRAME_MAX];
	struct outcome out;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct frame frame = {CLIENT,       (uint16_t)(5000 + i), rows[i].dialled,
				      rows[i].port, .flags = SYN,         .payload = 51};
		uint32_t backend, service;
		size_t len;

		service = packet_serve(rows[i].frontend, rows[i].port, rows[i].flags, one_local, 1,
				       &backend);
		packet_dsr_backend(LOCAL_POD, service, backend);
		len = frame_make(inner, setting->family, setting->protocol, &frame);
		len = frame_wrap(data, setting->family, FAR_NODE, LOCAL_POD, inner, len);
		packet_run(setting->hook, data, len, &out);
		cr_assert_eq(out.verdict, PASSED, "%s, %s", setting->name, rows[i].what);
		assert_ends(&out, CLIENT, frame.from_port, LOCAL_POD, POD_PORT, rows[i].what);
		cr_assert_eq(out.len, len - head_len());
		packet_leave(&(struct frame){LOCAL_POD, POD_PORT, CLIENT, frame.from_port,
					     .flags = SYN | ACK, .payload = 10},
			     &out);
		assert_ends(&out, rows[i].dialled, rows[i].port, CLIENT, frame.from_port,
			    rows[i].what);
	}
	cr_assert_eq(packet_reason(BL_REASON_DSR_TAKEN), sizeof(rows) / sizeof(rows[0]));
}

Test(packet_dsr, pods_node_unwraps_and_its_answer_comes_from_what_was_dialled)
{
	everywhere(unwrapped);
}

static void not_ours(void)
{
	struct frame frame = {CLIENT, 5000, VIP, SERVICE_PORT, .flags = SYN, .payload = 8};
	uint8_t inner[FRAME_MAX], data[FRAME_MAX];
	uint32_t backend, service;
	struct outcome out;
	size_t len = frame_make(inner, setting->family, setting->protocol, &frame);

	len = frame_wrap(data, setting->family, FAR_NODE, LOCAL_POD, inner, len);
	packet_run(setting->hook, data, len, &out);
	assert_unchanged(&out, data, len, "no such frontend");
	service = packet_serve(VIP, SERVICE_PORT, 0, one_local, 1, &backend);
	packet_run(setting->hook, data, len, &out);
	assert_unchanged(&out, data, len, "a pod that is not on this node");
	cr_assert_eq(packet_reason(BL_REASON_DSR_UNKNOWN), 2);
	packet_dsr_backend(LOCAL_POD, service, backend);
	packet_backend_state(backend, BL_BACKEND_GONE);
	packet_run(setting->hook, data, len, &out);
	assert_unchanged(&out, data, len, "a pod that is gone");
	for (size_t cut = len - 1; cut > 60; cut--) {
		packet_run(setting->hook, data, cut, &out);
		assert_unchanged(&out, data, cut, "cut off");
	}
}

Test(packet_dsr, what_is_wrapped_for_nobody_here_is_left_alone)
{
	everywhere(not_ours);
}

/* A client's packet as it arrives inside another one. */
static void arrive(const struct frame *frame, struct outcome *out)
{
	uint8_t inner[FRAME_MAX], data[FRAME_MAX];
	size_t len = frame_make(inner, setting->family, setting->protocol, frame);

	len = frame_wrap(data, setting->family, FAR_NODE, LOCAL_POD, inner, len);
	packet_run(setting->hook, data, len, out);
	wrapped_frame_len = len;
	memcpy(wrapped_frame, data, len);
}

static void unreachable(void)
{
	const struct frame frame = {CLIENT, 5000, CLUSTER_IP, SERVICE_PORT, .flags = SYN};
	uint32_t backend, service;
	struct outcome out;

	service = packet_serve(CLUSTER_IP, SERVICE_PORT, BL_FRONTEND_F_INTERNAL_ONLY, one_local, 1,
			       &backend);
	packet_dsr_backend(LOCAL_POD, service, backend);
	arrive(&frame, &out);
	assert_unchanged(&out, wrapped_frame, wrapped_frame_len, "a ClusterIP");
	cr_assert_eq(packet_reason(BL_REASON_DSR_UNKNOWN), 1);
}

Test(packet_dsr, encapsulated_packet_reaches_no_cluster_ip)
{
	everywhere(unreachable);
}

static void admitted(void)
{
	struct frame frame = {STRANGER, 5000, VIP, SERVICE_PORT, .flags = SYN};
	uint32_t backend, service;
	struct outcome out;

	service = packet_serve(VIP, SERVICE_PORT, BL_FRONTEND_F_DSR | BL_FRONTEND_F_SOURCE_RANGES,
			       one_local, 1, &backend);
	packet_dsr_backend(LOCAL_POD, service, backend);
	packet_admit(service, address_of(CLIENT, setting->family), setting->family == 4 ? 32 : 128);
	arrive(&frame, &out);
	assert_unchanged(&out, wrapped_frame, wrapped_frame_len, "a client that is not admitted");
	frame.from = CLIENT;
	arrive(&frame, &out);
	assert_ends(&out, CLIENT, 5000, LOCAL_POD, POD_PORT, "one that is");
}

Test(packet_dsr, source_ranges_hold_for_encapsulated_packets_too)
{
	everywhere(admitted);
}

/* From whom a packet comes, and where its client dialled a NodePort. */
static void strangers(void)
{
	struct frame frame = {CLIENT, 5000, VIP, SERVICE_PORT, .flags = SYN, .payload = 9};
	uint8_t inner[FRAME_MAX], data[FRAME_MAX];
	uint32_t backend, service;
	struct outcome out;
	size_t len;

	service = packet_serve(VIP, SERVICE_PORT, BL_FRONTEND_F_DSR, one_local, 1, &backend);
	packet_dsr_backend(LOCAL_POD, service, backend);
	len = frame_make(inner, setting->family, setting->protocol, &frame);
	len = frame_wrap(data, setting->family, FOREIGN, LOCAL_POD, inner, len);
	packet_run(setting->hook, data, len, &out);
	cr_assert_eq(out.verdict, DROPPED, "%s", setting->name);
	cr_assert_eq(packet_reason(BL_REASON_DSR_STRANGER), 1);
	cr_assert_eq(packet_reason(BL_REASON_DSR_TAKEN), 0);
	cr_assert_eq(packet_flow_count(), 0, "%s: a stranger made a flow", setting->name);
	arrive(&frame, &out);
	assert_ends(&out, CLIENT, 5000, LOCAL_POD, POD_PORT, "one from a known node");
}

Test(packet_dsr, encapsulated_packet_of_nobody_known_is_dropped_and_counted)
{
	everywhere(strangers);
}

static void foreign_node_port(void)
{
	struct frame frame = {CLIENT, 5000, FOREIGN, NODE_PORT, .flags = SYN};
	uint32_t backend, service;
	struct outcome out;

	service =
		packet_serve(LOOPBACK, NODE_PORT, BL_FRONTEND_F_NODE_PORT | BL_FRONTEND_F_HOST_ONLY,
			     one_local, 1, &backend);
	packet_dsr_backend(LOCAL_POD, service, backend);
	arrive(&frame, &out);
	assert_unchanged(&out, wrapped_frame, wrapped_frame_len, "a NodePort of no node");
	cr_assert_eq(packet_reason(BL_REASON_DSR_UNKNOWN), 1);
	cr_assert_eq(packet_flow_count(), 0);
	frame.to = FAR_NODE;
	arrive(&frame, &out);
	assert_ends(&out, CLIENT, 5000, LOCAL_POD, POD_PORT, "one of a known node");
}

Test(packet_dsr, node_port_is_answered_for_at_addresses_of_known_nodes_only)
{
	everywhere(foreign_node_port);
}

Test(packet_dsr, networks_of_nodes_admit_all_addresses_in_them)
{
	packet_peer("192.0.2.0", 24);
	packet_peer("2001:db8:2::", 64);
	for (int family = 4; family <= 6; family += 2) {
		struct frame frame = {CLIENT, 5000, VIP, SERVICE_PORT, .flags = SYN};
		const struct setting in_family = {"XDP", HOOK_XDP, family, IPPROTO_TCP};
		uint8_t inner[FRAME_MAX], data[FRAME_MAX];
		uint32_t backend, service;
		struct outcome out;
		size_t len;

		setting = &in_family;
		service =
			packet_serve(VIP, SERVICE_PORT, BL_FRONTEND_F_DSR, one_local, 1, &backend);
		packet_dsr_backend(LOCAL_POD, service, backend);
		len = frame_make(inner, family, IPPROTO_TCP, &frame);
		len = frame_wrap(data, family, FOREIGN, LOCAL_POD, inner, len);
		packet_run(HOOK_XDP, data, len, &out);
		assert_ends(&out, CLIENT, 5000, LOCAL_POD, POD_PORT, "in the network");
	}
}

static void collides(void)
{
	struct frame frame = {CLIENT, 5000, VIP, SERVICE_PORT, .flags = SYN};
	struct frame answer = {LOCAL_POD, POD_PORT, CLIENT, 5000, .flags = SYN | ACK};
	struct bl_frontend same = {0};
	uint32_t backend;
	struct outcome out;

	same.service_id =
		packet_serve(VIP, SERVICE_PORT, BL_FRONTEND_F_DSR, one_local, 1, &backend);
	same.flags = BL_FRONTEND_F_DSR;
	same.external = packet_slots(&backend, 1);
	packet_frontend(OTHER_VIP, SERVICE_PORT, &same);
	packet_dsr_backend(LOCAL_POD, same.service_id, backend);
	arrive(&frame, &out);
	assert_ends(&out, CLIENT, 5000, LOCAL_POD, POD_PORT, "the first connection");
	frame.to = OTHER_VIP;
	arrive(&frame, &out);
	cr_assert_eq(out.verdict, DROPPED, "%s", setting->name);
	cr_assert_eq(packet_reason(BL_REASON_FLOW_COLLIDES), 1);
	packet_leave(&answer, &out);
	assert_ends(&out, VIP, SERVICE_PORT, CLIENT, 5000, "the first connection's answer");
}

Test(packet_dsr, case_95_second_connection_of_a_client_port_is_refused_and_counted)
{
	everywhere(collides);
}

static void confirmed_there(void)
{
	struct frame frame = {CLIENT, 5000, VIP, SERVICE_PORT, .flags = SYN};
	struct frame answer = {LOCAL_POD, POD_PORT,           CLIENT,
			       5000,      .flags = SYN | ACK, .sequence = 90000};
	bool is_tcp = setting->protocol == IPPROTO_TCP;
	uint32_t backend, service;
	struct outcome out;

	service = packet_serve(VIP, SERVICE_PORT, BL_FRONTEND_F_DSR, one_local, 1, &backend);
	packet_dsr_backend(LOCAL_POD, service, backend);
	arrive(&frame, &out);
	packet_leave(&answer, &out);
	cr_assert_eq(packet_established_count(), 0);
	frame.flags = ACK;
	frame.acknowledged = 1;
	if (is_tcp) {
		arrive(&frame, &out);
		cr_assert_eq(packet_established_count(), 0, "%s: guessed", setting->name);
	}
	frame.acknowledged = 90001;
	arrive(&frame, &out);
	assert_ends(&out, CLIENT, 5000, LOCAL_POD, POD_PORT, "the confirmation");
	cr_assert_eq(packet_established_count(), 1);
	cr_assert_eq(packet_flow_count(), 1);
	packet_leave(&answer, &out);
	assert_ends(&out, VIP, SERVICE_PORT, CLIENT, 5000, "an answer after it");
	arrive(&frame, &out);
	assert_ends(&out, CLIENT, 5000, LOCAL_POD, POD_PORT, "a packet after it");
}

Test(packet_dsr, pods_node_holds_a_flow_established_once_its_client_acknowledged_an_answer)
{
	everywhere(confirmed_there);
}

static void confirmed_here(void)
{
	struct frame frame = {CLIENT, 5000, VIP, SERVICE_PORT, .flags = SYN};
	struct outcome out;

	packet_serve(VIP, SERVICE_PORT, BL_FRONTEND_F_DSR, one_remote, 1, NULL);
	packet_send(&frame, &out);
	cr_assert_eq(packet_established_count(), 0);
	frame.flags = ACK;
	for (int i = 0; i < 2; i++) {
		packet_send(&frame, &out);
		assert_ends(&out, NODE_INNER, 0, REMOTE_POD, 0, "the outer packet");
		cr_assert_eq(packet_established_count(), 1);
		cr_assert_eq(packet_flow_count(), 1);
	}
}

Test(packet_dsr, first_node_believes_a_client_that_goes_on)
{
	everywhere(confirmed_here);
}
