/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "api/strategic.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdint.h>
#include <string.h>

#include "api/order.h"
#include "api/shape.h"
#include "base/cleanup.h"

BL_DEFINE_CLEANUP(struct json_object *, json_object_put);

#define DEEPEST 64
#define PAIRS_MAX (1u << 20) /* of items that a merge of two lists may compare */
#define DELETE_FROM "$deleteFromPrimitiveList/"
#define SET_ORDER "$setElementOrder/"

struct merging {
	struct bl_err *err;
	size_t depth;
};

static int merge_value(struct merging *merging, struct bl_shape shape, struct json_object *old,
		       struct json_object *patch, struct json_object *order,
		       struct json_object **ret);

static const char *directive_of(struct json_object *patch)
{
	struct json_object *value = NULL;

	return json_object_is_type(patch, json_type_object) &&
			       json_object_object_get_ex(patch, "$patch", &value)
		       ? json_object_get_string(value)
		       : NULL;
}

static bool is_one_of(const char *word, const char *a, const char *b)
{
	return !strcmp(word, a) || (b && !strcmp(word, b));
}

/* Lists of scalars */

static size_t find_value(struct json_object *list, struct json_object *value)
{
	for (size_t i = 0; i < json_object_array_length(list); i++)
		if (bl_json_same(json_object_array_get_idx(list, i), value))
			return i;
	return SIZE_MAX;
}

static int append(struct json_object *list, struct json_object *value)
{
	if (json_object_array_add(list, value) == 0)
		return 0;
	json_object_put(value);
	return -ENOMEM;
}

