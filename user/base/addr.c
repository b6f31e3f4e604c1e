/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/addr.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const uint8_t mapped_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static bool is_mapped(const uint8_t bytes[16])
{
	return memcmp(bytes, mapped_prefix, sizeof(mapped_prefix)) == 0;
}

int bl_addr_parse(const char *text, struct bl_addr *ret)
{
	struct bl_addr addr = {0};

	/* inet_pton refuses leading zeros in IPv4 by itself. */
	if (inet_pton(AF_INET, text, addr.ip.ipv4) == 1) {
		addr.family = BL_FAMILY_IPV4;
	} else if (inet_pton(AF_INET6, text, addr.ip.ipv6) == 1) {
		if (is_mapped(addr.ip.ipv6))
			return -EINVAL;
		addr.family = BL_FAMILY_IPV6;
	} else {
		return -EINVAL;
	}
	*ret = addr;
	return 0;
}

/* Four decimal numbers, leading zeros allowed. */
static int parse_ipv4_decimal(const char *text, struct bl_addr *ret)
{
	struct bl_addr addr = {.family = BL_FAMILY_IPV4};
	const char *cursor = text;

	for (int i = 0; i < 4; i++) {
		size_t digits = strspn(cursor, "0123456789");
		unsigned long value = strtoul(cursor, NULL, 10);

		if (digits == 0 || digits > 15 || value > 255)
			return -EINVAL;
		addr.ip.ipv4[i] = (uint8_t)value;
		cursor += digits;
		if (*cursor != (i < 3 ? '.' : '\0'))
			return -EINVAL;
		cursor++;
	}
	*ret = addr;
	return 0;
}

int bl_addr_parse_lenient(const char *text, struct bl_addr *ret)
{
	uint8_t bytes[16];

	if (bl_addr_parse(text, ret) == 0)
		return 0;
	if (inet_pton(AF_INET6, text, bytes) == 1) {
		*ret = (struct bl_addr){.family = BL_FAMILY_IPV4};
		memcpy(ret->ip.ipv4, bytes + 12, 4);
		return 0;
	}
	return parse_ipv4_decimal(text, ret);
}

static char *put_octet(char *at, unsigned int octet)
{
	if (octet >= 100)
		*at++ = (char)('0' + octet / 100);
	if (octet >= 10)
		*at++ = (char)('0' + octet / 10 % 10);
	*at++ = (char)('0' + octet % 10);
	return at;
}

/* Of a hundred thousand endpoints, inet_ntop would take a good part of a start. */
static void format_ipv4(const uint8_t octets[4], char *at)
{
	for (int i = 0; i < 4; i++) {
		at = put_octet(at, octets[i]);
		*at++ = i < 3 ? '.' : '\0';
	}
}

const char *bl_addr_format(const struct bl_addr *addr, char buffer[static BL_ADDR_TEXT])
{
	buffer[0] = '\0';
	if (addr->family == BL_FAMILY_IPV4)
		format_ipv4(addr->ip.ipv4, buffer);
	else if (addr->family != 0)
		(void)inet_ntop(addr->family, &addr->ip, buffer, BL_ADDR_TEXT);
	return buffer;
}

unsigned int bl_addr_bits(const struct bl_addr *addr)
{
	return addr->family == BL_FAMILY_IPV4 ? 32 : 128;
}

bool bl_addr_equal(const struct bl_addr *a, const struct bl_addr *b)
{
	return bl_addr_compare(a, b) == 0;
}

int bl_addr_compare(const struct bl_addr *a, const struct bl_addr *b)
{
	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	return memcmp(&a->ip, &b->ip, sizeof(a->ip));
}

bool bl_addr_is_loopback(const struct bl_addr *addr)
{
	if (addr->family == BL_FAMILY_IPV4)
		return addr->ip.ipv4[0] == 127;
	return addr->family == BL_FAMILY_IPV6 &&
	       memcmp(addr->ip.ipv6, &in6addr_loopback, sizeof(in6addr_loopback)) == 0;
}

bool bl_addr_is_unspecified(const struct bl_addr *addr)
{
	return (addr->ip.words[0] | addr->ip.words[1] | addr->ip.words[2] | addr->ip.words[3]) == 0;
}

bool bl_addr_is_link_local(const struct bl_addr *addr)
{
	if (addr->family == BL_FAMILY_IPV4)
		return addr->ip.ipv4[0] == 169 && addr->ip.ipv4[1] == 254;
	return addr->ip.ipv6[0] == 0xfe && (addr->ip.ipv6[1] & 0xc0) == 0x80;
}

bool bl_addr_is_multicast(const struct bl_addr *addr)
{
	if (addr->family == BL_FAMILY_IPV4)
		return (addr->ip.ipv4[0] & 0xf0) == 0xe0;
	return addr->ip.ipv6[0] == 0xff;
}

bool bl_addr_add(const struct bl_addr *addr, uint64_t offset, struct bl_addr *ret)
{
	struct bl_addr sum = *addr;
	uint64_t carry = offset;

	for (int i = (int)(bl_addr_bits(addr) / 8) - 1; i >= 0; i--) {
		uint64_t byte = sum.ip.ipv6[i] + (carry & 0xff);

		sum.ip.ipv6[i] = (uint8_t)byte;
		carry = (carry >> 8) + (byte >> 8);
	}
	if (carry != 0)
		return false;
	*ret = sum;
	return true;
}

