/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The packet programs' part of the contract: keys and values of the maps that XDP and tc have
 * beside those of beeline/abi.h, which they share with the socket programs, and their load-time
 * constants.
 *
 * The rules of abi.h hold: network byte order for addresses and ports, host order for the rest, all
 * padding explicit and zero, BL_ABI_VERSION for every change.
 */
#ifndef BEELINE_PACKET_H
#define BEELINE_PACKET_H

#include <linux/bpf.h>

#include "beeline/abi.h"

#define BL_MAP_MAGLEV "maglev"
#define BL_MAP_PACKET_PORTS "packet_ports"
#define BL_MAP_PACKET_STATE "packet_state"
#define BL_MAP_PACKET_GUARD "packet_guard"
#define BL_MAP_UPLINKS "uplinks"
#define BL_MAP_SOURCES4 "sources4"
#define BL_MAP_SOURCES6 "sources6"
#define BL_MAP_FLOWS4 "flows4"
#define BL_MAP_FLOWS6 "flows6"
#define BL_MAP_FLOW_TAGS4 "flow_tags4"
#define BL_MAP_FLOW_TAGS6 "flow_tags6"
#define BL_MAP_FRAGMENTS4 "fragments4"
#define BL_MAP_FRAGMENTS6 "fragments6"
#define BL_MAP_DSR_BACKENDS "dsr_backends"
#define BL_MAP_DSR_PEERS "dsr_peers"

/* Program names. */
#define BL_PROG_XDP "bl_xdp"
#define BL_PROG_TC_INGRESS "bl_tc_ingress"
#define BL_PROG_TC_EGRESS "bl_tc_egress"

/* Default sizes; the agent may choose others before the maps are created. */
#define BL_MAGLEV_MAX 2097152u
#define BL_UPLINKS_MAX 64u
#define BL_SOURCES_MAX 16384u
#define BL_FLOWS4_BUCKETS 16384u
#define BL_FLOWS6_BUCKETS 8192u
#define BL_FRAGMENTS_MAX 4096u
#define BL_DSR_BACKENDS_MAX 16384u
#define BL_DSR_PEERS_MAX 16384u

#define BL_SNAT_FIRST_DEFAULT 61000u /* above the kernel's own ip_local_port_range */
#define BL_SNAT_LAST_DEFAULT 65535u

/* maglev: backend ids, in blocks as those of slots. A frontend names its run with `maglev` in
 * struct bl_frontend. */
#define BL_MAGLEV_BLOCK 16u
struct bl_maglev_entry {
	__u32 backend_id;
};

struct bl_maglev_block {
	struct bl_maglev_entry entries[BL_MAGLEV_BLOCK];
};

/*
 * packet_ports: which ports may concern us, so that foreign traffic leaves after one test. Bit
 * bl_packet_port_bit(): word is the quotient by 64, bit the remainder.
 */
#define BL_PACKET_PORT_WORDS 2048u /* 64 ports each: those of TCP, then those of UDP */
struct bl_packet_port_word {
	__u64 destination; /* ports of frontends that clients outside reach, and the SNAT pool */
	__u64 reply;       /* ports of backends on this node: sources of what leaves it */
};

/* The port in host order. */
static inline __u32 bl_packet_port_bit(__u8 protocol, __u16 port)
{
	return (protocol == 17 ? 65536u : 0u) + port;
}

#define BL_HASH_KEYS 10u

/* packet_state: one entry that the agent changes while packets flow. */
struct bl_packet_state {
	/* Raised by two whenever routes, neighbours or links change: next hops that flows remember
	 * from before are looked up again. Even, and never 0. */
	__u32 next_hop_generation;
	/* Of the hash of flows: drawn once, so that nobody outside knows who meets whom. Two for
	 * each eight bytes of struct bl_tuple. */
	__u32 hash_keys[BL_HASH_KEYS];
};

/* packet_guard: per CPU, how many new flows may still be made, and answers be given. */
#define BL_PACKET_GUARD_FLOWS 0
#define BL_PACKET_GUARD_ANSWERS 1
#define BL_PACKET_GUARD_COUNT 2
struct bl_packet_guard {
	__u64 filled_ns; /* CLOCK_MONOTONIC */
	__u64 tokens;
};

enum bl_uplink_flag {
	/* Its driver takes frames from XDP programs of other devices. */
	BL_UPLINK_F_XDP_REDIRECT = 1u << 0,
};

/*
 * uplinks: ifindex -> the node's addresses there, which are the source of what is sent on to other
 * nodes. The entry of ifindex 0 is for devices that have none.
 */