static int join_scalars(struct json_object *list, struct json_object *patch)
{
	for (size_t i = 0; i < json_object_array_length(patch); i++) {
		struct json_object *value = json_object_array_get_idx(patch, i);

		if (find_value(list, value) != SIZE_MAX)
			continue;
		if (append(list, json_object_get(value)) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int delete_scalars(struct merging *merging, struct json_object *list,
			  struct json_object *values)
{
	if (!json_object_is_type(values, json_type_array))
		return bl_err_set(merging->err, -EINVAL,
				  "what follows '$deleteFromPrimitiveList' is no list");
	if (!json_object_is_type(list, json_type_array))
		return 0;
	for (size_t i = 0; i < json_object_array_length(values); i++) {
		struct json_object *value = json_object_array_get_idx(values, i);

		for (size_t at = find_value(list, value); at != SIZE_MAX;
		     at = find_value(list, value))
			(void)json_object_array_del_idx(list, at, 1);
	}
	return 0;
}

/* Lists of mappings */

static struct json_object *key_of(struct json_object *item, const char *key)
{
	struct json_object *value = NULL;

	return json_object_is_type(item, json_type_object) &&
			       json_object_object_get_ex(item, key, &value)
		       ? value
		       : NULL;
}

static bool has_key(struct json_object *item, const char *key, struct json_object *value)
{
	struct json_object *own = key_of(item, key);

	return own && bl_json_same(own, value);
}

static size_t count_key(struct json_object *list, const char *key, struct json_object *value)
{
	size_t count = 0;

	for (size_t i = 0; i < json_object_array_length(list); i++)
		count += has_key(json_object_array_get_idx(list, i), key, value);
	return count;
}

/*
 * The item that a patch is for. Several may share the merge key (a Service's port 53 of TCP and of
 * UDP): then the other keys of the list decide where the patch names them, and one that is like
 * none of them is new when the wanted order has more items of this key than there are.
 */
static size_t find_item(struct bl_shape shape, struct json_object *list, struct json_object *patch,
			struct json_object *order)
{
	_cleanup_(json_object_put) struct json_object *keys = NULL;
	const char *key = bl_shape_merge_key(shape);
	struct json_object *value = key_of(patch, key);
	size_t first = SIZE_MAX;
	bool differs = false;

	if (bl_shape_list_keys(shape) && bl_shape_item_keys(shape, patch, &keys) < 0)
		keys = NULL;
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *item = json_object_array_get_idx(list, i);
		_cleanup_(json_object_put) struct json_object *own = NULL;

		if (!has_key(item, key, value))
			continue;
		if (!keys || bl_shape_item_keys(shape, item, &own) < 0 || bl_json_same(keys, own))
			return i;
		differs = true;
		if (first == SIZE_MAX)
			first = i;
	}
	if (differs && json_object_is_type(order, json_type_array) &&
	    count_key(order, key, value) > count_key(list, key, value))
		return SIZE_MAX;
	return first;
}

static bool deletes(struct json_object *patch)
{
	const char *directive = directive_of(patch);

	return directive && !strcmp(directive, "delete");
}

static int check_key(struct merging *merging, struct bl_shape shape, struct json_object *patch)
{
	const char *key = bl_shape_merge_key(shape);

	if (json_object_is_type(patch, json_type_object) && key_of(patch, key))
		return 0;
	return bl_err_set(merging->err, -EINVAL,
			  "an item of the list '%s' does not have its merge key '%s'",
			  shape.field->name, key);
}

/* Of all items with the key, before anything is merged: an API server takes a Service's ports 53 of
 * TCP and of UDP away together, and kubectl counts with it. */
static int delete_items(struct merging *merging, struct bl_shape shape, struct json_object *list,
			struct json_object *patch)
{
	const char *key = bl_shape_merge_key(shape);

	for (size_t p = 0; p < json_object_array_length(patch); p++) {
		struct json_object *item = json_object_array_get_idx(patch, p);
		int r = check_key(merging, shape, item);

		if (r < 0)
			return r;
		if (!deletes(item))
			continue;
		for (size_t i = json_object_array_length(list); i-- > 0;)
			if (has_key(json_object_array_get_idx(list, i), key, key_of(item, key)))
				(void)json_object_array_del_idx(list, i, 1);
	}
	return 0;
}

static int merge_item(struct merging *merging, struct bl_shape shape, struct json_object *list,
		      struct json_object *patch, struct json_object *order)
{
	struct json_object *merged = NULL, *old = NULL;
	size_t at;
	int r;

	if (deletes(patch))
		return 0;
	at = find_item(shape, list, patch, order);
	if (at != SIZE_MAX)
		old = json_object_array_get_idx(list, at);
	r = merge_value(merging, bl_shape_item(shape), old, patch, NULL, &merged);
	if (r < 0)
		return r;
	if (at == SIZE_MAX)
		return append(list, merged);
	(void)json_object_array_put_idx(list, at, merged);
	return 0;
}

/* `$patch: replace` as an item of its own: the other items of the patch are the list. */
static bool replaces_list(struct json_object *patch)
{
	for (size_t i = 0; i < json_object_array_length(patch); i++) {
		const char *directive = directive_of(json_object_array_get_idx(patch, i));

		if (directive && is_one_of(directive, "replace", NULL))
			return true;
	}
	return false;
}

static int take_items(struct merging *merging, struct bl_shape shape, struct json_object *patch,
		      struct json_object *list)
{
	for (size_t i = 0; i < json_object_array_length(patch); i++) {
		struct json_object *item = json_object_array_get_idx(patch, i), *made = NULL;
		int r;

		if (directive_of(item))
			continue;
		r = merge_value(merging, bl_shape_item(shape), NULL, item, NULL, &made);
		if (r < 0)
			return r;
		if (append(list, made) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* Which item of `order` names item `index` of the list; each names one. */
static int rank_items(struct bl_shape shape, struct json_object *list, struct json_object *order,
		      size_t *rank)
{
	const char *key = bl_shape_merge_key(shape);
	size_t count = json_object_array_length(list);

	for (size_t i = 0; i < count; i++)
		rank[i] = SIZE_MAX;
	for (size_t o = 0; o < json_object_array_length(order); o++) {
		struct json_object *wanted = json_object_array_get_idx(order, o);

		if (key[0] && !key_of(wanted, key))
			return -EINVAL;
		for (size_t i = 0; i < count; i++) {
			struct json_object *item = json_object_array_get_idx(list, i);

			if (rank[i] != SIZE_MAX ||
			    !(key[0] ? has_key(item, key, key_of(wanted, key))
				     : bl_json_same(item, wanted)))
				continue;
			rank[i] = o;
			break;
		}
	}
	return 0;
}

static int order_list(struct merging *merging, struct bl_shape shape, struct json_object *list,
		      struct json_object *order, size_t known)
{
	_cleanup_free_ size_t *rank = calloc(json_object_array_length(list) + 1, sizeof(*rank));

	if (!rank)
		return -ENOMEM;
	if (!json_object_is_type(order, json_type_array) ||
	    rank_items(shape, list, order, rank) < 0)
		return bl_err_set(merging->err, -EINVAL,
				  "'$setElementOrder/%s' is no list of its merge keys",
				  shape.field->name);
	return bl_json_order(list, rank, known);
}

static int merge_list(struct merging *merging, struct bl_shape shape, struct json_object *old,
		      struct json_object *patch, struct json_object *order,
		      struct json_object **ret)
{
	_cleanup_(json_object_put) struct json_object *list = json_object_new_array();
	const char *key = bl_shape_merge_key(shape);
	bool keeps = key && json_object_is_type(old, json_type_array) && !replaces_list(patch);
	size_t known;
	int r = 0;

	if (!list)
		return -ENOMEM;
	if (key && (json_object_array_length(patch) +
		    1) * (keeps ? json_object_array_length(old) + json_object_array_length(patch)
				: json_object_array_length(patch)) >
			   PAIRS_MAX)
		return bl_err_set(merging->err, -E2BIG, "the list '%s' is too long to be merged",
				  shape.field->name);
	for (size_t i = 0; keeps && i < json_object_array_length(old); i++)
		if (append(list, json_object_get(json_object_array_get_idx(old, i))) < 0)
			return -ENOMEM;
	if (key && key[0] && !replaces_list(patch))
		r = delete_items(merging, shape, list, patch);
	known = json_object_array_length(list);
	if (r < 0)
		return r;
	if (!key || replaces_list(patch))
		r = take_items(merging, shape, patch, list);
	else if (!key[0])
		r = join_scalars(list, patch);
	for (size_t i = 0; r == 0 && keeps && key[0] && i < json_object_array_length(patch); i++)
		r = merge_item(merging, shape, list, json_object_array_get_idx(patch, i), order);
	if (r == 0 && !keeps && key && key[0] && !replaces_list(patch))
		for (size_t i = 0; r == 0 && i < json_object_array_length(patch); i++)
			r = merge_item(merging, shape, list, json_object_array_get_idx(patch, i),
				       patch);
	if (r == 0 && order && key)
		r = order_list(merging, shape, list, order, known);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(list);
	return 0;
}

/* Mappings */

static int retain_keys(struct merging *merging, struct json_object *map, struct json_object *patch)
{
	struct json_object *keys = NULL;
	struct json_object_iter at;

	if (!json_object_object_get_ex(patch, "$retainKeys", &keys))
		return 0;
	if (!json_object_is_type(keys, json_type_array))
		return bl_err_set(merging->err, -EINVAL, "'$retainKeys' is no list");
	json_object_object_foreachC(patch, at)
	{
		_cleanup_(json_object_put) struct json_object *name = NULL;

		if (at.key[0] == '$' || !at.val)
			continue;
		name = json_object_new_string(at.key);
		if (!name)
			return -ENOMEM;
		if (find_value(keys, name) == SIZE_MAX)
			return bl_err_set(merging->err, -EINVAL,
					  "'$retainKeys' does not name '%s', which the patch sets",
					  at.key);
	}
	json_object_object_foreach(map, key, value)
	{
		_cleanup_(json_object_put) struct json_object *name = json_object_new_string(key);

		(void)value;
		if (!name)
			return -ENOMEM;
		if (find_value(keys, name) == SIZE_MAX)
			json_object_object_del(map, key);
	}
	return 0;
}

static struct json_object *order_of(struct json_object *patch, const char *key)
{
	struct json_object *order = NULL;
	char name[128];

	if (snprintf(name, sizeof(name), SET_ORDER "%s", key) >= (int)sizeof(name))
		return NULL;
	return json_object_object_get_ex(patch, name, &order) ? order : NULL;
}

static int set_member(struct json_object *map, const char *key, struct json_object *value)
{
	if (json_object_object_add(map, key, value) == 0)
		return 0;
	json_object_put(value);
	return -ENOMEM;
}

/* A member that the patch only says the order of. */
static int order_member(struct merging *merging, struct bl_shape shape, struct json_object *map,
			struct json_object *patch, const char *directive)
{
	const char *key = directive + strlen(SET_ORDER);
	struct bl_shape member = bl_shape_member(shape, key);
	struct json_object *old = NULL, *unused = NULL, *empty, *made = NULL;
	int r;

	if (!bl_shape_merge_key(member) || json_object_object_get_ex(patch, key, &unused) ||
	    !json_object_object_get_ex(map, key, &old) ||
	    !json_object_is_type(old, json_type_array))
		return 0;
	empty = json_object_new_array();
	if (!empty)
		return -ENOMEM;
	r = merge_list(merging, member, old, empty, order_of(patch, key), &made);
	json_object_put(empty);
	return r < 0 ? r : set_member(map, key, made);
}

static int merge_member(struct merging *merging, struct bl_shape shape, struct json_object *map,
			struct json_object *patch, const char *key, struct json_object *value)
{
	struct json_object *old = NULL, *made = NULL;
	int r;

	if (!strncmp(key, DELETE_FROM, strlen(DELETE_FROM))) {
		(void)json_object_object_get_ex(map, key + strlen(DELETE_FROM), &old);
		return delete_scalars(merging, old, value);
	}
	if (!strncmp(key, SET_ORDER, strlen(SET_ORDER)))
		return order_member(merging, shape, map, patch, key);
	if (!strcmp(key, "$patch") || !strcmp(key, "$retainKeys"))
		return 0;
	if (key[0] == '$')
		return bl_err_set(merging->err, -EINVAL, "unknown directive '%.60s'", key);
	if (!value) {
		json_object_object_del(map, key);
		return 0;
	}
	(void)json_object_object_get_ex(map, key, &old);
	if (json_object_is_type(value, json_type_object) && directive_of(value) &&
	    is_one_of(directive_of(value), "delete", NULL)) {
		json_object_object_del(map, key);
		return 0;
	}
	r = merge_value(merging, bl_shape_member(shape, key), old, value, order_of(patch, key),
			&made);
	return r < 0 ? r : set_member(map, key, made);
}

static int merge_map(struct merging *merging, struct bl_shape shape, struct json_object *old,
		     struct json_object *patch, struct json_object **ret)
{
	_cleanup_(json_object_put) struct json_object *map = json_object_new_object();
	const char *directive = directive_of(patch);
	int r;

	if (!map)
		return -ENOMEM;
	if (directive && !is_one_of(directive, "replace", "merge") &&
	    !is_one_of(directive, "delete", NULL))
		return bl_err_set(merging->err, -EINVAL,
				  "'$patch' is replace, merge or delete, got '%.40s'", directive);
	if (json_object_is_type(old, json_type_object) &&
	    !(directive && is_one_of(directive, "replace", "delete"))) {
		json_object_object_foreach(old, name, child)
		{
			if (set_member(map, name, json_object_get(child)) < 0)
				return -ENOMEM;
		}
	}
	r = retain_keys(merging, map, patch);
	json_object_object_foreach(patch, key, value)
	{
		if (r == 0)
			r = merge_member(merging, shape, map, patch, key, value);
	}
	if (r < 0)
		return r;
	*ret = TAKE_PTR(map);
	return 0;
}

/* A new tree, or a new reference; `old` (NULL: nothing) stays as it is. */
static int merge_value(struct merging *merging, struct bl_shape shape, struct json_object *old,
		       struct json_object *patch, struct json_object *order,
		       struct json_object **ret)
{
	int r = 0;

	if (++merging->depth > DEEPEST)
		return bl_err_set(merging->err, -E2BIG, "the patch is nested deeper than %d levels",
				  DEEPEST);
	if (json_object_is_type(patch, json_type_object))
		r = merge_map(merging, shape, old, patch, ret);
	else if (json_object_is_type(patch, json_type_array))
		r = merge_list(merging, shape, old, patch, order, ret);
	else
		*ret = json_object_get(patch);
	merging->depth--;
	return r;
}

int bl_strategic_patch(enum bl_kind kind, struct json_object *target, struct json_object *patch,
		       struct json_object **ret, struct bl_err *err)
{
	_cleanup_(json_object_put) struct json_object *copy = NULL;
	struct merging merging = {.err = err};

	if (!json_object_is_type(patch, json_type_object))
		return bl_err_set(err, -EINVAL, "a strategic merge patch is one mapping");
	/* Trees are shared below, and `$deleteFromPrimitiveList` changes lists in place. */
	if (json_object_deep_copy(target, &copy, NULL) < 0)
		return -ENOMEM;
	return merge_value(&merging, bl_shape_of_kind(kind), copy, patch, NULL, ret);
}
