/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The contract between the agent and the programs in the kernel: keys and values of every map.
 *
 * Included by bpf/ and user/ alike, and nowhere defined a second time; docs/maps.md explains it to
 * people with bpftool, and a test compares both with the BTF of the built objects. A change of any
 * layout raises BL_ABI_VERSION: an agent adopts pinned maps of its own version only.
 *
 * Addresses and ports are in network byte order, as they stand in a packet; everything else is in
 * host order. IPv4 addresses are four bytes, IPv6 addresses sixteen, so that a map dump reads like
 * an address. Every pad field is explicit and zero, because hash keys are compared as bytes.
 */
#ifndef BEELINE_ABI_H
#define BEELINE_ABI_H

#include <linux/types.h>

#define BL_ABI_MAGIC 0x6265656cu /* "beel" */
#define BL_ABI_VERSION 6u

/* Names under the bpffs directory; a kernel object name has at most 15 characters. */
#define BL_MAP_ABI "abi"
#define BL_MAP_FRONTENDS4 "frontends4"
#define BL_MAP_FRONTENDS6 "frontends6"
#define BL_MAP_SLOTS "slots"
#define BL_MAP_BACKENDS "backends"
#define BL_MAP_SERVICES "services"
#define BL_MAP_ADDR_FILTER "addr_filter"
#define BL_MAP_SOCKS "socks"
#define BL_MAP_UDP_PEERS "udp_peers"
#define BL_MAP_TCP_PEERS "tcp_peers"
#define BL_MAP_AFFINITY "affinity"
#define BL_MAP_NETNS_PODS "netns_pods"
#define BL_MAP_SERVICE_STATS "service_stats"
#define BL_MAP_BACKEND_STATS "backend_stats"
#define BL_MAP_REASONS "reasons"

/* Programs of the socket path and the iterators that look after its sockets. */
#define BL_PROG_FIND_STALE "bl_find_stale"
#define BL_PROG_DESTROY_UDP "bl_destroy_udp"

/* Default sizes; the agent may choose others before the maps are created. */
#define BL_FRONTENDS_MAX 131072u
#define BL_SLOTS_MAX 1048576u
#define BL_BACKENDS_MAX 262144u
#define BL_SERVICES_MAX 65536u
#define BL_AFFINITY_MAX 65536u
#define BL_NETNS_PODS_MAX 4096u
#define BL_ADDR_FILTER_WORDS 4096u /* a power of two; 64 bits each */

/* Address families as they stand in the maps; the values of AF_INET and AF_INET6 on Linux. */
enum bl_family {
	BL_FAMILY_IPV4 = 2,
	BL_FAMILY_IPV6 = 10,
};

/* An address of either family: IPv4 in the first four bytes and zeros behind them. */
union bl_ip {
	__u8 ipv6[16]; /* first: of an initialiser that names no member all bytes are zero */
	__u8 ipv4[4];
	__u32 words[4]; /* network order */
};

/* abi: one entry, written once when the maps are created. */
struct bl_abi {
	__u32 magic;
	__u32 version;
	__u64 host_netns_cookie; /* the namespace in which 127.0.0.1 and ::1 mean this node */
};

struct bl_frontend4_key {
	__u8 address[4];
	__be16 port;
	__u8 protocol; /* IPPROTO_TCP or IPPROTO_UDP */
	__u8 pad;
};

struct bl_frontend6_key {
	__u8 address[16];
	__be16 port;
	__u8 protocol;
	__u8 pad;
};

enum bl_frontend_flag {
	/* The address exists for Services alone: any port of it that is no frontend is refused.
	 * Such an address has an entry with port 0 and protocol 0 that carries only this flag. */
	BL_FRONTEND_F_VIRTUAL = 1u << 0,
	/* 127.0.0.0/8 or ::1: a frontend only for sockets in the node's own network namespace. */
	BL_FRONTEND_F_HOST_ONLY = 1u << 1,
	/* sessionAffinity: ClientIP */
	BL_FRONTEND_F_AFFINITY = 1u << 2,
	/* Endpoints exist, but none that the Local traffic policy lets in-cluster clients use. */
	BL_FRONTEND_F_INTERNAL_ELSEWHERE = 1u << 3,
	/* The same for external clients. */
	BL_FRONTEND_F_EXTERNAL_ELSEWHERE = 1u << 4,
	/* A NodePort: post_bind refuses a program that binds the same port and protocol. */
	BL_FRONTEND_F_NODE_PORT = 1u << 5,
	/* The agent's own probe of its hooks; counted under its own reason. */
	BL_FRONTEND_F_CANARY = 1u << 6,
	/* A ClusterIP: packets from outside are no business of it, unless the agent is told so. */
	BL_FRONTEND_F_INTERNAL_ONLY = 1u << 7,
	/* Packets from outside are admitted by sources4 and sources6 alone. */
	BL_FRONTEND_F_SOURCE_RANGES = 1u << 8,
	/* Backends on other nodes get the packet encapsulated and answer the client themselves. */
	BL_FRONTEND_F_DSR = 1u << 9,
};

