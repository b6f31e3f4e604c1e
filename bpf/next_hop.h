/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where a flow's packets go next: device and MAC addresses, asked from the kernel's routes and
 * remembered in the flow until the agent raises the generation.
 */
#ifndef BPF_NEXT_HOP_H
#define BPF_NEXT_HOP_H

#include "flow.h"

#define BL_AF_INET 2
#define BL_AF_INET6 10

enum bl_hop {
	BL_HOP_READY = 0,
	BL_HOP_SLOW, /* XDP cannot send there, or the neighbour is not known yet */
	BL_HOP_NONE, /* no route, or one that forbids */
};

static __always_inline __u32 bl_generation(void)
{
	__u32 zero = 0;
	const struct bl_packet_state *state = bpf_map_lookup_elem(&packet_state, &zero);

	return state ? state->next_hop_generation : 0;
}

/* The entry of the device, or the one for devices without. */
static __always_inline const struct bl_uplink *bl_uplink_of(__u32 ifindex)
{
	const struct bl_uplink *uplink = bpf_map_lookup_elem(&uplinks, &ifindex);
	__u32 others = 0;

	return uplink ? uplink : bpf_map_lookup_elem(&uplinks, &others);
}

/*
 * Whether this hook can send through the device that the route names. XDP puts frames on a VLAN
 * below its device, so only those that carry the right tag already.
 */
static __always_inline bool bl_hop_is_open(struct bl_context *ctx, const struct bl_packet *packet,
					   struct bl_flow *flow)
{
	const struct bl_uplink *uplink;

	if (!BL_HOOK_IS_XDP)
		return true;
	uplink = bpf_map_lookup_elem(&uplinks, &flow->next_hop_ifindex);
	if (uplink && uplink->vlan_parent) {
		if (packet->vlan_tags != 1 || packet->vlan_id != uplink->vlan_id)
			return false;
		flow->next_hop_ifindex = uplink->vlan_parent;
		uplink = bpf_map_lookup_elem(&uplinks, &flow->next_hop_ifindex);
	} else if (packet->vlan_tags) {
		return false;
	}
	return flow->next_hop_ifindex == bl_device(ctx) ||
	       (uplink && uplink->flags & BL_UPLINK_F_XDP_REDIRECT);
}

static __always_inline void bl_hop_ask(struct bpf_fib_lookup *fib, __u8 family,
				       const union bl_ip *source, const union bl_ip *destination)
{
	fib->tot_len = 1; /* any: without it the kernel does not tell the route's MTU */
	if (family == BL_FAMILY_IPV4) {
		fib->family = BL_AF_INET;
		fib->ipv4_src = source->words[0];
		fib->ipv4_dst = destination->words[0];
	} else {
		fib->family = BL_AF_INET6;
		__builtin_memcpy(fib->ipv6_src, source->words, sizeof(fib->ipv6_src));
		__builtin_memcpy(fib->ipv6_dst, destination->words, sizeof(fib->ipv6_dst));
	}
}

/* Towards flow->destination; `source` may be any address while the flow has none. */
static __noinline int bl_hop_find(struct bl_context *ctx, const struct bl_packet *packet,
				  struct bl_flow *flow, const union bl_ip *source)
{
	struct bpf_fib_lookup fib = {.ifindex = bl_device(ctx)};
	__u32 generation = bl_generation();
	long found;

	flow->next_hop_generation = 0;
	bl_hop_ask(&fib, packet->tuple.family, source, &flow->destination);
	found = bpf_fib_lookup(ctx, &fib, sizeof(fib), 0);
	if (found != BPF_FIB_LKUP_RET_SUCCESS && found != BPF_FIB_LKUP_RET_NO_NEIGH &&
	    (!BL_HOOK_IS_XDP || found != BPF_FIB_LKUP_RET_UNSUPP_LWT))
		return BL_HOP_NONE;
	flow->next_hop_ifindex = fib.ifindex;
	/* Where the kernel puts the MTU, when it gets as far as that. */
	flow->mtu = found == BPF_FIB_LKUP_RET_SUCCESS ? fib.tot_len : 0;
	if (found != BPF_FIB_LKUP_RET_SUCCESS || !bl_hop_is_open(ctx, packet, flow))
		return BL_HOP_SLOW;
	__builtin_memcpy(flow->next_hop_mac, fib.dmac, sizeof(flow->next_hop_mac));
	__builtin_memcpy(flow->own_mac, fib.smac, sizeof(flow->own_mac));
	/* Frames of a flow may come tagged and untagged, but go out as they came. */
	if (!packet->vlan_tags)
		flow->next_hop_generation = generation;
	return BL_HOP_READY;
}

static __always_inline int bl_hop(struct bl_context *ctx, const struct bl_packet *packet,
				  struct bl_flow *flow)
{
	if (flow->next_hop_generation && flow->next_hop_generation == bl_generation() &&
	    !packet->vlan_tags)
		return BL_HOP_READY;
	return bl_hop_find(ctx, packet, flow, &flow->source);
}

/* Sends a frame whose headers are rewritten. */
static __always_inline int bl_hop_send(struct bl_context *ctx, const struct bl_flow *flow, int hop)
{
	struct ethhdr *eth = bl_at(ctx, 0, sizeof(*eth));

	if (!eth)
		return BL_DROP;
#if !BL_HOOK_IS_XDP
	if (hop == BL_HOP_SLOW)
		return (int)bpf_redirect_neigh(flow->next_hop_ifindex, NULL, 0, 0);
#endif
	(void)hop;
	__builtin_memcpy(eth->h_dest, flow->next_hop_mac, ETH_ALEN);
	__builtin_memcpy(eth->h_source, flow->own_mac, ETH_ALEN);
	return bl_send(ctx, flow->next_hop_ifindex);
}

#endif
