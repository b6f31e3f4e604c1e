/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Reading json-c trees whose shape is not to be trusted: a path such as "spec.ports.0.port" that
 * leads nowhere, or to another type, gives NULL or the fallback. Everything is borrowed from the
 * tree.
 */
#ifndef API_JSON_H
#define API_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include <json-c/json.h>

#include "base/buf.h"

static inline void bl_json_put_p(struct json_object **json)
{
	if (*json)
		(void)json_object_put(*json);
}
#define _cleanup_json_ __attribute__((cleanup(bl_json_put_p)))

/* Keys are separated by dots; an element of an array is its number. */
struct json_object *bl_json_at(struct json_object *json, const char *path);
/* A key that may itself hold dots, as labels do. */
struct json_object *bl_json_key(struct json_object *json, const char *key);
const char *bl_json_str(struct json_object *json, const char *path);
/* Also for an empty string. */
const char *bl_json_str_or(struct json_object *json, const char *path, const char *fallback);
int64_t bl_json_int(struct json_object *json, const char *path, int64_t fallback);
bool bl_json_bool(struct json_object *json, const char *path, bool fallback);
/* Length and elements of an array or NULL, which has none. */
size_t bl_json_len(struct json_object *array);
struct json_object *bl_json_item(struct json_object *array, size_t index);

/* The first element whose member `key` is the string `text`, or NULL. */
struct json_object *bl_json_find(struct json_object *array, const char *key, const char *text);

/* The strings of an array with `separator` between them. */
void bl_json_join(struct json_object *array, const char *separator, struct bl_buf *ret);

/* A new object as a member of `parent`, which owns it; NULL: no memory. */
struct json_object *bl_json_add_object(struct json_object *parent, const char *key);
/* -ENOMEM. A NULL text adds nothing. */
int bl_json_add_str(struct json_object *parent, const char *key, const char *text);
int bl_json_add_int(struct json_object *parent, const char *key, int64_t number);
/* Takes `value`, also on failure; NULL is a failed allocation. */
int bl_json_add_take(struct json_object *parent, const char *key, struct json_object *value);

/* For documents that are made in one go. They take `value`; what there is no memory for is left
 * out, and so is a NULL. */
void bl_json_set(struct json_object *parent, const char *key, struct json_object *value);
void bl_json_set_str(struct json_object *parent, const char *key, const char *text);
void bl_json_push(struct json_object *array, struct json_object *value);

#endif
