/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The quick way of an established flow's packets beside the way that knows all cases: whatever the
 * packet and its flow, frame, verdict, reason and maps end alike.
 */
#include <criterion/criterion.h>
#include <stdint.h>

#include "hook_native.h"

#include "forward.h"

#define NOW_NS 5000000000000ull
#define GENERATION 8u
#define PAYLOAD 32u
#define BACKEND 3u
#define OTHER_UPLINK 9u

/* What a packet and its flow may be like. */
struct quick_case {
	uint8_t family;
	uint8_t protocol;
	uint8_t kind;
	uint8_t state;
	uint8_t tcp_flags;
	uint8_t fragment;
	uint8_t ttl;
	uint8_t vlan_tags;
	uint16_t mtu;
	uint32_t generation; /* of its next hop */
	uint32_t node_generation;
	uint32_t age;
	bool waits;
	bool has_checksum;
	bool has_pair;
	bool serves;
	bool has_route;
};

struct quick_end {
	int reason;
	struct bl_packet packet;
	struct bl_context ctx;
	uint32_t sent_ifindex;
	struct native_element *elements;
};

static uint32_t below(uint32_t count)
{
	static uint64_t state = 88172645463325252ull;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state >> 32) % count;
}

#define ONE_OF(values) ((values)[below(sizeof(values) / sizeof((values)[0]))])

static uint32_t ip_len(const struct quick_case *c)
{
	return c->family == BL_FAMILY_IPV4 ? 20 : 40 + (c->fragment ? 8 : 0);
}

static uint32_t packet_len(const struct quick_case *c)
{
	return ip_len(c) + (c->protocol == IPPROTO_TCP ? 20 : 8) + PAYLOAD;
}

/* Around what fits, with a header and without. */
static uint16_t any_mtu(const struct quick_case *c)
{
	uint32_t len = packet_len(c), header = c->family == BL_FAMILY_IPV4 ? 20 : 40;
	const uint32_t mtus[] = {0,   header - 1,       header,       len - 1,
				 len, len + header - 1, len + header, 1500};

	return (uint16_t)ONE_OF(mtus);
}

static struct quick_case any_case(void)
{
	static const uint8_t families[] = {BL_FAMILY_IPV4, BL_FAMILY_IPV6};
	static const uint8_t protocols[] = {IPPROTO_TCP, IPPROTO_UDP};
	static const uint8_t flags[] = {BL_TCP_ACK,
					BL_TCP_ACK,
					BL_TCP_ACK,
					BL_TCP_SYN,
					BL_TCP_SYN | BL_TCP_ACK,
					BL_TCP_FIN | BL_TCP_ACK,
					BL_TCP_RST};
	static const uint8_t ttls[] = {0, 1, 2, 64, 64, 255};
	static const uint32_t generations[] = {
		GENERATION, GENERATION, GENERATION, GENERATION - 2, GENERATION | BL_NEXT_HOP_BY_TC,
		0};
	static const uint32_t ages[] = {0,
					0,
					BL_FLOW_TOUCH,
					BL_FLOW_TOUCH + 1,
					30000 * BL_FLOW_TOUCH,
					UINT32_MAX,
					UINT32_MAX / 4 * 3};
	struct quick_case c = {
		.family = ONE_OF(families),
		.protocol = ONE_OF(protocols),
		.kind = (uint8_t)(BL_FLOW_LOCAL + below(BL_FLOW_REPLY_DSR)),
		.state = (uint8_t)below(BL_FLOW_CLOSED + 1),
		.fragment = below(4) ? BL_FRAGMENT_NONE : (uint8_t)(1 + below(2)),
		.ttl = ONE_OF(ttls),
		.vlan_tags = below(4) ? 0 : 1,
		.generation = ONE_OF(generations),
		.node_generation = below(8) ? GENERATION : 0,
		.age = ONE_OF(ages),
		.waits = !below(8),
		.has_checksum = below(2),
		.has_pair = below(2),
		.serves = below(4),
		.has_route = below(4),
	};

