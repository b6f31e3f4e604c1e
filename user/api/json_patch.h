/* SPDX-License-Identifier: GPL-3.0-or-later */
/* JSON patch, RFC 6902: all of its operations are done, or none. */
#ifndef API_JSON_PATCH_H
#define API_JSON_PATCH_H

#include "base/err.h"

struct json_object;

#define BL_JSON_PATCH_OPERATIONS 10000u   /* as an API server has it */
#define BL_JSON_PATCH_COPIED (100u << 10) /* values that all 'copy' together may add */

/*
 * What `target` becomes; both are borrowed, the result is a new tree. Errors name the operation by
 * its index: -EINVAL (the patch is malformed), -ENOENT (it does not fit the target, or a test
 * failed), -E2BIG (too many operations, too deep, too much copied), -ENOMEM.
 */
int bl_json_patch(struct json_object *target, struct json_object *patch, struct json_object **ret,
		  struct bl_err *err);

#endif
