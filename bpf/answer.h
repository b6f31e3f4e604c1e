/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Answers made here and sent back the way the packet came: a TCP reset, ICMP port unreachable,
 * ICMP fragmentation needed, ICMPv6 packet too big. The answer comes from the address that the
 * packet went to. A packet whose IP header has options gets none, and is dropped; so does what
 * comes beyond the bound of answers.
 */
#ifndef BPF_ANSWER_H
#define BPF_ANSWER_H

#include "count.h"
#include "flow.h"
#include "guard.h"

#define BL_ICMP_QUOTE 8u      /* bytes of the transport header: the ports are among them */
#define BL_FRAGMENT_HEADER 8u /* of IPv6 */
#define BL_L2_MAX 22u         /* Ethernet and two tags */

enum bl_answer_kind {
	BL_ANSWER_UNREACHABLE,
	BL_ANSWER_TOO_BIG,
};

/* A TCP reset. */
struct bl_reset {
	__be16 source;
	__be16 destination;
	__be32 sequence;
	__be32 acknowledged;
	__u8 offset;
	__u8 flags;
	__be16 window;
	__be16 check;
	__be16 urgent;
};

static __always_inline __u32 bl_ip_header_len(const struct bl_packet *packet)
{
	return packet->tuple.family == BL_FAMILY_IPV4 ? sizeof(struct iphdr)
						      : sizeof(struct ipv6hdr);
}

/* An IP header from where the packet went to where it came from. */
static __always_inline void bl_answer_ip(void *place, const struct bl_packet *packet, __u8 protocol,
					 __u16 payload)
{
	bl_put_ip(place, packet->tuple.family, &packet->tuple.destination, &packet->tuple.source,
		  protocol, payload);
}

/* The sum of the pseudo-header. */
static __always_inline __u32 bl_answer_pseudo(const struct bl_packet *packet, __u8 protocol,
					      __u16 payload)
{
	const union bl_ip zero = {.words = {0}};
	__u32 sum = bl_csum_add(bl_csum_ip(&zero, &packet->tuple.source),
				bl_csum_ip(&zero, &packet->tuple.destination));

	return bl_csum_add(sum, (__u32)bpf_htons(protocol) + bpf_htons(payload));
}

static __always_inline int bl_answer_swap_macs(struct bl_context *ctx)
{
	struct ethhdr *eth = bl_at(ctx, 0, sizeof(*eth));
	__u8 mac[ETH_ALEN];

	if (!eth)
		return -1;
	__builtin_memcpy(mac, eth->h_dest, ETH_ALEN);
	__builtin_memcpy(eth->h_dest, eth->h_source, ETH_ALEN);
	__builtin_memcpy(eth->h_source, mac, ETH_ALEN);
	return 0;
}

/* RFC 9293, 3.10.7.1: takes up the numbers of what it answers. */
static __always_inline void bl_reset_set(struct bl_reset *ret, const struct bl_packet *packet,
					 const struct tcphdr *tcp)
{
	__u32 used = packet->length - (packet->l4 - packet->l3) - tcp->doff * 4;

	ret->source = packet->tuple.destination_port;
	ret->destination = packet->tuple.source_port;
	ret->offset = sizeof(*ret) / 4 << 4;
	if (packet->tcp_flags & BL_TCP_ACK) {
		ret->sequence = tcp->ack_seq;
		ret->flags = BL_TCP_RST;
		return;
	}
	if (packet->tcp_flags & BL_TCP_SYN)
		used++;
	if (packet->tcp_flags & BL_TCP_FIN)
		used++;
	ret->acknowledged = bpf_htonl(bpf_ntohl(tcp->seq) + used);
	ret->flags = BL_TCP_RST | BL_TCP_ACK;
}

/*
 * tc may see a packet of this machine whose checksum is only begun: it holds the sum of the
 * pseudo-header, and the device adds the rest. The answer in its place has to be begun as well.
 */
static __always_inline bool bl_is_begun(const struct bl_packet *packet, __u16 check)
{
	__u16 payload = packet->length - (packet->l4 - packet->l3);

	return !BL_HOOK_IS_XDP &&
	       check == bl_csum_fold(bl_answer_pseudo(packet, packet->tuple.protocol, payload));
}

