/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The frontends of a plan: rows in one dense array, found by key through an index of row numbers.
 * The row of an address (port 0, protocol 0) counts who uses the address; it stands in the map only
 * while the address is virtual.
 */
#ifndef PLAN_TABLE_H
#define PLAN_TABLE_H

#include <stdbool.h>

#include "plan/rows.h"

struct bl_table_row {
	struct bl_frontend_row frontend;
	uint32_t users;         /* of an address: frontends that have it */
	uint32_t virtual_users; /* those of them for which it is virtual */
	uint32_t live_users;    /* those of these with backends for clients outside */
	uint8_t filtered;       /* enum bl_filter_kind: filters that count the address */
};

/* Does a client outside find a backend at this virtual address and port? */
static inline bool bl_frontend_is_live(const struct bl_frontend *value)
{
	return value->flags & BL_FRONTEND_F_VIRTUAL &&
	       !(value->flags & BL_FRONTEND_F_INTERNAL_ONLY) && value->external.count > 0;
}

struct bl_table {
	struct bl_table_row *rows;
	uint32_t count;
	uint32_t capacity;
	uint32_t *index; /* row number + 1; 0: free */
	uint32_t index_capacity;
};

void bl_table_done(struct bl_table *table);
/* Room for `more` rows, so that as many additions cannot fail. */
int bl_table_reserve(struct bl_table *table, uint32_t more);
/* Row number, or -1. */
int64_t bl_table_find(const struct bl_table *table, uint8_t family,
		      const struct bl_frontend6_key *key);
/* Adds a row that is not there yet; there must be room. Returns its number. */
uint32_t bl_table_add(struct bl_table *table, const struct bl_frontend_row *frontend);
/* The last row takes the place of the one removed. */
void bl_table_remove(struct bl_table *table, uint32_t row);

static inline bool bl_table_row_is_address(const struct bl_table_row *row)
{
	return row->frontend.key.port == 0 && row->frontend.key.protocol == 0;
}

/* Does the row stand in the map? */
static inline bool bl_table_row_is_mapped(const struct bl_table_row *row)
{
	return !bl_table_row_is_address(row) || row->virtual_users > 0;
}

#endif
