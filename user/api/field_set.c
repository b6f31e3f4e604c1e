/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "api/field_set.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "api/shape.h"
#include "base/cleanup.h"

BL_DEFINE_CLEANUP(struct json_object *, json_object_put);

#define SELF "."
#define DEPTH_MAX 24u /* of sets; no object has fields so deep */
#define KEY_MAX 1000u /* of a step as a key of YAML, without its quotes */
#define TEXT_FLAGS (JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE)

bool bl_fields_has_self(struct json_object *node)
{
	struct json_object *self = NULL;

	return node && (json_object_object_length(node) == 0 ||
			json_object_object_get_ex(node, SELF, &self));
}

static struct json_object *child_of(struct json_object *node, const char *step)
{
	struct json_object *child = NULL;

	return node && json_object_object_get_ex(node, step, &child) ? child : NULL;
}

static int add_child(struct json_object *node, const char *step, struct json_object *child)
{
	if (json_object_object_add(node, step, child) == 0)
		return 0;
	json_object_put(child);
	return -ENOMEM;
}

static int add_self(struct json_object *node)
{
	struct json_object *self = json_object_new_object();

	return self ? add_child(node, SELF, self) : -ENOMEM;
}

/*
 * What comes of two nodes. A node is kept as long as it stands for a place in the set, or has such
 * below it: `wants` says so for the place itself, by whether it is in `a` and in `b`.
 */
typedef bool wants_fn(bool in_a, bool in_b);

static bool in_either(bool in_a, bool in_b)
{
	return in_a || in_b;
}

static bool in_first_only(bool in_a, bool in_b)
{
	return in_a && !in_b;
}

static bool in_both(bool in_a, bool in_b)
{
	return in_a && in_b;
}

static int combine(struct json_object *a, struct json_object *b, wants_fn *wants, bool is_root,
		   struct json_object **ret);

static int combine_child(struct json_object *result, const char *step, struct json_object *a,
			 struct json_object *b, wants_fn *wants)
{
	struct json_object *child = NULL;
	int r = combine(a, b, wants, false, &child);

	return r < 0 || !child ? r : add_child(result, step, child);
}

static int combine(struct json_object *a, struct json_object *b, wants_fn *wants, bool is_root,
		   struct json_object **ret)
{
	_cleanup_(json_object_put) struct json_object *result = json_object_new_object();
	bool self = !is_root && wants(bl_fields_has_self(a), bl_fields_has_self(b));
	int r = 0;

	if (!result)
		return -ENOMEM;
	if (a) {
		json_object_object_foreach(a, step, child)
		{
			if (r == 0 && strcmp(step, SELF) != 0)
				r = combine_child(result, step, child, child_of(b, step), wants);
		}
	}
	if (b) {
		json_object_object_foreach(b, step, child)
		{
			if (r == 0 && strcmp(step, SELF) != 0 && !child_of(a, step))
				r = combine_child(result, step, NULL, child, wants);
		}
	}
	if (r == 0 && self && json_object_object_length(result) > 0)
		r = add_self(result);
	*ret = NULL;
	if (r == 0 && (self || json_object_object_length(result) > 0))
		*ret = TAKE_PTR(result);
	return r;
}

int bl_fields_union(struct json_object *a, struct json_object *b, struct json_object **ret)
{
	return combine(a, b, in_either, true, ret);
}

int bl_fields_difference(struct json_object *a, struct json_object *b, struct json_object **ret)
{
	return combine(a, b, in_first_only, true, ret);
}

int bl_fields_intersection(struct json_object *a, struct json_object *b, struct json_object **ret)
{
	return combine(a, b, in_both, true, ret);
}

bool bl_fields_same(struct json_object *a, struct json_object *b)
{
	return bl_json_same(a, b);
}

/* Reading */

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* A copy with sorted members; values are shared. */
static int sorted(struct json_object *map, struct json_object **ret)
{
	size_t count = (size_t)json_object_object_length(map), i = 0;
	_cleanup_free_ const char **names = calloc(count + 1, sizeof(*names));
	_cleanup_(json_object_put) struct json_object *result = json_object_new_object();

	if (!names || !result)
		return -ENOMEM;
	json_object_object_foreach(map, key, value)
	{
		(void)value;
		names[i++] = key;
	}
	qsort(names, count, sizeof(*names), by_name);
	for (i = 0; i < count; i++)
		if (add_child(result, names[i],
			      json_object_get(json_object_object_get(map, names[i]))) < 0)
			return -ENOMEM;
	*ret = TAKE_PTR(result);
	return 0;
}

void bl_fields_step(char type, struct json_object *value, struct bl_buf *ret)
{
	bl_buf_addf(ret, "%c:%s", type, json_object_to_json_string_ext(value, TEXT_FLAGS));
}

