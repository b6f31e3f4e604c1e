/* SPDX-License-Identifier: GPL-3.0-or-later */
/* "did you mean": edit distance with swaps, upper and lower case being the same. */
#include <ctype.h>
#include <string.h>

#include "model/schema.h"

#define WORD_MAX 64

void bl_suggest_init(struct bl_suggest *suggest, const char *word, size_t len)
{
	/* Nearer than this, and nearer than half of the word. */
	size_t limit = len / 3 < 3 ? len / 3 + 1 : 4;

	*suggest = (struct bl_suggest){.word = word, .len = len, .distance = limit};
}

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

static int lower(char byte)
{
	return tolower((unsigned char)byte);
}

static size_t distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
	size_t rows[3][WORD_MAX + 1];
	size_t *before = rows[0], *last = rows[1], *row = rows[2];

	for (size_t j = 0; j <= b_len; j++)
		last[j] = j;
	for (size_t i = 1; i <= a_len; i++) {
		row[0] = i;
		for (size_t j = 1; j <= b_len; j++) {
			bool same = lower(a[i - 1]) == lower(b[j - 1]);

			row[j] = least(least(last[j] + 1, row[j - 1] + 1), last[j - 1] + !same);
			if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) &&
			    lower(a[i - 2]) == lower(b[j - 1]))
				row[j] = least(row[j], before[j - 2] + 1);
		}
		size_t *spare = before;
		before = last;
		last = row;
		row = spare;
	}
	return last[b_len];
}

void bl_suggest_try(struct bl_suggest *suggest, const char *name)
{
	size_t len = strlen(name), found;

	if (len > WORD_MAX || suggest->len > WORD_MAX)
		return;
	found = distance(suggest->word, suggest->len, name, len);
	if (found < suggest->distance) {
		suggest->distance = found;
		suggest->best = name;
	}
}
