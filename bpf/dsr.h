/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Direct server return: a packet for a backend elsewhere travels as it is inside one to the pod's
 * address. The pod's node unwraps it, gives it the pod's port, and gives answers the frontend's
 * address, so that they go to the client without coming by here.
 */
#ifndef BPF_DSR_H
#define BPF_DSR_H

#include "admit.h"
#include "answer.h"
#include "confirm.h"
#include "fragment.h"
#include "new_flow.h"
#include "next_hop.h"
#include "quick.h"
#include "rewrite.h"
#include "scratch.h"

static __noinline int bl_dsr_wrap(struct bl_context *ctx, const struct bl_packet *packet,
				  const struct bl_tuple *to)
{
	__u8 head[BL_L2_MAX];
	void *ip;

	if (bl_keep_head(ctx, head, packet->l3) ||
	    bl_grow_tunnel(ctx, bl_ip_header_len(packet), packet->tuple.family == BL_FAMILY_IPV6) ||
	    bl_move_head(ctx, head, packet->l3))
		return -1;
	/* From the node to the pod; of both families as long as the longer. */
	ip = bl_at(ctx, packet->l3, sizeof(struct ipv6hdr));
	if (!ip)
		return -1;
	bl_put_ip(ip, packet->tuple.family, &to->source, &to->destination,
		  bl_dsr_protocol(packet->tuple.family), packet->length);
	return 0;
}

/* Another node, as far as this one knows. */
static __always_inline bool bl_dsr_is_peer(const union bl_ip *address, __u8 family)
{
	struct bl_dsr_peer_key key = {
		.prefixlen = 32 + (family == BL_FAMILY_IPV4 ? 32 : 128),
		.family = family,
		.address = *address,
	};

	return bpf_map_lookup_elem(&dsr_peers, &key) != NULL;
}

/* The frontend as the node that the client dialled knows it: a NodePort is looked up as loopback,
 * for the address is another node's, or should be. */
static __always_inline const struct bl_frontend *bl_dsr_find(const struct bl_tuple *tuple,
							     bool *ret_is_elsewhere)
{
	const struct bl_frontend *found = bl_frontend_lookup(
		&tuple->destination, tuple->family, tuple->destination_port, tuple->protocol);
	union bl_ip loopback = {.words = {0}}; /* all of it: the first member is shorter */

	if (found)
		return found->flags & BL_FRONTEND_F_HOST_ONLY ? NULL : found;
	*ret_is_elsewhere = true;
	if (tuple->family == BL_FAMILY_IPV4)
		loopback.words[0] = bpf_htonl(0x7f000001);
	else
		loopback.words[3] = bpf_htonl(1);
	found = bl_frontend_lookup(&loopback, tuple->family, tuple->destination_port,
				   tuple->protocol);
	return found && found->flags & BL_FRONTEND_F_NODE_PORT ? found : NULL;
}

/*
 * The sender reaches no more than a client of the frontend does: one that clients outside reach,
 * and whose source ranges admit the client. That its packets are encapsulated at all says
 * dsr_backends.
 */
static __always_inline bool bl_dsr_frontend(const struct bl_tuple *tuple, __u32 *ret_service_id,
					    bool *ret_is_elsewhere)
{
	const struct bl_frontend *found = bl_dsr_find(tuple, ret_is_elsewhere);

	if (!found)
		return false;
	if (found->flags & BL_FRONTEND_F_INTERNAL_ONLY &&
	    !(found->flags & BL_FRONTEND_F_NODE_PORT) && !tunables.cluster_ip_from_outside)
		return false;
	if (found->flags & BL_FRONTEND_F_SOURCE_RANGES &&
	    !bl_admit_source(tuple, found->service_id))
		return false;
	*ret_service_id = found->service_id;
	return true;
}

static __always_inline bool bl_dsr_backend(const struct bl_packet *outer,
					   const struct bl_packet *inner, struct bl_choice *ret,
					   bool *ret_is_elsewhere)
{
	struct bl_dsr_key key = {.address = outer->tuple.destination,
				 .family = outer->tuple.family};
	const struct bl_dsr_backend *found;

	if (!bl_dsr_frontend(&inner->tuple, &key.service_id, ret_is_elsewhere))
		return false;
	found = bpf_map_lookup_elem(&dsr_backends, &key);
	return found && bl_backend_read(found->backend_id, ret) &&
	       bl_backend_is_serving(&ret->backend) && ret->backend.service_id == key.service_id;
}

/* The packet of a client whose answers have an entry. */
static __always_inline void bl_dsr_track(struct bl_flow *answers, const struct bl_packet *inner,
					 __u64 now_ns)
{
	answers->last_seen = bl_flow_time(now_ns);
	if (inner->tcp_flags & (BL_TCP_FIN | BL_TCP_RST))
		answers->state = BL_FLOW_CLOSING;
}

/* The same while they wait at the place, and are in s->reply too. Its client confirms as others do.
 */
static __noinline int bl_dsr_confirm(struct bl_context *ctx, struct bl_scratch *s,
				     const struct bl_packet *inner, int place, __u64 now_ns)
{
	if (!bl_confirms(ctx, inner, &s->reply.flow, place, now_ns))
		return 0;
	s->reply.flow.state = BL_FLOW_ESTABLISHED;
	if (bl_flow_establish(&s->reply))
		return -1;
	bl_count_reason(BL_REASON_FLOW_CONFIRMED);
	return 0;
}

