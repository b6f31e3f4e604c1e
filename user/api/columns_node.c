/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Columns of Node. */
#include <string.h>

#include "api/columns.h"

#define ROLE_PREFIX "node-role.kubernetes.io/"
#define ROLE_LABEL "kubernetes.io/role"

static void node_status(struct json_object *object, const struct bl_view *view, struct bl_buf *ret)
{
	struct json_object *ready =
		bl_json_find(bl_json_at(object, "status.conditions"), "type", "Ready");
	const char *status = "Unknown";

	(void)view;
	if (ready)
		status = strcmp(bl_json_str_or(ready, "status", ""), "True") == 0 ? "Ready"
										  : "NotReady";
	bl_buf_add_str(ret, status);
	if (bl_json_bool(object, "spec.unschedulable", false))
		bl_buf_add_str(ret, ",SchedulingDisabled");
}

void bl_node_roles_add(struct json_object *node, struct bl_buf *ret)
{
	struct json_object *labels = bl_json_at(node, "metadata.labels");
	size_t start = ret->len;

	if (json_object_is_type(labels, json_type_object)) {
		json_object_object_foreach(labels, key, value)
		{
			const char *role = NULL;

			if (strncmp(key, ROLE_PREFIX, strlen(ROLE_PREFIX)) == 0)
				role = key + strlen(ROLE_PREFIX);
			else if (strcmp(key, ROLE_LABEL) == 0)
				role = bl_json_str_or(value, "", NULL);
			if (role && *role)
				bl_buf_addf(ret, "%s%s", ret->len > start ? "," : "", role);
		}
	}
	if (ret->len == start)
		bl_buf_add_str(ret, "<none>");
}

static void node_roles(struct json_object *object, const struct bl_view *view, struct bl_buf *ret)
{
	(void)view;
	bl_node_roles_add(object, ret);
}

static void add_address(struct json_object *node, const char *type, struct bl_buf *ret)
{
	struct json_object *address =
		bl_json_find(bl_json_at(node, "status.addresses"), "type", type);

	bl_buf_add_str(ret, bl_json_str_or(address, "address", "<none>"));
}

static void node_internal_ip(struct json_object *object, const struct bl_view *view,
			     struct bl_buf *ret)
{
	(void)view;
	add_address(object, "InternalIP", ret);
}

static void node_external_ip(struct json_object *object, const struct bl_view *view,
			     struct bl_buf *ret)
{
	(void)view;
	add_address(object, "ExternalIP", ret);
}

static void add_info(struct json_object *node, const char *path, const char *fallback,
		     struct bl_buf *ret)
{
	bl_buf_add_str(ret, bl_json_str_or(node, path, fallback));
}

static void node_version(struct json_object *object, const struct bl_view *view, struct bl_buf *ret)
{
	(void)view;
	add_info(object, "status.nodeInfo.kubeletVersion", "", ret);
}

static void node_image(struct json_object *object, const struct bl_view *view, struct bl_buf *ret)
{
	(void)view;
	add_info(object, "status.nodeInfo.osImage", "<unknown>", ret);
}

static void node_kernel(struct json_object *object, const struct bl_view *view, struct bl_buf *ret)
{
	(void)view;
	add_info(object, "status.nodeInfo.kernelVersion", "<unknown>", ret);
}

static void node_runtime(struct json_object *object, const struct bl_view *view, struct bl_buf *ret)
{
	(void)view;
	add_info(object, "status.nodeInfo.containerRuntimeVersion", "<unknown>", ret);
}

const struct bl_column bl_columns_node[] = {
	{"Name", false, bl_column_name},
	{"Status", false, node_status},
	{"Roles", false, node_roles},
	{"Age", false, bl_column_age},
	{"Version", false, node_version},
	{"Internal-IP", true, node_internal_ip},
	{"External-IP", true, node_external_ip},
	{"OS-Image", true, node_image},
	{"Kernel-Version", true, node_kernel},
	{"Container-Runtime", true, node_runtime},
	{NULL},
};
