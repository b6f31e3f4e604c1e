/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The Maglev tables of a change: one for each set that clients from outside may get. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "plan/change.h"
#include "plan/maglev.h"

static bool is_used(const struct bl_resolved_port *port, enum bl_set set)
{
	for (size_t i = 0; i < port->frontend_count; i++) {
		const struct bl_resolved_frontend *frontend = &port->frontends[i];
		bool is_cluster_ip = frontend->kind == BL_FRONTEND_CLUSTER_IP;

		if (!frontend->internal_only && is_cluster_ip == (set == BL_SET_INTERNAL))
			return true;
	}
	return false;
}

/* The entries name places among the port's backends. */
static int fill_entries(const struct bl_resolved_port *port, enum bl_set set, uint32_t members,
			struct bl_maglev_entry *entries, uint32_t size)
{
	_cleanup_free_ struct bl_maglev_member *list = calloc(members, sizeof(*list));
	_cleanup_free_ uint32_t *places = calloc(members, sizeof(*places));
	_cleanup_free_ uint16_t *numbers = calloc(size, sizeof(*numbers));
	uint32_t count = 0;
	int r;

	if (!list || !places || !numbers)
		return -ENOMEM;
	for (uint32_t i = 0; i < port->backend_count; i++) {
		const struct bl_resolved_backend *backend = &port->backends[i];

		if (!bl_change_is_member(backend, set))
			continue;
		places[count] = i;
		list[count++] = (struct bl_maglev_member){
			.address = backend->address.ip,
			.port = backend->port,
			.weight = backend->weight,
		};
	}
	r = bl_maglev_fill(list, members, numbers, size);
	for (uint32_t i = 0; r == 0 && i < size; i++)
		entries[i].backend_id = places[numbers[i]];
	return r;
}

/* A new backend has no id yet, so no table of before can name it. */
static bool table_holds(const struct bl_plan *plan, const struct bl_port_change *port,
			enum bl_set set, uint32_t size, const struct bl_slot_range *table)
{
	if (table->count != size)
		return false;
	for (uint32_t i = 0; i < size; i++) {
		uint32_t id = port->new->backend_ids[port->entries[set][i].backend_id];

		if (id == 0 || plan->maglev[table->first + i].backend_id != id)
			return false;
	}
	return true;
}

static bool reuse_table(const struct bl_service_change *change, struct bl_port_change *port,
			enum bl_set set, uint32_t size)
{
	for (uint8_t i = 0; port->old && i < port->old->table_count; i++) {
		if (!table_holds(change->plan, port, set, size, &port->old->tables[i]))
			continue;
		port->tables[set] = port->old->tables[i];
		port->new->tables[port->new->table_count++] = port->tables[set];
		return true;
	}
	return false;
}

static int take_table(struct bl_service_change *change, struct bl_port_change *port,
		      enum bl_set set)
{
	uint32_t members = bl_change_count_members(port->from, set);
	uint32_t size = bl_maglev_size(members);
	uint32_t first;
	int r;

	if (!port->from->maglev || members == 0 || !is_used(port->from, set))
		return 0;
	if (set == BL_SET_EXTERNAL && port->tables[BL_SET_INTERNAL].count > 0 &&
	    bl_change_sets_equal(port->from, BL_SET_INTERNAL, BL_SET_EXTERNAL)) {
		port->tables[set] = port->tables[BL_SET_INTERNAL];
		return 0;
	}
	port->entries[set] =
		bl_arena_alloc(change->delta->arena, size * sizeof(*port->entries[set]));
	if (!port->entries[set])
		return -ENOMEM;
	r = fill_entries(port->from, set, members, port->entries[set], size);
	if (r == -E2BIG)
		return bl_err_set(change->err, r,
				  "service '%s' has %u endpoints, a Maglev table takes at most %u; "
				  "choose random with annotation '" BL_ANNOTATION_LB_ALGORITHM "'",
				  change->name, members, BL_MAGLEV_MEMBERS_MAX);
	if (r < 0 || reuse_table(change, port, set, size))
		return r;
	r = bl_ranges_take(&change->plan->tables, size, &first);
	if (r < 0)
		return bl_err_set(change->err, -ENOSPC,
				  "map '" BL_MAP_MAGLEV "' of %u entries has no room for the %u of "
				  "service '%s'; run 'beeline unload' and start with more "
				  "--maglev-entries, or choose random with annotation "
				  "'" BL_ANNOTATION_LB_ALGORITHM "'",
				  change->plan->limits.maglev, size, change->name);
	port->tables[set] = (struct bl_slot_range){.first = first, .count = size};
	port->table_taken[set] = true;
	port->new->tables[port->new->table_count++] = port->tables[set];
	return 0;
}

int bl_change_take_tables(struct bl_service_change *change)
{
	struct bl_plan *plan = change->plan;
	int r = 0;

	for (size_t i = 0; r == 0 && i < change->resolved->port_count; i++) {
		r = take_table(change, &change->ports[i], BL_SET_INTERNAL);
		if (r == 0)
			r = take_table(change, &change->ports[i], BL_SET_EXTERNAL);
	}
	return r < 0 ? r
		     : bl_plan_grow((void **)&plan->maglev, &plan->maglev_capacity,
				    plan->tables.end, sizeof(*plan->maglev));
}

void bl_change_give_back_tables(struct bl_service_change *change)
{
	for (size_t i = 0; i < change->resolved->port_count; i++)
		for (enum bl_set set = BL_SET_INTERNAL; set < BL_SET_COUNT; set++)
			if (change->ports[i].table_taken[set])
				bl_ranges_give_back(&change->plan->tables,
						    change->ports[i].tables[set]);
}

static void set_table(struct bl_service_change *change, const struct bl_port_change *port,
		      enum bl_set set)
{
	struct bl_maglev_entry *entries = port->entries[set];
	struct bl_slot_range range = port->tables[set];

	for (uint32_t i = 0; i < range.count; i++)
		entries[i].backend_id = port->new->backend_ids[entries[i].backend_id];
	memcpy(&change->plan->maglev[range.first], entries, range.count * sizeof(*entries));
	bl_delta_add(change->delta, BL_OP_SET_MAGLEV, range.first, range.count)->maglev = entries;
}

void bl_change_set_tables(struct bl_service_change *change)
{
	for (size_t i = 0; i < change->resolved->port_count; i++)
		for (enum bl_set set = BL_SET_INTERNAL; set < BL_SET_COUNT; set++)
			if (change->ports[i].table_taken[set])
				set_table(change, &change->ports[i], set);
}
