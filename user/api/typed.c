/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "api/typed.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdint.h>
#include <string.h>

#include "api/field_set.h"
#include "api/order.h"
#include "base/cleanup.h"

BL_DEFINE_CLEANUP(struct json_object *, json_object_put);

/* Lists longer than this are one value: items are found by looking at all of them. */
#define ITEMS_MAX 512u

enum form {
	FORM_LEAF,  /* one value */
	FORM_MAP,   /* field by field */
	FORM_ITEMS, /* items with keys */
	FORM_SET,   /* scalars, each of its own */
};

static enum form form_of(struct bl_shape shape, struct json_object *json)
{
	const char *keys = bl_shape_list_keys(shape);

	if (json_object_is_type(json, json_type_object))
		return bl_shape_is_atomic(shape) ? FORM_LEAF : FORM_MAP;
	if (!json_object_is_type(json, json_type_array) || !keys ||
	    json_object_array_length(json) > ITEMS_MAX)
		return FORM_LEAF;
	return keys[0] ? FORM_ITEMS : FORM_SET;
}

static int put(struct json_object *map, const char *key, struct json_object *value)
{
	if (json_object_object_add(map, key, value) == 0)
		return 0;
	json_object_put(value);
	return -ENOMEM;
}

static int add_node(struct json_object *set, const char *step, struct json_object *node)
{
	struct json_object *old = NULL, *both = NULL;

	if (!json_object_object_get_ex(set, step, &old))
		return put(set, step, node);
	/* Two items with the same keys, which a server's own objects may have. */
	if (bl_fields_union(old, node, &both) < 0) {
		json_object_put(node);
		return -ENOMEM;
	}
	json_object_put(node);
	return put(set, step, both ? both : json_object_new_object());
}

/* "f:NAME" of a member, or the step of item `index`; -EINVAL: it cannot be told apart. */
static int step_of(enum form form, struct bl_shape shape, const char *name,
		   struct json_object *item, struct bl_buf *ret)
{
	_cleanup_(json_object_put) struct json_object *keys = NULL;
	int r = 0;

	ret->len = 0;
	if (form == FORM_MAP) {
		bl_buf_addf(ret, "f:%s", name);
	} else if (form == FORM_SET) {
		bl_fields_step('v', item, ret);
	} else {
		r = bl_shape_item_keys(shape, item, &keys);
		if (r == 0)
			bl_fields_step('k', keys, ret);
	}
	if (r == 0 && ret->failed)
		return -ENOMEM;
	return r == -ENOENT || (r == 0 && !bl_fields_step_fits(ret->data)) ? -EINVAL : r;
}

/* A walk over the parts of a mapping or of a list, as one. */
struct part {
	enum form form;
	struct bl_shape shape; /* of the whole */
	struct json_object *whole;
	struct json_object_iterator at, end;
	size_t index;
	const char *name;          /* of a member */
	struct json_object *value; /* of this part */
	struct bl_shape inner;
};

static struct part part_start(enum form form, struct bl_shape shape, struct json_object *whole)
{
	struct part part = {.form = form, .shape = shape, .whole = whole};

	if (form == FORM_MAP) {
		part.at = json_object_iter_begin(whole);
		part.end = json_object_iter_end(whole);
	}
	return part;
}

static bool part_next(struct part *part)
{
	if (part->form == FORM_MAP) {
		if (json_object_iter_equal(&part->at, &part->end))
			return false;
		part->name = json_object_iter_peek_name(&part->at);
		part->value = json_object_iter_peek_value(&part->at);
		part->inner = bl_shape_member(part->shape, part->name);
		json_object_iter_next(&part->at);
		return true;
	}
	if (part->index == json_object_array_length(part->whole))
		return false;
	part->value = json_object_array_get_idx(part->whole, part->index++);
	part->inner = bl_shape_item(part->shape);
	return true;
}

/* Of an item of a list, or of a member, whose shape may have no name: the object as a whole. */
static int complain(const struct part *part, struct bl_err *err)
{
	if (part->form == FORM_MAP)
		return bl_err_set(err, -EINVAL, "the name of field '%.60s...' is too long",
				  part->name);
	return bl_err_set(err, -EINVAL,
			  "item %zu of the list '%s' does not have its keys (%s), by which items "
			  "are told apart",
			  part->index - 1, part->shape.field->name,
			  bl_shape_list_keys(part->shape));
}

