/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Ports, sources and encapsulated packets of what was adopted. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "plan/adopt.h"

#define NOT_OUTSIDE (BL_FRONTEND_F_INTERNAL_ONLY | BL_FRONTEND_F_HOST_ONLY | BL_FRONTEND_F_CANARY)

static bool is_good_row(const struct bl_packet_row *row)
{
	static const struct bl_packet_row zeros;
	size_t used = row->table == BL_PACKET_SOURCES4   ? sizeof(row->key.source4)
		      : row->table == BL_PACKET_SOURCES6 ? sizeof(row->key.source6)
							 : sizeof(row->key.dsr);

	return (unsigned int)row->table < BL_PACKET_TABLE_COUNT &&
	       memcmp((const char *)&row->key + used, &zeros.key, sizeof(row->key) - used) == 0;
}

static int add_row(struct bl_plan *plan, struct bl_port_record *port,
		   const struct bl_packet_row *row)
{
	/* Grows at powers of two. */
	if ((port->packet_row_count & (port->packet_row_count - 1)) == 0) {
		size_t capacity = port->packet_row_count ? 2 * (size_t)port->packet_row_count : 1;
		struct bl_packet_row *grown =
			reallocarray(port->packet_rows, capacity, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		port->packet_rows = grown;
	}
	port->packet_rows[port->packet_row_count++] = *row;
	plan->packet_counts[row->table]++;
	return 0;
}

static int adopt_rows(struct bl_adoption *adoption)
{
	struct bl_plan *plan = adoption->plan;

	for (size_t i = 0; i < adoption->rows->packet_row_count; i++) {
		const struct bl_packet_row *row = &adoption->rows->packet_rows[i];
		struct bl_port_record *port;
		int r;

		if (!is_good_row(row) ||
		    plan->packet_counts[row->table] >= bl_packet_limit(plan, row->table))
			continue;
		port = bl_adopt_port_of(adoption, bl_packet_row_service(row));
		r = port ? add_row(plan, port, row) : 0;
		if (r < 0)
			return r;
	}
	return 0;
}

static bool is_outside(const struct bl_table_row *row)
{
	return !(row->frontend.value.flags & NOT_OUTSIDE);
}

static const struct bl_table_row *find_frontend(const struct bl_plan *plan,
						const struct bl_frontend_id *id)
{
	return &plan->frontends.rows[bl_table_find(&plan->frontends, id->family, &id->key)];
}

/* Bits of the frontends; `is_reached` says which services some of them lead to. */
static uint32_t list_destinations(const struct bl_plan *plan, const struct bl_record *record,
				  uint32_t *bits, bool *is_reached)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < record->frontend_count; i++) {
		const struct bl_frontend_id *id = &record->frontends[i];
		const struct bl_table_row *row = find_frontend(plan, id);

		if (!is_outside(row))
			continue;
		is_reached[row->frontend.value.service_id] = true;
		bits[count++] = bl_packet_port_bit(id->key.protocol, ntohs(id->key.port));
	}
	return count;
}

static int adopt_bits(struct bl_plan *plan, struct bl_record *record, bool *is_reached)
{
	size_t room = record->frontend_count + 1;
	uint32_t count;

	for (uint32_t i = 0; i < record->port_count; i++)
		room += record->ports[i].backend_count;
	record->port_bits = calloc(room, sizeof(*record->port_bits));
	if (!record->port_bits)
		return -ENOMEM;
	count = list_destinations(plan, record, record->port_bits, is_reached);
	for (uint32_t i = 0; i < record->port_count; i++) {
		const struct bl_port_record *port = &record->ports[i];
		uint8_t protocol = plan->services[port->service_id].protocol;

		for (uint32_t k = 0; is_reached[port->service_id] && k < port->backend_count; k++) {
			const struct bl_backend *backend = &plan->backends[port->backend_ids[k]];

			if (backend->flags & BL_BACKEND_F_LOCAL)
				record->port_bits[count++] =
					BL_PORT_BIT_REPLY |
					bl_packet_port_bit(protocol, ntohs(backend->port));
		}
	}
	record->port_bit_count = bl_plan_port_tidy(record->port_bits, count);
	for (uint32_t i = 0; i < record->port_bit_count; i++)
		(void)bl_plan_port_add(plan, record->port_bits[i]);
	return 0;
}

int bl_adopt_packet(struct bl_adoption *adoption)
{
	_cleanup_free_ bool *is_reached = calloc(adoption->service_end + 1, sizeof(*is_reached));
	struct bl_plan *plan = adoption->plan;
	size_t cursor = 0;
	void *value;
	int r;

	if (!is_reached)
		return -ENOMEM;
	r = adopt_rows(adoption);
	while (r == 0 && bl_map_next(plan->records, &cursor, NULL, NULL, &value)) {
		struct bl_record *record = value;

		for (uint32_t i = 0; i < record->port_count; i++)
			if (record->ports[i].packet_row_count > 1)
				qsort(record->ports[i].packet_rows,
				      record->ports[i].packet_row_count,
				      sizeof(*record->ports[i].packet_rows), bl_packet_row_compare);
		r = adopt_bits(plan, record, is_reached);
	}
	return r;
}