uint64_t bl_addr_distance(const struct bl_addr *a, const struct bl_addr *b)
{
	unsigned int len = bl_addr_bits(a) / 8;
	uint8_t difference[16] = {0};
	int borrow = 0;
	uint64_t value = 0;

	assert(a->family == b->family);
	for (int i = (int)len - 1; i >= 0; i--) {
		int byte = a->ip.ipv6[i] - b->ip.ipv6[i] - borrow;

		borrow = byte < 0;
		difference[i] = (uint8_t)byte;
	}
	for (unsigned int i = 0; i < len; i++) {
		if (value >> 56)
			return UINT64_MAX;
		value = value << 8 | difference[i];
	}
	return value;
}

/* Clears all bits behind the first `bits`. */
static void mask_bytes(uint8_t bytes[16], unsigned int bits)
{
	for (unsigned int i = 0; i < 16; i++) {
		unsigned int keep = bits > i * 8 ? bits - i * 8 : 0;

		if (keep < 8)
			bytes[i] &= (uint8_t)(0xff00u >> keep);
	}
}

static int parse_prefix(const char *text, int (*parse_addr)(const char *, struct bl_addr *),
			struct bl_prefix *ret)
{
	char buffer[BL_ADDR_TEXT];
	struct bl_prefix prefix = {0};
	const char *slash = strchr(text, '/');
	char *end;

	if (!slash || (size_t)(slash - text) >= sizeof(buffer))
		return -EINVAL;
	memcpy(buffer, text, (size_t)(slash - text));
	buffer[slash - text] = '\0';
	if (parse_addr(buffer, &prefix.addr) < 0)
		return -EINVAL;

	if (slash[1] < '0' || slash[1] > '9' || (slash[1] == '0' && slash[2] != '\0'))
		return -EINVAL;
	unsigned long bits = strtoul(slash + 1, &end, 10);
	if (*end != '\0' || bits > bl_addr_bits(&prefix.addr))
		return -EINVAL;

	prefix.bits = (uint8_t)bits;
	*ret = prefix;
	return 0;
}

int bl_prefix_parse(const char *text, struct bl_prefix *ret)
{
	struct bl_prefix prefix;
	union bl_ip masked;
	int r = parse_prefix(text, bl_addr_parse, &prefix);

	if (r < 0)
		return r;
	masked = prefix.addr.ip;
	mask_bytes(masked.ipv6, prefix.bits);
	if (memcmp(&masked, &prefix.addr.ip, sizeof(masked)) != 0)
		return -EINVAL;
	*ret = prefix;
	return 0;
}

int bl_prefix_parse_lenient(const char *text, struct bl_prefix *ret)
{
	struct bl_prefix prefix;
	int r = parse_prefix(text, bl_addr_parse_lenient, &prefix);

	if (r < 0)
		return r;
	mask_bytes(prefix.addr.ip.ipv6, prefix.bits);
	*ret = prefix;
	return 0;
}

const char *bl_prefix_format(const struct bl_prefix *prefix, char buffer[static BL_PREFIX_TEXT])
{
	char address[BL_ADDR_TEXT];

	(void)snprintf(buffer, BL_PREFIX_TEXT, "%s/%u", bl_addr_format(&prefix->addr, address),
		       prefix->bits);
	return buffer;
}

bool bl_prefix_contains(const struct bl_prefix *prefix, const struct bl_addr *addr)
{
	union bl_ip masked = addr->ip;

	if (prefix->addr.family != addr->family)
		return false;
	mask_bytes(masked.ipv6, prefix->bits);
	return memcmp(&masked, &prefix->addr.ip, sizeof(masked)) == 0;
}

socklen_t bl_addr_to_sockaddr(const struct bl_addr *addr, uint16_t port,
			      struct sockaddr_storage *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (addr->family == BL_FAMILY_IPV4) {
		struct sockaddr_in *in = (struct sockaddr_in *)ret;

		in->sin_family = AF_INET;
		in->sin_port = htons(port);
		memcpy(&in->sin_addr, addr->ip.ipv4, 4);
		return sizeof(*in);
	}
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ret;

	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons(port);
	memcpy(&in6->sin6_addr, addr->ip.ipv6, 16);
	return sizeof(*in6);
}

int bl_addr_from_sockaddr(const struct sockaddr *sockaddr, struct bl_addr *ret, uint16_t *ret_port)
{
	struct bl_addr addr = {0};
	in_port_t port_be;

	if (sockaddr->sa_family == AF_INET) {
		struct sockaddr_in in;

		memcpy(&in, sockaddr, sizeof(in));
		addr.family = BL_FAMILY_IPV4;
		memcpy(addr.ip.ipv4, &in.sin_addr, 4);
		port_be = in.sin_port;
	} else if (sockaddr->sa_family == AF_INET6) {
		struct sockaddr_in6 in6;

		memcpy(&in6, sockaddr, sizeof(in6));
		port_be = in6.sin6_port;
		if (is_mapped(in6.sin6_addr.s6_addr)) {
			addr.family = BL_FAMILY_IPV4;
			memcpy(addr.ip.ipv4, in6.sin6_addr.s6_addr + 12, 4);
		} else {
			addr.family = BL_FAMILY_IPV6;
			memcpy(addr.ip.ipv6, &in6.sin6_addr, 16);
		}
	} else {
		return -EAFNOSUPPORT;
	}
	*ret = addr;
	if (ret_port)
		*ret_port = ntohs(port_be);
	return 0;
}
