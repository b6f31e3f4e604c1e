/* SPDX-License-Identifier: GPL-2.0 */
/* IP headers of packets that are made here: answers, and what encapsulated packets travel in. */
#ifndef BPF_IP_HEADER_H
#define BPF_IP_HEADER_H

#include <linux/ip.h>
#include <linux/ipv6.h>

#include <bpf/bpf_endian.h>

#include "csum.h"

#define BL_IP_DF 0x4000
#define BL_IP_TTL 64 /* of what starts here */

/* `payload`: bytes behind the header. */
static __always_inline void bl_put_ipv4(struct iphdr *ip, const union bl_ip *source,
					const union bl_ip *destination, __u8 protocol,
					__u16 payload)
{
	const __u32 *words = (const __u32 *)ip;
	__u32 sum = 0;

	__builtin_memset(ip, 0, sizeof(*ip));
	ip->version = 4;
	ip->ihl = sizeof(*ip) / 4;
	ip->tot_len = bpf_htons(payload + sizeof(*ip));
	ip->frag_off = bpf_htons(BL_IP_DF);
	ip->ttl = BL_IP_TTL;
	ip->protocol = protocol;
	ip->saddr = source->words[0];
	ip->daddr = destination->words[0];
	for (__u32 i = 0; i < sizeof(*ip) / sizeof(*words); i++)
		sum = bl_csum_add(sum, words[i]);
	ip->check = (__u16)~bl_csum_fold(sum);
}

static __always_inline void bl_put_ipv6(struct ipv6hdr *ip, const union bl_ip *source,
					const union bl_ip *destination, __u8 protocol,
					__u16 payload)
{
	__builtin_memset(ip, 0, 4);
	ip->version = 6;
	ip->payload_len = bpf_htons(payload);
	ip->nexthdr = protocol;
	ip->hop_limit = BL_IP_TTL;
	*(union bl_ip *)&ip->saddr = *source;
	*(union bl_ip *)&ip->daddr = *destination;
}

static __always_inline void bl_put_ip(void *place, __u8 family, const union bl_ip *source,
				      const union bl_ip *destination, __u8 protocol, __u16 payload)
{
	if (family == BL_FAMILY_IPV4)
		bl_put_ipv4(place, source, destination, protocol, payload);
	else
		bl_put_ipv6(place, source, destination, protocol, payload);
}

#endif
