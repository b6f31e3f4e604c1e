/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is wrong with an object as a Status, in the form that API servers give it (field.Error of
 * Kubernetes' apimachinery): kubectl prints FIELD, a colon and the message of each cause.
 */
#include <json-c/json.h>
#include <string.h>

#include "agent/status_error.h"
#include "api/shape.h"
#include "model/tree.h"

#define CAUSES_IN_MESSAGE 8u
#define VALUE_SHOWN 120

struct cause {
	const char *reason;
	struct bl_buf message;
	char *field; /* owned; NULL: the problem's */
};

/* "service 'default/web': field 'spec.x': TEXT" from 'field' on. */
static const char *without_subject(const char *text, enum bl_kind kind)
{
	size_t len = strlen(bl_kind_info(kind)->singular);
	const char *at;

	if (strncmp(text, bl_kind_info(kind)->singular, len) != 0)
		return text;
	if (!strncmp(text + len, " '", 2)) {
		at = strstr(text + len + 2, "': ");
		return at ? at + 3 : text;
	}
	at = strstr(text + len, " without a name: ");
	return at == text + len ? at + strlen(" without a name: ") : text;
}

/* What follows "field 'NAME'" in the text of a problem with that field; NULL: it is not so made. */
static const char *after_field(const char *text, const char *word, const char *field)
{
	size_t word_len = strlen(word), len = field ? strlen(field) : 0;

	if (!field || strncmp(text, word, word_len) != 0 || text[word_len] != '\'' ||
	    strncmp(text + word_len + 1, field, len) != 0 || text[word_len + 1 + len] != '\'')
		return NULL;
	text += word_len + len + 2;
	if (!strncmp(text, ": ", 2))
		return text + 2;
	return *text == ' ' ? text + 1 : text;
}

/* The value at a path such as "spec.ports[0].port", and what the schema says of the place. */
static bool find_value(enum bl_kind kind, struct json_object *json, const char *field,
		       struct json_object **ret, struct bl_shape *ret_shape)
{
	struct bl_shape shape = bl_shape_of_kind(kind);
	struct bl_path_step step;
	char name[BL_ERR_TEXT];

	while (bl_path_next(&field, &step)) {
		if (json_object_is_type(json, json_type_array)) {
			if (step.index >= json_object_array_length(json))
				return false;
			json = json_object_array_get_idx(json, step.index);
			shape = bl_shape_item(shape);
			continue;
		}
		if (step.name_len >= sizeof(name) || !json_object_is_type(json, json_type_object))
			return false;
		memcpy(name, step.name, step.name_len);
		name[step.name_len] = '\0';
		if (!json_object_object_get_ex(json, name, &json))
			return false;
		shape = bl_shape_member(shape, name);
	}
	*ret = json;
	*ret_shape = shape;
	return json != NULL;
}

static void add_value(struct bl_buf *buf, struct json_object *value)
{
	const char *text = json_object_to_json_string_ext(
		value, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);

	bl_buf_addf(buf, "%.*s%s: ", VALUE_SHOWN, text, strlen(text) > VALUE_SHOWN ? "..." : "");
}

static bool ends_with(const char *text, const char *end)
{
	size_t len = strlen(text), end_len = strlen(end);

	return len >= end_len && !strcmp(text + len - end_len, end);
}

/* Which of field.Error's kinds a rule is, by its words. */
static const char *kind_of_rule(const char *text, struct bl_shape shape, const char **ret_reason)
{
	if (!strncmp(text, "only ", 5) || !strncmp(text, "cannot be set", 13)) {
		*ret_reason = "FieldValueForbidden";
		return "Forbidden: ";
	}
	if (ends_with(text, " too")) {
		*ret_reason = "FieldValueDuplicate";
		return "Duplicate value: ";
	}
	if (shape.field && shape.field->type == BL_FIELD_ENUM) {
		*ret_reason = "FieldValueNotSupported";
		return "Unsupported value: ";
	}
	*ret_reason = "FieldValueInvalid";
	return "Invalid value: ";
}

/* "spec.ports[0].nodePort '30080': TEXT", as the allocator says it; or any words. */
static void explain_value(const char *text, struct cause *cause)
{
	size_t len = strcspn(text, " ");
	const char *value = text + len + 2;
	const char *end = !strncmp(text, "spec.", 5) && !strncmp(text + len, " '", 2)
				  ? strstr(value, "': ")
				  : NULL;

	if (!end) {
		bl_buf_add_str(&cause->message, text);
		return;
	}
	cause->field = strndup(text, len);
	bl_buf_addf(&cause->message, "Invalid value: %.*s: %s", (int)(end - value), value, end + 3);
}

static void explain(enum bl_kind kind, const struct bl_problem *problem, struct json_object *json,
		    struct cause *cause)
{
	const char *text = without_subject(problem->text ? problem->text : "it is not valid", kind);
	const char *missing = after_field(text, "required field ", problem->field);
	const char *rule = after_field(text, "field ", problem->field), *what;
	struct json_object *value = NULL;
	struct bl_shape shape = {0};

	cause->reason = "FieldValueInvalid";
	if (missing) {
		const char *more = strstr(missing, ": ");

		cause->reason = "FieldValueRequired";
		bl_buf_addf(&cause->message, "Required value%s", more ? more : "");
		return;
	}
	if (!rule) {
		explain_value(text, cause);
		return;
	}
	if (!json || !find_value(kind, json, problem->field, &value, &shape))
		value = NULL;
	what = kind_of_rule(rule, shape, &cause->reason);
	bl_buf_add_str(&cause->message, what);
	if (value && strcmp(what, "Forbidden: ") != 0)
		add_value(&cause->message, value);
	bl_buf_add_str(&cause->message, rule);
}

static void add_string(struct json_object *json, const char *key, const char *value)
{
	if (value)
		json_object_object_add(json, key, json_object_new_string(value));
}

/* "FIELD: MESSAGE" of the causes, in brackets when there are several. */
static void summarize(struct json_object *causes, struct bl_buf *ret)
{
	size_t count = json_object_array_length(causes);

	if (count > 1)
		bl_buf_add_str(ret, "[");
	for (size_t i = 0; i < count && i < CAUSES_IN_MESSAGE; i++) {
		struct json_object *cause = json_object_array_get_idx(causes, i), *field = NULL;

		bl_buf_add_str(ret, i ? ", " : "");
		if (json_object_object_get_ex(cause, "field", &field))
			bl_buf_addf(ret, "%s: ", json_object_get_string(field));
		bl_buf_add_str(ret,
			       json_object_get_string(json_object_object_get(cause, "message")));
	}
	if (count > CAUSES_IN_MESSAGE)
		bl_buf_add_str(ret, ", ...");
	if (count > 1)
		bl_buf_add_str(ret, "]");
}

static struct json_object *causes_of(enum bl_kind kind, const struct bl_diag *diag,
				     struct json_object *json)
{
	struct json_object *causes = json_object_new_array();

	for (size_t i = 0; i < diag->count; i++) {
		struct cause cause = {0};
		struct json_object *one;

		if (diag->problems[i].severity != BL_SEVERITY_ERROR)
			continue;
		explain(kind, &diag->problems[i], json, &cause);
		one = json_object_new_object();
		add_string(one, "reason", cause.reason);
		add_string(one, "message", cause.message.data);
		add_string(one, "field", cause.field ? cause.field : diag->problems[i].field);
		json_object_array_add(causes, one);
		bl_buf_done(&cause.message);
		free(cause.field);
	}
	return causes;
}

void bl_status_invalid(struct bl_buf *buf, const struct bl_source_name *about,
		       const struct bl_diag *diag, struct json_object *json)
{
	const struct bl_kind_info *info = bl_kind_info(about->kind);
	struct json_object *causes = causes_of(about->kind, diag, json);
	_cleanup_(bl_buf_done) struct bl_buf message = {0};

	bl_buf_addf(&message, "%s \"%s\" is invalid: ", info->kind, about->name);
	summarize(causes, &message);
	bl_status_details(buf, 422, bl_status_reason(422), message.data ? message.data : "", about,
			  info->kind, causes);
}

void bl_status_conflicts(struct bl_buf *buf, const char *message, struct json_object *causes)
{
	bl_status_details(buf, 409, bl_status_reason(409), message, NULL, NULL,
			  json_object_get(causes));
}
