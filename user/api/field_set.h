/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Sets of fields, in the form that `metadata.managedFields[].fieldsV1` has in JSON: a mapping whose
 * keys are steps ("f:NAME" a field, "k:{...}" an item by its keys, "v:..." an item by its value,
 * "i:N" by its index) and whose values are the sets below. A step whose value is `{}` is in the
 * set; one with steps below it is in the set when "." is among them. The empty set is NULL.
 */
#ifndef API_FIELD_SET_H
#define API_FIELD_SET_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"

struct json_object;

/* A set as a client sent it, checked, with keys of items in one spelling and all steps sorted: the
 * same set is the same text. -EINVAL with words (also of what could not be read again from a file:
 * too deep, or a step that does not fit), -ENOMEM. The caller owns `ret`. */
int bl_fields_read(struct json_object *json, struct json_object **ret, struct bl_err *err);

/* New sets (or NULL: nothing is left); the arguments are borrowed and may be NULL. -ENOMEM. */
int bl_fields_union(struct json_object *a, struct json_object *b, struct json_object **ret);
int bl_fields_difference(struct json_object *a, struct json_object *b, struct json_object **ret);
int bl_fields_intersection(struct json_object *a, struct json_object *b, struct json_object **ret);

bool bl_fields_same(struct json_object *a, struct json_object *b);
/* Is the place of this node (a value of a set) itself in the set? */
bool bl_fields_has_self(struct json_object *node);

/* Calls `fn` with the path of each member, as ".spec.ports[port=80,protocol=\"TCP\"].name". */
typedef void bl_fields_fn(const char *path, void *userdata);
int bl_fields_each(struct json_object *set, bl_fields_fn *fn, void *userdata);

/* Can the step be a key in a file of YAML? Readers take no keys of more than 1,024 bytes, as they
 * stand there: quoted, and with escapes. */
bool bl_fields_step_fits(const char *step);

/* "k:{...}" of an item's keys, or "v:..." of a scalar, into `ret`. */
void bl_fields_step(char type, struct json_object *value, struct bl_buf *ret);

#endif
