/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Values that no struct holds, by the rows of their table: what is wrong with them, and their text
 * without what nobody knows. Private to this folder.
 */
#ifndef MODEL_KEPT_H
#define MODEL_KEPT_H

#include "model/decode.h"

/* Problems go to the decoder's report, which there must be. */
void bl_kept_check(struct bl_decoder *decoder, const struct bl_field *field,
		   const struct bl_tree *tree, const struct bl_path *path);
/* Compact JSON; fields that the table does not have, and nulls, are left out. */
void bl_kept_text(const struct bl_field *field, const struct bl_tree *tree, struct bl_buf *ret);

/* Shared with decode.c. "apiVersion" or "kind" of an object, which no table has. */
bool bl_decode_is_of_object(const struct bl_tree_entry *entry, const struct bl_path *path);
/* Both give false. */
bool bl_decode_mismatch(struct bl_decoder *decoder, const struct bl_path *path,
			const struct bl_tree *tree, const char *expected);
bool bl_decode_unknown(struct bl_decoder *decoder, const struct bl_type *type,
		       const struct bl_tree_entry *entry, const struct bl_path *path);

#endif
