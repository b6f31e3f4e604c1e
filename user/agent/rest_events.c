/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Events of the API: what the probes have noticed, in memory alone, told as Kubernetes does. */
#include <json-c/json.h>
#include <string.h>

#include "agent/rest.h"
#include "api/json.h"
#include "api/openapi.h"

#define COMPONENT "beeline"

static const char *const fields[] = {
	"metadata.name",
	"metadata.namespace",
	"involvedObject.kind",
	"involvedObject.name",
	"involvedObject.namespace",
	"involvedObject.uid",
	"involvedObject.apiVersion",
	"involvedObject.resourceVersion",
	"involvedObject.fieldPath",
	"reason",
	"reportingComponent",
	"type",
	NULL,
};

static void copy(struct json_object *to, struct json_object *from, const char *key)
{
	bl_json_set(to, key, json_object_get(bl_json_key(from, key)));
}

/* "web-1.0a1b2c3d4e5f6071": the same as long as it is the same thing that happens. */
static void set_name(struct json_object *meta, const struct bl_object *pod,
		     struct json_object *noticed)
{
	_cleanup_(bl_buf_done) struct bl_buf what = {0}, name = {0};

	bl_buf_addf(&what, "%s %s %s", bl_json_str_or(noticed, "firstTimestamp", ""),
		    bl_json_str_or(noticed, "reason", ""), bl_json_str_or(noticed, "message", ""));
	bl_buf_addf(&name, "%s.%016llx", pod->meta.name,
		    (unsigned long long)(what.failed ? 0 : bl_openapi_hash(what.data, what.len)));
	bl_json_set_str(meta, "name", name.failed ? NULL : name.data);
}

static struct json_object *reference_to(const struct bl_object *pod)
{
	struct json_object *json = json_object_new_object();

	bl_json_set_str(json, "kind", "Pod");
	bl_json_set_str(json, "namespace", pod->meta.ns);
	bl_json_set_str(json, "name", pod->meta.name);
	bl_json_set_str(json, "uid", pod->meta.uid);
	bl_json_set_str(json, "apiVersion", "v1");
	return json;
}

static struct json_object *event_of(struct bl_agent *agent, const struct bl_object *pod,
				    struct json_object *noticed)
{
	static const char *const keys[] = {"reason", "message",        "type",
					   "count",  "firstTimestamp", "lastTimestamp"};
	struct json_object *json = json_object_new_object(), *meta, *source;
	char version[24];

	bl_json_set_str(json, "apiVersion", "v1");
	bl_json_set_str(json, "kind", "Event");
	meta = bl_json_add_object(json, "metadata");
	set_name(meta, pod, noticed);
	bl_json_set_str(meta, "namespace", pod->meta.ns);
	(void)snprintf(version, sizeof(version), "%llu",
		       (unsigned long long)bl_store_version(agent->store));
	bl_json_set_str(meta, "resourceVersion", version);
	bl_json_set(meta, "creationTimestamp",
		    json_object_get(bl_json_key(noticed, "firstTimestamp")));
	bl_json_set(json, "involvedObject", reference_to(pod));
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		copy(json, noticed, keys[i]);
	source = bl_json_add_object(json, "source");
	bl_json_set_str(source, "component", COMPONENT);
	bl_json_set_str(source, "host", bl_node_watch_facts(agent->node)->name);
	bl_json_set_str(json, "reportingComponent", COMPONENT);
	return json;
}

/* All events of a namespace (NULL: of all), in the order of the pods, oldest first. */
static struct json_object *collect(struct bl_agent *agent, const char *ns)
{
	struct json_object *list = json_object_new_array();
	_cleanup_free_ const struct bl_object **pods = NULL;
	size_t count = 0;

	if (!agent->probing || bl_store_list(agent->store, BL_KIND_POD, ns, &pods, &count) < 0)
		return list;
	for (size_t i = 0; i < count; i++) {
		_cleanup_json_ struct json_object *noticed =
			bl_probing_events(agent->probing, pods[i]->meta.ns, pods[i]->meta.name);

		for (size_t k = 0; k < bl_json_len(noticed); k++)
			bl_json_push(list, event_of(agent, pods[i], bl_json_item(noticed, k)));
	}
	return list;
}

