/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "api/json_patch.h"

#include <errno.h>
#include <json-c/json.h>
#include <string.h>

#include "api/pointer.h"
#include "api/shape.h"
#include "base/cleanup.h"

BL_DEFINE_CLEANUP(struct json_object *, json_object_put);

struct operation {
	const char *op;
	const char *path;
	const char *from;          /* of move and copy */
	struct json_object *value; /* borrowed */
	struct bl_pointer to;
	struct bl_pointer source;
};

struct patching {
	struct json_object *root; /* owned */
	size_t copied;
	struct bl_err *err;
};

static int weigh(struct json_object *value, size_t depth, size_t *weight)
{
	int r = 0;

	if (depth > BL_POINTER_DEPTH)
		return -E2BIG;
	(*weight)++;
	if (json_object_is_type(value, json_type_object)) {
		json_object_object_foreach(value, key, child)
		{
			(void)key;
			if (r == 0)
				r = weigh(child, depth + 1, weight);
		}
	} else if (json_object_is_type(value, json_type_array)) {
		for (size_t i = 0; r == 0 && i < json_object_array_length(value); i++)
			r = weigh(json_object_array_get_idx(value, i), depth + 1, weight);
	}
	return r;
}

/* A copy of its own, that fits below `depth` levels. */
static int copy_value(struct patching *patching, struct json_object *value, size_t depth,
		      bool is_copy, struct json_object **ret)
{
	size_t weight = 0;

	if (weigh(value, depth, &weight) < 0)
		return bl_err_set(patching->err, -E2BIG, "nested deeper than %d levels",
				  BL_POINTER_DEPTH);
	if (is_copy)
		patching->copied += weight;
	if (patching->copied > BL_JSON_PATCH_COPIED)
		return bl_err_set(patching->err, -E2BIG, "more than %u values copied",
				  BL_JSON_PATCH_COPIED);
	*ret = NULL;
	return value && json_object_deep_copy(value, ret, NULL) < 0 ? -ENOMEM : 0;
}

/* The mapping or list that holds the last step. */
static int find_parent(struct patching *patching, const struct bl_pointer *pointer,
		       struct json_object **ret)
{
	if (!bl_pointer_find(pointer, pointer->count - 1, patching->root, ret))
		return bl_err_set(patching->err, -ENOENT,
				  "the place before its last step is not there");
	if (!json_object_is_type(*ret, json_type_object) &&
	    !json_object_is_type(*ret, json_type_array))
		return bl_err_set(
			patching->err, -ENOENT,
			"what is before its last step holds nothing: it is no mapping or list");
	return 0;
}

static int find_index(struct patching *patching, const char *step, size_t count, size_t last,
		      size_t *ret)
{
	int r = bl_pointer_index(step, count, ret);

	if (r == -EINVAL)
		return bl_err_set(patching->err, -EINVAL, "'%.60s' is no index of a list", step);
	if (r < 0 || *ret > last || (!strcmp(step, "-") && last < count))
		return bl_err_set(patching->err, -ENOENT, "index %.20s of a list with %zu items",
				  step, count);
	return 0;
}

/* Takes the value when it succeeds. */
static int insert(struct json_object *list, size_t index, struct json_object *value)
{
	size_t count = json_object_array_length(list);

	if (json_object_array_add(list, NULL) < 0)
		return -ENOMEM;
	/* The places are there: putting into them takes no memory. */
	for (size_t i = count; i > index; i--)
		(void)json_object_array_put_idx(
			list, i, json_object_get(json_object_array_get_idx(list, i - 1)));
	(void)json_object_array_put_idx(list, index, value);
	return 0;
}

/* Takes the value, also on failure. */
static int add_at(struct patching *patching, const struct bl_pointer *pointer,
		  struct json_object *value)
{
	_cleanup_(json_object_put) struct json_object *taken = value;
	struct json_object *parent = NULL;
	const char *step;
	size_t index;
	int r;

	if (pointer->count == 0) {
		json_object_put(patching->root);
		patching->root = TAKE_PTR(taken);
		return 0;
	}
	r = find_parent(patching, pointer, &parent);
	if (r < 0)
		return r;
	step = pointer->steps[pointer->count - 1];
	if (json_object_is_type(parent, json_type_object)) {
		r = json_object_object_add(parent, step, taken);
	} else {
		size_t count = json_object_array_length(parent);

		r = find_index(patching, step, count, count, &index);
		if (r < 0)
			return r;
		r = insert(parent, index, taken);
	}
	if (r < 0)
		return -ENOMEM;
	taken = NULL;
	return 0;
}

