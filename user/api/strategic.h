/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Strategic merge patch, as Kubernetes' apimachinery has it: lists whose row in the schema has a
 * merge key are merged item by item, and the patch may hold directives: `$patch: replace|delete|
 * merge`, `$retainKeys`, `$deleteFromPrimitiveList/FIELD`, `$setElementOrder/FIELD`.
 */
#ifndef API_STRATEGIC_H
#define API_STRATEGIC_H

#include "base/err.h"
#include "model/object.h"

struct json_object;

/* What `target` becomes; both are borrowed, the result is a new tree. -EINVAL with words: the patch
 * is malformed; -E2BIG, -ENOMEM. */
int bl_strategic_patch(enum bl_kind kind, struct json_object *target, struct json_object *patch,
		       struct json_object **ret, struct bl_err *err);

#endif
