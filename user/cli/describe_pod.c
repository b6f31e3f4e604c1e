/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A Pod and a Node in words: what concerns Services, in kubectl's layout. */
#include <inttypes.h>

#include "api/age.h"
#include "api/columns.h"
#include "cli/describe.h"

static void add_ports(struct json_object *ports, const char *title, const char *field,
		      struct bl_buf *ret)
{
	size_t len = bl_json_len(ports);

	bl_buf_addf(ret, "    %s%s:\t", title, len > 1 ? "s" : "");
	for (size_t i = 0; i < len; i++) {
		struct json_object *port = bl_json_item(ports, i);

		bl_buf_addf(ret, "%s%" PRId64 "/%s", i ? ", " : "", bl_json_int(port, field, 0),
			    bl_json_str_or(port, "protocol", "TCP"));
	}
	bl_buf_add_str(ret, len ? "\n" : "<none>\n");
}

static void add_state(struct json_object *status, struct bl_buf *ret)
{
	struct json_object *state = bl_json_at(status, "state");
	const char *reason = bl_json_str_or(state, "waiting.reason",
					    bl_json_str_or(state, "terminated.reason", NULL));
	const char *word = "Waiting";

	if (bl_json_at(state, "running"))
		word = "Running";
	else if (bl_json_at(state, "terminated"))
		word = "Terminated";
	bl_buf_addf(ret, "    State:\t%s\n", word);
	if (reason)
		bl_buf_addf(ret, "      Reason:\t%s\n", reason);
	if (bl_json_str(state, "running.startedAt")) {
		bl_buf_add_str(ret, "      Started:\t");
		bl_time_add(bl_json_str(state, "running.startedAt"), ret);
		bl_buf_add_str(ret, "\n");
	}
	bl_buf_addf(ret, "    Ready:\t%s\n    Restart Count:\t%" PRId64 "\n",
		    bl_json_bool(status, "ready", false) ? "True" : "False",
		    bl_json_int(status, "restartCount", 0));
}

static void add_containers(const struct bl_description *what, const char *title, const char *field,
			   const char *status_field, struct bl_buf *ret)
{
	struct json_object *pod = what->object, *containers = bl_json_at(pod, field);

	if (bl_json_len(containers))
		bl_buf_addf(ret, "%s:\n", title);
	for (size_t i = 0; i < bl_json_len(containers); i++) {
		struct json_object *container = bl_json_item(containers, i);
		const char *name = bl_json_str_or(container, "name", "");
		struct json_object *status =
			bl_json_find(bl_json_at(pod, status_field), "name", name);
		struct json_object *ports = bl_json_at(container, "ports");

		bl_buf_addf(ret, "  %s:\n    Image:\t%s\n", name,
			    bl_json_str_or(container, "image", ""));
		add_ports(ports, "Port", "containerPort", ret);
		add_ports(ports, "Host Port", "hostPort", ret);
		if (status)
			add_state(status, ret);
		bl_describe_probes(container, what->probes, what->now, ret);
	}
}

static void add_conditions(struct json_object *object, struct bl_buf *ret)
{
	struct json_object *conditions = bl_json_at(object, "status.conditions");

	if (bl_json_len(conditions))
		bl_buf_add_str(ret, "Conditions:\n  Type\tStatus\n");
	for (size_t i = 0; i < bl_json_len(conditions); i++) {
		struct json_object *condition = bl_json_item(conditions, i);

		bl_buf_addf(ret, "  %s \t%s \n", bl_json_str_or(condition, "type", ""),
			    bl_json_str_or(condition, "status", ""));
	}
}

static void add_time(struct json_object *object, const char *title, const char *path,
		     struct bl_buf *ret)
{
	if (!bl_json_str(object, path))
		return;
	bl_buf_addf(ret, "%s:\t", title);
	bl_time_add(bl_json_str(object, path), ret);
	bl_buf_add_str(ret, "\n");
}

void bl_describe_pod(const struct bl_description *what, struct bl_buf *ret)
{
	struct json_object *pod = what->object;
	struct json_object *ips = bl_json_at(pod, "status.podIPs");
	const char *host = bl_json_str_or(pod, "status.hostIP", NULL);

	bl_buf_addf(ret, "Name:\t%s\nNamespace:\t%s\n", bl_json_str_or(pod, "metadata.name", ""),
		    bl_json_str_or(pod, "metadata.namespace", ""));
	if (bl_json_str(pod, "spec.serviceAccountName"))
		bl_buf_addf(ret, "Service Account:\t%s\n",
			    bl_json_str(pod, "spec.serviceAccountName"));
	bl_buf_addf(ret, "Node:\t%s%s%s\n", bl_json_str_or(pod, "spec.nodeName", "<none>"),
		    host ? "/" : "", host ? host : "");
	add_time(pod, "Start Time", "status.startTime", ret);
	bl_describe_labels(bl_json_at(pod, "metadata.labels"), "Labels", ret);
	bl_describe_annotations(bl_json_at(pod, "metadata.annotations"), ret);
	bl_buf_add_str(ret, "Status:\t");
	bl_pod_status_add(pod, ret);
	bl_buf_addf(ret, "\nIP:\t%s\n", bl_json_str_or(pod, "status.podIP", ""));
	bl_buf_add_str(ret, bl_json_len(ips) ? "IPs:\n" : "IPs:\t<none>\n");
	for (size_t i = 0; i < bl_json_len(ips); i++)
		bl_buf_addf(ret, "  IP:\t%s\n", bl_json_str_or(bl_json_item(ips, i), "ip", ""));
	add_containers(what, "Init Containers", "spec.initContainers",
		       "status.initContainerStatuses", ret);
	add_containers(what, "Containers", "spec.containers", "status.containerStatuses", ret);
	add_conditions(pod, ret);
	bl_describe_events(what, ret);
}

