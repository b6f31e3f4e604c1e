/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "api/shape.h"

#include <errno.h>
#include <json-c/json.h>
#include <string.h>

#include "base/cleanup.h"

BL_DEFINE_CLEANUP(struct json_object *, json_object_put);

struct bl_shape bl_shape_of_kind(enum bl_kind kind)
{
	return (struct bl_shape){.type = bl_type_of(kind)};
}

struct bl_shape bl_shape_member(struct bl_shape shape, const char *key)
{
	const struct bl_field *field = NULL;
	size_t hint = 0;

	if (shape.type)
		field = bl_type_find(shape.type, key, strlen(key), &hint);
	return (struct bl_shape){.type = field ? field->sub : NULL, .field = field};
}

struct bl_shape bl_shape_item(struct bl_shape shape)
{
	return (struct bl_shape){.type = shape.type};
}

/* What a row gives to an item that does not name it; NULL: nothing. */
static struct json_object *default_of(struct bl_shape list, const char *key)
{
	struct bl_shape member = bl_shape_member(list, key);
	const char *name;

	if (!member.field || !member.field->value)
		return NULL;
	if (member.field->type == BL_FIELD_INT)
		return json_object_new_int64(member.field->value);
	if (member.field->type != BL_FIELD_ENUM)
		return NULL;
	name = bl_enum_name(member.field->names, (int)member.field->value);
	return name ? json_object_new_string(name) : NULL;
}

int bl_shape_item_keys(struct bl_shape list, struct json_object *item, struct json_object **ret)
{
	_cleanup_(json_object_put) struct json_object *keys = json_object_new_object();
	const char *at = bl_shape_list_keys(list);
	char name[64];

	if (!keys)
		return -ENOMEM;
	if (!json_object_is_type(item, json_type_object))
		return -EINVAL;
	while (at && *at) {
		size_t len = strcspn(at, ",");
		struct json_object *value = NULL;

		if (len >= sizeof(name))
			return -EINVAL;
		memcpy(name, at, len);
		name[len] = '\0';
		at += len + (at[len] == ',');
		if (json_object_object_get_ex(item, name, &value) && value)
			value = json_object_get(value);
		else
			value = default_of(list, name);
		if (!value)
			return -ENOENT;
		if (json_object_object_add(keys, name, value) < 0) {
			json_object_put(value);
			return -ENOMEM;
		}
	}
	*ret = TAKE_PTR(keys);
	return 0;
}

static bool same_maps(struct json_object *a, struct json_object *b)
{
	if (json_object_object_length(a) != json_object_object_length(b))
		return false;
	json_object_object_foreach(a, key, value)
	{
		struct json_object *other = NULL;

		if (!json_object_object_get_ex(b, key, &other) || !bl_json_same(value, other))
			return false;
	}
	return true;
}

static bool same_lists(struct json_object *a, struct json_object *b)
{
	size_t count = json_object_array_length(a);

	if (count != json_object_array_length(b))
		return false;
	for (size_t i = 0; i < count; i++)
		if (!bl_json_same(json_object_array_get_idx(a, i), json_object_array_get_idx(b, i)))
			return false;
	return true;
}

static bool is_number(enum json_type type)
{
	return type == json_type_int || type == json_type_double;
}

bool bl_json_same(struct json_object *a, struct json_object *b)
{
	enum json_type x = json_object_get_type(a), y = json_object_get_type(b);

	if (is_number(x) && is_number(y) && x != y)
		return !(json_object_get_double(a) < json_object_get_double(b)) &&
		       !(json_object_get_double(a) > json_object_get_double(b));
	if (x != y)
		return false;
	switch (x) {
	case json_type_object:
		return same_maps(a, b);
	case json_type_array:
		return same_lists(a, b);
	default:
		return json_object_equal(a, b);
	}
}
