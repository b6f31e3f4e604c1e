/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Events of the API: what the probes have noticed, and what clients have written. */
#include <errno.h>
#include <json-c/json.h>
#include <string.h>
#include <time.h>

#include "agent/events.h"
#include "agent/rest.h"
#include "api/event.h"
#include "api/json.h"
#include "api/openapi.h"

#define COMPONENT "beeline"

const char *const bl_rest_event_fields[] = {
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

	bl_json_set_str(json, "apiVersion", "v1");
	bl_json_set_str(json, "kind", "Event");
	meta = bl_json_add_object(json, "metadata");
	set_name(meta, pod, noticed);
	bl_json_set_str(meta, "namespace", pod->meta.ns);
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

static bool in_scope(struct json_object *event, const struct bl_rest_events_target *target)
{
	return !target->ns[0] ||
	       !strcmp(bl_json_str_or(event, "metadata.namespace", ""), target->ns);
}

static void reply_list(struct bl_agent *agent, const struct bl_request *request,
		       const struct bl_rest_events_target *target, struct bl_render *render,
		       struct bl_reply *reply)
{
	const struct bl_list_meta meta = {.version = bl_store_version(agent->store)};
	_cleanup_(bl_selector_free) struct bl_selector *selector = NULL;
	bool is_first = true;

	if (bl_rest_selector(request, bl_rest_event_fields, &selector, reply) < 0)
		return;
	bl_render_list_begin(render, &meta, &reply->body);
	for (size_t i = 0; i < bl_events_count(agent->events); i++) {
		struct json_object *event = bl_events_at(agent->events, i);

		if (!in_scope(event, target) || !bl_selector_match_json(selector, event))
			continue;
		bl_render_list_item(render, json_object_get(event), is_first, &reply->body);
		is_first = false;
	}
	bl_render_list_end(&reply->body);
}

static void reply_one(struct bl_agent *agent, const struct bl_rest_events_target *target,
		      struct bl_render *render, struct bl_reply *reply)
{
	struct json_object *event = bl_events_find(agent->events, target->ns, target->name);

	if (event)
		bl_rest_json(reply, 200, bl_render_object(render, json_object_get(event)));
	else
		bl_rest_error(reply, 404, NULL, "events \"%.200s\" not found", target->name);
}

static void reply_gone(struct bl_reply *reply, uint64_t version)
{
	bl_watcher_close(TAKE_PTR(reply->watcher));
	bl_rest_error(reply, 410, NULL,
		      "what happened after version %llu is not remembered any more: list again",
		      (unsigned long long)version);
}

/* What there is, or what came since a version; then what comes. */
static void reply_watch(struct bl_agent *agent, const struct bl_request *request,
			const struct bl_rest_events_target *target, const struct bl_render *render,
			struct bl_reply *reply)
{
	struct bl_watch_request watch = {
		.kind = BL_WATCH_EVENTS,
		.ns = target->ns[0] ? target->ns : NULL,
		.render = *render,
	};
	uint64_t seconds = 0;
	bool from_now;

	if (bl_rest_watch_start(request, &watch, reply) < 0 ||
	    bl_rest_number(request, "timeoutSeconds", BL_WATCH_TIMEOUT_MAX_S, &seconds, reply) <
		    0 ||
	    bl_rest_selector(request, bl_rest_event_fields, &watch.selector, reply) < 0)
		return;
	from_now = watch.from_now;
	if (watch.from_start)
		watch.version = 0;
	watch.from_start = false;
	watch.from_now = true; /* they are in no store: told below */
	bl_rest_open_watch(agent, &watch, seconds, reply);
	if (reply->watcher && !from_now &&
	    bl_events_tell(agent->events, reply->watcher, watch.version) < 0)
		reply_gone(reply, watch.version);
}

void bl_rest_event_noticed(struct bl_agent *agent, const char *ns, const char *pod)
{
	const struct bl_object *object = bl_store_find(agent->store, BL_KIND_POD, ns, pod);
	_cleanup_json_ struct json_object *noticed = NULL;
	struct json_object *last, *event;

	if (!object || !agent->probing)
		return;
	noticed = bl_probing_events(agent->probing, ns, pod);
	last = bl_json_len(noticed) ? bl_json_item(noticed, bl_json_len(noticed) - 1) : NULL;
	if (!last)
		return;
	event = event_of(agent, object, last);
	if (event)
		bl_events_put(agent->events, event, time(NULL));
}

static struct json_object *in_group(struct json_object *event)
{
	struct json_object *json = bl_event_to_group(event);

	(void)json_object_put(event);
	return json;
}

void bl_rest_events(struct bl_agent *agent, const struct bl_request *request,
		    const struct bl_rest_events_target *target, struct bl_reply *reply)
{
	struct bl_render render = {
		.kind = "Event",
		.api_version = target->group ? BL_EVENT_GROUP : "v1",
		.columns = bl_columns_event,
		.form = target->group ? in_group : NULL,
	};
	const char *watch = bl_request_query(request, "watch");

	bl_events_expire(agent->events, time(NULL));
	if (strcmp(request->method, "GET") != 0) {
		bl_rest_events_write(agent, request, target, reply);
		return;
	}
	if (bl_rest_render(request, reply, &render) < 0)
		return;
	if (target->name[0])
		reply_one(agent, target, &render, reply);
	else if (watch && (!strcmp(watch, "1") || !strcmp(watch, "true")))
		reply_watch(agent, request, target, &render, reply);
	else
		reply_list(agent, request, target, &render, reply);
}
