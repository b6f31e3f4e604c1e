/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Texts that clients send, as JSON trees. */
#ifndef API_BODY_H
#define API_BODY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

struct json_object;

/* The whole text must be one JSON object (or, with `list`, one list). -EINVAL with words. */
int bl_body_json(const char *text, size_t len, bool list, struct json_object **ret,
		 struct bl_err *err);
/* One YAML document (or JSON: most of it is YAML too) that is a mapping. -EINVAL with words, -E2BIG
 * for what is beyond a limit, -ENOMEM. */
int bl_body_yaml(const char *text, size_t len, struct json_object **ret, struct bl_err *err);

/* The first field that a JSON text gives twice in one mapping; false: none. */
bool bl_body_duplicate(const char *text, size_t len, struct bl_buf *ret_field);

#endif
