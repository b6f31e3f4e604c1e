/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "cli/options.h"
#include "model/schema.h"

const char *bl_suggest_word(const char *word, const char *const *words)
{
	struct bl_suggest suggest;

	bl_suggest_init(&suggest, word, strlen(word));
	for (; *words; words++)
		bl_suggest_try(&suggest, *words);
	return suggest.best;
}
