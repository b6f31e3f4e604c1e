/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Events that clients write, in either form: checked and kept as Kubernetes does, for an hour. */
#include <errno.h>
#include <json-c/json.h>
#include <string.h>
#include <systemd/sd-id128.h>
#include <time.h>

#include "agent/catalog.h"
#include "agent/events.h"
#include "agent/rest_write.h"
#include "agent/status_error.h"
#include "api/body.h"
#include "api/event.h"
#include "api/json.h"
#include "api/json_patch.h"
#include "model/codec.h"
#include "model/validate.h"

struct writing {
	struct bl_rest_write write;
	const struct bl_rest_events_target *target;
	struct json_object *old; /* borrowed, in the core form; NULL: a new one */
};

static const char *version_of(const struct writing *writing)
{
	return writing->target->group ? BL_EVENT_GROUP : "v1";
}

static bool fail(const struct writing *writing, unsigned int code, const char *text)
{
	bl_rest_error(writing->write.reply, code, NULL, "%s", text);
	return false;
}

/* In the form of the path; a new tree. */
static struct json_object *in_form(const struct writing *writing, struct json_object *event)
{
	return writing->target->group ? bl_event_to_group(event) : json_object_get(event);
}

static bool check_kind(const struct writing *writing, struct json_object *json)
{
	const char *kind = bl_json_str_or(json, "kind", "");
	const char *version = bl_json_str_or(json, "apiVersion", "");

	if (!strcmp(kind, "Event") && !strcmp(version, version_of(writing)))
		return true;
	bl_rest_error(writing->write.reply, 400, NULL,
		      "the body is a '%.60s' of '%.60s', expected an 'Event' of '%s'", kind,
		      version, version_of(writing));
	return false;
}

static void answer_invalid(const struct writing *writing, const char *name, const char *field,
			   const char *text)
{
	struct bl_reply *reply = writing->write.reply;
	struct json_object *causes = json_object_new_array(), *cause = json_object_new_object();
	_cleanup_(bl_buf_done) struct bl_buf message = {0};

	bl_buf_addf(&message, "Event \"%.253s\" is invalid: %s: %s", name, field, text);
	bl_json_set_str(cause, "reason",
			strncmp(text, "Required", strlen("Required")) == 0 ? "FieldValueRequired"
									   : "FieldValueInvalid");
	bl_json_set_str(cause, "message", text);
	bl_json_set_str(cause, "field", field);
	bl_json_push(causes, cause);
	reply->code = 422;
	bl_status_details(&reply->body, 422, bl_status_reason(422),
			  message.failed ? "" : message.data, NULL, NULL, causes);
}

static bool settle_name(const struct writing *writing, struct json_object *meta)
{
	const struct bl_rest_events_target *target = writing->target;
	const char *ns = bl_json_str_or(meta, "namespace", "");
	const char *name = bl_json_str_or(meta, "name", "");
	const char *prefix = bl_json_str_or(meta, "generateName", "");
	char made[BL_GENERATED_NAME], text[320];
	const char *rule;

	if (ns[0] && strcmp(ns, target->ns) != 0)
		return fail(writing, 400,
			    "the namespace of the provided object does not match the namespace "
			    "sent on the request");
	if (target->name[0] && strcmp(name, target->name) != 0)
		return fail(writing, 400,
			    "the name of the object does not match the name on the URL");
	if (!name[0] && prefix[0]) {
		if (bl_rest_generate_name(prefix, made) < 0)
			return fail(writing, 500, "cannot make a name: no random numbers");
		bl_json_set_str(meta, "name", made);
	}
	name = bl_json_str_or(meta, "name", "");
	rule = name[0] ? bl_check_dns_subdomain(name)
		       : "Required value: name or generateName is required";
	if (rule) {
		(void)snprintf(text, sizeof(text), "%s%s", name[0] ? "Invalid value: " : "", rule);
		answer_invalid(writing, name, "metadata.name", text);
		return false;
	}
	bl_json_set_str(meta, "namespace", target->ns);
	return true;
}

/* What the server says of it, whatever the client sends. */
static bool settle_meta(const struct writing *writing, struct json_object *meta)
{
	static const char *const gone[] = {"managedFields", "selfLink", "deletionTimestamp",
					   "deletionGracePeriodSeconds", "generation"};
	struct json_object *old = writing->old ? bl_json_key(writing->old, "metadata") : NULL;
	const char *version = bl_json_str_or(meta, "resourceVersion", "");
	char uid[SD_ID128_UUID_STRING_MAX];
	sd_id128_t id;

	if (!old && version[0] && strcmp(version, "0") != 0)
		return fail(writing, 400,
			    "resourceVersion must not be set on objects to be created");
	if (old && version[0] && strcmp(version, "0") != 0 &&
	    strcmp(version, bl_json_str_or(old, "resourceVersion", "")) != 0)
		return fail(writing, 409,
			    "Operation cannot be fulfilled on events: the object has been "
			    "modified; please apply your changes to the latest version and try "
			    "again");
	for (size_t i = 0; i < ARRAY_SIZE(gone); i++)
		json_object_object_del(meta, gone[i]);
	json_object_object_del(meta, "uid");
	if (old) {
		bl_json_set_str(meta, "uid", bl_json_str(old, "uid"));
		bl_json_set_str(meta, "creationTimestamp", bl_json_str(old, "creationTimestamp"));
	} else if (sd_id128_randomize(&id) < 0) {
		return fail(writing, 500, "cannot make a uid: no random numbers");
	} else {
		bl_json_set_str(meta, "uid", sd_id128_to_uuid_string(id, uid));
		bl_json_set(meta, "creationTimestamp", bl_rest_time(time(NULL)));
	}
	return true;
}