/* Within the bound? Else it is counted. */
static __always_inline bool bl_answer_may(void)
{
	if (bl_guard_answers())
		return true;
	bl_count_reason(BL_REASON_ANSWER_LIMIT);
	return false;
}

static __noinline int bl_answer_reset(struct bl_context *ctx, const struct bl_packet *packet)
{
	__u32 ip_len = bl_ip_header_len(packet);
	struct bl_reset reset = {0};
	const struct tcphdr *tcp = bl_at(ctx, packet->l4, sizeof(*tcp));
	bool is_begun;
	__u32 sum;
	void *ip;

	if (!tcp || packet->l4 - packet->l3 != ip_len || packet->tcp_flags & BL_TCP_RST ||
	    !bl_answer_may())
		return BL_DROP;
	is_begun = bl_is_begun(packet, tcp->check);
	bl_reset_set(&reset, packet, tcp);
	if (bl_cut(ctx, packet->l4 + sizeof(reset)) || bl_answer_swap_macs(ctx))
		return BL_DROP;
	ip = bl_at(ctx, packet->l3, sizeof(struct ipv6hdr));
	if (!ip)
		return BL_DROP;
	bl_answer_ip(ip, packet, IPPROTO_TCP, sizeof(reset));
	sum = bl_answer_pseudo(packet, IPPROTO_TCP, sizeof(reset));
	if (!is_begun)
		sum = (__u32)bpf_csum_diff(NULL, 0, (__be32 *)&reset, sizeof(reset), sum);
	reset.check = is_begun ? bl_csum_fold(sum) : (__u16)~bl_csum_fold(sum);
	if (bl_store(ctx, packet->l4, &reset, sizeof(reset)))
		return BL_DROP;
	return bl_send_back(ctx);
}

static __always_inline void bl_icmp_set(struct bl_icmp_header *ret, const struct bl_packet *packet,
					enum bl_answer_kind kind, __u32 mtu)
{
	bool is_ipv4 = packet->tuple.family == BL_FAMILY_IPV4;

	if (kind == BL_ANSWER_UNREACHABLE) {
		ret->type = is_ipv4 ? BL_ICMP4_UNREACHABLE : BL_ICMP6_UNREACHABLE;
		ret->code = is_ipv4 ? BL_ICMP4_PORT_UNREACHABLE : BL_ICMP6_PORT_UNREACHABLE;
	} else {
		ret->type = is_ipv4 ? BL_ICMP4_UNREACHABLE : BL_ICMP6_TOO_BIG;
		ret->code = is_ipv4 ? BL_ICMP4_FRAGMENTATION_NEEDED : 0;
		ret->value = bpf_htonl(mtu);
	}
}

/* Puts the frame's head before the new IP header: l2 bytes, as they were, MACs swapped. */
static __always_inline int bl_move_head(struct bl_context *ctx, const __u8 *head, __u16 l2)
{
	int r;

	/* The sizes that there are; a length that varies costs the verifier more. */
	if (l2 == sizeof(struct ethhdr))
		r = bl_store(ctx, 0, (void *)head, sizeof(struct ethhdr));
	else if (l2 == sizeof(struct ethhdr) + 4)
		r = bl_store(ctx, 0, (void *)head, sizeof(struct ethhdr) + 4);
	else
		r = bl_store(ctx, 0, (void *)head, BL_L2_MAX);
	return r;
}

static __always_inline int bl_keep_head(struct bl_context *ctx, __u8 *ret, __u16 l2)
{
	if (l2 == sizeof(struct ethhdr))
		return bl_load(ctx, 0, ret, sizeof(struct ethhdr));
	if (l2 == sizeof(struct ethhdr) + 4)
		return bl_load(ctx, 0, ret, sizeof(struct ethhdr) + 4);
	return bl_load(ctx, 0, ret, BL_L2_MAX);
}

/* The sum of an ICMP message of one of the sizes that there are; false: it is cut off. */
static __always_inline bool bl_answer_sum(struct bl_context *ctx, __u32 at, __u32 size, __u32 *sum)
{
	__be32 *message = bl_at(ctx, at, size);

	if (!message)
		return false;
	*sum = (__u32)bpf_csum_diff(NULL, 0, message, size, *sum);
	return true;
}

