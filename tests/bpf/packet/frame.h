/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Frames for tests of the packet programs: made from a description, and read back into one. The
 * reader knows nothing of the programs' code; it sums every checksum in full.
 */
#ifndef TESTS_BPF_PACKET_FRAME_H
#define TESTS_BPF_PACKET_FRAME_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAME_MAX 4096u

/* Who is at an end of a packet; each has an address of either family. */
enum who {
	NOBODY = 0,
	CLIENT,     /* far away, behind the router */
	NEIGHBOUR,  /* a client whose neighbour entry is not resolved */
	STRANGER,   /* another client */
	ROUTER,     /* on the way to the client */
	NODE,       /* this node, on its uplink */
	NODE_INNER, /* this node, on its second uplink */
	VIP,        /* a load-balancer IP */
	OTHER_VIP,
	CLUSTER_IP,
	LOCAL_POD,
	OTHER_POD,   /* on this node too */
	REMOTE_POD,  /* on another node, by the second uplink */
	NARROW_POD,  /* on another node, behind a route of MTU 1300 */
	LOST_POD,    /* to which no route leads */
	UNKNOWN_POD, /* whose neighbour entry is missing */
	FAR_NODE,    /* the node that holds REMOTE_POD */
	LOOPBACK,
	FOREIGN, /* an address that is none of ours */
	WHO_COUNT,
};

enum tcp_flags { FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16 };

struct frame {
	enum who from;
	uint16_t from_port;
	enum who to;
	uint16_t to_port;
	uint8_t flags;         /* TCP */
	uint32_t sequence;     /* 0: 1000 */
	uint32_t acknowledged; /* 0: 5000 with ACK */
	uint16_t payload;
	uint8_t ttl;      /* 0: 64 */
	uint8_t tags;     /* VLAN */
	uint16_t vlan_id; /* of the inner tag */
	uint8_t options;  /* IPv4: words of options; IPv6: a header of as many eights */
	uint16_t fragment_id;
	uint16_t fragment_at; /* in eights */
	bool more_fragments;
	bool without_checksum; /* UDP over IPv4 */
};

struct ends {
	const char *from;
	uint16_t from_port;
	const char *to;
	uint16_t to_port;
};

/* What a frame says, addresses as texts. */
struct seen {
	uint8_t family; /* 4 or 6 */
	uint8_t protocol;
	char from[64];
	char to[64];
	uint16_t from_port;
	uint16_t to_port;
	uint8_t flags;
	uint8_t ttl;
	uint16_t length; /* of the IP packet */
	uint8_t tags;
	uint16_t vlan_id;
	uint8_t to_mac[6];
	uint32_t sequence;
	uint32_t acknowledged;
	uint8_t icmp_type;
	uint8_t icmp_code;
	uint32_t mtu;
	size_t at;         /* where the IP header begins */
	size_t payload;    /* where the transport header begins */
	const char *wrong; /* NULL: every length and checksum is right */
};

const char *address_of(enum who who, int family);
size_t frame_make(uint8_t *ret, int family, int protocol, const struct frame *frame);
/* An ICMP error from `reporter` to `to` about a packet from `inner->from` to `inner->to`. */
size_t frame_make_error(uint8_t *ret, int family, int protocol, enum who reporter, enum who to,
			const struct ends *inner, uint8_t type, uint8_t code, uint32_t value);
size_t frame_make_echo(uint8_t *ret, int family, enum who from, enum who to);
/* `inner` as it is, in an IP packet of the same family. */
size_t frame_wrap(uint8_t *ret, int family, enum who from, enum who to, const uint8_t *inner,
		  size_t len);
void frame_read(const uint8_t *data, size_t len, struct seen *ret);
/* The packet inside: what an ICMP error quotes, or what is encapsulated. */
void frame_read_inner(const uint8_t *data, size_t len, struct seen *ret);

#endif
