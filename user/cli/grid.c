/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/grid.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "cli/elastic.h"

#define WIDTH_MIN 6
#define PADDING 3

void bl_grid_init(struct bl_grid *table, size_t column_count)
{
	assert(column_count > 0 && column_count <= BL_GRID_COLUMNS);
	*table = (struct bl_grid){.column_count = column_count};
	for (size_t i = 0; i < column_count; i++)
		table->widths[i] = WIDTH_MIN;
}

void bl_grid_done(struct bl_grid *table)
{
	bl_buf_done(&table->cells);
}

static size_t width_of(const char *text)
{
	return bl_text_width(text, strlen(text));
}

static void add_clean(struct bl_buf *cells, const char *text)
{
	for (; *text; text++) {
		if (*text == '\n')
			bl_buf_add_str(cells, "\\n");
		else if (*text == '\t')
			bl_buf_add_str(cells, "\\t");
		else if ((unsigned char)*text < ' ' || *text == 0x7f)
			bl_buf_add_str(cells, "?"); /* a name must not drive the terminal */
		else
			bl_buf_add(cells, text, 1);
	}
	bl_buf_add(cells, "", 1);
}

void bl_grid_add(struct bl_grid *table, const char *text)
{
	size_t start = table->cells.len;
	size_t column = table->cell_count % table->column_count;
	size_t width;

	add_clean(&table->cells, text);
	table->cell_count++;
	if (table->cells.failed)
		return;
	width = width_of(table->cells.data + start) + PADDING;
	if (width > table->widths[column])
		table->widths[column] = width;
}

int bl_grid_print(struct bl_grid *table, FILE *out)
{
	const char *cell = table->cells.data;

	if (table->cells.failed)
		return -ENOMEM;
	for (size_t i = 0; i < table->cell_count; i++) {
		size_t column = i % table->column_count;

		fputs(cell, out);
		if (column + 1 < table->column_count)
			fprintf(out, "%*s", (int)(table->widths[column] - width_of(cell)), "");
		else
			fputc('\n', out);
		cell += strlen(cell) + 1;
	}
	table->cell_count = 0;
	table->cells.len = 0;
	return 0;
}