struct bl_uplink {
	union bl_ip ipv4; /* zeros: none */
	union bl_ip ipv6;
	__u32 flags;       /* enum bl_uplink_flag */
	__u32 vlan_parent; /* ifindex below a VLAN device whose XDP program sees its frames; else 0
			    */
	__u16 vlan_id;     /* of the VLAN device */
	__u8 pad[6];
};

/* sources4, sources6: longest-prefix match on (service, client). prefixlen is 32 plus the prefix of
 * the address; what is found is admitted. */
struct bl_source4_key {
	__u32 prefixlen;
	__u32 service_id;
	__u8 address[4];
};

struct bl_source6_key {
	__u32 prefixlen;
	__u32 service_id;
	__u8 address[16];
};

struct bl_source_range {
	__u32 admitted; /* 1 */
};

/* Both ends of a packet. */
struct bl_tuple {
	union bl_ip source;
	union bl_ip destination;
	__be16 source_port;
	__be16 destination_port;
	__u8 family; /* enum bl_family */
	__u8 protocol;
	__u16 pad;
} __attribute__((aligned(8)));

/* The same of IPv4, without the bytes that it has no use for. */
struct bl_flow4_key {
	__u8 source[4];
	__u8 destination[4];
	__be16 source_port;
	__be16 destination_port;
	__u8 family;
	__u8 protocol;
	__u16 pad;
};

enum bl_flow_kind {
	BL_FLOW_LOCAL = 1,        /* client to a backend on this node */
	BL_FLOW_REMOTE = 2,       /* client to a backend elsewhere, under the node's address */
	BL_FLOW_DSR = 3,          /* client to a backend elsewhere, encapsulated */
	BL_FLOW_REPLY_LOCAL = 4,  /* backend on this node to the client, seen on its way out */
	BL_FLOW_REPLY_REMOTE = 5, /* backend elsewhere to the client */
	BL_FLOW_REPLY_DSR = 6,    /* as REPLY_LOCAL, for what came encapsulated; has no pair */
};

enum bl_flow_state {
	BL_FLOW_NEW = 0,         /* nothing came back yet */
	BL_FLOW_ESTABLISHED = 1, /* packets in both directions */
	BL_FLOW_CLOSING = 2,     /* TCP: a FIN was seen */
	BL_FLOW_CLOSED = 3,      /* TCP: FINs both ways, or a reset */
};

/* Times of flows: CLOCK_MONOTONIC in units of 2^20 ns, about a millisecond; they wrap after 52
 * days. */
#define BL_FLOW_TIME_SHIFT 20

/* Beside a generation: tc found this next hop, and XDP may not be able to send there. */
#define BL_NEXT_HOP_BY_TC 1u

/*
 * What is known of a flow in one direction, beside addresses. There is one entry for each
 * direction; DSR has one here and one on the backend's node. Each names the other: its key is this
 * entry's new destination and source, turned round.
 */
struct bl_flow {
	__u64 packets;
	__u64 bytes;
	__be16 source_port; /* that the packet gets, also when it stays as it is */
	__be16 destination_port;
	__u8 kind;  /* enum bl_flow_kind */
	__u8 state; /* enum bl_flow_state */
	__u16 mtu;  /* of the next hop */
	__u32 backend_id;
	__u32 backend_generation;
	__u32 last_seen;           /* see BL_FLOW_TIME_SHIFT */
	__u32 next_hop_generation; /* with BL_NEXT_HOP_BY_TC; 0: next hop unknown */
	__u32 next_hop_ifindex;
	__u8 next_hop_mac[6];
	__u8 own_mac[6];
};

/*
 * flows4, flows6: an entry of either family begins with a packet of the flow as it comes in, its
 * key.
 */
struct bl_flow4 {
	struct bl_flow4_key key;
	__u8 source[4]; /* that the packet gets */
	__u8 destination[4];
	struct bl_flow flow;
};

struct bl_flow6 {
	struct bl_tuple key;
	__u8 source[16];
	__u8 destination[16];
	struct bl_flow flow;
};

/*
 * flow_tags4, flow_tags6: the entries of flows4 and flows6 are a hash of buckets, and this is what
 * a bucket knows of its entries: one line of the cache. A key's hash names two buckets, and a tag:
 * the entry is in one of them, at the way whose tag it is. A tag is odd; 0 stands for a free entry,
 * and any other even number, the tag less one, for an entry that is being written. Who writes an
 * entry has made its tag even before, by compare and exchange, so no lock is held; readers look at
 * the tag, then at the key.
 *
 * The first ways are those of established flows. The others are for flows whose client has not
 * shown yet that it hears the answers, so that a flood from invented addresses stays there.
 */
