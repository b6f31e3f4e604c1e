/* SPDX-License-Identifier: GPL-2.0 */
/*
 * From a frame to the few facts that decide about it. Reads through bl_at() of the hook that was
 * included before; changes nothing. A header that is cut off, or says lengths that cannot be, makes
 * the packet malformed, and it is left alone.
 */
#ifndef BPF_PARSE_H
#define BPF_PARSE_H

#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>

#include <bpf/bpf_endian.h>

#include "address.h"
#include "beeline/packet.h"
#include "ip_header.h"

#define BL_VLAN_TAGS 2
#define BL_EXTENSIONS 4 /* IPv6 extension headers that are stepped over */
#define BL_PORTS_LEN 4u

#define BL_IP_MORE 0x2000
#define BL_IP_OFFSET 0x1fff
#define BL_IP6_OFFSET 0xfff8
#define BL_IP6_MORE 1

#define BL_EXT_HOP 0
#define BL_EXT_FRAGMENT 44
#define BL_EXT_OPTIONS 60
#define BL_PROTOCOL_ICMP6 58
#define BL_PROTOCOL_IPV6 41

/* <linux/icmp.h> draws in headers of the machine that compiles. */
enum bl_icmp_type {
	BL_ICMP4_ECHO_REPLY = 0,
	BL_ICMP4_UNREACHABLE = 3,
	BL_ICMP4_ECHO = 8,
	BL_ICMP4_TIME_EXCEEDED = 11,
	BL_ICMP4_PARAMETER = 12,
	BL_ICMP6_UNREACHABLE = 1,
	BL_ICMP6_TOO_BIG = 2,
	BL_ICMP6_PARAMETER = 4,
	BL_ICMP6_ECHO = 128,
	BL_ICMP6_ECHO_REPLY = 129,
};

enum bl_icmp_code {
	BL_ICMP4_PORT_UNREACHABLE = 3,
	BL_ICMP4_FRAGMENTATION_NEEDED = 4,
	BL_ICMP6_PORT_UNREACHABLE = 4,
};

struct bl_icmp_header {
	__u8 type;
	__u8 code;
	__be16 check;
	__be32 value; /* an MTU: IPv4 in the lower half, IPv6 in all of it */
};

enum bl_tcp_flag {
	BL_TCP_FIN = 1u << 0,
	BL_TCP_SYN = 1u << 1,
	BL_TCP_RST = 1u << 2,
	BL_TCP_ACK = 1u << 4,
};

enum bl_fragment_place {
	BL_FRAGMENT_NONE = 0,
	BL_FRAGMENT_FIRST = 1,
	BL_FRAGMENT_LATER = 2, /* has no ports */
};

enum bl_parsed {
	BL_PARSED = 0,
	BL_PARSED_FOREIGN,   /* nothing that concerns us */
	BL_PARSED_MALFORMED, /* cut off, or contradicts itself */
};

struct bl_packet {
	struct bl_tuple tuple;
	__be32 fragment_id;
	__be16 ethertype; /* behind the tags */
	__u16 vlan_id;    /* of the inner tag; 0: none */
	__u16 l3;         /* offsets from the start of the frame */
	__u16 l4;
	__u16 length; /* of the IP packet, by its own header */
	__u8 ttl;
	__u8 fragment; /* enum bl_fragment_place */
	__u8 tcp_flags;
	__u8 icmp_type;
	__u8 icmp_code;
	__u8 vlan_tags;
	int verdict; /* what the hook returns */
};

struct bl_vlan_tag {
	__be16 id;
	__be16 ethertype;
};

struct bl_ip6_extension {
	__u8 next;
	__u8 length; /* in eights, without the first */
	__be16 offset;
	__be32 id;
};

static __always_inline bool bl_is_vlan(__be16 ethertype)
{
	return ethertype == bpf_htons(ETH_P_8021Q) || ethertype == bpf_htons(ETH_P_8021AD);
}

static __always_inline enum bl_parsed bl_parse_ethernet(struct bl_context *ctx,
							struct bl_packet *ret)
{
	const struct ethhdr *eth = bl_at(ctx, 0, sizeof(*eth));
	const struct bl_vlan_tag *tag;

