/* SPDX-License-Identifier: GPL-3.0-or-later */
/* JSON merge patch, RFC 7386. */
#include <errno.h>

#include <json-c/json.h>

#include "base/cleanup.h"
#include "model/codec.h"

BL_DEFINE_CLEANUP(struct json_object *, json_object_put);

#define DEEPEST 64

static int merge(struct json_object *target, struct json_object *patch, size_t depth,
		 struct json_object **ret);

static int merge_member(struct json_object *target, const char *key, struct json_object *patch,
			size_t depth)
{
	struct json_object *merged = NULL;
	int r;

	if (!patch) {
		json_object_object_del(target, key);
		return 0;
	}
	r = merge(json_object_object_get(target, key), patch, depth + 1, &merged);
	if (r < 0)
		return r;
	if (json_object_object_add(target, key, merged) < 0) {
		json_object_put(merged);
		return -ENOMEM;
	}
	return 0;
}

/* A new reference to what `target` (borrowed, changed in place when it is an object) becomes. */
static int merge(struct json_object *target, struct json_object *patch, size_t depth,
		 struct json_object **ret)
{
	_cleanup_(json_object_put) struct json_object *result = NULL;

	if (depth > DEEPEST)
		return -E2BIG;
	if (!json_object_is_type(patch, json_type_object))
		return json_object_deep_copy(patch, ret, NULL) < 0 ? -ENOMEM : 0;
	result = json_object_is_type(target, json_type_object) ? json_object_get(target)
							       : json_object_new_object();
	if (!result)
		return -ENOMEM;
	json_object_object_foreach(patch, key, child)
	{
		int r = merge_member(result, key, child, depth);
		if (r < 0)
			return r;
	}
	*ret = TAKE_PTR(result);
	return 0;
}

int bl_json_merge_patch(struct json_object *target, struct json_object *patch,
			struct json_object **ret)
{
	_cleanup_(json_object_put) struct json_object *copy = NULL;

	if (!patch) {
		*ret = NULL;
		return 0;
	}
	if (target && json_object_deep_copy(target, &copy, NULL) < 0)
		return -ENOMEM;
	return merge(copy, patch, 1, ret);
}
