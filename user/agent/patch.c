/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/patch.h"

#include <errno.h>
#include <json-c/json.h>
#include <limits.h>
#include <string.h>

#define DEPTH_MAX 64

int bl_json_parse(const char *text, size_t len, struct json_object **ret, struct bl_err *err)
{
	struct json_tokener *tokener = json_tokener_new_ex(DEPTH_MAX);
	enum json_tokener_error error;
	struct json_object *json;
	size_t end;

	if (!tokener)
		return -ENOMEM;
	/* Strict also means that nothing may follow, but it does not see a text that just ends. */
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	json = json_tokener_parse_ex(tokener, text, len > INT_MAX ? INT_MAX : (int)len);
	error = json_tokener_get_error(tokener);
	end = json_tokener_get_parse_end(tokener);
	json_tokener_free(tokener);
	while (json && end < len && strchr(" \t\r\n", text[end]))
		end++;
	if (!json || end < len || !json_object_is_type(json, json_type_object)) {
		json_object_put(json);
		if (error == json_tokener_continue)
			return bl_err_set(err, -EINVAL, "the JSON text ends too early");
		if (error != json_tokener_success)
			return bl_err_set(err, -EINVAL, "the body is no JSON: %s at byte %zu",
					  json_tokener_error_desc(error), end);
		return bl_err_set(err, -EINVAL, "the body is not one JSON object");
	}
	*ret = json;
	return 0;
}

static bool among(const char *key, const char *const *names)
{
	for (; *names; names++)
		if (!strcmp(key, *names))
			return true;
	return false;
}

bool bl_json_touches_only_labels(struct json_object *patch)
{
	static const char *const top[] = {"apiVersion", "kind", "metadata", NULL};
	static const char *const inside[] = {"labels",    "annotations",     "name",
					     "namespace", "resourceVersion", NULL};
	struct json_object *meta = NULL;

	json_object_object_foreach(patch, key, value)
	{
		(void)value;
		if (!among(key, top))
			return false;
	}
	if (!json_object_object_get_ex(patch, "metadata", &meta))
		return true;
	if (!json_object_is_type(meta, json_type_object))
		return false;
	{
		json_object_object_foreach(meta, name, field)
		{
			(void)field;
			if (!among(name, inside))
				return false;
		}
	}
	return true;
}

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

int bl_json_follow_service_type(struct json_object *old, struct json_object *now)
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
