/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The second half of a change: what is there from now on. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "plan/change.h"

static uint8_t zone_number(struct bl_plan *plan, const char *zone)
{
	char **zones;
	char *copy;

	if (!zone)
		return 0;
	for (size_t i = 0; i < plan->zone_count; i++)
		if (strcmp(plan->zones[i], zone) == 0)
			return (uint8_t)(i + 1);
	if (plan->zone_count == UINT8_MAX)
		return 0;
	/* A zone without a number is an unknown one: nothing to fail for. */
	zones = reallocarray(plan->zones, plan->zone_count + 1, sizeof(*zones));
	if (!zones)
		return 0;
	plan->zones = zones;
	copy = strdup(zone);
	if (!copy)
		return 0;
	zones[plan->zone_count++] = copy;
	return (uint8_t)plan->zone_count;
}

static void set_backend(struct bl_service_change *change, const struct bl_port_change *port,
			uint32_t i)
{
	const struct bl_resolved_backend *from = &port->from->backends[i];
	uint32_t id = port->new->backend_ids[i];
	struct bl_backend *row;
	struct bl_backend wanted = {
		.address = from->address.ip,
		.port = htons(from->port),
		.family = from->address.family,
		.state = from->state,
		.service_id = port->new->service_id,
		.weight = from->weight,
		.zone = zone_number(change->plan, from->zone),
		.flags = from->local ? BL_BACKEND_F_LOCAL : 0,
	};

	if (id == 0) {
		id = bl_ids_take(&change->plan->backend_ids);
		port->new->backend_ids[i] = id;
		wanted.generation = change->plan->backends[id].generation + 1;
	} else {
		wanted.generation = change->plan->backends[id].generation;
	}
	row = &change->plan->backends[id];
	if (memcmp(row, &wanted, sizeof(wanted)) == 0)
		return;
	*row = wanted;
	bl_delta_add(change->delta, BL_OP_SET_BACKEND, id, 1)->backend = wanted;
}

static void set_backends(struct bl_service_change *change)
{
	for (size_t i = 0; i < change->resolved->port_count; i++) {
		struct bl_port_change *port = &change->ports[i];

		port->new->service_id =
			port->old ? port->old->service_id : bl_ids_take(&change->plan->service_ids);
		for (uint32_t k = 0; k < port->new->backend_count; k++)
			set_backend(change, port, k);
	}
}

static void set_slot_range(struct bl_service_change *change, const struct bl_port_change *port,
			   enum bl_set set)
{
	struct bl_slot_range range = port->sets[set];
	uint32_t at = 0;

	for (uint32_t i = 0; i < port->new->backend_count; i++)
		if (bl_change_is_member(&port->from->backends[i], set))
			port->slots[set][at++].backend_id = port->new->backend_ids[i];
	memcpy(&change->plan->slots[range.first], port->slots[set],
	       range.count * sizeof(*port->slots[set]));
	bl_delta_add(change->delta, BL_OP_SET_SLOTS, range.first, range.count)->slots =
		port->slots[set];
}

static void set_slots(struct bl_service_change *change)
{
	for (size_t i = 0; i < change->resolved->port_count; i++)
		for (enum bl_set set = BL_SET_INTERNAL; set < BL_SET_COUNT; set++)
			if (change->ports[i].taken[set])
				set_slot_range(change, &change->ports[i], set);
}

/* The names are checked or may be cut short, as that of a port is. */
static void copy_name(char *to, size_t size, const char *from)
{
	size_t len = from ? strnlen(from, size - 1) : 0;

	memset(to, 0, size);
	if (len > 0)
		memcpy(to, from, len);
}

static void set_services(struct bl_service_change *change)
{
	for (size_t i = 0; i < change->resolved->port_count; i++) {
		const struct bl_port_change *port = &change->ports[i];
		uint32_t id = port->new->service_id;
		struct bl_service_entry *entry = port->entry;
		struct bl_plan_service *service = &change->plan->services[id];
		struct bl_service_entry before;

		copy_name(entry->ns, sizeof(entry->ns), change->resolved->ns);
		copy_name(entry->name, sizeof(entry->name), change->resolved->name);
		copy_name(entry->port_name, sizeof(entry->port_name), port->from->name);
		entry->port = htons(port->from->port);
		entry->protocol = port->from->protocol;
		entry->in_use = 1;
		if (bl_plan_service(change->plan, id, &before) &&
		    memcmp(&before, entry, sizeof(before)) == 0)
			continue;
		*service = (struct bl_plan_service){
			.record = change->old ? change->old : change->new,
			.port = entry->port,
			.protocol = entry->protocol,
		};
		memcpy(service->port_name, entry->port_name, sizeof(service->port_name));
		bl_delta_add(change->delta, BL_OP_SET_SERVICE, id, 1)->service = entry;
	}
}

void bl_change_write_filter(struct bl_service_change *change, const struct bl_table_row *row)
{
	uint32_t word = bl_plan_filter_word(&row->frontend);

	bl_delta_add(change->delta, BL_OP_SET_FILTER, word, 1)->filter = change->plan->filter[word];
}

static struct bl_table_row *find_or_add_row(struct bl_plan *plan, const struct bl_frontend_id *id)
{
	struct bl_table_row *row = bl_change_find_row(plan, id);
	const struct bl_frontend_row empty = {.family = id->family, .key = id->key};

	return row ? row : &plan->frontends.rows[bl_table_add(&plan->frontends, &empty)];
}

