/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/rest.h"

#include <json-c/json.h>
#include <string.h>

#include "agent/differences.h"
#include "model/pod.h"
#include "resolve/env.h"

#define DIFFERENCES_MAX 1000u

static void reply_text(struct bl_reply *reply, unsigned int code, const char *text)
{
	reply->code = code;
	reply->content_type = "text/plain; charset=utf-8";
	bl_buf_addf(&reply->body, "%s\n", text);
}

void bl_own_readyz(struct bl_agent *agent, struct bl_reply *reply)
{
	const struct bl_reconcile_stats *stats = bl_reconcile_stats(agent->reconcile);

	if (stats->ready)
		reply_text(reply, 200, "ok");
	else if (!stats->begun)
		reply_text(reply, 503, "starting: not every source has delivered yet");
	else
		reply_text(reply, 503, stats->error[0] ? stats->error : "starting");
}

void bl_own_healthz(struct bl_agent *agent, struct bl_reply *reply)
{
	const struct bl_reconcile_stats *stats = bl_reconcile_stats(agent->reconcile);
	const struct bl_canary_status *canary =
		agent->canary ? bl_canary_status(agent->canary) : NULL;
	const char *leaving =
		bl_health_check_leaving(agent->store, bl_node_watch_facts(agent->node)->name);

	if (leaving)
		reply_text(reply, 503, leaving);
	else if (stats->behind)
		reply_text(reply, 503, stats->error);
	else if (canary && canary->state == BL_CANARY_NOT_IN_FORCE)
		reply_text(reply, 503, canary->reason);
	else
		reply_text(reply, 200, "ok");
}

void bl_own_verify(struct bl_agent *agent, struct bl_reply *reply)
{
	struct json_object *json, *list;
	struct bl_err err = {0};
	char *text = NULL;
	size_t count = 0, shown = 0;

	if (bl_differences(agent->plan, agent->datapath, &text, &count, &err) < 0) {
		bl_rest_error(reply, 500, NULL, "%s", err.text);
		return;
	}
	json = json_object_new_object();
	list = json_object_new_array();
	for (char *line = text, *end; shown < DIFFERENCES_MAX && *line; line = end + 1) {
		end = strchrnul(line, '\n');
		json_object_array_add(list, json_object_new_string_len(line, (int)(end - line)));
		shown++;
		if (!*end)
			break;
	}
	json_object_object_add(json, "equal", json_object_new_boolean(!count));
	json_object_object_add(json, "differences", list);
	if (count > shown)
		json_object_object_add(json, "truncated", json_object_new_boolean(true));
	free(text);
	bl_rest_json(reply, 200, json);
}

void bl_own_plan(struct bl_agent *agent, struct bl_reply *reply)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	if (!out) {
		bl_rest_error(reply, 500, NULL, "no memory for the plan");
		return;
	}
	bl_plan_print(agent->plan, out);
	if (fclose(out) == 0)
		bl_buf_add(&reply->body, text, len);
	else
		reply->body.failed = true;
	free(text);
	reply->content_type = "text/plain; charset=utf-8";
}

/* "NAME=value" lines as a list. */
static struct json_object *list_of(const char *lines)
{
	struct json_object *list = json_object_new_array();

	while (lines && *lines) {
		size_t len = strcspn(lines, "\n"), name = strcspn(lines, "=");
		struct json_object *item;

		if (name < len) {
			item = json_object_new_object();
			json_object_object_add(item, "name",
					       json_object_new_string_len(lines, (int)name));
			json_object_object_add(item, "value",
					       json_object_new_string_len(lines + name + 1,
									  (int)(len - name - 1)));
			json_object_array_add(list, item);
		}
		lines += len + (lines[len] == '\n');
	}
	return list;
}

void bl_own_env(struct bl_agent *agent, const struct bl_request *request, struct bl_reply *reply)
{
	_cleanup_(bl_buf_done) struct bl_buf lines = {0};
	const char *ns = bl_request_query(request, "namespace");
	const char *name = bl_request_query(request, "pod");
	const struct bl_object *pod = NULL;

	if (!ns || !ns[0])
		ns = "default";
	if (name && name[0]) {
		struct bl_rest_target target = {.kind = BL_KIND_POD};

		(void)snprintf(target.name, sizeof(target.name), "%s", name);
		pod = bl_store_find(agent->store, BL_KIND_POD, ns, name);
		if (!pod) {
			bl_rest_error(reply, 404, &target, "pods \"%.200s\" not found", name);
			return;
		}
	}
	if (bl_service_env(agent->store, ns, pod ? bl_pod_of(pod) : NULL, &lines) < 0 ||
	    lines.failed)
		bl_rest_error(reply, 500, NULL, "no memory for the variables");
	else
		bl_rest_json(reply, 200, list_of(lines.data));
}
