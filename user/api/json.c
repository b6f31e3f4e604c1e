/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "api/json.h"

#include <errno.h>
#include <string.h>

#define KEY_MAX 64

struct json_object *bl_json_key(struct json_object *json, const char *key)
{
	struct json_object *value = NULL;

	if (!json_object_is_type(json, json_type_object))
		return NULL;
	return json_object_object_get_ex(json, key, &value) ? value : NULL;
}

size_t bl_json_len(struct json_object *array)
{
	return json_object_is_type(array, json_type_array) ? json_object_array_length(array) : 0;
}

struct json_object *bl_json_item(struct json_object *array, size_t index)
{
	return index < bl_json_len(array) ? json_object_array_get_idx(array, index) : NULL;
}

struct json_object *bl_json_find(struct json_object *array, const char *key, const char *text)
{
	for (size_t i = 0; i < bl_json_len(array); i++) {
		struct json_object *item = bl_json_item(array, i);

		if (strcmp(bl_json_str_or(item, key, ""), text) == 0)
			return item;
	}
	return NULL;
}

struct json_object *bl_json_at(struct json_object *json, const char *path)
{
	while (json && *path) {
		size_t len = strcspn(path, ".");
		char key[KEY_MAX];

		if (len >= sizeof(key))
			return NULL;
		memcpy(key, path, len);
		key[len] = '\0';
		if (json_object_is_type(json, json_type_array))
			json = bl_json_item(json, strtoul(key, NULL, 10));
		else
			json = bl_json_key(json, key);
		path += len + (path[len] == '.');
	}
	return json;
}

const char *bl_json_str(struct json_object *json, const char *path)
{
	struct json_object *value = bl_json_at(json, path);

	return json_object_is_type(value, json_type_string) ? json_object_get_string(value) : NULL;
}

const char *bl_json_str_or(struct json_object *json, const char *path, const char *fallback)
{
	const char *text = bl_json_str(json, path);

	return text && *text ? text : fallback;
}

int64_t bl_json_int(struct json_object *json, const char *path, int64_t fallback)
{
	struct json_object *value = bl_json_at(json, path);

	return json_object_is_type(value, json_type_int) ? json_object_get_int64(value) : fallback;
}

bool bl_json_bool(struct json_object *json, const char *path, bool fallback)
{
	struct json_object *value = bl_json_at(json, path);

	return json_object_is_type(value, json_type_boolean) ? json_object_get_boolean(value) != 0
							     : fallback;
}

void bl_json_join(struct json_object *array, const char *separator, struct bl_buf *ret)
{
	for (size_t i = 0; i < bl_json_len(array); i++) {
		const char *text = bl_json_str(bl_json_item(array, i), "");

		bl_buf_addf(ret, "%s%s", i ? separator : "", text ? text : "");
	}
}

int bl_json_add_take(struct json_object *parent, const char *key, struct json_object *value)
{
	if (!value)
		return -ENOMEM;
	if (json_object_object_add(parent, key, value) == 0)
		return 0;
	(void)json_object_put(value);
	return -ENOMEM;
}

struct json_object *bl_json_add_object(struct json_object *parent, const char *key)
{
	struct json_object *object = json_object_new_object();

	return bl_json_add_take(parent, key, object) == 0 ? object : NULL;
}

int bl_json_add_str(struct json_object *parent, const char *key, const char *text)
{
	return text ? bl_json_add_take(parent, key, json_object_new_string(text)) : 0;
}

int bl_json_add_int(struct json_object *parent, const char *key, int64_t number)
{
	return bl_json_add_take(parent, key, json_object_new_int64(number));
}

void bl_json_set(struct json_object *parent, const char *key, struct json_object *value)
{
	(void)bl_json_add_take(parent, key, value);
}

void bl_json_set_str(struct json_object *parent, const char *key, const char *text)
{
	(void)bl_json_add_str(parent, key, text);
}

void bl_json_push(struct json_object *array, struct json_object *value)
{
	if (value && json_object_array_add(array, value) < 0)
		(void)json_object_put(value);
}
