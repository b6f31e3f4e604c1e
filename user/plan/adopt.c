/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Rows of the kernel back into an empty plan. Trusts nothing: what does not fit together stays out
 * and is then put right by a diff.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "plan/adopt.h"

void bl_plan_rows_done(struct bl_plan_rows *rows)
{
	free(rows->frontends);
	free(rows->slots);
	free(rows->backends);
	free(rows->services);
	free(rows->filter);
	free(rows->maglev);
	free(rows->ports);
	free(rows->packet_rows);
	*rows = (struct bl_plan_rows){0};
}

static void adoption_done(struct bl_adoption *adoption)
{
	free(adoption->families);
	free(adoption->records);
	free(adoption->used);
	bl_adopt_claims_done(&adoption->slots);
	bl_adopt_claims_done(&adoption->tables);
}
#define _cleanup_adoption_ __attribute__((cleanup(adoption_done)))

static bool is_name(const char text[static BL_NAME_MAX])
{
	return text[0] != '\0' && memchr(text, '\0', BL_NAME_MAX);
}

static bool is_good_service(const struct bl_service_entry *entry)
{
	return entry->in_use && is_name(entry->ns) && !strchr(entry->ns, '/') &&
	       is_name(entry->name) && entry->port != 0;
}

static bool is_good_frontend(const struct bl_adoption *adoption, const struct bl_frontend_row *row)
{
	uint32_t id = row->value.service_id;

	return (row->family == BL_FAMILY_IPV4 || row->family == BL_FAMILY_IPV6) &&
	       row->key.port != 0 && row->key.protocol != 0 && row->key.pad == 0 && id > 0 &&
	       id < adoption->service_end && is_good_service(&adoption->rows->services[id]) &&
	       (adoption->families[id] == 0 || adoption->families[id] == row->family);
}

static uint32_t lesser(size_t a, uint32_t b)
{
	return a < b ? (uint32_t)a : b;
}

static int begin(struct bl_adoption *adoption)
{
	const struct bl_plan_rows *rows = adoption->rows;
	struct bl_plan *plan = adoption->plan;
	int r;

	adoption->service_end = lesser(rows->service_count, plan->limits.services);
	adoption->backend_end = lesser(rows->backend_count, plan->limits.backends);
	while (adoption->service_end > 1 && !rows->services[adoption->service_end - 1].in_use)
		adoption->service_end--;
	while (adoption->backend_end > 1 &&
	       rows->backends[adoption->backend_end - 1].state == BL_BACKEND_FREE)
		adoption->backend_end--;
	adoption->families = calloc(adoption->service_end + 1, sizeof(*adoption->families));
	adoption->records = calloc(adoption->service_end + 1, sizeof(*adoption->records));
	adoption->used = calloc(adoption->backend_end + 1, sizeof(*adoption->used));
	if (!adoption->families || !adoption->records || !adoption->used)
		return -ENOMEM;
	r = bl_adopt_begin_claims(&adoption->slots, 2 * rows->frontend_count);
	if (r == 0)
		r = bl_adopt_begin_claims(&adoption->tables, rows->frontend_count);
	if (r == 0)
		r = bl_plan_grow((void **)&plan->services, &plan->service_capacity,
				 adoption->service_end + 1, sizeof(*plan->services));
	if (r == 0)
		r = bl_plan_grow((void **)&plan->backends, &plan->backend_capacity,
				 adoption->backend_end + 1, sizeof(*plan->backends));
	if (r == 0)
		r = bl_table_reserve(&plan->frontends, 2 * (uint32_t)rows->frontend_count);
	return r;
}

/* The record of a Service with one port more. */
static int add_port(struct bl_adoption *adoption, uint32_t service_id, uint8_t family)
{
	struct bl_plan *plan = adoption->plan;
	const struct bl_service_entry *entry = &adoption->rows->services[service_id];
	struct bl_port_record *ports;
	struct bl_record *record;
	char name[BL_RECORD_NAME];
	int r;

	(void)bl_record_name(entry->ns, entry->name, name);
	record = bl_map_get_str(plan->records, name);
	if (!record) {
		_cleanup_(bl_record_free) struct bl_record *fresh = calloc(1, sizeof(*fresh));

		if (!fresh)
			return -ENOMEM;
		fresh->name = strdup(name);
		r = fresh->name ? bl_map_put_str(plan->records, fresh->name, fresh, NULL) : -ENOMEM;
		if (r < 0)
			return r;
		record = TAKE_PTR(fresh);
	}
	ports = reallocarray(record->ports, record->port_count + 1, sizeof(*ports));
	if (!ports)
		return -ENOMEM;
	record->ports = ports;
	ports[record->port_count++] =
		(struct bl_port_record){.service_id = service_id, .family = family};
	plan->services[service_id] = (struct bl_plan_service){
		.record = record, .port = entry->port, .protocol = entry->protocol};
	memcpy(plan->services[service_id].port_name, entry->port_name,
	       sizeof(entry->port_name) - 1);
	adoption->families[service_id] = family;
	adoption->records[service_id] = record;
	return 0;
}

