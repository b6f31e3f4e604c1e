/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A list in pieces: `limit` and `continue` of the API. All pieces are of the version of the first.
 */
#ifndef AGENT_PAGE_H
#define AGENT_PAGE_H

#include "agent/selector.h"
#include "base/buf.h"

struct bl_page {
	uint64_t version; /* of the store, that all pieces are of */
	uint64_t limit;   /* 0: none */
	char ns[256];     /* the last one of the piece before; name "": this is the first piece */
	char name[256];
	uint64_t remaining; /* behind this piece; 0 when nobody counted them */
};

/* -EINVAL: none of ours. */
int bl_page_token_parse(const char *token, struct bl_page *ret);

/* Leaves what is selected and belongs to the piece in `items` (sorted by namespace and name); `ret`
 * gets the token of the next piece, or nothing. */
void bl_page_cut(struct bl_page *page, const struct bl_selector *selector,
		 const struct bl_object **items, size_t *count, struct bl_buf *ret);

#endif
