/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Flows: their two directions, and how long they count. What becomes of a packet is decided
 * elsewhere.
 *
 * `to` is everywhere what the packet of a flow becomes, so that `to` turned round is the packet
 * that answers.
 */
#ifndef BPF_FLOW_H
#define BPF_FLOW_H

#include "clock.h"
#include "flow_store.h"
#include "scratch.h"

#define BL_SECOND_NS 1000000000ull
/* How old a flow gets before it is looked after: its time, its other direction, its backend. */
#define BL_FLOW_TOUCH (BL_SECOND_NS >> BL_FLOW_TIME_SHIFT)

static __always_inline __u32 bl_flow_time(__u64 now_ns)
{
	return (__u32)(now_ns >> BL_FLOW_TIME_SHIFT);
}

static __always_inline void bl_tuple_turn(struct bl_tuple *ret, const struct bl_tuple *tuple)
{
	ret->source = tuple->destination;
	ret->destination = tuple->source;
	ret->source_port = tuple->destination_port;
	ret->destination_port = tuple->source_port;
	ret->family = tuple->family;
	ret->protocol = tuple->protocol;
	ret->pad = 0;
}

/* Without a branch for each word, which would multiply the verifier's paths. */
static __always_inline bool bl_tuple_equal(const struct bl_tuple *a, const struct bl_tuple *b)
{
	__u32 differ = (__u32)(a->source_port ^ b->source_port) |
		       (__u32)(a->destination_port ^ b->destination_port) |
		       (__u32)(a->protocol ^ b->protocol) | (__u32)(a->family ^ b->family);

	for (int i = 0; i < 4; i++) {
		differ |= a->source.words[i] ^ b->source.words[i];
		differ |= a->destination.words[i] ^ b->destination.words[i];
	}
	return !differ;
}

static __always_inline bool bl_flow_is_reply(const struct bl_flow *flow)
{
	return flow->kind >= BL_FLOW_REPLY_LOCAL;
}

static __always_inline bool bl_flow_has_pair(const struct bl_flow *flow)
{
	return flow->kind != BL_FLOW_DSR && flow->kind != BL_FLOW_REPLY_DSR;
}

static __always_inline __u8 bl_flow_pair_kind(__u8 kind)
{
	if (kind == BL_FLOW_LOCAL)
		return BL_FLOW_REPLY_LOCAL;
	if (kind == BL_FLOW_REMOTE)
		return BL_FLOW_REPLY_REMOTE;
	return kind == BL_FLOW_REPLY_LOCAL ? BL_FLOW_LOCAL : BL_FLOW_REMOTE;
}

static __always_inline __u32 bl_flow_timeout_s(__u8 state, __u8 protocol)
{
	if (protocol == IPPROTO_UDP)
		return state == BL_FLOW_NEW ? tunables.udp_new_s : tunables.udp_established_s;
	if (state == BL_FLOW_NEW)
		return tunables.tcp_new_s;
	return state == BL_FLOW_ESTABLISHED ? tunables.tcp_established_s : tunables.tcp_closing_s;
}

/* Since it was last seen, in the units of struct bl_flow. Another CPU's time may be ahead by a
 * little; what was seen half of the 52 days ago that times have is old all the same. */
static __always_inline __u32 bl_flow_age(const struct bl_flow *flow, __u64 now_ns)
{
	__u32 age = bl_flow_time(now_ns) - flow->last_seen;

	return age < 0u - BL_FLOW_AHEAD ? age : 0;
}

static __always_inline bool bl_flow_is_expired(const struct bl_flow *flow, __u8 protocol,
					       __u64 now_ns)
{
	return bl_flow_age(flow, now_ns) >
	       (bl_flow_timeout_s(flow->state, protocol) * BL_SECOND_NS) >> BL_FLOW_TIME_SHIFT;
}

/* Its other direction is still wanted: nobody else may have its key. */
static __always_inline bool bl_flow_is_taken(const struct bl_flow *flow, __u8 protocol,
					     __u64 now_ns)
{
	return flow->state < BL_FLOW_CLOSED && !bl_flow_is_expired(flow, protocol, now_ns);
}

