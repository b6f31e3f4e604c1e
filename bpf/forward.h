/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What becomes of a packet: to which flow it belongs, and where that leads. The entry points count
 * what is returned, an enum bl_reason or BL_UNCOUNTED, and return packet->verdict.
 */
#ifndef BPF_FORWARD_H
#define BPF_FORWARD_H

#include "answer.h"
#include "count.h"
#include "new_flow.h"
#include "rewrite.h"

#define BL_UNCOUNTED BL_REASON_COUNT

static __always_inline void bl_count_packet(__u32 reason)
{
	if (reason != BL_UNCOUNTED)
		bl_count_reason(reason);
}

static __always_inline int bl_drop(struct bl_packet *packet, enum bl_reason reason)
{
	packet->verdict = BL_DROP;
	return reason;
}

static __always_inline int bl_refuse(struct bl_context *ctx, struct bl_packet *packet,
				     enum bl_reason reason)
{
	packet->verdict = bl_answer_refusal(ctx, packet);
	return reason;
}

static __always_inline const struct bl_packet_port_word *bl_port_word(__u8 protocol, __be16 port,
								      __u32 *ret_bit)
{
	__u32 bit = bl_packet_port_bit(protocol, bpf_ntohs(port));
	__u32 index = bit / 64;

	*ret_bit = bit % 64;
	return bpf_map_lookup_elem(&packet_ports, &index);
}

/* False: nobody here listens on this port, nor sends from it. */
static __always_inline bool bl_port_concerns(const struct bl_tuple *tuple)
{
	__u32 bit;
	const struct bl_packet_port_word *word =
		bl_port_word(tuple->protocol, tuple->destination_port, &bit);

	return word && word->destination >> bit & 1;
}

static __always_inline bool bl_port_may_reply(const struct bl_tuple *tuple)
{
	__u32 bit;
	const struct bl_packet_port_word *word =
		bl_port_word(tuple->protocol, tuple->source_port, &bit);

	return word && word->reply >> bit & 1;
}

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

/* To another machine. */
static __always_inline int bl_send_on(struct bl_context *ctx, struct bl_packet *packet,
				      struct bl_flow *flow, enum bl_reason reason)
{
	int hop = bl_hop(ctx, packet, flow);

	if (hop == BL_HOP_NONE)
		return bl_drop(packet, BL_REASON_NO_ROUTE);
	/* tc has the same flows, and waits for neighbours. */
	if (BL_HOOK_IS_XDP && hop == BL_HOP_SLOW)
		return BL_REASON_NEXT_HOP_SLOW;
	if (packet->ttl <= 1)
		return bl_drop(packet, BL_REASON_TTL_EXPIRED);
	if (bl_is_too_big(ctx, packet, flow->mtu)) {
		packet->verdict = bl_answer_icmp(ctx, packet, BL_ANSWER_TOO_BIG, flow->mtu);
		return BL_REASON_TOO_BIG;
	}
	(void)bl_rewrite(ctx, packet, flow, 1);
	packet->verdict = bl_hop_send(ctx, flow, hop);
	return reason;
}

static __always_inline int bl_follow(struct bl_context *ctx, struct bl_packet *packet,
				     struct bl_flow *flow)
{
	switch (flow->kind) {
	case BL_FLOW_LOCAL:
		(void)bl_rewrite(ctx, packet, flow, 0);
		return BL_REASON_FLOW_LOCAL;
	case BL_FLOW_REMOTE:
		return bl_send_on(ctx, packet, flow, BL_REASON_FLOW_REMOTE);
	case BL_FLOW_REPLY_REMOTE:
		return bl_send_on(ctx, packet, flow, BL_REASON_FLOW_REPLY);
	default:
		/* Answers of this node's pods do not come from outside. */
		return BL_UNCOUNTED;
	}
}

static __always_inline int bl_begin(struct bl_context *ctx, struct bl_packet *packet, __u64 now_ns)
{
	int reason = bl_flow_new(ctx, packet, now_ns);
	struct bl_flow *flow;

	switch (reason) {
	case BL_REASON_FLOW_NEW:
		flow = bl_flow_find(&packet->tuple);
		if (!flow)
			return bl_drop(packet, BL_REASON_FLOW_FAILED);
		bl_flow_count(packet, flow);
		return bl_follow(ctx, packet, flow);
	case BL_REASON_NOT_A_SERVICE:
		return BL_UNCOUNTED;
	case BL_REASON_NOT_OUTSIDE:
		return reason;
	case BL_REASON_NO_ENDPOINTS:
		return bl_refuse(ctx, packet, reason);
	default:
		return bl_drop(packet, reason);
	}
}

/* A packet with ports that may be ours. */
static __always_inline int bl_forward(struct bl_context *ctx, struct bl_packet *packet)
{
	struct bl_flow *flow = bl_flow_find(&packet->tuple);
	__u64 now_ns = bpf_ktime_get_coarse_ns();
	bool serves;

	if (!flow)
		return bl_begin(ctx, packet, now_ns);
	if (!bl_flow_is_reply(flow) && (bl_flow_begins_anew(packet, flow) ||
					bl_flow_is_expired(flow, packet->tuple.protocol, now_ns))) {
		(void)bl_flow_forget(&packet->tuple, flow);
		return bl_begin(ctx, packet, now_ns);
	}
	serves = bl_flow_track(packet, flow, now_ns);
	if (serves)
		return bl_follow(ctx, packet, flow);
	(void)bl_flow_forget(&packet->tuple, flow);
	bl_count_reason(BL_REASON_BACKEND_GONE);
	if (packet->tuple.protocol == IPPROTO_UDP || packet->tcp_flags & BL_TCP_SYN)
		return bl_begin(ctx, packet, now_ns);
	packet->verdict = bl_answer_refusal(ctx, packet);
	return BL_UNCOUNTED;
}

static __always_inline bool bl_has_ports(const struct bl_tuple *tuple)
{
	return tuple->protocol == IPPROTO_TCP || tuple->protocol == IPPROTO_UDP;
}

/* From outside. */
static __always_inline int bl_ingress(struct bl_context *ctx, struct bl_packet *packet)
{
	enum bl_parsed parsed;

	bl_prepare(ctx);
	parsed = bl_parse(ctx, packet);
	if (parsed == BL_PARSED_MALFORMED)
		return BL_REASON_MALFORMED;
	if (parsed != BL_PARSED)
		return BL_UNCOUNTED;
	if (bl_has_ports(&packet->tuple) && packet->fragment != BL_FRAGMENT_LATER)
		return bl_port_concerns(&packet->tuple) ? bl_forward(ctx, packet) : BL_UNCOUNTED;
	return BL_UNCOUNTED;
}

/* What this node sends: answers of its own backends get the frontend's address. */
static __always_inline int bl_egress(struct bl_context *ctx, struct bl_packet *packet)
{
	struct bl_flow *flow;

	bl_prepare(ctx);
	if (bl_parse(ctx, packet) != BL_PARSED || !bl_has_ports(&packet->tuple) ||
	    !bl_port_may_reply(&packet->tuple))
		return BL_UNCOUNTED;
	flow = bl_flow_find(&packet->tuple);
	if (!flow || (flow->kind != BL_FLOW_REPLY_LOCAL && flow->kind != BL_FLOW_REPLY_DSR))
		return BL_UNCOUNTED;
	(void)bl_flow_track(packet, flow, bpf_ktime_get_coarse_ns());
	(void)bl_rewrite(ctx, packet, flow, 0);
	return BL_REASON_FLOW_REPLY;
}

#endif
