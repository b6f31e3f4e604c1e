/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "api/body.h"

#include <errno.h>
#include <json-c/json.h>
#include <limits.h>
#include <string.h>

#include "model/tree.h"

#define DEPTH_MAX 64

int bl_body_json(const char *text, size_t len, bool list, struct json_object **ret,
		 struct bl_err *err)
{
	struct json_tokener *tokener = json_tokener_new_ex(DEPTH_MAX);
	enum json_tokener_error error;
	struct json_object *json;
	size_t end;

	if (!tokener)
		return -ENOMEM;
	/* Strict also means that nothing may follow, but it does not see a text that just ends. */
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	json = json_tokener_parse_ex(tokener, text, len > INT_MAX ? INT_MAX : (int)len);
	error = json_tokener_get_error(tokener);
	end = json_tokener_get_parse_end(tokener);
	json_tokener_free(tokener);
	while (json && end < len && strchr(" \t\r\n", text[end]))
		end++;
	if (json && end == len &&
	    json_object_is_type(json, list ? json_type_array : json_type_object)) {
		*ret = json;
		return 0;
	}
	json_object_put(json);
	if (error == json_tokener_continue)
		return bl_err_set(err, -EINVAL, "the JSON text ends too early");
	if (error != json_tokener_success)
		return bl_err_set(err, -EINVAL, "the body is no JSON: %s at byte %zu",
				  json_tokener_error_desc(error), end);
	return bl_err_set(err, -EINVAL, "the body is not one JSON %s", list ? "list" : "object");
}

struct reading {
	struct bl_buf text; /* of the only document */
	size_t documents;
};

static int on_root(struct bl_document *document, void *userdata)
{
	struct reading *reading = userdata;

	if (document->root->type == BL_TREE_NULL)
		return 0;
	if (++reading->documents == 1)
		bl_tree_to_json_text(document->root, &reading->text);
	return reading->text.failed ? -ENOMEM : 0;
}

static int take_problem(const struct bl_diag *diag, int r, struct bl_err *err)
{
	const struct bl_problem *problem = diag->count ? &diag->problems[0] : NULL;

	if (!problem || !problem->text)
		return bl_err_set(err, r, "the body is no YAML");
	if (!problem->line)
		return bl_err_set(err, r, "%s", problem->text);
	return bl_err_set(err, r, "line %u, column %u: %s", problem->line, problem->column,
			  problem->text);
}

int bl_body_yaml(const char *text, size_t len, struct json_object **ret, struct bl_err *err)
{
	struct bl_document document = {.text = text, .len = len, .line = 1, .column = 1};
	struct bl_tree_budget budget = {
		.depth = DEPTH_MAX, .aliases = 10000, .nodes = bl_limits_default.nodes};
	struct bl_diag diag = BL_DIAG_INIT;
	struct reading reading = {0};
	int r = bl_tree_read_yaml(&document, &budget, &diag, on_root, &reading);

	if (r == -EINVAL || r == -E2BIG || diag.error_count)
		r = take_problem(&diag, r < 0 ? r : -EINVAL, err);
	else if (r == 0 && reading.documents != 1)
		r = bl_err_set(err, -EINVAL, "the body holds %zu objects, expected one",
			       reading.documents);
	else if (r == 0)
		r = bl_body_json(reading.text.data, reading.text.len, false, ret, err);
	bl_diag_done(&diag);
	bl_buf_done(&reading.text);
	return r;
}

bool bl_body_duplicate(const char *text, size_t len, struct bl_buf *ret_field)
{
	const struct bl_document document = {
		.text = text, .len = len, .line = 1, .column = 1, .is_json = true};
	struct bl_pos pos;

	return bl_json_find_duplicate(&document, &pos, ret_field);
}
