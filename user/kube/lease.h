/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How agents share things by coordination.k8s.io/v1 Leases, and how these are read and written.
 *
 * Each agent that holds anything has one Lease that it renews, its heartbeat, in which it writes a
 * term: a random number that is new each time the heartbeat is taken up after it was given up. Each
 * thing has a Lease of its own, a claim, which names its holder and that holder's term, and is
 * written only when it changes hands. A claim counts as long as the heartbeat of its holder has the
 * same term and a holder. So one write frees all that an agent has: its own, when it stops; or
 * another's, who has seen no renewal for the heartbeat's duration by its own clock. Every write
 * names the version that it replaces, so the renewal of an agent and that write of another exclude
 * each other at the server; and a holder that could not renew for its deadline, which is shorter,
 * has stopped acting by then. Clocks need not agree.
 */
#ifndef KUBE_LEASE_H
#define KUBE_LEASE_H

#include "base/buf.h"
#include "model/node.h"

/* Of a heartbeat's name there is as much for the node's as Kubernetes leaves. */
#define BL_LEASE_HEARTBEAT "beeline-node."
#define BL_LEASE_NAME 254 /* and its end */
#define BL_LEASE_NODE_MAX (BL_LEASE_NAME - 1 - (sizeof(BL_LEASE_HEARTBEAT) - 1))
#define BL_LEASE_LABEL "app.kubernetes.io/managed-by"
#define BL_LEASE_LABEL_VALUE "beeline"
#define BL_LEASE_TERM "beeline.dev/term" /* an annotation: 16 hexadecimal digits */

struct bl_lease_times {
	uint64_t duration_ms; /* nobody frees what a holder has for so long after a renewal */
	uint64_t deadline_ms; /* a holder without a renewal for so long does not act on it */
	uint64_t retry_ms;    /* between renewals, and after failures */
};
/* A duration from 5 s to an hour: deadline after two thirds of it, a renewal each fifth. */
struct bl_lease_times bl_lease_times_of(uint64_t duration_ms);
#define BL_LEASE_DURATION_MS 10000 /* unless it is said otherwise */

struct bl_lease_seen {       /* strings are borrowed from the object */
	const char *holder;  /* "": nobody */
	const char *renewed; /* as it is written there; "" */
	const char *acquired;
	uint64_t term; /* 0: none */
	uint64_t version;
	uint64_t duration_ms;
	int64_t transitions;
};
struct bl_lease_seen bl_lease_read(const struct bl_lease_object *lease);

enum bl_lease_act {
	BL_LEASE_NOTHING,
	BL_LEASE_LOOK,   /* GET of a list with this one in it */
	BL_LEASE_CREATE, /* POST */
	BL_LEASE_UPDATE, /* PUT */
	BL_LEASE_DELETE,
};

struct bl_lease_body { /* of a write; strings are borrowed */
	enum bl_lease_act act;
	const char *name;
	const char *ns;
	uint64_t version;   /* that is replaced */
	const char *holder; /* NULL: nobody */
	uint64_t term;
	const char *acquired;
	const char *renewed;  /* NULL: not renewed at all */
	uint64_t duration_ms; /* 0: likewise */
	int64_t transitions;
};
/* A DELETE's is what it has to be careful of. */
void bl_lease_write(const struct bl_lease_body *body, struct bl_buf *ret);

#endif
