/* SPDX-License-Identifier: GPL-3.0-or-later */
/* JSON from clients, and JSON merge patches (RFC 7386). */
#ifndef AGENT_PATCH_H
#define AGENT_PATCH_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct json_object;

/* The whole text must be one JSON object. -EINVAL with words. */
int bl_json_parse(const char *text, size_t len, struct json_object **ret, struct bl_err *err);
/* Changes `target` in place; both are objects. */
void bl_json_merge(struct json_object *target, struct json_object *patch);
/* Does the patch touch nothing but labels and annotations (and name the object)? */
bool bl_json_touches_only_labels(struct json_object *patch);

#endif
