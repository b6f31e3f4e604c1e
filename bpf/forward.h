/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What becomes of a packet: to which flow it belongs, and where that leads. The entry points count
 * what is returned, an enum bl_reason or BL_UNCOUNTED, and return packet->verdict.
 */
#ifndef BPF_FORWARD_H
#define BPF_FORWARD_H

#include "answer.h"
#include "confirm.h"
#include "count.h"
#include "dsr.h"
#include "fragment.h"
#include "icmp.h"
#include "new_flow.h"
#include "quick.h"
#include "rewrite.h"

#define BL_UNCOUNTED BL_REASON_COUNT
#define BL_UNKNOWN (BL_REASON_COUNT + 1) /* no flow yet */

/* Nothing else counts on this CPU while a packet's program runs, and the socket programs, which it
 * may interrupt, add in one instruction: no lock on the bus is needed. */
static __always_inline void bl_count_packet(__u32 reason)
{
	__u64 *count;

	if (reason == BL_UNCOUNTED || !bl_counting())
		return;
	count = bpf_map_lookup_elem(&reasons, &reason);
	if (count)
		*count += 1;
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

/* To another machine. */
static __always_inline int bl_send_on(struct bl_context *ctx, struct bl_packet *packet,
				      struct bl_flow *flow, const struct bl_tuple *to,
				      enum bl_reason reason)
{
	int hop = bl_hop(ctx, packet, flow, to);

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
	(void)bl_rewrite(ctx, packet, to, 1);
	packet->verdict = bl_hop_send(ctx, packet, flow, hop);
	return reason;
}

/* To another machine, inside a packet to the pod. */
static __always_inline int bl_send_wrapped(struct bl_context *ctx, struct bl_packet *packet,
					   struct bl_flow *flow, const struct bl_tuple *to)
{
	__u32 more = bl_ip_header_len(packet);
	int hop = bl_hop(ctx, packet, flow, to);

	if (hop == BL_HOP_NONE)
		return bl_drop(packet, BL_REASON_NO_ROUTE);
	if (BL_HOOK_IS_XDP && hop == BL_HOP_SLOW)
		return BL_REASON_NEXT_HOP_SLOW;
	if (flow->mtu && bl_is_too_big(ctx, packet, flow->mtu - more)) {
		packet->verdict = bl_answer_icmp(ctx, packet, BL_ANSWER_TOO_BIG, flow->mtu - more);
		return BL_REASON_TOO_BIG;
	}
	if (bl_dsr_wrap(ctx, packet, to))
		return bl_drop(packet, BL_REASON_FLOW_FAILED);
	packet->verdict = bl_hop_send(ctx, packet, flow, hop);
	return BL_REASON_FLOW_DSR;
}

static __noinline int bl_follow(struct bl_context *ctx, struct bl_packet *packet,
				struct bl_flow *flow, const struct bl_tuple *to)
{
	switch (flow->kind) {
	case BL_FLOW_LOCAL:
		(void)bl_rewrite(ctx, packet, to, 0);
		return BL_REASON_FLOW_LOCAL;
	case BL_FLOW_REMOTE:
		return bl_send_on(ctx, packet, flow, to, BL_REASON_FLOW_REMOTE);
	case BL_FLOW_DSR:
		return bl_send_wrapped(ctx, packet, flow, to);
	case BL_FLOW_REPLY_REMOTE:
		return bl_send_on(ctx, packet, flow, to, BL_REASON_FLOW_REPLY);
	default:
		/* Answers of this node's pods do not come from outside. */
		return BL_UNCOUNTED;
	}
}

static __noinline int bl_begin(struct bl_context *ctx, struct bl_packet *packet, __u64 now_ns)
{
	struct bl_scratch *s = bl_scratch_get();
	int reason = bl_flow_new(ctx, packet, s, now_ns);

	switch (reason) {
	case BL_REASON_FLOW_NEW:
		return s ? bl_follow(ctx, packet, &s->flow.flow, &s->flow.to) : reason;
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

/* The flow of a packet is no more, because its backend serves no longer: another one may have it,
 * or its client is told. */
static __noinline int bl_leave(struct bl_context *ctx, struct bl_packet *packet)
{
	bl_count_reason(BL_REASON_BACKEND_GONE);
	if (packet->tuple.protocol == IPPROTO_UDP || packet->tcp_flags & BL_TCP_SYN)
		return BL_UNKNOWN;
	packet->verdict = bl_answer_refusal(ctx, packet);
	return BL_UNCOUNTED;
}

/* An answer to a flow that waits in s->flow. A reset ends both. */
static __always_inline void bl_answer_waiting(struct bl_context *ctx,
					      const struct bl_packet *packet, struct bl_scratch *s)
{
	__u32 acknowledges;

	if (packet->tcp_flags & BL_TCP_RST) {
		(void)bl_flow_forget(&packet->tuple, &s->flow.to, &s->flow.flow);
		return;
	}
	/* The handshake of another connection from the same port has other numbers. */
	if (s->flow.flow.state != BL_FLOW_NEW && !(packet->tcp_flags & BL_TCP_SYN))
		return;
	acknowledges = bl_answer_number(ctx, packet);
	(void)bl_flow_answered(&packet->tuple, acknowledges);
	bl_tuple_turn(&s->ends, &s->flow.to);
	if (bl_flow_has_pair(&s->flow.flow))
		(void)bl_flow_answered(&s->ends, acknowledges);
}

/* A packet of the client whose flow waits in s->flow and at the place. */
static __always_inline void bl_go_on_waiting(struct bl_context *ctx, const struct bl_packet *packet,
					     struct bl_scratch *s, int place, __u64 now_ns)
{
	if (packet->tcp_flags & BL_TCP_RST)
		(void)bl_flow_forget(&packet->tuple, &s->flow.to, &s->flow.flow);
	else if (bl_confirms(ctx, packet, &s->flow.flow, place, now_ns) && !bl_confirm(s) &&
		 packet->tcp_flags & BL_TCP_FIN)
		(void)bl_confirmed_fin(&packet->tuple);
}

/* A packet of the flow that waits at the place; puts it into s->flow too. */
static __always_inline void bl_take_waiting(const struct bl_packet *packet, struct bl_scratch *s,
					    struct bl_flow *flow, int place, __u64 now_ns)
{
	bl_flow_count(packet, flow);
	bl_flow_seen(place, flow, packet->tuple.family, now_ns);
	s->flow.from = packet->tuple;
	s->flow.flow = *flow;
}

/* A packet of a flow that waits, or UNKNOWN. */
static __noinline int bl_forward_waiting(struct bl_context *ctx, struct bl_packet *packet,
					 int place, __u64 now_ns)
{
	struct bl_scratch *s = bl_scratch_get();
	struct bl_flow *flow = s ? bl_flow_at(place, &packet->tuple, &s->flow.to) : NULL;

	if (!flow)
		return BL_UNKNOWN;
	if (bl_flow_is_expired(flow, packet->tuple.protocol, now_ns)) {
		(void)bl_flow_forget(&packet->tuple, &s->flow.to, flow);
		return BL_UNKNOWN;
	}
	bl_take_waiting(packet, s, flow, place, now_ns);
	if (bl_flow_is_reply(&s->flow.flow)) {
		bl_answer_waiting(ctx, packet, s);
	} else if (bl_flow_backend_serves(&s->flow.flow)) {
		bl_go_on_waiting(ctx, packet, s, place, now_ns);
	} else {
		(void)bl_flow_forget(&packet->tuple, &s->flow.to, &s->flow.flow);
		return bl_leave(ctx, packet);
	}
	return bl_follow(ctx, packet, &s->flow.flow, &s->flow.to);
}

/* A packet of the flow at the place, or UNKNOWN. */
static __noinline int bl_forward_found(struct bl_context *ctx, struct bl_packet *packet, int place,
				       __u64 now_ns)
{
	struct bl_tuple to;
	struct bl_flow *flow;

	if (bl_flow_waits(place))
		return bl_forward_waiting(ctx, packet, place, now_ns);
	flow = bl_flow_at(place, &packet->tuple, &to);
	if (!flow)
		return BL_UNKNOWN;
	if (!bl_flow_is_reply(flow) && (bl_flow_begins_anew(packet, flow) ||
					bl_flow_is_expired(flow, packet->tuple.protocol, now_ns))) {
		(void)bl_flow_forget(&packet->tuple, &to, flow);
		return BL_UNKNOWN;
	}
	if (bl_flow_track(packet, &to, flow, now_ns))
		return bl_follow(ctx, packet, flow, &to);
	(void)bl_flow_forget(&packet->tuple, &to, flow);
	return bl_leave(ctx, packet);
}

/* A packet with ports that may be ours. */
static __always_inline int bl_forward(struct bl_context *ctx, struct bl_packet *packet)
{
	__u64 now_ns = bl_now_ns();
	int reason = packet->tuple.family == BL_FAMILY_IPV4 ? bl_quick4(ctx, packet, now_ns)
							    : bl_quick6(ctx, packet, now_ns);

	if (reason >= BL_QUICK_FOUND)
		reason = bl_forward_found(ctx, packet, reason - BL_QUICK_FOUND, now_ns);
	else if (reason == BL_QUICK_UNKNOWN)
		reason = BL_UNKNOWN;
	return reason == BL_UNKNOWN ? bl_begin(ctx, packet, now_ns) : reason;
}

static __always_inline bool bl_has_ports(const struct bl_tuple *tuple)
{
	return tuple->protocol == IPPROTO_TCP || tuple->protocol == IPPROTO_UDP;
}

/* Ports for every fragment. False: this one's are not known. */
static __always_inline bool bl_ports_known(struct bl_packet *packet)
{
	return packet->fragment != BL_FRAGMENT_LATER ||
	       (tunables.fragments && bl_fragment_find(packet));
}

static __always_inline int bl_ingress_ports(struct bl_context *ctx, struct bl_packet *packet)
{
	if (!bl_ports_known(packet))
		return BL_REASON_FRAGMENT_UNKNOWN;
	if (!bl_port_concerns(&packet->tuple))
		return BL_UNCOUNTED;
	if (packet->fragment == BL_FRAGMENT_FIRST && tunables.fragments)
		(void)bl_fragment_store(packet);
	if (packet->fragment == BL_FRAGMENT_LATER)
		bl_count_reason(BL_REASON_FRAGMENT_FOLLOWED);
	return bl_forward(ctx, packet);
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
	if (bl_has_ports(&packet->tuple))
		return bl_ingress_ports(ctx, packet);
	if (packet->fragment == BL_FRAGMENT_LATER)
		return BL_UNCOUNTED;
	if (bl_is_icmp(&packet->tuple))
		return bl_icmp(ctx, packet);
	if (tunables.dsr && packet->tuple.protocol == bl_dsr_protocol(packet->tuple.family) &&
	    packet->fragment == BL_FRAGMENT_NONE)
		return bl_dsr_take(ctx, packet);
	return BL_UNCOUNTED;
}

static __always_inline bool bl_leaves_here(const struct bl_flow *flow)
{
	return flow->kind == BL_FLOW_REPLY_LOCAL || flow->kind == BL_FLOW_REPLY_DSR;
}

/* An answer to what waits at the place. */
static __noinline int bl_egress_waiting(struct bl_context *ctx, const struct bl_packet *packet,
					int place, __u64 now_ns)
{
	struct bl_scratch *s = bl_scratch_get();
	struct bl_flow *flow = s ? bl_flow_at(place, &packet->tuple, &s->flow.to) : NULL;

	if (!flow || !bl_leaves_here(flow))
		return BL_UNCOUNTED;
	bl_take_waiting(packet, s, flow, place, now_ns);
	bl_answer_waiting(ctx, packet, s);
	(void)bl_rewrite(ctx, packet, &s->flow.to, 0);
	return BL_REASON_FLOW_REPLY;
}

static __always_inline int bl_egress_flow(struct bl_context *ctx, const struct bl_packet *packet)
{
	__u64 now_ns = bl_now_ns();
	int place = bl_flow_place(&packet->tuple);
	struct bl_tuple to;
	struct bl_flow *flow;

	if (place >= 0 && bl_flow_waits(place))
		return bl_egress_waiting(ctx, packet, place, now_ns);
	flow = bl_flow_at(place, &packet->tuple, &to);
	if (!flow || !bl_leaves_here(flow))
		return BL_UNCOUNTED;
	/* A client in the cluster that goes to the pod itself, with the port of a connection that
	 * is over: what is accepted here would have come by a flow that waits. */
	if (packet->tcp_flags & BL_TCP_SYN && flow->state >= BL_FLOW_CLOSING) {
		(void)bl_flow_forget(&packet->tuple, &to, flow);
		return BL_UNCOUNTED;
	}
	(void)bl_flow_track(packet, &to, flow, now_ns);
	(void)bl_rewrite(ctx, packet, &to, 0);
	return BL_REASON_FLOW_REPLY;
}

static __always_inline int bl_egress_ports(struct bl_context *ctx, struct bl_packet *packet)
{
	int reason;

	if (!bl_ports_known(packet) || !bl_port_may_reply(&packet->tuple))
		return BL_UNCOUNTED;
	reason = bl_egress_flow(ctx, packet);
	/* By the ports that the packet had: those that follow have the same addresses. */
	if (reason != BL_UNCOUNTED && packet->fragment == BL_FRAGMENT_FIRST && tunables.fragments)
		(void)bl_fragment_store(packet);
	return reason;
}

/* What this node sends: answers of its own backends get the frontend's address. */
static __always_inline int bl_egress(struct bl_context *ctx, struct bl_packet *packet)
{
	bl_prepare(ctx);
	if (bl_parse(ctx, packet) != BL_PARSED)
		return BL_UNCOUNTED;
	if (bl_has_ports(&packet->tuple))
		return bl_egress_ports(ctx, packet);
	if (bl_is_icmp(&packet->tuple) && packet->fragment != BL_FRAGMENT_LATER &&
	    bl_icmp_is_error(packet))
		return bl_icmp_error(ctx, packet, true);
	return BL_UNCOUNTED;
}

#endif
