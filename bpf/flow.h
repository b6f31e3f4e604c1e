/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Flows: finding and storing them, their two directions, and how long they count. What becomes of a
 * packet is decided elsewhere.
 */
#ifndef BPF_FLOW_H
#define BPF_FLOW_H

#include "lookup.h"
#include "packet_maps.h"
#include "parse.h"

#define BL_SECOND_NS 1000000000ull
/* How old a flow gets before it is looked after: its time, its other direction, its backend. */
#define BL_FLOW_TOUCH_NS BL_SECOND_NS

static __always_inline void bl_flow4_key_set(struct bl_flow4_key *key, const struct bl_tuple *tuple)
{
	__builtin_memcpy(key->source, tuple->source.ipv4, sizeof(key->source));
	__builtin_memcpy(key->destination, tuple->destination.ipv4, sizeof(key->destination));
	key->source_port = tuple->source_port;
	key->destination_port = tuple->destination_port;
	key->protocol = tuple->protocol;
}

static __always_inline void bl_flow6_key_set(struct bl_flow6_key *key, const struct bl_tuple *tuple)
{
	__builtin_memcpy(key->source, tuple->source.ipv6, sizeof(key->source));
	__builtin_memcpy(key->destination, tuple->destination.ipv6, sizeof(key->destination));
	key->source_port = tuple->source_port;
	key->destination_port = tuple->destination_port;
	key->protocol = tuple->protocol;
}

static __always_inline struct bl_flow *bl_flow_find(const struct bl_tuple *tuple)
{
	struct bl_flow4_key key4 = {0};
	struct bl_flow6_key key6 = {0};

	if (tuple->family == BL_FAMILY_IPV4) {
		bl_flow4_key_set(&key4, tuple);
		return bpf_map_lookup_elem(&flows4, &key4);
	}
	bl_flow6_key_set(&key6, tuple);
	return bpf_map_lookup_elem(&flows6, &key6);
}

static __always_inline int bl_flow_store(const struct bl_tuple *tuple, const struct bl_flow *flow,
					 __u64 flags)
{
	struct bl_flow4_key key4 = {0};
	struct bl_flow6_key key6 = {0};

	if (tuple->family == BL_FAMILY_IPV4) {
		bl_flow4_key_set(&key4, tuple);
		return (int)bpf_map_update_elem(&flows4, &key4, flow, flags);
	}
	bl_flow6_key_set(&key6, tuple);
	return (int)bpf_map_update_elem(&flows6, &key6, flow, flags);
}

static __always_inline void bl_flow_delete(const struct bl_tuple *tuple)
{
	struct bl_flow4_key key4 = {0};
	struct bl_flow6_key key6 = {0};

	/* Whoever else deleted it did the same. */
	if (tuple->family == BL_FAMILY_IPV4) {
		bl_flow4_key_set(&key4, tuple);
		(void)bpf_map_delete_elem(&flows4, &key4);
	} else {
		bl_flow6_key_set(&key6, tuple);
		(void)bpf_map_delete_elem(&flows6, &key6);
	}
}

