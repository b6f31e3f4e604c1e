/* SPDX-License-Identifier: GPL-2.0 */
/*
 * From a flow that waits to an established one: its client must have shown that it gets what the
 * backend answers. For TCP that is the last part of the handshake, whose number only the answer
 * tells; for UDP another packet after an answer. Answers of direct server return do not come by
 * here: its client is believed when it goes on, within the rate of new flows.
 */
#ifndef BPF_CONFIRM_H
#define BPF_CONFIRM_H

#include "count.h"
#include "flow.h"
#include "flow_store.h"
#include "guard.h"
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

/* What is known of a place where a flow waits. */
static __always_inline __u32 bl_flow_acknowledges(int place, __u8 family)
{
	const struct bl_flow_tags *tags = bl_flow_tags(bl_flow_bucket_at(place), family);

	return tags ? tags->acknowledges[bl_flow_waiting_at(place)] : 0;
}

/* The flow at the place was used. */
static __always_inline void bl_flow_seen(int place, struct bl_flow *flow, __u8 family, __u64 now_ns)
{
	struct bl_flow_tags *tags = bl_flow_tags(bl_flow_bucket_at(place), family);

	flow->last_seen = bl_flow_time(now_ns);
	if (tags)
		tags->seen[bl_flow_waiting_at(place)] = flow->last_seen;
}

/* In place, and the tag stays as it is, for packets of the client may come by at the same time. If
 * the entry goes to another flow meanwhile, that one's own answer has the last word. */
static __always_inline void bl_flow_answered_in(const struct bl_tuple *tuple, __u32 acknowledges,
						__u8 family)
{
	__u64 hash = bl_tuple_hash_in(tuple, family);
	int place = bl_flow_place_but(tuple, hash, BL_FLOW_NOWHERE, family);
	struct bl_flow_tags *tags = bl_flow_tags(bl_flow_bucket_at(place), family);
	void *entry;

	if (place < 0 || !bl_flow_waits(place) || !tags)
		return;
	/* The number first, for its client may be looking: it must not be believed without. */
	*(volatile __u32 *)&tags->acknowledges[bl_flow_waiting_at(place)] = acknowledges;
	entry = bl_flow_entry(bl_flow_bucket_at(place), bl_flow_way_at(place), family);
	if (entry)
		*(volatile __u8 *)&bl_flow_of_entry(entry, family)->state = BL_FLOW_ESTABLISHED;
}

/* The backend answered what waits under these ends: what the client will acknowledge. */
int bl_flow_answered(const struct bl_tuple *tuple, __u32 acknowledges);

__noinline int bl_flow_answered(const struct bl_tuple *tuple, __u32 acknowledges)
{
	if (!tuple)
		return 0;
	if (tuple->family == BL_FAMILY_IPV4)
		bl_flow_answered_in(tuple, acknowledges, BL_FAMILY_IPV4);
	else
		bl_flow_answered_in(tuple, acknowledges, BL_FAMILY_IPV6);
	return 0;
}

/* Whether this packet of the client establishes the flow that waits at the place. */
static __always_inline bool bl_confirms(struct bl_context *ctx, const struct bl_packet *packet,
					const struct bl_flow *flow, int place, __u64 now_ns)
{
	bool is_tcp = packet->tuple.protocol == IPPROTO_TCP;

	if (is_tcp && (packet->tcp_flags & (BL_TCP_SYN | BL_TCP_RST | BL_TCP_ACK)) != BL_TCP_ACK)
		return false;
	if (flow->kind == BL_FLOW_DSR)
		return bl_guard_admits(now_ns);
	return flow->state == BL_FLOW_ESTABLISHED &&
	       (!is_tcp ||
		bl_confirm_numbers(ctx, packet, bl_flow_acknowledges(place, packet->tuple.family)));
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
	const struct bl_flow *waiting;

	if (!s)
		return -1;
	s->flow.flow.state = BL_FLOW_ESTABLISHED;
	if (bl_flow_has_pair(&s->flow.flow)) {
		bl_tuple_turn(&s->reply.from, &s->flow.to);
		waiting = bl_flow_find(&s->reply.from, &s->reply.to);
		bl_flow_make_pair(&s->reply.flow, &s->flow.flow);
		if (waiting) {
			s->reply.flow.packets = waiting->packets;
			s->reply.flow.bytes = waiting->bytes;
		}
		bl_tuple_turn(&s->reply.to, &s->flow.from);
		if (bl_flow_establish(&s->reply))
			return -1;
	}
	if (bl_flow_establish(&s->flow))
		return -1;
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