/* The node of this place: {} for a leaf; with "." for items and, when `all`, for whatever holds
 * something. */
static int node_of(struct bl_shape shape, struct json_object *json, bool self, bool all,
		   struct json_object **ret, struct bl_err *err)
{
	_cleanup_(json_object_put) struct json_object *node = json_object_new_object();
	_cleanup_(bl_buf_done) struct bl_buf step = {0};
	enum form form = form_of(shape, json);
	struct part part;

	if (!node)
		return -ENOMEM;
	if (form == FORM_LEAF) {
		*ret = TAKE_PTR(node);
		return 0;
	}
	part = part_start(form, shape, json);
	while (part_next(&part)) {
		struct json_object *child = NULL;
		int r = step_of(form, shape, part.name, part.value, &step);

		if (r == -EINVAL && all) /* of what is there, nobody can own this */
			continue;
		if (r == -EINVAL)
			return complain(&part, err);
		if (r == 0)
			r = node_of(part.inner, part.value, all || form == FORM_ITEMS, all, &child,
				    err);
		if (r == 0)
			r = add_node(node, step.data, child);
		if (r < 0)
			return r;
	}
	if (self && json_object_object_length(node) > 0 &&
	    put(node, ".", json_object_new_object()) < 0)
		return -ENOMEM;
	*ret = TAKE_PTR(node);
	return 0;
}

int bl_typed_fields(struct bl_shape shape, struct json_object *json, struct json_object **ret,
		    struct bl_err *err)
{
	struct json_object *node = NULL;
	int r = node_of(shape, json, false, false, &node, err);

	if (r < 0)
		return r;
	if (json_object_object_length(node) == 0) { /* the empty object gives nothing */
		json_object_put(node);
		node = NULL;
	}
	*ret = node;
	return 0;
}

/* Comparing */

/* The part of `other` (of the same form) that has this step. False: none. */
static bool find_part(enum form form, struct bl_shape shape, struct json_object *other,
		      const char *name, struct json_object *value, struct json_object **ret)
{
	_cleanup_(json_object_put) struct json_object *keys = NULL;

	if (form == FORM_MAP)
		return json_object_object_get_ex(other, name, ret);
	if (form == FORM_ITEMS && bl_shape_item_keys(shape, value, &keys) < 0)
		return false;
	for (size_t i = 0; i < json_object_array_length(other); i++) {
		_cleanup_(json_object_put) struct json_object *own = NULL;
		struct json_object *item = json_object_array_get_idx(other, i);

		if (form == FORM_SET ? bl_json_same(item, value)
				     : bl_shape_item_keys(shape, item, &own) == 0 &&
					       bl_json_same(own, keys)) {
			*ret = item;
			return true;
		}
	}
	return false;
}

struct difference {
	struct json_object *set; /* nodes; NULL: nothing */
	struct json_object *removed;
};

static void difference_done(struct difference *difference)
{
	json_object_put(difference->set);
	json_object_put(difference->removed);
}

/* Adds the node below `step` of a set that is made when it is needed. Takes the node. */
static int grow(struct json_object **set, const char *step, struct json_object *node)
{
	if (!node)
		return 0;
	if (!*set)
		*set = json_object_new_object();
	if (!*set) {
		json_object_put(node);
		return -ENOMEM;
	}
	return add_node(*set, step, node);
}

static int compare(struct bl_shape shape, struct json_object *old, struct json_object *now,
		   struct difference *ret);

/* A part of `now`, which `old` may have too. */
static int compare_part(const struct part *part, struct json_object *old, const char *step,
			struct difference *ret)
{
	struct difference below = {0};
	struct json_object *before = NULL;
	int r;

	if (find_part(part->form, part->shape, old, part->name, part->value, &before))
		r = compare(part->inner, before, part->value, &below);
	else
		r = node_of(part->inner, part->value, true, true, &below.set, NULL);
	if (r == 0)
		r = grow(&ret->set, step, TAKE_PTR(below.set));
	if (r == 0)
		r = grow(&ret->removed, step, TAKE_PTR(below.removed));
	difference_done(&below);
	return r;
}

