/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Answers of a real API server: strict decoding takes all of them and loses nothing. */
#include <json-c/json.h>

#include "help.h"

static const struct {
	const char *file;
	enum bl_kind kind;
	size_t count;
} rows[] = {
	{"services.json", BL_KIND_SERVICE, 23},
	{"endpointslices.json", BL_KIND_ENDPOINT_SLICE, 23},
	{"pods.json", BL_KIND_POD, 3},
	{"nodes.json", BL_KIND_NODE, 2},
};

/* Removes what beeline does not keep: empty fields, and the records of server-side apply. */
static bool prune(struct json_object *json)
{
	if (json_object_is_type(json, json_type_object)) {
		struct json_object_iterator at = json_object_iter_begin(json);
		const char *gone[64];
		size_t count = 0;

		for (struct json_object_iterator end = json_object_iter_end(json);
		     !json_object_iter_equal(&at, &end); json_object_iter_next(&at)) {
			const char *key = json_object_iter_peek_name(&at);

			if (strcmp(key, "managedFields") == 0 ||
			    prune(json_object_iter_peek_value(&at)))
				gone[count++] = key;
		}
		for (size_t i = 0; i < count; i++)
			json_object_object_del(json, gone[i]);
		return json_object_object_length(json) == 0;
	}
	if (json_object_is_type(json, json_type_array)) {
		for (size_t i = 0; i < json_object_array_length(json); i++)
			(void)prune(json_object_array_get_idx(json, i));
		return json_object_array_length(json) == 0;
	}
	if (json_object_is_type(json, json_type_string))
		return json_object_get_string_len(json) == 0;
	return !json;
}

/* What defaults add to answers that lack it, and lists do not say. */
static void compare(struct json_object *expected, const struct bl_object *object)
{
	const struct bl_kind_info *info = bl_kind_info(object->kind);
	struct json_object *got;

	cr_assert_eq(bl_encode_json(object, &got), 0);
	json_object_object_add(expected, "kind", json_object_new_string(info->kind));
	json_object_object_add(expected, "apiVersion", json_object_new_string(info->api_version));
	(void)prune(expected);
	(void)prune(got);
	cr_assert(json_object_equal(expected, got), "expected %s\ngot      %s",
		  json_object_to_json_string(expected), json_object_to_json_string(got));
	json_object_put(got);
}

Test(recordings, lists_of_a_real_server_decode_strictly_and_encode_to_the_same)
{
	for (size_t row = 0; row < ARRAY_SIZE(rows); row++) {
		char path[512];
		(void)snprintf(path, sizeof(path), "%s/api/%s", TEST_DATA, rows[row].file);
		struct decoded decoded = decode_file(path);
		struct json_object *json = json_object_from_file(path);
		struct json_object *items = json_object_object_get(json, "items");

		cr_assert_eq(decoded.result, 0, "%s: %s", path, decoded.problems);
		cr_assert_str_empty(decoded.problems);
		cr_assert_eq(decoded.list.count, rows[row].count);
		for (size_t i = 0; i < decoded.list.count; i++) {
			cr_assert_eq(decoded.list.items[i]->kind, rows[row].kind);
			compare(json_object_array_get_idx(items, i), decoded.list.items[i]);
		}
		json_object_put(json);
		decoded_done(&decoded);
	}
}

Test(recordings, yaml_of_each_object_decodes_to_an_equal_object)
{
	for (size_t row = 0; row < ARRAY_SIZE(rows); row++) {
		char path[512];
		(void)snprintf(path, sizeof(path), "%s/api/%s", TEST_DATA, rows[row].file);
		struct decoded decoded = decode_file(path);

		for (size_t i = 0; i < decoded.list.count; i++) {
			struct bl_buf yaml = {0};
			struct bl_object *copy;

			cr_assert_eq(bl_encode_yaml(decoded.list.items[i], &yaml), 0);
			struct decoded again = decode_text(yaml.data, 0);
			cr_assert_eq(again.result, 0, "%s\n%s", again.problems, yaml.data);
			cr_assert_eq(again.list.count, 1);
			cr_assert(bl_object_equal(again.list.items[0], decoded.list.items[i]));
			cr_assert_eq(bl_object_clone(decoded.list.items[i], &copy), 0);
			cr_assert(bl_object_equal(copy, decoded.list.items[i]));
			bl_object_unref(copy);
			decoded_done(&again);
			bl_buf_done(&yaml);
		}
		decoded_done(&decoded);
	}
}
