/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the packet path needs of a Service beside its frontends: bits of packet_ports, sources, and
 * what encapsulated packets name. Listed while a change is prepared; opened before the frontends
 * are written, closed after they are gone.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "plan/change.h"

static bool is_outside(const struct bl_resolved_port *port)
{
	for (size_t i = 0; i < port->frontend_count; i++)
		if (!port->frontends[i].internal_only)
			return true;
	return false;
}

/* Ports of frontends that packets come to, and of backends that answer them from here. */
static int list_port_bits(struct bl_service_change *change)
{
	struct bl_record *new = change->new;
	size_t room = 0;
	uint32_t count = 0;

	for (size_t i = 0; i < change->resolved->port_count; i++)
		if (is_outside(change->ports[i].from))
			room += change->ports[i].from->frontend_count +
				change->ports[i].from->backend_count;
	if (room == 0)
		return 0;
	new->port_bits = calloc(room, sizeof(*new->port_bits));
	if (!new->port_bits)
		return -ENOMEM;
	for (size_t i = 0; i < change->resolved->port_count; i++) {
		const struct bl_resolved_port *port = change->ports[i].from;

		for (size_t k = 0; k < port->frontend_count; k++)
			if (!port->frontends[k].internal_only)
				new->port_bits[count++] =
					bl_packet_port_bit(port->protocol, port->frontends[k].port);
		for (size_t k = 0; is_outside(port) && k < port->backend_count; k++)
			if (port->backends[k].local)
				new->port_bits[count++] =
					BL_PORT_BIT_REPLY |
					bl_packet_port_bit(port->protocol, port->backends[k].port);
	}
	new->port_bit_count = bl_plan_port_tidy(new->port_bits, count);
	return 0;
}

static void set_row_service(struct bl_packet_row *row, uint32_t service_id)
{
	if (row->table == BL_PACKET_SOURCES4)
		row->key.source4.service_id = service_id;
	else if (row->table == BL_PACKET_SOURCES6)
		row->key.source6.service_id = service_id;
	else
		row->key.dsr.service_id = service_id;
}

static void add_source(struct bl_port_record *new, const struct bl_prefix *prefix)
{
	struct bl_packet_row *row = &new->packet_rows[new->packet_row_count++];

	row->value = 1; /* admitted */
	if (prefix->addr.family == BL_FAMILY_IPV4) {
		row->table = BL_PACKET_SOURCES4;
		row->key.source4.prefixlen = 32u + prefix->bits;
		memcpy(row->key.source4.address, prefix->addr.ip.ipv4,
		       sizeof(row->key.source4.address));
	} else {
		row->table = BL_PACKET_SOURCES6;
		row->key.source6.prefixlen = 32u + prefix->bits;
		memcpy(row->key.source6.address, prefix->addr.ip.ipv6,
		       sizeof(row->key.source6.address));
	}
}

static bool checks_sources(const struct bl_resolved_port *port)
{
	for (size_t i = 0; i < port->frontend_count; i++)
		if (port->frontends[i].check_sources)
			return true;
	return false;
}

/* One row an address: of two ports there the first answers. The value is a place among the port's
 * backends until their ids are known. */
static void add_dsr_backends(const struct bl_resolved_port *from, struct bl_port_record *new)
{
	for (size_t i = 0; i < from->backend_count; i++) {
		const struct bl_resolved_backend *backend = &from->backends[i];
		struct bl_packet_row *row;

		if (!backend->local ||
		    (i > 0 && from->backends[i - 1].local &&
		     bl_addr_equal(&from->backends[i - 1].address, &backend->address)))
			continue;
		row = &new->packet_rows[new->packet_row_count++];
		row->table = BL_PACKET_DSR_BACKENDS;
		row->value = (uint32_t)i;
		row->key.dsr.address = backend->address.ip;
		row->key.dsr.family = backend->address.family;
	}
}

static uint32_t count_rows(const struct bl_port_record *port, enum bl_packet_table table)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < port->packet_row_count; i++)
		count += port->packet_rows[i].table == table;
	return count;
}

/*
 * How many rows there are for Services whose mode is not direct server return. They are for nodes
 * whose agents say so already or still do, while an option or an annotation goes from node to node,
 * and for the connections from before; Services that have the mode need theirs, so half the map is
 * left to them.
 */
static uint32_t dsr_room(const struct bl_service_change *change)
{
	uint32_t limit = change->plan->limits.dsr_backends / 2;
	uint32_t used = change->plan->packet_counts[BL_PACKET_DSR_BACKENDS];

	for (uint32_t i = 0; change->old && i < change->old->port_count; i++)
		used -= count_rows(&change->old->ports[i], BL_PACKET_DSR_BACKENDS);
	return used < limit ? limit - used : 0;
}

static uint32_t count_local(const struct bl_resolved_port *from)
{
	uint32_t count = 0;

	for (size_t i = 0; i < from->backend_count; i++)
		count += from->backends[i].local;
	return count;
}

