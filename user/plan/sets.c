/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which backends a set has, and the run of slots that holds it. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "plan/change.h"

bool bl_change_is_member(const struct bl_resolved_backend *backend, enum bl_set set)
{
	switch (set) {
	case BL_SET_INTERNAL:
		return backend->internal;
	case BL_SET_CLUSTER:
		return backend->cluster;
	case BL_SET_EXTERNAL:
		return backend->external;
	case BL_SET_COUNT:
		break;
	}
	return false;
}

static bool is_set_used(const struct bl_resolved_port *port, enum bl_set set)
{
	for (size_t i = 0; i < port->frontend_count; i++)
		if ((port->frontends[i].kind == BL_FRONTEND_CLUSTER_IP) == (set == BL_SET_INTERNAL))
			return true;
	return false;
}

bool bl_change_sets_equal(const struct bl_resolved_port *port, enum bl_set a, enum bl_set b)
{
	for (size_t i = 0; i < port->backend_count; i++)
		if (bl_change_is_member(&port->backends[i], a) !=
		    bl_change_is_member(&port->backends[i], b))
			return false;
	return true;
}

uint32_t bl_change_count_members(const struct bl_resolved_port *port, enum bl_set set)
{
	uint32_t count = 0;

	for (size_t i = 0; i < port->backend_count; i++)
		count += bl_change_is_member(&port->backends[i], set);
	return count;
}

/* Do the slots of a range name exactly this set? A new backend, whose id is 0 yet, is in none. */
static bool range_holds(const struct bl_plan *plan, const struct bl_port_change *port,
			enum bl_set set, const struct bl_slot_range *range)
{
	uint32_t at = 0;

	for (uint32_t i = 0; i < port->new->backend_count; i++) {
		if (!bl_change_is_member(&port->from->backends[i], set))
			continue;
		if (at == range->count || port->new->backend_ids[i] == 0 ||
		    plan->slots[range->first + at].backend_id != port->new->backend_ids[i])
			return false;
		at++;
	}
	return at == range->count;
}

static bool reuse_range(const struct bl_service_change *change, struct bl_port_change *port,
			enum bl_set set)
{
	for (enum bl_set other = BL_SET_INTERNAL; other < set; other++) {
		if (is_set_used(port->from, other) &&
		    bl_change_sets_equal(port->from, set, other)) {
			port->sets[set] = port->sets[other];
			return true;
		}
	}
	for (uint8_t i = 0; port->old && i < port->old->range_count; i++) {
		if (range_holds(change->plan, port, set, &port->old->ranges[i])) {
			port->sets[set] = port->old->ranges[i];
			port->new->ranges[port->new->range_count++] = port->sets[set];
			return true;
		}
	}
	return false;
}

static int take_range(struct bl_service_change *change, struct bl_port_change *port,
		      enum bl_set set)
{
	uint32_t count = bl_change_count_members(port->from, set);
	uint32_t first;
	int r;

	if (!is_set_used(port->from, set) || count == 0 || reuse_range(change, port, set))
		return 0;
	port->slots[set] = bl_arena_alloc(change->delta->arena, count * sizeof(*port->slots[set]));
	if (!port->slots[set])
		return -ENOMEM;
	r = bl_ranges_take(&change->plan->ranges, count, &first);
	if (r < 0)
		return bl_change_refuse_full(change, BL_MAP_SLOTS, change->plan->limits.slots);
	port->sets[set] = (struct bl_slot_range){.first = first, .count = count};
	port->taken[set] = true;
	port->new->ranges[port->new->range_count++] = port->sets[set];
	return 0;
}

static void give_back_ranges(struct bl_service_change *change)
{
	for (size_t i = 0; i < change->resolved->port_count; i++)
		for (enum bl_set set = BL_SET_INTERNAL; set < BL_SET_COUNT; set++)
			if (change->ports[i].taken[set])
				bl_ranges_give_back(&change->plan->ranges,
						    change->ports[i].sets[set]);
}

int bl_change_take_ranges(struct bl_service_change *change)
{
	struct bl_plan *plan = change->plan;
	int r = 0;

	for (size_t i = 0; r == 0 && i < change->resolved->port_count; i++)
		for (enum bl_set set = BL_SET_INTERNAL; r == 0 && set < BL_SET_COUNT; set++)
			r = take_range(change, &change->ports[i], set);
	if (r == 0)
		r = bl_plan_grow((void **)&plan->slots, &plan->slot_capacity, plan->ranges.end,
				 sizeof(*plan->slots));
	if (r == 0)
		r = bl_change_take_tables(change);
	/* The last step that can fail: the place in the table of records. */
	if (r == 0 && !change->old)
		r = bl_map_put_str(plan->records, change->new->name, change->new, NULL);
	if (r < 0) {
		give_back_ranges(change);
		bl_change_give_back_tables(change);
	}
	return r;
}
