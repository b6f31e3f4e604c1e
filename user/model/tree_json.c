/* SPDX-License-Identifier: GPL-3.0-or-later */
/* json-c's trees as ours. Strings and keys are borrowed. */
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <string.h>

#include <json-c/json.h>

#include "model/tree.h"

struct reader {
	struct bl_arena *arena;
	struct bl_tree_budget *budget;
	struct bl_err *err;
};

static int convert(struct reader *reader, struct json_object *json, size_t depth,
		   struct bl_tree *ret);

static int convert_map(struct reader *reader, struct json_object *json, size_t depth,
		       struct bl_tree *ret)
{
	size_t count = (size_t)json_object_object_length(json), filled = 0;
	struct bl_tree_entry *entries = bl_arena_alloc(reader->arena, count * sizeof(*entries));
	struct bl_tree *values = bl_arena_alloc(reader->arena, count * sizeof(*values));

	if (!entries || !values)
		return bl_err_set(reader->err, -ENOMEM, "cannot read the document: no memory");
	json_object_object_foreach(json, key, child)
	{
		int r = convert(reader, child, depth + 1, &values[filled]);
		if (r < 0)
			return r;
		entries[filled] = (struct bl_tree_entry){
			.key = key, .key_len = strlen(key), .value = &values[filled]};
		ret->weight += values[filled].weight;
		filled++;
	}
	ret->type = BL_TREE_MAP;
	ret->entries = entries;
	ret->count = filled;
	return 0;
}

static int convert_list(struct reader *reader, struct json_object *json, size_t depth,
			struct bl_tree *ret)
{
	size_t count = json_object_array_length(json);
	const struct bl_tree **items = bl_arena_alloc(reader->arena, count * sizeof(*items));
	struct bl_tree *values = bl_arena_alloc(reader->arena, count * sizeof(*values));

	if (!items || !values)
		return bl_err_set(reader->err, -ENOMEM, "cannot read the document: no memory");
	for (size_t i = 0; i < count; i++) {
		int r = convert(reader, json_object_array_get_idx(json, i), depth + 1, &values[i]);
		if (r < 0)
			return r;
		items[i] = &values[i];
		ret->weight += values[i].weight;
	}
	ret->type = BL_TREE_LIST;
	ret->items = items;
	ret->count = count;
	return 0;
}

static int convert_string(struct reader *reader, struct json_object *json, struct bl_tree *ret)
{
	ret->type = BL_TREE_STRING;
	ret->text = json_object_get_string(json);
	ret->count = (size_t)json_object_get_string_len(json);
	if (strlen(ret->text) != ret->count)
		return bl_err_set(reader->err, -EINVAL, "zero byte in string '%s'", ret->text);
	return 0;
}

static void convert_double(struct json_object *json, struct bl_tree *ret)
{
	ret->type = BL_TREE_DOUBLE;
	ret->number = json_object_get_double(json);
	ret->text = json_object_to_json_string(json);
	ret->count = strlen(ret->text);
}

static int convert(struct reader *reader, struct json_object *json, size_t depth,
		   struct bl_tree *ret)
{
	if (depth > reader->budget->depth)
		return bl_err_set(reader->err, -E2BIG, "document is nested deeper than %zu levels",
				  reader->budget->depth);
	if (reader->budget->nodes == 0)
		return bl_err_set(reader->err, -E2BIG, "document has too many nodes");
	reader->budget->nodes--;
	*ret = (struct bl_tree){.weight = 1};
	switch (json_object_get_type(json)) {
	case json_type_null:
		break;
	case json_type_boolean:
		ret->type = BL_TREE_BOOL;
		ret->boolean = json_object_get_boolean(json);
		ret->text = ret->boolean ? "true" : "false";
		break;
	case json_type_int:
		ret->type = BL_TREE_INT;
		ret->integer = json_object_get_int64(json);
		break;
	case json_type_double:
		convert_double(json, ret);
		break;
	case json_type_string:
		return convert_string(reader, json, ret);
	case json_type_object:
		return convert_map(reader, json, depth, ret);
	case json_type_array:
		return convert_list(reader, json, depth, ret);
	}
	return 0;
}

int bl_tree_from_json(struct bl_arena *arena, struct json_object *json,
		      struct bl_tree_budget *budget, const struct bl_tree **ret, struct bl_err *err)
{
	struct reader reader = {.arena = arena, .budget = budget, .err = err};
	struct bl_tree *root = bl_arena_alloc(arena, sizeof(*root));
	int r;

	if (!root)
		return bl_err_set(err, -ENOMEM, "cannot read the document: no memory");
	r = convert(&reader, json, 1, root);
	if (r < 0)
		return r;
	*ret = root;
	return 0;
}
