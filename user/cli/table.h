/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Text in columns, three spaces apart as kubectl's. Rows are collected and printed together; the
 * widths stay known, so that rows printed later (of a watch) stand under the same heads as far as
 * they fit.
 */
#ifndef CLI_TABLE_H
#define CLI_TABLE_H

#include <stdio.h>

#include "base/buf.h"

#define BL_TABLE_COLUMNS 16

struct bl_table {
	struct bl_buf cells; /* each ended by a zero byte */
	size_t cell_count;
	size_t column_count;
	size_t widths[BL_TABLE_COLUMNS];
};

void bl_table_init(struct bl_table *table, size_t column_count);
void bl_table_done(struct bl_table *table);
static inline void bl_table_done_p(struct bl_table *table)
{
	bl_table_done(table);
}

/* Cells are added row by row; the text is copied. Line breaks and tabs become "\n" and "\t". */
void bl_table_add(struct bl_table *table, const char *text);
/* Prints the rows and forgets them, but not the widths. -ENOMEM. */
int bl_table_print(struct bl_table *table, FILE *out);

#endif