static int removed_part(const struct part *part, struct json_object *now, const char *step,
			struct difference *ret)
{
	struct json_object *still = NULL, *node = NULL;
	int r;

	if (find_part(part->form, part->shape, now, part->name, part->value, &still))
		return 0;
	r = node_of(part->inner, part->value, true, true, &node, NULL);
	return r < 0 ? r : grow(&ret->removed, step, node);
}

static int compare_parts(enum form form, struct bl_shape shape, struct json_object *old,
			 struct json_object *now, struct difference *ret)
{
	_cleanup_(bl_buf_done) struct bl_buf step = {0};
	struct part part = part_start(form, shape, now);
	int r = 0;

	while (r == 0 && part_next(&part)) {
		r = step_of(form, shape, part.name, part.value, &step);
		if (r == 0)
			r = compare_part(&part, old, step.data, ret);
		else if (r == -EINVAL)
			r = 0; /* without its keys nobody can own it */
	}
	part = part_start(form, shape, old);
	while (r == 0 && part_next(&part)) {
		r = step_of(form, shape, part.name, part.value, &step);
		if (r == 0)
			r = removed_part(&part, now, step.data, ret);
		else if (r == -EINVAL)
			r = 0;
	}
	return r;
}

static int compare(struct bl_shape shape, struct json_object *old, struct json_object *now,
		   struct difference *ret)
{
	enum form before = form_of(shape, old), after = form_of(shape, now);
	int r;

	if (before == after && after != FORM_LEAF)
		return compare_parts(after, shape, old, now, ret);
	if (before == after && bl_json_same(old, now))
		return 0;
	r = node_of(shape, now, true, true, &ret->set, NULL);
	if (r == 0 && before != FORM_LEAF)
		r = node_of(shape, old, false, true, &ret->removed, NULL);
	return r == -EINVAL ? 0 : r;
}

int bl_typed_compare(struct bl_shape shape, struct json_object *old, struct json_object *now,
		     struct json_object **ret_set, struct json_object **ret_removed)
{
	struct difference difference = {0};
	int r = compare(shape, old, now, &difference);

	if (r < 0) {
		difference_done(&difference);
		return r;
	}
	*ret_set = difference.set;
	*ret_removed = difference.removed;
	return 0;
}

/* Merging */

static int merge_map(struct bl_shape shape, struct json_object *live, struct json_object *config,
		     struct json_object **ret, struct bl_err *err)
{
	_cleanup_(json_object_put) struct json_object *map = json_object_new_object();
	int r = 0;

	if (!map)
		return -ENOMEM;
	if (json_object_is_type(live, json_type_object)) {
		json_object_object_foreach(live, name, value)
		{
			if (put(map, name, json_object_get(value)) < 0)
				return -ENOMEM;
		}
	}
	json_object_object_foreach(config, key, child)
	{
		struct json_object *merged = NULL;

		if (r == 0)
			r = bl_typed_merge(bl_shape_member(shape, key),
					   json_object_object_get(map, key), child, &merged, err);
		if (r == 0)
			r = put(map, key, merged);
	}
	if (r == 0)
		*ret = TAKE_PTR(map);
	return r;
}

/* Where an item of this step stands in the list; SIZE_MAX: nowhere. */
static size_t find_index(enum form form, struct bl_shape shape, struct json_object *list,
			 struct json_object *value)
{
	struct json_object *found = NULL;

	if (!find_part(form, shape, list, NULL, value, &found))
		return SIZE_MAX;
	for (size_t i = 0; i < json_object_array_length(list); i++)
		if (json_object_array_get_idx(list, i) == found)
			return i;
	return SIZE_MAX;
}

static int merge_item(enum form form, struct bl_shape shape, struct json_object *list,
		      struct json_object *item, size_t *ret_index, struct bl_err *err)
{
	struct json_object *merged = NULL;
	int r;

	*ret_index = find_index(form, shape, list, item);
	if (*ret_index == SIZE_MAX) {
		*ret_index = json_object_array_length(list);
		if (json_object_array_add(list, NULL) < 0)
			return -ENOMEM;
	}
	r = bl_typed_merge(bl_shape_item(shape), json_object_array_get_idx(list, *ret_index), item,
			   &merged, err);
	if (r == 0)
		(void)json_object_array_put_idx(list, *ret_index, merged);
	return r;
}