enum bl_algorithm {
	BL_ALGORITHM_RANDOM = 0,
	BL_ALGORITHM_MAGLEV = 1, /* for clients from outside; needs a run in `maglev` */
};

/* A run of entries in `slots`, or in `maglev`. */
struct bl_slot_range {
	__u32 first;
	__u32 count; /* 0: nobody answers */
};

struct bl_frontend {
	__u32 service_id;
	__u16 flags;    /* enum bl_frontend_flag */
	__u8 algorithm; /* enum bl_algorithm */
	__u8 pad;
	struct bl_slot_range internal; /* for clients on this node */
	struct bl_slot_range external; /* for clients that come from outside */
	__u32 affinity_timeout_s;
	__u32 pad2;
	struct bl_slot_range maglev; /* lookup table for clients from outside; count 0: none */
};

/*
 * slots: index -> backend id. The kernel rounds elements of an array up to eight bytes, so an
 * element holds many: slot n is entry n % BL_SLOT_BLOCK of element n / BL_SLOT_BLOCK.
 */
#define BL_SLOT_BLOCK 16u
struct bl_slot {
	__u32 backend_id;
};

struct bl_slot_block {
	struct bl_slot slots[BL_SLOT_BLOCK];
};

enum bl_backend_state {
	BL_BACKEND_FREE = 0,
	BL_BACKEND_READY = 1,
	/* Terminating but still serving: keeps what it has, is chosen only when nothing is ready.
	 */
	BL_BACKEND_TERMINATING = 2,
	/* Stopped serving. Kept until the id is used again so that replies still find their way. */
	BL_BACKEND_GONE = 3,
};

enum bl_backend_flag {
	BL_BACKEND_F_LOCAL = 1u << 0, /* on this node */
};

/*
 * backends: id -> where it answers. An entry belongs to one service (one Service port), never to
 * two, so that its state and its counters are that service's own. Id 0 is never used.
 */
struct bl_backend {
	union bl_ip address;
	__be16 port;
	__u8 family;      /* enum bl_family */
	__u8 state;       /* enum bl_backend_state */
	__u32 generation; /* raised each time the id is given to another backend */
	__u32 service_id;
	__u16 weight;          /* relative; 100 unless an annotation says otherwise */
	__u8 zone;             /* number of the zone's name, 0 unknown */
	__u8 flags;            /* enum bl_backend_flag */
} __attribute__((aligned(8))); /* port to generation are read as one word */

#define BL_NAME_MAX 64 /* DNS label of 63 characters and a zero */

/* services: id -> whose it is: one entry a Service port. Id 0 is never used. */
struct bl_service_entry {
	char ns[BL_NAME_MAX];
	char name[BL_NAME_MAX];
	char port_name[16];
	__be16 port; /* of the Service, as in spec.ports[].port */
	__u8 protocol;
	__u8 in_use;
	__u32 pad;
};

/*
 * addr_filter: which addresses may be frontends, as two Bloom filters of one hash. Most sockets
 * dial no Service, and leave after this one test without a hash lookup.
 */
struct bl_addr_filter_word {
	__u64 frontend;        /* some frontend may have an address with this bit */
	__u64 virtual_address; /* the same for addresses with BL_FRONTEND_F_VIRTUAL */
};

/*
 * Bit number of an address in the filter: the word is the quotient by 64, the bit the remainder.
 * Addresses of a cluster differ in a few low bytes only, and those of Services and pods often in
 * the same ones, so every input bit must reach every bit of the number: hence two full
 * multiplications, and the number from the top, where they mix best.
 */
