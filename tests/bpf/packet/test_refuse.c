/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Packets that get no backend: left alone, dropped, or refused at once. */
#include "packet_fixture.h"

TestSuite(packet_refuse, .init = packet_up, .fini = packet_down);

static const enum who one_local[] = {LOCAL_POD};

static void check_refused(const struct outcome *out, uint16_t payload, const char *what)
{
	struct seen inner;

	cr_assert_eq(out->verdict, SENT, "%s, %s", setting->name, what);
	if (setting->protocol == IPPROTO_TCP) {
		assert_ends(out, VIP, SERVICE_PORT, CLIENT, 5000, what);
		cr_assert_eq(out->seen.flags, RST | ACK);
		cr_assert_eq(out->seen.acknowledged, 1001u + payload);
	} else {
		assert_ends(out, VIP, 0, CLIENT, 0, what);
		cr_assert_eq(out->seen.icmp_type, setting->family == 4 ? 3 : 1);
		cr_assert_eq(out->seen.icmp_code, setting->family == 4 ? 3 : 4);
		frame_read_inner(out->data, out->len, &inner);
		cr_assert_str_eq(inner.from, address_of(CLIENT, setting->family));
		cr_assert_str_eq(inner.to, address_of(VIP, setting->family));
		cr_assert_eq(inner.from_port, 5000);
		cr_assert_eq(inner.to_port, SERVICE_PORT);
	}
	/* Back the way it came. */
	cr_assert_eq(out->seen.to_mac[5], 0xfe);
	cr_assert_eq(out->seen.ttl, 64);
}

static void no_endpoints(void)
{
	static const struct {
		const char *what;
		struct frame frame;
	} rows[] = {
		{"a packet", {CLIENT, 5000, VIP, SERVICE_PORT, .flags = SYN}},
		{"one byte", {CLIENT, 5000, VIP, SERVICE_PORT, .flags = SYN, .payload = 1}},
		{"a tagged frame",
		 {CLIENT, 5000, VIP, SERVICE_PORT, .flags = SYN, .tags = 1, .vlan_id = 5}},
		{"two tags",
		 {CLIENT, 5000, VIP, SERVICE_PORT, .flags = SYN, .tags = 2, .vlan_id = 5}},
	};
	struct outcome out;

	packet_serve(VIP, SERVICE_PORT, 0, NULL, 0, NULL);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].frame.tags && setting->hook != HOOK_XDP)
			continue;
		packet_send(&rows[i].frame, &out);
		check_refused(&out, rows[i].frame.payload, rows[i].what);
		cr_assert_eq(out.seen.tags, rows[i].frame.tags);
	}
	packet_send(&(struct frame){CLIENT, 5000, VIP, SERVICE_PORT, .flags = ACK, .payload = 700},
		    &out);
	cr_assert_eq(out.verdict, SENT);
	cr_assert_null(out.seen.wrong, "%s: wrong %s", setting->name, out.seen.wrong);
	if (setting->protocol == IPPROTO_TCP) {
		cr_assert_eq(out.seen.flags, RST);
		cr_assert_eq(out.seen.sequence, 5000);
	}
	packet_send(&(struct frame){CLIENT, 5000, VIP, SERVICE_PORT, .flags = RST}, &out);
	cr_assert_eq(out.verdict, setting->protocol == IPPROTO_TCP ? DROPPED : SENT);
	cr_assert_eq(packet_flow_count(), 0);
}

Test(packet_refuse, case_58_no_endpoints_are_a_reset_or_port_unreachable_at_once)
{
	everywhere(no_endpoints);
}

static const struct row {
	const char *what;
	uint16_t flags;
	bool has_backend;
	enum verdict verdict;
	enum bl_reason reason;
} rows[] = {
	{"no local endpoint under the Local policy is dropped", BL_FRONTEND_F_EXTERNAL_ELSEWHERE,
	 false, DROPPED, BL_REASON_NO_LOCAL_ENDPOINT},
	{"a client outside the source ranges is dropped", BL_FRONTEND_F_SOURCE_RANGES, true,
	 DROPPED, BL_REASON_SOURCE_REFUSED},
	{"a ClusterIP is left alone", BL_FRONTEND_F_INTERNAL_ONLY, true, PASSED,
	 BL_REASON_NOT_OUTSIDE},
	{"a loopback frontend is left alone", BL_FRONTEND_F_HOST_ONLY, true, PASSED,
	 BL_REASON_NOT_OUTSIDE},
};

static void policies(void)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct frame frame = {CLIENT, 5000, VIP, SERVICE_PORT, .flags = SYN};
		struct outcome out;

		packet_serve(VIP, SERVICE_PORT, rows[i].flags, one_local, rows[i].has_backend,
			     NULL);
		packet_send(&frame, &out);
		cr_assert_eq(out.verdict, rows[i].verdict, "%s, %s", setting->name, rows[i].what);
		cr_assert_eq(packet_reason(rows[i].reason),
			     1 + (i == 3), /* the last two share theirs */
			     "%s, %s", setting->name, rows[i].what);
		cr_assert_eq(packet_flow_count(), 0);
	}
}

Test(packet_refuse, policies)
{
	everywhere(policies);
}

static const struct {
	const char *network[2];
	uint32_t bits[2];
	bool is_admitted;
} ranges[] = {
	{{"198.51.100.0", "2001:db8:100::"}, {24, 64}, true},
	{{"198.51.100.7", "2001:db8:100::7"}, {32, 128}, true},
	{{"198.51.100.8", "2001:db8:100::8"}, {29, 125}, false},
	{{"0.0.0.0", "::"}, {0, 0}, true},
	{{"203.0.113.0", "2001:db8:113::"}, {24, 64}, false},
};

