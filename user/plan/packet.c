/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rows of the packet path and who uses them: ports, sources, encapsulated packets. */
#include <stdlib.h>
#include <string.h>

#include "plan/state.h"

const char *const bl_packet_table_names[BL_PACKET_TABLE_COUNT] = {
	[BL_PACKET_SOURCES4] = BL_MAP_SOURCES4,
	[BL_PACKET_SOURCES6] = BL_MAP_SOURCES6,
	[BL_PACKET_DSR_BACKENDS] = BL_MAP_DSR_BACKENDS,
};

int bl_packet_row_compare(const void *a, const void *b)
{
	const struct bl_packet_row *x = a;
	const struct bl_packet_row *y = b;

	if (x->table != y->table)
		return (int)x->table - (int)y->table;
	return memcmp(&x->key, &y->key, sizeof(x->key));
}

uint32_t bl_packet_row_service(const struct bl_packet_row *row)
{
	switch (row->table) {
	case BL_PACKET_SOURCES4:
		return row->key.source4.service_id;
	case BL_PACKET_SOURCES6:
		return row->key.source6.service_id;
	case BL_PACKET_DSR_BACKENDS:
		return row->key.dsr.service_id;
	case BL_PACKET_TABLE_COUNT:
		break;
	}
	return 0;
}

uint32_t bl_packet_limit(const struct bl_plan *plan, enum bl_packet_table table)
{
	return table == BL_PACKET_DSR_BACKENDS ? plan->limits.dsr_backends : plan->limits.sources;
}

static uint32_t *users_of(struct bl_plan *plan, uint32_t bit)
{
	return &plan->port_users[(bit & ~BL_PORT_BIT_REPLY) +
				 (bit & BL_PORT_BIT_REPLY ? BL_PACKET_PORT_BITS : 0)];
}

static __u64 *word_of(struct bl_plan *plan, uint32_t bit)
{
	struct bl_packet_port_word *word = &plan->ports[bl_plan_port_word(bit)];

	return bit & BL_PORT_BIT_REPLY ? &word->reply : &word->destination;
}

bool bl_plan_port_add(struct bl_plan *plan, uint32_t bit)
{
	if ((*users_of(plan, bit))++ > 0)
		return false;
	*word_of(plan, bit) |= 1ull << bit % 64;
	return true;
}

bool bl_plan_port_remove(struct bl_plan *plan, uint32_t bit)
{
	if (--(*users_of(plan, bit)) > 0)
		return false;
	*word_of(plan, bit) &= ~(1ull << bit % 64);
	return true;
}

static int compare_bits(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a;
	uint32_t y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

uint32_t bl_plan_port_tidy(uint32_t *bits, uint32_t count)
{
	uint32_t kept = 0;

	if (count > 1)
		qsort(bits, count, sizeof(*bits), compare_bits);
	for (uint32_t i = 0; i < count; i++)
		if (kept == 0 || bits[kept - 1] != bits[i])
			bits[kept++] = bits[i];
	return kept;
}

/* Its ports are nobody's that comes and goes: counted once, and never out again. */
void bl_plan_set_snat_pool(struct bl_plan *plan, uint16_t first, uint16_t last)
{
	static const uint8_t protocols[] = {BL_PROTOCOL_TCP, BL_PROTOCOL_UDP};

	if (first == 0)
		return;
	plan->snat_first = first;
	plan->snat_last = last;
	for (size_t i = 0; i < ARRAY_SIZE(protocols); i++)
		for (uint32_t port = first; port <= last; port++)
			(void)bl_plan_port_add(plan,
					       bl_packet_port_bit(protocols[i], (uint16_t)port));
}

static const struct bl_port_record *find_port(const struct bl_plan *plan, uint32_t service_id)
{
	const struct bl_record *record = service_id < plan->service_ids.next && plan->services
						 ? plan->services[service_id].record
						 : NULL;

	for (uint32_t i = 0; record && i < record->port_count; i++)
		if (record->ports[i].service_id == service_id)
			return &record->ports[i];
	return NULL;
}

/* The external set's table stands last. */
struct bl_plan_table bl_plan_maglev(const struct bl_plan *plan, uint32_t service_id)
{
	const struct bl_port_record *port = find_port(plan, service_id);
	struct bl_slot_range range = {0};

	if (port && port->table_count > 0)
		range = port->tables[port->table_count - 1];
	return (struct bl_plan_table){
		.entries = range.count > 0 ? &plan->maglev[range.first] : NULL,
		.count = range.count,
	};
}