static int merge_list(enum form form, struct bl_shape shape, struct json_object *live,
		      struct json_object *config, struct json_object **ret, struct bl_err *err)
{
	_cleanup_(json_object_put) struct json_object *list = json_object_new_array();
	size_t known = 0, given = json_object_array_length(config);
	_cleanup_free_ size_t *rank = NULL;
	int r = list ? 0 : -ENOMEM;

	if (r == 0 && json_object_is_type(live, json_type_array))
		known = json_object_array_length(live);
	rank = calloc(known + given + 1, sizeof(*rank));
	if (!rank)
		return -ENOMEM;
	for (size_t i = 0; r == 0 && i < known; i++)
		r = json_object_array_add(list,
					  json_object_get(json_object_array_get_idx(live, i)));
	for (size_t i = 0; i < known + given; i++)
		rank[i] = SIZE_MAX;
	for (size_t i = 0; r == 0 && i < given; i++) {
		struct json_object *item = json_object_array_get_idx(config, i);
		size_t index = 0;

		if (form == FORM_ITEMS) {
			_cleanup_(json_object_put) struct json_object *keys = NULL;

			r = bl_shape_item_keys(shape, item, &keys);
			if (r == -EINVAL || r == -ENOENT)
				return complain(&(struct part){.form = form,
							       .shape = shape,
							       .index = i + 1},
						err);
		}
		if (r == 0)
			r = merge_item(form, shape, list, item, &index, err);
		if (r == 0 && rank[index] != SIZE_MAX)
			return bl_err_set(err, -EINVAL, "item %zu of the list '%s' is there twice",
					  i, shape.field->name);
		if (r == 0)
			rank[index] = i;
	}
	if (r == 0)
		r = bl_json_order(list, rank, known);
	if (r == 0)
		*ret = TAKE_PTR(list);
	return r;
}

int bl_typed_merge(struct bl_shape shape, struct json_object *live, struct json_object *config,
		   struct json_object **ret, struct bl_err *err)
{
	enum form form = form_of(shape, config);

	if (form == FORM_MAP)
		return merge_map(shape, live, config, ret, err);
	if (form != FORM_LEAF)
		return merge_list(form, shape, live, config, ret, err);
	*ret = json_object_get(config);
	return 0;
}

/* Removing */

static struct json_object *below(struct json_object *node, const char *step)
{
	struct json_object *child = NULL;

	return node && json_object_object_get_ex(node, step, &child) ? child : NULL;
}

/* False: the part goes. */
static int remove_part(const struct part *part, const char *step, struct json_object *set,
		       struct json_object *kept, struct json_object **ret, bool *ret_stays)
{
	struct json_object *node = below(set, step), *keep = below(kept, step);

	*ret_stays = !node || !bl_fields_has_self(node) || keep;
	if (!*ret_stays)
		return 0;
	if (!node || form_of(part->inner, part->value) == FORM_LEAF) {
		*ret = json_object_get(part->value);
		return 0;
	}
	return bl_typed_remove(part->inner, part->value, node, keep, ret);
}

int bl_typed_remove(struct bl_shape shape, struct json_object *json, struct json_object *set,
		    struct json_object *kept, struct json_object **ret)
{
	enum form form = form_of(shape, json);
	_cleanup_(json_object_put) struct json_object *copy = NULL;
	_cleanup_(bl_buf_done) struct bl_buf step = {0};
	struct part part;

	if (form == FORM_LEAF || !set) {
		*ret = json_object_get(json);
		return 0;
	}
	copy = form == FORM_MAP ? json_object_new_object() : json_object_new_array();
	if (!copy)
		return -ENOMEM;
	part = part_start(form, shape, json);
	while (part_next(&part)) {
		struct json_object *left = NULL;
		bool stays = true;
		int r = step_of(form, shape, part.name, part.value, &step);

		if (r == -EINVAL)
			left = json_object_get(part.value);
		else if (r == 0)
			r = remove_part(&part, step.data, set, kept, &left, &stays);
		if (r < 0 && r != -EINVAL)
			return r;
		if (!stays)
			continue;
		r = form == FORM_MAP ? put(copy, part.name, left)
				     : json_object_array_add(copy, left);
		if (r < 0)
			return -ENOMEM;
	}
	*ret = TAKE_PTR(copy);
	return 0;
}
