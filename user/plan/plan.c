/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plan/plan.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "plan/state.h"

const struct bl_plan_limits bl_plan_limits_default = {
	.frontends = BL_FRONTENDS_MAX,
	.slots = BL_SLOTS_MAX,
	.backends = BL_BACKENDS_MAX,
	.services = BL_SERVICES_MAX,
	.maglev = BL_MAGLEV_MAX,
	.sources = BL_SOURCES_MAX,
	.dsr_backends = BL_DSR_BACKENDS_MAX,
};

int bl_plan_new(const struct bl_plan_limits *limits, struct bl_plan **ret)
{
	_cleanup_(bl_plan_free) struct bl_plan *plan = calloc(1, sizeof(*plan));
	int r;

	if (!plan)
		return -ENOMEM;
	if (limits->backends < 2 || limits->services < 2)
		return -EINVAL; /* id 0 is never used */
	plan->limits = *limits;
	bl_ids_init(&plan->backend_ids, limits->backends);
	bl_ids_init(&plan->service_ids, limits->services);
	bl_ranges_init(&plan->ranges, limits->slots);
	bl_ranges_init(&plan->tables, limits->maglev);
	plan->port_users = calloc(2 * (size_t)BL_PACKET_PORT_BITS, sizeof(*plan->port_users));
	r = plan->port_users ? bl_map_new_borrowing(&plan->records) : -ENOMEM;
	if (r < 0)
		return r;
	*ret = TAKE_PTR(plan);
	return 0;
}

struct bl_record *bl_record_free(struct bl_record *record)
{
	if (!record)
		return NULL;
	for (uint32_t i = 0; i < record->port_count; i++)
		free(record->ports[i].backend_ids);
	for (uint32_t i = 0; i < record->port_count; i++)
		free(record->ports[i].packet_rows);
	free(record->ports);
	free(record->frontends);
	free(record->port_bits);
	free(record->name);
	free(record);
	return NULL;
}

void bl_plan_release(struct bl_plan *plan)
{
	size_t cursor = 0;
	void *record;

	while (plan->records && bl_map_next(plan->records, &cursor, NULL, NULL, &record))
		(void)bl_record_free(record);
	(void)bl_map_free(plan->records);
	bl_table_done(&plan->frontends);
	bl_ids_done(&plan->backend_ids);
	bl_ids_done(&plan->service_ids);
	bl_ranges_done(&plan->ranges);
	bl_ranges_done(&plan->tables);
	free(plan->maglev);
	free(plan->port_users);
	free(plan->backends);
	free(plan->services);
	free(plan->slots);
	for (size_t i = 0; i < plan->zone_count; i++)
		free(plan->zones[i]);
	free(plan->zones);
}

struct bl_plan *bl_plan_free(struct bl_plan *plan)
{
	if (!plan)
		return NULL;
	bl_plan_release(plan);
	free(plan);
	return NULL;
}

bool bl_record_name(const char *ns, const char *name, char buffer[static BL_RECORD_NAME])
{
	if (strlen(ns) >= BL_NAME_MAX || strlen(name) >= BL_NAME_MAX)
		return false;
	(void)snprintf(buffer, BL_RECORD_NAME, "%s/%s", ns, name);
	return true;
}

int bl_frontend_id_compare(const void *a, const void *b)
{
	const struct bl_frontend_id *x = a;
	const struct bl_frontend_id *y = b;

	if (x->family != y->family)
		return (int)x->family - (int)y->family;
	return memcmp(&x->key, &y->key, sizeof(x->key));
}

struct bl_frontend_id bl_frontend_id_make(const struct bl_addr *address, uint16_t port,
					  uint8_t protocol)
{
	struct bl_frontend_id id = {.family = address->family};

	memcpy(id.key.address, address->ip.ipv6, sizeof(id.key.address));
	id.key.port = htons(port);
	id.key.protocol = protocol;
	return id;
}

struct bl_frontend_id bl_frontend_id_address(const struct bl_frontend_id *id)
{
	struct bl_frontend_id address = *id;

	address.key.port = 0;
	address.key.protocol = 0;
	return address;
}

int bl_plan_grow(void **array, uint32_t *capacity, uint32_t needed, size_t size)
{
	uint32_t larger = *capacity ? *capacity : 64;
	char *grown;

	if (needed <= *capacity)
		return 0;
	while (larger < needed)
		larger += larger / 16 + 64;
	grown = reallocarray(*array, larger, size);
	if (!grown)
		return -ENOMEM;
	memset(grown + *capacity * size, 0, (larger - *capacity) * size);
	*array = grown;
	*capacity = larger;
	return 0;
}

