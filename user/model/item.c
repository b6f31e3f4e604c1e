/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Objects of one kind after another, as the lists and watches of a server hold them. */
#include <errno.h>

#include "model/build.h"
#include "model/codec.h"
#include "model/tree.h"

struct bl_item_decoder {
	enum bl_kind kind;
	struct bl_arena *trees;
	struct bl_arena *scratch;
	struct bl_words words;
};

int bl_item_decoder_new(enum bl_kind kind, struct bl_item_decoder **ret)
{
	_cleanup_(bl_item_decoder_free) struct bl_item_decoder *decoder =
		calloc(1, sizeof(*decoder));

	if (!decoder)
		return -ENOMEM;
	decoder->kind = kind;
	if (bl_arena_new(&decoder->trees) < 0 || bl_arena_new(&decoder->scratch) < 0)
		return -ENOMEM;
	*ret = TAKE_PTR(decoder);
	return 0;
}

struct bl_item_decoder *bl_item_decoder_free(struct bl_item_decoder *decoder)
{
	if (!decoder)
		return NULL;
	bl_arena_free(decoder->trees);
	bl_arena_free(decoder->scratch);
	bl_words_done(&decoder->words);
	free(decoder);
	return NULL;
}

int bl_item_decode(struct bl_item_decoder *decoder, struct json_object *json,
		   struct bl_object **ret, struct bl_diag *diag)
{
	const struct bl_kind_info *info = bl_kind_info(decoder->kind);
	const struct bl_inherited inherited = {info->kind, info->api_version};
	struct bl_tree_budget budget = {.depth = bl_limits_default.depth,
					.nodes = bl_limits_default.nodes};
	const struct bl_workplace place = {decoder->scratch, &decoder->words};
	struct bl_report report = {.diag = diag, .root = ""};
	const struct bl_tree *tree;
	struct bl_err err = {0};
	enum bl_kind kind;
	int r;

	bl_arena_reset(decoder->trees);
	r = bl_tree_from_json(decoder->trees, json, &budget, &tree, &err);
	if (r < 0) {
		bl_report_add(&report, BL_SEVERITY_ERROR, BL_PLACE_VALUE, NULL, "%s", err.text);
		return r;
	}
	r = bl_build_read_kind(&report, tree, &inherited, BL_DECODE_LENIENT, &kind);
	if (r < 0)
		return r;
	if (kind != decoder->kind) {
		bl_report_add(&report, BL_SEVERITY_ERROR, BL_PLACE_VALUE, "kind",
			      "expected kind '%s', got '%s'", info->kind, bl_kind_info(kind)->kind);
		return -EINVAL;
	}
	return bl_build_checked(&place, kind, tree, BL_DECODE_LENIENT, &report, ret);
}
