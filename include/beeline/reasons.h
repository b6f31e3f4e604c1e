/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Why a hook did what it did. One list makes the enum, the names, the metric labels and the table
 * in docs/maps.md. A number is given once and never to another meaning; retired ones stay listed.
 *
 * X(NAME, number, label, what it means and what to do)
 */
#ifndef BEELINE_REASONS_H
#define BEELINE_REASONS_H

#define BL_REASONS(X)                                                                              \
	X(NOT_A_SERVICE, 0, "not_a_service",                                                       \
	  "an address with frontends was dialled on a port that is none; left alone")              \
	X(TRANSLATED, 1, "translated", "a backend was chosen and the destination rewritten")       \
	X(AFFINITY_HIT, 2, "affinity_hit", "session affinity named the backend")                   \
	X(PEER_HIT, 3, "peer_hit", "a UDP socket kept the backend it had")                         \
	X(PEER_MOVED, 4, "peer_moved", "a UDP socket's backend stopped serving; it got another")   \
	X(NO_ENDPOINTS, 5, "no_endpoints", "the frontend has no endpoint; refused")                \
	X(NO_LOCAL_ENDPOINT, 6, "no_local_endpoint",                                               \
	  "endpoints exist, but the Local traffic policy admits none on this node; refused")       \
	X(UNKNOWN_PORT, 7, "unknown_port",                                                         \
	  "no Service has this port on this virtual address; refused")                             \
	X(HOST_ONLY, 8, "host_only", "a loopback NodePort dialled from a pod; left alone")         \
	X(MARKED, 9, "marked", "the socket carries the agent's mark; left alone")                  \
	X(INCONSISTENT, 10, "inconsistent",                                                        \
	  "the maps changed under the lookup twice; refused, the client may try again")            \
	X(BIND_REFUSED, 11, "bind_refused", "a program bound a port that is a NodePort; refused")  \
	X(REPLY_RENAMED, 12, "reply_renamed", "recvmsg or getpeername showed the dialled address") \
	X(CANARY, 13, "canary", "the agent's own probe of its hooks")                              \
	X(NO_MEMORY, 14, "no_memory",                                                              \
	  "socket storage could not be had; the translation went on without it")                   \
	X(FLOW_LOCAL, 15, "flow_local", "a packet was rewritten to a backend on this node")        \
	X(FLOW_REMOTE, 16, "flow_remote",                                                          \
	  "a packet was sent on to a backend elsewhere, under the node's address")                 \
	X(FLOW_DSR, 17, "flow_dsr",                                                                \
	  "a packet was sent on encapsulated, for the backend to answer itself")                   \
	X(FLOW_REPLY, 18, "flow_reply", "a backend's answer was given the frontend's address")     \
	X(FLOW_NEW, 19, "flow_new", "a flow was made for a client from outside")                   \
	X(FLOW_LIMIT, 20, "flow_limit", "more new flows than the guard admits; dropped")           \
	X(FLOW_FAILED, 21, "flow_failed", "a flow could not be stored; dropped")                   \
	X(SOURCE_REFUSED, 22, "source_refused",                                                    \
	  "the client is outside loadBalancerSourceRanges; dropped")                               \
	X(NO_SNAT_PORT, 23, "no_snat_port",                                                        \
	  "no free port towards this backend in the SNAT pool; dropped, widen the pool")           \
	X(NO_SNAT_ADDRESS, 24, "no_snat_address",                                                  \
	  "the node has no address of this family to send on from; dropped")                       \
	X(BACKEND_GONE, 25, "backend_gone",                                                        \
	  "the backend of a flow stopped serving; TCP is reset, UDP gets another")                 \
	X(NO_ROUTE, 26, "no_route",                                                                \
	  "the route to the backend or client is missing or forbidden; dropped")                   \
	X(NEXT_HOP_SLOW, 27, "next_hop_slow",                                                      \
	  "the next hop is unresolved or no XDP device; sent through the stack")                   \
	X(TTL_EXPIRED, 28, "ttl_expired",                                                          \
	  "a packet had no hops left on its way to another node; dropped")                         \
	X(TOO_BIG, 29, "too_big",                                                                  \
	  "a packet was too big for the next hop; its sender was told the size")                   \
	X(MALFORMED, 30, "malformed", "headers are cut off or contradict themselves; left alone")  \
	X(ICMP_TRANSLATED, 31, "icmp_translated", "an ICMP error about a flow was translated")     \
	X(ECHO_ANSWERED, 32, "echo_answered", "an echo request to a virtual address was answered") \
	X(FRAGMENT_FOLLOWED, 33, "fragment_followed", "a fragment went the way of its first one")  \
	X(FRAGMENT_UNKNOWN, 34, "fragment_unknown",                                                \
	  "a fragment came before its first one; left alone")                                      \
	X(DSR_TAKEN, 35, "dsr_taken",                                                              \
	  "an encapsulated packet was unwrapped for a pod of this node")                           \
	X(DSR_UNKNOWN, 36, "dsr_unknown",                                                          \
	  "an encapsulated packet is for no backend of this node; left alone")                     \
	X(NOT_OUTSIDE, 37, "not_outside",                                                          \
	  "a packet from outside to a ClusterIP or loopback frontend; left alone")                 \
	X(FLOW_CLOSED, 38, "flow_closed", "a packet of no flow that cannot begin one; dropped")    \
	X(FLOW_CONFIRMED, 39, "flow_confirmed",                                                    \
	  "the client of a new flow answered its backend; the flow is established")                \
	X(FLOW_COLLIDES, 40, "flow_collides",                                                      \
	  "a client's port reaches this backend by another frontend already; dropped, the client " \
	  "may try another port")                                                                  \
	X(ANSWER_LIMIT, 41, "answer_limit",                                                        \
	  "more refusals and ICMP errors than this CPU may send; dropped")                         \
	X(DSR_STRANGER, 42, "dsr_stranger",                                                        \
	  "an encapsulated packet came from no node that is known; dropped, see --dsr-peer")

enum bl_reason {
#define BL_REASON_ENUM(name, number, label, text) BL_REASON_##name = number,
	BL_REASONS(BL_REASON_ENUM)
#undef BL_REASON_ENUM
		BL_REASON_COUNT,
};

#endif
