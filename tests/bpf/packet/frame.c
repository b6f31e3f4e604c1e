/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "frame.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <string.h>

static const char *const addresses[WHO_COUNT][2] = {
	[CLIENT] = {"198.51.100.7", "2001:db8:100::7"},
	[NEIGHBOUR] = {"192.0.2.77", "2001:db8:2::77"},
	[STRANGER] = {"203.0.113.9", "2001:db8:113::9"},
	[ROUTER] = {"192.0.2.254", "2001:db8:2::fe"},
	[NODE] = {"192.0.2.1", "2001:db8:2::1"},
	[NODE_INNER] = {"172.16.0.1", "fd00:16::1"},
	[VIP] = {"203.0.113.80", "2001:db8:80::80"},
	[OTHER_VIP] = {"203.0.113.81", "2001:db8:80::81"},
	[CLUSTER_IP] = {"10.96.0.10", "fd00:96::10"},
	[LOCAL_POD] = {"10.244.1.5", "fd00:244:1::5"},
	[OTHER_POD] = {"10.244.1.6", "fd00:244:1::6"},
	[REMOTE_POD] = {"10.244.2.5", "fd00:244:2::5"},
	[NARROW_POD] = {"10.244.3.5", "fd00:244:3::5"},
	[LOST_POD] = {"10.99.0.5", "fd00:99::5"},
	[UNKNOWN_POD] = {"172.16.0.99", "fd00:16::99"},
	[FAR_NODE] = {"172.16.0.2", "fd00:16::2"},
	[LOOPBACK] = {"127.0.0.1", "::1"},
	[FOREIGN] = {"192.0.2.200", "2001:db8:2::200"},
};

const char *address_of(enum who who, int family)
{
	cr_assert(who < WHO_COUNT && addresses[who][0]);
	return addresses[who][family == 6];
}

