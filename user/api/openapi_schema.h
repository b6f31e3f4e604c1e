/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The schema tables as JSON schemas, in the dialects of OpenAPI 2 and 3. Inside of user/api. */
#ifndef API_OPENAPI_SCHEMA_H
#define API_OPENAPI_SCHEMA_H

#include "api/resources.h"

struct json_object;

struct bl_openapi_dialect {
	const char *ref_prefix; /* "#/definitions/" */
	bool v3;
};

/* Schemas of all that `group_version` (NULL: every group) has, by their full names, into `ret`. */
void bl_openapi_schemas(const char *group_version, const struct bl_openapi_dialect *dialect,
			struct json_object *ret);
/* A schema that only points to the resource's; list: to that of its list. */
struct json_object *bl_openapi_ref_of(const struct bl_api_resource *resource, bool list,
				      const struct bl_openapi_dialect *dialect);
/* {"group","kind","version"} */
struct json_object *bl_openapi_gvk(const struct bl_api_resource *resource);
/* The version without the group. */
const char *bl_openapi_version_of(const struct bl_api_resource *resource);

#endif
