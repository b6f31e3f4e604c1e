/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Words that many objects of one kind have: keys of labels, namespaces, names of ports. A text that
 * a second object brings too becomes a word, and later objects point to it instead of having a
 * copy. Words stand on pages; an object holds a reference to the page that was open when it was
 * decoded, and a page goes with the last of its objects. One thread. Private to this folder, but
 * for the reference that objects give back.
 */
#ifndef MODEL_WORDS_H
#define MODEL_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"

struct bl_word_page;

struct bl_word_page *bl_word_page_ref(struct bl_word_page *page);
/* Accepts NULL, returns NULL. */
struct bl_word_page *bl_word_page_unref(struct bl_word_page *page);

#define BL_WORD_SLOTS 256u

/* Starts as {0}. */
struct bl_words {
	struct bl_word_page *page;
	const char *words[BL_WORD_SLOTS]; /* on the page, by hash */
	struct {
		uint32_t hash;
		uint32_t turn; /* of the object that had it last; 0: none */
	} seen[BL_WORD_SLOTS];
	uint32_t turn;
	bool learns; /* else words are only looked up */
};

void bl_words_done(struct bl_words *words);
/* Another object's turn, from which texts may be learnt: opens a page when the last one is rather
 * full. -ENOMEM: go on with none. */
int bl_words_begin(struct bl_words *words);
/* NULL: it is no word. */
const char *bl_words_find(struct bl_words *words, const char *text, size_t len);

#endif
