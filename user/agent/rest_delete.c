/* SPDX-License-Identifier: GPL-3.0-or-later */
/* DELETE of one object, of a collection, and of a namespace with all that is in it. */
#include <errno.h>
#include <json-c/json.h>
#include <string.h>

#include "agent/rest_write.h"
#include "agent/status_error.h"
#include "api/body.h"
#include "base/log.h"
#include "model/codec.h"

BL_DEFINE_CLEANUP(struct json_object *, json_object_put);

struct delete_options {
	bool dry_run;
	uint64_t version; /* preconditions; 0: any */
	char uid[BL_UID_TEXT];
	int64_t grace_s; /* -1: not given */
};

static struct json_object *member(struct json_object *json, const char *key)
{
	struct json_object *value = NULL;

	return json_object_is_type(json, json_type_object) &&
			       json_object_object_get_ex(json, key, &value)
		       ? value
		       : NULL;
}

static int read_preconditions(struct json_object *json, struct delete_options *options,
			      struct bl_err *err)
{
	struct json_object *version = member(json, "resourceVersion"), *uid = member(json, "uid");
	const char *text = version ? json_object_get_string(version) : NULL;
	char *end = NULL;

	if (text)
		options->version = strtoull(text, &end, 10);
	if (text && (!text[0] || *end))
		return bl_err_set(err, -EINVAL, "preconditions.resourceVersion is no number");
	if (uid)
		(void)snprintf(options->uid, sizeof(options->uid), "%s",
			       json_object_get_string(uid));
	return 0;
}

/* What becomes of dependants: there are none here, so that any policy is met. */
static int check_policy(const char *policy, struct bl_err *err)
{
	static const char *const words[] = {"", "Orphan", "Background", "Foreground"};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (!policy || !strcmp(policy, words[i]))
			return 0;
	return bl_err_set(err, -EINVAL,
			  "propagationPolicy is Orphan, Background or Foreground, got '%.40s'",
			  policy);
}

static int read_body_options(struct json_object *json, struct delete_options *options,
			     struct bl_err *err)
{
	struct json_object *grace = member(json, "gracePeriodSeconds");
	struct json_object *policy = member(json, "propagationPolicy");
	struct json_object *dry_run = member(json, "dryRun");
	int r = check_policy(policy ? json_object_get_string(policy) : NULL, err);

	if (r < 0)
		return r;
	if (json_object_is_type(dry_run, json_type_array) && json_object_array_length(dry_run))
		options->dry_run = true;
	if (grace)
		options->grace_s = json_object_get_int64(grace);
	return read_preconditions(member(json, "preconditions"), options, err);
}

static bool read_options(const struct bl_request *request, struct delete_options *options,
			 struct bl_reply *reply)
{
	const char *grace = bl_request_query(request, "gracePeriodSeconds");
	const char *dry_run = bl_request_query(request, "dryRun");
	_cleanup_(json_object_put) struct json_object *json = NULL;
	struct bl_err err = {0};
	int r = check_policy(bl_request_query(request, "propagationPolicy"), &err);

	*options = (struct delete_options){
		.dry_run = dry_run && dry_run[0],
		.grace_s = grace && grace[0] ? strtoll(grace, NULL, 10) : -1,
	};
	if (r == 0 && request->body_len)
		r = bl_rest_has_type(request, "application/yaml")
			    ? bl_body_yaml(request->body, request->body_len, &json, &err)
			    : bl_body_json(request->body, request->body_len, false, &json, &err);
	if (r == 0 && json)
		r = read_body_options(json, options, &err);
	if (r < 0)
		bl_rest_error(reply, 400, NULL, "%s", err.text);
	return r == 0;
}

/* Is this a pod that ends first? 1: no; 0: it ends, and `ret` is what it is until then. */
static int begin_to_end(struct bl_agent *agent, const struct bl_object *object,
			const struct delete_options *options, struct bl_object **ret,
			struct bl_err *err)
{
	if (!agent->termination || options->dry_run || !bl_termination_applies(object))
		return 1;
	return bl_termination_begin(agent->termination, object, options->grace_s, ret, err);
}

/* 0: gone; or `ret_ending` (owned) is what it is until it is gone. */
static int delete_one(struct bl_agent *agent, const struct bl_source_name *name,
		      const struct delete_options *options, struct bl_object **ret_ending,
		      struct bl_err *err)
{
	const struct bl_object *object =
		bl_store_find(agent->store, name->kind, name->ns, name->name);
	int r = 1;

	if (object && options->uid[0] && object->meta.uid &&
	    strcmp(options->uid, object->meta.uid) != 0)
		return bl_err_set(err, -ESTALE,
				  "Operation cannot be fulfilled on %s \"%s\": the UID in the "
				  "precondition (%s) does not match the UID in record (%s). The "
				  "object might have been deleted and then recreated",
				  bl_kind_info(name->kind)->plural, name->name, options->uid,
				  object->meta.uid);
	if (object && (!options->version || options->version == object->meta.resource_version))
		r = begin_to_end(agent, object, options, ret_ending, err);
	if (r <= 0)
		return r;
	return bl_catalog_remove(agent->catalog, name, options->version, options->dry_run, err);
}

/* Namespaces */

