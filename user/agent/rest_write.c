/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/rest.h"

#include <errno.h>
#include <json-c/json.h>
#include <string.h>

#include "agent/patch.h"
#include "agent/status_error.h"
#include "model/codec.h"

static bool has_type(const struct bl_request *request, const char *type)
{
	size_t len = strlen(type);

	return !strncasecmp(request->content_type, type, len) &&
	       (!request->content_type[len] || strchr("; ", request->content_type[len]));
}

static bool is_dry_run(const struct bl_request *request)
{
	const char *value = bl_request_query(request, "dryRun");

	return value && !strcmp(value, "All");
}

/* All that is wrong with the body, as causes. */
static void reply_invalid(struct bl_reply *reply, const struct bl_rest_target *target,
			  const struct bl_diag *diag)
{
	const struct bl_kind_info *info = bl_kind_info(target->kind);
	struct bl_source_name about = bl_rest_name(target);
	const char *first = "it is not valid";
	char message[BL_ERR_TEXT];

	for (size_t i = 0; i < diag->count; i++)
		if (diag->problems[i].severity == BL_SEVERITY_ERROR) {
			first = diag->problems[i].text;
			break;
		}
	(void)snprintf(message, sizeof(message), "%s \"%s\" is invalid: %s", info->kind,
		       target->name, first ? first : "it is not valid");
	reply->code = 422;
	bl_status_error(&reply->body, 422, bl_status_reason(422), message, &about, diag);
}

/* Answers for what the catalog refused. */
static void reply_refused(struct bl_reply *reply, const struct bl_rest_target *target, int code,
			  const struct bl_diag *diag, const struct bl_err *err)
{
	struct bl_source_name about = bl_rest_name(target);
	unsigned int http = 500;
	const char *reason;

	if (code == -EINVAL) {
		reply_invalid(reply, target, diag);
		return;
	}
	if (code == -ENOENT)
		http = 404;
	else if (code == -EEXIST || code == -ESTALE || code == -EBUSY)
		http = 409;
	else if (code == -EACCES)
		http = 403;
	reason = code == -EEXIST ? "AlreadyExists" : bl_status_reason(http);
	reply->code = http;
	bl_status_error(&reply->body, http, reason, err->text[0] ? err->text : strerror(-code),
			&about, NULL);
}

/* A body without a namespace means the one of the path. False when it is no object at all. */
static bool fill_namespace(struct json_object *json, const struct bl_rest_target *target)
{
	struct json_object *meta = NULL, *ns = NULL;

	if (!json_object_object_get_ex(json, "metadata", &meta)) {
		meta = json_object_new_object();
		json_object_object_add(json, "metadata", meta);
	}
	if (!json_object_is_type(meta, json_type_object))
		return false;
	if (target->ns[0] &&
	    (!json_object_object_get_ex(meta, "namespace", &ns) || !ns ||
	     (json_object_is_type(ns, json_type_string) && !json_object_get_string_len(ns))))
		json_object_object_add(meta, "namespace", json_object_new_string(target->ns));
	return true;
}

/* Another kind is told before what is wrong with it as such. */
static int check_kind(struct json_object *json, enum bl_kind expected, struct bl_err *err)
{
	struct json_object *kind = NULL;
	const char *got;

	if (!json_object_object_get_ex(json, "kind", &kind) ||
	    !json_object_is_type(kind, json_type_string))
		return 0; /* the decoder's to tell */
	got = json_object_get_string(kind);
	if (!strcmp(got, bl_kind_info(expected)->kind))
		return 0;
	return bl_err_set(err, -EINVAL, "the body is a %.60s, the path is for %s", got,
			  bl_kind_info(expected)->plural);
}

static int decode_json(const struct bl_request *request, const struct bl_rest_target *target,
		       struct bl_object **ret, struct bl_diag *diag, struct bl_err *err)
{
	struct json_object *json = NULL;
	int r = bl_json_parse(request->body, request->body_len, &json, err);

	if (r < 0)
		return r;
	/* What is no object there the decoder names by its field. */
	(void)fill_namespace(json, target);
	r = check_kind(json, target->kind, err);
	if (r >= 0)
		r = bl_decode_json_tree(NULL, json, 0, ret, diag);
	json_object_put(json);
	return r;
}

static int decode_yaml(const struct bl_request *request, const struct bl_rest_target *target,
		       struct bl_object **ret, struct bl_diag *diag, struct bl_err *err)
{
	_cleanup_(bl_object_list_done) struct bl_object_list list = {0};
	struct bl_object *object;
	int r = bl_decode("body", request->body, request->body_len, &bl_limits_default, 0, &list,
			  diag);

	if (r < 0)
		return r;
	if (list.count != 1)
		return bl_err_set(err, -EINVAL, "the body holds %zu objects, expected one",
				  list.count);
	object = list.items[0];
	if (target->ns[0] && object->meta.ns == bl_default_namespace) {
		object->meta.ns = bl_arena_strdup(object->arena, target->ns);
		if (!object->meta.ns)
			return -ENOMEM;
	}
	*ret = bl_object_ref(object);
	return 0;
}

