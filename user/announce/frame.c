/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "announce/frame.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_arp.h>
#include <linux/if_ether.h>
#include <netinet/icmp6.h>
#include <netinet/ip6.h>
#include <string.h>

#define ONE_LINK_HOPS 255 /* RFC 4861: a router in between would have made it less */

struct arp {
	struct ethhdr eth;
	uint16_t hardware;
	uint16_t protocol;
	uint8_t hardware_len;
	uint8_t protocol_len;
	uint16_t operation;
	uint8_t sender_mac[BL_MAC_LEN];
	uint8_t sender[4];
	uint8_t target_mac[BL_MAC_LEN];
	uint8_t target[4];
} __attribute__((packed));

struct link_option {
	uint8_t type;
	uint8_t length; /* in eights */
	uint8_t mac[BL_MAC_LEN];
} __attribute__((packed));

/* Solicitations and advertisements differ in their type and flags alone. */
struct neighbour {
	uint8_t type;
	uint8_t code;
	uint16_t check;
	uint32_t flags;
	uint8_t target[16];
} __attribute__((packed));

struct frame6 {
	struct ethhdr eth;
	struct ip6_hdr ip;
	struct neighbour message;
	struct link_option option; /* not there in questions */
} __attribute__((packed));

#define ADDRESSES6 (sizeof(struct ethhdr) + 8) /* where they begin */

static const uint8_t broadcast[BL_MAC_LEN] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
static const uint8_t all_nodes_mac[BL_MAC_LEN] = {0x33, 0x33, 0, 0, 0, 1};
static const uint8_t all_nodes[16] = {0xff, 2, [15] = 1};

static struct bl_addr address4(const uint8_t bytes[static 4])
{
	struct bl_addr address = {.family = BL_FAMILY_IPV4};

	memcpy(address.ip.ipv4, bytes, 4);
	return address;
}

static struct bl_addr address6(const void *bytes)
{
	struct bl_addr address = {.family = BL_FAMILY_IPV6};

	memcpy(address.ip.ipv6, bytes, 16);
	return address;
}

struct bl_addr bl_frame_group(const struct bl_addr *address)
{
	static const uint8_t prefix[16] = {0xff, 2, [11] = 1, [12] = 0xff};
	struct bl_addr group = address6(prefix);

	memcpy(group.ip.ipv6 + 13, address->ip.ipv6 + 13, 3);
	return group;
}

static int parse_arp(const uint8_t *bytes, size_t len, struct bl_frame *ret)
{
	struct arp arp;

	if (len < sizeof(arp))
		return -EBADMSG;
	memcpy(&arp, bytes, sizeof(arp));
	if (arp.hardware != htons(ARPHRD_ETHER) || arp.protocol != htons(ETH_P_IP) ||
	    arp.hardware_len != BL_MAC_LEN || arp.protocol_len != 4)
		return -ENOENT;
	if (arp.operation != htons(ARPOP_REQUEST) && arp.operation != htons(ARPOP_REPLY))
		return -ENOENT;
	*ret = (struct bl_frame){.kind = BL_FRAME_TELL, .sender = address4(arp.sender)};
	memcpy(ret->mac, arp.sender_mac, BL_MAC_LEN);
	/* A gratuitous request asks for what it tells. */
	if (arp.operation == htons(ARPOP_REPLY) || !memcmp(arp.sender, arp.target, 4)) {
		ret->address = ret->sender;
		return 0;
	}
	ret->kind = BL_FRAME_ASK;
	ret->address = address4(arp.target);
	return 0;
}

/* The sum over pseudo-header and message of a frame that carries `len` bytes behind its IP header.
 */