static void add_quantities(struct json_object *node, const char *title, const char *path,
			   struct bl_buf *ret)
{
	struct json_object *list = bl_json_at(node, path);

	if (!json_object_is_type(list, json_type_object))
		return;
	bl_buf_addf(ret, "%s:\n", title);
	json_object_object_foreach(list, key, value)
	{
		const char *text = bl_json_str(value, "");

		bl_buf_addf(ret, "  %s:\t%s\n", key, text ? text : "");
	}
}

static void add_node_conditions(struct json_object *node, struct bl_buf *ret)
{
	struct json_object *conditions = bl_json_at(node, "status.conditions");

	if (bl_json_len(conditions))
		bl_buf_add_str(ret, "Conditions:\n"
				    "  Type\tStatus\tLastTransitionTime\tReason\tMessage\n"
				    "  ----\t------\t------------------\t------\t-------\n");
	for (size_t i = 0; i < bl_json_len(conditions); i++) {
		struct json_object *condition = bl_json_item(conditions, i);

		bl_buf_addf(ret, "  %s\t%s\t", bl_json_str_or(condition, "type", ""),
			    bl_json_str_or(condition, "status", ""));
		bl_time_add(bl_json_str(condition, "lastTransitionTime"), ret);
		bl_buf_addf(ret, "\t%s\t%s\n", bl_json_str_or(condition, "reason", ""),
			    bl_json_str_or(condition, "message", ""));
	}
}

static void add_node_pods(const struct bl_description *what, struct bl_buf *ret)
{
	bl_buf_addf(ret, "Pods:\t(%zu in total)\n", bl_json_len(what->pods));
	if (bl_json_len(what->pods))
		bl_buf_add_str(ret, "  Namespace\tName\tStatus\tAge\n"
				    "  ---------\t----\t------\t---\n");
	for (size_t i = 0; i < bl_json_len(what->pods); i++) {
		struct json_object *pod = bl_json_item(what->pods, i);

		bl_buf_addf(ret, "  %s\t%s\t", bl_json_str_or(pod, "metadata.namespace", ""),
			    bl_json_str_or(pod, "metadata.name", ""));
		bl_pod_status_add(pod, ret);
		bl_buf_add_str(ret, "\t");
		bl_age_add(bl_json_str(pod, "metadata.creationTimestamp"), what->now, ret);
		bl_buf_add_str(ret, "\n");
	}
}

void bl_describe_node(const struct bl_description *what, struct bl_buf *ret)
{
	struct json_object *node = what->object;
	struct json_object *addresses = bl_json_at(node, "status.addresses");
	struct json_object *cidrs = bl_json_at(node, "spec.podCIDRs");

	bl_buf_addf(ret, "Name:\t%s\nRoles:\t", bl_json_str_or(node, "metadata.name", ""));
	bl_node_roles_add(node, ret);
	bl_buf_add_str(ret, "\n");
	bl_describe_labels(bl_json_at(node, "metadata.labels"), "Labels", ret);
	bl_describe_annotations(bl_json_at(node, "metadata.annotations"), ret);
	add_time(node, "CreationTimestamp", "metadata.creationTimestamp", ret);
	bl_buf_addf(ret, "Unschedulable:\t%s\n",
		    bl_json_bool(node, "spec.unschedulable", false) ? "true" : "false");
	add_node_conditions(node, ret);
	bl_buf_add_str(ret, bl_json_len(addresses) ? "Addresses:\n" : "Addresses:\t<none>\n");
	for (size_t i = 0; i < bl_json_len(addresses); i++) {
		struct json_object *address = bl_json_item(addresses, i);

		bl_buf_addf(ret, "  %s:\t%s\n", bl_json_str_or(address, "type", ""),
			    bl_json_str_or(address, "address", ""));
	}
	add_quantities(node, "Capacity", "status.capacity", ret);
	add_quantities(node, "Allocatable", "status.allocatable", ret);
	if (bl_json_len(cidrs)) {
		bl_buf_addf(ret, "PodCIDR:\t%s\nPodCIDRs:\t",
			    bl_json_str_or(node, "spec.podCIDR", ""));
		bl_json_join(cidrs, ",", ret);
		bl_buf_add_str(ret, "\n");
	}
	add_node_pods(what, ret);
	bl_buf_add_str(ret, "Events:\t<none>\n");
}
