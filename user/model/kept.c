/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "model/kept.h"

#include <errno.h>
#include <json-c/json.h>
#include <math.h>
#include <string.h>

#include "base/arena.h"
#include "model/tree.h"

/* Whole, also when it is written as 1e3, and in the range of `bits`. */
static bool is_integer(const struct bl_tree *tree, int bits)
{
	if (tree->type == BL_TREE_DOUBLE)
		return trunc(tree->number) == tree->number &&
		       fabs(tree->number) < (bits == 32 ? 2147483648.0 : 9e15);
	return tree->type == BL_TREE_INT &&
	       (bits == 64 || (tree->integer >= INT32_MIN && tree->integer <= INT32_MAX));
}

static bool is_time(const struct bl_tree *tree)
{
	int64_t ignored;

	return tree->type == BL_TREE_STRING && bl_time_parse(tree->text, &ignored) == 0;
}

/* "100m", "1.5Gi", "-1e3": a number and one of the endings of Kubernetes' quantities. */
static bool is_quantity(const struct bl_tree *tree)
{
	static const char *const endings[] = {"",  "n", "u",  "m",  "k",  "M",  "G",  "T",
					      "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"};
	const char *at = tree->text;
	size_t digits, more;

	if (tree->type == BL_TREE_INT || tree->type == BL_TREE_DOUBLE)
		return true;
	if (tree->type != BL_TREE_STRING)
		return false;
	at += *at == '+' || *at == '-';
	digits = strspn(at, "0123456789");
	at += digits;
	if (*at == '.') {
		more = strspn(at + 1, "0123456789");
		digits += more;
		at += more + 1;
	}
	if (!digits)
		return false;
	if ((*at == 'e' || *at == 'E') && at[1]) {
		at += 1 + (at[1] == '+' || at[1] == '-');
		return *at && strspn(at, "0123456789") == strlen(at);
	}
	for (size_t i = 0; i < ARRAY_SIZE(endings); i++)
		if (!strcmp(at, endings[i]))
			return true;
	return false;
}

/* What a scalar was expected to be; NULL: it is that. */
static const char *wanted(enum bl_kept_as looks, const struct bl_tree *tree)
{
	switch (looks) {
	case BL_KEPT_STRING:
		return tree->type == BL_TREE_STRING ? NULL : "a string";
	case BL_KEPT_INT:
		return is_integer(tree, 32) ? NULL : "an integer of 32 bits";
	case BL_KEPT_LONG:
		return is_integer(tree, 64) ? NULL : "an integer";
	case BL_KEPT_BOOL:
		return tree->type == BL_TREE_BOOL ? NULL : "true or false";
	case BL_KEPT_TIME:
		return is_time(tree) ? NULL : "a time such as 2026-01-31T12:00:00Z";
	case BL_KEPT_QUANTITY:
		return is_quantity(tree) ? NULL : "a quantity such as 500m or 1Gi";
	case BL_KEPT_INT_OR_STRING:
		return tree->type == BL_TREE_STRING || is_integer(tree, 32)
			       ? NULL
			       : "an integer or a string";
	default:
		return NULL;
	}
}

static void check_scalar(struct bl_decoder *decoder, enum bl_kept_as looks,
			 const struct bl_tree *tree, const struct bl_path *path)
{
	const char *expected = wanted(looks, tree);

	if (expected)
		(void)bl_decode_mismatch(decoder, path, tree, expected);
}

static void check_list(struct bl_decoder *decoder, enum bl_kept_as looks,
		       const struct bl_tree *tree, const struct bl_path *path)
{
	if (tree->type != BL_TREE_LIST) {
		(void)bl_decode_mismatch(decoder, path, tree, "a list");
		return;
	}
	for (size_t i = 0; i < tree->count; i++) {
		struct bl_path at = {.parent = path, .index = i};

		check_scalar(decoder, looks, tree->items[i], &at);
	}
}

/* A mapping of names that are free. */
static void check_names(struct bl_decoder *decoder, enum bl_kept_as looks,
			const struct bl_tree *tree, const struct bl_path *path)
{
	if (tree->type != BL_TREE_MAP) {
		(void)bl_decode_mismatch(decoder, path, tree, "a mapping");
		return;
	}
	for (size_t i = 0; i < tree->count; i++) {
		const struct bl_tree_entry *entry = &tree->entries[i];
		struct bl_path at = {
			.parent = path, .name = entry->key, .name_len = entry->key_len};

		if (entry->value->type != BL_TREE_NULL)
			check_scalar(decoder, looks, entry->value, &at);
	}
}