/* Enters the frontends, still without a value, and makes the filter let their addresses through. */
static void open_filter(struct bl_service_change *change)
{
	struct bl_plan *plan = change->plan;

	for (size_t i = 0; i < change->frontend_count; i++) {
		const struct bl_frontend_change *frontend = &change->frontends[i];
		struct bl_frontend_id id = bl_frontend_id_address(&frontend->id);
		bool is_new = !bl_change_find_row(plan, &frontend->id);
		bool was_virtual = find_or_add_row(plan, &frontend->id)->frontend.value.flags &
				   BL_FRONTEND_F_VIRTUAL;
		struct bl_table_row *address = find_or_add_row(plan, &id);

		address->users += is_new;
		if (frontend->from->is_virtual && !was_virtual)
			address->virtual_users++;
		else if (!frontend->from->is_virtual && was_virtual)
			address->virtual_users--;
		if (is_new)
			plan->mapped[bl_family_index(id.family)]++;
		if (bl_plan_filter_add(plan, address))
			bl_change_write_filter(change, address);
	}
}

static uint16_t frontend_flags(const struct bl_service_change *change,
			       const struct bl_frontend_change *frontend)
{
	const struct bl_resolved_port *port = frontend->port->from;
	bool is_cluster_ip = frontend->from->kind == BL_FRONTEND_CLUSTER_IP;
	bool external_elsewhere =
		is_cluster_ip ? port->internal_elsewhere : port->external_elsewhere;
	uint16_t flags = change->more_flags;

	if (frontend->from->is_virtual)
		flags |= BL_FRONTEND_F_VIRTUAL;
	if (bl_addr_is_loopback(&frontend->from->address))
		flags |= BL_FRONTEND_F_HOST_ONLY;
	if (port->affinity_timeout_s > 0)
		flags |= BL_FRONTEND_F_AFFINITY;
	if (is_cluster_ip && port->internal_elsewhere)
		flags |= BL_FRONTEND_F_INTERNAL_ELSEWHERE;
	if (external_elsewhere)
		flags |= BL_FRONTEND_F_EXTERNAL_ELSEWHERE;
	if (frontend->from->kind == BL_FRONTEND_NODE_PORT)
		flags |= BL_FRONTEND_F_NODE_PORT;
	if (frontend->from->internal_only)
		flags |= BL_FRONTEND_F_INTERNAL_ONLY;
	if (frontend->from->check_sources)
		flags |= BL_FRONTEND_F_SOURCE_RANGES;
	if (port->dsr && !frontend->from->internal_only)
		flags |= BL_FRONTEND_F_DSR;
	return flags;
}

/* Whoever reaches a ClusterIP from outside is treated as in the cluster, as kube-proxy does. */
static struct bl_frontend frontend_value(const struct bl_service_change *change,
					 const struct bl_frontend_change *frontend)
{
	const struct bl_port_change *port = frontend->port;
	bool is_cluster_ip = frontend->from->kind == BL_FRONTEND_CLUSTER_IP;

	struct bl_slot_range table = {0};

	if (!frontend->from->internal_only)
		table = port->tables[is_cluster_ip ? BL_SET_INTERNAL : BL_SET_EXTERNAL];
	return (struct bl_frontend){
		.service_id = port->new->service_id,
		.flags = frontend_flags(change, frontend),
		.algorithm = table.count > 0 ? BL_ALGORITHM_MAGLEV : BL_ALGORITHM_RANDOM,
		.maglev = table,
		.internal = port->sets[is_cluster_ip ? BL_SET_INTERNAL : BL_SET_CLUSTER],
		.external = port->sets[is_cluster_ip ? BL_SET_INTERNAL : BL_SET_EXTERNAL],
		.affinity_timeout_s = port->from->affinity_timeout_s,
	};
}

static void set_row(struct bl_service_change *change, struct bl_table_row *row,
		    const struct bl_frontend *value)
{
	if (memcmp(&row->frontend.value, value, sizeof(*value)) == 0)
		return;
	row->frontend.value = *value;
	bl_delta_add_frontend(change->delta, BL_OP_SET_FRONTEND, &row->frontend);
}

void bl_change_set_address(struct bl_service_change *change, struct bl_table_row *address)
{
	const struct bl_frontend value = {
		.flags = BL_FRONTEND_F_VIRTUAL,
		.external.count = address->live_users > 0,
	};

	if (address->frontend.value.flags == 0)
		change->plan->mapped[bl_family_index(address->frontend.family)]++;
	set_row(change, address, &value);
}

/* Addresses come after all of their frontends, so that none is said to be dead in between. */
static void set_frontends(struct bl_service_change *change)
{
	struct bl_plan *plan = change->plan;

	for (size_t i = 0; i < change->frontend_count; i++) {
		const struct bl_frontend_change *frontend = &change->frontends[i];
		struct bl_frontend_id id = bl_frontend_id_address(&frontend->id);
		struct bl_frontend value = frontend_value(change, frontend);
		struct bl_table_row *row = bl_change_find_row(plan, &frontend->id);
		bool was_live = bl_frontend_is_live(&row->frontend.value);

		set_row(change, row, &value);
		if (bl_frontend_is_live(&value) != was_live)
			bl_change_find_row(plan, &id)->live_users += was_live ? -1u : 1u;
	}
	for (size_t i = 0; i < change->frontend_count; i++) {
		struct bl_frontend_id id = bl_frontend_id_address(&change->frontends[i].id);
		struct bl_table_row *address = bl_change_find_row(plan, &id);

		if (address->virtual_users > 0)
			bl_change_set_address(change, address);
	}
}

void bl_change_commit(struct bl_service_change *change)
{
	set_backends(change);
	set_slots(change);
	bl_change_set_tables(change);
	set_services(change);
	bl_change_open_outside(change);
	open_filter(change);
	set_frontends(change);
}
