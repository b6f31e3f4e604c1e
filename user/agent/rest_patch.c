/* SPDX-License-Identifier: GPL-3.0-or-later */
/* PATCH: three kinds of patches, and server-side apply. */
#include <errno.h>
#include <json-c/json.h>
#include <string.h>

#include "agent/rest_write.h"
#include "agent/status_error.h"
#include "api/body.h"
#include "api/json_patch.h"
#include "api/strategic.h"
#include "model/codec.h"

BL_DEFINE_CLEANUP(struct json_object *, json_object_put);

typedef int patch_fn(enum bl_kind kind, struct json_object *target, struct json_object *patch,
		     struct json_object **ret, struct bl_err *err);

static int patch_merge(enum bl_kind kind, struct json_object *target, struct json_object *patch,
		       struct json_object **ret, struct bl_err *err)
{
	int r = bl_json_merge_patch(target, patch, ret);

	(void)kind;
	return r == -E2BIG ? bl_err_set(err, r, "the patch is nested too deeply") : r;
}

static int patch_json(enum bl_kind kind, struct json_object *target, struct json_object *patch,
		      struct json_object **ret, struct bl_err *err)
{
	(void)kind;
	return bl_json_patch(target, patch, ret, err);
}

static const struct {
	const char *type;
	bool is_list;
	patch_fn *patch;
} patches[] = {
	{"application/json-patch+json", true, patch_json},
	{"application/merge-patch+json", false, patch_merge},
	{"application/strategic-merge-patch+json", false, bl_strategic_patch},
};

static void answer_patch(struct bl_rest_write *write, int code, const struct bl_err *err)
{
	/* A JSON patch that does not fit is told apart from one that is none, as by a server. */
	unsigned int http = code == -EINVAL   ? 400
			    : code == -ENOENT ? 422
			    : code == -E2BIG  ? 413
					      : 500;

	bl_rest_error(write->reply, http, NULL, "%s",
		      err->text[0] ? err->text : "no memory for the object");
}

static void patch_object(struct bl_rest_write *write, bool is_list, patch_fn *patch)
{
	_cleanup_(json_object_put) struct json_object *json = NULL, *result = NULL;
	struct bl_err err = {0};
	int r = bl_body_json(write->request->body, write->request->body_len, is_list, &json, &err);

	if (r == 0)
		r = patch(write->target.kind, write->old_json, json, &result, &err);
	if (r == 0 && !json_object_is_type(result, json_type_object))
		r = bl_err_set(&err, -EINVAL, "what the patch leaves is no object");
	if (r < 0)
		answer_patch(write, r, &err);
	else if (bl_rest_check_kind(write, result)) /* a patch makes nothing else of an object */
		bl_rest_put(write, TAKE_PTR(result), NULL);
}

/* A new object is made by its first apply; without a namespace it is in that of the path. */
static bool check_config(struct bl_rest_write *write, struct json_object *config)
{
	struct json_object *meta = NULL, *managed = NULL;

	if (json_object_object_get_ex(config, "metadata", &meta) &&
	    !json_object_is_type(meta, json_type_object)) {
		bl_rest_error(write->reply, 400, &write->target, "'metadata' is no mapping");
		return false;
	}
	if (meta && json_object_object_get_ex(meta, "managedFields", &managed) && managed) {
		bl_rest_error(write->reply, 400, &write->target,
			      "metadata.managedFields must be nil");
		return false;
	}
	if (write->target.is_status && !write->old) {
		bl_rest_not_found(write->reply, &write->target);
		return false;
	}
	return true;
}

static void apply_config(struct bl_rest_write *write, struct json_object *config)
{
	_cleanup_(bl_applied_done) struct bl_applied applied = {0};
	const struct bl_manager who = bl_rest_manager(write);
	struct json_object *own = NULL; /* the other shares parts with the old object */
	struct bl_err err = {0};
	int r = bl_managed_apply(write->target.kind, write->old_json, config, write->managers, &who,
				 write->force, &applied, &err);

	if (r == -EEXIST) {
		write->reply->code = 409;
		bl_status_conflicts(&write->reply->body, err.text, applied.conflicts);
	} else if (r < 0) {
		answer_patch(write, r, &err);
	} else if (json_object_deep_copy(applied.object, &own, NULL) < 0) {
		bl_rest_error(write->reply, 500, &write->target, "no memory for the object");
	} else {
		bl_rest_put(write, own,
			    applied.managers ? TAKE_PTR(applied.managers)
					     : json_object_new_array());
	}
}

static void apply(struct bl_rest_write *write)
{
	const char *manager = bl_request_query(write->request, "fieldManager");
	_cleanup_(json_object_put) struct json_object *config = NULL;

	if (!manager || !manager[0]) {
		bl_rest_invalid_option(write->reply, "PatchOptions", "fieldManager",
				       "FieldValueRequired",
				       "Required value: is required for apply patch");
		return;
	}
	write->applies = true;
	config = bl_rest_read_body(write);
	if (config && check_config(write, config))
		apply_config(write, config);
}

void bl_rest_patch(struct bl_agent *agent, const struct bl_request *request,
		   const struct bl_rest_target *target, struct bl_reply *reply)
{
	_cleanup_(bl_rest_write_done) struct bl_rest_write write;

	if (!bl_rest_write_begin(&write, agent, request, target, reply))
		return;
	if (bl_rest_has_type(request, "application/apply-patch+yaml")) {
		apply(&write);
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(patches); i++) {
		if (!bl_rest_has_type(request, patches[i].type))
			continue;
		if (write.old)
			patch_object(&write, patches[i].is_list, patches[i].patch);
		else
			bl_rest_not_found(reply, target);
		return;
	}
	bl_rest_error(reply, 415, target,
		      "a patch of type '%.80s' is not taken; application/json-patch+json, "
		      "application/merge-patch+json, application/strategic-merge-patch+json and "
		      "application/apply-patch+yaml are",
		      request->content_type);
}
