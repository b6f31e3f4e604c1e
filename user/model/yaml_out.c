/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * JSON trees as YAML, in the form that kubectl prints: lists not indented, strings quoted only
 * where YAML would read something else.
 */
#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>

#include <json-c/json.h>

#include "model/codec.h"
#include "model/tree.h"

/* One character of UTF-8; a byte that is none counts as itself. Returns its length. */
static size_t read_character(const char *text, uint32_t *ret)
{
	const unsigned char *bytes = (const unsigned char *)text;
	size_t more = bytes[0] >= 0xf0 ? 3 : bytes[0] >= 0xe0 ? 2 : bytes[0] >= 0xc0 ? 1 : 0;
	uint32_t code = bytes[0] & (0x7fu >> (more ? more + 1 : 0));

	for (size_t i = 1; i <= more; i++) {
		if ((bytes[i] & 0xc0) != 0x80) {
			*ret = bytes[0];
			return 1;
		}
		code = code << 6 | (bytes[i] & 0x3fu);
	}
	*ret = bytes[0] >= 0x80 && more == 0 ? bytes[0] : code;
	return more + 1;
}

/* Controls, line separators, marks: what YAML does not take as it is. */
static bool needs_escape(uint32_t code)
{
	return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x2028 || code == 0x2029 ||
	       (code >= 0xd800 && code < 0xe000) || code == 0xfeff || code == 0xfffe ||
	       code == 0xffff;
}

static bool has_special(const char *text, size_t len)
{
	for (size_t i = 0; i < len;) {
		uint32_t code;
		size_t step = read_character(text + i, &code);

		if (needs_escape(code) || (step == 1 && code >= 0x80))
			return true;
		if (text[i] == ':' && (text[i + 1] == ' ' || text[i + 1] == '\0'))
			return true;
		if (text[i] == ' ' && (text[i + 1] == '#' || text[i + 1] == '\0'))
			return true;
		i += step;
	}
	return false;
}

static bool is_plain(const char *text, size_t len)
{
	struct bl_tree scalar = {.text = text, .count = len};

	if (len == 0 || strchr("!&*-?:,[]{}#|>@`\"'%=<~ .", text[0]) || has_special(text, len))
		return false;
	bl_tree_resolve_plain(&scalar);
	/* Dates, and numbers to the base of 60, are strings to Kubernetes but not to everyone. */
	return scalar.type == BL_TREE_STRING &&
	       (!isdigit((unsigned char)text[0]) || strspn(text, "0123456789-:TZ+_ ") < len);
}

static void write_quoted(const char *text, size_t len, struct bl_buf *ret)
{
	bl_buf_add_str(ret, "\"");
	for (size_t i = 0; i < len;) {
		uint32_t code;
		size_t step = read_character(text + i, &code);

		if (code == '"' || code == '\\')
			bl_buf_addf(ret, "\\%c", (char)code);
		else if (code == '\n')
			bl_buf_add_str(ret, "\\n");
		else if (code == '\t')
			bl_buf_add_str(ret, "\\t");
		else if (step == 1 && (code >= 0x80 || needs_escape(code)))
			bl_buf_addf(ret, "\\x%02x", code);
		else if (needs_escape(code))
			bl_buf_addf(ret, "\\u%04x", code);
		else
			bl_buf_add(ret, text + i, step);
		i += step;
	}
	bl_buf_add_str(ret, "\"");
}

static void write_string(const char *text, size_t len, struct bl_buf *ret)
{
	if (is_plain(text, len))
		bl_buf_add(ret, text, len);
	else
		write_quoted(text, len, ret);
}

static void indent(size_t depth, struct bl_buf *ret)
{
	for (size_t i = 0; i < depth; i++)
		bl_buf_add_str(ret, "  ");
}

static bool is_open(struct json_object *json)
{
	return (json_object_is_type(json, json_type_object) &&
		json_object_object_length(json) > 0) ||
	       (json_object_is_type(json, json_type_array) && json_object_array_length(json) > 0);
}

static void write_scalar(struct json_object *json, struct bl_buf *ret)
{
	if (json_object_is_type(json, json_type_string))
		write_string(json_object_get_string(json), (size_t)json_object_get_string_len(json),
			     ret);
	else
		bl_buf_add_str(ret, json_object_to_json_string_ext(json, JSON_C_TO_STRING_PLAIN));
}

static void write_open(struct json_object *json, size_t depth, bool in_line, struct bl_buf *ret);

static void write_map(struct json_object *json, size_t depth, bool in_line, struct bl_buf *ret)
{
	json_object_object_foreach(json, key, child)
	{
		if (!in_line)
			indent(depth, ret);
		in_line = false;
		write_string(key, strlen(key), ret);
		bl_buf_add_str(ret, ":");
		if (!is_open(child)) {
			bl_buf_add_str(ret, " ");
			write_scalar(child, ret);
			bl_buf_add_str(ret, "\n");
			continue;
		}
		bl_buf_add_str(ret, "\n");
		write_open(child, json_object_is_type(child, json_type_array) ? depth : depth + 1,
			   false, ret);
	}
}

static void write_list(struct json_object *json, size_t depth, bool in_line, struct bl_buf *ret)
{
	for (size_t i = 0; i < json_object_array_length(json); i++) {
		struct json_object *child = json_object_array_get_idx(json, i);

		if (!in_line)
			indent(depth, ret);
		in_line = false;
		bl_buf_add_str(ret, "- ");
		if (is_open(child)) {
			write_open(child, depth + 1, true, ret);
		} else {
			write_scalar(child, ret);
			bl_buf_add_str(ret, "\n");
		}
	}
}

/* `in_line`: the first child goes on in the line that is there ("- name: x"). */
static void write_open(struct json_object *json, size_t depth, bool in_line, struct bl_buf *ret)
{
	if (json_object_is_type(json, json_type_array))
		write_list(json, depth, in_line, ret);
	else
		write_map(json, depth, in_line, ret);
}

int bl_json_to_yaml(struct json_object *json, struct bl_buf *ret)
{
	if (is_open(json)) {
		write_open(json, 0, false, ret);
	} else {
		write_scalar(json, ret);
		bl_buf_add_str(ret, "\n");
	}
	return ret->failed ? -ENOMEM : 0;
}
