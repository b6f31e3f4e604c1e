/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Objects as the fields that they are made of, for server-side apply (KEP-555): mappings are taken
 * field by field and lists with keys item by item, where the schema does not say that a place is
 * one value. Sets of fields are those of field_set.h.
 */
#ifndef API_TYPED_H
#define API_TYPED_H

#include "api/shape.h"
#include "base/err.h"

/* All fields that `json` gives. -EINVAL with words when the items of a list cannot be told apart,
 * -ENOMEM. NULL: none. */
int bl_typed_fields(struct bl_shape shape, struct json_object *json, struct json_object **ret,
		    struct bl_err *err);

/* What differs: `ret_set` are fields that are new or have another value in `now`, `ret_removed`
 * those that only `old` has. */
int bl_typed_compare(struct bl_shape shape, struct json_object *old, struct json_object *now,
		     struct json_object **ret_set, struct json_object **ret_removed);

/* `live` with what `config` gives on top, as a new tree that shares parts with both. */
int bl_typed_merge(struct bl_shape shape, struct json_object *live, struct json_object *config,
		   struct json_object **ret, struct bl_err *err);

/* A copy of `json` without the fields of `set`; a place with something of `kept` below it stays. */
int bl_typed_remove(struct bl_shape shape, struct json_object *json, struct json_object *set,
		    struct json_object *kept, struct json_object **ret);

#endif
