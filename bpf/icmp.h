/* SPDX-License-Identifier: GPL-2.0 */
/*
 * ICMP: errors about flows are translated for whom they concern, so that path MTU discovery works
 * through us; echo to a virtual address is answered where that is asked for.
 *
 * An error quotes the packet that it is about as its reporter saw it, that is as a flow sent it.
 * The entry for what answers that packet knows both sides.
 */
#ifndef BPF_ICMP_H
#define BPF_ICMP_H

#include "answer.h"
#include "next_hop.h"
#include "rewrite.h"
#include "scratch.h"

/* A flow that was found, and what its packets become. */
struct bl_known {
	struct bl_flow *flow;
	const struct bl_tuple *to;
};

static __always_inline bool bl_icmp_is_error(const struct bl_packet *packet)
{
	__u8 type = packet->icmp_type;

	if (packet->tuple.family == BL_FAMILY_IPV6)
		return type >= BL_ICMP6_UNREACHABLE && type <= BL_ICMP6_PARAMETER;
	return type == BL_ICMP4_UNREACHABLE || type == BL_ICMP4_TIME_EXCEEDED ||
	       type == BL_ICMP4_PARAMETER;
}

/* The packet that the error quotes; false: none with ports, or too little of one. */
static __always_inline bool bl_icmp_quoted(struct bl_context *ctx, const struct bl_packet *packet,
					   struct bl_packet *ret)
{
	ret->ethertype = packet->ethertype;
	ret->l3 = packet->l4 + sizeof(struct bl_icmp_header);
	if (bl_parse_ip(ctx, 0xffff, ret) != BL_PARSED || ret->fragment == BL_FRAGMENT_LATER)
		return false;
	if (ret->tuple.protocol != IPPROTO_TCP && ret->tuple.protocol != IPPROTO_UDP)
		return false;
	return bl_parse_ports(ctx, ret) == BL_PARSED;
}

/* Ports and checksum of the quotation. Returns what that changes in the sum around it. */
static __always_inline __u32 bl_icmp_quoted_ports(struct bl_context *ctx,
						  const struct bl_packet *quoted,
						  const struct bl_tuple *to, __u32 addresses)
{
	bool is_udp = quoted->tuple.protocol == IPPROTO_UDP;
	__u32 change = bl_csum_add(bl_csum_16(quoted->tuple.source_port, to->destination_port),
				   bl_csum_16(quoted->tuple.destination_port, to->source_port));
	__be16 *ports = bl_at(ctx, quoted->l4, BL_PORTS_LEN);
	__u16 *check, before;

	if (!ports)
		return 0;
	ports[0] = to->destination_port;
	ports[1] = to->source_port;
	/* Short quotations of TCP end before its checksum. */
	check = bl_at(ctx, quoted->l4 + (is_udp ? BL_UDP_CHECKSUM : BL_TCP_CHECKSUM),
		      sizeof(*check));
	if (!check)
		return change;
	before = *check;
	*check = bl_csum_transport(before, bl_csum_add(addresses, change), is_udp);
	return bl_csum_add(change, bl_csum_16(before, *check));
}

/* The same for its addresses. IPv4's own checksum takes up what they change. */
static __always_inline __u32 bl_icmp_quoted_addresses(struct bl_context *ctx,
						      const struct bl_packet *quoted,
						      const struct bl_tuple *to, __u32 addresses)
{
	struct ipv6hdr *ip6;
	struct iphdr *ip4;

	if (quoted->tuple.family == BL_FAMILY_IPV4) {
		ip4 = bl_at(ctx, quoted->l3, sizeof(*ip4));
		if (!ip4)
			return 0;
		ip4->saddr = to->destination.words[0];
		ip4->daddr = to->source.words[0];
		ip4->check = bl_csum_apply(ip4->check, addresses);
		return 0;
	}
	ip6 = bl_at(ctx, quoted->l3, sizeof(*ip6));
	if (!ip6)
		return 0;
	*(union bl_ip *)&ip6->saddr = to->destination;
	*(union bl_ip *)&ip6->daddr = to->source;
	return addresses;
}

/* Who reports: routers speak for themselves, ends and those whom the receiver cannot reach not. */
static __always_inline const union bl_ip *bl_icmp_reporter(const struct bl_packet *packet,
							   const struct bl_packet *quoted,
							   const struct bl_flow *flow,
							   const struct bl_tuple *to)
{
	if (flow->kind == BL_FLOW_REMOTE ||
	    bl_ip_equal(&packet->tuple.source, &quoted->tuple.destination))
		return &to->source;
	return &packet->tuple.source;
}

static __always_inline void bl_icmp_outer(struct bl_context *ctx, const struct bl_packet *packet,
					  const union bl_ip *source, const union bl_ip *destination,
					  __u32 change, __u8 hops)
{
	__u32 addresses = bl_csum_add(bl_csum_ip(&packet->tuple.source, source),
				      bl_csum_ip(&packet->tuple.destination, destination));
	struct bl_icmp_header *icmp = bl_at(ctx, packet->l4, sizeof(*icmp));
	struct bl_scratch *s = bl_scratch_get();

	if (!icmp || !s)
		return;
	if (packet->tuple.family == BL_FAMILY_IPV6)
		change = bl_csum_add(change, addresses);
	icmp->check = bl_csum_apply(icmp->check, change);
	s->ends.source = *source;
	s->ends.destination = *destination;
	if (packet->tuple.family == BL_FAMILY_IPV4)
		bl_rewrite_ipv4(ctx, packet, &s->ends, addresses, hops);
	else
		bl_rewrite_ipv6(ctx, packet, &s->ends, hops);
}