/* The new headers are in front of what they quote: sums, and off it goes. */
static __always_inline int bl_answer_finish(struct bl_context *ctx, const struct bl_packet *packet,
					    const struct bl_icmp_header *header, __u32 quoted)
{
	const __u32 quoted4 = sizeof(struct iphdr) + BL_ICMP_QUOTE;
	const __u32 quoted6 = sizeof(struct ipv6hdr) + BL_ICMP_QUOTE;
	bool is_ipv4 = packet->tuple.family == BL_FAMILY_IPV4, is_whole;
	__u16 payload = sizeof(*header) + quoted;
	__u32 at = packet->l3 + bl_ip_header_len(packet), sum = 0;
	struct bl_icmp_header *icmp;
	void *ip = bl_at(ctx, packet->l3, sizeof(struct ipv6hdr));

	if (!ip)
		return BL_DROP;
	bl_answer_ip(ip, packet, is_ipv4 ? IPPROTO_ICMP : BL_PROTOCOL_ICMP6, payload);
	if (!is_ipv4)
		sum = bl_answer_pseudo(packet, BL_PROTOCOL_ICMP6, payload);
	icmp = bl_at(ctx, at, sizeof(*icmp));
	if (!icmp)
		return BL_DROP;
	*icmp = *header;
	if (is_ipv4)
		is_whole = bl_answer_sum(ctx, at, sizeof(*icmp) + quoted4, &sum);
	else if (quoted == quoted6)
		is_whole = bl_answer_sum(ctx, at, sizeof(*icmp) + quoted6, &sum);
	else
		is_whole =
			bl_answer_sum(ctx, at, sizeof(*icmp) + quoted6 + BL_FRAGMENT_HEADER, &sum);
	icmp = bl_at(ctx, at, sizeof(*icmp));
	if (!icmp || !is_whole)
		return BL_DROP;
	icmp->check = (__u16)~bl_csum_fold(sum);
	return bl_send_back(ctx);
}

/* What stands between the IP header and the ports, for a packet that can be quoted: nothing, or the
 * header of IPv6's first fragment. */
static __always_inline bool bl_answer_can_quote(const struct bl_packet *packet, __u32 between)
{
	return !between || (packet->tuple.family == BL_FAMILY_IPV6 &&
			    packet->fragment == BL_FRAGMENT_FIRST && between == BL_FRAGMENT_HEADER);
}

/* An ICMP error about the packet, which is still as it came. */
static __noinline int bl_answer_icmp(struct bl_context *ctx, const struct bl_packet *packet,
				     enum bl_answer_kind kind, __u32 mtu)
{
	__u32 ip_len = bl_ip_header_len(packet), between = packet->l4 - packet->l3 - ip_len;
	__u32 quoted = ip_len + between + BL_ICMP_QUOTE;
	struct bl_icmp_header header = {0};
	__u8 head[BL_L2_MAX];
	__u16 check = 0;

	if (!bl_answer_can_quote(packet, between))
		return BL_DROP;
	/* What is begun cannot be quoted: the device would write its sum into the quotation. */
	if (!BL_HOOK_IS_XDP &&
	    (bl_load(ctx, packet->l4 + (packet->tuple.protocol == IPPROTO_UDP ? 6 : 16), &check,
		     sizeof(check)) ||
	     bl_is_begun(packet, check)))
		return BL_DROP;
	if (!bl_answer_may())
		return BL_DROP;
	bl_icmp_set(&header, packet, kind, mtu);
	if (bl_cut(ctx, packet->l3 + quoted) || bl_answer_swap_macs(ctx) ||
	    bl_keep_head(ctx, head, packet->l3) || bl_grow(ctx, ip_len + sizeof(header)) ||
	    bl_move_head(ctx, head, packet->l3))
		return BL_DROP;
	return bl_answer_finish(ctx, packet, &header, quoted);
}

/* Nobody is there to answer. */
static __always_inline int bl_answer_refusal(struct bl_context *ctx, const struct bl_packet *packet)
{
	if (packet->fragment == BL_FRAGMENT_LATER)
		return BL_DROP;
	if (packet->tuple.protocol == IPPROTO_TCP)
		return bl_answer_reset(ctx, packet);
	return bl_answer_icmp(ctx, packet, BL_ANSWER_UNREACHABLE, 0);
}

#endif