static struct bl_table_row *address_row(struct bl_plan *plan,
					const struct bl_frontend_row *frontend)
{
	const struct bl_frontend_id whole = {.family = frontend->family, .key = frontend->key};
	struct bl_frontend_id id = bl_frontend_id_address(&whole);
	int64_t row = bl_table_find(&plan->frontends, id.family, &id.key);
	const struct bl_frontend_row empty = {.family = id.family, .key = id.key};

	if (row < 0)
		row = bl_table_add(&plan->frontends, &empty);
	return &plan->frontends.rows[row];
}

static void adopt_frontend(struct bl_adoption *adoption, const struct bl_frontend_row *frontend)
{
	struct bl_plan *plan = adoption->plan;
	size_t family = bl_family_index(frontend->family);
	struct bl_table_row *address;

	(void)bl_table_add(&plan->frontends, frontend);
	plan->mapped[family]++;
	address = address_row(plan, frontend);
	address->users++;
	if (frontend->value.flags & BL_FRONTEND_F_VIRTUAL && address->virtual_users++ == 0) {
		address->frontend.value.flags = BL_FRONTEND_F_VIRTUAL;
		plan->mapped[family]++;
	}
	if (bl_frontend_is_live(&frontend->value))
		address->live_users++;
	(void)bl_plan_filter_add(plan, address);
	adoption->records[frontend->value.service_id]->frontend_count++;
	bl_adopt_claim(&adoption->slots, adoption->rows->slot_count, plan->limits.slots,
		       frontend->value.service_id, frontend->value.internal);
	bl_adopt_claim(&adoption->slots, adoption->rows->slot_count, plan->limits.slots,
		       frontend->value.service_id, frontend->value.external);
	bl_adopt_claim(&adoption->tables, adoption->rows->maglev_count, plan->limits.maglev,
		       frontend->value.service_id, frontend->value.maglev);
}

/* As the map has them, which need not be as they should be. */
static void adopt_addresses(struct bl_adoption *adoption)
{
	const struct bl_plan_rows *rows = adoption->rows;
	struct bl_table *table = &adoption->plan->frontends;

	for (size_t i = 0; i < rows->frontend_count; i++) {
		const struct bl_frontend_row *is = &rows->frontends[i];
		int64_t row = is->key.port == 0 && is->key.protocol == 0
				      ? bl_table_find(table, is->family, &is->key)
				      : -1;

		if (row >= 0 && table->rows[row].virtual_users > 0)
			table->rows[row].frontend.value.external = is->value.external;
	}
}

static int adopt_frontends(struct bl_adoption *adoption)
{
	const struct bl_plan_rows *rows = adoption->rows;

	for (size_t i = 0; i < rows->frontend_count; i++) {
		const struct bl_frontend_row *frontend = &rows->frontends[i];
		uint32_t id = frontend->value.service_id;
		int r = 0;

		if (!is_good_frontend(adoption, frontend) ||
		    bl_table_find(&adoption->plan->frontends, frontend->family, &frontend->key) >=
			    0)
			continue;
		if (adoption->families[id] == 0)
			r = add_port(adoption, id, frontend->family);
		if (r < 0)
			return r;
		adopt_frontend(adoption, frontend);
	}
	adopt_addresses(adoption);
	return 0;
}

/* Gives each record the list of its frontends. */
static int list_frontends(struct bl_adoption *adoption)
{
	struct bl_plan *plan = adoption->plan;
	size_t cursor = 0;
	void *value;

	while (bl_map_next(plan->records, &cursor, NULL, NULL, &value)) {
		struct bl_record *record = value;

		record->frontends = calloc(record->frontend_count, sizeof(*record->frontends));
		if (!record->frontends)
			return -ENOMEM;
		record->frontend_count = 0;
	}
	for (uint32_t i = 0; i < plan->frontends.count; i++) {
		const struct bl_table_row *row = &plan->frontends.rows[i];
		struct bl_record *record;

		if (bl_table_row_is_address(row))
			continue;
		record = adoption->records[row->frontend.value.service_id];
		record->frontends[record->frontend_count++] = (struct bl_frontend_id){
			.family = row->frontend.family,
			.key = row->frontend.key,
		};
	}
	cursor = 0;
	while (bl_map_next(plan->records, &cursor, NULL, NULL, &value)) {
		struct bl_record *record = value;

		qsort(record->frontends, record->frontend_count, sizeof(*record->frontends),
		      bl_frontend_id_compare);
	}
	return 0;
}

struct bl_port_record *bl_adopt_port_of(const struct bl_adoption *adoption, uint32_t service_id)
{
	struct bl_record *record =
		service_id < adoption->service_end ? adoption->records[service_id] : NULL;

	for (uint32_t i = 0; record && i < record->port_count; i++)
		if (record->ports[i].service_id == service_id)
			return &record->ports[i];
	return NULL;
}

