/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The heartbeat Lease of this agent (lease.h): taken up when it is wanted, renewed, and given up
 * when the agent leaves. What it is at the server is known from its own requests alone. A state
 * machine without I/O; times are milliseconds of one clock that never goes back.
 */
#ifndef KUBE_LEASE_HEARTBEAT_H
#define KUBE_LEASE_HEARTBEAT_H

#include "kube/lease.h"

struct bl_heartbeat {
	const char *ns;       /* borrowed */
	const char *identity; /* of this agent; borrowed */
	struct bl_lease_times times;
	char name[BL_LEASE_NAME];
	bool wanted;
	bool probes; /* is to look, if it does not write, whether the server answers */
	bool leaving;
	/* What the server had. */
	bool is_known; /* we have looked */
	bool exists;
	bool is_ours; /* has our name for its holder */
	uint64_t term;
	uint64_t version;
	int64_t transitions;
	char acquired[40];
	/* What we did. */
	bool held;             /* a write of ours was good, and nothing is known against it */
	uint64_t held_ms;      /* when the last such was sent */
	uint64_t tried_ms;     /* when any was */
	uint64_t next_ms;      /* of the next request, not before */
	enum bl_lease_act act; /* the request under way */
	uint64_t seed;         /* of terms */
	uint64_t drawn;        /* terms */
};

/* `seed`: random; -ENAMETOOLONG: of the node's name. */
int bl_heartbeat_init(struct bl_heartbeat *heartbeat, const char *ns, const char *identity,
		      const struct bl_lease_times *times, uint64_t seed);

/* What to ask of the server now; with its body, of an UPDATE or CREATE. It counts as begun.
 * `now_us` is of the wall clock. */
enum bl_lease_act bl_heartbeat_turn(struct bl_heartbeat *heartbeat, uint64_t now_ms,
				    uint64_t now_us, struct bl_buf *ret_body);
/* How that ended: the server's status (0: no answer), and the Lease as it is; NULL: there is none,
 * or it was not said. */
void bl_heartbeat_done(struct bl_heartbeat *heartbeat, int status,
		       const struct bl_lease_object *lease, uint64_t now_ms);
/* When to turn again; UINT64_MAX: when something changes. */
uint64_t bl_heartbeat_due(const struct bl_heartbeat *heartbeat, uint64_t now_ms);

/* May this agent act on what its claims say? */
bool bl_heartbeat_is_held(const struct bl_heartbeat *heartbeat, uint64_t now_ms);
/* Is there nothing left to give up? */
bool bl_heartbeat_has_left(const struct bl_heartbeat *heartbeat);

#endif
