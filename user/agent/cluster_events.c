/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/cluster_events.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdarg.h>
#include <time.h>

#include "base/log.h"
#include "kube/fetch.h"

#define UNDER_WAY_MAX 16 /* more than that at a time are not sent */
#define CONTROLLER "beeline.dev/agent"

static const struct {
	const char *type, *reason, *action;
} kinds[] = {
	[BL_CLUSTER_EVENT_ADDRESS] = {"Normal", "LoadBalancerAddress", "GiveAddress"},
	[BL_CLUSTER_EVENT_NO_ADDRESS] = {"Warning", "NoLoadBalancerAddress", "GiveAddress"},
};
_Static_assert(ARRAY_SIZE(kinds) == BL_CLUSTER_EVENT_COUNT, "each event has its words");

struct slot {
	struct bl_cluster_events *events;
	struct bl_kube_fetch *fetch;
};

struct bl_cluster_events {
	struct bl_kube_client *client;
	const char *node_name;
	bool refused; /* and said so */
	struct slot slots[UNDER_WAY_MAX];
};

int bl_cluster_events_new(struct bl_kube_client *client, const char *node_name,
			  struct bl_cluster_events **ret)
{
	struct bl_cluster_events *events = calloc(1, sizeof(*events));

	if (!events)
		return -ENOMEM;
	events->client = client;
	events->node_name = node_name;
	for (size_t i = 0; i < UNDER_WAY_MAX; i++)
		events->slots[i].events = events;
	*ret = events;
	return 0;
}

struct bl_cluster_events *bl_cluster_events_free(struct bl_cluster_events *events)
{
	if (!events)
		return NULL;
	for (size_t i = 0; i < UNDER_WAY_MAX; i++)
		(void)bl_kube_fetch_cancel(events->slots[i].fetch);
	free(events);
	return NULL;
}

static void on_sent(const struct bl_kube_reply *reply, void *userdata)
{
	struct slot *slot = userdata;
	struct bl_cluster_events *events = slot->events;

	slot->fetch = NULL;
	if (bl_kube_reply_is_good(reply)) {
		events->refused = false;
	} else if (!events->refused) {
		events->refused = true;
		bl_log(BL_LOG_NOTICE, "cannot write Events: %s%s", reply->words,
		       reply->status == 403
			       ? "; a ClusterRole must give the agent the verb 'create' on "
				 "resource 'events' in API group 'events.k8s.io'"
			       : "");
	}
}

static void add(struct json_object *object, const char *name, const char *text)
{
	if (text)
		(void)json_object_object_add(object, name, json_object_new_string(text));
}

static struct json_object *add_object(struct json_object *parent, const char *name)
{
	struct json_object *object = json_object_new_object();

	(void)json_object_object_add(parent, name, object);
	return object;
}

static struct json_object *make_event(const struct bl_cluster_events *events,
				      const struct bl_service *service, enum bl_cluster_event event,
				      const char *note)
{
	const struct bl_meta *meta = &service->object.meta;
	struct json_object *json = json_object_new_object(), *part;
	char name[320], time_text[BL_KUBE_TIME_TEXT], instance[128];
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	(void)snprintf(name, sizeof(name), "%s.%llx", meta->name,
		       (unsigned long long)now.tv_sec * 1000000000ull +
			       (unsigned long long)now.tv_nsec);
	(void)snprintf(instance, sizeof(instance), "beeline-%.119s", events->node_name);
	add(json, "apiVersion", "events.k8s.io/v1");
	add(json, "kind", "Event");
	part = add_object(json, "metadata");
	add(part, "name", name);
	add(part, "namespace", meta->ns);
	add(json, "eventTime",
	    bl_kube_time_format((uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000,
				time_text));
	add(json, "reportingController", CONTROLLER);
	add(json, "reportingInstance", instance);
	add(json, "action", kinds[event].action);
	add(json, "reason", kinds[event].reason);
	add(json, "type", kinds[event].type);
	add(json, "note", note);
	part = add_object(json, "regarding");
	add(part, "apiVersion", "v1");
	add(part, "kind", "Service");
	add(part, "namespace", meta->ns);
	add(part, "name", meta->name);
	add(part, "uid", meta->uid);
	return json;
}

void bl_cluster_events_send(struct bl_cluster_events *events, const struct bl_service *service,
			    enum bl_cluster_event event, const char *format, ...)
{
	char note[1024], path[384];
	struct bl_kube_request request = {.method = "POST", .path = path};
	struct json_object *json;
	struct slot *slot = NULL;
	size_t len;
	va_list args;

	va_start(args, format);
	(void)vsnprintf(note, sizeof(note), format, args);
	va_end(args);
	for (size_t i = 0; i < UNDER_WAY_MAX && !slot; i++)
		if (!events->slots[i].fetch)
			slot = &events->slots[i];
	if (!slot)
		return; /* a courtesy, as the header says */
	json = make_event(events, service, event, note);
	(void)snprintf(path, sizeof(path), "/apis/events.k8s.io/v1/namespaces/%s/events",
		       service->object.meta.ns);
	request.body = json_object_to_json_string_length(json, JSON_C_TO_STRING_PLAIN, &len);
	request.body_len = request.body ? len : 0;
	if (request.body)
		slot->fetch = bl_kube_fetch_start(events->client, &request, on_sent, slot, NULL);
	(void)json_object_put(json);
}
