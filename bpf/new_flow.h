/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The first packet of a flow: chooses a backend and how to reach it, and makes the flow's entries.
 * The packet itself is forwarded by what they say.
 */
#ifndef BPF_NEW_FLOW_H
#define BPF_NEW_FLOW_H

#include "admit.h"
#include "next_hop.h"
#include "scratch.h"
#include "snat.h"

static __always_inline __u8 bl_flow_kind_for(const struct bl_frontend *frontend,
					     const struct bl_backend *backend)
{
	if (backend->flags & BL_BACKEND_F_LOCAL)
		return BL_FLOW_LOCAL;
	return frontend->flags & BL_FRONTEND_F_DSR && tunables.dsr ? BL_FLOW_DSR : BL_FLOW_REMOTE;
}

static __always_inline void bl_flow_begin(struct bl_direction *ret, const struct bl_choice *choice,
					  __u8 kind, const struct bl_tuple *tuple, __u64 now_ns)
{
	__builtin_memset(&ret->flow, 0, sizeof(ret->flow));
	ret->from = *tuple;
	ret->to = *tuple;
	ret->to.destination = choice->backend.address;
	ret->to.destination_port = choice->backend.port;
	ret->flow.kind = kind;
	ret->flow.backend_id = choice->backend_id;
	ret->flow.backend_generation = choice->backend.generation;
	ret->flow.last_seen = bl_flow_time(now_ns);
}

/* The node's address on the device that leads to the backend. */
static __always_inline bool bl_flow_own_address(struct bl_direction *flow)
{
	const struct bl_uplink *uplink = bl_uplink_of(flow->flow.next_hop_ifindex);
	const union bl_ip *own;

	if (!uplink)
		return false;
	own = flow->from.family == BL_FAMILY_IPV4 ? &uplink->ipv4 : &uplink->ipv6;
	if (bl_ip_is_zero(own))
		return false;
	flow->to.source = *own;
	return true;
}

/* The other direction of a flow. */
static __always_inline void bl_flow_expect(struct bl_direction *ret,
					   const struct bl_direction *flow)
{
	bl_flow_make_pair(&ret->flow, &flow->flow);
	bl_tuple_turn(&ret->from, &flow->to);
	bl_tuple_turn(&ret->to, &flow->from);
}

/*
 * Claims the key of what the backend answers, and a place for its entry. A client's port may reach
 * the same backend by two frontends; the backend could not tell its two connections apart, so the
 * second one comes from another port of the client's address.
 */
static __always_inline enum bl_reason bl_flow_answer(struct bl_scratch *s, __u64 now_ns)
{
	bool is_remote = s->flow.flow.kind == BL_FLOW_REMOTE;

	bl_flow_expect(&s->reply, &s->flow);
	if (!is_remote && !bl_answer_claim(&s->reply, now_ns))
		return BL_REASON_FLOW_NEW;
	if (bl_snat_claim(&s->reply, bl_admit_hash(&s->flow.from, true), now_ns))
		return is_remote ? BL_REASON_NO_SNAT_PORT : BL_REASON_FLOW_COLLIDES;
	s->flow.to.source_port = s->reply.from.destination_port;
	return BL_REASON_FLOW_NEW;
}

static __always_inline enum bl_reason bl_flow_reach(struct bl_context *ctx,
						    const struct bl_packet *packet,
						    struct bl_scratch *s, __u64 now_ns)
{
	if (s->flow.flow.kind != BL_FLOW_LOCAL) {
		if (bl_hop_find(ctx, packet, &s->flow.flow, &s->flow.to) == BL_HOP_NONE)
			return BL_REASON_NO_ROUTE;
		if (!bl_flow_own_address(&s->flow))
			return BL_REASON_NO_SNAT_ADDRESS;
	}
	return s->flow.flow.kind == BL_FLOW_DSR ? BL_REASON_FLOW_NEW : bl_flow_answer(s, now_ns);
}

/* Makes the entries of both directions. */
static __always_inline enum bl_reason bl_flow_wait(struct bl_scratch *s)
{
	s->flow.hash = bl_tuple_hash(&s->flow.from);
	if (bl_flow_claim_waiting(&s->flow)) {
		if (bl_flow_has_pair(&s->flow.flow))
			bl_flow_unclaim(&s->reply);
		return BL_REASON_FLOW_FAILED;
	}
	bl_count_flow(s->frontend.service_id, s->flow.flow.backend_id);
	bl_count_reason(BL_REASON_FLOW_NEW);
	if (bl_flow_has_pair(&s->flow.flow))
		(void)bl_flow_put_waiting(&s->reply);
	(void)bl_flow_put_waiting(&s->flow);
	return BL_REASON_FLOW_NEW;
}

/* An enum bl_reason: FLOW_NEW when the flow is in s->flow and waits to be confirmed. */
static __noinline int bl_flow_new(struct bl_context *ctx, const struct bl_packet *packet,
				  struct bl_scratch *s, __u64 now_ns)
{
	int reason;

	if (!s)
		return BL_REASON_FLOW_FAILED;
	reason = bl_admit(packet, now_ns, &s->frontend, &s->choice);
	/* Once more: the agent may have been between two writes. */
	if (reason == BL_REASON_INCONSISTENT)
		reason = bl_admit(packet, now_ns, &s->frontend, &s->choice);
	if (reason == BL_REASON_AFFINITY_HIT)
		bl_count_reason(reason);
	else if (reason != BL_REASON_TRANSLATED)
		return reason;
	bl_flow_begin(&s->flow, &s->choice, bl_flow_kind_for(&s->frontend, &s->choice.backend),
		      &packet->tuple, now_ns);
	reason = bl_flow_reach(ctx, packet, s, now_ns);
	if (reason != BL_REASON_FLOW_NEW)
		return reason;
	bl_flow_count(packet, &s->flow.flow);
	return bl_flow_wait(s);
}

#endif