#define BL_FLOW_ESTABLISHED_WAYS 10u
#define BL_FLOW_WAITING_WAYS 2u
#define BL_FLOW_WAYS (BL_FLOW_ESTABLISHED_WAYS + BL_FLOW_WAITING_WAYS)
struct bl_flow_tags {
	__u32 tags[BL_FLOW_WAYS];
	/* Of those that wait. TCP: what the client's part of the handshake has; 0: anything. */
	__u32 acknowledges[BL_FLOW_WAITING_WAYS];
	__u32 seen[BL_FLOW_WAITING_WAYS]; /* last_seen of those that wait */
};

/* Established entries; a flow has two, there and back. */
#define BL_FLOWS4_MAX (BL_FLOWS4_BUCKETS * BL_FLOW_ESTABLISHED_WAYS)
#define BL_FLOWS6_MAX (BL_FLOWS6_BUCKETS * BL_FLOW_ESTABLISHED_WAYS)

/* Where the entry of a bucket's way is in flows4 or flows6: those that wait behind all that are
 * established. */
static inline __u32 bl_flow_index(__u32 buckets, __u32 bucket, __u32 way)
{
	if (way < BL_FLOW_ESTABLISHED_WAYS)
		return bucket * BL_FLOW_ESTABLISHED_WAYS + way;
	return buckets * BL_FLOW_ESTABLISHED_WAYS + bucket * BL_FLOW_WAITING_WAYS + way -
	       BL_FLOW_ESTABLISHED_WAYS;
}

/* fragments4, fragments6: ports of a datagram's first fragment, for those that follow. */
struct bl_fragment4_key {
	__u8 source[4];
	__u8 destination[4];
	__be16 id;
	__u8 protocol;
	__u8 pad;
};

struct bl_fragment6_key {
	__u8 source[16];
	__u8 destination[16];
	__be32 id;
	__u8 protocol;
	__u8 pad[3];
};

struct bl_fragment {
	__be16 source_port;
	__be16 destination_port;
	__u32 pad;
	__u64 seen_ns; /* CLOCK_MONOTONIC */
};

/* dsr_backends: backends on this node, as an encapsulated packet names them. */
struct bl_dsr_key {
	union bl_ip address; /* the pod's, and the outer destination */
	__u32 service_id;
	__u8 family;
	__u8 pad[3];
};

struct bl_dsr_backend {
	__u32 backend_id;
};

/* dsr_peers: longest-prefix match on the addresses of other nodes, which are the senders of what is
 * encapsulated for this one, and have the NodePorts that are dialled there. prefixlen is 32 plus
 * the prefix of the address; what is found is a peer. */
struct bl_dsr_peer_key {
	__u32 prefixlen;
	__u32 family; /* enum bl_family */
	union bl_ip address;
};

struct bl_dsr_peer {
	__u32 admitted; /* 1 */
};

/* Load-time constants of the XDP and tc programs, written before the verifier runs. */
struct bl_packet_tunables {
	__u32 new_flows_per_s; /* a CPU; 0: no limit */
	__u32 new_flows_burst;
	__u32 answers_per_s; /* RST and ICMP errors, a CPU; 0: no limit */
	__u32 answers_burst;
	__u32 tcp_new_s; /* idle times after which a flow counts no more */
	__u32 tcp_established_s;
	__u32 tcp_closing_s;
	__u32 udp_new_s;
	__u32 udp_established_s;
	__u16 snat_first; /* host order; the pool is in packet_ports too */
	__u16 snat_last;
	__u8 count;
	__u8 cluster_ip_from_outside; /* ClusterIPs answer clients outside */
	__u8 answer_echo;             /* echo to a virtual address with a ready endpoint */
	__u8 dsr;                     /* send and take encapsulated packets */
	__u8 fragments;               /* follow fragments */
	__u8 ordered_stores; /* this processor's stores are seen in the order they are made in */
	__u8 pad[2];
};

#if defined(__x86_64__) || defined(__i386__)
#define BL_ORDERED_STORES 1
#else
#define BL_ORDERED_STORES 0
#endif

#define BL_PACKET_TUNABLES_DEFAULT                                                                 \
	{                                                                                          \
		.new_flows_per_s = 20000, .new_flows_burst = 20000, .answers_per_s = 1000,         \
		.answers_burst = 1000, .tcp_new_s = 60, .tcp_established_s = 21600,                \
		.tcp_closing_s = 60, .udp_new_s = 30, .udp_established_s = 180,                    \
		.snat_first = BL_SNAT_FIRST_DEFAULT, .snat_last = BL_SNAT_LAST_DEFAULT,            \
		.count = 1, .dsr = 1, .fragments = 1, .ordered_stores = BL_ORDERED_STORES,         \
	}

#endif
