/* SPDX-License-Identifier: GPL-2.0 */
/*
 * From a pending flow to an established one: its client must have shown that it gets what the
 * backend answers. For TCP that is the last part of the handshake, whose number only the answer
 * tells; for UDP another packet after an answer. Answers of direct server return do not come by
 * here: its client is believed when it goes on, within the rate of new flows.
 */
#ifndef BPF_CONFIRM_H
#define BPF_CONFIRM_H

#include "count.h"
#include "guard.h"
#include "pending.h"
#include "scratch.h"

/* Clients of TCP fast open may acknowledge data together with the handshake. */
#define BL_CONFIRM_WINDOW 65536u

static __always_inline bool bl_confirm_numbers(struct bl_context *ctx,
					       const struct bl_packet *packet, __u32 acknowledges)
{
	const struct tcphdr *tcp = bl_at(ctx, packet->l4, sizeof(*tcp));

	if (!acknowledges)
		return true;
	return tcp && bpf_ntohl(tcp->ack_seq) - acknowledges < BL_CONFIRM_WINDOW;
}

/* Whether this packet of the client establishes the flow that waits in `entry`. */
static __always_inline bool bl_confirms(struct bl_context *ctx, const struct bl_packet *packet,
					const struct bl_pending *entry, __u64 now_ns)
{
	bool is_tcp = packet->tuple.protocol == IPPROTO_TCP;

	if (is_tcp && (packet->tcp_flags & (BL_TCP_SYN | BL_TCP_RST | BL_TCP_ACK)) != BL_TCP_ACK)
		return false;
	if (entry->flow.kind == BL_FLOW_DSR)
		return bl_guard_admits(now_ns);
	return entry->flow.state == BL_FLOW_ESTABLISHED &&
	       (!is_tcp || bl_confirm_numbers(ctx, packet, entry->acknowledges));
}

/* What an answer tells: the number that the client will acknowledge; 0 when it is no handshake. */
static __always_inline __u32 bl_answer_number(struct bl_context *ctx,
					      const struct bl_packet *packet)
{
	const struct tcphdr *tcp = bl_at(ctx, packet->l4, sizeof(*tcp));

	if (packet->tuple.protocol != IPPROTO_TCP || !(packet->tcp_flags & BL_TCP_SYN) || !tcp)
		return 0;
	return bpf_ntohl(tcp->seq) + 1;
}

/* Moves s->flow and its other direction to the established flows. Not 0: no room, it waits on. */
static __noinline int bl_confirm(struct bl_scratch *s)
{
	if (!s)
		return -1;
	s->flow.flow.state = BL_FLOW_ESTABLISHED;
	if (bl_flow_has_pair(&s->flow.flow)) {
		bl_tuple_turn(&s->waiting.from, &s->flow.to);
		if (!bl_pending_find(&s->waiting.from, &s->reply))
			bl_flow_make_pair(&s->reply.flow, &s->flow.flow);
		s->reply.flow.state = BL_FLOW_ESTABLISHED;
		s->reply.flow.last_seen = s->flow.flow.last_seen;
		bl_tuple_turn(&s->waiting.to, &s->flow.from);
		if (bl_flow_store(&s->waiting.from, &s->reply.flow, &s->waiting.to, BPF_ANY))
			return -1;
	}
	if (bl_flow_store(&s->flow.from, &s->flow.flow, &s->flow.to, BPF_ANY))
		return -1;
	/* Only now: who looks for a free port looks into `pending` first, then there. */
	bl_pending_forget(&s->flow);
	bl_count_reason(BL_REASON_FLOW_CONFIRMED);
	return 0;
}

/* The packet that confirmed a flow ends its side of it. */
static __always_inline int bl_confirmed_fin(const struct bl_tuple *tuple)
{
	struct bl_tuple to;
	struct bl_flow *flow = bl_flow_find(tuple, &to);

	return flow ? bl_flow_close(&to, flow, BL_TCP_FIN) : 0;
}

#endif