bool bl_fields_step_fits(const char *step)
{
	size_t len = 0;

	/* '"' is written as '\\"', and a control character as "\\x01". */
	for (const char *at = step; *at && len <= KEY_MAX; at++)
		len += *at == '"' || *at == '\\' ? 2 : *at >= ' ' && *at < 0x7f ? 1 : 4;
	return len <= KEY_MAX;
}

static bool is_scalar(struct json_object *json)
{
	return !json_object_is_type(json, json_type_object) &&
	       !json_object_is_type(json, json_type_array);
}

/* A step in its one spelling; the JSON behind "k:" and "v:" may come in any. */
static int read_step(const char *step, struct bl_buf *ret, struct bl_err *err)
{
	_cleanup_(json_object_put) struct json_object *json = NULL;
	_cleanup_(json_object_put) struct json_object *keys = NULL;
	enum json_tokener_error error = json_tokener_success;
	size_t len = strlen(step);
	const char *rest = len > 2 ? step + 2 : "";

	if (!strcmp(step, SELF) || (*rest && !strncmp(step, "f:", 2)) ||
	    (*rest && !strncmp(step, "i:", 2) && !rest[strspn(rest, "0123456789")])) {
		bl_buf_add_str(ret, step);
		return 0;
	}
	if (len < 3 || (strncmp(step, "k:", 2) && strncmp(step, "v:", 2)))
		return bl_err_set(err, -EINVAL, "'%.100s' is no step of a field set", step);
	json = json_tokener_parse_verbose(step + 2, &error);
	if (error != json_tokener_success || is_scalar(json) != (step[0] == 'v') ||
	    json_object_is_type(json, json_type_array))
		return bl_err_set(err, -EINVAL, "'%.100s' is no step of a field set", step);
	if (step[0] == 'k' && sorted(json, &keys) < 0)
		return -ENOMEM;
	bl_fields_step(step[0], keys ? keys : json, ret);
	return 0;
}

static int read_set(struct json_object *json, unsigned int depth, struct json_object **ret,
		    struct bl_err *err)
{
	_cleanup_(json_object_put) struct json_object *result = json_object_new_object();

	if (!result)
		return -ENOMEM;
	if (depth > DEPTH_MAX)
		return bl_err_set(err, -EINVAL, "a field set is nested deeper than %u levels",
				  DEPTH_MAX);
	if (!json_object_is_type(json, json_type_object))
		return bl_err_set(err, -EINVAL, "a field set is made of mappings");
	json_object_object_foreach(json, key, value)
	{
		_cleanup_(bl_buf_done) struct bl_buf step = {0};
		struct json_object *child = NULL;
		int r = read_step(key, &step, err);

		if (r == 0 && step.failed)
			r = -ENOMEM;
		if (r == 0 && !bl_fields_step_fits(step.data))
			r = bl_err_set(err, -EINVAL, "step '%.60s' of a field set is too long",
				       key);
		if (r == 0)
			r = read_set(value, depth + 1, &child, err);
		if (r == 0)
			r = add_child(result, step.data, child);
		if (r < 0)
			return r;
	}
	return sorted(result, ret);
}

int bl_fields_read(struct json_object *json, struct json_object **ret, struct bl_err *err)
{
	return read_set(json, 1, ret, err);
}

/* Showing */

static void show_step(const char *step, struct bl_buf *path)
{
	_cleanup_(json_object_put) struct json_object *keys = NULL;
	bool first = true;

	if (step[0] == 'f') {
		bl_buf_addf(path, ".%s", step + 2);
		return;
	}
	keys = step[0] == 'k' ? json_tokener_parse(step + 2) : NULL;
	if (!json_object_is_type(keys, json_type_object)) {
		bl_buf_addf(path, step[0] == 'v' ? "[=%s]" : "[%s]", step + 2);
		return;
	}
	bl_buf_add_str(path, "[");
	json_object_object_foreach(keys, key, value)
	{
		bl_buf_addf(path, "%s%s=%s", first ? "" : ",", key,
			    json_object_to_json_string_ext(value, TEXT_FLAGS));
		first = false;
	}
	bl_buf_add_str(path, "]");
}

static void show(struct json_object *node, struct bl_buf *path, bl_fields_fn *fn, void *userdata)
{
	json_object_object_foreach(node, step, child)
	{
		size_t len = path->len;

		if (!strcmp(step, SELF))
			continue;
		show_step(step, path);
		if (path->failed)
			return;
		if (bl_fields_has_self(child))
			fn(path->data, userdata);
		show(child, path, fn, userdata);
		path->len = len;
	}
}

int bl_fields_each(struct json_object *set, bl_fields_fn *fn, void *userdata)
{
	_cleanup_(bl_buf_done) struct bl_buf path = {0};

	if (set)
		show(set, &path, fn, userdata);
	return path.failed ? -ENOMEM : 0;
}
