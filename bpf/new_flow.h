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

static __always_inline void bl_flow_begin(struct bl_flow *flow, const struct bl_scratch *from,
					  const struct bl_tuple *tuple, __u64 now_ns)
{
	__builtin_memset(flow, 0, sizeof(*flow));
	flow->source = tuple->source;
	flow->source_port = tuple->source_port;
	flow->destination = from->choice.backend.address;
	flow->destination_port = from->choice.backend.port;
	flow->kind = bl_flow_kind_for(&from->frontend, &from->choice.backend);
	flow->backend_id = from->choice.backend_id;
	flow->backend_generation = from->choice.backend.generation;
	flow->service_id = from->frontend.service_id;
	flow->last_seen_ns = now_ns;
}

/* The node's address on the device that leads to the backend. */
static __always_inline bool bl_flow_own_address(struct bl_flow *flow, __u8 family)
{
	const struct bl_uplink *uplink = bl_uplink_of(flow->next_hop_ifindex);
	const union bl_ip *own;

	if (!uplink)
		return false;
	own = family == BL_FAMILY_IPV4 ? &uplink->ipv4 : &uplink->ipv6;
	if (bl_ip_is_zero(own))
		return false;
	flow->source = *own;
	return true;
}

/* Makes the entry for what the backend answers, which claims its key. */
static __always_inline enum bl_reason bl_flow_answer(struct bl_scratch *s,
						     const struct bl_tuple *tuple, __u64 now_ns)
{
	const struct bl_flow *holder;

	bl_flow_make_pair(&s->reply, &s->flow, tuple);
	bl_tuple_answer(&s->tuple, &s->flow, tuple);
	if (s->flow.kind == BL_FLOW_REMOTE) {
		if (bl_snat_claim(&s->tuple, &s->reply, bl_admit_hash(tuple, true), now_ns))
			return BL_REASON_NO_SNAT_PORT;
		s->flow.source_port = s->tuple.destination_port;
		return BL_REASON_FLOW_NEW;
	}
	/* The same client and port may have reached the backend by another frontend before. */
	holder = bl_flow_find(&s->tuple);
	if (holder && bl_flow_is_taken(holder, tuple->protocol, now_ns) &&
	    holder->state != BL_FLOW_NEW &&
	    (!bl_ip_equal(&holder->source, &tuple->destination) ||
	     holder->source_port != tuple->destination_port))
		return BL_REASON_FLOW_FAILED;
	return bl_flow_store(&s->tuple, &s->reply, BPF_ANY) ? BL_REASON_FLOW_FAILED
							    : BL_REASON_FLOW_NEW;
}

static __always_inline enum bl_reason bl_flow_reach(struct bl_context *ctx,
						    const struct bl_packet *packet,
						    struct bl_scratch *s, __u64 now_ns)
{
	if (s->flow.kind != BL_FLOW_LOCAL) {
		if (bl_hop_find(ctx, packet, &s->flow, &packet->tuple.source) == BL_HOP_NONE)
			return BL_REASON_NO_ROUTE;
		if (!bl_flow_own_address(&s->flow, packet->tuple.family))
			return BL_REASON_NO_SNAT_ADDRESS;
	}
	return s->flow.kind == BL_FLOW_DSR ? BL_REASON_FLOW_NEW
					   : bl_flow_answer(s, &packet->tuple, now_ns);
}

/* An enum bl_reason: FLOW_NEW when the flow can be looked up now. */
static __noinline int bl_flow_new(struct bl_context *ctx, const struct bl_packet *packet,
				  __u64 now_ns)
{
	struct bl_scratch *s = bl_scratch_get();
	enum bl_reason reason;

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
	bl_flow_begin(&s->flow, s, &packet->tuple, now_ns);
	reason = bl_flow_reach(ctx, packet, s, now_ns);
	if (reason != BL_REASON_FLOW_NEW)
		return reason;
	if (bl_flow_store(&packet->tuple, &s->flow, BPF_ANY))
		return BL_REASON_FLOW_FAILED;
	bl_count_connection(s->flow.service_id, s->flow.backend_id);
	bl_count_reason(BL_REASON_FLOW_NEW);
	return BL_REASON_FLOW_NEW;
}

#endif
