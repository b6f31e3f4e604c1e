/* SPDX-License-Identifier: GPL-3.0-or-later */
/* "a=b,c=d" to an object of labels, for commands that make objects. */
#ifndef CLI_SELECTOR_H
#define CLI_SELECTOR_H

#include "api/json.h"
#include "base/err.h"

/* -EINVAL for anything but equalities, -ENOMEM. The caller owns the tree. */
int bl_selector_to_json(const char *text, struct json_object **ret, struct bl_err *err);

#endif
