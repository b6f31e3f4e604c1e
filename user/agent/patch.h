/* SPDX-License-Identifier: GPL-3.0-or-later */
/* JSON texts from clients; how they are merged is model/codec.h's. */
#ifndef AGENT_PATCH_H
#define AGENT_PATCH_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct json_object;

/* The whole text must be one JSON object. -EINVAL with words. */
int bl_json_parse(const char *text, size_t len, struct json_object **ret, struct bl_err *err);
/* Does the patch touch nothing but labels and annotations (and name the object)? */
bool bl_json_touches_only_labels(struct json_object *patch);

/*
 * What goes with a Service's type goes when the type does, unless the patch says otherwise: a
 * client that patches `type`, or `clusterIP`, need not know of all the fields that were filled in.
 * -ENOMEM.
 */
int bl_json_follow_service_type(struct json_object *old, struct json_object *now);

#endif