static uint16_t checksum6(const uint8_t *frame, size_t len)
{
	const uint8_t *at = frame + ADDRESSES6; /* the message follows the addresses */
	uint32_t sum = (uint32_t)len + IPPROTO_ICMPV6;

	len += 2 * sizeof(struct in6_addr);
	for (size_t i = 0; i < len; i += 2)
		sum += (uint32_t)(at[i] << 8 | (i + 1 < len ? at[i + 1] : 0));
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

/* The link-layer address that the options name; else the frame's own sender. */
static int find_mac(const uint8_t *options, size_t len, uint8_t type, uint8_t *ret)
{
	while (len > 0) {
		size_t size = len >= 2 ? options[1] * 8u : 0;

		if (size == 0 || size > len)
			return -EBADMSG;
		if (options[0] == type && size == sizeof(struct link_option))
			memcpy(ret, options + 2, BL_MAC_LEN);
		options += size;
		len -= size;
	}
	return 0;
}

static int parse_neighbour(const uint8_t *bytes, size_t len, struct bl_frame *ret)
{
	const size_t before = sizeof(struct ethhdr) + sizeof(struct ip6_hdr);
	struct frame6 frame;
	struct bl_frame found = {0};
	size_t size;
	bool asks;

	if (len < before)
		return -EBADMSG;
	memcpy(&frame, bytes, before);
	if (frame.ip.ip6_nxt != IPPROTO_ICMPV6)
		return -ENOENT;
	size = ntohs(frame.ip.ip6_plen);
	if (size < sizeof(frame.message) || len - before < size)
		return -EBADMSG;
	memcpy(&frame.message, bytes + before, sizeof(frame.message));
	asks = frame.message.type == ND_NEIGHBOR_SOLICIT;
	if (!asks && frame.message.type != ND_NEIGHBOR_ADVERT)
		return -ENOENT;
	if (frame.message.code != 0 || frame.ip.ip6_hlim != ONE_LINK_HOPS ||
	    checksum6(bytes, size) != 0)
		return -EBADMSG;
	found.kind = asks ? BL_FRAME_ASK : BL_FRAME_TELL;
	found.address = address6(frame.message.target);
	found.sender = address6(&frame.ip.ip6_src);
	memcpy(found.mac, frame.eth.h_source, BL_MAC_LEN);
	if (find_mac(bytes + before + sizeof(frame.message), size - sizeof(frame.message),
		     asks ? ND_OPT_SOURCE_LINKADDR : ND_OPT_TARGET_LINKADDR, found.mac) < 0)
		return -EBADMSG;
	*ret = found;
	return 0;
}

int bl_frame_parse(const uint8_t *bytes, size_t len, struct bl_frame *ret)
{
	struct ethhdr eth;

	if (len < sizeof(eth))
		return -EBADMSG;
	memcpy(&eth, bytes, sizeof(eth));
	if (eth.h_proto == htons(ETH_P_ARP))
		return parse_arp(bytes, len, ret);
	return eth.h_proto == htons(ETH_P_IPV6) ? parse_neighbour(bytes, len, ret) : -ENOENT;
}

static size_t write_arp(uint16_t operation, const struct bl_addr *sender,
			const struct bl_addr *target, const uint8_t *mac, const uint8_t *to,
			uint8_t *ret)
{
	struct arp arp = {
		.eth = {.h_proto = htons(ETH_P_ARP)},
		.hardware = htons(ARPHRD_ETHER),
		.protocol = htons(ETH_P_IP),
		.hardware_len = BL_MAC_LEN,
		.protocol_len = 4,
		.operation = htons(operation),
	};

	memcpy(arp.eth.h_source, mac, BL_MAC_LEN);
	memcpy(arp.eth.h_dest, to, BL_MAC_LEN);
	memcpy(arp.sender_mac, mac, BL_MAC_LEN);
	memcpy(arp.sender, sender->ip.ipv4, 4);
	memcpy(arp.target, target->ip.ipv4, 4);
	if (operation == ARPOP_REPLY)
		memcpy(arp.target_mac, to, BL_MAC_LEN);
	memcpy(ret, &arp, sizeof(arp));
	return sizeof(arp);
}

/* The message's type, flags and addresses are there; `option` 0: none. */
static size_t write_frame6(struct frame6 *frame, const uint8_t *mac, const uint8_t *to,
			   uint8_t option, uint8_t *ret)
{
	size_t size = sizeof(frame->message) + (option ? sizeof(frame->option) : 0);

	memcpy(frame->eth.h_source, mac, BL_MAC_LEN);
	memcpy(frame->eth.h_dest, to, BL_MAC_LEN);
	frame->eth.h_proto = htons(ETH_P_IPV6);
	frame->ip.ip6_vfc = 6 << 4;
	frame->ip.ip6_plen = htons((uint16_t)size);
	frame->ip.ip6_nxt = IPPROTO_ICMPV6;
	frame->ip.ip6_hlim = ONE_LINK_HOPS;
	frame->option.type = option;
	frame->option.length = 1;
	memcpy(frame->option.mac, mac, BL_MAC_LEN);
	frame->message.check = 0;
	memcpy(ret, frame, sizeof(*frame));
	frame->message.check = checksum6(ret, size);
	memcpy(ret, frame, sizeof(*frame));
	return sizeof(*frame) - sizeof(frame->message) - sizeof(frame->option) + size;
}

static size_t ask6(const struct bl_addr *address, const uint8_t *mac, uint8_t *ret)
{
	struct bl_addr group = bl_frame_group(address);
	struct frame6 frame = {.message = {.type = ND_NEIGHBOR_SOLICIT}};
	uint8_t to[BL_MAC_LEN] = {0x33, 0x33};

	memcpy(to + 2, group.ip.ipv6 + 12, 4);
	memcpy(&frame.ip.ip6_dst, group.ip.ipv6, 16);
	memcpy(frame.message.target, address->ip.ipv6, 16);
	return write_frame6(&frame, mac, to, 0, ret);
}

static size_t tell6(const struct bl_addr *address, const uint8_t *mac, const void *to,
		    const uint8_t *to_mac, bool solicited, uint8_t *ret)
{
	struct frame6 frame = {.message = {.type = ND_NEIGHBOR_ADVERT}};

	frame.message.flags = ND_NA_FLAG_OVERRIDE | (solicited ? ND_NA_FLAG_SOLICITED : 0);
	memcpy(&frame.ip.ip6_src, address->ip.ipv6, 16);
	memcpy(&frame.ip.ip6_dst, to, 16);
	memcpy(frame.message.target, address->ip.ipv6, 16);
	return write_frame6(&frame, mac, to_mac, ND_OPT_TARGET_LINKADDR, ret);
}

size_t bl_frame_ask(const struct bl_addr *address, const uint8_t mac[static BL_MAC_LEN],
		    uint8_t ret[static BL_FRAME_MAX])
{
	const struct bl_addr nobody = {.family = BL_FAMILY_IPV4};

	return address->family == BL_FAMILY_IPV6
		       ? ask6(address, mac, ret)
		       : write_arp(ARPOP_REQUEST, &nobody, address, mac, broadcast, ret);
}

size_t bl_frame_answer(const struct bl_frame *question, const uint8_t mac[static BL_MAC_LEN],
		       uint8_t ret[static BL_FRAME_MAX])
{
	const struct bl_addr *address = &question->address;

	if (address->family == BL_FAMILY_IPV4)
		return write_arp(ARPOP_REPLY, address, &question->sender, mac, question->mac, ret);
	if (bl_addr_is_unspecified(&question->sender))
		return tell6(address, mac, all_nodes, all_nodes_mac, false, ret);
	return tell6(address, mac, question->sender.ip.ipv6, question->mac, true, ret);
}

size_t bl_frame_tell(const struct bl_addr *address, const uint8_t mac[static BL_MAC_LEN],
		     bool reply, uint8_t ret[static BL_FRAME_MAX])
{
	return address->family == BL_FAMILY_IPV6
		       ? tell6(address, mac, all_nodes, all_nodes_mac, false, ret)
		       : write_arp(reply ? ARPOP_REPLY : ARPOP_REQUEST, address, address, mac,
				   broadcast, ret);
}