/* What the client sent, without what nobody knows, in the core form. NULL: answered. */
static struct json_object *check_fields(struct writing *writing, struct json_object *json)
{
	const struct bl_type *type =
		writing->target->group ? &bl_type_group_event : &bl_type_api_event;
	_cleanup_json_ struct json_object *known = NULL;
	struct json_object *core = NULL;
	struct bl_diag diag = BL_DIAG_INIT;
	int r = bl_type_check_json(type, json, BL_DECODE_WARN_UNKNOWN, &known, &diag);

	if (r == -ENOMEM)
		(void)fail(writing, 500, "no memory for the Event");
	else if (bl_rest_answer_unknown(&writing->write, "Event", version_of(writing), &diag)) {
		const struct bl_problem *problem = NULL;

		for (size_t i = 0; i < diag.count && !problem; i++)
			if (diag.problems[i].severity == BL_SEVERITY_ERROR)
				problem = &diag.problems[i];
		if (r < 0)
			answer_invalid(writing, bl_json_str_or(json, "metadata.name", ""),
				       problem && problem->field ? problem->field : "metadata",
				       problem && problem->text ? problem->text : "");
		else
			core = bl_event_to_core(known); /* or the same again, in order */
	}
	bl_diag_done(&diag);
	return core;
}

static bool check(const struct writing *writing, struct json_object *event)
{
	const char *field = "", *name = bl_json_str_or(event, "metadata.name", "");
	struct bl_err err = {0};

	if (bl_event_check(event, writing->target->group && !writing->old, &field, &err) < 0) {
		answer_invalid(writing, name, field, err.text);
		return false;
	}
	if (strlen(json_object_to_json_string_ext(event, JSON_C_TO_STRING_PLAIN)) >
	    BL_EVENT_TEXT_MAX)
		return fail(writing, 413, "the Event has more than 16 KiB");
	return true;
}

static void answer_exists(const struct writing *writing, const char *name)
{
	char message[320];

	(void)snprintf(message, sizeof(message), "events \"%.253s\" already exists", name);
	writing->write.reply->code = 409;
	bl_status_error(&writing->write.reply->body, 409, "AlreadyExists", message, NULL);
}

static void put(struct writing *writing, struct json_object *json)
{
	struct bl_events *events = writing->write.agent->events;
	_cleanup_json_ struct json_object *event = check_fields(writing, json);
	struct json_object *meta;
	const char *name;

	if (!event)
		return;
	meta = bl_json_key(event, "metadata");
	if (!meta)
		meta = bl_json_add_object(event, "metadata");
	if (!settle_name(writing, meta) || !settle_meta(writing, meta) || !check(writing, event))
		return;
	name = bl_json_str_or(meta, "name", "");
	if (!writing->old && bl_events_find(events, writing->target->ns, name)) {
		answer_exists(writing, name);
		return;
	}
	if (!writing->write.dry_run)
		bl_events_put(events, json_object_get(event), time(NULL));
	bl_rest_json(writing->write.reply, writing->old ? 200 : 201, in_form(writing, event));
}

static void write_body(struct writing *writing)
{
	_cleanup_json_ struct json_object *json = bl_rest_parse_body(&writing->write, NULL);

	if (json && check_kind(writing, json) && bl_rest_check_duplicates(&writing->write))
		put(writing, json);
}

/* No list of an Event has keys, so that a strategic merge is a merge. */
static void patch(struct writing *writing)
{
	const struct bl_request *request = writing->write.request;
	bool is_list = bl_rest_has_type(request, "application/json-patch+json");
	_cleanup_json_ struct json_object *old = in_form(writing, writing->old);
	_cleanup_json_ struct json_object *json = NULL, *result = NULL;
	struct bl_err err = {0};
	int r;

	if (!is_list && !bl_rest_has_type(request, "application/merge-patch+json") &&
	    !bl_rest_has_type(request, "application/strategic-merge-patch+json")) {
		bl_rest_error(writing->write.reply, 415, NULL,
			      "a patch of type '%.80s' is not taken for Events; "
			      "application/json-patch+json, application/merge-patch+json and "
			      "application/strategic-merge-patch+json are",
			      request->content_type);
		return;
	}
	r = bl_body_json(request->body, request->body_len, is_list, &json, &err);
	if (r == 0)
		r = is_list ? bl_json_patch(old, json, &result, &err)
			    : bl_json_merge_patch(old, json, &result);
	if (r < 0)
		(void)fail(writing,
			   r == -ENOENT   ? 422
			   : r == -ENOMEM ? 500
					  : 400,
			   err.text[0] ? err.text : "the patch cannot be taken");
	else if (!json_object_is_type(result, json_type_object))
		(void)fail(writing, 400, "what the patch leaves is no object");
	else if (check_kind(writing, result))
		put(writing, result);
}