static uint32_t filter_bit(const struct bl_frontend_row *frontend)
{
	uint32_t words[4];

	memcpy(words, frontend->key.address, sizeof(words));
	return bl_addr_filter_bit(words);
}

uint32_t bl_plan_filter_word(const struct bl_frontend_row *frontend)
{
	return filter_bit(frontend) / 64;
}

static bool count_in(uint8_t *counts, uint32_t bit, __u64 *word)
{
	if (counts[bit] < UINT8_MAX)
		counts[bit]++;
	if (*word & 1ull << bit % 64)
		return false;
	*word |= 1ull << bit % 64;
	return true;
}

static bool count_out(uint8_t *counts, uint32_t bit, __u64 *word)
{
	if (counts[bit] == UINT8_MAX || --counts[bit] > 0)
		return false;
	*word &= ~(1ull << bit % 64);
	return true;
}

static uint8_t wanted_filters(const struct bl_table_row *row)
{
	return (uint8_t)((row->users > 0 ? BL_FILTER_FRONTEND : 0) |
			 (row->virtual_users > 0 ? BL_FILTER_VIRTUAL : 0));
}

bool bl_plan_filter_add(struct bl_plan *plan, struct bl_table_row *row)
{
	uint8_t missing = wanted_filters(row) & (uint8_t)~row->filtered;
	uint32_t bit = filter_bit(&row->frontend);
	struct bl_addr_filter_word *word = &plan->filter[bit / 64];
	bool changed = false;

	if (missing & BL_FILTER_FRONTEND)
		changed |= count_in(plan->frontend_bits, bit, &word->frontend);
	if (missing & BL_FILTER_VIRTUAL)
		changed |= count_in(plan->virtual_bits, bit, &word->virtual_address);
	row->filtered |= missing;
	return changed;
}

bool bl_plan_filter_remove(struct bl_plan *plan, struct bl_table_row *row)
{
	uint8_t surplus = row->filtered & (uint8_t)~wanted_filters(row);
	uint32_t bit = filter_bit(&row->frontend);
	struct bl_addr_filter_word *word = &plan->filter[bit / 64];
	bool changed = false;

	if (surplus & BL_FILTER_FRONTEND)
		changed |= count_out(plan->frontend_bits, bit, &word->frontend);
	if (surplus & BL_FILTER_VIRTUAL)
		changed |= count_out(plan->virtual_bits, bit, &word->virtual_address);
	row->filtered &= (uint8_t)~surplus;
	return changed;
}

struct bl_plan_counts bl_plan_counts(const struct bl_plan *plan)
{
	return (struct bl_plan_counts){
		.frontends4 = plan->mapped[0],
		.frontends6 = plan->mapped[1],
		.slots = plan->ranges.used,
		.backends = plan->backend_ids.used,
		.backend_end = plan->backend_ids.next,
		.services = plan->service_ids.used,
		.maglev = plan->tables.used,
		.sources = plan->packet_counts[BL_PACKET_SOURCES4] +
			   plan->packet_counts[BL_PACKET_SOURCES6],
		.dsr_backends = plan->packet_counts[BL_PACKET_DSR_BACKENDS],
	};
}

bool bl_plan_service(const struct bl_plan *plan, uint32_t service_id, struct bl_service_entry *ret)
{
	const struct bl_plan_service *service;
	struct bl_service_entry entry = {.in_use = 1};
	const char *slash;

	if (service_id >= plan->service_ids.next || !plan->services ||
	    !plan->services[service_id].record)
		return false;
	service = &plan->services[service_id];
	slash = strchr(service->record->name, '/');
	(void)snprintf(entry.ns, sizeof(entry.ns), "%.*s", (int)(slash - service->record->name),
		       service->record->name);
	(void)snprintf(entry.name, sizeof(entry.name), "%s", slash + 1);
	memcpy(entry.port_name, service->port_name, sizeof(entry.port_name));
	entry.port = service->port;
	entry.protocol = service->protocol;
	*ret = entry;
	return true;
}

const struct bl_backend *bl_plan_backend(const struct bl_plan *plan, uint32_t backend_id)
{
	if (backend_id >= plan->backend_ids.next || !plan->backends ||
	    plan->backends[backend_id].state == BL_BACKEND_FREE)
		return NULL;
	return &plan->backends[backend_id];
}