	if (c.protocol == IPPROTO_TCP && c.fragment != BL_FRAGMENT_LATER)
		c.tcp_flags = ONE_OF(flags);
	c.mtu = any_mtu(&c);
	return c;
}

static struct bl_tuple ends_of(const struct quick_case *c, uint32_t source, uint32_t destination)
{
	struct bl_tuple tuple = {.source.words = {bpf_htonl(source)},
				 .destination.words = {bpf_htonl(destination)},
				 .source_port = bpf_htons(40000),
				 .destination_port = bpf_htons(80),
				 .family = c->family,
				 .protocol = c->protocol};

	if (c->family == BL_FAMILY_IPV6)
		tuple.source.words[3] = tuple.destination.words[3] = bpf_htonl(0x12345678);
	return tuple;
}

static struct bl_tuple from_of(const struct quick_case *c)
{
	return ends_of(c, 0xc6120001, 0xc0000201);
}

static struct bl_tuple to_of(const struct quick_case *c)
{
	struct bl_tuple to = ends_of(c, 0xc0000202, 0x0af40005);

	to.source_port = bpf_htons(61001);
	to.destination_port = bpf_htons(8080);
	return to;
}

static void put_row(struct bl_direction *row, const struct quick_case *c)
{
	if (!c->waits) {
		cr_assert_eq(bl_flow_establish(row), 0);
		return;
	}
	row->hash = bl_tuple_hash(&row->from);
	cr_assert_eq(bl_flow_claim_waiting(row), 0);
	(void)bl_flow_put_waiting(row);
}

static void put_flow(const struct quick_case *c)
{
	struct bl_direction row = {
		.from = from_of(c),
		.to = to_of(c),
		.flow = {.packets = 5,
			 .bytes = 500,
			 .kind = c->kind,
			 .state = c->state,
			 .mtu = c->mtu,
			 .backend_id = BACKEND,
			 .backend_generation = 1,
			 .last_seen = bl_flow_time(NOW_NS) - c->age,
			 .next_hop_generation = c->generation,
			 .next_hop_ifindex = OTHER_UPLINK,
			 .next_hop_mac = {2, 0, 0, 0, 0, 1},
			 .own_mac = {2, 0, 0, 0, 0, 2}},
	};
	struct bl_direction pair = {.flow = row.flow};

	put_row(&row, c);
	if (!c->has_pair || !bl_flow_has_pair(&row.flow))
		return;
	bl_tuple_turn(&pair.from, &row.to);
	bl_tuple_turn(&pair.to, &row.from);
	bl_flow_make_pair(&pair.flow, &row.flow);
	put_row(&pair, c);
}

static void put_node(const struct quick_case *c)
{
	struct bl_packet_state state = {.next_hop_generation = c->node_generation};
	struct bl_uplink uplink = {.flags = BL_UPLINK_F_XDP_REDIRECT};
	struct bl_backend backend = {.family = c->family,
				     .state = c->serves ? BL_BACKEND_READY : BL_BACKEND_GONE,
				     .generation = 1};
	uint32_t id = BACKEND, zero = 0;

	for (uint32_t i = 0; i < BL_HASH_KEYS; i++)
		state.hash_keys[i] = 0x9e3779b1u * (i + 1);
	native.now_ns = NOW_NS;
	native.fib_result = c->has_route ? 0 : BPF_FIB_LKUP_RET_UNREACHABLE;
	native.fib_ifindex = 1;
	native.fib_mtu = c->mtu;
	native_update(&packet_state, sizeof(zero), sizeof(state), &zero, &state, BPF_ANY);
	native_update(&uplinks, sizeof(zero), sizeof(uplink), &zero, &uplink, BPF_ANY);
	native_update(&backends, sizeof(id), sizeof(backend), &id, &backend, BPF_ANY);
}

