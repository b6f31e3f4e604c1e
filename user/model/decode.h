/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A tree into the structs of the schema tables. Knows no files and no kinds. */
#ifndef MODEL_DECODE_H
#define MODEL_DECODE_H

#include "model/endpoints.h"
#include "model/report.h"
#include "model/schema.h"
#include "model/words.h"

struct bl_decoder {
	struct bl_arena *arena;
	struct bl_report *report; /* NULL: the tree is known to be good */
	bool lenient;
	bool forgives_unknown;      /* unknown fields are warnings */
	bool keeps_managed;         /* metadata.managedFields stays */
	bool checks_kept;           /* what is only kept is checked, and unknown parts go */
	const struct bl_kept *kept; /* grows */
	const char *recent[64];     /* texts in the arena, by their hash */
	struct bl_words *words;     /* of other objects; NULL: none */
	int failure;                /* -ENOMEM */
	struct bl_buf scratch;
	struct bl_arena *items; /* of a list until it is packed */
	/* Packed when the same tree was decoded before; NULL: it was not. */
	const struct bl_slice_endpoints *endpoints;
};

/* Releases what decoding took beside the arena. */
void bl_decoder_done(struct bl_decoder *decoder);

/* Fills the (zeroed) struct at `base`; problems go to the report. -ENOMEM. */
int bl_decode_struct(struct bl_decoder *decoder, const struct bl_type *type, void *base,
		     const struct bl_tree *tree);

/* RFC 3339 to seconds since the epoch and back. */
int bl_time_parse(const char *text, int64_t *ret);
#define BL_TIME_TEXT 32
const char *bl_time_format(int64_t time, char buffer[static BL_TIME_TEXT]);

#endif