static void reply_list(struct bl_agent *agent, const struct bl_request *request,
		       struct bl_render *render, struct json_object *events, struct bl_reply *reply)
{
	const struct bl_list_meta meta = {.version = bl_store_version(agent->store)};
	_cleanup_(bl_selector_free) struct bl_selector *selector = NULL;
	bool is_first = true;

	if (bl_rest_selector(request, fields, &selector, reply) < 0)
		return;
	bl_render_list_begin(render, &meta, &reply->body);
	for (size_t i = 0; i < bl_json_len(events); i++) {
		struct json_object *event = bl_json_item(events, i);

		if (!bl_selector_match_json(selector, event))
			continue;
		bl_render_list_item(render, json_object_get(event), is_first, &reply->body);
		is_first = false;
	}
	bl_render_list_end(&reply->body);
}

static void reply_one(struct bl_render *render, struct json_object *events, const char *name,
		      struct bl_reply *reply)
{
	for (size_t i = 0; i < bl_json_len(events); i++) {
		struct json_object *event = bl_json_item(events, i);

		if (strcmp(bl_json_str_or(event, "metadata.name", ""), name) != 0)
			continue;
		bl_rest_json(reply, 200, bl_render_object(render, json_object_get(event)));
		return;
	}
	bl_rest_error(reply, 404, NULL, "events \"%.200s\" not found", name);
}

/* What there is, then what comes; only that when the client says that it has listed. */
static void reply_watch(struct bl_agent *agent, const struct bl_request *request, const char *ns,
			const struct bl_render *render, struct bl_reply *reply)
{
	struct bl_watch_request watch = {
		.kind = BL_WATCH_EVENTS,
		.ns = ns[0] ? ns : NULL,
		.render = *render,
		.from_now = true,
	};
	_cleanup_json_ struct json_object *events = NULL;
	uint64_t version = 0, seconds = 0;

	if (bl_rest_number(request, "resourceVersion", UINT64_MAX, &version, reply) < 0 ||
	    bl_rest_number(request, "timeoutSeconds", BL_WATCH_TIMEOUT_MAX_S, &seconds, reply) <
		    0 ||
	    bl_rest_selector(request, fields, &watch.selector, reply) < 0)
		return;
	bl_rest_open_watch(agent, &watch, seconds, reply);
	if (version || !reply->watcher)
		return;
	events = collect(agent, watch.ns);
	for (size_t i = 0; i < bl_json_len(events); i++)
		bl_watcher_tell(reply->watcher, BL_CHANGE_ADDED, bl_json_item(events, i));
}

void bl_rest_event_noticed(struct bl_agent *agent, const char *ns, const char *pod)
{
	const struct bl_object *object = bl_store_find(agent->store, BL_KIND_POD, ns, pod);
	_cleanup_json_ struct json_object *noticed = NULL, *event = NULL;
	struct json_object *last;

	if (!object || !agent->probing)
		return;
	noticed = bl_probing_events(agent->probing, ns, pod);
	last = bl_json_len(noticed) ? bl_json_item(noticed, bl_json_len(noticed) - 1) : NULL;
	if (!last)
		return;
	event = event_of(agent, object, last);
	bl_watches_tell(agent->watches,
			bl_json_int(last, "count", 1) > 1 ? BL_CHANGE_MODIFIED : BL_CHANGE_ADDED,
			event);
}

void bl_rest_events(struct bl_agent *agent, const struct bl_request *request, const char *ns,
		    const char *name, struct bl_reply *reply)
{
	struct bl_render render = {
		.kind = "Event",
		.api_version = "v1",
		.columns = bl_columns_event,
	};
	_cleanup_json_ struct json_object *events = NULL;
	const char *watch = bl_request_query(request, "watch");

	if (strcmp(request->method, "GET") != 0) {
		bl_rest_not_allowed(reply, "GET");
		return;
	}
	if (bl_rest_render(request, reply, &render) < 0)
		return;
	if (!name[0] && watch && (!strcmp(watch, "1") || !strcmp(watch, "true"))) {
		reply_watch(agent, request, ns, &render, reply);
		return;
	}
	events = collect(agent, ns[0] ? ns : NULL);
	if (name[0])
		reply_one(&render, events, name, reply);
	else
		reply_list(agent, request, &render, events, reply);
}