static void put_ip(unsigned char *at, const struct quick_case *c)
{
	struct bl_tuple from = from_of(c);
	uint16_t offset = (c->fragment == BL_FRAGMENT_LATER ? 64 : 0);

	if (c->family == BL_FAMILY_IPV4) {
		struct iphdr *ip = (struct iphdr *)at;

		bl_put_ipv4(ip, &from.source, &from.destination, c->protocol,
			    (uint16_t)(packet_len(c) - ip_len(c)));
		ip->ttl = c->ttl;
		ip->frag_off = bpf_htons((uint16_t)(offset / 8 | (c->fragment ? BL_IP_MORE : 0)));
	} else {
		struct ipv6hdr *ip = (struct ipv6hdr *)at;
		struct bl_ip6_extension more = {.next = c->protocol,
						.offset = bpf_htons(offset | BL_IP6_MORE)};

		bl_put_ipv6(ip, &from.source, &from.destination,
			    c->fragment ? BL_EXT_FRAGMENT : c->protocol,
			    (uint16_t)(packet_len(c) - sizeof(*ip)));
		ip->hop_limit = c->ttl;
		if (c->fragment)
			memcpy(ip + 1, &more, sizeof(more));
	}
}

static void put_transport(unsigned char *at, const struct quick_case *c)
{
	static const unsigned char check[] = {0x12, 0x34};
	struct bl_tuple from = from_of(c);

	memcpy(at, &from.source_port, 2);
	memcpy(at + 2, &from.destination_port, 2);
	if (c->protocol == IPPROTO_TCP) {
		at[12] = 5 << 4;
		at[13] = c->tcp_flags;
		memcpy(at + 16, check, sizeof(check));
	} else {
		at[5] = 8 + PAYLOAD;
		if (c->has_checksum)
			memcpy(at + 6, check, sizeof(check));
	}
}

static void put_frame(struct bl_context *ctx, const struct quick_case *c)
{
	uint32_t l3 = 14 + 4u * c->vlan_tags;
	__be16 type = bpf_htons(c->family == BL_FAMILY_IPV4 ? ETH_P_IP : ETH_P_IPV6);

	native_hold(ctx, l3 + packet_len(c));
	memset(ctx->data, 0xaa, 12);
	if (c->vlan_tags)
		memcpy(ctx->data + 12, (unsigned char[]){0x81, 0, 0, 5}, 4);
	memcpy(ctx->data + l3 - 2, &type, sizeof(type));
	put_ip(ctx->data + l3, c);
	if (c->fragment != BL_FRAGMENT_LATER)
		put_transport(ctx->data + l3 + ip_len(c), c);
}

static void run(const struct quick_case *c, bool is_quick, struct quick_end *ret)
{
	struct bl_tuple from = from_of(c);
	int place;

	memset(ret, 0, sizeof(*ret));
	ret->packet.verdict = BL_PASS;
	native.sent_ifindex = 0;
	put_node(c);
	put_flow(c);
	put_frame(&ret->ctx, c);
	cr_assert_eq(bl_parse(&ret->ctx, &ret->packet), BL_PARSED);
	/* A later fragment's are known from the first. */
	ret->packet.tuple.source_port = from.source_port;
	ret->packet.tuple.destination_port = from.destination_port;
	place = bl_flow_place(&ret->packet.tuple);
	cr_assert_geq(place, 0);
	if (is_quick)
		ret->reason = c->family == BL_FAMILY_IPV4
				      ? bl_quick4(&ret->ctx, &ret->packet, NOW_NS)
				      : bl_quick6(&ret->ctx, &ret->packet, NOW_NS);
	else
		ret->reason = bl_forward_found(&ret->ctx, &ret->packet, place, NOW_NS);
	ret->sent_ifindex = native.sent_ifindex;
	ret->elements = native.elements;
	native.elements = NULL;
}

static void end(struct quick_end *e)
{
	free(e->ctx.block);
	native.elements = e->elements;
	native_clear();
}

