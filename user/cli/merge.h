/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What `apply` changes: fields that the manifest has now, and fields that it had when it was
 * applied last and has no more. All others (labels that somebody added, addresses that were given
 * out) stay. The manifest as it was applied stands in an annotation of the object, where kubectl
 * keeps it too.
 */
#ifndef CLI_MERGE_H
#define CLI_MERGE_H

#include "api/json.h"

#define BL_ANNOTATION_LAST_APPLIED "kubectl.kubernetes.io/last-applied-configuration"

/* Puts the annotation into `manifest` that says what the manifest is. -ENOMEM. */
int bl_merge_annotate(struct json_object *manifest);

/*
 * A merge patch (RFC 7396) from `live` to `manifest`, which has its annotation already. `*ret` is
 * owned by the caller, and NULL when nothing changes. -ENOMEM.
 */
int bl_merge_patch(struct json_object *live, struct json_object *manifest,
		   struct json_object **ret);

#endif
