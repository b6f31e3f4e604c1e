/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One coordination.k8s.io/v1 Lease as several agents compete for it, by the rules of client-go's
 * leader election: who holds it renews it; others take it when they have seen no renewal for its
 * duration by their own clocks, which need not agree. Each write names the version it replaces, so
 * that of two who try the server lets one. A holder that cannot renew stops acting on it before
 * anybody else may take it. A state machine without I/O; times are milliseconds of one clock that
 * never goes back.
 */
#ifndef KUBE_LEASE_H
#define KUBE_LEASE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

#define BL_LEASE_HOLDER 254 /* a node's name, and its end */

struct json_object;

struct bl_lease_times {
	uint64_t duration_ms; /* 15 s: nobody else takes it for so long after a renewal */
	uint64_t deadline_ms; /* 10 s: a holder without a renewal for so long is none */
	uint64_t retry_ms;    /* 2 s: between renewals, and between looks */
};
extern const struct bl_lease_times bl_lease_times_default;

struct bl_lease {
	const char *name; /* borrowed, as the next two */
	const char *ns;
	const char *identity; /* of this agent */
	struct bl_lease_times times;
	bool wanted; /* by this agent */
	/* What the server had. */
	bool is_known; /* we have looked */
	bool exists;
	char holder[BL_LEASE_HOLDER]; /* "": nobody */
	char version[32];
	char renewed[40]; /* as it is written there */
	char acquired[40];
	int64_t transitions;
	uint64_t holder_duration_ms;
	uint64_t changed_ms; /* when we first saw it so */
	/* What we did. */
	bool held;         /* by us, as far as we know */
	uint64_t held_ms;  /* when our last good write was sent */
	uint64_t tried_ms; /* when any was; 0: never */
	uint64_t next_ms;  /* of the next one, not before */
	bool writing;      /* one is under way */
	bool deleting;     /* which is a DELETE */
};

enum bl_lease_act {
	BL_LEASE_NOTHING,
	BL_LEASE_LOOK,   /* read it, or a list that has it; bl_lease_saw */
	BL_LEASE_CREATE, /* POST; bl_lease_wrote */
	BL_LEASE_UPDATE, /* PUT; bl_lease_wrote */
	BL_LEASE_DELETE, /* it was held and is not wanted any more; bl_lease_wrote */
};

/* What to do now. CREATE, UPDATE and DELETE count as begun. */
enum bl_lease_act bl_lease_turn(struct bl_lease *lease, uint64_t now_ms);
/* When to turn again; UINT64_MAX: when something changes. */
uint64_t bl_lease_due(const struct bl_lease *lease, uint64_t now_ms);

/* The Lease as the server has it; NULL: it has none. */
void bl_lease_saw(struct bl_lease *lease, struct json_object *object, uint64_t now_ms);
/* How a write ended: the server's status (0: no answer), and the Lease it returned. */
void bl_lease_wrote(struct bl_lease *lease, int status, struct json_object *object,
		    uint64_t now_ms);

/* The body of a write: the Lease, or what a DELETE is to be careful of. `now_us` is of the wall
 * clock. */
void bl_lease_write(const struct bl_lease *lease, enum bl_lease_act act, uint64_t now_us,
		    struct bl_buf *ret);

/* May this agent act as the holder? */
bool bl_lease_is_held(const struct bl_lease *lease, uint64_t now_ms);

#endif