static int end_content(struct bl_agent *agent, const char *ns, const struct delete_options *options,
		       struct bl_err *err)
{
	for (int kind = 0; kind < BL_KIND_COUNT; kind++) {
		_cleanup_(bl_object_list_done) struct bl_object_list list = {0};
		int r = bl_catalog_list_of_users(agent->catalog, (enum bl_kind)kind, ns, &list);

		for (size_t i = 0; r == 0 && i < list.count; i++) {
			const struct bl_meta *meta = &list.items[i]->meta;
			const struct bl_source_name name = {(enum bl_kind)kind, meta->ns,
							    meta->name};
			_cleanup_(bl_object_unref) struct bl_object *ending = NULL;

			if (!meta->deletion_time)
				r = delete_one(agent, &name, options, &ending, err);
		}
		if (r < 0)
			return r;
	}
	return 0;
}

void bl_rest_resume_ends(struct bl_agent *agent)
{
	const struct delete_options options = {.grace_s = -1};
	_cleanup_(bl_object_list_done) struct bl_object_list list = {0};

	(void)bl_catalog_list_of_users(agent->catalog, BL_KIND_NAMESPACE, NULL, &list);
	for (size_t i = 0; i < list.count; i++) {
		const struct bl_meta *meta = &list.items[i]->meta;
		struct bl_err err = {0};

		if (!meta->deletion_time)
			continue;
		if (end_content(agent, meta->name, &options, &err) < 0 ||
		    bl_catalog_finish_end(agent->catalog, meta->name, &err) < 0)
			bl_log(BL_LOG_WARNING, "namespace '%s' does not end: %s", meta->name,
			       err.text);
	}
}

static void delete_namespace(struct bl_agent *agent, const struct bl_rest_target *target,
			     const struct delete_options *options, struct bl_reply *reply)
{
	struct bl_source_name name = bl_rest_name(target);
	const struct delete_options inner = {.grace_s = options->grace_s};
	_cleanup_(bl_object_unref) struct bl_object *ending = NULL;
	struct bl_err err = {0};
	int r = bl_catalog_check_end(agent->catalog, target->name, options->uid, options->version,
				     &err);

	if (r == 0 && !options->dry_run)
		r = bl_catalog_begin_end(agent->catalog, target->name, &ending, &err);
	if (r == 0 && !options->dry_run)
		r = end_content(agent, target->name, &inner, &err);
	if (r == 0 && !options->dry_run)
		r = bl_catalog_finish_end(agent->catalog, target->name, &err);
	if (r < 0)
		bl_rest_refused(reply, target, r, NULL, NULL, &err);
	else if (ending)
		bl_rest_object(reply, 200, ending);
	else
		bl_status_success(&reply->body, &name, NULL);
}

void bl_rest_delete(struct bl_agent *agent, const struct bl_request *request,
		    const struct bl_rest_target *target, struct bl_reply *reply)
{
	struct bl_source_name name = bl_rest_name(target);
	const struct bl_object *object;
	_cleanup_(bl_object_unref) struct bl_object *ending = NULL;
	struct delete_options options;
	char uid[BL_UID_TEXT] = "";
	struct bl_err err = {0};
	int r;

	if (!read_options(request, &options, reply))
		return;
	if (target->kind == BL_KIND_NAMESPACE) {
		delete_namespace(agent, target, &options, reply);
		return;
	}
	object = bl_store_find(agent->store, name.kind, name.ns, name.name);
	if (object && object->meta.uid)
		(void)snprintf(uid, sizeof(uid), "%s", object->meta.uid);
	r = delete_one(agent, &name, &options, &ending, &err);
	if (r < 0)
		bl_rest_refused(reply, target, r, NULL, NULL, &err);
	else if (ending)
		bl_rest_object(reply, 200, ending);
	else
		bl_status_success(&reply->body, &name, uid[0] ? uid : NULL);
	bl_agent_put_own(agent); /* the Node may have been the user's version of our own */
}

void bl_rest_delete_collection(struct bl_agent *agent, const struct bl_request *request,
			       const struct bl_rest_target *target, struct bl_reply *reply)
{
	_cleanup_(bl_selector_free) struct bl_selector *selector = NULL;
	_cleanup_(bl_object_list_done) struct bl_object_list list = {0};
	struct bl_source_name about = {target->kind, target->ns[0] ? target->ns : NULL, NULL};
	struct delete_options options;
	struct bl_err err = {0};
	int r;

	if (target->kind == BL_KIND_NAMESPACE) {
		bl_rest_error(reply, 405, NULL, "namespaces are deleted one by one");
		reply->allow = "GET, POST";
		return;
	}
	if (!read_options(request, &options, reply))
		return;
	if (bl_rest_selector(request, bl_selector_fields(target->kind), &selector, reply) < 0)
		return;
	r = bl_catalog_list_of_users(agent->catalog, target->kind, about.ns, &list);
	for (size_t i = 0; r == 0 && i < list.count; i++) {
		const struct bl_meta *meta = &list.items[i]->meta;
		const struct bl_source_name name = {target->kind, meta->ns, meta->name};
		_cleanup_(bl_object_unref) struct bl_object *ending = NULL;

		if (!meta->deletion_time && bl_selector_match(selector, list.items[i]))
			r = delete_one(agent, &name, &options, &ending, &err);
	}
	if (r < 0)
		bl_rest_refused(reply, target, r, NULL, NULL, &err);
	else
		bl_status_success(&reply->body, &about, NULL);
	bl_agent_put_own(agent);
}