/* The connection goes on; a SYN that follows on one that ends or never began is another one. */
static __always_inline bool bl_dsr_goes_on(const struct bl_packet *inner, int place,
					   const struct bl_flow *had)
{
	return !bl_is_syn(inner) || (!bl_flow_waits(place) && had->state < BL_FLOW_CLOSING);
}

static __always_inline int bl_dsr_wait(struct bl_direction *answers, __u64 now_ns)
{
	if (bl_answer_claim(answers, now_ns))
		return BL_REASON_FLOW_COLLIDES;
	(void)bl_flow_put_waiting(answers);
	return BL_REASON_DSR_TAKEN;
}

/* The entry that gives answers the frontend's address: from s->flow, the client's packet.
 * *ret_place is where it waits, or NOWHERE. */
static __noinline int bl_dsr_expect(struct bl_scratch *s, const struct bl_packet *inner,
				    __u64 now_ns, int *ret_place)
{
	struct bl_flow *had;
	bool is_same;
	int place;

	bl_flow_expect(&s->reply, &s->flow);
	s->reply.flow.kind = BL_FLOW_REPLY_DSR;
	place = bl_flow_place(&s->reply.from);
	had = bl_flow_at(place, &s->reply.from, &s->ends);
	is_same = had && bl_tuple_equal(&s->ends, &s->reply.to);
	if (had && !is_same && bl_flow_is_taken(had, inner->tuple.protocol, now_ns))
		return BL_REASON_FLOW_COLLIDES;
	if (!is_same || !bl_dsr_goes_on(inner, place, had))
		return bl_dsr_wait(&s->reply, now_ns);
	bl_dsr_track(had, inner, now_ns);
	if (bl_flow_waits(place)) {
		s->reply.flow = *had;
		*ret_place = place;
	}
	return BL_REASON_DSR_TAKEN;
}

static __always_inline int bl_dsr_unwrap(struct bl_context *ctx, const struct bl_packet *outer)
{
	__u8 head[BL_L2_MAX];

	if (bl_keep_head(ctx, head, outer->l3))
		return -1;
	/* Neither options nor extensions: bl_dsr_take() saw to it. */
	if (outer->tuple.family == BL_FAMILY_IPV4) {
		if (bl_shrink(ctx, sizeof(struct iphdr)))
			return -1;
	} else if (bl_shrink(ctx, sizeof(struct ipv6hdr))) {
		return -1;
	}
	return bl_move_head(ctx, head, outer->l3);
}

/* May this sender bring packets for the address that the client dialled? Else why not. */
static __always_inline int bl_dsr_judge(const struct bl_packet *outer,
					const struct bl_packet *inner, bool is_elsewhere)
{
	if (!bl_dsr_is_peer(&outer->tuple.source, outer->tuple.family))
		return BL_REASON_DSR_STRANGER;
	if (is_elsewhere && !bl_dsr_is_peer(&inner->tuple.destination, inner->tuple.family))
		return BL_REASON_DSR_UNKNOWN;
	return BL_REASON_DSR_TAKEN;
}

/* A packet that carries another one of its family. An enum bl_reason. */
static __noinline int bl_dsr_take(struct bl_context *ctx, struct bl_packet *outer)
{
	__u64 now_ns = bl_now_ns();
	struct bl_scratch *s = bl_scratch_get();
	struct bl_packet *inner;
	bool is_elsewhere = false;
	int place = BL_FLOW_NOWHERE;
	int reason;

	if (!s || outer->l4 - outer->l3 != bl_ip_header_len(outer))
		return BL_REASON_DSR_UNKNOWN;
	inner = &s->inner;
	__builtin_memset(inner, 0, sizeof(*inner));
	inner->ethertype = outer->ethertype;
	inner->l3 = outer->l4;
	if (bl_parse_ip(ctx, outer->length - bl_ip_header_len(outer), inner) != BL_PARSED ||
	    bl_parse_transport(ctx, inner) != BL_PARSED)
		return BL_REASON_MALFORMED;
	if ((inner->tuple.protocol != IPPROTO_TCP && inner->tuple.protocol != IPPROTO_UDP) ||
	    (inner->fragment == BL_FRAGMENT_LATER && !bl_fragment_find(inner)) ||
	    !bl_dsr_backend(outer, inner, &s->choice, &is_elsewhere))
		return BL_REASON_DSR_UNKNOWN;
	reason = bl_dsr_judge(outer, inner, is_elsewhere);
	if (reason == BL_REASON_DSR_UNKNOWN)
		return reason;
	outer->verdict = BL_DROP;
	if (reason == BL_REASON_DSR_STRANGER)
		return reason;
	if (inner->fragment == BL_FRAGMENT_FIRST)
		(void)bl_fragment_store(inner);
	bl_flow_begin(&s->flow, &s->choice, BL_FLOW_DSR, &inner->tuple, now_ns);
	reason = bl_dsr_expect(s, inner, now_ns, &place);
	if (reason != BL_REASON_DSR_TAKEN)
		return reason;
	if (place >= 0)
		(void)bl_dsr_confirm(ctx, s, inner, place, now_ns);
	if (bl_dsr_unwrap(ctx, outer))
		return BL_REASON_FLOW_FAILED;
	inner->l4 -= inner->l3 - outer->l3;
	inner->l3 = outer->l3;
	(void)bl_rewrite(ctx, inner, &s->flow.to, 0);
	outer->verdict = BL_PASS;
	return BL_REASON_DSR_TAKEN;
}

#endif
