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

static const char *options_of(const struct bl_rest_write *write)
{
	return !strcmp(write->request->method, "POST")  ? "CreateOptions"
	       : !strcmp(write->request->method, "PUT") ? "UpdateOptions"
							: "PatchOptions";
}

static bool unsupported(struct bl_rest_write *write, const char *field, const char *got,
			const char *supported)
{
	char message[256];

	(void)snprintf(message, sizeof(message),
		       "Unsupported value: \"%.60s\": supported values: %s", got, supported);
	bl_rest_invalid_option(write->reply, options_of(write), field, "FieldValueNotSupported",
			       message);
	return false;
}

static bool read_force(struct bl_rest_write *write)
{
	const char *force = bl_request_query(write->request, "force");

	if (!force || !force[0])
		return true;
	write->force = !strcmp(force, "true") || !strcmp(force, "1");
	if (!write->force && strcmp(force, "false") != 0 && strcmp(force, "0") != 0)
		return unsupported(write, "force", force, "\"true\", \"false\"");
	if (!strcmp(write->request->method, "PATCH") &&
	    !bl_rest_has_type(write->request, "application/apply-patch+yaml")) {
		bl_rest_invalid_option(write->reply, options_of(write), "force",
				       "FieldValueForbidden",
				       "Forbidden: may not be specified for non-apply patch");
		return false;
	}
	return true;
}

bool bl_rest_read_choices(struct bl_rest_write *write)
{
	const char *dry_run = bl_request_query(write->request, "dryRun");
	const char *validation = bl_request_query(write->request, "fieldValidation");

	write->dry_run = dry_run && dry_run[0];
	if (write->dry_run && strcmp(dry_run, "All") != 0)
		return unsupported(write, "dryRun", dry_run, "\"All\"");
	if (!validation || !validation[0] || !strcmp(validation, "Warn"))
		write->validation = BL_VALIDATION_WARN;
	else if (!strcmp(validation, "Strict"))
		write->validation = BL_VALIDATION_STRICT;
	else if (!strcmp(validation, "Ignore"))
		write->validation = BL_VALIDATION_IGNORE;
	else
		return unsupported(write, "fieldValidation", validation,
				   "\"Ignore\", \"Strict\", \"Warn\"");
	return read_force(write);
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
		bl_rest_invalid_option(write->reply, options_of(write), "fieldManager",
				       "FieldValueTooLong",
				       "Too long: may not be more than 128 bytes");
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
	if (!bl_rest_read_choices(write) || !read_manager(write))
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

static bool is_yaml(const struct bl_request *request)
{
	return bl_rest_has_type(request, "application/yaml") ||
	       bl_rest_has_type(request, "application/x-yaml") ||
	       bl_rest_has_type(request, "text/yaml") ||
	       bl_rest_has_type(request, "application/apply-patch+yaml");
}

static bool is_protobuf(const struct bl_request *request)
{
	return bl_rest_has_type(request, "application/vnd.kubernetes.protobuf");
}

bool bl_rest_check_duplicates(struct bl_rest_write *write)
{
	_cleanup_(bl_buf_done) struct bl_buf field = {0};

	if (write->validation == BL_VALIDATION_IGNORE || is_yaml(write->request) ||
	    is_protobuf(write->request) ||
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

struct json_object *bl_rest_parse_body(struct bl_rest_write *write,
				       const struct bl_rest_target *about)
{
	const struct bl_request *request = write->request;
	struct json_object *json = NULL;
	struct bl_err err = {0};
	int r;

	if (!is_yaml(request) && !is_protobuf(request) && request->content_type[0] &&
	    !bl_rest_has_type(request, "application/json")) {
		bl_rest_error(
			write->reply, 415, about,
			"the body is '%.80s'; application/json and application/yaml are taken",
			request->content_type);
		return NULL;
	}
	r = is_yaml(request) ? bl_body_yaml(request->body, request->body_len, &json, &err)
	    : is_protobuf(request)
		    ? bl_body_protobuf(request->body, request->body_len, &json, &err)
		    : bl_body_json(request->body, request->body_len, false, &json, &err);
	if (r < 0)
		bl_rest_error(write->reply,
			      r == -E2BIG    ? 413
			      : r == -ENOMEM ? 500
					     : 400,
			      about, "%s", err.text[0] ? err.text : "no memory for the body");
	return r < 0 ? NULL : json;
}

struct json_object *bl_rest_read_body(struct bl_rest_write *write)
{
	struct json_object *json = bl_rest_parse_body(write, &write->target);

	if (json && (!bl_rest_check_kind(write, json) || !bl_rest_check_duplicates(write))) {
		json_object_put(json);
		return NULL;
	}
	return json;
}
