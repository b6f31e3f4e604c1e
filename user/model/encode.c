/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "model/encode.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <json-c/json.h>

#include "base/cleanup.h"
#include "model/codec.h"
#include "model/decode.h"
#include "model/endpoints.h"
#include "model/service.h"

BL_DEFINE_CLEANUP(struct json_object *, json_object_put);

/* Encoders give back a new tree in `ret`, or leave it NULL when the field is empty. */

static int made(struct json_object *json, struct json_object **ret)
{
	*ret = json;
	return json ? 0 : -ENOMEM;
}

static int add(struct json_object *json, const char *name, struct json_object *child)
{
	if (json_object_object_add_ex(json, name, child,
				      JSON_C_OBJECT_ADD_KEY_IS_NEW |
					      JSON_C_OBJECT_ADD_CONSTANT_KEY) < 0) {
		json_object_put(child);
		return -ENOMEM;
	}
	return 0;
}

static int append(struct json_object *array, struct json_object *child)
{
	if (json_object_array_add(array, child) < 0) {
		json_object_put(child);
		return -ENOMEM;
	}
	return 0;
}

static int encode_strings(const struct bl_field *field, const struct bl_strings *strings,
			  struct json_object **ret)
{
	_cleanup_(json_object_put) struct json_object *array = json_object_new_array();

	if (!array)
		return -ENOMEM;
	for (size_t i = 0; i < strings->count; i++) {
		struct json_object *item = json_object_new_string(strings->items[i]);
		int r;

		if (!item)
			return -ENOMEM;
		if (field->key) {
			struct json_object *holder = json_object_new_object();

			if (!holder || add(holder, field->key, item) < 0) {
				json_object_put(holder);
				return -ENOMEM;
			}
			item = holder;
		}
		r = append(array, item);
		if (r < 0)
			return r;
	}
	*ret = TAKE_PTR(array);
	return 0;
}

static int encode_families(const uint8_t *families, struct json_object **ret)
{
	_cleanup_(json_object_put) struct json_object *array = json_object_new_array();

	if (!array)
		return -ENOMEM;
	for (size_t i = 0; i < 2 && families[i] != 0; i++) {
		struct json_object *item =
			json_object_new_string(families[i] == BL_FAMILY_IPV4 ? "IPv4" : "IPv6");
		if (!item || append(array, item) < 0)
			return -ENOMEM;
	}
	*ret = TAKE_PTR(array);
	return 0;
}

static int encode_pairs(const struct bl_pairs *pairs, struct json_object **ret)
{
	_cleanup_(json_object_put) struct json_object *map = json_object_new_object();

	if (!map)
		return -ENOMEM;
	for (size_t i = 0; i < pairs->count; i++) {
		struct json_object *value = json_object_new_string(pairs->items[i].value);

		if (!value || json_object_object_add(map, pairs->items[i].key, value) < 0) {
			json_object_put(value);
			return -ENOMEM;
		}
	}
	*ret = TAKE_PTR(map);
	return 0;
}

static int encode_list(const struct bl_kept *kept, const struct bl_field *field,
		       const struct bl_any_list *list, struct json_object **ret)
{
	_cleanup_(json_object_put) struct json_object *array = json_object_new_array();

	if (!array)
		return -ENOMEM;
	for (size_t i = 0; i < list->count; i++) {
		struct json_object *item = json_object_new_object();
		int r;

		if (!item)
			return -ENOMEM;
		r = append(array, item);
		if (r < 0)
			return r;
		r = bl_encode_struct(kept, field->sub,
				     (const char *)list->items + i * field->sub->size, item);
		if (r < 0)
			return r;
	}
	*ret = TAKE_PTR(array);
	return 0;
}

static int encode_endpoints(const struct bl_field *field, const struct bl_slice_endpoints *list,
			    struct json_object **ret)
{
	_cleanup_(json_object_put) struct json_object *array = json_object_new_array();
	struct bl_endpoint_cursor cursor = {.list = list};

	if (!array)
		return -ENOMEM;
	while (bl_endpoint_next(&cursor)) {
		struct json_object *item = json_object_new_object();
		int r = item ? append(array, item) : -ENOMEM;

		if (r == 0)
			r = bl_encode_struct(NULL, field->sub, &cursor.endpoint, item);
		if (r < 0)
			return r;
	}
	*ret = TAKE_PTR(array);
	return 0;
}

static int encode_inner(const struct bl_kept *kept, const struct bl_field *field, const void *base,
			struct json_object **ret)
{
	_cleanup_(json_object_put) struct json_object *map = json_object_new_object();
	int r;

	if (!map)
		return -ENOMEM;
	r = bl_encode_struct(kept, field->sub, bl_field_at(field, base), map);
	if (r < 0)
		return r;
	if (json_object_object_length(map) > 0 || field->always)
		*ret = TAKE_PTR(map);
	return 0;
}

/* Given but empty is not the same as not given. */
static int encode_optional(const struct bl_kept *kept, const struct bl_field *field,
			   const void *base, struct json_object **ret)
{
	_cleanup_(json_object_put) struct json_object *map = NULL;
	int r;

	if (!base)
		return 0;
	map = json_object_new_object();
	if (!map)
		return -ENOMEM;
	r = bl_encode_struct(kept, field->sub, base, map);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(map);
	return 0;
}