/* The other direction of a flow, which packets of its own have to look after. */
static __always_inline void bl_flow_make_pair(struct bl_flow *ret, const struct bl_flow *flow)
{
	*ret = *flow;
	ret->kind = bl_flow_pair_kind(flow->kind);
	ret->next_hop_generation = 0;
	ret->packets = 0;
	ret->bytes = 0;
}

static __always_inline bool bl_flow_backend_serves(const struct bl_flow *flow)
{
	struct bl_choice choice = {0};

	return bl_backend_read(flow->backend_id, &choice) &&
	       choice.backend.generation == flow->backend_generation &&
	       bl_backend_is_serving(&choice.backend);
}

/* Both directions are gone for the next packet. */
static __noinline int bl_flow_forget(const struct bl_tuple *tuple, const struct bl_tuple *to,
				     const struct bl_flow *flow)
{
	struct bl_tuple answer;

	if (!tuple || !to || !flow)
		return 0;
	bl_tuple_turn(&answer, to);
	if (bl_flow_has_pair(flow))
		(void)bl_flow_delete(&answer);
	(void)bl_flow_delete(tuple);
	return 0;
}

/* What a FIN or a reset means to both directions. */
static __noinline int bl_flow_close(const struct bl_tuple *to, struct bl_flow *flow, __u8 flags)
{
	struct bl_tuple answer, unused;
	struct bl_flow *pair = NULL;

	if (bl_flow_has_pair(flow)) {
		bl_tuple_turn(&answer, to);
		pair = bl_flow_find(&answer, &unused);
	}
	if (flags & BL_TCP_RST || (pair && pair->state >= BL_FLOW_CLOSING))
		flow->state = BL_FLOW_CLOSED;
	else if (flow->state < BL_FLOW_CLOSING)
		flow->state = BL_FLOW_CLOSING;
	if (pair && flow->state == BL_FLOW_CLOSED)
		pair->state = BL_FLOW_CLOSED;
	return 0;
}

/*
 * Once a second and flow: both directions stay, for each lookup keeps an entry from being evicted,
 * and one that was evicted is made again. False: the backend serves no longer.
 */
static __noinline int bl_flow_keep(const struct bl_tuple *tuple, const struct bl_tuple *to,
				   struct bl_flow *flow, __u64 now_ns)
{
	struct bl_scratch *s = bl_scratch_get();
	struct bl_flow *pair;

	flow->last_seen = bl_flow_time(now_ns);
	if (s && bl_flow_has_pair(flow)) {
		bl_tuple_turn(&s->reply.from, to);
		pair = bl_flow_find(&s->reply.from, &s->reply.to);
		if (pair) {
			pair->last_seen = bl_flow_time(now_ns);
		} else {
			bl_flow_make_pair(&s->reply.flow, flow);
			bl_tuple_turn(&s->reply.to, tuple);
			/* Lost when another CPU is there; the next second tries again. */
			(void)bl_flow_establish(&s->reply);
		}
	}
	return bl_flow_is_reply(flow) || bl_flow_backend_serves(flow);
}

static __always_inline bool bl_is_syn(const struct bl_packet *packet)
{
	return (packet->tcp_flags & (BL_TCP_SYN | BL_TCP_ACK)) == BL_TCP_SYN;
}

static __always_inline bool bl_flow_begins_anew(const struct bl_packet *packet,
						const struct bl_flow *flow)
{
	return bl_is_syn(packet) && flow->state >= BL_FLOW_CLOSING && !bl_flow_is_reply(flow);
}

static __always_inline void bl_flow_count(const struct bl_packet *packet, struct bl_flow *flow)
{
	flow->packets++;
	flow->bytes += packet->length;
}

/* A packet of an established flow. False: its backend serves no longer. */
static __always_inline bool bl_flow_track(const struct bl_packet *packet, const struct bl_tuple *to,
					  struct bl_flow *flow, __u64 now_ns)
{
	bl_flow_count(packet, flow);
	if (packet->tcp_flags & (BL_TCP_FIN | BL_TCP_RST))
		(void)bl_flow_close(to, flow, packet->tcp_flags);
	if (bl_flow_age(flow, now_ns) > BL_FLOW_TOUCH)
		return bl_flow_keep(&packet->tuple, to, flow, now_ns);
	return true;
}

#endif