static void check_map(struct bl_decoder *decoder, const struct bl_type *type,
		      const struct bl_tree *tree, const struct bl_path *path)
{
	size_t hint = 0;

	if (tree->type != BL_TREE_MAP) {
		(void)bl_decode_mismatch(decoder, path, tree, "a mapping");
		return;
	}
	for (size_t i = 0; type && i < tree->count; i++) {
		const struct bl_tree_entry *entry = &tree->entries[i];
		struct bl_path at = {
			.parent = path, .name = entry->key, .name_len = entry->key_len};
		const struct bl_field *field;

		if (bl_decode_is_of_object(entry, path))
			continue;
		field = bl_type_find(type, entry->key, entry->key_len, &hint);
		if (!field)
			(void)bl_decode_unknown(decoder, type, entry, path);
		else if (entry->value->type != BL_TREE_NULL)
			bl_kept_check(decoder, field, entry->value, &at);
	}
}

void bl_kept_check(struct bl_decoder *decoder, const struct bl_field *field,
		   const struct bl_tree *tree, const struct bl_path *path)
{
	enum bl_kept_as looks = bl_field_looks(field);

	switch (looks) {
	case BL_KEPT_ANY:
		break;
	case BL_KEPT_INTS:
	case BL_KEPT_STRINGS:
		check_list(decoder, looks == BL_KEPT_INTS ? BL_KEPT_LONG : BL_KEPT_STRING, tree,
			   path);
		break;
	case BL_KEPT_PAIRS:
	case BL_KEPT_QUANTITIES:
		check_names(decoder, looks == BL_KEPT_PAIRS ? BL_KEPT_STRING : BL_KEPT_QUANTITY,
			    tree, path);
		break;
	case BL_KEPT_MAP:
		check_map(decoder, field->sub, tree, path);
		break;
	case BL_KEPT_LIST:
		if (tree->type != BL_TREE_LIST) {
			(void)bl_decode_mismatch(decoder, path, tree, "a list");
			break;
		}
		for (size_t i = 0; i < tree->count; i++) {
			struct bl_path at = {.parent = path, .index = i};

			check_map(decoder, field->sub, tree->items[i], &at);
		}
		break;
	default:
		check_scalar(decoder, looks, tree, path);
		break;
	}
}

static void map_text(const struct bl_type *type, const struct bl_tree *tree, struct bl_buf *ret)
{
	size_t hint = 0, written = 0;

	if (!type || tree->type != BL_TREE_MAP) {
		bl_tree_to_json_text(tree, ret);
		return;
	}
	bl_buf_add_str(ret, "{");
	for (size_t i = 0; i < tree->count; i++) {
		const struct bl_tree_entry *entry = &tree->entries[i];
		const struct bl_field *field =
			bl_type_find(type, entry->key, entry->key_len, &hint);

		if (!field || entry->value->type == BL_TREE_NULL)
			continue;
		/* A name of the table has nothing in it that JSON would escape. */
		bl_buf_addf(ret, "%s\"%s\":", written++ ? "," : "", field->name);
		bl_kept_text(field, entry->value, ret);
	}
	bl_buf_add_str(ret, "}");
}

void bl_kept_text(const struct bl_field *field, const struct bl_tree *tree, struct bl_buf *ret)
{
	enum bl_kept_as looks = bl_field_looks(field);

	if (looks == BL_KEPT_MAP) {
		map_text(field->sub, tree, ret);
	} else if (looks == BL_KEPT_LIST && tree->type == BL_TREE_LIST) {
		bl_buf_add_str(ret, "[");
		for (size_t i = 0; i < tree->count; i++) {
			bl_buf_add_str(ret, i ? "," : "");
			map_text(field->sub, tree->items[i], ret);
		}
		bl_buf_add_str(ret, "]");
	} else {
		bl_tree_to_json_text(tree, ret);
	}
}

int bl_type_check_json(const struct bl_type *type, struct json_object *json, unsigned int flags,
		       struct json_object **ret, struct bl_diag *diag)
{
	static const char *const of_object[] = {"apiVersion", "kind"};
	_cleanup_(bl_arena_free) struct bl_arena *trees = NULL;
	_cleanup_(bl_buf_done) struct bl_buf text = {0};
	struct bl_tree_budget budget = {.depth = bl_limits_default.depth,
					.nodes = bl_limits_default.nodes};
	struct bl_report report = {.diag = diag, .root = ""};
	struct bl_decoder decoder = {.report = &report,
				     .forgives_unknown = flags & BL_DECODE_WARN_UNKNOWN};
	const struct bl_tree *tree;
	struct bl_err err = {0};
	int r = bl_arena_new(&trees);

	if (r < 0)
		return r;
	r = bl_tree_from_json(trees, json, &budget, &tree, &err);
	if (r < 0) {
		bl_report_add(&report, BL_SEVERITY_ERROR, BL_PLACE_VALUE, NULL, "%s", err.text);
		return r;
	}
	check_map(&decoder, type, tree, NULL);
	if (report.errors)
		return -EINVAL;
	map_text(type, tree, &text);
	*ret = text.failed ? NULL : json_tokener_parse(text.data);
	if (!*ret)
		return -ENOMEM;
	for (size_t i = 0; i < ARRAY_SIZE(of_object); i++) {
		struct json_object *value = NULL;

		if (json_object_object_get_ex(json, of_object[i], &value))
			json_object_object_add(*ret, of_object[i], json_object_get(value));
	}
	return 0;
}