/* `ret` NULL: only remove; else it gets the value that was there. */
static int remove_at(struct patching *patching, const struct bl_pointer *pointer,
		     struct json_object **ret)
{
	struct json_object *parent = NULL, *value = NULL;
	const char *step;
	size_t index;
	int r;

	if (pointer->count == 0)
		return bl_err_set(patching->err, -ENOENT, "the whole object cannot be removed");
	r = find_parent(patching, pointer, &parent);
	if (r < 0)
		return r;
	step = pointer->steps[pointer->count - 1];
	if (json_object_is_type(parent, json_type_object)) {
		if (!json_object_object_get_ex(parent, step, &value))
			return bl_err_set(patching->err, -ENOENT, "there is no '%.100s'", step);
		if (ret)
			*ret = json_object_get(value);
		json_object_object_del(parent, step);
		return 0;
	}
	r = find_index(patching, step, json_object_array_length(parent),
		       json_object_array_length(parent) - 1, &index);
	if (r < 0)
		return r;
	if (json_object_array_length(parent) == 0)
		return bl_err_set(patching->err, -ENOENT, "the list is empty");
	if (ret)
		*ret = json_object_get(json_object_array_get_idx(parent, index));
	return json_object_array_del_idx(parent, index, 1) < 0 ? -ENOMEM : 0;
}

static int do_add(struct patching *patching, const struct operation *operation)
{
	struct json_object *value = NULL;
	int r = copy_value(patching, operation->value, operation->to.count, false, &value);

	return r < 0 ? r : add_at(patching, &operation->to, value);
}

static int do_replace(struct patching *patching, const struct operation *operation)
{
	struct json_object *parent = NULL, *value = NULL, *old;
	size_t index;
	int r;

	if (!bl_pointer_find(&operation->to, operation->to.count, patching->root, &old))
		return bl_err_set(patching->err, -ENOENT, "there is nothing to replace");
	r = copy_value(patching, operation->value, operation->to.count, false, &value);
	if (r < 0)
		return r;
	if (operation->to.count == 0)
		return add_at(patching, &operation->to, value);
	(void)bl_pointer_find(&operation->to, operation->to.count - 1, patching->root, &parent);
	if (json_object_is_type(parent, json_type_object))
		return add_at(patching, &operation->to, value);
	(void)bl_pointer_index(operation->to.steps[operation->to.count - 1],
			       json_object_array_length(parent), &index);
	if (json_object_array_put_idx(parent, index, value) < 0) {
		json_object_put(value);
		return -ENOMEM;
	}
	return 0;
}

static bool is_prefix(const struct bl_pointer *shorter, const struct bl_pointer *longer)
{
	if (shorter->count >= longer->count)
		return false;
	for (size_t i = 0; i < shorter->count; i++)
		if (strcmp(shorter->steps[i], longer->steps[i]) != 0)
			return false;
	return true;
}

static int do_move(struct patching *patching, const struct operation *operation)
{
	struct json_object *value = NULL;
	size_t weight = 0;
	int r;

	if (is_prefix(&operation->source, &operation->to))
		return bl_err_set(patching->err, -EINVAL, "a value cannot move into itself");
	r = remove_at(patching, &operation->source, &value);
	if (r < 0)
		return r;
	if (weigh(value, operation->to.count, &weight) < 0) {
		json_object_put(value);
		return bl_err_set(patching->err, -E2BIG, "nested deeper than %d levels",
				  BL_POINTER_DEPTH);
	}
	return add_at(patching, &operation->to, value);
}

static int do_copy(struct patching *patching, const struct operation *operation)
{
	struct json_object *from = NULL, *value = NULL;
	int r;

	if (!bl_pointer_find(&operation->source, operation->source.count, patching->root, &from))
		return bl_err_set(patching->err, -ENOENT, "there is nothing at '%.200s'",
				  operation->from);
	r = copy_value(patching, from, operation->to.count, true, &value);
	return r < 0 ? r : add_at(patching, &operation->to, value);
}

