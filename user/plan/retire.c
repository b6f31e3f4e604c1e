/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The end of a change: what is there no longer. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "plan/change.h"

static void delete_address(struct bl_service_change *change, const struct bl_frontend_id *id)
{
	struct bl_table_row *address = bl_change_find_row(change->plan, id);

	if (!address || address->frontend.value.flags == 0)
		return;
	if (address->virtual_users > 0) {
		bl_change_set_address(change, address);
		return;
	}
	bl_delta_add_frontend(change->delta, BL_OP_DELETE_FRONTEND, &address->frontend);
	address->frontend.value = (struct bl_frontend){0};
	change->plan->mapped[bl_family_index(id->family)]--;
}

static void delete_frontend(struct bl_service_change *change, const struct bl_frontend_id *id)
{
	struct bl_plan *plan = change->plan;
	struct bl_frontend_id address_id = bl_frontend_id_address(id);
	struct bl_table_row *row = bl_change_find_row(plan, id);
	struct bl_table_row *address = bl_change_find_row(plan, &address_id);

	bl_delta_add_frontend(change->delta, BL_OP_DELETE_FRONTEND, &row->frontend);
	address->users--;
	if (row->frontend.value.flags & BL_FRONTEND_F_VIRTUAL)
		address->virtual_users--;
	if (bl_frontend_is_live(&row->frontend.value))
		address->live_users--;
	plan->mapped[bl_family_index(id->family)]--;
	bl_table_remove(&plan->frontends, (uint32_t)(row - plan->frontends.rows));
}

static bool is_kept(const struct bl_service_change *change, const struct bl_frontend_id *id)
{
	return bsearch(id, change->new->frontends, change->new->frontend_count, sizeof(*id),
		       bl_frontend_id_compare) != NULL;
}

static void delete_frontends(struct bl_service_change *change)
{
	for (uint32_t i = 0; change->old && i < change->old->frontend_count; i++) {
		const struct bl_frontend_id *id = &change->old->frontends[i];
		struct bl_frontend_id address = bl_frontend_id_address(id);

		if (!is_kept(change, id))
			delete_frontend(change, id);
		/* Also of a frontend that stays: its address may be the node's own now. */
		delete_address(change, &address);
	}
}

static void close_filter(struct bl_service_change *change)
{
	struct bl_plan *plan = change->plan;

	for (uint32_t i = 0; change->old && i < change->old->frontend_count; i++) {
		struct bl_frontend_id id = bl_frontend_id_address(&change->old->frontends[i]);
		struct bl_table_row *address = bl_change_find_row(plan, &id);

		if (!address)
			continue;
		if (bl_plan_filter_remove(plan, address))
			bl_change_write_filter(change, address);
		if (address->users == 0)
			bl_table_remove(&plan->frontends,
					(uint32_t)(address - plan->frontends.rows));
	}
}

const struct bl_port_record *bl_change_find_new_port(const struct bl_service_change *change,
						     uint32_t service_id)
{
	for (uint32_t i = 0; i < change->new->port_count; i++)
		if (change->new->ports[i].service_id == service_id)
			return &change->new->ports[i];
	return NULL;
}

/* Both lists are sorted by address and port. */
static void retire_backends(struct bl_service_change *change, const struct bl_port_record *old,
			    const struct bl_port_record *new)
{
	struct bl_plan *plan = change->plan;
	uint32_t at = 0;

	for (uint32_t i = 0; i < old->backend_count; i++) {
		uint32_t id = old->backend_ids[i];
		uint32_t seen = at;

		while (new &&seen < new->backend_count &&new->backend_ids[seen] != id)
			seen++;
		if (new &&seen < new->backend_count) {
			at = seen + 1;
			continue;
		}
		plan->backends[id].state = BL_BACKEND_GONE;
		bl_delta_add(change->delta, BL_OP_SET_BACKEND, id, 1)->backend = plan->backends[id];
		bl_ids_release(&plan->backend_ids, id);
		change->delta->backends_left = true;
	}
}

static bool has_range(const struct bl_slot_range *ranges, uint8_t count,
		      const struct bl_slot_range *range)
{
	for (uint8_t i = 0; i < count; i++)
		if (ranges[i].first == range->first)
			return true;
	return false;
}

/* What is left of the old ports once no frontend leads to it. */
static void retire_ports(struct bl_service_change *change)
{
	struct bl_plan *plan = change->plan;

	for (uint32_t i = 0; change->old && i < change->old->port_count; i++) {
		const struct bl_port_record *old = &change->old->ports[i];
		const struct bl_port_record *new = bl_change_find_new_port(change, old->service_id);

		retire_backends(change, old, new);
		for (uint8_t k = 0; k < old->range_count; k++)
			if (!new || !has_range(new->ranges, new->range_count, &old->ranges[k]))
				bl_ranges_release(&plan->ranges, old->ranges[k]);
		for (uint8_t k = 0; k < old->table_count; k++)
			if (!new || !has_range(new->tables, new->table_count, &old->tables[k]))
				bl_ranges_release(&plan->tables, old->tables[k]);
	}
}

/* Entries of array windows are cleared with zeros that live as long as the program. */
static void clear_services(struct bl_service_change *change)
{
	static struct bl_service_entry nobody;
	struct bl_plan *plan = change->plan;

	for (uint32_t i = 0; change->old && i < change->old->port_count; i++) {
		uint32_t id = change->old->ports[i].service_id;

		if (bl_change_find_new_port(change, id))
			continue;
		plan->services[id] = (struct bl_plan_service){0};
		bl_delta_add(change->delta, BL_OP_SET_SERVICE, id, 1)->service = &nobody;
		bl_ids_release(&plan->service_ids, id);
	}
}

/* What the new record holds goes into the old one, which others point to, and the other way round
 * to be freed. */
static void keep_record(struct bl_service_change *change)
{
	struct bl_record swap;

	if (!change->old) {
		change->new = NULL; /* the map's already */
		return;
	}
	swap = *change->old;
	*change->old = *change->new;
	change->old->name = TAKE_PTR(swap.name);
	*change->new = swap;
	if (change->old->port_count == 0)
		(void)bl_record_free(bl_map_remove_str(change->plan->records, change->name));
}
void bl_change_retire(struct bl_service_change *change)
{
	delete_frontends(change);
	close_filter(change);
	bl_change_close_outside(change);
	retire_ports(change);
	clear_services(change);
	keep_record(change);
}
