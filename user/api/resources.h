/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the API offers, one row a resource: the kinds of the model, and Events, which are in no
 * store of objects. Discovery documents and OpenAPI follow from the rows.
 */
#ifndef API_RESOURCES_H
#define API_RESOURCES_H

#include "model/schema.h"

struct bl_api_resource {
	const char *group;         /* "" is the core group */
	const char *group_version; /* "v1", "discovery.k8s.io/v1" */
	const char *kind;
	const char *plural;
	const char *singular;
	const char *short_name; /* NULL: none */
	const char *category;   /* "all", or NULL */
	bool namespaced;
	bool has_status; /* a path of its own for the status */
	const struct bl_type *type;
	const char *help;
};

/* False behind the last row. */
bool bl_api_resource(size_t index, struct bl_api_resource *ret);

/* The groups in the order of discovery; NULL behind the last. A group has one version. */
const char *bl_api_group_version(size_t index);

#endif