static int compare_backend_ids(const void *a, const void *b, void *backends)
{
	const struct bl_backend *x = (const struct bl_backend *)backends + *(const uint32_t *)a;
	const struct bl_backend *y = (const struct bl_backend *)backends + *(const uint32_t *)b;
	int order = memcmp(&x->address, &y->address, sizeof(x->address));

	/* Ports are compared in host order, as everywhere: by their first byte, then the second. */
	return order ? order : memcmp(&x->port, &y->port, sizeof(x->port));
}

static int add_backend(struct bl_adoption *adoption, struct bl_port_record *port, uint32_t id)
{
	uint32_t *ids;

	/* Grows at powers of two. */
	if ((port->backend_count & (port->backend_count - 1)) == 0) {
		size_t capacity = port->backend_count ? 2 * (size_t)port->backend_count : 1;

		ids = reallocarray(port->backend_ids, capacity, sizeof(*ids));
		if (!ids)
			return -ENOMEM;
		port->backend_ids = ids;
	}
	port->backend_ids[port->backend_count++] = id;
	adoption->used[id] = true;
	return 0;
}

static void sort_backends(struct bl_adoption *adoption, struct bl_port_record *port)
{
	struct bl_backend *backends = adoption->plan->backends;
	uint32_t kept = 0;

	if (port->backend_count > 1)
		qsort_r(port->backend_ids, port->backend_count, sizeof(*port->backend_ids),
			compare_backend_ids, backends);
	for (uint32_t i = 0; i < port->backend_count; i++) {
		uint32_t id = port->backend_ids[i];

		if (kept > 0 &&
		    compare_backend_ids(&port->backend_ids[kept - 1], &id, backends) == 0) {
			backends[id].state = BL_BACKEND_GONE;
			adoption->used[id] = false;
			continue;
		}
		port->backend_ids[kept++] = id;
	}
	port->backend_count = kept;
}

static int adopt_backends(struct bl_adoption *adoption)
{
	struct bl_plan *plan = adoption->plan;
	size_t cursor = 0;
	void *value;

	for (uint32_t id = 1; id < adoption->backend_end; id++) {
		struct bl_backend *backend = &plan->backends[id];
		struct bl_port_record *port;
		int r;

		*backend = adoption->rows->backends[id];
		if (backend->state == BL_BACKEND_FREE || backend->state == BL_BACKEND_GONE)
			continue;
		port = bl_adopt_port_of(adoption, backend->service_id);
		if (!port || port->family != backend->family) {
			backend->state = BL_BACKEND_GONE;
			continue;
		}
		r = add_backend(adoption, port, id);
		if (r < 0)
			return r;
	}
	while (bl_map_next(plan->records, &cursor, NULL, NULL, &value)) {
		struct bl_record *record = value;

		for (uint32_t i = 0; i < record->port_count; i++)
			sort_backends(adoption, &record->ports[i]);
	}
	return 0;
}

static int adopt_ids(struct bl_adoption *adoption)
{
	_cleanup_free_ bool *services = calloc(adoption->service_end + 1, sizeof(*services));
	struct bl_plan *plan = adoption->plan;
	int r = 0;

	if (!services)
		return -ENOMEM;
	for (uint32_t id = 1; id < adoption->service_end; id++)
		services[id] = adoption->records[id] != NULL;
	if (adoption->service_end > 1)
		r = bl_ids_adopt(&plan->service_ids, adoption->service_end, services);
	if (r == 0 && adoption->backend_end > 1)
		r = bl_ids_adopt(&plan->backend_ids, adoption->backend_end, adoption->used);
	return r;
}

static int adopt(struct bl_adoption *adoption)
{
	int r;

	r = begin(adoption);
	if (r == 0)
		r = adopt_frontends(adoption);
	if (r == 0)
		r = list_frontends(adoption);
	if (r == 0)
		r = bl_adopt_ranges(adoption);
	if (r == 0)
		r = adopt_backends(adoption);
	if (r == 0)
		r = bl_adopt_packet(adoption);
	return r < 0 ? r : adopt_ids(adoption);
}

int bl_plan_adopt(struct bl_plan *plan, const struct bl_plan_rows *rows, struct bl_err *err)
{
	_cleanup_(bl_plan_free) struct bl_plan *fresh = NULL;
	_cleanup_adoption_ struct bl_adoption adoption = {.rows = rows};
	int r;

	if (bl_map_count(plan->records) > 0)
		return bl_err_set(err, -EBUSY, "cannot adopt maps: the plan is not empty");
	r = bl_plan_new(&plan->limits, &fresh);
	if (r == 0) {
		bl_plan_set_snat_pool(fresh, plan->snat_first, plan->snat_last);
		adoption.plan = fresh;
		r = adopt(&adoption);
	}
	if (r < 0)
		return bl_err_set(err, r, "cannot adopt maps: no memory");
	bl_plan_release(plan);
	*plan = *fresh;
	free(TAKE_PTR(fresh));
	return 0;
}
