/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a writing client says beside the object: query, headers, and the text of the body. */
#include <errno.h>
#include <json-c/json.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "agent/rest_write.h"
#include "api/body.h"
#include "api/proto_body.h"
#include "model/codec.h"

bool bl_rest_has_type(const struct bl_request *request, const char *type)
{
	size_t len = strlen(type);

	return !strncasecmp(request->content_type, type, len) &&
	       (!request->content_type[len] || strchr("; ", request->content_type[len]));
}

static bool read_choices(struct bl_rest_write *write)
{
	const char *dry_run = bl_request_query(write->request, "dryRun");
	const char *validation = bl_request_query(write->request, "fieldValidation");
	const char *force = bl_request_query(write->request, "force");

	write->dry_run = dry_run && dry_run[0];
	if (write->dry_run && strcmp(dry_run, "All") != 0) {
		bl_rest_error(write->reply, 400, NULL, "dryRun is 'All', got '%.40s'", dry_run);
		return false;
	}
	write->force = force && (!strcmp(force, "true") || !strcmp(force, "1"));
	if (!validation || !validation[0] || !strcmp(validation, "Warn"))
		write->validation = BL_VALIDATION_WARN;
	else if (!strcmp(validation, "Strict"))
		write->validation = BL_VALIDATION_STRICT;
	else if (!strcmp(validation, "Ignore"))
		write->validation = BL_VALIDATION_IGNORE;
	else {
		bl_rest_error(write->reply, 400, NULL,
			      "fieldValidation is Ignore, Warn or Strict, got '%.40s'", validation);
		return false;
	}
	return true;
}

/* `fieldManager`, or the program that asks: "kubectl/v1.33.1 ..." is "kubectl". */
static bool read_manager(struct bl_rest_write *write)
{
	const char *name = bl_request_query(write->request, "fieldManager");
	const char *agent = bl_request_header(write->request, "User-Agent");
	size_t len;

	if (name && name[0]) {
		len = strlen(name);
	} else {
		name = agent && agent[0] && agent[0] != '/' ? agent : "unknown";
		len = strcspn(name, "/");
		if (len > BL_FIELD_MANAGER_MAX)
			len = BL_FIELD_MANAGER_MAX;
	}
	if (len > BL_FIELD_MANAGER_MAX) {
		bl_rest_error(write->reply, 400, NULL, "fieldManager has more than %u characters",
			      BL_FIELD_MANAGER_MAX);
		return false;
	}
	for (size_t i = 0; i < len; i++)
		write->manager[i] = (unsigned char)name[i] < ' ' || name[i] == 0x7f ? '_' : name[i];
	write->manager[len] = '\0';
	return true;
}

static int read_old(struct bl_rest_write *write)
{
	struct json_object *meta = NULL, *managed = NULL;
	int r;

	if (!write->old)
		return 0;
	r = bl_encode_json(write->old, &write->old_json);
	if (r < 0)
		return r;
	if (!write->old->meta.managed_fields)
		return 0;
	(void)json_object_object_get_ex(write->old_json, "metadata", &meta);
	(void)json_object_object_get_ex(meta, "managedFields", &managed);
	r = bl_managed_read(managed, &write->managers, NULL);
	return r == -EINVAL ? 0 : r; /* somebody's hand was in the file: start over */
}

bool bl_rest_write_begin(struct bl_rest_write *write, struct bl_agent *agent,
			 const struct bl_request *request, const struct bl_rest_target *target,
			 struct bl_reply *reply)
{
	time_t now = time(NULL);
	struct tm parts;

	*write = (struct bl_rest_write){
		.agent = agent, .request = request, .reply = reply, .target = *target};
	if (gmtime_r(&now, &parts))
		(void)strftime(write->time, sizeof(write->time), "%Y-%m-%dT%H:%M:%SZ", &parts);
	if (!read_choices(write) || !read_manager(write))
		return false;
	if (target->name[0])
		write->old = bl_store_find(agent->store, target->kind,
					   target->ns[0] ? target->ns : NULL, target->name);
	if (read_old(write) < 0) {
		bl_rest_error(reply, 500, target, "no memory for the object");
		return false;
	}
	return true;
}

