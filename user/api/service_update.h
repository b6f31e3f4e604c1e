/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a changed Service keeps of what it was given, and what goes with its type. */
#ifndef API_SERVICE_UPDATE_H
#define API_SERVICE_UPDATE_H

struct json_object;

/*
 * What goes with a Service's type goes when the type does, unless the change says otherwise, and
 * what was chosen for it stays when the new version does not name it: a client that changes `type`,
 * or sends a manifest again, need not know of all the fields that were filled in. -ENOMEM.
 * (patchAllocatedValues and dropTypeDependentFields of Kubernetes' pkg/registry/core/service.)
 */
int bl_service_follow_update(struct json_object *old, struct json_object *now);

#endif
