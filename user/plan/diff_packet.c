/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The maps of the packet path against what they should hold. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "plan/diff.h"

/* Copies the rows of all records, to be sorted. */
static int list_wanted(struct bl_comparison *comparison)
{
	const struct bl_plan *plan = comparison->plan;
	size_t cursor = 0;
	size_t room = 1;
	void *value;

	for (size_t i = 0; i < BL_PACKET_TABLE_COUNT; i++)
		room += plan->packet_counts[i];
	comparison->wanted_rows = calloc(room, sizeof(*comparison->wanted_rows));
	if (!comparison->wanted_rows)
		return -ENOMEM;
	while (bl_map_next(plan->records, &cursor, NULL, NULL, &value)) {
		const struct bl_record *record = value;

		for (uint32_t i = 0; i < record->port_count; i++)
			for (uint32_t k = 0; k < record->ports[i].packet_row_count; k++)
				comparison->wanted_rows[comparison->wanted_row_count++] =
					record->ports[i].packet_rows[k];
	}
	if (comparison->wanted_row_count > 1)
		qsort(comparison->wanted_rows, comparison->wanted_row_count,
		      sizeof(*comparison->wanted_rows), bl_packet_row_compare);
	return 0;
}

static int list_rows(struct bl_comparison *comparison)
{
	size_t count = comparison->actual->packet_row_count;

	comparison->actual_rows = calloc(count + 1, sizeof(*comparison->actual_rows));
	if (!comparison->actual_rows)
		return -ENOMEM;
	if (count > 0)
		memcpy(comparison->actual_rows, comparison->actual->packet_rows,
		       count * sizeof(*comparison->actual_rows));
	if (count > 1)
		qsort(comparison->actual_rows, count, sizeof(*comparison->actual_rows),
		      bl_packet_row_compare);
	return list_wanted(comparison);
}

static const struct bl_packet_row *find_row(const struct bl_packet_row *rows, size_t count,
					    const struct bl_packet_row *row)
{
	return count > 0 ? bsearch(row, rows, count, sizeof(*row), bl_packet_row_compare) : NULL;
}

static int set_rows(struct bl_comparison *comparison)
{
	for (size_t i = 0; i < comparison->wanted_row_count; i++) {
		const struct bl_packet_row *wanted = &comparison->wanted_rows[i];
		const struct bl_packet_row *is = find_row(
			comparison->actual_rows, comparison->actual->packet_row_count, wanted);
		struct bl_op *op;

		if (is && is->value == wanted->value)
			continue;
		op = bl_diff_add(comparison, BL_OP_SET_PACKET_ROW, 0, 1);
		if (!op)
			return -ENOMEM;
		op->packet_row = *wanted;
	}
	return 0;
}

static int delete_rows(struct bl_comparison *comparison)
{
	for (size_t i = 0; i < comparison->actual->packet_row_count; i++) {
		const struct bl_packet_row *is = &comparison->actual_rows[i];
		struct bl_op *op;

		if (find_row(comparison->wanted_rows, comparison->wanted_row_count, is))
			continue;
		op = bl_diff_add(comparison, BL_OP_DELETE_PACKET_ROW, 0, 1);
		if (!op)
			return -ENOMEM;
		op->packet_row = *is;
	}
	return 0;
}

static int compare_tables(struct bl_comparison *comparison)
{
	const struct bl_diff_runs runs = {
		.kind = BL_OP_SET_MAGLEV,
		.wanted = comparison->plan->maglev,
		.actual = comparison->actual->maglev,
		.actual_count = comparison->actual->maglev_count,
		.row_size = sizeof(struct bl_maglev_entry),
	};

	return bl_diff_compare_runs(comparison, &runs);
}

/* First what is missing, beside what is too much; then exactly what is wanted. */
static int compare_ports(struct bl_comparison *comparison, bool open)
{
	static const struct bl_packet_port_word none;

	for (uint32_t i = 0; i < BL_PACKET_PORT_WORDS; i++) {
		const struct bl_packet_port_word *wanted = &comparison->plan->ports[i];
		const struct bl_packet_port_word *is =
			i < comparison->actual->port_count ? &comparison->actual->ports[i] : &none;
		const struct bl_packet_port_word both = {
			.destination = wanted->destination | is->destination,
			.reply = wanted->reply | is->reply,
		};
		const struct bl_packet_port_word *before = open ? is : &both;
		const struct bl_packet_port_word *after = open ? &both : wanted;
		struct bl_op *op;

		if (memcmp(before, after, sizeof(*after)) == 0)
			continue;
		op = bl_diff_add(comparison, BL_OP_SET_PACKET_PORTS, i, 1);
		if (!op)
			return -ENOMEM;
		op->ports = *after;
	}
	return 0;
}

int bl_diff_open_packet(struct bl_comparison *comparison)
{
	int r;

	if (!comparison->actual->has_packet)
		return 0;
	r = list_rows(comparison);
	if (r == 0)
		r = compare_tables(comparison);
	if (r == 0)
		r = set_rows(comparison);
	return r < 0 ? r : compare_ports(comparison, true);
}

int bl_diff_close_packet(struct bl_comparison *comparison)
{
	int r;

	if (!comparison->actual->has_packet)
		return 0;
	r = compare_ports(comparison, false);
	return r < 0 ? r : delete_rows(comparison);
}