/* What `had` has is in `other` too, but for working memory; zeros may be missing. */
static bool has_elements(const struct native_element *had, const struct native_element *other)
{
	const struct native_element *at;

	for (; had; had = had->next) {
		bool is_zero = true;

		if (had->map == &scratch)
			continue;
		for (at = other; at; at = at->next)
			if (at->map == had->map && !memcmp(at->key, had->key, had->key_size))
				break;
		for (size_t i = 0; i < had->value_size; i++)
			is_zero = is_zero && !((const char *)had->value)[i];
		if (at ? memcmp(at->value, had->value, had->value_size) : !is_zero)
			return false;
	}
	return true;
}

static void assert_alike(const struct quick_case *c, const struct quick_end *quick,
			 const struct quick_end *slow)
{
	const char *fails = NULL;

	if (quick->reason != slow->reason)
		fails = "reason";
	else if (quick->packet.verdict != slow->packet.verdict)
		fails = "verdict";
	else if (quick->sent_ifindex != slow->sent_ifindex)
		fails = "device";
	else if (quick->ctx.len != slow->ctx.len ||
		 memcmp(quick->ctx.data, slow->ctx.data, slow->ctx.len))
		fails = "frame";
	else if (!has_elements(quick->elements, slow->elements) ||
		 !has_elements(slow->elements, quick->elements))
		fails = "maps";
	cr_assert_null(fails,
		       "%s: family %u protocol %u kind %u state %u flags %x fragment %u ttl %u "
		       "tags %u mtu %u generation %u age %u waits %d pair %d: %d, not %d",
		       fails, c->family, c->protocol, c->kind, c->state, c->tcp_flags, c->fragment,
		       c->ttl, c->vlan_tags, c->mtu, c->generation, c->age, c->waits, c->has_pair,
		       quick->reason, slow->reason);
}

Test(quick, every_packet_becomes_what_the_way_of_all_cases_makes_of_it)
{
	uint32_t taken = 0, left = 0;

	for (int i = 0; i < 60000; i++) {
		struct quick_case c = any_case();
		struct quick_end quick, slow;

		run(&c, true, &quick);
		if (quick.reason < BL_QUICK_FOUND) {
			run(&c, false, &slow);
			assert_alike(&c, &quick, &slow);
			end(&slow);
			taken++;
		} else {
			left++;
		}
		end(&quick);
	}
	cr_expect_gt(taken, 5000);
	cr_expect_gt(left, 5000);
}

Test(quick, nothing_is_left_to_decide_about_most_packets_of_established_flows)
{
	static const uint8_t families[] = {BL_FAMILY_IPV4, BL_FAMILY_IPV6};
	static const struct {
		uint8_t kind;
		int reason;
	} rows[] = {{BL_FLOW_LOCAL, BL_REASON_FLOW_LOCAL},
		    {BL_FLOW_REMOTE, BL_REASON_FLOW_REMOTE},
		    {BL_FLOW_DSR, BL_REASON_FLOW_DSR},
		    {BL_FLOW_REPLY_REMOTE, BL_REASON_FLOW_REPLY},
		    /* These leave the node by another hook. */
		    {BL_FLOW_REPLY_LOCAL, BL_QUICK_FOUND},
		    {BL_FLOW_REPLY_DSR, BL_QUICK_FOUND}};

	for (size_t i = 0; i < 2 * sizeof(rows) / sizeof(rows[0]); i++) {
		struct quick_case c = {.family = families[i % 2],
				       .protocol = i % 4 < 2 ? IPPROTO_TCP : IPPROTO_UDP,
				       .kind = rows[i / 2].kind,
				       .state = BL_FLOW_ESTABLISHED,
				       .tcp_flags = BL_TCP_ACK,
				       .ttl = 64,
				       .mtu = 1500,
				       .generation = GENERATION,
				       .node_generation = GENERATION,
				       .age = BL_FLOW_TOUCH,
				       .has_checksum = true};
		struct quick_end quick;

		run(&c, true, &quick);
		cr_expect_eq(quick.reason < BL_QUICK_FOUND ? quick.reason : BL_QUICK_FOUND,
			     rows[i / 2].reason, "family %u kind %u", c.family, c.kind);
		end(&quick);
	}
}
