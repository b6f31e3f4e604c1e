/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Exact map contents. A plan holds what every map should have, row by row; Services go in and out
 * one at a time, and each change yields a delta: the rows to write, in an order that is safe while
 * traffic flows (backends and slots before the frontend that names them, removals last). Pure: no
 * I/O, no clock, no random numbers; the same Services put in the same order give the same bytes.
 *
 * Ids are stable: a Service port keeps its service id and a backend its backend id as long as they
 * exist; an id, and a slot range, that was given up is used again only after others have been
 * (round robin), so that a program that still holds an old row does not meet a new meaning.
 */
#ifndef PLAN_PLAN_H
#define PLAN_PLAN_H

#include <stdint.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "beeline/abi.h"
#include "beeline/packet.h"
#include "resolve/resolve.h"

struct bl_plan;

/* Sizes of the maps that the plan must fit in. */
struct bl_plan_limits {
	uint32_t frontends; /* of each family */
	uint32_t slots;
	uint32_t backends;
	uint32_t services;
	/* Of the packet path. */
	uint32_t maglev;
	uint32_t sources; /* of each family */
	uint32_t dsr_backends;
};
extern const struct bl_plan_limits bl_plan_limits_default;

int bl_plan_new(const struct bl_plan_limits *limits, struct bl_plan **ret);
struct bl_plan *bl_plan_free(struct bl_plan *plan); /* accepts NULL, returns NULL */
BL_DEFINE_CLEANUP(struct bl_plan *, bl_plan_free);

/* Ports of the node's own that answers of other nodes come back to, in host order; they stand in
 * packet_ports. For a new plan, before anything else. 0, 0: none. */
void bl_plan_set_snat_pool(struct bl_plan *plan, uint16_t first, uint16_t last);

/* Hashes of the packet path, whose values are one number. */
enum bl_packet_table {
	BL_PACKET_SOURCES4,
	BL_PACKET_SOURCES6,
	BL_PACKET_DSR_BACKENDS,
	BL_PACKET_TABLE_COUNT,
};

struct bl_packet_row {
	enum bl_packet_table table;
	uint32_t value; /* of struct bl_source_range or struct bl_dsr_backend */
	union {         /* compared as bytes, with zeros behind shorter keys */
		struct bl_source4_key source4;
		struct bl_source6_key source6;
		struct bl_dsr_key dsr;
	} key;
};

/* One write to one map. Rows of arrays have an index; rows of hashes have a key. */
enum bl_op_kind {
	BL_OP_SET_BACKEND,
	BL_OP_SET_SLOTS, /* a run of slots */
	BL_OP_SET_SERVICE,
	BL_OP_SET_FILTER, /* one word of addr_filter */
	BL_OP_SET_FRONTEND,
	BL_OP_DELETE_FRONTEND,
	/* Maps of the packet path; a datapath without it leaves them out. */
	BL_OP_SET_MAGLEV,       /* a run of entries */
	BL_OP_SET_PACKET_PORTS, /* one word of packet_ports */
	BL_OP_SET_PACKET_ROW,
	BL_OP_DELETE_PACKET_ROW,
};

struct bl_op {
	enum bl_op_kind kind;
	uint32_t index; /* of the row or word, or the first of the run */
	uint32_t count; /* entries in the run; else 1 */
	uint8_t family; /* frontends: enum bl_family */
	union {
		struct bl_backend backend;
		struct bl_service_entry *service; /* owned by the delta */
		struct bl_addr_filter_word filter;
		struct bl_slot *slots;          /* owned by the delta */
		struct bl_maglev_entry *maglev; /* owned by the delta */
		struct bl_packet_port_word ports;
		struct bl_packet_row packet_row;
		struct {
			struct bl_frontend6_key key; /* an IPv4 key uses four address bytes */
			struct bl_frontend value;
		} frontend;
	};
};

