/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "model/words.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"

#define PAGE_BYTES 4000u /* what one object that is left may keep others' words for */
#define PAGE_FULL (PAGE_BYTES * 3 / 4)
#define WORD_MAX 128u
#define SEED 0 /* who makes words collide only has them copied */

struct bl_word_page {
	uint32_t refs;
	uint32_t used;
	char bytes[PAGE_BYTES];
};

struct bl_word_page *bl_word_page_ref(struct bl_word_page *page)
{
	page->refs++;
	return page;
}

struct bl_word_page *bl_word_page_unref(struct bl_word_page *page)
{
	if (!page)
		return NULL;
	assert(page->refs > 0);
	if (--page->refs == 0)
		free(page);
	return NULL;
}

void bl_words_done(struct bl_words *words)
{
	(void)bl_word_page_unref(words->page);
	*words = (struct bl_words){0};
}

int bl_words_begin(struct bl_words *words)
{
	struct bl_word_page *page;

	words->turn += words->turn == UINT32_MAX ? 2 : 1; /* 0 is nobody's */
	words->learns = true;
	if (words->page && words->page->used < PAGE_FULL)
		return 0;
	page = malloc(sizeof(*page));
	if (!page)
		return -ENOMEM;
	page->refs = 1;
	page->used = 0;
	(void)bl_word_page_unref(words->page);
	words->page = page;
	memset((void *)words->words, 0, sizeof(words->words));
	return 0;
}

static const char *learn(struct bl_words *words, size_t slot, uint32_t hash, const char *text,
			 size_t len)
{
	struct bl_word_page *page = words->page;
	bool is_known = words->seen[slot].turn != 0 && words->seen[slot].hash == hash &&
			words->seen[slot].turn != words->turn;
	char *word;

	words->seen[slot].hash = hash;
	words->seen[slot].turn = words->turn;
	if (!is_known || len + 1 > PAGE_BYTES - page->used)
		return NULL;
	word = page->bytes + page->used;
	page->used += (uint32_t)len + 1;
	memcpy(word, text, len);
	word[len] = '\0';
	words->words[slot] = word;
	return word;
}

const char *bl_words_find(struct bl_words *words, const char *text, size_t len)
{
	uint64_t hash = bl_map_hash(SEED, text, len);
	size_t slot = hash >> 32 & (BL_WORD_SLOTS - 1);
	const char *word = words->words[slot];

	if (!words->page || len >= WORD_MAX)
		return NULL;
	if (word && strncmp(word, text, len) == 0 && word[len] == '\0')
		return word;
	return words->learns ? learn(words, slot, (uint32_t)hash, text, len) : NULL;
}
