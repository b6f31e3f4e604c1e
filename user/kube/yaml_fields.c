/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "kube/yaml_fields.h"

#include <stdarg.h>
#include <string.h>

static const struct bl_tree_entry *find(const struct bl_kube_map *map, const char *field)
{
	const struct bl_tree *tree = map->tree;

	for (size_t i = 0; field && tree && tree->type == BL_TREE_MAP && i < tree->count; i++)
		if (!strcmp(tree->entries[i].key, field))
			return &tree->entries[i];
	return NULL;
}

void bl_kube_complain(const struct bl_kube_map *map, enum bl_severity severity, const char *field,
		      const char *format, ...)
{
	const struct bl_tree_entry *entry = find(map, field);
	struct bl_pos pos = {.file = map->reading->path};
	char text[BL_ERR_TEXT];
	va_list args;

	if (entry && entry->value->type != BL_TREE_MAP && entry->value->type != BL_TREE_LIST &&
	    entry->value->type != BL_TREE_NULL) {
		pos.line = entry->value->line;
		pos.column = entry->value->column;
	} else if (entry) {
		pos.line = entry->line;
		pos.column = entry->column;
	} else if (map->tree) {
		pos.line = map->tree->line;
		pos.column = map->tree->column;
	}
	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (field && entry)
		bl_diag_add(map->reading->diag, severity, &pos, field, "%s%sfield '%s': %s",
			    map->name, *map->name ? ": " : "", field, text);
	else
		bl_diag_add(map->reading->diag, severity, &pos, field, "%s%s%s", map->name,
			    *map->name ? ": " : "", text);
}

static const char *type_name(enum bl_tree_type type)
{
	static const char *const names[] = {
		[BL_TREE_NULL] = "nothing",    [BL_TREE_BOOL] = "a boolean",
		[BL_TREE_INT] = "a number",    [BL_TREE_DOUBLE] = "a number",
		[BL_TREE_STRING] = "a string", [BL_TREE_MAP] = "a mapping",
		[BL_TREE_LIST] = "a list",
	};

	return names[type];
}

/* The value when it is of this type; something else is complained about. */
static const struct bl_tree *get(const struct bl_kube_map *map, const char *field,
				 enum bl_tree_type type)
{
	const struct bl_tree_entry *entry = find(map, field);

	if (!entry || entry->value->type == BL_TREE_NULL)
		return NULL;
	if (entry->value->type == type)
		return entry->value;
	bl_kube_complain(map, BL_SEVERITY_ERROR, field, "expected %s, got %s%s", type_name(type),
			 type_name(entry->value->type),
			 type == BL_TREE_STRING && entry->value->type != BL_TREE_MAP &&
					 entry->value->type != BL_TREE_LIST
				 ? "; put it in quotes"
				 : "");
	return NULL;
}

bool bl_kube_has(const struct bl_kube_map *map, const char *field)
{
	const struct bl_tree_entry *entry = find(map, field);

	return entry && entry->value->type != BL_TREE_NULL &&
	       !(entry->value->type == BL_TREE_STRING && entry->value->count == 0);
}

const char *bl_kube_word(const struct bl_kube_map *map, const char *field)
{
	const struct bl_tree *value = get(map, field, BL_TREE_STRING);

	if (!value || value->count == 0)
		return NULL;
	if (strlen(value->text) != value->count) {
		bl_kube_complain(map, BL_SEVERITY_ERROR, field, "it has a zero byte");
		return NULL;
	}
	return value->text;
}

char *bl_kube_string(const struct bl_kube_map *map, const char *field)
{
	const char *word = bl_kube_word(map, field);

	return word ? strdup(word) : NULL;
}

bool bl_kube_flag(const struct bl_kube_map *map, const char *field)
{
	const struct bl_tree *value = get(map, field, BL_TREE_BOOL);

	return value && value->boolean;
}

const struct bl_tree *bl_kube_tree(const struct bl_kube_map *map, const char *field,
				   enum bl_tree_type type)
{
	return get(map, field, type);
}
