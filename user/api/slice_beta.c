/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "api/slice_beta.h"

#include <string.h>

#include "api/json.h"

static void add_topology(struct json_object *topology, struct json_object *endpoint,
			 const char *field, const char *label)
{
	bl_json_set_str(topology, label, bl_json_str(endpoint, field));
}

/* Zone and node were labels of a map; the node has a field of its own, too. */
static struct json_object *endpoint_of(struct json_object *endpoint)
{
	struct json_object *json = json_object_new_object(), *topology = json_object_new_object();
	struct json_object *more = bl_json_key(endpoint, "deprecatedTopology");

	json_object_object_foreach(endpoint, key, value)
	{
		if (strcmp(key, "zone") != 0 && strcmp(key, "deprecatedTopology") != 0)
			bl_json_set(json, key, json_object_get(value));
	}
	if (json_object_is_type(more, json_type_object)) {
		json_object_object_foreach(more, label, text)
			bl_json_set(topology, label, json_object_get(text));
	}
	add_topology(topology, endpoint, "zone", "topology.kubernetes.io/zone");
	add_topology(topology, endpoint, "nodeName", "kubernetes.io/hostname");
	if (json_object_object_length(topology))
		bl_json_set(json, "topology", topology);
	else
		(void)json_object_put(topology);
	return json;
}

struct json_object *bl_slice_beta(struct json_object *slice)
{
	struct json_object *json = json_object_new_object(), *list = json_object_new_array();
	struct json_object *endpoints = bl_json_key(slice, "endpoints");

	bl_json_set_str(json, "apiVersion", BL_SLICE_BETA);
	json_object_object_foreach(slice, key, value)
	{
		if (strcmp(key, "apiVersion") != 0 && strcmp(key, "endpoints") != 0)
			bl_json_set(json, key, json_object_get(value));
	}
	for (size_t i = 0; i < bl_json_len(endpoints); i++)
		bl_json_push(list, endpoint_of(bl_json_item(endpoints, i)));
	bl_json_set(json, "endpoints", list);
	(void)json_object_put(slice);
	return json;
}
