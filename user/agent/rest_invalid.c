/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Answers for what is refused, in the words that clients of Kubernetes know. */
#include <errno.h>
#include <json-c/json.h>
#include <string.h>

#include "agent/rest_write.h"
#include "agent/status_error.h"

void bl_rest_invalid(struct bl_reply *reply, const struct bl_rest_target *target,
		     const struct bl_diag *diag, struct json_object *json)
{
	struct bl_source_name about = bl_rest_name(target);

	reply->code = 422;
	bl_status_invalid(&reply->body, &about, diag, json);
}

void bl_rest_invalid_option(struct bl_reply *reply, const char *options, const char *field,
			    const char *reason, const char *message)
{
	struct json_object *causes = json_object_new_array(), *cause = json_object_new_object();
	char text[BL_ERR_TEXT];

	(void)snprintf(text, sizeof(text), "%s.meta.k8s.io \"\" is invalid: %s: %s", options, field,
		       message);
	json_object_object_add(cause, "reason", json_object_new_string(reason));
	json_object_object_add(cause, "message", json_object_new_string(message));
	json_object_object_add(cause, "field", json_object_new_string(field));
	json_object_array_add(causes, cause);
	reply->code = 422;
	bl_status_details(&reply->body, 422, bl_status_reason(422), text, NULL, NULL, causes);
}

void bl_rest_refused(struct bl_reply *reply, const struct bl_rest_target *target, int code,
		     const struct bl_diag *diag, struct json_object *json, const struct bl_err *err)
{
	struct bl_source_name about = bl_rest_name(target);
	unsigned int http = 500;
	const char *reason;

	if (code == -EINVAL) {
		bl_rest_invalid(reply, target, diag, json);
		return;
	}
	if (code == -ENOENT)
		http = 404;
	else if (code == -EEXIST || code == -ESTALE || code == -EBUSY)
		http = 409;
	else if (code == -EACCES)
		http = 403;
	else if (code == -ENOSPC)
		http = 507;
	reason = code == -EEXIST ? "AlreadyExists" : bl_status_reason(http);
	reply->code = http;
	bl_status_error(&reply->body, http, reason, err->text[0] ? err->text : strerror(-code),
			&about);
}

void bl_rest_not_found(struct bl_reply *reply, const struct bl_rest_target *target)
{
	bl_rest_error(reply, 404, target, "%s \"%s\" not found", bl_kind_info(target->kind)->plural,
		      target->name);
}