static bool same(const char *a, const char *b)
{
	return !strcmp(a ? a : "", b ? b : "");
}

/* The object of the body, which must be the one of the path. NULL: answered. `target` gets the
 * name when the path has none. */
static struct bl_object *read_body(const struct bl_request *request, struct bl_rest_target *target,
				   struct bl_reply *reply)
{
	_cleanup_(bl_object_unref) struct bl_object *object = NULL;
	struct bl_diag diag = BL_DIAG_INIT;
	struct bl_err err = {0};
	bool yaml = has_type(request, "application/yaml") ||
		    has_type(request, "application/x-yaml") || has_type(request, "text/yaml");
	int r;

	if (!yaml && request->content_type[0] && !has_type(request, "application/json")) {
		bl_rest_error(
			reply, 415, target,
			"the body is '%.80s'; application/json and application/yaml are taken",
			request->content_type);
		return NULL;
	}
	r = yaml ? decode_yaml(request, target, &object, &diag, &err)
		 : decode_json(request, target, &object, &diag, &err);
	if (r == -ENOMEM)
		bl_rest_error(reply, 500, target, "no memory for the object");
	else if (r < 0 && diag.error_count)
		reply_invalid(reply, target, &diag);
	else if (r < 0)
		bl_rest_error(reply, r == -E2BIG ? 413 : 400, target, "%s",
			      err.text[0] ? err.text : "the body is beyond a limit");
	else if (object->kind != target->kind)
		bl_rest_error(reply, 400, target, "the body is a %s, the path is for %s",
			      bl_kind_info(object->kind)->kind, bl_kind_info(target->kind)->plural);
	else if (!same(object->meta.ns, target->ns))
		bl_rest_error(reply, 400, target,
			      "the namespace of the object is '%s', the one of the path is '%s'",
			      object->meta.ns ? object->meta.ns : "", target->ns);
	else if (target->name[0] && !same(object->meta.name, target->name))
		bl_rest_error(reply, 400, target,
			      "the name of the object is '%s', the one of the path is '%s'",
			      object->meta.name, target->name);
	else
		r = 1;
	bl_diag_done(&diag);
	if (r != 1)
		return NULL;
	(void)snprintf(target->name, sizeof(target->name), "%s", object->meta.name);
	return TAKE_PTR(object);
}

static void write_object(struct bl_agent *agent, const struct bl_request *request,
			 const struct bl_rest_target *target, enum bl_write write,
			 struct bl_object *object, struct bl_reply *reply)
{
	struct bl_diag diag = BL_DIAG_INIT;
	struct bl_err err = {0};
	int r = bl_catalog_write(agent->catalog, write, object, is_dry_run(request), &diag, &err);

	if (r < 0)
		reply_refused(reply, target, r, &diag, &err);
	else
		bl_rest_object(reply, write == BL_WRITE_CREATE ? 201 : 200, object);
	bl_diag_done(&diag);
}

void bl_rest_create(struct bl_agent *agent, const struct bl_request *request,
		    const struct bl_rest_target *target, struct bl_reply *reply)
{
	struct bl_rest_target named = *target;
	_cleanup_(bl_object_unref) struct bl_object *object = read_body(request, &named, reply);

	if (!object)
		return;
	if (object->meta.resource_version)
		bl_rest_error(reply, 400, &named,
			      "resourceVersion must not be set on objects to be created");
	else
		write_object(agent, request, &named, BL_WRITE_CREATE, object, reply);
}

void bl_rest_replace(struct bl_agent *agent, const struct bl_request *request,
		     const struct bl_rest_target *target, struct bl_reply *reply)
{
	struct bl_rest_target named = *target;
	_cleanup_(bl_object_unref) struct bl_object *object = read_body(request, &named, reply);

	if (object)
		write_object(agent, request, &named, BL_WRITE_REPLACE, object, reply);
}

/* The object in force with the patch on top. NULL: answered. */
static struct json_object *patched(const struct bl_object *old, const struct bl_request *request,
				   const struct bl_rest_target *target, struct bl_reply *reply)
{
	struct json_object *json = NULL, *patch = NULL, *merged = NULL;
	struct bl_err err = {0};
	int r;

	if (bl_json_parse(request->body, request->body_len, &patch, &err) < 0) {
		bl_rest_error(reply, 400, target, "%s", err.text);
		return NULL;
	}
	if (!has_type(request, "application/merge-patch+json") &&
	    !bl_json_touches_only_labels(patch)) {
		bl_rest_error(reply, 415, target,
			      "a strategic merge patch may change labels and annotations only; "
			      "send application/merge-patch+json");
	} else {
		r = bl_encode_json(old, &json);
		if (r >= 0)
			r = bl_json_merge_patch(json, patch, &merged);
		if (r >= 0 && target->kind == BL_KIND_SERVICE)
			r = bl_json_follow_service_type(json, merged);
		if (r == -E2BIG)
			bl_rest_error(reply, 413, target, "the patch is nested too deeply");
		else if (r < 0)
			bl_rest_error(reply, 500, target, "no memory for the object");
	}
	json_object_put(json);
	json_object_put(patch);
	return merged;
}

