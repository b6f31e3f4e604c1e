/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * IP addresses and prefixes of both families in one type. Bytes are in network order; an IPv4
 * address fills the first four and leaves zeros. Text goes in and out in canonical form only:
 * leading zeros and IPv4-mapped IPv6 are refused on input, as Kubernetes does (KEP-4858).
 */
#ifndef BASE_ADDR_H
#define BASE_ADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "beeline/abi.h"

#define BL_ADDR_TEXT 46 /* INET6_ADDRSTRLEN */
#define BL_PREFIX_TEXT (BL_ADDR_TEXT + 4)

struct bl_addr {
	union bl_ip ip;
	uint8_t family; /* enum bl_family; 0: no address */
};

struct bl_prefix {
	struct bl_addr addr; /* host bits are zero */
	uint8_t bits;
};

/* -EINVAL when `text` is no canonical address; `ret` is untouched then. */
int bl_addr_parse(const char *text, struct bl_addr *ret);
/* As above, but reads what older manifests hold: leading zeros as decimal, IPv4-mapped as IPv4. */
int bl_addr_parse_lenient(const char *text, struct bl_addr *ret);
/* Writes the address into `buffer` and returns it; an empty string for no address. */
const char *bl_addr_format(const struct bl_addr *addr, char buffer[static BL_ADDR_TEXT]);
bool bl_addr_equal(const struct bl_addr *a, const struct bl_addr *b);
/* Order: IPv4 before IPv6, then by bytes. */
int bl_addr_compare(const struct bl_addr *a, const struct bl_addr *b);
bool bl_addr_is_loopback(const struct bl_addr *addr);
bool bl_addr_is_unspecified(const struct bl_addr *addr);
bool bl_addr_is_link_local(const struct bl_addr *addr);
bool bl_addr_is_multicast(const struct bl_addr *addr);
/* Bits of an address of this family: 32 or 128. */
unsigned int bl_addr_bits(const struct bl_addr *addr);

/* addr + offset; false on overflow beyond the family's last address. */
bool bl_addr_add(const struct bl_addr *addr, uint64_t offset, struct bl_addr *ret);
/* a - b as an unsigned number; UINT64_MAX when it does not fit. Same family, a >= b. */
uint64_t bl_addr_distance(const struct bl_addr *a, const struct bl_addr *b);

/* "10.96.0.0/16"; -EINVAL unless canonical (host bits zero). */
int bl_prefix_parse(const char *text, struct bl_prefix *ret);
/* As above, but reads an address as bl_addr_parse_lenient does, and drops host bits. */
int bl_prefix_parse_lenient(const char *text, struct bl_prefix *ret);
const char *bl_prefix_format(const struct bl_prefix *prefix, char buffer[static BL_PREFIX_TEXT]);
bool bl_prefix_contains(const struct bl_prefix *prefix, const struct bl_addr *addr);

/* Fills a sockaddr; `port` in host order. Returns its length. */
socklen_t bl_addr_to_sockaddr(const struct bl_addr *addr, uint16_t port,
			      struct sockaddr_storage *ret);
/* -EAFNOSUPPORT for other families. IPv4-mapped IPv6 becomes IPv4. `ret_port` may be NULL. */
int bl_addr_from_sockaddr(const struct sockaddr *sockaddr, struct bl_addr *ret, uint16_t *ret_port);

#endif
