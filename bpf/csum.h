/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Internet checksums by difference (RFC 1624). Pure. Sums are of 16-bit words in network order, as
 * they stand in the packet, folded into 32 bits; which order does not matter to the arithmetic.
 */
#ifndef BPF_CSUM_H
#define BPF_CSUM_H

#include "address.h"

static inline __u32 bl_csum_add(__u32 a, __u32 b)
{
	__u64 sum = (__u64)a + b;

	return (__u32)sum + (__u32)(sum >> 32);
}

static inline __u16 bl_csum_fold(__u32 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return (__u16)((sum & 0xffff) + (sum >> 16));
}

static inline __u32 bl_csum_words(const __u32 from[4], const __u32 to[4])
{
	__u64 sum = 0;

	sum += (__u32)~from[0];
	sum += (__u32)~from[1];
	sum += (__u32)~from[2];
	sum += (__u32)~from[3];
	sum += to[0];
	sum += to[1];
	sum += to[2];
	sum += to[3];
	sum = (sum & 0xffffffff) + (sum >> 32);
	return (__u32)sum + (__u32)(sum >> 32);
}

/* What an address adds to a sum by becoming another one. */
static inline __u32 bl_csum_ip(const union bl_ip *from, const union bl_ip *to)
{
	return bl_csum_words(from->words, to->words);
}

/* The same for an address of IPv4. */
static inline __u32 bl_csum_32(__u32 from, __u32 to)
{
	return bl_csum_add(~from, to);
}

static inline __u32 bl_csum_16(__u16 from, __u16 to)
{
	return bl_csum_add((__u16)~from, to);
}

/* The checksum of a packet whose sum changed by `change`. */
static inline __u16 bl_csum_apply(__u16 checksum, __u32 change)
{
	return (__u16)~bl_csum_fold(bl_csum_add((__u16)~checksum, change));
}

/* The same for a transport header: UDP writes zero as all ones, because zero means no checksum. */
static inline __u16 bl_csum_transport(__u16 checksum, __u32 change, bool is_udp)
{
	if (is_udp && !checksum)
		return 0;
	checksum = bl_csum_apply(checksum, change);
	return is_udp && !checksum ? 0xffff : checksum;
}

#endif