static bool is_other(struct json_object *event, const struct bl_delete_options *options)
{
	struct json_object *meta = bl_json_key(event, "metadata");
	char version[24];

	(void)snprintf(version, sizeof(version), "%llu", (unsigned long long)options->version);
	return (options->uid[0] && strcmp(options->uid, bl_json_str_or(meta, "uid", ""))) ||
	       (options->version &&
		strcmp(version, bl_json_str_or(meta, "resourceVersion", "")) != 0);
}

static void answer_deleted(struct bl_reply *reply, const char *name)
{
	struct json_object *json = json_object_new_object(), *details;

	bl_json_set_str(json, "kind", "Status");
	bl_json_set_str(json, "apiVersion", "v1");
	(void)bl_json_add_object(json, "metadata");
	bl_json_set_str(json, "status", "Success");
	details = bl_json_add_object(json, "details");
	bl_json_set_str(details, "name", name[0] ? name : NULL);
	bl_json_set_str(details, "kind", "events");
	bl_rest_json(reply, 200, json);
}

static void delete_one(struct writing *writing, const struct bl_delete_options *options)
{
	const struct bl_rest_events_target *target = writing->target;

	if (is_other(writing->old, options)) {
		(void)fail(writing, 409,
			   "Operation cannot be fulfilled on events: the precondition does not "
			   "match the object");
		return;
	}
	if (!options->dry_run)
		(void)bl_events_remove(writing->write.agent->events, target->ns, target->name);
	answer_deleted(writing->write.reply, target->name);
}

static void delete_selected(struct writing *writing, const struct bl_delete_options *options)
{
	struct bl_events *events = writing->write.agent->events;
	_cleanup_(bl_selector_free) struct bl_selector *selector = NULL;

	if (bl_rest_selector(writing->write.request, bl_rest_event_fields, &selector,
			     writing->write.reply) < 0)
		return;
	for (size_t i = bl_events_count(events); i-- > 0 && !options->dry_run;) {
		struct json_object *event = bl_events_at(events, i);
		const char *ns = bl_json_str_or(event, "metadata.namespace", "");

		if (!strcmp(ns, writing->target->ns) && bl_selector_match_json(selector, event) &&
		    !is_other(event, options))
			(void)bl_events_remove(events, ns,
					       bl_json_str_or(event, "metadata.name", ""));
	}
	answer_deleted(writing->write.reply, "");
}

static void serve(struct writing *writing, const char *method)
{
	struct bl_delete_options options;

	if (!strcmp(method, "POST") || !strcmp(method, "PUT"))
		write_body(writing);
	else if (!strcmp(method, "PATCH"))
		patch(writing);
	else if (!bl_rest_delete_options(writing->write.request, &options, writing->write.reply))
		return;
	else if (writing->old)
		delete_one(writing, &options);
	else
		delete_selected(writing, &options);
}

void bl_rest_events_write(struct bl_agent *agent, const struct bl_request *request,
			  const struct bl_rest_events_target *target, struct bl_reply *reply)
{
	struct writing writing = {.write = {.agent = agent, .request = request, .reply = reply},
				  .target = target};
	bool one = target->name[0], known;
	struct bl_err err = {0};
	char what[320];
	int r;

	known = one ? !strcmp(request->method, "PUT") || !strcmp(request->method, "PATCH")
		    : !strcmp(request->method, "POST") && target->ns[0];
	if (!known && !(target->ns[0] && !strcmp(request->method, "DELETE"))) {
		bl_rest_not_allowed(reply, one             ? "GET, PUT, PATCH, DELETE"
					   : target->ns[0] ? "GET, POST, DELETE"
							   : "GET");
		return;
	}
	(void)snprintf(what, sizeof(what), "events%s%s%s", one ? " \"" : "", target->name,
		       one ? "\"" : "");
	r = bl_catalog_check_namespace(agent->catalog, target->ns, what,
				       !strcmp(request->method, "POST"), &err);
	if (one)
		writing.old = bl_events_find(agent->events, target->ns, target->name);
	if (r < 0)
		bl_rest_error(reply, r == -ENOENT ? 404 : 403, NULL, "%s", err.text);
	else if (one && !writing.old)
		bl_rest_error(reply, 404, NULL, "%s not found", what);
	else if (bl_rest_read_choices(&writing.write))
		serve(&writing, request->method);
}
