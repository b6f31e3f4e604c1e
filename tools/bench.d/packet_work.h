/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What tools/bench packet and its programs in the kernel share: which frame comes next. */
#ifndef TOOLS_BENCH_D_PACKET_WORK_H
#define TOOLS_BENCH_D_PACKET_WORK_H

#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/types.h>
#include <linux/udp.h>

#include "beeline/packet.h"

/* A flow's number is its source: this many ports of each address. */
#define PACKET_PORT_FIRST 2048u
#define PACKET_PORT_BITS 12u
#define PACKET_PORTS (1u << PACKET_PORT_BITS)

/* 64 bytes in either family. All frames are of UDP: a flow is established once both sides have sent
 * and the client goes on, and every packet of it is alike. */
struct packet_frame {
	struct ethhdr eth;
	union {
		struct {
			struct iphdr ip;
			struct udphdr udp;
			__u8 payload[22];
		} __attribute__((packed)) v4;
		struct {
			struct ipv6hdr ip;
			struct udphdr udp;
			__u8 payload[2];
		} __attribute__((packed)) v6;
	};
} __attribute__((packed));

_Static_assert(sizeof(struct packet_frame) == 64, "frames of both families have one size");

struct packet_work {
	struct packet_frame frame;
	__u32 counter;      /* frames so far */
	__u32 flows;        /* to go through; 0: always the template */
	__u32 first;        /* number of the first */
	__u32 mixed;        /* in mixed order */
	__u32 source;       /* last word of the client of flow 0, host order */
	__u32 destination;  /* last word of service 0, host order */
	__u32 service_mask; /* number of services, a power of two, less 1 */
	__u32 ipv6;

	__u32 device; /* that `generate` sends through */
};

struct packet_minimal {
	__be32 address; /* last word */
	__be16 port;
	__u16 pad;
	__u32 sum_address; /* what the change adds to a checksum */
	__u32 sum_all;
};

#endif
