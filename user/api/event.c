/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "api/event.h"

#include <errno.h>
#include <string.h>

#include "api/json.h"
#include "base/cleanup.h"

#define WORD_MAX 128
#define NOTE_MAX 1024

/* No struct stands behind these rows. */
#define TOLD(text, looks, words)                                                                   \
	{                                                                                          \
		BL_NAME(text), .type = BL_FIELD_KEPT, .kept = (BL_KEPT_##looks), .help = (words)   \
	}
#define TOLD_MAP(text, table, words)                                                               \
	{                                                                                          \
		BL_NAME(text), .type = BL_FIELD_KEPT, .kept = BL_KEPT_MAP, .sub = &(table),        \
			       .help = (words)                                                     \
	}

static const struct bl_field source_fields[] = {
	TOLD("component", STRING, "what noticed it"),
	TOLD("host", STRING, "the node on which it did"),
};
static const struct bl_type type_source = BL_KEPT_TYPE("EventSource", source_fields);

static const struct bl_field series_fields[] = {
	TOLD("count", INT, "how often it happened so far"),
	TOLD("lastObservedTime", TIME, "when it did last"),
};
static const struct bl_type type_core_series = BL_KEPT_TYPE("EventSeries", series_fields);
static const struct bl_type type_group_series = BL_KEPT_TYPE("EventSeries", series_fields);

#define METADATA TOLD_MAP("metadata", bl_type_meta, "name and namespace")

static const struct bl_field core_fields[] = {
	METADATA,
	TOLD_MAP("involvedObject", bl_type_target_ref, "the object that it happened to"),
	TOLD("reason", STRING, "one word for what happened"),
	TOLD("message", STRING, "what happened, for people"),
	TOLD_MAP("source", type_source, "who tells it"),
	TOLD("firstTimestamp", TIME, "when it happened first"),
	TOLD("lastTimestamp", TIME, "when it happened last"),
	TOLD("count", INT, "how often it happened"),
	TOLD("type", STRING, "Normal or Warning"),
	TOLD("eventTime", TIME, "when it was noticed first"),
	TOLD_MAP("series", type_core_series, "that it goes on"),
	TOLD("action", STRING, "what was being done"),
	TOLD_MAP("related", bl_type_target_ref, "another object that has to do with it"),
	TOLD("reportingComponent", STRING, "who tells it, such as 'beeline.dev/agent'"),
	TOLD("reportingInstance", STRING, "which one of those"),
};
const struct bl_type bl_type_api_event = BL_KEPT_TYPE("Event", core_fields);

static const struct bl_field group_fields[] = {
	METADATA,
	TOLD("eventTime", TIME, "when it was noticed first"),
	TOLD_MAP("series", type_group_series, "that it goes on"),
	TOLD("reportingController", STRING, "who tells it, such as 'beeline.dev/agent'"),
	TOLD("reportingInstance", STRING, "which one of those"),
	TOLD("action", STRING, "what was being done"),
	TOLD("reason", STRING, "one word for what happened"),
	TOLD_MAP("regarding", bl_type_target_ref, "the object that it happened to"),
	TOLD_MAP("related", bl_type_target_ref, "another object that has to do with it"),
	TOLD("note", STRING, "what happened, for people"),
	TOLD("type", STRING, "Normal or Warning"),
	TOLD_MAP("deprecatedSource", type_source, "'source' of the core group"),
	TOLD("deprecatedFirstTimestamp", TIME, "'firstTimestamp' of the core group"),
	TOLD("deprecatedLastTimestamp", TIME, "'lastTimestamp' of the core group"),
	TOLD("deprecatedCount", INT, "'count' of the core group"),
};
const struct bl_type bl_type_group_event = BL_KEPT_TYPE("Event", group_fields);

/* Members that have the same name in both are not here. */
static const struct {
	const char *core, *group;
} names[] = {
	{"involvedObject", "regarding"},
	{"message", "note"},
	{"source", "deprecatedSource"},
	{"firstTimestamp", "deprecatedFirstTimestamp"},
	{"lastTimestamp", "deprecatedLastTimestamp"},
	{"count", "deprecatedCount"},
	{"reportingComponent", "reportingController"},
};

static const char *other_name(const char *name, bool to_core)
{
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (!strcmp(name, to_core ? names[i].group : names[i].core))
			return to_core ? names[i].core : names[i].group;
	return name;
}

static struct json_object *rename_members(struct json_object *event, bool to_core)
{
	struct json_object *json = json_object_new_object();

	if (!json)
		return NULL;
	bl_json_set_str(json, "apiVersion", to_core ? "v1" : BL_EVENT_GROUP);
	bl_json_set_str(json, "kind", "Event");
	json_object_object_foreach(event, key, value)
	{
		if (value && strcmp(key, "apiVersion") != 0 && strcmp(key, "kind") != 0)
			bl_json_set(json, other_name(key, to_core), json_object_get(value));
	}
	return json;
}

struct json_object *bl_event_to_core(struct json_object *event)
{
	return rename_members(event, true);
}

struct json_object *bl_event_to_group(struct json_object *event)
{
	return rename_members(event, false);
}

/* An Event is where the object is that it is about; one about a Node is in 'default'. */
static int check_namespace(struct json_object *event, struct bl_err *err)
{
	const char *ns = bl_json_str_or(event, "metadata.namespace", "");
	const char *about = bl_json_str_or(event, "involvedObject.namespace", "");

	if (!strcmp(about[0] ? about : "default", ns) || (!about[0] && !strcmp(ns, "kube-system")))
		return 0;
	return bl_err_set(err, -EINVAL,
			  "Invalid value: \"%.80s\": does not match event.namespace (%.80s)", about,
			  ns);
}

static int check_word(struct json_object *event, const char *key, struct bl_err *err)
{
	const char *text = bl_json_str_or(event, key, "");

	if (!text[0])
		return bl_err_set(err, -EINVAL, "Required value");
	if (strlen(text) > WORD_MAX)
		return bl_err_set(err, -EINVAL, "Too long: may not be more than %d bytes",
				  WORD_MAX);
	return 0;
}

/* The rules of events.k8s.io/v1, which the core form never had. */
static int check_group(struct json_object *event, const char **ret_field, struct bl_err *err)
{
	static const char *const words[] = {"eventTime", "reportingComponent", "reportingInstance",
					    "action", "reason"};
	const char *type = bl_json_str_or(event, "type", "");

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		int r = check_word(event, words[i], err);

		*ret_field = other_name(words[i], false);
		if (r < 0)
			return r;
	}
	*ret_field = "type";
	if (strcmp(type, "Normal") != 0 && strcmp(type, "Warning") != 0)
		return bl_err_set(err, -EINVAL,
				  "Invalid value: \"%.40s\": expected Normal or Warning", type);
	*ret_field = "note";
	if (strlen(bl_json_str_or(event, "message", "")) > NOTE_MAX)
		return bl_err_set(err, -EINVAL, "Too long: may not be more than %d bytes",
				  NOTE_MAX);
	return 0;
}

int bl_event_check(struct json_object *event, bool group, const char **ret_field,
		   struct bl_err *err)
{
	int r = check_namespace(event, err);

	*ret_field = group ? "regarding.namespace" : "involvedObject.namespace";
	return r == 0 && group ? check_group(event, ret_field, err) : r;
}