static void put16(uint8_t *at, uint16_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static void put32(uint8_t *at, uint32_t value)
{
	put16(at, (uint16_t)(value >> 16));
	put16(at + 2, (uint16_t)value);
}

static uint16_t get16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static uint32_t get32(const uint8_t *at)
{
	return (uint32_t)get16(at) << 16 | get16(at + 2);
}

/* RFC 1071 by the book: all 16-bit words, the last byte padded, carries folded in at the end. */
static uint64_t sum_of(const uint8_t *data, size_t len)
{
	uint64_t sum = 0;

	for (size_t i = 0; i + 1 < len; i += 2)
		sum += get16(data + i);
	if (len % 2)
		sum += (uint64_t)data[len - 1] << 8;
	return sum;
}

static uint16_t fold(uint64_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

static uint64_t pseudo_sum(const uint8_t *ip, int family, uint8_t protocol, size_t len)
{
	uint64_t sum = family == 4 ? sum_of(ip + 12, 8) : sum_of(ip + 8, 32);

	return sum + protocol + len;
}

static size_t put_ethernet(uint8_t *ret, int family, uint8_t tags, uint16_t vlan_id)
{
	static const uint8_t macs[12] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0xfe};
	size_t at = sizeof(macs);

	memcpy(ret, macs, sizeof(macs));
	for (uint8_t i = 0; i < tags; i++) {
		put16(ret + at, i + 1 < tags ? 0x88a8 : 0x8100);
		put16(ret + at + 2, i + 1 < tags ? 7 : vlan_id);
		at += 4;
	}
	put16(ret + at, family == 4 ? 0x0800 : 0x86dd);
	return at + 2;
}

static void put_address(uint8_t *at, int family, const char *text)
{
	cr_assert_eq(inet_pton(family == 4 ? AF_INET : AF_INET6, text, at), 1, "'%s'", text);
}

/* `len`: bytes behind the header. Returns the header's own length. */
static size_t put_ip(uint8_t *at, int family, uint8_t protocol, const char *from, const char *to,
		     size_t len, const struct frame *frame)
{
	size_t head = family == 4 ? 20 + frame->options * 4u : 40;
	bool is_fragment = frame->more_fragments || frame->fragment_at;

	memset(at, 0, 60);
	if (family == 4) {
		at[0] = (uint8_t)(0x40 | head / 4);
		put16(at + 2, (uint16_t)(head + len));
		put16(at + 4, frame->fragment_id);
		put16(at + 6, (uint16_t)((frame->more_fragments ? 0x2000 : 0) | frame->fragment_at |
					 (is_fragment ? 0 : 0x4000)));
		at[8] = frame->ttl ? frame->ttl : 64;
		at[9] = protocol;
		put_address(at + 12, 4, from);
		put_address(at + 16, 4, to);
		memset(at + 20, 1, frame->options * 4u); /* no operation */
		put16(at + 10, (uint16_t)~fold(sum_of(at, head)));
		return head;
	}
	at[0] = 0x60;
	at[6] = protocol;
	at[7] = frame->ttl ? frame->ttl : 64;
	put_address(at + 8, 6, from);
	put_address(at + 24, 6, to);
	if (frame->options) {
		at[6] = 60; /* destination options: one padding */
		memset(at + head, 0, frame->options * 8u);
		at[head] = protocol;
		at[head + 1] = (uint8_t)(frame->options - 1);
		at[head + 2] = 1;
		at[head + 3] = (uint8_t)(frame->options * 8u - 4);
		head += frame->options * 8u;
	}
	if (is_fragment) {
		at[6] = 44;
		at[head] = protocol;
		at[head + 1] = 0;
		put16(at + head + 2, (uint16_t)(frame->fragment_at << 3 | frame->more_fragments));
		put32(at + head + 4, frame->fragment_id);
		head += 8;
	}
	put16(at + 4, (uint16_t)(head - 40 + len));
	return head;
}

static size_t put_transport(uint8_t *at, int protocol, const struct frame *frame)
{
	size_t head = protocol == IPPROTO_TCP ? 20 : 8;

	memset(at, 0, head);
	put16(at, frame->from_port);
	put16(at + 2, frame->to_port);
	if (protocol == IPPROTO_TCP) {
		put32(at + 4, frame->sequence ? frame->sequence : 1000);
		put32(at + 8, frame->acknowledged  ? frame->acknowledged
			      : frame->flags & ACK ? 5000
						   : 0);
		at[12] = 0x50;
		at[13] = frame->flags;
		put16(at + 14, 64000);
	} else {
		put16(at + 4, (uint16_t)(8 + frame->payload));
	}
	for (size_t i = 0; i < frame->payload; i++)
		at[head + i] = (uint8_t)(i * 7 + 3);
	return head + frame->payload;
}

size_t frame_make(uint8_t *ret, int family, int protocol, const struct frame *frame)
{
	size_t l3 = put_ethernet(ret, family, frame->tags, frame->vlan_id), l4, len;
	uint8_t body[FRAME_MAX];
	uint8_t *check;

	cr_assert_lt(frame->payload, FRAME_MAX - 200);
	if (frame->fragment_at) {
		memset(body, 0x5a, frame->payload);
		len = frame->payload;
	} else {
		len = put_transport(body, protocol, frame);
	}
	l4 = l3 + put_ip(ret + l3, family, (uint8_t)protocol, address_of(frame->from, family),
			 address_of(frame->to, family), len, frame);
	memcpy(ret + l4, body, len);
	if (frame->fragment_at || frame->without_checksum)
		return l4 + len;
	check = ret + l4 + (protocol == IPPROTO_TCP ? 16 : 6);
	put16(check, (uint16_t)~fold(sum_of(ret + l4, len) +
				     pseudo_sum(ret + l3, family, (uint8_t)protocol, len)));
	return l4 + len;
}

static void sum_icmp(uint8_t *frame, size_t l3, size_t l4, size_t len, int family)
{
	uint64_t sum = sum_of(frame + l4, len);

	if (family == 6)
		sum += pseudo_sum(frame + l3, 6, 58, len);
	put16(frame + l4 + 2, (uint16_t)~fold(sum));
}

size_t frame_make_error(uint8_t *ret, int family, int protocol, enum who reporter, enum who to,
			const struct ends *inner, uint8_t type, uint8_t code, uint32_t value)
{
	const struct frame plain = {.from_port = inner->from_port,
				    .to_port = inner->to_port,
				    .flags = ACK,
				    .payload = 60};
	size_t l3 = put_ethernet(ret, family, 0, 0), l4, quoted, len;
	uint8_t quote[FRAME_MAX], *check;

	len = put_transport(quote + (family == 4 ? 20 : 40), protocol, &plain);
	quoted = put_ip(quote, family, (uint8_t)protocol, inner->from, inner->to, len, &plain);
	/* put_ip clears room for options. */
	len = put_transport(quote + quoted, protocol, &plain);
	check = quote + quoted + (protocol == IPPROTO_TCP ? 16 : 6);
	put16(check, (uint16_t)~fold(sum_of(quote + quoted, len) +
				     pseudo_sum(quote, family, (uint8_t)protocol, len)));
	quoted += len;
	l4 = l3 + put_ip(ret + l3, family, family == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6,
			 address_of(reporter, family), address_of(to, family), quoted + 8,
			 &(struct frame){0});
	memset(ret + l4, 0, 8);
	ret[l4] = type;
	ret[l4 + 1] = code;
	put32(ret + l4 + 4, value);
	memcpy(ret + l4 + 8, quote, quoted);
	sum_icmp(ret, l3, l4, quoted + 8, family);
	return l4 + 8 + quoted;
}

size_t frame_make_echo(uint8_t *ret, int family, enum who from, enum who to)
{
	size_t l3 = put_ethernet(ret, family, 0, 0), l4;

	l4 = l3 + put_ip(ret + l3, family, family == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6,
			 address_of(from, family), address_of(to, family), 8 + 56,
			 &(struct frame){0});
	memset(ret + l4, 0x42, 8 + 56);
	ret[l4] = family == 4 ? 8 : 128;
	put32(ret + l4, (uint32_t)ret[l4] << 24);
	sum_icmp(ret, l3, l4, 8 + 56, family);
	return l4 + 8 + 56;
}

size_t frame_wrap(uint8_t *ret, int family, enum who from, enum who to, const uint8_t *inner,
		  size_t len)
{
	size_t l3 = put_ethernet(ret, family, 0, 0), l4;

	l4 = l3 + put_ip(ret + l3, family, family == 4 ? IPPROTO_IPIP : IPPROTO_IPV6,
			 address_of(from, family), address_of(to, family), len - 14,
			 &(struct frame){0});
	memcpy(ret + l4, inner + 14, len - 14);
	return l4 + len - 14;
}

static size_t read_ip(const uint8_t *ip, size_t len, struct seen *ret)
{
	size_t head;

	if (ip[0] >> 4 == 4) {
		head = (ip[0] & 15) * 4u;
		ret->family = 4;
		ret->length = get16(ip + 2);
		ret->ttl = ip[8];
		ret->protocol = ip[9];
		(void)inet_ntop(AF_INET, ip + 12, ret->from, sizeof(ret->from));
		(void)inet_ntop(AF_INET, ip + 16, ret->to, sizeof(ret->to));
		if (fold(sum_of(ip, head)) != 0xffff)
			ret->wrong = "checksum of the IPv4 header";
	} else {
		head = 40;
		ret->family = 6;
		ret->length = (uint16_t)(get16(ip + 4) + 40);
		ret->protocol = ip[6];
		ret->ttl = ip[7];
		(void)inet_ntop(AF_INET6, ip + 8, ret->from, sizeof(ret->from));
		(void)inet_ntop(AF_INET6, ip + 24, ret->to, sizeof(ret->to));
		while (ret->protocol == 60 || ret->protocol == 44) {
			ret->protocol = ip[head];
			head += ip[6] == 44 ? 8 : (ip[head + 1] + 1u) * 8;
		}
	}
	if (ret->length > len)
		ret->wrong = "length of the IP header";
	return head;
}

/* `whole`: all of it is there, so its sum can be checked. */
static void read_transport(const uint8_t *ip, size_t head, bool whole, struct seen *ret)
{
	const uint8_t *at = ip + head;
	size_t len = ret->length - head;
	bool is_icmp = ret->protocol == IPPROTO_ICMP || ret->protocol == IPPROTO_ICMPV6;
	uint64_t pseudo =
		ret->protocol == IPPROTO_ICMP ? 0 : pseudo_sum(ip, ret->family, ret->protocol, len);

	if (is_icmp) {
		ret->icmp_type = at[0];
		ret->icmp_code = at[1];
		ret->mtu = get32(at + 4);
	} else if (ret->protocol == IPPROTO_TCP || ret->protocol == IPPROTO_UDP) {
		ret->from_port = get16(at);
		ret->to_port = get16(at + 2);
	} else {
		return;
	}
	if (!whole)
		return;
	if (ret->protocol == IPPROTO_TCP) {
		ret->flags = at[13];
		ret->sequence = get32(at + 4);
		ret->acknowledged = get32(at + 8);
	}
	if (ret->protocol == IPPROTO_UDP && ret->family == 4 && !get16(at + 6))
		return;
	if (fold(sum_of(at, len) + pseudo) != 0xffff)
		ret->wrong = "checksum of the transport header";
}

static bool is_fragment(const uint8_t *ip)
{
	return ip[0] >> 4 == 4 ? get16(ip + 6) & 0x3fff : ip[6] == 44;
}

void frame_read(const uint8_t *data, size_t len, struct seen *ret)
{
	size_t at = 12;

	memset(ret, 0, sizeof(*ret));
	memcpy(ret->to_mac, data, 6);
	while (get16(data + at) == 0x8100 || get16(data + at) == 0x88a8) {
		ret->vlan_id = get16(data + at + 2);
		ret->tags++;
		at += 4;
	}
	ret->at = at + 2;
	if (get16(data + at) != 0x0800 && get16(data + at) != 0x86dd) {
		ret->wrong = "no IP packet";
		return;
	}
	ret->payload = ret->at + read_ip(data + ret->at, len - ret->at, ret);
	read_transport(data + ret->at, ret->payload - ret->at,
		       !is_fragment(data + ret->at) && !ret->wrong, ret);
}

void frame_read_inner(const uint8_t *data, size_t len, struct seen *ret)
{
	struct seen outer;
	bool is_error;
	size_t head;

	frame_read(data, len, &outer);
	is_error = outer.protocol == IPPROTO_ICMP || outer.protocol == IPPROTO_ICMPV6;
	memset(ret, 0, sizeof(*ret));
	ret->at = outer.payload + (is_error ? 8 : 0);
	head = read_ip(data + ret->at, SIZE_MAX, ret);
	ret->payload = ret->at + head;
	read_transport(data + ret->at, head, ret->at + ret->length <= len, ret);
}