	if (!eth)
		return BL_PARSED_FOREIGN;
	ret->ethertype = eth->h_proto;
	ret->l3 = sizeof(*eth);
	for (int i = 0; i < BL_VLAN_TAGS && bl_is_vlan(ret->ethertype); i++) {
		tag = bl_at(ctx, ret->l3, sizeof(*tag));
		if (!tag)
			return BL_PARSED_MALFORMED;
		ret->vlan_id = bpf_ntohs(tag->id) & 0x0fff;
		ret->vlan_tags++;
		ret->ethertype = tag->ethertype;
		ret->l3 += sizeof(*tag);
	}
	return BL_PARSED;
}

/* `room`: bytes of the frame from here on. An ICMP error quotes less than the header says. */
static __always_inline enum bl_parsed bl_parse_ipv4(struct bl_context *ctx, __u32 room,
						    struct bl_packet *ret)
{
	const struct iphdr *ip = bl_at(ctx, ret->l3, sizeof(*ip));
	__u16 offset;

	if (!ip || ip->version != 4 || ip->ihl < 5)
		return BL_PARSED_MALFORMED;
	ret->length = bpf_ntohs(ip->tot_len);
	ret->l4 = ret->l3 + ip->ihl * 4;
	if (ret->length < ip->ihl * 4 || ret->length > room)
		return BL_PARSED_MALFORMED;
	ret->tuple.family = BL_FAMILY_IPV4;
	ret->tuple.protocol = ip->protocol;
	ret->tuple.source.words[0] = ip->saddr;
	ret->tuple.destination.words[0] = ip->daddr;
	ret->ttl = ip->ttl;
	offset = bpf_ntohs(ip->frag_off);
	if (offset & BL_IP_OFFSET)
		ret->fragment = BL_FRAGMENT_LATER;
	else if (offset & BL_IP_MORE)
		ret->fragment = BL_FRAGMENT_FIRST;
	ret->fragment_id = ip->id;
	return BL_PARSED;
}

static __always_inline void bl_parse_fragment6(const struct bl_ip6_extension *extension,
					       struct bl_packet *ret)
{
	__u16 offset = bpf_ntohs(extension->offset);

	if (offset & BL_IP6_OFFSET)
		ret->fragment = BL_FRAGMENT_LATER;
	else if (offset & BL_IP6_MORE)
		ret->fragment = BL_FRAGMENT_FIRST;
	ret->fragment_id = extension->id;
}

/* Steps over what stands before the transport header; what a later fragment holds is its data. */
static __always_inline enum bl_parsed bl_parse_extensions(struct bl_context *ctx, __u8 next,
							  struct bl_packet *ret)
{
	const struct bl_ip6_extension *extension;

	for (int i = 0; i < BL_EXTENSIONS; i++) {
		if ((next != BL_EXT_HOP && next != BL_EXT_FRAGMENT && next != BL_EXT_OPTIONS) ||
		    ret->fragment == BL_FRAGMENT_LATER)
			break;
		extension = bl_at(ctx, ret->l4, sizeof(*extension));
		if (!extension)
			return BL_PARSED_MALFORMED;
		if (next == BL_EXT_FRAGMENT) {
			bl_parse_fragment6(extension, ret);
			ret->l4 += sizeof(*extension);
		} else {
			ret->l4 += (extension->length + 1) * 8;
		}
		next = extension->next;
		/* Beyond what bl_at() reaches. */
		if (ret->l4 > BL_OFFSET_MAX - 64)
			return BL_PARSED_FOREIGN;
	}
	ret->tuple.protocol = next;
	return BL_PARSED;
}

static __always_inline enum bl_parsed bl_parse_ipv6(struct bl_context *ctx, __u32 room,
						    struct bl_packet *ret)
{
	const struct ipv6hdr *ip = bl_at(ctx, ret->l3, sizeof(*ip));

	if (!ip || ip->version != 6)
		return BL_PARSED_MALFORMED;
	ret->length = bpf_ntohs(ip->payload_len) + sizeof(*ip);
	ret->l4 = ret->l3 + sizeof(*ip);
	if (ret->length > room || ret->length < sizeof(*ip))
		return BL_PARSED_MALFORMED;
	ret->tuple.family = BL_FAMILY_IPV6;
	ret->tuple.source = *(const union bl_ip *)&ip->saddr;
	ret->tuple.destination = *(const union bl_ip *)&ip->daddr;
	ret->ttl = ip->hop_limit;
	return bl_parse_extensions(ctx, ip->nexthdr, ret);
}