static int encode_kept(const struct bl_kept *kept, const struct bl_field *field, const void *base,
		       struct json_object **ret)
{
	for (; kept; kept = kept->next) {
		if (kept->field == field && kept->base == base)
			return made(json_tokener_parse(kept->json), ret);
	}
	return 0;
}

static int encode_number(const struct bl_field *field, const void *base, struct json_object **ret)
{
	int64_t value = bl_field_get_int(field, base);
	char buffer[BL_TIME_TEXT];

	if (value == field->unset && field->type != BL_FIELD_ENUM && !field->always)
		return 0;
	switch ((enum bl_field_type)field->type) {
	case BL_FIELD_BOOL:
		return made(json_object_new_boolean(value == BL_TRUE), ret);
	case BL_FIELD_TIME:
		return made(json_object_new_string(bl_time_format(value, buffer)), ret);
	case BL_FIELD_VERSION:
		(void)snprintf(buffer, sizeof(buffer), "%llu", (unsigned long long)value);
		return made(json_object_new_string(buffer), ret);
	case BL_FIELD_ENUM: {
		const char *name = bl_enum_name(field->names, (int)value);

		return name ? made(json_object_new_string(name), ret) : 0;
	}
	default:
		return made(json_object_new_int64(value), ret);
	}
}

static int encode_int_or_string(const struct bl_int_or_string *value, struct json_object **ret)
{
	if (value->name)
		return made(json_object_new_string(value->name), ret);
	return value->number != 0 ? made(json_object_new_int64(value->number), ret) : 0;
}

static int encode_string(const struct bl_field *field, const char *text, struct json_object **ret)
{
	if (!text && field->always)
		text = "";
	return text ? made(json_object_new_string(text), ret) : 0;
}

static int encode_field(const struct bl_kept *kept, const struct bl_field *field, const void *base,
			struct json_object **ret)
{
	const void *at = bl_field_at(field, base);

	switch ((enum bl_field_type)field->type) {
	case BL_FIELD_STRING:
		return encode_string(field, *(const char *const *)at, ret);
	case BL_FIELD_INT:
	case BL_FIELD_VERSION:
	case BL_FIELD_BOOL:
	case BL_FIELD_ENUM:
	case BL_FIELD_TIME:
		return encode_number(field, base, ret);
	case BL_FIELD_INT_OR_STRING:
		return encode_int_or_string(at, ret);
	case BL_FIELD_FAMILIES:
		return *(const uint8_t *)at ? encode_families(at, ret) : 0;
	case BL_FIELD_STRINGS:
	case BL_FIELD_NAMED_STRINGS:
		return ((const struct bl_strings *)at)->count > 0 ? encode_strings(field, at, ret)
								  : 0;
	case BL_FIELD_PAIRS:
		return ((const struct bl_pairs *)at)->count > 0 ? encode_pairs(at, ret) : 0;
	case BL_FIELD_STRUCT:
		return encode_inner(kept, field, base, ret);
	case BL_FIELD_LIST:
		return ((const struct bl_any_list *)at)->count > 0 || field->always
			       ? encode_list(kept, field, at, ret)
			       : 0;
	case BL_FIELD_ENDPOINTS:
		return encode_endpoints(field, at, ret);
	case BL_FIELD_OPTIONAL:
		return encode_optional(kept, field, *(const void *const *)at, ret);
	case BL_FIELD_KEPT:
		return encode_kept(kept, field, base, ret);
	case BL_FIELD_MANAGED: {
		const char *text = *(const char *const *)at;

		return text ? made(json_tokener_parse(text), ret) : 0;
	}
	}
	return 0;
}

int bl_encode_struct(const struct bl_kept *kept, const struct bl_type *type, const void *base,
		     struct json_object *json)
{
	for (size_t i = 0; i < type->count; i++) {
		struct json_object *child = NULL;
		int r = encode_field(kept, &type->fields[i], base, &child);

		if (r == 0 && child)
			r = add(json, type->fields[i].name, child);
		if (r < 0)
			return r;
	}
	return 0;
}

int bl_encode_json(const struct bl_object *object, struct json_object **ret)
{
	_cleanup_(json_object_put) struct json_object *json = json_object_new_object();
	const struct bl_kind_info *info = bl_kind_info(object->kind);
	struct json_object *version, *kind;
	int r;

	if (!json)
		return -ENOMEM;
	version = json_object_new_string(info->api_version);
	if (!version || add(json, "apiVersion", version) < 0)
		return -ENOMEM;
	kind = json_object_new_string(info->kind);
	if (!kind || add(json, "kind", kind) < 0)
		return -ENOMEM;
	r = bl_encode_struct(object->kept, bl_type_of(object->kind), object, json);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(json);
	return 0;
}

int bl_encode_yaml(const struct bl_object *object, struct bl_buf *ret)
{
	_cleanup_(json_object_put) struct json_object *json = NULL;
	int r = bl_encode_json(object, &json);

	return r < 0 ? r : bl_json_to_yaml(json, ret);
}
