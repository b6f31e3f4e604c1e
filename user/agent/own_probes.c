/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <json-c/json.h>

#include "agent/rest.h"

void bl_own_probes(struct bl_agent *agent, const struct bl_request *request, struct bl_reply *reply)
{
	const char *ns = bl_request_query(request, "namespace");
	const char *name = bl_request_query(request, "pod");
	struct json_object *json;

	if (!name || !name[0]) {
		bl_rest_error(reply, 400, NULL, "name a pod: ?namespace=NS&pod=NAME");
		return;
	}
	if (agent->probing) {
		json = bl_probing_json(agent->probing, ns && ns[0] ? ns : "default", name);
	} else {
		json = json_object_new_object();
		json_object_object_add(json, "probes", json_object_new_array());
		json_object_object_add(json, "events", json_object_new_array());
	}
	bl_rest_json(reply, 200, json);
}