/* Ops in the order in which they must be applied. */
struct bl_delta {
	struct bl_op *ops;
	size_t count;
	size_t capacity;
	struct bl_arena *arena;
	/* Some backend left the serving state or went away: sockets may have to move. */
	bool backends_left;
};
#define BL_DELTA_INIT                                                                              \
	{                                                                                          \
		0                                                                                  \
	}
void bl_delta_done(struct bl_delta *delta);
static inline void bl_delta_done_p(struct bl_delta *delta)
{
	bl_delta_done(delta);
}

/*
 * Puts a Service in place of what it had before (nothing, at first) and appends the ops to `delta`.
 * 1 when external or load-balancer IPs of it belong to other Services already: it is served at its
 * other frontends, and `err` says which was left out first, and whose it is. Put it again when that
 * may have changed.
 * -ENOSPC when a map is full (err names the map, its size and the Service), -EEXIST when another
 * frontend belongs to another Service already (err names it), -ENAMETOOLONG, -ENOMEM: the plan is
 * then unchanged, but that an adopted Service which nobody has brought again yields its frontends.
 */
int bl_plan_put(struct bl_plan *plan, const struct bl_resolved *resolved, struct bl_delta *delta,
		struct bl_err *err);
/* Takes a Service out; no such Service is fine. */
int bl_plan_remove(struct bl_plan *plan, const char *ns, const char *name, struct bl_delta *delta);

/* The agent's probe of its hooks: one frontend with one backend under the service name
 * "beeline-canary" in "kube-system". */
int bl_plan_put_canary(struct bl_plan *plan, const struct bl_addr *address, uint16_t port,
		       const struct bl_addr *backend, uint16_t backend_port, struct bl_delta *delta,
		       struct bl_err *err);

/*
 * Adoption: gives an empty plan the rows that the kernel holds, so that ids stay what they are.
 * Services that the sources do not bring again are removed by bl_plan_remove_unclaimed once all
 * sources have delivered. Rows that do not fit together (a slot range of no frontend, a backend of
 * no service) are put right by a full diff.
 */
struct bl_plan_rows; /* what the kernel holds, see rows.h */
int bl_plan_adopt(struct bl_plan *plan, const struct bl_plan_rows *rows, struct bl_err *err);
int bl_plan_remove_unclaimed(struct bl_plan *plan, struct bl_delta *delta);

/* Everything that must be written to make `actual` equal `plan`, in safe order. Empty: equal. */
int bl_plan_diff(const struct bl_plan *plan, const struct bl_plan_rows *actual,
		 struct bl_delta *delta);

/* Text, one row a line, sorted; what `beeline plan` prints and golden files hold. */
void bl_plan_print(const struct bl_plan *plan, FILE *out);
/* One line an op, for `verify` and the debug log. */
void bl_delta_print(const struct bl_delta *delta, FILE *out);

/* Counts for status. */
struct bl_plan_counts {
	uint32_t frontends4;
	uint32_t frontends6;
	uint32_t slots;
	uint32_t backends; /* without those that are gone */
	uint32_t
		backend_end; /* behind the last id that a backend ever had, also one that is gone */
	uint32_t services;
	uint32_t maglev;
	uint32_t sources;
	uint32_t dsr_backends;
};
struct bl_plan_counts bl_plan_counts(const struct bl_plan *plan);

/* What the maps hold for an id. False, NULL: nothing. */
bool bl_plan_service(const struct bl_plan *plan, uint32_t service_id, struct bl_service_entry *ret);
const struct bl_backend *bl_plan_backend(const struct bl_plan *plan, uint32_t backend_id);

/* The Maglev table of a Service port for clients from outside; count 0: it has none. Borrowed until
 * the plan changes. */
struct bl_plan_table {
	const struct bl_maglev_entry *entries;
	uint32_t count;
};
struct bl_plan_table bl_plan_maglev(const struct bl_plan *plan, uint32_t service_id);

#endif
