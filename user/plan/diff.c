/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the kernel holds against what it should hold, in the same safe order as a change. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "plan/diff.h"

struct bl_op *bl_diff_add(struct bl_comparison *comparison, enum bl_op_kind kind, uint32_t index,
			  uint32_t count)
{
	if (bl_delta_reserve(comparison->delta, 1) < 0)
		return NULL;
	return bl_delta_add(comparison->delta, kind, index, count);
}

void *bl_diff_copy(struct bl_comparison *comparison, const void *bytes, size_t len)
{
	void *to = bl_arena_alloc(comparison->delta->arena, len);

	return to ? memcpy(to, bytes, len) : NULL;
}

static bool serves(const struct bl_backend *backend)
{
	return backend->state == BL_BACKEND_READY || backend->state == BL_BACKEND_TERMINATING;
}

/* Backends that serve before anything that leads to them; the others when nothing does any more. */
static int compare_backends(struct bl_comparison *comparison, bool serving)
{
	static const struct bl_backend free_row;
	const struct bl_plan_rows *actual = comparison->actual;
	uint32_t end = comparison->plan->backend_ids.next;

	for (uint32_t id = 0; id < actual->backend_count || id < end; id++) {
		const struct bl_backend *wanted =
			id > 0 && id < end ? &comparison->plan->backends[id] : &free_row;
		const struct bl_backend *is =
			id < actual->backend_count ? &actual->backends[id] : &free_row;
		struct bl_op *op;

		if (serves(wanted) != serving || memcmp(wanted, is, sizeof(*is)) == 0)
			continue;
		op = bl_diff_add(comparison, BL_OP_SET_BACKEND, id, 1);
		if (!op)
			return -ENOMEM;
		op->backend = *wanted;
		if (serves(is) && !serving)
			comparison->delta->backends_left = true;
	}
	return 0;
}

static int compare_run(struct bl_comparison *comparison, const struct bl_diff_runs *runs,
		       const struct bl_slot_range *run)
{
	const char *wanted = (const char *)runs->wanted + run->first * runs->row_size;
	size_t size = run->count * runs->row_size;
	struct bl_op *op;
	void *copy;

	if (run->first + (size_t)run->count <= runs->actual_count &&
	    memcmp(wanted, (const char *)runs->actual + run->first * runs->row_size, size) == 0)
		return 0;
	op = bl_diff_add(comparison, runs->kind, run->first, run->count);
	copy = op ? bl_diff_copy(comparison, wanted, size) : NULL;
	if (!copy)
		return -ENOMEM;
	if (runs->kind == BL_OP_SET_MAGLEV)
		op->maglev = copy;
	else
		op->slots = copy;
	return 0;
}

static int compare_port_runs(struct bl_comparison *comparison, const struct bl_diff_runs *runs,
			     const struct bl_port_record *port)
{
	bool is_maglev = runs->kind == BL_OP_SET_MAGLEV;
	const struct bl_slot_range *list = is_maglev ? port->tables : port->ranges;
	uint8_t count = is_maglev ? port->table_count : port->range_count;
	int r = 0;

	for (uint8_t i = 0; r == 0 && i < count; i++)
		r = compare_run(comparison, runs, &list[i]);
	return r;
}

int bl_diff_compare_runs(struct bl_comparison *comparison, const struct bl_diff_runs *runs)
{
	size_t cursor = 0;
	void *value;
	int r = 0;

	while (r == 0 && bl_map_next(comparison->plan->records, &cursor, NULL, NULL, &value)) {
		const struct bl_record *record = value;

		for (uint32_t i = 0; r == 0 && i < record->port_count; i++)
			r = compare_port_runs(comparison, runs, &record->ports[i]);
	}
	return r;
}

static int compare_slots(struct bl_comparison *comparison)
{
	const struct bl_diff_runs runs = {
		.kind = BL_OP_SET_SLOTS,
		.wanted = comparison->plan->slots,
		.actual = comparison->actual->slots,
		.actual_count = comparison->actual->slot_count,
		.row_size = sizeof(struct bl_slot),
	};

	return bl_diff_compare_runs(comparison, &runs);
}

