/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "api/discovery.h"

#include <string.h>

#include "api/json.h"
#include "api/openapi_schema.h"
#include "api/resources.h"
#include "base/cleanup.h"

static const char *const all_verbs[] = {"create", "delete", "deletecollection", "get",
					"list",   "patch",  "update",           "watch"};
static const char *const status_verbs[] = {"get", "patch", "update"};

static struct json_object *strings(const char *const *items, size_t count)
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < count; i++)
		bl_json_push(list, json_object_new_string(items[i]));
	return list;
}

/* Namespaces are deleted one by one. */
static struct json_object *verbs_of(const struct bl_api_resource *resource)
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < ARRAY_SIZE(all_verbs); i++)
		if (strcmp(all_verbs[i], "deletecollection") != 0 ||
		    strcmp(resource->kind, "Namespace") != 0)
			bl_json_push(list, json_object_new_string(all_verbs[i]));
	return list;
}

static struct json_object *document(const char *kind, const char *version)
{
	struct json_object *json = json_object_new_object();

	bl_json_set_str(json, "kind", kind);
	bl_json_set_str(json, "apiVersion", version);
	return json;
}

/* What both forms say of a resource beside its name. */
static void put_words(struct json_object *json, const struct bl_api_resource *resource)
{
	bl_json_set(json, "verbs", verbs_of(resource));
	if (resource->short_name)
		bl_json_set(json, "shortNames", strings(&resource->short_name, 1));
	if (resource->category)
		bl_json_set(json, "categories", strings(&resource->category, 1));
}

struct json_object *bl_discovery_versions(void)
{
	static const char *const versions[] = {"v1"};
	struct json_object *json = document("APIVersions", "v1");

	bl_json_set(json, "versions", strings(versions, 1));
	bl_json_set(json, "serverAddressByClientCIDRs", json_object_new_array());
	return json;
}

/* Of "GROUP/VERSION". */
static struct json_object *version_entry(const char *group_version)
{
	struct json_object *json = json_object_new_object();

	bl_json_set_str(json, "groupVersion", group_version);
	bl_json_set_str(json, "version", strchr(group_version, '/') + 1);
	return json;
}

static void fill_group(struct json_object *json, const char *group_version)
{
	struct json_object *versions = json_object_new_array();

	bl_json_set(json, "name",
		    json_object_new_string_len(group_version, (int)strcspn(group_version, "/")));
	bl_json_push(versions, version_entry(group_version));
	bl_json_set(json, "versions", versions);
	bl_json_set(json, "preferredVersion", version_entry(group_version));
}

struct json_object *bl_discovery_groups(void)
{
	struct json_object *json = document("APIGroupList", "v1");
	struct json_object *groups = json_object_new_array(), *group;
	const char *group_version;

	bl_json_set(json, "groups", groups);
	for (size_t i = 0; (group_version = bl_api_group_version(i)); i++) {
		if (!strchr(group_version, '/'))
			continue;
		group = json_object_new_object();
		fill_group(group, group_version);
		bl_json_push(groups, group);
	}
	return json;
}

struct json_object *bl_discovery_group(const char *name)
{
	const char *group_version;
	size_t len = strlen(name);

	for (size_t i = 0; (group_version = bl_api_group_version(i)); i++) {
		struct json_object *json;

		if (strncmp(group_version, name, len) != 0 || group_version[len] != '/')
			continue;
		json = document("APIGroup", "v1");
		fill_group(json, group_version);
		return json;
	}
	return NULL;
}

static struct json_object *resource_entry(const struct bl_api_resource *resource)
{
	struct json_object *json = json_object_new_object();

	bl_json_set_str(json, "name", resource->plural);
	bl_json_set_str(json, "singularName", resource->singular);
	bl_json_set(json, "namespaced", json_object_new_boolean(resource->namespaced));
	bl_json_set_str(json, "kind", resource->kind);
	put_words(json, resource);
	return json;
}

