/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "maps.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdlib.h>
#include <string.h>

void maps_init(struct maps *maps, const struct bl_plan_limits *limits)
{
	*maps = (struct maps){0};
	maps->rows.slots = calloc(limits->slots, sizeof(*maps->rows.slots));
	maps->rows.slot_count = limits->slots;
	maps->rows.backends = calloc(limits->backends, sizeof(*maps->rows.backends));
	maps->rows.backend_count = limits->backends;
	maps->rows.services = calloc(limits->services, sizeof(*maps->rows.services));
	maps->rows.service_count = limits->services;
	maps->rows.filter = calloc(BL_ADDR_FILTER_WORDS, sizeof(*maps->rows.filter));
	maps->rows.filter_count = BL_ADDR_FILTER_WORDS;
	maps->rows.has_packet = true;
	maps->rows.maglev = calloc(limits->maglev + 1, sizeof(*maps->rows.maglev));
	maps->rows.maglev_count = limits->maglev;
	maps->rows.ports = calloc(BL_PACKET_PORT_WORDS, sizeof(*maps->rows.ports));
	maps->rows.port_count = BL_PACKET_PORT_WORDS;
	maps->packet_row_capacity = 2 * (size_t)limits->sources + limits->dsr_backends;
	maps->rows.packet_rows =
		calloc(maps->packet_row_capacity + 1, sizeof(*maps->rows.packet_rows));
	assert(maps->rows.maglev && maps->rows.ports && maps->rows.packet_rows);
	maps->frontend_capacity = 2 * (size_t)limits->frontends;
	maps->rows.frontends = calloc(maps->frontend_capacity, sizeof(*maps->rows.frontends));
	assert(maps->rows.slots && maps->rows.backends && maps->rows.services &&
	       maps->rows.filter && maps->rows.frontends);
}

void maps_done(struct maps *maps)
{
	bl_plan_rows_done(&maps->rows);
}

static size_t find(const struct maps *maps, uint8_t family, const struct bl_frontend6_key *key)
{
	size_t i = 0;

	while (i < maps->rows.frontend_count &&
	       (maps->rows.frontends[i].family != family ||
		memcmp(&maps->rows.frontends[i].key, key, sizeof(*key)) != 0))
		i++;
	return i;
}

const struct bl_frontend_row *maps_find(const struct maps *maps, uint8_t family,
					const struct bl_frontend6_key *key)
{
	size_t i = find(maps, family, key);

	return i < maps->rows.frontend_count ? &maps->rows.frontends[i] : NULL;
}

static void set_frontend(struct maps *maps, const struct bl_op *op)
{
	size_t i = find(maps, op->family, &op->frontend.key);

	assert(i < maps->frontend_capacity);
	if (i == maps->rows.frontend_count)
		maps->rows.frontend_count++;
	maps->rows.frontends[i] = (struct bl_frontend_row){
		.family = op->family,
		.key = op->frontend.key,
		.value = op->frontend.value,
	};
}

static size_t find_packet_row(const struct maps *maps, const struct bl_packet_row *row)
{
	size_t i = 0;

	while (i < maps->rows.packet_row_count &&
	       (maps->rows.packet_rows[i].table != row->table ||
		memcmp(&maps->rows.packet_rows[i].key, &row->key, sizeof(row->key)) != 0))
		i++;
	return i;
}

static void set_packet_row(struct maps *maps, const struct bl_packet_row *row)
{
	size_t i = find_packet_row(maps, row);

	assert(i < maps->packet_row_capacity);
	if (i == maps->rows.packet_row_count)
		maps->rows.packet_row_count++;
	maps->rows.packet_rows[i] = *row;
}

void maps_apply_op(struct maps *maps, const struct bl_op *op)
{
	size_t i;

	switch (op->kind) {
	case BL_OP_SET_BACKEND:
		maps->rows.backends[op->index] = op->backend;
		break;
	case BL_OP_SET_SLOTS:
		memcpy(&maps->rows.slots[op->index], op->slots, op->count * sizeof(*op->slots));
		break;
	case BL_OP_SET_SERVICE:
		maps->rows.services[op->index] = *op->service;
		break;
	case BL_OP_SET_FILTER:
		maps->rows.filter[op->index] = op->filter;
		break;
	case BL_OP_SET_FRONTEND:
		set_frontend(maps, op);
		break;
	case BL_OP_DELETE_FRONTEND:
		i = find(maps, op->family, &op->frontend.key);
		assert(i < maps->rows.frontend_count);
		maps->rows.frontends[i] = maps->rows.frontends[--maps->rows.frontend_count];
		break;
	case BL_OP_SET_MAGLEV:
		memcpy(&maps->rows.maglev[op->index], op->maglev, op->count * sizeof(*op->maglev));
		break;
	case BL_OP_SET_PACKET_PORTS:
		maps->rows.ports[op->index] = op->ports;
		break;
	case BL_OP_SET_PACKET_ROW:
		set_packet_row(maps, &op->packet_row);
		break;
	case BL_OP_DELETE_PACKET_ROW:
		i = find_packet_row(maps, &op->packet_row);
		assert(i < maps->rows.packet_row_count);
		maps->rows.packet_rows[i] = maps->rows.packet_rows[--maps->rows.packet_row_count];
		break;
	}
}