static int compare_services(struct bl_comparison *comparison, bool in_use)
{
	static const struct bl_service_entry nobody;
	const struct bl_plan_rows *actual = comparison->actual;
	uint32_t end = comparison->plan->service_ids.next;

	for (uint32_t id = 0; id < actual->service_count || id < end; id++) {
		struct bl_service_entry wanted = nobody;
		const struct bl_service_entry *is =
			id < actual->service_count ? &actual->services[id] : &nobody;
		struct bl_op *op;

		(void)bl_plan_service(comparison->plan, id, &wanted);
		if ((wanted.in_use != 0) != in_use || memcmp(&wanted, is, sizeof(*is)) == 0)
			continue;
		op = bl_diff_add(comparison, BL_OP_SET_SERVICE, id, 1);
		if (!op)
			return -ENOMEM;
		op->service = bl_diff_copy(comparison, &wanted, sizeof(wanted));
		if (!op->service)
			return -ENOMEM;
	}
	return 0;
}

/* First what is missing, beside what is too much; then exactly what is wanted. */
static int compare_filter(struct bl_comparison *comparison, bool open)
{
	static const struct bl_addr_filter_word none;

	for (uint32_t i = 0; i < BL_ADDR_FILTER_WORDS; i++) {
		const struct bl_addr_filter_word *wanted = &comparison->plan->filter[i];
		const struct bl_addr_filter_word *is = i < comparison->actual->filter_count
							       ? &comparison->actual->filter[i]
							       : &none;
		const struct bl_addr_filter_word both = {
			.frontend = wanted->frontend | is->frontend,
			.virtual_address = wanted->virtual_address | is->virtual_address,
		};
		const struct bl_addr_filter_word *before = open ? is : &both;
		const struct bl_addr_filter_word *after = open ? &both : wanted;
		struct bl_op *op;

		if (memcmp(before, after, sizeof(*after)) == 0)
			continue;
		op = bl_diff_add(comparison, BL_OP_SET_FILTER, i, 1);
		if (!op)
			return -ENOMEM;
		op->filter = *after;
	}
	return 0;
}

static void mark_same(struct bl_comparison *comparison)
{
	const struct bl_table *table = &comparison->plan->frontends;

	for (size_t i = 0; i < comparison->actual->frontend_count; i++) {
		const struct bl_frontend_row *is = &comparison->actual->frontends[i];
		int64_t row = bl_table_find(table, is->family, &is->key);

		if (row >= 0 &&
		    memcmp(&table->rows[row].frontend.value, &is->value, sizeof(is->value)) == 0)
			comparison->same[row] = true;
	}
}

static int set_frontends(struct bl_comparison *comparison)
{
	const struct bl_table *table = &comparison->plan->frontends;

	for (uint32_t i = 0; i < table->count; i++) {
		int r;

		if (comparison->same[i] || !bl_table_row_is_mapped(&table->rows[i]))
			continue;
		r = bl_delta_reserve(comparison->delta, 1);
		if (r < 0)
			return r;
		bl_delta_add_frontend(comparison->delta, BL_OP_SET_FRONTEND,
				      &table->rows[i].frontend);
	}
	return 0;
}

static int delete_frontends(struct bl_comparison *comparison)
{
	const struct bl_table *table = &comparison->plan->frontends;

	for (size_t i = 0; i < comparison->actual->frontend_count; i++) {
		const struct bl_frontend_row *is = &comparison->actual->frontends[i];
		int64_t row = bl_table_find(table, is->family, &is->key);
		int r;

		if (row >= 0 && bl_table_row_is_mapped(&table->rows[row]))
			continue;
		r = bl_delta_reserve(comparison->delta, 1);
		if (r < 0)
			return r;
		bl_delta_add_frontend(comparison->delta, BL_OP_DELETE_FRONTEND, is);
	}
	return 0;
}

int bl_plan_diff(const struct bl_plan *plan, const struct bl_plan_rows *actual,
		 struct bl_delta *delta)
{
	_cleanup_free_ bool *same = calloc((size_t)plan->frontends.count + 1, sizeof(*same));
	struct bl_comparison comparison = {
		.plan = plan,
		.actual = actual,
		.delta = delta,
		.same = same,
	};
	int r;

	if (!same)
		return -ENOMEM;
	mark_same(&comparison);
	r = compare_backends(&comparison, true);
	if (r == 0)
		r = compare_slots(&comparison);
	if (r == 0)
		r = compare_services(&comparison, true);
	if (r == 0)
		r = bl_diff_open_packet(&comparison);
	if (r == 0)
		r = compare_filter(&comparison, true);
	if (r == 0)
		r = set_frontends(&comparison);
	if (r == 0)
		r = delete_frontends(&comparison);
	if (r == 0)
		r = compare_filter(&comparison, false);
	if (r == 0)
		r = bl_diff_close_packet(&comparison);
	if (r == 0)
		r = compare_backends(&comparison, false);
	if (r == 0)
		r = compare_services(&comparison, false);
	free(comparison.wanted_rows);
	free(comparison.actual_rows);
	return r;
}
