/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "api/service_update.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdbool.h>
#include <string.h>

static struct json_object *field(struct json_object *json, const char *key)
{
	struct json_object *value = NULL;

	return json_object_is_type(json, json_type_object) &&
			       json_object_object_get_ex(json, key, &value)
		       ? value
		       : NULL;
}

static const char *text_of(struct json_object *json, const char *key, const char *otherwise)
{
	struct json_object *value = field(json, key);

	return json_object_is_type(value, json_type_string) ? json_object_get_string(value)
							    : otherwise;
}

/* True when the field was there and is as it was. */
static bool is_untouched(struct json_object *old, struct json_object *now, const char *key)
{
	struct json_object *before = field(old, key);

	return before && json_object_equal(before, field(now, key));
}

static void drop_untouched(struct json_object *old, struct json_object *now,
			   const char *const *keys)
{
	for (; *keys; keys++)
		if (is_untouched(old, now, *keys))
			json_object_object_del(now, *keys);
}

/* A client of the days before clusterIPs writes clusterIP alone. */
static int follow_cluster_ip(struct json_object *old, struct json_object *now)
{
	const char *ip = text_of(now, "clusterIP", "");
	struct json_object *list, *before = field(old, "clusterIPs");

	if (!strcmp(ip, text_of(old, "clusterIP", "")) || !is_untouched(old, now, "clusterIPs"))
		return 0;
	json_object_object_del(now, "clusterIPs");
	if (!ip[0])
		return 0;
	list = json_object_new_array();
	if (!list || json_object_array_add(list, json_object_new_string(ip)) < 0 ||
	    json_object_object_add(now, "clusterIPs", list) < 0) {
		json_object_put(list);
		return -ENOMEM;
	}
	for (size_t i = 1; i < json_object_array_length(before); i++)
		(void)json_object_array_add(list,
					    json_object_get(json_object_array_get_idx(before, i)));
	return 0;
}

static bool has_node_ports(const char *type)
{
	return !strcmp(type, "NodePort") || !strcmp(type, "LoadBalancer");
}

static void drop_node_ports(struct json_object *old, struct json_object *now)
{
	static const char *const keys[] = {"nodePort", NULL};
	struct json_object *before = field(old, "ports"), *after = field(now, "ports");

	if (!json_object_is_type(before, json_type_array) ||
	    !json_object_is_type(after, json_type_array))
		return;
	for (size_t i = 0; i < json_object_array_length(after); i++)
		drop_untouched(json_object_array_get_idx(before, i),
			       json_object_array_get_idx(after, i), keys);
}

/* What was chosen for a field that the new version does not give. */
static int keep_chosen(struct json_object *old, struct json_object *now, const char *key)
{
	struct json_object *before = field(old, key), *after = field(now, key);

	if (!before || after)
		return 0;
	if (json_object_object_add(now, key, json_object_get(before)) == 0)
		return 0;
	json_object_put(before);
	return -ENOMEM;
}

static bool is_same_port(struct json_object *a, struct json_object *b)
{
	return json_object_equal(field(a, "port"), field(b, "port")) &&
	       !strcmp(text_of(a, "protocol", "TCP"), text_of(b, "protocol", "TCP"));
}

static int keep_node_ports(struct json_object *old, struct json_object *now)
{
	struct json_object *before = field(old, "ports"), *after = field(now, "ports");
	int r = 0;

	if (!json_object_is_type(before, json_type_array) ||
	    !json_object_is_type(after, json_type_array))
		return 0;
	for (size_t i = 0; r == 0 && i < json_object_array_length(after); i++) {
		struct json_object *port = json_object_array_get_idx(after, i);

		for (size_t j = 0; r == 0 && json_object_is_type(port, json_type_object) &&
				   j < json_object_array_length(before);
		     j++)
			if (is_same_port(port, json_object_array_get_idx(before, j)))
				r = keep_chosen(json_object_array_get_idx(before, j), port,
						"nodePort");
	}
	return r;
}

static int keep_allocated(struct json_object *old, struct json_object *now, const char *from,
			  const char *to)
{
	int r = 0;

	if (strcmp(from, "ExternalName") != 0 && strcmp(to, "ExternalName") != 0 &&
	    (!field(now, "clusterIP") || !text_of(now, "clusterIP", "x")[0]) &&
	    !field(now, "clusterIPs")) {
		json_object_object_del(now, "clusterIP");
		r = keep_chosen(old, now, "clusterIP");
		if (r == 0)
			r = keep_chosen(old, now, "clusterIPs");
		if (r == 0)
			r = keep_chosen(old, now, "ipFamilies");
		if (r == 0)
			r = keep_chosen(old, now, "ipFamilyPolicy");
	}
	if (r == 0 && has_node_ports(from) && has_node_ports(to))
		r = keep_node_ports(old, now);
	if (r == 0 && !strcmp(from, "LoadBalancer") && !strcmp(to, "LoadBalancer") &&
	    !strcmp(text_of(now, "externalTrafficPolicy", ""), "Local"))
		r = keep_chosen(old, now, "healthCheckNodePort");
	return r;
}

int bl_service_follow_update(struct json_object *old, struct json_object *now)
{
	static const char *const addresses[] = {
		"clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy", "internalTrafficPolicy",
		NULL};
	static const char *const outside[] = {"externalTrafficPolicy", "healthCheckNodePort", NULL};
	static const char *const balancer[] = {"allocateLoadBalancerNodePorts", "loadBalancerClass",
					       NULL};
	struct json_object *before = field(old, "spec"), *after = field(now, "spec");
	const char *from = text_of(before, "type", "ClusterIP");
	const char *to = text_of(after, "type", "ClusterIP");
	int r;

	if (!before || !json_object_is_type(after, json_type_object))
		return 0;
	r = follow_cluster_ip(before, after);
	if (r == 0)
		r = keep_allocated(before, after, from, to);
	if (r < 0 || !strcmp(from, to))
		return r;
	if (!strcmp(to, "ExternalName"))
		drop_untouched(before, after, addresses);
	if (has_node_ports(from) && !has_node_ports(to)) {
		drop_untouched(before, after, outside);
		drop_node_ports(before, after);
	}
	if (!strcmp(from, "LoadBalancer"))
		drop_untouched(before, after, balancer);
	return 0;
}