static __noinline int bl_icmp_translate(struct bl_context *ctx, const struct bl_packet *packet,
					const struct bl_packet *quoted,
					const struct bl_known *known, __u8 hops)
{
	const struct bl_tuple *to = known->to;
	__u32 addresses = bl_csum_add(bl_csum_ip(&quoted->tuple.source, &to->destination),
				      bl_csum_ip(&quoted->tuple.destination, &to->source));
	__u32 change = bl_icmp_quoted_ports(ctx, quoted, to, addresses);

	change = bl_csum_add(change, bl_icmp_quoted_addresses(ctx, quoted, to, addresses));
	bl_icmp_outer(ctx, packet, bl_icmp_reporter(packet, quoted, known->flow, to),
		      &to->destination, change, hops);
	return 0;
}

/* Whether the error comes by where the flow's own packets do. */
static __always_inline bool bl_icmp_concerns(const struct bl_flow *flow, bool is_egress)
{
	if (is_egress)
		return flow->kind == BL_FLOW_REPLY_LOCAL || flow->kind == BL_FLOW_REPLY_DSR;
	return flow->kind == BL_FLOW_LOCAL || flow->kind == BL_FLOW_REMOTE ||
	       flow->kind == BL_FLOW_REPLY_REMOTE;
}

/* An enum bl_reason, or BL_REASON_COUNT when the error is no business of ours. */
static __noinline int bl_icmp_error(struct bl_context *ctx, struct bl_packet *packet, int is_egress)
{
	struct bl_scratch *s = bl_scratch_get();
	struct bl_known known;
	int hop;

	if (!s)
		return BL_REASON_COUNT;
	__builtin_memset(&s->inner, 0, sizeof(s->inner));
	if (!bl_icmp_quoted(ctx, packet, &s->inner))
		return BL_REASON_COUNT;
	bl_tuple_turn(&s->ends, &s->inner.tuple);
	known.to = &s->flow.to;
	known.flow = bl_flow_find(&s->ends, &s->flow.to);
	if (!known.flow || !bl_icmp_concerns(known.flow, is_egress))
		return BL_REASON_COUNT;
	if (is_egress || known.flow->kind == BL_FLOW_LOCAL) {
		(void)bl_icmp_translate(ctx, packet, &s->inner, &known, 0);
		return BL_REASON_ICMP_TRANSLATED;
	}
	hop = bl_hop(ctx, packet, known.flow, known.to);
	if (hop == BL_HOP_NONE) {
		packet->verdict = BL_DROP;
		return BL_REASON_NO_ROUTE;
	}
	if (BL_HOOK_IS_XDP && hop == BL_HOP_SLOW)
		return BL_REASON_NEXT_HOP_SLOW;
	if (packet->ttl <= 1) {
		packet->verdict = BL_DROP;
		return BL_REASON_TTL_EXPIRED;
	}
	(void)bl_icmp_translate(ctx, packet, &s->inner, &known, 1);
	packet->verdict = bl_hop_send(ctx, packet, known.flow, hop);
	return BL_REASON_ICMP_TRANSLATED;
}

static __always_inline bool bl_icmp_is_echo(const struct bl_packet *packet)
{
	return packet->icmp_type ==
	       (packet->tuple.family == BL_FAMILY_IPV4 ? BL_ICMP4_ECHO : BL_ICMP6_ECHO);
}

/* The entry of a virtual address has backends while some port of it has. */
static __always_inline bool bl_icmp_is_alive(const struct bl_tuple *tuple)
{
	const struct bl_frontend *frontend =
		bl_frontend_lookup(&tuple->destination, tuple->family, 0, 0);

	return frontend && frontend->flags & BL_FRONTEND_F_VIRTUAL && frontend->external.count &&
	       (!(frontend->flags & BL_FRONTEND_F_INTERNAL_ONLY) ||
		tunables.cluster_ip_from_outside);
}

static __noinline int bl_icmp_echo(struct bl_context *ctx, struct bl_packet *packet)
{
	struct bl_icmp_header *icmp;
	__u16 before;

	if (!bl_icmp_is_alive(&packet->tuple) || packet->fragment != BL_FRAGMENT_NONE)
		return BL_REASON_COUNT;
	icmp = bl_at(ctx, packet->l4, sizeof(*icmp));
	if (!icmp)
		return BL_REASON_COUNT;
	before = *(__u16 *)icmp;
	icmp->type =
		packet->tuple.family == BL_FAMILY_IPV4 ? BL_ICMP4_ECHO_REPLY : BL_ICMP6_ECHO_REPLY;
	bl_icmp_outer(ctx, packet, &packet->tuple.destination, &packet->tuple.source,
		      bl_csum_16(before, *(__u16 *)icmp), packet->ttl - BL_IP_TTL);
	packet->verdict = bl_answer_swap_macs(ctx) ? BL_DROP : bl_send_back(ctx);
	return BL_REASON_ECHO_ANSWERED;
}

/* From outside. */
static __always_inline int bl_icmp(struct bl_context *ctx, struct bl_packet *packet)
{
	if (bl_icmp_is_error(packet))
		return bl_icmp_error(ctx, packet, false);
	if (tunables.answer_echo && bl_icmp_is_echo(packet))
		return bl_icmp_echo(ctx, packet);
	return BL_REASON_COUNT;
}

#endif
