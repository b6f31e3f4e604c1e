/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/status_error.h"

#include <json-c/json.h>
#include <string.h>

static void add_string(struct json_object *json, const char *key, const char *value)
{
	if (value)
		json_object_object_add(json, key, json_object_new_string(value));
}

const char *bl_status_reason(unsigned int code)
{
	static const struct {
		unsigned int code;
		const char *reason;
	} rows[] = {
		{400, "BadRequest"},
		{403, "Forbidden"},
		{404, "NotFound"},
		{405, "MethodNotAllowed"},
		{406, "NotAcceptable"},
		{409, "Conflict"},
		{410, "Expired"},
		{413, "RequestEntityTooLarge"},
		{415, "UnsupportedMediaType"},
		{422, "Invalid"},
		{429, "TooManyRequests"},
		{500, "InternalError"},
		{501, "NotImplemented"},
		{503, "ServiceUnavailable"},
		{504, "Timeout"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].code == code)
			return rows[i].reason;
	return "Unknown";
}

/* Takes `causes`. */
static struct json_object *details_of(const struct bl_source_name *about, const char *kind,
				      const char *uid, struct json_object *causes)
{
	struct json_object *details = json_object_new_object();
	const char *group = about ? bl_kind_info(about->kind)->group : "";

	if (about) {
		add_string(details, "name", about->name && about->name[0] ? about->name : NULL);
		add_string(details, "group", group[0] ? group : NULL);
		add_string(details, "kind", kind ? kind : bl_kind_info(about->kind)->plural);
		add_string(details, "uid", uid);
	}
	if (causes)
		json_object_object_add(details, "causes", causes);
	return details;
}

static void write_status(struct bl_buf *buf, struct json_object *json)
{
	bl_buf_add_str(buf, json_object_to_json_string_ext(
				    json, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(json);
}

static struct json_object *status_object(const char *status)
{
	struct json_object *json = json_object_new_object();

	add_string(json, "kind", "Status");
	add_string(json, "apiVersion", "v1");
	json_object_object_add(json, "metadata", json_object_new_object());
	add_string(json, "status", status);
	return json;
}

void bl_status_details(struct bl_buf *buf, unsigned int code, const char *reason,
		       const char *message, const struct bl_source_name *about, const char *kind,
		       struct json_object *causes)
{
	struct json_object *json = status_object("Failure");

	add_string(json, "message", message);
	add_string(json, "reason", reason);
	if (about || causes)
		json_object_object_add(json, "details", details_of(about, kind, NULL, causes));
	json_object_object_add(json, "code", json_object_new_int((int)code));
	write_status(buf, json);
}

void bl_status_error(struct bl_buf *buf, unsigned int code, const char *reason, const char *message,
		     const struct bl_source_name *about)
{
	bl_status_details(buf, code, reason, message, about, NULL, NULL);
}

void bl_status_success(struct bl_buf *buf, const struct bl_source_name *about, const char *uid)
{
	struct json_object *json = status_object("Success");

	json_object_object_add(json, "details", details_of(about, NULL, uid, NULL));
	write_status(buf, json);
}