static inline __u32 bl_addr_filter_bit(const __u32 words[4])
{
	__u64 hash = ((__u64)words[0] << 32 | words[1]) * 0x9e3779b97f4a7c15ull;

	hash ^= hash >> 32;
	hash ^= (__u64)words[2] << 32 | words[3];
	hash ^= hash >> 32;
	hash *= 0xd6e8feb86659fd93ull;
	hash ^= hash >> 29;
	hash *= 0x9e3779b97f4a7c15ull;
	return hash >> 46;
}

_Static_assert(BL_ADDR_FILTER_WORDS * 64u == 1u << (64 - 46), "the hash yields that many bits");

/* What a socket dialled and which backend it got. */
struct bl_translation {
	union bl_ip dialled;
	union bl_ip backend;
	__be16 dialled_port;
	__be16 backend_port;
	__u8 dialled_family;
	__u8 backend_family;
	__u8 pad[2];
	__u32 backend_id; /* 0: nothing here */
	__u32 backend_generation;
	__u32 service_id;
	__u32 pad2;
	__u64 since_ns; /* CLOCK_MONOTONIC */
};

/*
 * tcp_peers: where a connected TCP socket keeps its translation when it can: the entry at its
 * cookie modulo the size, if no other socket holds that one. It costs a tenth of making socket
 * storage; a socket that finds the entry taken has storage instead, so nothing is ever evicted.
 * An entry is held from connect to close.
 */
#define BL_TCP_PEERS 65536u /* a power of two */
struct bl_tcp_peer {
	__u64 socket_cookie; /* 0: free */
	struct bl_translation translation;
};

/* socks: socket storage of a UDP socket that connected through a frontend, and of TCP sockets that
 * have no entry in tcp_peers. */
struct bl_sock {
	struct bl_translation translation;
};

/* udp_peers: socket storage of an unconnected UDP socket: the frontends it sent to last. */
#define BL_UDP_PEERS 4u
struct bl_udp_peers {
	__u32 next;   /* entry to be given away when all are in use */
	__u32 recent; /* entry used last: its name is shown where two share a backend */
	struct bl_translation peers[BL_UDP_PEERS];
};

/* What the iterators bl_find_stale and bl_destroy_udp write: a connected UDP socket whose backend
 * serves no longer. The first looks into every network namespace, the second destroys the stale
 * sockets of the namespace of its reader, and writes those that it destroyed. */
struct bl_stale_socket {
	__u64 netns_cookie;
	__u64 socket_cookie;
	__u32 netns_inode; /* as in the name of /proc/PID/ns/net */
	__u32 pad;
	struct bl_translation translation;
};

/* affinity: which backend a client had last. */
struct bl_affinity_key {
	__u32 service_id;
	__u8 client_kind; /* enum bl_affinity_client */
	__u8 pad[3];
	union bl_ip client; /* the client's address, or the cookie in the first eight bytes */
};

enum bl_affinity_client {
	BL_AFFINITY_CLIENT_ADDRESS = 1,
	BL_AFFINITY_CLIENT_NETNS = 2,
};

struct bl_affinity {
	__u64 last_used_ns; /* CLOCK_MONOTONIC */
	__u32 backend_id;
	__u32 backend_generation;
	struct bl_slot_range slots; /* in which the backend was last found */
};

/* netns_pods: network-namespace cookie -> the addresses of the pod that lives there. */
struct bl_netns_pod {
	union bl_ip ipv4; /* zeros: none */
	union bl_ip ipv6;
};

/*
 * Counters by id stand in blocks: id n is entry n % BL_STATS_BLOCK of element n / BL_STATS_BLOCK.
 * The kernel makes room for a per-CPU map element by element, which took longer than all else of a
 * first load when each id had an element of its own.
 */
#define BL_STATS_BLOCK 16u

struct bl_service_stats {
	__u64 connections; /* TCP connects and first datagrams given a backend */
	__u64 refused;     /* ECONNREFUSED for want of a backend */
};

/* service_stats: by service id, for all CPUs. */
struct bl_service_stats_block {
	struct bl_service_stats services[BL_STATS_BLOCK];
};

/* `released` counts sockets that closed, so the live ones are the difference. */
struct bl_backend_stats {
	__u64 connections;
	__u64 released;
};

/* backend_stats: by backend id, for all CPUs. */
struct bl_backend_stats_block {
	struct bl_backend_stats backends[BL_STATS_BLOCK];
};

#endif
