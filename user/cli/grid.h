/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Text in columns, three spaces apart as kubectl's. Rows are collected and printed together; the
 * widths stay known, so that rows printed later (of a watch) stand under the same heads as far as
 * they fit.
 */
#ifndef CLI_GRID_H
#define CLI_GRID_H

#include <stdio.h>

#include "base/buf.h"

#define BL_GRID_COLUMNS 16

struct bl_grid {
	struct bl_buf cells; /* each ended by a zero byte */
	size_t cell_count;
	size_t column_count;
	size_t widths[BL_GRID_COLUMNS];
};

void bl_grid_init(struct bl_grid *table, size_t column_count);
void bl_grid_done(struct bl_grid *table);
static inline void bl_grid_done_p(struct bl_grid *table)
{
	bl_grid_done(table);
}

/* Cells are added row by row; the text is copied. Line breaks and tabs become "\n" and "\t". */
void bl_grid_add(struct bl_grid *table, const char *text);
/* Prints the rows and forgets them, but not the widths. -ENOMEM. */
int bl_grid_print(struct bl_grid *table, FILE *out);

#endif
