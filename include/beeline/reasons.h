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
	  "socket storage could not be had; the translation went on without it")

enum bl_reason {
#define BL_REASON_ENUM(name, number, label, text) BL_REASON_##name = number,
	BL_REASONS(BL_REASON_ENUM)
#undef BL_REASON_ENUM
		BL_REASON_COUNT,
};

#endif
