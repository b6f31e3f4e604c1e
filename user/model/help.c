/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <string.h>

#include "model/codec.h"
#include "model/schema.h"
#include "model/tree.h"

static const char *kept_word(const struct bl_field *field)
{
	static const char *const words[] = {
		[BL_KEPT_ANY] = "any",
		[BL_KEPT_STRING] = "string",
		[BL_KEPT_INT] = "integer",
		[BL_KEPT_LONG] = "integer",
		[BL_KEPT_BOOL] = "boolean",
		[BL_KEPT_TIME] = "time",
		[BL_KEPT_QUANTITY] = "quantity",
		[BL_KEPT_INT_OR_STRING] = "integer or string",
		[BL_KEPT_INTS] = "list of integers",
		[BL_KEPT_STRINGS] = "list of strings",
		[BL_KEPT_PAIRS] = "mapping of strings",
		[BL_KEPT_QUANTITIES] = "mapping of quantities",
		[BL_KEPT_MAP] = "mapping",
		[BL_KEPT_LIST] = "list of mappings",
	};

	return words[field->kept];
}

static const char *type_word(const struct bl_field *field)
{
	switch ((enum bl_field_type)field->type) {
	case BL_FIELD_STRING:
	case BL_FIELD_VERSION:
	case BL_FIELD_ENUM:
		return "string";
	case BL_FIELD_INT:
		return "integer";
	case BL_FIELD_BOOL:
	case BL_FIELD_TIME:
		return field->type == BL_FIELD_BOOL ? "boolean" : "time";
	case BL_FIELD_INT_OR_STRING:
		return "integer or string";
	case BL_FIELD_FAMILIES:
	case BL_FIELD_STRINGS:
		return "list of strings";
	case BL_FIELD_NAMED_STRINGS:
	case BL_FIELD_LIST:
	case BL_FIELD_ENDPOINTS:
		return "list of mappings";
	case BL_FIELD_PAIRS:
		return "mapping of strings";
	case BL_FIELD_STRUCT:
	case BL_FIELD_OPTIONAL:
		return "mapping";
	case BL_FIELD_KEPT:
		return kept_word(field);
	case BL_FIELD_MANAGED:
		return "any";
	}
	return "any";
}

int bl_field_help(enum bl_kind kind, const char *path, struct bl_field_help *ret)
{
	const struct bl_type *type = bl_type_of(kind);
	const struct bl_field *field = NULL;
	struct bl_path_step step;

	while (bl_path_next(&path, &step)) {
		size_t hint = 0;

		if (step.index != SIZE_MAX && field && bl_field_looks(field) == BL_KEPT_LIST)
			continue;
		field = type ? bl_type_find(type, step.name, step.name_len, &hint) : NULL;
		if (!field)
			return -ENOENT;
		type = field->sub;
	}
	*ret = (struct bl_field_help){
		.type = field ? type_word(field) : "mapping",
		.required = field && field->required,
		.is_used =
			!field || (field->type != BL_FIELD_KEPT && field->type != BL_FIELD_MANAGED),
		.help = field && field->help ? field->help : "",
	};
	return 0;
}

const char *bl_field_child(enum bl_kind kind, const char *path, size_t index)
{
	const struct bl_type *type = bl_type_of(kind);
	struct bl_path_step step;

	while (type && bl_path_next(&path, &step)) {
		size_t hint = 0;
		const struct bl_field *field = bl_type_find(type, step.name, step.name_len, &hint);

		type = field ? field->sub : NULL;
	}
	return type && index < type->count ? type->fields[index].name : NULL;
}
