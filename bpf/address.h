/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Addresses as the socket programs see them. Pure: no helper, no map; tests compile it natively.
 * An IPv4-mapped IPv6 address is IPv4 here, so that both kinds of sockets share frontends; the
 * entry points turn it back when they write to an IPv6 socket.
 */
#ifndef BPF_ADDRESS_H
#define BPF_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>

#include "beeline/abi.h"

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define BL_MAPPED_WORD 0xffff0000u /* ::ffff: as the third word in network order */
#else
#define BL_MAPPED_WORD 0x0000ffffu
#endif

/* Where a program wants to go, or where a datagram came from. */
struct bl_destination {
	union bl_ip address;
	__be16 port;
	__u8 family;    /* enum bl_family */
	__u16 protocol; /* as wide as the kernel's: MPTCP is 262 */
};

static inline bool bl_ip_equal(const union bl_ip *a, const union bl_ip *b)
{
	return a->words[0] == b->words[0] && a->words[1] == b->words[1] &&
	       a->words[2] == b->words[2] && a->words[3] == b->words[3];
}

static inline bool bl_ip_is_zero(const union bl_ip *ip)
{
	return !(ip->words[0] | ip->words[1] | ip->words[2] | ip->words[3]);
}

static inline bool bl_ip_is_mapped(const union bl_ip *ip)
{
	return !ip->words[0] && !ip->words[1] && ip->words[2] == BL_MAPPED_WORD;
}

static inline union bl_ip bl_ip_from_ipv4(__u32 word)
{
	union bl_ip ip = {.words = {word, 0, 0, 0}};

	return ip;
}

/* An address read from an IPv6 socket. */
static inline void bl_destination_set(struct bl_destination *dst, const union bl_ip *seen)
{
	if (bl_ip_is_mapped(seen)) {
		dst->family = BL_FAMILY_IPV4;
		dst->address = bl_ip_from_ipv4(seen->words[3]);
	} else {
		dst->family = BL_FAMILY_IPV6;
		dst->address = *seen;
	}
}

/* The address as an IPv6 socket shows it. */
static inline union bl_ip bl_ip_on_ipv6_socket(const union bl_ip *ip, __u8 family)
{
	union bl_ip mapped = {.words = {0, 0, BL_MAPPED_WORD, ip->words[0]}};

	return family == BL_FAMILY_IPV4 ? mapped : *ip;
}

#endif
