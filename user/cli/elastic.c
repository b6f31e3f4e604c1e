/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/elastic.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/cleanup.h"

#define CELLS_MAX 12 /* of a line; tabs beyond are printed as they are */

struct line {
	const char *cells[CELLS_MAX];
	size_t lens[CELLS_MAX];
	size_t widths[CELLS_MAX]; /* of the columns */
	size_t tabs;              /* cells that a tab ends; one more follows */
};

size_t bl_text_width(const char *text, size_t len)
{
	size_t width = 0;

	for (size_t i = 0; i < len; i++)
		width += ((unsigned char)text[i] & 0xc0) != 0x80;
	return width;
}

/* Returns what follows the line. */
static const char *split(const char *text, struct line *line)
{
	for (;;) {
		size_t len = strcspn(text, line->tabs + 1 < CELLS_MAX ? "\t\n" : "\n");

		line->cells[line->tabs] = text;
		line->lens[line->tabs] = len;
		text += len;
		if (*text != '\t')
			return *text ? text + 1 : text;
		line->tabs++;
		text++;
	}
}

static void align(struct line *lines, size_t count, size_t column, size_t padding)
{
	size_t start = 0;

	while (start < count) {
		size_t end = start, width = 0;

		for (; end < count && lines[end].tabs > column; end++) {
			size_t w = bl_text_width(lines[end].cells[column], lines[end].lens[column]);

			width = w > width ? w : width;
		}
		for (size_t i = start; i < end; i++)
			lines[i].widths[column] = width + padding;
		start = end + 1;
	}
}

static void print_line(const struct line *line, FILE *out)
{
	for (size_t i = 0; i <= line->tabs; i++) {
		size_t width = bl_text_width(line->cells[i], line->lens[i]);

		(void)fwrite(line->cells[i], 1, line->lens[i], out);
		if (i < line->tabs)
			fprintf(out, "%*s", (int)(line->widths[i] - width), "");
	}
	fputc('\n', out);
}

int bl_elastic_print(const char *text, size_t padding, FILE *out)
{
	_cleanup_free_ struct line *lines = NULL;
	size_t count = 0, i = 0;

	for (const char *at = text; *at; at++)
		count += *at == '\n' || !at[1];
	if (count == 0)
		return 0;
	lines = calloc(count, sizeof(*lines));
	if (!lines)
		return -ENOMEM;
	while (*text)
		text = split(text, &lines[i++]);
	for (size_t column = 0; column < CELLS_MAX; column++)
		align(lines, count, column, padding);
	for (i = 0; i < count; i++)
		print_line(&lines[i], out);
	return 0;
}