void maps_apply(struct maps *maps, const struct bl_delta *delta)
{
	for (size_t i = 0; i < delta->count; i++)
		maps_apply_op(maps, &delta->ops[i]);
}

static const char *find_backend_fault(const struct maps *maps,
				      const struct bl_frontend_row *frontend, uint32_t id)
{
	const struct bl_backend *backend = &maps->rows.backends[id];

	if (id == 0)
		return "a slot names no backend";
	if (backend->state != BL_BACKEND_READY && backend->state != BL_BACKEND_TERMINATING)
		return "a slot names a backend that does not serve";
	if (backend->service_id != frontend->value.service_id)
		return "a slot names a backend of another service";
	if (backend->family != frontend->family)
		return "a slot names a backend of another family";
	return NULL;
}

static const char *find_range_fault(const struct maps *maps, const struct bl_frontend_row *frontend,
				    const struct bl_slot_range *range)
{
	const char *fault = NULL;

	for (uint32_t i = 0; !fault && i < range->count; i++)
		fault = find_backend_fault(maps, frontend,
					   maps->rows.slots[range->first + i].backend_id);
	return fault;
}

/* A sample of the entries: there are thousands. */
static const char *find_table_fault(const struct maps *maps, const struct bl_frontend_row *frontend)
{
	const struct bl_slot_range *table = &frontend->value.maglev;
	const char *fault = NULL;

	if ((table->count > 0) != (frontend->value.algorithm == BL_ALGORITHM_MAGLEV))
		return "a frontend's algorithm does not fit its table";
	for (uint32_t i = 0; !fault && i < table->count; i += table->count / 32 + 1)
		fault = find_backend_fault(maps, frontend,
					   maps->rows.maglev[table->first + i].backend_id);
	return fault;
}

static bool has_sources(const struct maps *maps, uint32_t service_id)
{
	for (size_t i = 0; i < maps->rows.packet_row_count; i++) {
		const struct bl_packet_row *row = &maps->rows.packet_rows[i];

		if (row->table == BL_PACKET_SOURCES4 && row->key.source4.service_id == service_id)
			return true;
		if (row->table == BL_PACKET_SOURCES6 && row->key.source6.service_id == service_id)
			return true;
	}
	return false;
}

static const char *find_outside_fault(const struct maps *maps,
				      const struct bl_frontend_row *frontend)
{
	uint32_t bit = bl_packet_port_bit(frontend->key.protocol, ntohs(frontend->key.port));

	if (frontend->value.flags & BL_FRONTEND_F_INTERNAL_ONLY)
		return frontend->value.maglev.count > 0 ? "a table that nobody uses" : NULL;
	if (!(maps->rows.ports[bit / 64].destination & 1ull << bit % 64))
		return "the port of a frontend is no destination";
	if (frontend->value.flags & BL_FRONTEND_F_SOURCE_RANGES &&
	    !has_sources(maps, frontend->value.service_id))
		return "a frontend checks sources that are not there";
	for (uint32_t i = 0; i < frontend->value.external.count; i++) {
		uint32_t slot = frontend->value.external.first + i;
		const struct bl_backend *backend =
			&maps->rows.backends[maps->rows.slots[slot].backend_id];

		bit = bl_packet_port_bit(frontend->key.protocol, ntohs(backend->port));
		if (backend->flags & BL_BACKEND_F_LOCAL &&
		    !(maps->rows.ports[bit / 64].reply & 1ull << bit % 64))
			return "the port of a local backend is no source of replies";
	}
	return find_table_fault(maps, frontend);
}

static bool is_in_filter(const struct maps *maps, const struct bl_frontend_row *frontend)
{
	const struct bl_addr_filter_word *word;
	uint32_t words[4];
	uint32_t bit;

	memcpy(words, frontend->key.address, sizeof(words));
	bit = bl_addr_filter_bit(words);
	word = &maps->rows.filter[bit / 64];
	if (!(word->frontend & 1ull << bit % 64))
		return false;
	return !(frontend->value.flags & BL_FRONTEND_F_VIRTUAL) ||
	       word->virtual_address & 1ull << bit % 64;
}

const char *maps_find_fault(const struct maps *maps)
{
	for (size_t i = 0; i < maps->rows.frontend_count; i++) {
		const struct bl_frontend_row *frontend = &maps->rows.frontends[i];
		const char *fault;

		if (!is_in_filter(maps, frontend))
			return "the filter hides a frontend";
		if (frontend->key.port == 0)
			continue;
		if (!maps->rows.services[frontend->value.service_id].in_use)
			return "a frontend leads to no service";
		fault = find_range_fault(maps, frontend, &frontend->value.internal);
		if (!fault)
			fault = find_range_fault(maps, frontend, &frontend->value.external);
		if (!fault)
			fault = find_outside_fault(maps, frontend);
		if (fault)
			return fault;
	}
	return NULL;
}
