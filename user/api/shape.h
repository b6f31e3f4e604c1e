/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the schema tables say of a place in an object's JSON tree: which lists have items with keys,
 * which mappings are one value. Places that no table describes are taken as they come: mappings
 * field by field, lists whole.
 */
#ifndef API_SHAPE_H
#define API_SHAPE_H

#include <stdbool.h>
#include <stddef.h>

#include "model/schema.h"

struct json_object;

struct bl_shape {
	const struct bl_type *type;   /* of the mapping, or of the items of a list; NULL: unknown */
	const struct bl_field *field; /* the row of this place; NULL: the object, or unknown */
};

struct bl_shape bl_shape_of_kind(enum bl_kind kind);
/* The member `key` of a mapping. */
struct bl_shape bl_shape_member(struct bl_shape shape, const char *key);
/* An item of a list. */
struct bl_shape bl_shape_item(struct bl_shape shape);

static inline bool bl_shape_is_atomic(struct bl_shape shape)
{
	return shape.field && shape.field->atomic;
}

/* The field by which patches find an item; "": scalars that join; NULL: replaced. */
static inline const char *bl_shape_merge_key(struct bl_shape shape)
{
	return shape.field ? shape.field->merge_key : NULL;
}

/* The fields by which server-side apply finds an item; "": a set of scalars; NULL: one value. */
static inline const char *bl_shape_list_keys(struct bl_shape shape)
{
	return shape.field ? shape.field->list_keys : NULL;
}

/*
 * The keys of an item by `bl_shape_list_keys`, as compact JSON with sorted names, such as
 * {"port":80,"protocol":"TCP"}; a key that is not given counts with its default. -ENOENT when one
 * has neither, -EINVAL when the item is no mapping, -ENOMEM. The caller owns `ret`.
 */
int bl_shape_item_keys(struct bl_shape list, struct json_object *item, struct json_object **ret);

/* Equal as JSON: numbers by value, mappings whatever the order of their members. */
bool bl_json_same(struct json_object *a, struct json_object *b);

#endif
