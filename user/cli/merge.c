/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/merge.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"

int bl_merge_annotate(struct json_object *manifest)
{
	struct json_object *meta = bl_json_at(manifest, "metadata");
	struct json_object *annotations;
	const char *text;

	if (!json_object_is_type(meta, json_type_object))
		return -EINVAL;
	annotations = bl_json_at(meta, "annotations");
	if (annotations)
		json_object_object_del(annotations, BL_ANNOTATION_LAST_APPLIED);
	text = json_object_to_json_string_ext(manifest, JSON_C_TO_STRING_PLAIN |
								JSON_C_TO_STRING_NOSLASHESCAPE);
	if (!text)
		return -ENOMEM;
	if (!json_object_is_type(annotations, json_type_object))
		annotations = bl_json_add_object(meta, "annotations");
	return annotations ? bl_json_add_str(annotations, BL_ANNOTATION_LAST_APPLIED, text)
			   : -ENOMEM;
}

static bool is_object(struct json_object *json)
{
	return json_object_is_type(json, json_type_object);
}

static int diff(struct json_object *before, struct json_object *live, struct json_object *now,
		struct json_object *patch);

/* One field of the manifest. */
static int diff_field(struct json_object *before, struct json_object *live, const char *key,
		      struct json_object *value, struct json_object *patch)
{
	struct json_object *old = bl_json_key(live, key), *copy = NULL;
	int r;

	if (is_object(value) && is_object(old)) {
		struct json_object *inner = json_object_new_object();

		if (!inner)
			return -ENOMEM;
		r = diff(bl_json_key(before, key), old, value, inner);
		if (r == 0 && json_object_object_length(inner) > 0)
			return bl_json_add_take(patch, key, inner);
		(void)json_object_put(inner);
		return r;
	}
	if (old && json_object_equal(old, value))
		return 0;
	return json_object_deep_copy(value, &copy, NULL) < 0 ? -ENOMEM
							     : bl_json_add_take(patch, key, copy);
}

static int diff(struct json_object *before, struct json_object *live, struct json_object *now,
		struct json_object *patch)
{
	json_object_object_foreach(now, key, value)
	{
		int r = diff_field(before, live, key, value, patch);

		if (r < 0)
			return r;
	}
	if (!is_object(before))
		return 0;
	json_object_object_foreach(before, gone, unused)
	{
		(void)unused;
		if (!json_object_object_get_ex(now, gone, NULL) && bl_json_key(live, gone) &&
		    json_object_object_add(patch, gone, NULL) < 0)
			return -ENOMEM;
	}
	return 0;
}

int bl_merge_patch(struct json_object *live, struct json_object *manifest, struct json_object **ret)
{
	const char *text = bl_json_str(
		bl_json_key(bl_json_at(live, "metadata.annotations"), BL_ANNOTATION_LAST_APPLIED),
		"");
	_cleanup_json_ struct json_object *before = text ? json_tokener_parse(text) : NULL;
	_cleanup_json_ struct json_object *patch = json_object_new_object();
	int r;

	if (!patch)
		return -ENOMEM;
	r = diff(before, live, manifest, patch);
	if (r < 0)
		return r;
	*ret = json_object_object_length(patch) > 0 ? TAKE_PTR(patch) : NULL;
	return 0;
}
