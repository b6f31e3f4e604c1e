/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Discovery: which groups, versions and resources there are, from the rows of resources.h. Pure;
 * trees are the caller's. */
#ifndef API_DISCOVERY_H
#define API_DISCOVERY_H

#include <stdbool.h>

struct json_object;

/* `/api` and `/apis`, as they were before Kubernetes 1.26. */
struct json_object *bl_discovery_versions(void);
struct json_object *bl_discovery_groups(void);
/* `/apis/GROUP`; NULL: no such group. */
struct json_object *bl_discovery_group(const char *name);
/* `/api/v1` and `/apis/GROUP/VERSION`, as "v1" or "GROUP/VERSION"; NULL: no such. */
struct json_object *bl_discovery_resources(const char *group_version);
/* APIGroupDiscoveryList, `/api` when `core`, else `/apis`. `version` is "v2" or "v2beta1". */
struct json_object *bl_discovery_aggregated(bool core, const char *version);

#endif
