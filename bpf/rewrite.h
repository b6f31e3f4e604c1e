/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Gives a packet other addresses and ports, and puts its checksums right by difference.
 */
#ifndef BPF_REWRITE_H
#define BPF_REWRITE_H

#include "flow.h"

#define BL_TCP_CHECKSUM 16u /* offsets in the transport header */
#define BL_UDP_CHECKSUM 6u

static __always_inline void bl_rewrite_ipv4(struct bl_context *ctx, const struct bl_packet *packet,
					    const struct bl_tuple *to, __u32 addresses, __u8 hops)
{
	struct iphdr *ip = bl_at(ctx, packet->l3, sizeof(*ip));
	__u16 *ttl;
	__u16 before;

	if (!ip)
		return;
	ttl = (__u16 *)&ip->ttl; /* with the protocol */
	before = *ttl;
	ip->ttl -= hops;
	ip->saddr = to->source.words[0];
	ip->daddr = to->destination.words[0];
	ip->check = bl_csum_apply(ip->check, bl_csum_add(addresses, bl_csum_16(before, *ttl)));
}

static __always_inline void bl_rewrite_ipv6(struct bl_context *ctx, const struct bl_packet *packet,
					    const struct bl_tuple *to, __u8 hops)
{
	struct ipv6hdr *ip = bl_at(ctx, packet->l3, sizeof(*ip));

	if (!ip)
		return;
	ip->hop_limit -= hops;
	*(union bl_ip *)&ip->saddr = to->source;
	*(union bl_ip *)&ip->daddr = to->destination;
}

static __always_inline void bl_rewrite_transport(struct bl_context *ctx,
						 const struct bl_packet *packet,
						 const struct bl_tuple *to, __u32 addresses,
						 __u8 family)
{
	bool is_udp = packet->tuple.protocol == IPPROTO_UDP;
	__u32 ports = bl_csum_16(packet->tuple.source_port, to->source_port);
	__be16 *place;

	ports = bl_csum_add(ports,
			    bl_csum_16(packet->tuple.destination_port, to->destination_port));
	bl_fix_checksum(ctx, packet->l4 + (is_udp ? BL_UDP_CHECKSUM : BL_TCP_CHECKSUM), addresses,
			ports, is_udp, family == BL_FAMILY_IPV6);
	place = bl_at(ctx, packet->l4, BL_PORTS_LEN);
	if (!place)
		return;
	place[0] = to->source_port;
	place[1] = to->destination_port;
}

/* `hops`: how many routers this node is to the packet; 0 when its own stack will route it. */
static __always_inline void bl_rewrite_in(struct bl_context *ctx, const struct bl_packet *packet,
					  const struct bl_tuple *to, __u8 hops, __u8 family)
{
	__u32 addresses;

	if (family == BL_FAMILY_IPV4)
		addresses = bl_csum_add(
			bl_csum_32(packet->tuple.source.words[0], to->source.words[0]),
			bl_csum_32(packet->tuple.destination.words[0], to->destination.words[0]));
	else
		addresses = bl_csum_add(bl_csum_ip(&packet->tuple.source, &to->source),
					bl_csum_ip(&packet->tuple.destination, &to->destination));
	if (packet->fragment != BL_FRAGMENT_LATER)
		bl_rewrite_transport(ctx, packet, to, addresses, family);
	if (family == BL_FAMILY_IPV4)
		bl_rewrite_ipv4(ctx, packet, to, addresses, hops);
	else
		bl_rewrite_ipv6(ctx, packet, to, hops);
}

static __noinline int bl_rewrite(struct bl_context *ctx, const struct bl_packet *packet,
				 const struct bl_tuple *to, __u8 hops)
{
	if (packet->tuple.family == BL_FAMILY_IPV4)
		bl_rewrite_in(ctx, packet, to, hops, BL_FAMILY_IPV4);
	else
		bl_rewrite_in(ctx, packet, to, hops, BL_FAMILY_IPV6);
	return 0;
}

#endif