/* Takes from the room for rows of other modes, if that is what they are. */
static uint32_t count_dsr(const struct bl_resolved_port *from, uint32_t *room)
{
	uint32_t count = is_outside(from) ? count_local(from) : 0;

	if (from->dsr)
		return count;
	if (count > *room)
		return 0;
	*room -= count;
	return count;
}

static int list_packet_rows(struct bl_port_change *port, uint32_t *room)
{
	const struct bl_resolved_port *from = port->from;
	struct bl_port_record *new = port->new;

	size_t source_count = checks_sources(from) ? from->source_count : 0;
	size_t dsr_count = count_dsr(from, room);

	if (source_count + dsr_count == 0)
		return 0; /* as most, and there are many */
	new->packet_rows = calloc(source_count + dsr_count, sizeof(*new->packet_rows));
	if (!new->packet_rows)
		return -ENOMEM;
	for (size_t i = 0; i < source_count; i++)
		add_source(new, &from->sources[i]);
	if (dsr_count > 0)
		add_dsr_backends(from, new);
	for (uint32_t i = 0; port->old && i < new->packet_row_count; i++)
		set_row_service(&new->packet_rows[i], port->old->service_id);
	if (new->packet_row_count > 1)
		qsort(new->packet_rows, new->packet_row_count, sizeof(*new->packet_rows),
		      bl_packet_row_compare);
	return 0;
}

static const struct bl_packet_row *find_row(const struct bl_port_record *port,
					    const struct bl_packet_row *row)
{
	if (!port || port->packet_row_count == 0)
		return NULL;
	return bsearch(row, port->packet_rows, port->packet_row_count, sizeof(*row),
		       bl_packet_row_compare);
}

int bl_change_list_outside(struct bl_service_change *change, struct bl_change_needs *needs)
{
	uint32_t room = dsr_room(change);
	int r = list_port_bits(change);

	for (size_t i = 0; r == 0 && i < change->resolved->port_count; i++) {
		struct bl_port_change *port = &change->ports[i];

		r = list_packet_rows(port, &room);
		for (uint32_t k = 0; r == 0 && k < port->new->packet_row_count; k++) {
			const struct bl_packet_row *row = &port->new->packet_rows[k];

			needs->packet_rows[row->table] += !find_row(port->old, row);
		}
		needs->ops += port->new->packet_row_count;
	}
	needs->ops += change->new->port_bit_count;
	if (change->old)
		needs->ops += change->old->port_bit_count;
	for (uint32_t i = 0; change->old && i < change->old->port_count; i++)
		needs->ops += change->old->ports[i].packet_row_count;
	return r;
}

static void write_port_word(struct bl_service_change *change, uint32_t bit)
{
	uint32_t word = bl_plan_port_word(bit);

	bl_delta_add(change->delta, BL_OP_SET_PACKET_PORTS, word, 1)->ports =
		change->plan->ports[word];
}

static void open_packet_row(struct bl_service_change *change, const struct bl_port_change *port,
			    struct bl_packet_row *row)
{
	const struct bl_packet_row *old;

	set_row_service(row, port->new->service_id);
	if (row->table == BL_PACKET_DSR_BACKENDS)
		row->value = port->new->backend_ids[row->value];
	old = find_row(port->old, row);
	if (old && old->value == row->value)
		return;
	change->plan->packet_counts[row->table] += !old;
	bl_delta_add(change->delta, BL_OP_SET_PACKET_ROW, 0, 1)->packet_row = *row;
}

void bl_change_open_outside(struct bl_service_change *change)
{
	for (size_t i = 0; i < change->resolved->port_count; i++)
		for (uint32_t k = 0; k < change->ports[i].new->packet_row_count; k++)
			open_packet_row(change, &change->ports[i],
					&change->ports[i].new->packet_rows[k]);
	for (uint32_t i = 0; i < change->new->port_bit_count; i++)
		if (bl_plan_port_add(change->plan, change->new->port_bits[i]))
			write_port_word(change, change->new->port_bits[i]);
}

void bl_change_close_outside(struct bl_service_change *change)
{
	struct bl_plan *plan = change->plan;

	for (uint32_t i = 0; change->old && i < change->old->port_bit_count; i++)
		if (bl_plan_port_remove(plan, change->old->port_bits[i]))
			write_port_word(change, change->old->port_bits[i]);
	for (uint32_t i = 0; change->old && i < change->old->port_count; i++) {
		const struct bl_port_record *old = &change->old->ports[i];
		const struct bl_port_record *new = bl_change_find_new_port(change, old->service_id);

		for (uint32_t k = 0; k < old->packet_row_count; k++) {
			const struct bl_packet_row *row = &old->packet_rows[k];

			if (find_row(new, row))
				continue;
			plan->packet_counts[row->table]--;
			bl_delta_add(change->delta, BL_OP_DELETE_PACKET_ROW, 0, 1)->packet_row =
				*row;
		}
	}
}
