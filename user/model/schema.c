/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "model/schema.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "model/service.h"

const struct bl_type *bl_type_of(enum bl_kind kind)
{
	static const struct bl_type *const types[BL_KIND_COUNT] = {
		[BL_KIND_SERVICE] = &bl_type_service,
		[BL_KIND_POD] = &bl_type_pod,
		[BL_KIND_ENDPOINTS] = &bl_type_endpoints,
		[BL_KIND_ENDPOINT_SLICE] = &bl_type_endpoint_slice,
		[BL_KIND_NODE] = &bl_type_node,
		[BL_KIND_NAMESPACE] = &bl_type_namespace,
		[BL_KIND_LEASE] = &bl_type_lease,
	};

	assert(kind < BL_KIND_COUNT);
	return types[kind];
}

const struct bl_field *bl_type_find(const struct bl_type *type, const char *name, size_t len,
				    size_t *hint)
{
	/* Texts mostly have the fields in the order of the table. */
	for (size_t i = 0; i < type->count; i++) {
		size_t index = *hint + i < type->count ? *hint + i : *hint + i - type->count;
		const struct bl_field *field = &type->fields[index];

		if (field->name_len == len && memcmp(field->name, name, len) == 0) {
			*hint = index + 1 < type->count ? index + 1 : 0;
			return field;
		}
	}
	return NULL;
}

enum bl_kept_as bl_field_looks(const struct bl_field *field)
{
	static const uint8_t looks[] = {
		[BL_FIELD_STRING] = BL_KEPT_STRING,
		[BL_FIELD_INT] = BL_KEPT_INT,
		[BL_FIELD_VERSION] = BL_KEPT_STRING,
		[BL_FIELD_BOOL] = BL_KEPT_BOOL,
		[BL_FIELD_ENUM] = BL_KEPT_STRING,
		[BL_FIELD_TIME] = BL_KEPT_TIME,
		[BL_FIELD_INT_OR_STRING] = BL_KEPT_INT_OR_STRING,
		[BL_FIELD_FAMILIES] = BL_KEPT_STRINGS,
		[BL_FIELD_STRINGS] = BL_KEPT_STRINGS,
		[BL_FIELD_NAMED_STRINGS] = BL_KEPT_LIST,
		[BL_FIELD_PAIRS] = BL_KEPT_PAIRS,
		[BL_FIELD_STRUCT] = BL_KEPT_MAP,
		[BL_FIELD_LIST] = BL_KEPT_LIST,
		[BL_FIELD_ENDPOINTS] = BL_KEPT_LIST,
		[BL_FIELD_OPTIONAL] = BL_KEPT_MAP,
		[BL_FIELD_MANAGED] = BL_KEPT_LIST,
	};

	if (field->type == BL_FIELD_KEPT)
		return (enum bl_kept_as)field->kept;
	if (field->type == BL_FIELD_INT && field->size == sizeof(int64_t))
		return BL_KEPT_LONG;
	return (enum bl_kept_as)looks[field->type];
}

int64_t bl_field_get_int(const struct bl_field *field, const void *base)
{
	const void *at = bl_field_at(field, base);

	switch (field->size) {
	case 1:
		return *(const uint8_t *)at;
	case 4:
		return *(const int32_t *)at;
	default:
		return *(const int64_t *)at;
	}
}

void bl_field_set_int(const struct bl_field *field, void *base, int64_t value)
{
	void *at = bl_field_at(field, base);

	switch (field->size) {
	case 1:
		*(uint8_t *)at = (uint8_t)value;
		break;
	case 4:
		*(int32_t *)at = (int32_t)value;
		break;
	default:
		*(int64_t *)at = value;
		break;
	}
}

const char *bl_enum_name(const struct bl_enum_name *names, int value)
{
	for (; names->name; names++) {
		if (names->value == value)
			return names->name;
	}
	return NULL;
}

void bl_fill_unset(const struct bl_type *type, void *base)
{
	for (size_t i = 0; type->has_unset && i < type->count; i++) {
		const struct bl_field *field = &type->fields[i];

		if (field->type == BL_FIELD_STRUCT)
			bl_fill_unset(field->sub, bl_field_at(field, base));
		else if (field->unset != 0)
			bl_field_set_int(field, base, field->unset);
	}
}

static int fill_field(const struct bl_field *field, void *base, struct bl_arena *arena)
{
	const struct bl_any_list *list = bl_field_at(field, base);

	if (field->type == BL_FIELD_STRUCT)
		return bl_fill_defaults(field->sub, bl_field_at(field, base), arena);
	if (field->type == BL_FIELD_OPTIONAL) {
		void *inner = *(void **)bl_field_at(field, base);

		return inner ? bl_fill_defaults(field->sub, inner, arena) : 0;
	}
	if (field->type == BL_FIELD_LIST) {
		for (size_t i = 0; i < list->count; i++) {
			int r = bl_fill_defaults(field->sub,
						 (char *)list->items + i * field->sub->size, arena);
			if (r < 0)
				return r;
		}
		return 0;
	}
	if (field->value != 0 && bl_field_get_int(field, base) == field->unset)
		bl_field_set_int(field, base, field->value);
	return 0;
}

int bl_fill_defaults(const struct bl_type *type, void *base, struct bl_arena *arena)
{
	for (size_t i = 0; i < type->count; i++) {
		int r = fill_field(&type->fields[i], base, arena);
		if (r < 0)
			return r;
	}
	return type->fill_defaults ? type->fill_defaults(base, arena) : 0;
}
