/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A packet of an established flow about which nothing is to be decided, as most are: counted,
 * rewritten and sent where the flow's last one went. Whatever else a packet may need is in
 * forward.h, which knows all cases.
 *
 * Nothing is called on this way: where a processor must not guess whereto functions return, each
 * return costs as much as twenty instructions. For the verifier, it is a function of its own.
 */
#ifndef BPF_QUICK_H
#define BPF_QUICK_H

#include "ip_header.h"
#include "next_hop.h"
#include "rewrite.h"

#define BL_QUICK_UNKNOWN (-1)
#define BL_QUICK_FOUND 0x1000000

_Static_assert(BL_REASON_COUNT < BL_QUICK_FOUND, "reasons are no places");

/* tc sees packets that are many in one, which the kernel cuts to size later. */
static __always_inline bool bl_is_too_big(struct bl_context *ctx, const struct bl_packet *packet,
					  __u32 mtu)
{
#if !BL_HOOK_IS_XDP
	if (ctx->gso_size)
		return false;
#endif
	(void)ctx;
	return mtu && packet->length > mtu;
}

/* Neither the flow nor its backend need a look: see bl_flow_track(). */
static __always_inline bool bl_quick_goes_on(const struct bl_packet *packet,
					     const struct bl_flow *flow, __u64 now_ns)
{
	return !(packet->tcp_flags & (BL_TCP_SYN | BL_TCP_FIN | BL_TCP_RST)) &&
	       bl_flow_age(flow, now_ns) <= BL_FLOW_TOUCH;
}

/* It is remembered where the packet goes, and it may: see bl_send_on(), bl_send_wrapped(). */
static __always_inline bool bl_quick_is_sent(struct bl_context *ctx, const struct bl_packet *packet,
					     const struct bl_flow *flow, __u32 header)
{
	return flow->kind != BL_FLOW_REPLY_LOCAL && flow->kind != BL_FLOW_REPLY_DSR &&
	       bl_hop_is_remembered(packet, flow) && packet->ttl > 1 &&
	       !(flow->mtu && bl_is_too_big(ctx, packet, flow->mtu - header));
}

static __always_inline __u8 bl_dsr_protocol(__u8 family)
{
	return family == BL_FAMILY_IPV4 ? IPPROTO_IPIP : IPPROTO_IPV6;
}

/* An untagged frame gets an IP header before its own; see bl_dsr_wrap(). Not 0: it is lost. */
static __always_inline int bl_quick_wrap(struct bl_context *ctx, struct bl_packet *packet,
					 const struct bl_tuple *to, __u8 family)
{
	const bool is_ipv6 = family == BL_FAMILY_IPV6;
	const __u32 header = is_ipv6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr);
	struct ethhdr *eth;

	if (bl_grow_tunnel(ctx, header, is_ipv6))
		return -1;
	eth = bl_at(ctx, 0, sizeof(*eth) + header);
	if (!eth)
		return -1;
	eth->h_proto = packet->ethertype;
	bl_put_ip(eth + 1, family, &to->source, &to->destination, bl_dsr_protocol(family),
		  packet->length);
	return 0;
}

/* What the packet needs beyond its own bytes on the way. */
static __always_inline __u32 bl_quick_header(const struct bl_flow *flow, __u8 family)
{
	if (flow->kind != BL_FLOW_DSR)
		return 0;
	return family == BL_FAMILY_IPV6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr);
}

static __always_inline int bl_quick_reason(__u8 kind)
{
	if (kind == BL_FLOW_LOCAL)
		return BL_REASON_FLOW_LOCAL;
	if (kind == BL_FLOW_DSR)
		return BL_REASON_FLOW_DSR;
	return kind == BL_FLOW_REMOTE ? BL_REASON_FLOW_REMOTE : BL_REASON_FLOW_REPLY;
}

static __always_inline int bl_quick_at(struct bl_context *ctx, struct bl_packet *packet, int place,
				       __u64 now_ns, __u8 family)
{
	struct bl_tuple to;
	struct bl_flow *flow =
		family == BL_FAMILY_IPV4 ? bl_flow4_at(place, &to) : bl_flow6_at(place, &to);
	bool is_local;

	if (!flow || bl_flow_waits(place) || !bl_quick_goes_on(packet, flow, now_ns))
		return BL_QUICK_FOUND + place;
	is_local = flow->kind == BL_FLOW_LOCAL;
	if (!is_local && !bl_quick_is_sent(ctx, packet, flow, bl_quick_header(flow, family)))
		return BL_QUICK_FOUND + place;
	to.source_port = flow->source_port;
	to.destination_port = flow->destination_port;
	bl_flow_count(packet, flow);
	if (flow->kind == BL_FLOW_DSR) {
		if (bl_quick_wrap(ctx, packet, &to, family)) {
			packet->verdict = BL_DROP;
			return BL_REASON_FLOW_FAILED;
		}
	} else {
		bl_rewrite_in(ctx, packet, &to, !is_local, family);
	}
	if (!is_local)
		packet->verdict = bl_hop_send(ctx, packet, flow, BL_HOP_READY);
	return bl_quick_reason(flow->kind);
}

static __always_inline int bl_quick_in(struct bl_context *ctx, struct bl_packet *packet,
				       __u64 now_ns, __u8 family)
{
	__u64 hash = bl_tuple_hash_in(&packet->tuple, family);
	int place = bl_flow_find_place(&packet->tuple, hash, BL_FLOW_NOWHERE, family);

	return place < 0 ? BL_QUICK_UNKNOWN : bl_quick_at(ctx, packet, place, now_ns, family);
}

/* An enum bl_reason; or QUICK_FOUND and the place of the flow when the packet needs more, and is as
 * it was; or QUICK_UNKNOWN when there is no flow. */
int bl_quick4(struct bl_context *ctx, struct bl_packet *packet, __u64 now_ns);
int bl_quick6(struct bl_context *ctx, struct bl_packet *packet, __u64 now_ns);

__noinline int bl_quick4(struct bl_context *ctx, struct bl_packet *packet, __u64 now_ns)
{
	return packet ? bl_quick_in(ctx, packet, now_ns, BL_FAMILY_IPV4) : BL_QUICK_UNKNOWN;
}

__noinline int bl_quick6(struct bl_context *ctx, struct bl_packet *packet, __u64 now_ns)
{
	return packet ? bl_quick_in(ctx, packet, now_ns, BL_FAMILY_IPV6) : BL_QUICK_UNKNOWN;
}

#endif
