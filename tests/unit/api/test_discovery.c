/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <criterion/criterion.h>
#include <string.h>

#include "api/discovery.h"
#include "api/json.h"
#include "api/resources.h"

Test(discovery, both_forms_tell_the_same_resources)
{
	for (int core = 0; core <= 1; core++) {
		_cleanup_json_ struct json_object *list =
			bl_discovery_resources(core ? "v1" : "events.k8s.io/v1");
		_cleanup_json_ struct json_object *all = bl_discovery_aggregated(core, "v2");
		struct json_object *old = bl_json_at(list, "resources");
		struct json_object *new = bl_json_at(all, "items.0.versions.0.resources");

		size_t next = 0;

		cr_assert_gt(bl_json_len(old), 0);
		for (size_t i = 0; i < bl_json_len(new); i++) {
			struct json_object *one = bl_json_item(old, next++);
			struct json_object *other = bl_json_item(new, i);
			struct json_object *part = bl_json_at(other, "subresources.0");

			if (part) {
				struct json_object *status = bl_json_item(old, next++);

				cr_assert_str_eq(strchr(bl_json_str(status, "name"), '/') + 1,
						 bl_json_str(part, "subresource"));
				cr_assert(json_object_equal(bl_json_at(status, "verbs"),
							    bl_json_at(part, "verbs")));
			}

			cr_assert_str_eq(bl_json_str(one, "name"), bl_json_str(other, "resource"));
			cr_assert_str_eq(bl_json_str(one, "kind"),
					 bl_json_str(other, "responseKind.kind"));
			cr_assert_str_eq(bl_json_str(other, "scope"),
					 bl_json_bool(one, "namespaced", false) ? "Namespaced"
										: "Cluster");
			cr_assert(json_object_equal(bl_json_at(one, "verbs"),
						    bl_json_at(other, "verbs")));
			cr_assert(json_object_equal(bl_json_at(one, "shortNames"),
						    bl_json_at(other, "shortNames")));
		}
		cr_assert_eq(next, bl_json_len(old));
	}
}

Test(discovery, every_version_of_a_group_has_resources_and_every_resource_a_version)
{
	struct bl_api_resource resource;
	const char *version;

	for (size_t i = 0; (version = bl_api_group_version(i)); i++) {
		_cleanup_json_ struct json_object *list = bl_discovery_resources(version);

		cr_assert_gt(bl_json_len(bl_json_at(list, "resources")), 0, "%s", version);
	}
	for (size_t i = 0; bl_api_resource(i, &resource); i++) {
		_cleanup_json_ struct json_object *list =
			bl_discovery_resources(resource.group_version);

		cr_assert_not_null(
			bl_json_find(bl_json_at(list, "resources"), "name", resource.plural));
		cr_assert(resource.help && resource.help[0], "%s", resource.kind);
	}
	cr_assert_null(bl_discovery_resources("apps/v1"));
	cr_assert_null(bl_discovery_resources("discovery.k8s.io"));
}

Test(discovery, a_group_is_found_by_its_whole_name)
{
	_cleanup_json_ struct json_object *group = bl_discovery_group("discovery.k8s.io");

	cr_assert_str_eq(bl_json_str(group, "preferredVersion.groupVersion"),
			 "discovery.k8s.io/v1");
	cr_assert_null(bl_discovery_group("discovery.k8s"));
	cr_assert_null(bl_discovery_group("v1"));
	cr_assert_null(bl_discovery_group(""));
}

Test(discovery, pods_and_services_are_what_get_all_gets)
{
	_cleanup_json_ struct json_object *list = bl_discovery_resources("v1");
	struct json_object *resources = bl_json_at(list, "resources");

	for (size_t i = 0; i < bl_json_len(resources); i++) {
		struct json_object *one = bl_json_item(resources, i);
		bool is_all = !strcmp(bl_json_str_or(one, "categories.0", ""), "all");
		const char *name = bl_json_str(one, "name");

		cr_assert_eq(is_all, !strcmp(name, "pods") || !strcmp(name, "services"), "%s",
			     name);
	}
}
