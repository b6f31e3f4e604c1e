/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The Swagger document in protobuf: field numbers are those of gnostic's OpenAPIv2.proto. Of
 * operations only what kubectl reads is told: parameters of the query, and the extensions.
 */
#include <string.h>

#include "api/json.h"
#include "api/openapi.h"
#include "base/cleanup.h"
#include "base/protobuf.h"

#define EXTENSION "x-"

typedef void write_fn(struct json_object *json, struct bl_buf *ret);

/* {name, value}, as messages keep the members of a mapping. */
static void add_named(struct bl_buf *buf, uint32_t field, const char *name,
		      struct json_object *json, write_fn *write)
{
	_cleanup_(bl_buf_done) struct bl_buf named = {0}, value = {0};

	bl_pb_add_string(&named, 1, name);
	write(json, &value);
	bl_pb_add_message(&named, 2, &value);
	bl_pb_add_message(buf, field, &named);
}

static void add_all_named(struct bl_buf *buf, uint32_t field, struct json_object *json,
			  write_fn *write)
{
	json_object_object_foreach(json, name, value)
	{
		add_named(buf, field, name, value, write);
	}
}

/* A message around a value, such as a choice of one of several. */
static void add_wrapped(struct bl_buf *buf, uint32_t field, uint32_t inner_field,
			struct json_object *json, write_fn *write)
{
	_cleanup_(bl_buf_done) struct bl_buf outer = {0}, inner = {0};

	write(json, &inner);
	bl_pb_add_message(&outer, inner_field, &inner);
	bl_pb_add_message(buf, field, &outer);
}

static void add_text(struct bl_buf *buf, uint32_t field, struct json_object *json, const char *key)
{
	const char *text = bl_json_str(json, key);

	if (text)
		bl_pb_add_string(buf, field, text);
}

/* Any: as YAML, of which JSON is a part. */
static void write_any(struct json_object *json, struct bl_buf *ret)
{
	const char *text = json_object_to_json_string_ext(
		json, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);

	if (text)
		bl_pb_add_string(ret, 2, text);
	else
		ret->failed = true;
}

static void add_extensions(struct bl_buf *buf, uint32_t field, struct json_object *json)
{
	json_object_object_foreach(json, name, value)
	{
		if (strncmp(name, EXTENSION, strlen(EXTENSION)) == 0)
			add_named(buf, field, name, value, write_any);
	}
}

static void write_string(struct json_object *json, struct bl_buf *ret)
{
	bl_buf_add_str(ret, bl_json_str_or(json, "", ""));
}

static void add_strings(struct bl_buf *buf, uint32_t field, struct json_object *list)
{
	for (size_t i = 0; i < bl_json_len(list); i++) {
		_cleanup_(bl_buf_done) struct bl_buf text = {0};

		write_string(bl_json_item(list, i), &text);
		bl_pb_add_message(buf, field, &text);
	}
}

static void write_properties(struct json_object *json, struct bl_buf *ret);

static void write_type(struct json_object *json, struct bl_buf *ret)
{
	bl_pb_add_string(ret, 1, bl_json_str_or(json, "", ""));
}

static void write_schema(struct json_object *json, struct bl_buf *ret)
{
	struct json_object *child, *names = bl_json_key(json, "enum");

	add_text(ret, 1, json, "$ref");
	add_text(ret, 2, json, "format");
	add_text(ret, 4, json, "description");
	add_strings(ret, 19, bl_json_key(json, "required"));
	for (size_t i = 0; i < bl_json_len(names); i++) {
		_cleanup_(bl_buf_done) struct bl_buf any = {0};

		write_any(bl_json_item(names, i), &any);
		bl_pb_add_message(ret, 20, &any);
	}
	if ((child = bl_json_key(json, "additionalProperties")))
		add_wrapped(ret, 21, 1, child, write_schema);
	if ((child = bl_json_key(json, "type"))) {
		_cleanup_(bl_buf_done) struct bl_buf type = {0};

		write_type(child, &type);
		bl_pb_add_message(ret, 22, &type);
	}
	if ((child = bl_json_key(json, "items")))
		add_wrapped(ret, 23, 1, child, write_schema);
	if ((child = bl_json_key(json, "properties"))) {
		_cleanup_(bl_buf_done) struct bl_buf properties = {0};

		write_properties(child, &properties);
		bl_pb_add_message(ret, 25, &properties);
	}
	add_extensions(ret, 31, json);
}

static void write_properties(struct json_object *json, struct bl_buf *ret)
{
	add_all_named(ret, 1, json, write_schema);
}

static void write_query_parameter(struct json_object *json, struct bl_buf *ret)
{
	add_text(ret, 2, json, "in");
	add_text(ret, 4, json, "name");
	add_text(ret, 6, json, "type");
}

/* NonBodyParameter: one of several, the query's is the third. */
static void write_non_body(struct json_object *json, struct bl_buf *ret)
{
	_cleanup_(bl_buf_done) struct bl_buf query = {0};

	write_query_parameter(json, &query);
	bl_pb_add_message(ret, 3, &query);
}

static void write_parameters_item(struct json_object *json, struct bl_buf *ret)
{
	add_wrapped(ret, 1, 2, json, write_non_body);
}

static void write_operation(struct json_object *json, struct bl_buf *ret)
{
	struct json_object *parameters = bl_json_key(json, "parameters");

	for (size_t i = 0; i < bl_json_len(parameters); i++) {
		struct json_object *parameter = bl_json_item(parameters, i);
		_cleanup_(bl_buf_done) struct bl_buf item = {0};

		if (strcmp(bl_json_str_or(parameter, "in", ""), "query") != 0)
			continue;
		write_parameters_item(parameter, &item);
		bl_pb_add_message(ret, 8, &item);
	}
	add_extensions(ret, 13, json);
}

static void write_path(struct json_object *json, struct bl_buf *ret)
{
	static const struct {
		const char *method;
		uint32_t field;
	} methods[] = {{"get", 2}, {"put", 3}, {"post", 4}, {"delete", 5}, {"patch", 8}};

	for (size_t i = 0; i < ARRAY_SIZE(methods); i++) {
		struct json_object *operation = bl_json_key(json, methods[i].method);
		_cleanup_(bl_buf_done) struct bl_buf inner = {0};

		if (!operation)
			continue;
		write_operation(operation, &inner);
		bl_pb_add_message(ret, methods[i].field, &inner);
	}
}

static void write_paths(struct json_object *json, struct bl_buf *ret)
{
	add_all_named(ret, 2, json, write_path);
}

static void write_info(struct json_object *json, struct bl_buf *ret)
{
	add_text(ret, 1, json, "title");
	add_text(ret, 2, json, "version");
}

void bl_openapi_v2_protobuf(struct json_object *document, struct bl_buf *ret)
{
	static const struct {
		const char *key;
		uint32_t field;
		write_fn *write;
	} parts[] = {{"info", 2, write_info},
		     {"paths", 8, write_paths},
		     {"definitions", 9, write_properties}};

	add_text(ret, 1, document, "swagger");
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		_cleanup_(bl_buf_done) struct bl_buf part = {0};

		parts[i].write(bl_json_key(document, parts[i].key), &part);
		bl_pb_add_message(ret, parts[i].field, &part);
	}
}