void bl_rest_patch(struct bl_agent *agent, const struct bl_request *request,
		   const struct bl_rest_target *target, struct bl_reply *reply)
{
	const struct bl_object *old = bl_store_find(
		agent->store, target->kind, target->ns[0] ? target->ns : NULL, target->name);
	_cleanup_(bl_object_unref) struct bl_object *object = NULL;
	struct bl_diag diag = BL_DIAG_INIT;
	struct json_object *json;

	if (!has_type(request, "application/merge-patch+json") &&
	    !has_type(request, "application/strategic-merge-patch+json")) {
		bl_rest_error(
			reply, 415, target,
			"a patch of type '%.80s' is not taken; application/merge-patch+json is",
			request->content_type);
		return;
	}
	if (!old) {
		bl_rest_error(reply, 404, target, "%s \"%s\" not found",
			      bl_kind_info(target->kind)->plural, target->name);
		return;
	}
	json = patched(old, request, target, reply);
	if (!json)
		return;
	if (bl_decode_json_tree(NULL, json, 0, &object, &diag) < 0)
		reply_invalid(reply, target, &diag);
	else if (object->kind != target->kind || !same(object->meta.name, target->name) ||
		 !same(object->meta.ns, target->ns))
		bl_rest_error(reply, 400, target,
			      "a patch cannot change kind, name or namespace of an object");
	else
		write_object(agent, request, target, BL_WRITE_REPLACE, object, reply);
	json_object_put(json);
	bl_diag_done(&diag);
}

/* DeleteOptions: preconditions and the grace period (-1: not given) count, the rest has no meaning
 * here. */
static bool read_options(const struct bl_request *request, uint64_t *ret_version,
			 int64_t *ret_grace_s, struct bl_err *err)
{
	const char *grace = bl_request_query(request, "gracePeriodSeconds");
	struct json_object *seconds = NULL;
	struct json_object *json = NULL, *conditions = NULL, *version = NULL;
	const char *text = NULL;
	char *end = NULL;

	*ret_version = 0;
	*ret_grace_s = grace && grace[0] ? strtoll(grace, NULL, 10) : -1;
	if (!request->body_len)
		return true;
	if (bl_json_parse(request->body, request->body_len, &json, err) < 0)
		return false;
	if (json_object_object_get_ex(json, "preconditions", &conditions) &&
	    json_object_object_get_ex(conditions, "resourceVersion", &version))
		text = json_object_get_string(version);
	if (text)
		*ret_version = strtoull(text, &end, 10);
	if (text && (!text[0] || *end))
		(void)bl_err_set(err, -EINVAL, "preconditions.resourceVersion is no number");
	if (json_object_object_get_ex(json, "gracePeriodSeconds", &seconds) && seconds)
		*ret_grace_s = json_object_get_int64(seconds);
	json_object_put(json);
	return !err->code;
}

/* Is this a pod that ends first? Then that is the answer. */
static bool begin_to_end(struct bl_agent *agent, const struct bl_request *request,
			 const struct bl_rest_target *target, const struct bl_object *pod,
			 int64_t grace_s, struct bl_reply *reply)
{
	_cleanup_(bl_object_unref) struct bl_object *marked = NULL;
	struct bl_err err = {0};
	int r;

	if (!agent->termination || !pod || is_dry_run(request) || !bl_termination_applies(pod))
		return false;
	r = bl_termination_begin(agent->termination, pod, grace_s, &marked, &err);
	if (r < 0)
		reply_refused(reply, target, r, NULL, &err);
	else if (r == 0)
		bl_rest_object(reply, 200, marked);
	return r <= 0;
}

void bl_rest_delete(struct bl_agent *agent, const struct bl_request *request,
		    const struct bl_rest_target *target, struct bl_reply *reply)
{
	struct bl_source_name name = bl_rest_name(target);
	const struct bl_object *object = bl_store_find(agent->store, name.kind, name.ns, name.name);
	char uid[64] = "";
	struct bl_err err = {0};
	uint64_t version;
	int64_t grace_s;
	int r;

	if (!read_options(request, &version, &grace_s, &err)) {
		bl_rest_error(reply, 400, target, "%s", err.text);
		return;
	}
	if (object && (!version || version == object->meta.resource_version) &&
	    begin_to_end(agent, request, target, object, grace_s, reply))
		return;
	if (object && object->meta.uid)
		(void)snprintf(uid, sizeof(uid), "%s", object->meta.uid);
	r = bl_catalog_remove(agent->catalog, &name, version, is_dry_run(request), &err);
	if (r < 0)
		reply_refused(reply, target, r, NULL, &err);
	else
		bl_status_success(&reply->body, &name, uid[0] ? uid : NULL);
	bl_agent_put_own(agent); /* the Node may have been the user's version of our own */
}