void bl_rest_write_done(struct bl_rest_write *write)
{
	json_object_put(write->old_json);
	json_object_put(write->managers);
	*write = (struct bl_rest_write){0};
}

struct bl_manager bl_rest_manager(const struct bl_rest_write *write)
{
	return (struct bl_manager){
		.name = write->manager,
		.subresource = write->target.is_status ? "status" : NULL,
		.time = write->time,
		.applies = write->applies,
	};
}

/* Another kind is told before what is wrong with it as such. */
bool bl_rest_check_kind(struct bl_rest_write *write, struct json_object *json)
{
	const struct bl_kind_info *info = bl_kind_info(write->target.kind);
	struct json_object *kind = NULL, *version = NULL;

	if (!json_object_object_get_ex(json, "kind", &kind) ||
	    !json_object_is_type(kind, json_type_string)) {
		bl_rest_error(write->reply, 400, &write->target,
			      "the body has no 'kind', expected '%s'", info->kind);
		return false;
	}
	if (strcmp(json_object_get_string(kind), info->kind) != 0) {
		bl_rest_error(write->reply, 400, &write->target,
			      "the kind of the body is '%.60s', expected '%s'",
			      json_object_get_string(kind), info->kind);
		return false;
	}
	if (!json_object_object_get_ex(json, "apiVersion", &version) ||
	    !json_object_is_type(version, json_type_string) ||
	    strcmp(json_object_get_string(version), info->api_version) != 0) {
		bl_rest_error(write->reply, 400, &write->target,
			      "kind '%s' has apiVersion '%s', got '%.60s'", info->kind,
			      info->api_version,
			      version ? json_object_get_string(version) : "none");
		return false;
	}
	return true;
}

/* A field that is there twice: the last one counts, and the client hears of it. */
static bool check_duplicates(struct bl_rest_write *write)
{
	_cleanup_(bl_buf_done) struct bl_buf field = {0};

	if (write->validation == BL_VALIDATION_IGNORE ||
	    !bl_body_duplicate(write->request->body, write->request->body_len, &field))
		return true;
	if (write->validation == BL_VALIDATION_WARN) {
		bl_reply_warn(write->reply, "duplicate field \"%s\"", field.data ? field.data : "");
		return true;
	}
	bl_rest_error(write->reply, 400, NULL, "strict decoding error: duplicate field \"%s\"",
		      field.data ? field.data : "");
	return false;
}

struct json_object *bl_rest_read_body(struct bl_rest_write *write)
{
	const struct bl_request *request = write->request;
	bool yaml = bl_rest_has_type(request, "application/yaml") ||
		    bl_rest_has_type(request, "application/x-yaml") ||
		    bl_rest_has_type(request, "text/yaml") ||
		    bl_rest_has_type(request, "application/apply-patch+yaml");
	bool protobuf = bl_rest_has_type(request, "application/vnd.kubernetes.protobuf");
	struct json_object *json = NULL;
	struct bl_err err = {0};
	int r;

	if (!yaml && !protobuf && request->content_type[0] &&
	    !bl_rest_has_type(request, "application/json")) {
		bl_rest_error(
			write->reply, 415, &write->target,
			"the body is '%.80s'; application/json and application/yaml are taken",
			request->content_type);
		return NULL;
	}
	r = yaml       ? bl_body_yaml(request->body, request->body_len, &json, &err)
	    : protobuf ? bl_body_protobuf(request->body, request->body_len, &json, &err)
		       : bl_body_json(request->body, request->body_len, false, &json, &err);
	if (r < 0) {
		bl_rest_error(write->reply,
			      r == -E2BIG    ? 413
			      : r == -ENOMEM ? 500
					     : 400,
			      &write->target, "%s",
			      err.text[0] ? err.text : "no memory for the body");
		return NULL;
	}
	if (!bl_rest_check_kind(write, json) || (!yaml && !protobuf && !check_duplicates(write))) {
		json_object_put(json);
		return NULL;
	}
	return json;
}