/* The packet that answers: what the flow makes of a packet, turned round. */
static __always_inline void bl_tuple_answer(struct bl_tuple *ret, const struct bl_flow *flow,
					    const struct bl_tuple *tuple)
{
	ret->source = flow->destination;
	ret->destination = flow->source;
	ret->source_port = flow->destination_port;
	ret->destination_port = flow->source_port;
	ret->family = tuple->family;
	ret->protocol = tuple->protocol;
	ret->pad = 0;
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

static __always_inline bool bl_flow_is_expired(const struct bl_flow *flow, __u8 protocol,
					       __u64 now_ns)
{
	__u64 last_ns = flow->last_seen_ns;

	return now_ns > last_ns &&
	       now_ns - last_ns > bl_flow_timeout_s(flow->state, protocol) * BL_SECOND_NS;
}

/* Its other direction is still wanted: nobody else may have its key. */
static __always_inline bool bl_flow_is_taken(const struct bl_flow *flow, __u8 protocol,
					     __u64 now_ns)
{
	return flow->state < BL_FLOW_CLOSED && !bl_flow_is_expired(flow, protocol, now_ns);
}

/* The other direction of a flow whose packet had this tuple. */
static __always_inline void bl_flow_make_pair(struct bl_flow *ret, const struct bl_flow *flow,
					      const struct bl_tuple *tuple)
{
	*ret = *flow;
	ret->kind = bl_flow_pair_kind(flow->kind);
	ret->source = tuple->destination;
	ret->destination = tuple->source;
	ret->source_port = tuple->destination_port;
	ret->destination_port = tuple->source_port;
	ret->next_hop_generation = 0;
	ret->packets = 0;
	ret->bytes = 0;
}

static __always_inline bool bl_flow_backend_serves(const struct bl_flow *flow)
{
	struct bl_choice choice = {0};

	return bl_backend_read(flow->backend_id, &choice) &&
	       bl_backend_is_same(&choice.backend, flow->backend_generation, flow->service_id) &&
	       bl_backend_is_serving(&choice.backend);
}

/* Both directions are gone for the next packet. */
static __noinline int bl_flow_forget(const struct bl_tuple *tuple, const struct bl_flow *flow)
{
	struct bl_tuple answer;

	if (!tuple || !flow)
		return 0;
	bl_tuple_answer(&answer, flow, tuple);
	if (bl_flow_has_pair(flow))
		bl_flow_delete(&answer);
	bl_flow_delete(tuple);
	return 0;
}

/* What a FIN or a reset means to both directions. */
static __noinline int bl_flow_close(const struct bl_tuple *tuple, struct bl_flow *flow, __u8 flags)
{
	struct bl_flow *pair = NULL;
	struct bl_tuple answer;

	if (bl_flow_has_pair(flow)) {
		bl_tuple_answer(&answer, flow, tuple);
		pair = bl_flow_find(&answer);
	}
	if (flags & BL_TCP_RST || (pair && pair->state >= BL_FLOW_CLOSING))
		flow->state = BL_FLOW_CLOSED;
	else if (flow->state < BL_FLOW_CLOSING)
		flow->state = BL_FLOW_CLOSING;
	if (pair && flow->state == BL_FLOW_CLOSED)
		pair->state = BL_FLOW_CLOSED;
	return 0;
}

/* The first answer: both directions are established. */
static __noinline int bl_flow_establish(const struct bl_tuple *tuple, struct bl_flow *flow)
{
	struct bl_tuple answer;
	struct bl_flow *pair;

	flow->state = BL_FLOW_ESTABLISHED;
	bl_tuple_answer(&answer, flow, tuple);
	pair = bl_flow_find(&answer);
	if (pair && pair->state == BL_FLOW_NEW)
		pair->state = BL_FLOW_ESTABLISHED;
	return 0;
}

/*
 * Once a second and flow: both directions stay, for each lookup keeps an entry from being evicted,
 * and one that was evicted is made again. False: the backend serves no longer.
 */
static __noinline int bl_flow_keep(const struct bl_tuple *tuple, struct bl_flow *flow, __u64 now_ns)
{
	struct bl_tuple answer;
	struct bl_flow *pair;
	struct bl_flow made;

	flow->last_seen_ns = now_ns;
	if (bl_flow_has_pair(flow)) {
		bl_tuple_answer(&answer, flow, tuple);
		pair = bl_flow_find(&answer);
		if (pair) {
			pair->last_seen_ns = now_ns;
		} else {
			bl_flow_make_pair(&made, flow, tuple);
			/* Lost when somebody took the key meanwhile; the next second tries again.
			 */
			(void)bl_flow_store(&answer, &made, BPF_NOEXIST);
		}
	}
	return bl_flow_is_reply(flow) || bl_flow_backend_serves(flow);
}

static __always_inline bool bl_flow_begins_anew(const struct bl_packet *packet,
						const struct bl_flow *flow)
{
	return (packet->tcp_flags & (BL_TCP_SYN | BL_TCP_ACK)) == BL_TCP_SYN &&
	       flow->state >= BL_FLOW_CLOSING && !bl_flow_is_reply(flow);
}

static __always_inline void bl_flow_count(const struct bl_packet *packet, struct bl_flow *flow)
{
	flow->packets++;
	flow->bytes += packet->length;
}

/* A packet of a known flow. False: its backend serves no longer. */
static __always_inline bool bl_flow_track(const struct bl_packet *packet, struct bl_flow *flow,
					  __u64 now_ns)
{
	bl_flow_count(packet, flow);
	if (bl_flow_is_reply(flow) && flow->state == BL_FLOW_NEW)
		(void)bl_flow_establish(&packet->tuple, flow);
	if (packet->tcp_flags & (BL_TCP_FIN | BL_TCP_RST))
		(void)bl_flow_close(&packet->tuple, flow, packet->tcp_flags);
	if (now_ns > flow->last_seen_ns && now_ns - flow->last_seen_ns > BL_FLOW_TOUCH_NS)
		return bl_flow_keep(&packet->tuple, flow, now_ns);
	return true;
}

#endif
