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

/* The device whose frames carry the tag of the packet, for a VLAN above it; 0: it is another one.
 */
static __always_inline __u32 bl_hop_below_vlan(const struct bl_packet *packet, __u32 ifindex)
{
	const struct bl_uplink *uplink = bpf_map_lookup_elem(&uplinks, &ifindex);

	if (!uplink || packet->vlan_tags != 1 || packet->vlan_id != uplink->vlan_id)
		return 0;
	return uplink->vlan_parent;
}

/*
 * Where the frame goes when the route names this device, or 0 when this hook cannot send there. XDP
 * neither puts tags on nor takes them off, so a tagged frame leaves by its own VLAN alone.
 */
static __always_inline __u32 bl_hop_device(struct bl_context *ctx, const struct bl_packet *packet,
					   __u32 ifindex)
{
	const struct bl_uplink *uplink;

	if (!BL_HOOK_IS_XDP)
		return ifindex;
	if (packet->vlan_tags)
		ifindex = bl_hop_below_vlan(packet, ifindex);
	if (ifindex == bl_device(ctx))
		return ifindex;
	uplink = bpf_map_lookup_elem(&uplinks, &ifindex);
	return uplink && uplink->flags & BL_UPLINK_F_XDP_REDIRECT && !uplink->vlan_parent ? ifindex
											  : 0;
}

/* BY_TC when XDP may not be able to send by the device; it then asks for itself. */
static __always_inline __u32 bl_hop_is_for_tc(__u32 ifindex)
{
	const struct bl_uplink *uplink;

	if (BL_HOOK_IS_XDP)
		return 0;
	uplink = bpf_map_lookup_elem(&uplinks, &ifindex);
	return uplink && uplink->flags & BL_UPLINK_F_XDP_REDIRECT && !uplink->vlan_parent
		       ? 0
		       : BL_NEXT_HOP_BY_TC;
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

/* Towards to->destination; its source may be any address. */
static __noinline int bl_hop_find(struct bl_context *ctx, const struct bl_packet *packet,
				  struct bl_flow *flow, const struct bl_tuple *to)
{
	struct bpf_fib_lookup fib = {.ifindex = bl_device(ctx)};
	__u32 generation = bl_generation();
	long found;

	flow->next_hop_generation = 0;
	bl_hop_ask(&fib, packet->tuple.family, &to->source, &to->destination);
	found = bpf_fib_lookup(ctx, &fib, sizeof(fib), 0);
	if (found != BPF_FIB_LKUP_RET_SUCCESS && found != BPF_FIB_LKUP_RET_NO_NEIGH &&
	    (!BL_HOOK_IS_XDP || found != BPF_FIB_LKUP_RET_UNSUPP_LWT))
		return BL_HOP_NONE;
	flow->next_hop_ifindex = fib.ifindex;
	/* Where the kernel puts the MTU, when it gets as far as that. */
	flow->mtu = found == BPF_FIB_LKUP_RET_SUCCESS ? fib.tot_len : 0;
	if (found != BPF_FIB_LKUP_RET_SUCCESS || !bl_hop_device(ctx, packet, fib.ifindex))
		return BL_HOP_SLOW;
	__builtin_memcpy(flow->next_hop_mac, fib.dmac, sizeof(flow->next_hop_mac));
	__builtin_memcpy(flow->own_mac, fib.smac, sizeof(flow->own_mac));
	/* Frames of a flow may come tagged and untagged, but go out as they came. */
	if (!packet->vlan_tags)
		flow->next_hop_generation = generation | bl_hop_is_for_tc(fib.ifindex);
	return BL_HOP_READY;
}

/* The flow knows where its packets go, and this hook can send there. */
static __always_inline bool bl_hop_is_remembered(const struct bl_packet *packet,
						 const struct bl_flow *flow)
{
	__u32 known = flow->next_hop_generation;

	if (!BL_HOOK_IS_XDP)
		known &= ~BL_NEXT_HOP_BY_TC;
	return known && known == bl_generation() && !packet->vlan_tags;
}

static __always_inline int bl_hop(struct bl_context *ctx, const struct bl_packet *packet,
				  struct bl_flow *flow, const struct bl_tuple *to)
{
	return bl_hop_is_remembered(packet, flow) ? BL_HOP_READY
						  : bl_hop_find(ctx, packet, flow, to);
}

/* Sends a frame whose headers are rewritten. */
static __always_inline int bl_hop_send(struct bl_context *ctx, const struct bl_packet *packet,
				       const struct bl_flow *flow, int hop)
{
	/* Whatever is remembered is for frames without tags, and was looked into. */
	__u32 ifindex = packet->vlan_tags ? bl_hop_device(ctx, packet, flow->next_hop_ifindex)
					  : flow->next_hop_ifindex;
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
	return bl_send(ctx, ifindex);
}

#endif
