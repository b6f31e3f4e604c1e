/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "model/tree.h"

#include <string.h>

#include <json-c/json.h>

const struct bl_tree *bl_tree_get(const struct bl_tree *tree, const char *key)
{
	size_t len = strlen(key);

	if (!tree || tree->type != BL_TREE_MAP)
		return NULL;
	for (size_t i = 0; i < tree->count; i++) {
		const struct bl_tree_entry *entry = &tree->entries[i];

		if (entry->key_len == len && memcmp(entry->key, key, len) == 0)
			return entry->value;
	}
	return NULL;
}

const char *bl_tree_string(const struct bl_tree *tree)
{
	return tree && tree->type == BL_TREE_STRING ? tree->text : NULL;
}

bool bl_path_next(const char **cursor, struct bl_path_step *ret)
{
	const char *at = *cursor;
	struct bl_path_step step = {0};

	if (*at == '.')
		at++;
	if (*at == '\0')
		return false;
	if (*at == '[') {
		const char *end = strchr(at, ']');

		if (!end)
			return false;
		step.name = at + 1;
		step.name_len = (size_t)(end - at) - 1;
		if (strspn(step.name, "0123456789") == step.name_len) {
			for (size_t i = 0; i < step.name_len && step.index < SIZE_MAX / 20; i++)
				step.index = step.index * 10 + (size_t)(step.name[i] - '0');
		} else {
			step.index = SIZE_MAX;
		}
		at = end + 1;
	} else {
		step.name = at;
		step.name_len = strcspn(at, ".[");
		step.index = SIZE_MAX;
		at += step.name_len;
	}
	*cursor = at;
	*ret = step;
	return true;
}

static void write_json_string(const char *text, size_t len, struct bl_buf *ret)
{
	bl_buf_add_str(ret, "\"");
	for (size_t i = 0; i < len; i++) {
		unsigned char byte = (unsigned char)text[i];

		if (byte == '"' || byte == '\\')
			bl_buf_addf(ret, "\\%c", byte);
		else if (byte < 0x20)
			bl_buf_addf(ret, "\\u%04x", byte);
		else
			bl_buf_add(ret, &text[i], 1);
	}
	bl_buf_add_str(ret, "\"");
}

static void write_json_map(const struct bl_tree *tree, struct bl_buf *ret)
{
	bl_buf_add_str(ret, "{");
	for (size_t i = 0; i < tree->count; i++) {
		if (i > 0)
			bl_buf_add_str(ret, ",");
		write_json_string(tree->entries[i].key, tree->entries[i].key_len, ret);
		bl_buf_add_str(ret, ":");
		bl_tree_to_json_text(tree->entries[i].value, ret);
	}
	bl_buf_add_str(ret, "}");
}

static void write_json_list(const struct bl_tree *tree, struct bl_buf *ret)
{
	bl_buf_add_str(ret, "[");
	for (size_t i = 0; i < tree->count; i++) {
		if (i > 0)
			bl_buf_add_str(ret, ",");
		bl_tree_to_json_text(tree->items[i], ret);
	}
	bl_buf_add_str(ret, "]");
}

void bl_tree_to_json_text(const struct bl_tree *tree, struct bl_buf *ret)
{
	switch (tree->type) {
	case BL_TREE_NULL:
		bl_buf_add_str(ret, "null");
		break;
	case BL_TREE_BOOL:
		bl_buf_add_str(ret, tree->boolean ? "true" : "false");
		break;
	case BL_TREE_INT:
		bl_buf_addf(ret, "%lld", (long long)tree->integer);
		break;
	case BL_TREE_DOUBLE:
		bl_buf_addf(ret, "%.17g", tree->number);
		break;
	case BL_TREE_STRING:
		write_json_string(tree->text, tree->count, ret);
		break;
	case BL_TREE_MAP:
		write_json_map(tree, ret);
		break;
	case BL_TREE_LIST:
		write_json_list(tree, ret);
		break;
	}
}