/* "services/status" */
static struct json_object *status_entry(const struct bl_api_resource *resource)
{
	struct json_object *json = json_object_new_object();
	char name[64];

	(void)snprintf(name, sizeof(name), "%s/status", resource->plural);
	bl_json_set_str(json, "name", name);
	bl_json_set_str(json, "singularName", "");
	bl_json_set(json, "namespaced", json_object_new_boolean(resource->namespaced));
	bl_json_set_str(json, "kind", resource->kind);
	bl_json_set(json, "verbs", strings(status_verbs, ARRAY_SIZE(status_verbs)));
	return json;
}

struct json_object *bl_discovery_resources(const char *group_version)
{
	struct json_object *json = document("APIResourceList", "v1");
	struct json_object *list = json_object_new_array();
	struct bl_api_resource resource;

	bl_json_set_str(json, "groupVersion", group_version);
	bl_json_set(json, "resources", list);
	for (size_t i = 0; bl_api_resource(i, &resource); i++) {
		if (strcmp(resource.group_version, group_version) != 0)
			continue;
		bl_json_push(list, resource_entry(&resource));
		if (resource.has_status)
			bl_json_push(list, status_entry(&resource));
	}
	if (json_object_array_length(list))
		return json;
	(void)json_object_put(json);
	return NULL;
}

static struct json_object *aggregated_status(const struct bl_api_resource *resource)
{
	struct json_object *list = json_object_new_array(), *json = json_object_new_object();

	bl_json_set_str(json, "subresource", "status");
	bl_json_set(json, "responseKind", bl_openapi_gvk(resource));
	bl_json_set(json, "verbs", strings(status_verbs, ARRAY_SIZE(status_verbs)));
	bl_json_push(list, json);
	return list;
}

static struct json_object *aggregated_resource(const struct bl_api_resource *resource)
{
	struct json_object *json = json_object_new_object();

	bl_json_set_str(json, "resource", resource->plural);
	bl_json_set(json, "responseKind", bl_openapi_gvk(resource));
	bl_json_set_str(json, "scope", resource->namespaced ? "Namespaced" : "Cluster");
	bl_json_set_str(json, "singularResource", resource->singular);
	put_words(json, resource);
	if (resource->has_status)
		bl_json_set(json, "subresources", aggregated_status(resource));
	return json;
}

static struct json_object *aggregated_version(const char *group_version)
{
	struct json_object *json = json_object_new_object(), *list = json_object_new_array();
	const char *slash = strchr(group_version, '/');
	struct bl_api_resource resource;

	bl_json_set_str(json, "version", slash ? slash + 1 : group_version);
	bl_json_set(json, "resources", list);
	bl_json_set_str(json, "freshness", "Current");
	for (size_t i = 0; bl_api_resource(i, &resource); i++)
		if (strcmp(resource.group_version, group_version) == 0)
			bl_json_push(list, aggregated_resource(&resource));
	return json;
}

struct json_object *bl_discovery_aggregated(bool core, const char *version)
{
	char api_version[48];
	struct json_object *json, *items = json_object_new_array();
	const char *group_version;

	(void)snprintf(api_version, sizeof(api_version), "apidiscovery.k8s.io/%s", version);
	json = document("APIGroupDiscoveryList", api_version);
	bl_json_set(json, "metadata", json_object_new_object());
	bl_json_set(json, "items", items);
	for (size_t i = 0; (group_version = bl_api_group_version(i)); i++) {
		const char *slash = strchr(group_version, '/');
		struct json_object *group, *meta, *versions;

		if (core != !slash)
			continue;
		group = json_object_new_object();
		meta = bl_json_add_object(group, "metadata");
		if (slash)
			bl_json_set(meta, "name",
				    json_object_new_string_len(group_version,
							       (int)(slash - group_version)));
		versions = json_object_new_array();
		bl_json_push(versions, aggregated_version(group_version));
		bl_json_set(group, "versions", versions);
		bl_json_push(items, group);
	}
	return json;
}
