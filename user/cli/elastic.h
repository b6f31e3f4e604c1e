/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Elastic tab stops: a cell is text that a tab ends, and cells of consecutive lines that have as
 * many form a column as wide as the widest of them. A line without tabs parts two columns.
 */
#ifndef CLI_ELASTIC_H
#define CLI_ELASTIC_H

#include <stdio.h>

/* Prints `text` with `padding` spaces after the widest cell of each column. -ENOMEM. */
int bl_elastic_print(const char *text, size_t padding, FILE *out);

/* Characters, not bytes: what follows the first byte of a UTF-8 sequence takes no room. */
size_t bl_text_width(const char *text, size_t len);

#endif