/* The header at ret->l3, of the family that ret->ethertype says. */
static __always_inline enum bl_parsed bl_parse_ip(struct bl_context *ctx, __u32 room,
						  struct bl_packet *ret)
{
	if (ret->ethertype == bpf_htons(ETH_P_IP))
		return bl_parse_ipv4(ctx, room, ret);
	if (ret->ethertype == bpf_htons(ETH_P_IPV6))
		return bl_parse_ipv6(ctx, room, ret);
	return BL_PARSED_FOREIGN;
}

/* The first four bytes of TCP and UDP; all that an ICMP error is sure to quote. */
static __always_inline enum bl_parsed bl_parse_ports(struct bl_context *ctx, struct bl_packet *ret)
{
	const __be16 *ports = bl_at(ctx, ret->l4, BL_PORTS_LEN);

	if (!ports)
		return BL_PARSED_MALFORMED;
	ret->tuple.source_port = ports[0];
	ret->tuple.destination_port = ports[1];
	return BL_PARSED;
}

static __always_inline bool bl_parse_has(const struct bl_packet *packet, __u32 size)
{
	return packet->l4 + size <= (__u32)packet->l3 + packet->length;
}

static __always_inline enum bl_parsed bl_parse_tcp(struct bl_context *ctx, struct bl_packet *ret)
{
	const struct tcphdr *tcp = bl_at(ctx, ret->l4, sizeof(*tcp));

	if (!tcp || tcp->doff < 5 || !bl_parse_has(ret, sizeof(*tcp)))
		return BL_PARSED_MALFORMED;
	ret->tcp_flags = ((const __u8 *)tcp)[13];
	return bl_parse_ports(ctx, ret);
}

static __always_inline enum bl_parsed bl_parse_udp(struct bl_context *ctx, struct bl_packet *ret)
{
	const struct udphdr *udp = bl_at(ctx, ret->l4, sizeof(*udp));

	if (!udp || bpf_ntohs(udp->len) < sizeof(*udp) || !bl_parse_has(ret, sizeof(*udp)))
		return BL_PARSED_MALFORMED;
	return bl_parse_ports(ctx, ret);
}

static __always_inline enum bl_parsed bl_parse_icmp(struct bl_context *ctx, struct bl_packet *ret)
{
	const struct bl_icmp_header *icmp = bl_at(ctx, ret->l4, sizeof(*icmp));

	if (!icmp || !bl_parse_has(ret, sizeof(*icmp)))
		return BL_PARSED_MALFORMED;
	ret->icmp_type = icmp->type;
	ret->icmp_code = icmp->code;
	return BL_PARSED;
}

static __always_inline bool bl_is_icmp(const struct bl_tuple *tuple)
{
	return tuple->family == BL_FAMILY_IPV4 ? tuple->protocol == IPPROTO_ICMP
					       : tuple->protocol == BL_PROTOCOL_ICMP6;
}

static __always_inline enum bl_parsed bl_parse_transport(struct bl_context *ctx,
							 struct bl_packet *ret)
{
	if (ret->fragment == BL_FRAGMENT_LATER)
		return BL_PARSED;
	if (ret->tuple.protocol == IPPROTO_TCP)
		return bl_parse_tcp(ctx, ret);
	if (ret->tuple.protocol == IPPROTO_UDP)
		return bl_parse_udp(ctx, ret);
	return bl_is_icmp(&ret->tuple) ? bl_parse_icmp(ctx, ret) : BL_PARSED;
}

/* *ret is zero but for its verdict. */
static __always_inline enum bl_parsed bl_parse(struct bl_context *ctx, struct bl_packet *ret)
{
	enum bl_parsed parsed = bl_parse_ethernet(ctx, ret);

	if (parsed == BL_PARSED)
		parsed = bl_parse_ip(ctx, bl_length(ctx) - ret->l3, ret);
	if (parsed == BL_PARSED)
		parsed = bl_parse_transport(ctx, ret);
	return parsed;
}

#endif
