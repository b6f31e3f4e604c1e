/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "cli/options.h"

#define WORD_MAX 64

static size_t min3(size_t a, size_t b, size_t c)
{
	size_t least = a < b ? a : b;

	return least < c ? least : c;
}

/* Insertions, deletions and replacements that make one word of the other. */
static size_t edits(const char *a, const char *b)
{
	size_t row[WORD_MAX + 1];
	size_t a_len = strlen(a), b_len = strlen(b);

	if (a_len > WORD_MAX || b_len > WORD_MAX)
		return WORD_MAX;
	for (size_t j = 0; j <= b_len; j++)
		row[j] = j;
	for (size_t i = 1; i <= a_len; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= b_len; j++) {
			size_t above = row[j];

			row[j] = min3(above + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1]));
			diagonal = above;
		}
	}
	return row[b_len];
}

const char *bl_suggest(const char *word, const char *const *words)
{
	const char *best = NULL;
	size_t best_edits = strlen(word) / 3 + 2; /* "gte" to "get" are two */

	for (; *words; words++) {
		size_t n = edits(word, *words);

		/* Every letter replaced is another word, not a slip. */
		if (n < best_edits && n < strlen(*words)) {
			best = *words;
			best_edits = n;
		}
	}
	return best;
}