static void source_ranges(void)
{
	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
		struct frame frame = {CLIENT, (uint16_t)(7000 + i), VIP, SERVICE_PORT,
				      .flags = SYN};
		uint32_t service = packet_serve(VIP, SERVICE_PORT, BL_FRONTEND_F_SOURCE_RANGES,
						one_local, 1, NULL);
		bool is_ipv6 = setting->family == 6;
		struct outcome out;

		/* Another service's ranges are no business of this one. */
		packet_admit(service + 1000, is_ipv6 ? "::" : "0.0.0.0", 0);
		packet_admit(service, ranges[i].network[is_ipv6], ranges[i].bits[is_ipv6]);
		packet_send(&frame, &out);
		cr_assert_eq(out.verdict, ranges[i].is_admitted ? PASSED : DROPPED, "%s, %s",
			     setting->name, ranges[i].network[is_ipv6]);
	}
}

Test(packet_refuse, case_93_source_ranges_admit_their_clients_alone)
{
	everywhere(source_ranges);
}

static void foreign(void)
{
	static const struct frame frames[] = {
		{CLIENT, 5000, FOREIGN, 22, .flags = SYN},
		{CLIENT, 5000, FOREIGN, SERVICE_PORT, .flags = SYN},
		{CLIENT, 5000, NODE, SERVICE_PORT, .flags = SYN},
		{CLIENT, 5000, VIP, SERVICE_PORT + 1, .flags = SYN},
		{CLIENT, 5000, NODE, BL_SNAT_FIRST_DEFAULT, .flags = ACK},
	};
	uint8_t data[FRAME_MAX];
	struct outcome out;

	packet_serve(VIP, SERVICE_PORT, 0, one_local, 1, NULL);
	for (size_t i = 0; i < sizeof(frames) / sizeof(frames[0]); i++) {
		size_t len = frame_make(data, setting->family, setting->protocol, &frames[i]);

		packet_run(setting->hook, data, len, &out);
		assert_unchanged(&out, data, len, "a foreign packet");
		packet_run(HOOK_TC_EGRESS, data, len, &out);
		assert_unchanged(&out, data, len, "a foreign packet that leaves");
	}
	for (uint32_t reason = 0; reason < BL_REASON_COUNT; reason++)
		cr_assert_eq(packet_reason(reason), 0, "reason %u", reason);
}

Test(packet_refuse, foreign_traffic_is_neither_changed_nor_counted)
{
	everywhere(foreign);
}

static void other_protocol(void)
{
	uint8_t data[FRAME_MAX];
	struct frame frame = {CLIENT, 5000, VIP, SERVICE_PORT, .flags = SYN};
	int other = setting->protocol == IPPROTO_TCP ? IPPROTO_UDP : IPPROTO_TCP;
	size_t len = frame_make(data, setting->family, other, &frame);
	struct outcome out;

	packet_serve(VIP, SERVICE_PORT, 0, one_local, 1, NULL);
	packet_run(setting->hook, data, len, &out);
	assert_unchanged(&out, data, len, "the other protocol's port");
}

Test(packet_refuse, case_40_the_same_port_of_the_other_protocol_is_another_frontend)
{
	everywhere(other_protocol);
}

/* Every length up to the whole frame: no crash, no change, nothing sent. */
static void truncated(void)
{
	struct frame frame = {CLIENT,       5000,          VIP,         SERVICE_PORT,
			      .flags = SYN, .payload = 20, .options = 1};
	uint8_t data[FRAME_MAX];
	size_t len = frame_make(data, setting->family, setting->protocol, &frame);
	struct outcome out;

	packet_serve(VIP, SERVICE_PORT, 0, one_local, 1, NULL);
	for (size_t cut = setting->family == 4 ? 34 : 54; cut < len; cut++) {
		packet_run(setting->hook, data, cut, &out);
		assert_unchanged(&out, data, cut, "a truncated packet");
	}
	cr_assert_gt(packet_reason(BL_REASON_MALFORMED), 0);
	cr_assert_eq(packet_flow_count(), 0);
}

Test(packet_refuse, truncated_packets_are_left_alone)
{
	everywhere(truncated);
}

static void up_with_few_answers(void)
{
	struct bl_packet_tunables tunables = packet_tunables();

	tunables.answers_per_s = 1;
	tunables.answers_burst = 10;
	packet_up_with(tunables);
}

/* Whatever the sources are, that may be made up. */
static void many_refused(void)
{
	struct outcome out;
	uint32_t answered = 0;

	packet_forget_guard();
	packet_serve(VIP, SERVICE_PORT, 0, NULL, 0, NULL);
	for (uint16_t i = 0; i < 100; i++) {
		struct frame frame = {CLIENT, (uint16_t)(10000 + i), VIP, SERVICE_PORT,
				      .flags = SYN};

		packet_send(&frame, &out);
		cr_assert(out.verdict == SENT || out.verdict == DROPPED);
		answered += out.verdict == SENT;
	}
	/* A test run may move between processors, of which each has its own. */
	cr_assert_lt(answered, 100);
	cr_assert_geq(answered, 10);
	cr_assert_eq(packet_reason(BL_REASON_ANSWER_LIMIT), 100 - answered);
	cr_assert_eq(packet_reason(BL_REASON_NO_ENDPOINTS), 100);
}

Test(packet_answers, a_flood_of_what_is_refused_becomes_no_flood_of_refusals,
     .init = up_with_few_answers, .fini = packet_down)
{
	everywhere(many_refused);
}
