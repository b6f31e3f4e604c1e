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
#include "fragment.h"
#include "next_hop.h"
#include "rewrite.h"
#include "scratch.h"

static __always_inline __u8 bl_dsr_protocol(__u8 family)
{
	return family == BL_FAMILY_IPV4 ? IPPROTO_IPIP : IPPROTO_IPV6;
}

/* The outer header: from the node to the pod. */
static __always_inline int bl_dsr_put(struct bl_context *ctx, const struct bl_packet *packet,
				      const struct bl_flow *flow)
{
	struct bl_packet outer = {.tuple = {.family = packet->tuple.family,
					    .source = flow->destination,
					    .destination = flow->source}};
	void *ip = bl_at(ctx, packet->l3, sizeof(struct ipv6hdr));

	if (!ip)
		return -1;
	bl_answer_ip(ip, &outer, bl_dsr_protocol(packet->tuple.family), packet->length);
	return 0;
}

static __noinline int bl_dsr_wrap(struct bl_context *ctx, const struct bl_packet *packet,
				  const struct bl_flow *flow)
{
	__u8 head[BL_L2_MAX];

	if (bl_keep_head(ctx, head, packet->l3) ||
	    bl_grow_tunnel(ctx, bl_ip_header_len(packet), packet->tuple.family == BL_FAMILY_IPV6) ||
	    bl_move_head(ctx, head, packet->l3))
		return -1;
	return bl_dsr_put(ctx, packet, flow);
}

/* The frontend as the node that the client dialled knows it: a NodePort is looked up as loopback,
 * for the address is another node's. */
static __always_inline bool bl_dsr_frontend(const struct bl_tuple *tuple, __u32 *ret_service_id)
{
	const struct bl_frontend *found = bl_frontend_lookup(
		&tuple->destination, tuple->family, tuple->destination_port, tuple->protocol);
	union bl_ip loopback = {0};

	if (!found) {
		if (tuple->family == BL_FAMILY_IPV4)
			loopback.words[0] = bpf_htonl(0x7f000001);
		else
			loopback.words[3] = bpf_htonl(1);
		found = bl_frontend_lookup(&loopback, tuple->family, tuple->destination_port,
					   tuple->protocol);
		if (!found || !(found->flags & BL_FRONTEND_F_NODE_PORT))
			return false;
	}
	*ret_service_id = found->service_id;
	return true;
}

static __always_inline bool bl_dsr_backend(const struct bl_packet *outer,
					   const struct bl_packet *inner, struct bl_choice *ret)
{
	struct bl_dsr_key key = {.address = outer->tuple.destination,
				 .family = outer->tuple.family};
	const struct bl_dsr_backend *found;

	if (!bl_dsr_frontend(&inner->tuple, &key.service_id))
		return false;
	found = bpf_map_lookup_elem(&dsr_backends, &key);
	return found && bl_backend_read(found->backend_id, ret) &&
	       bl_backend_is_serving(&ret->backend) && ret->backend.service_id == key.service_id;
}

/* The entry that gives answers the frontend's address. */
static __always_inline int bl_dsr_expect(struct bl_scratch *s, const struct bl_packet *inner,
					 __u64 now_ns)
{
	struct bl_flow *had;

	bl_tuple_answer(&s->tuple, &s->flow, &inner->tuple);
	bl_flow_make_pair(&s->reply, &s->flow, &inner->tuple);
	s->reply.kind = BL_FLOW_REPLY_DSR;
	had = bl_flow_find(&s->tuple);
	if (!had || !bl_ip_equal(&had->source, &s->reply.source) ||
	    had->source_port != s->reply.source_port ||
	    (inner->tcp_flags & BL_TCP_SYN && had->state >= BL_FLOW_CLOSING))
		return bl_flow_store(&s->tuple, &s->reply, BPF_ANY);
	had->last_seen_ns = now_ns;
	if (inner->tcp_flags & (BL_TCP_FIN | BL_TCP_RST))
		had->state = BL_FLOW_CLOSING;
	return 0;
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

static __always_inline void bl_dsr_begin(struct bl_scratch *s, const struct bl_packet *inner,
					 __u64 now_ns)
{
	__builtin_memset(&s->flow, 0, sizeof(s->flow));
	s->flow.source = inner->tuple.source;
	s->flow.source_port = inner->tuple.source_port;
	s->flow.destination = s->choice.backend.address;
	s->flow.destination_port = s->choice.backend.port;
	s->flow.kind = BL_FLOW_DSR;
	s->flow.backend_id = s->choice.backend_id;
	s->flow.backend_generation = s->choice.backend.generation;
	s->flow.service_id = s->choice.backend.service_id;
	s->flow.last_seen_ns = now_ns;
}

/* A packet that carries another one of its family. An enum bl_reason. */
static __noinline int bl_dsr_take(struct bl_context *ctx, struct bl_packet *outer)
{
	__u64 now_ns = bpf_ktime_get_coarse_ns();
	struct bl_packet inner = {0};
	struct bl_scratch *s = bl_scratch_get();

	inner.ethertype = outer->ethertype;
	inner.l3 = outer->l4;
	if (!s || outer->l4 - outer->l3 != bl_ip_header_len(outer))
		return BL_REASON_DSR_UNKNOWN;
	if (bl_parse_ip(ctx, outer->length - bl_ip_header_len(outer), &inner) != BL_PARSED ||
	    bl_parse_transport(ctx, &inner) != BL_PARSED)
		return BL_REASON_MALFORMED;
	if ((inner.tuple.protocol != IPPROTO_TCP && inner.tuple.protocol != IPPROTO_UDP) ||
	    (inner.fragment == BL_FRAGMENT_LATER && !bl_fragment_find(&inner)) ||
	    !bl_dsr_backend(outer, &inner, &s->choice))
		return BL_REASON_DSR_UNKNOWN;
	if (inner.fragment == BL_FRAGMENT_FIRST)
		(void)bl_fragment_store(&inner);
	bl_dsr_begin(s, &inner, now_ns);
	outer->verdict = BL_DROP;
	if (bl_dsr_expect(s, &inner, now_ns) || bl_dsr_unwrap(ctx, outer))
		return BL_REASON_FLOW_FAILED;
	inner.l4 -= inner.l3 - outer->l3;
	inner.l3 = outer->l3;
	(void)bl_rewrite(ctx, &inner, &s->flow, 0);
	outer->verdict = BL_PASS;
	return BL_REASON_DSR_TAKEN;
}

#endif
