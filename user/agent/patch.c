/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/patch.h"

#include <errno.h>
#include <json-c/json.h>
#include <limits.h>
#include <string.h>

#define DEPTH_MAX 64

int bl_json_parse(const char *text, size_t len, struct json_object **ret, struct bl_err *err)
{
	struct json_tokener *tokener = json_tokener_new_ex(DEPTH_MAX);
	enum json_tokener_error error;
	struct json_object *json;
	size_t end;

	if (!tokener)
		return -ENOMEM;
	/* Strict also means that nothing may follow, but it does not see a text that just ends. */
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	json = json_tokener_parse_ex(tokener, text, len > INT_MAX ? INT_MAX : (int)len);
	error = json_tokener_get_error(tokener);
	end = json_tokener_get_parse_end(tokener);
	json_tokener_free(tokener);
	while (json && end < len && strchr(" \t\r\n", text[end]))
		end++;
	if (!json || end < len || !json_object_is_type(json, json_type_object)) {
		json_object_put(json);
		if (error == json_tokener_continue)
			return bl_err_set(err, -EINVAL, "the JSON text ends too early");
		if (error != json_tokener_success)
			return bl_err_set(err, -EINVAL, "the body is no JSON: %s at byte %zu",
					  json_tokener_error_desc(error), end);
		return bl_err_set(err, -EINVAL, "the body is not one JSON object");
	}
	*ret = json;
	return 0;
}

static bool among(const char *key, const char *const *names)
{
	for (; *names; names++)
		if (!strcmp(key, *names))
			return true;
	return false;
}

bool bl_json_touches_only_labels(struct json_object *patch)
{
	static const char *const top[] = {"apiVersion", "kind", "metadata", NULL};
	static const char *const inside[] = {"labels",    "annotations",     "name",
					     "namespace", "resourceVersion", NULL};
	struct json_object *meta = NULL;

	json_object_object_foreach(patch, key, value)
	{
		(void)value;
		if (!among(key, top))
			return false;
	}
	if (!json_object_object_get_ex(patch, "metadata", &meta))
		return true;
	if (!json_object_is_type(meta, json_type_object))
		return false;
	{
		json_object_object_foreach(meta, name, field)
		{
			(void)field;
			if (!among(name, inside))
				return false;
		}
	}
	return true;
}
