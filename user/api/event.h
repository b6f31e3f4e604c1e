/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Events in their two forms: of the core group (v1), in which they are kept, and of
 * events.k8s.io/v1, which says the same with other words. Pure.
 */
#ifndef API_EVENT_H
#define API_EVENT_H

#include "base/err.h"
#include "model/schema.h"

struct json_object;

#define BL_EVENT_GROUP "events.k8s.io/v1"

extern const struct bl_type bl_type_api_event, bl_type_group_event;

/* A new tree in the other form, which shares its members with `event` (borrowed). NULL: no memory.
 */
struct json_object *bl_event_to_core(struct json_object *event);
struct json_object *bl_event_to_group(struct json_object *event);

/* What Kubernetes asks of a new Event in the core form, `group`: as it came by events.k8s.io/v1.
 * -EINVAL with the field and words that follow "FIELD: ". */
int bl_event_check(struct json_object *event, bool group, const char **ret_field,
		   struct bl_err *err);

#endif