static int do_test(struct patching *patching, const struct operation *operation)
{
	struct json_object *value = NULL;

	if (!bl_pointer_find(&operation->to, operation->to.count, patching->root, &value))
		return bl_err_set(patching->err, -ENOENT, "there is nothing to test");
	if (bl_json_same(value, operation->value))
		return 0;
	return bl_err_set(patching->err, -ENOENT, "the test failed: it is %.200s, expected %.200s",
			  json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN),
			  json_object_to_json_string_ext(operation->value, JSON_C_TO_STRING_PLAIN));
}

static int do_remove(struct patching *patching, const struct operation *operation)
{
	return remove_at(patching, &operation->to, NULL);
}

static const struct {
	const char *op;
	bool has_value;
	bool has_from;
	int (*run)(struct patching *patching, const struct operation *operation);
} operations[] = {
	{"add", true, false, do_add},         {"remove", false, false, do_remove},
	{"replace", true, false, do_replace}, {"move", false, true, do_move},
	{"copy", false, true, do_copy},       {"test", true, false, do_test},
};

static int read_text(struct patching *patching, struct json_object *json, const char *key,
		     const char **ret)
{
	struct json_object *value = NULL;

	if (!json_object_object_get_ex(json, key, &value) ||
	    !json_object_is_type(value, json_type_string))
		return bl_err_set(patching->err, -EINVAL, "field '%s' is missing or no string",
				  key);
	*ret = json_object_get_string(value);
	return 0;
}

static int run_operation(struct patching *patching, struct json_object *json,
			 struct operation *operation)
{
	size_t i = 0;
	int r;

	if (!json_object_is_type(json, json_type_object))
		return bl_err_set(patching->err, -EINVAL, "it is no mapping");
	r = read_text(patching, json, "op", &operation->op);
	if (r >= 0)
		r = read_text(patching, json, "path", &operation->path);
	if (r < 0)
		return r;
	while (i < ARRAY_SIZE(operations) && strcmp(operations[i].op, operation->op) != 0)
		i++;
	if (i == ARRAY_SIZE(operations))
		return bl_err_set(patching->err, -EINVAL,
				  "expected add, remove, replace, move, copy or test, got '%.40s'",
				  operation->op);
	r = bl_pointer_parse(operation->path, &operation->to, patching->err);
	if (r >= 0 && operations[i].has_from)
		r = read_text(patching, json, "from", &operation->from);
	if (r >= 0 && operations[i].has_from)
		r = bl_pointer_parse(operation->from, &operation->source, patching->err);
	if (r >= 0 && operations[i].has_value &&
	    !json_object_object_get_ex(json, "value", &operation->value))
		r = bl_err_set(patching->err, -EINVAL, "field 'value' is missing");
	return r < 0 ? r : operations[i].run(patching, operation);
}

static int run_all(struct patching *patching, struct json_object *patch)
{
	for (size_t i = 0; i < json_object_array_length(patch); i++) {
		struct operation operation = {0};
		int r = run_operation(patching, json_object_array_get_idx(patch, i), &operation);

		if (r < 0 && patching->err && patching->err->code)
			(void)bl_err_wrap(patching->err, r, "operation %zu (%s '%.200s')", i,
					  operation.op ? operation.op : "?",
					  operation.path ? operation.path : "");
		bl_pointer_done(&operation.to);
		bl_pointer_done(&operation.source);
		if (r < 0)
			return r;
	}
	return 0;
}

int bl_json_patch(struct json_object *target, struct json_object *patch, struct json_object **ret,
		  struct bl_err *err)
{
	struct patching patching = {.err = err};
	int r;

	if (!json_object_is_type(patch, json_type_array))
		return bl_err_set(err, -EINVAL, "a JSON patch is a list of operations");
	if (json_object_array_length(patch) > BL_JSON_PATCH_OPERATIONS)
		return bl_err_set(err, -E2BIG, "more than %u operations in one patch",
				  BL_JSON_PATCH_OPERATIONS);
	if (target && json_object_deep_copy(target, &patching.root, NULL) < 0)
		return -ENOMEM;
	r = run_all(&patching, patch);
	if (r < 0)
		json_object_put(patching.root);
	else
		*ret = patching.root;
	return r;
}
