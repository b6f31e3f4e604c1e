/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One Service's change of a plan. First everything that can fail (checks, memory, ids, slots), with
 * nothing changed; then the change itself, step by step in the order in which the rows must be
 * written, each step over all ports. For the files of this folder alone.
 */
#ifndef PLAN_CHANGE_H
#define PLAN_CHANGE_H

#include "plan/state.h"

enum bl_set {
	BL_SET_INTERNAL,
	BL_SET_CLUSTER,
	BL_SET_EXTERNAL,
	BL_SET_COUNT,
};
_Static_assert((int)BL_SET_COUNT == BL_PORT_RANGES, "a port has a range for each set");

struct bl_port_change {
	const struct bl_resolved_port *from;
	struct bl_port_record *old; /* of the same port, protocol and family; NULL: none */
	struct bl_port_record *new;
	struct bl_slot_range sets[BL_SET_COUNT];
	bool taken[BL_SET_COUNT]; /* the range is new and must be filled */
	struct bl_slot *slots[BL_SET_COUNT];
	/* The same for Maglev tables, by the set that they hold. Entries name a place among the
	 * port's backends until their ids are known. */
	struct bl_slot_range tables[BL_SET_COUNT];
	bool table_taken[BL_SET_COUNT];
	struct bl_maglev_entry *entries[BL_SET_COUNT];
	struct bl_service_entry *entry;
};

/* A frontend with the port that it leads to. */
struct bl_frontend_change {
	struct bl_frontend_id id;
	const struct bl_port_change *port;
	const struct bl_resolved_frontend *from;
};

struct bl_service_change {
	struct bl_plan *plan;
	const struct bl_resolved *resolved;
	struct bl_delta *delta;
	struct bl_err *err;
	char name[BL_RECORD_NAME];
	struct bl_record *old; /* NULL: none */
	struct bl_record *new;
	struct bl_port_change *ports;
	struct bl_frontend_change *frontends;
	size_t frontend_count;
	uint16_t more_flags; /* of every frontend */
};

/* Needs of a change, counted before anything is changed. */
struct bl_change_needs {
	uint32_t frontends[2]; /* rows in the maps, IPv4 and IPv6 */
	uint32_t rows;
	uint32_t backends;
	uint32_t services;
	uint32_t old_backends;
	uint32_t packet_rows[BL_PACKET_TABLE_COUNT];
	uint32_t ops;
};

/* prepare.c: everything that can fail. On failure the plan is what it was. 1: see bl_plan_put(). */
int bl_change_prepare(struct bl_service_change *change);
int bl_change_refuse_full(struct bl_service_change *change, const char *map, uint32_t size);
/* sets.c: the runs of slots. The last step of preparing. */
int bl_change_take_ranges(struct bl_service_change *change);
bool bl_change_is_member(const struct bl_resolved_backend *backend, enum bl_set set);
bool bl_change_sets_equal(const struct bl_resolved_port *port, enum bl_set a, enum bl_set b);
uint32_t bl_change_count_members(const struct bl_resolved_port *port, enum bl_set set);
/* tables.c: the Maglev tables. */
int bl_change_take_tables(struct bl_service_change *change);
void bl_change_give_back_tables(struct bl_service_change *change);
void bl_change_set_tables(struct bl_service_change *change);
/* outside.c: ports, sources and encapsulated packets. */
int bl_change_list_outside(struct bl_service_change *change, struct bl_change_needs *needs);
void bl_change_open_outside(struct bl_service_change *change);
void bl_change_close_outside(struct bl_service_change *change);
/* commit.c: what is there from now on, written before anything goes. */
void bl_change_commit(struct bl_service_change *change);
/* The entry of an address that is virtual for some frontend. */
void bl_change_set_address(struct bl_service_change *change, struct bl_table_row *address);
/* retire.c: what is there no longer. */
const struct bl_port_record *bl_change_find_new_port(const struct bl_service_change *change,
						     uint32_t service_id);
void bl_change_retire(struct bl_service_change *change);
/* The row of an id, and its address's; NULL: none. */
struct bl_table_row *bl_change_find_row(struct bl_plan *plan, const struct bl_frontend_id *id);
void bl_change_write_filter(struct bl_service_change *change, const struct bl_table_row *row);

#endif
