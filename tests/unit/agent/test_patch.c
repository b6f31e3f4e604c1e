/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <criterion/criterion.h>
#include <errno.h>
#include <json-c/json.h>
#include <string.h>

#include "agent/patch.h"
#include "base/cleanup.h"

Test(patch, only_one_whole_json_object_is_taken)
{
	static const struct {
		const char *text;
		bool good;
	} rows[] = {
		{"{}", true},    {" {\"a\": 1} \n", true}, {"", false},
		{"{", false},    {"{\"a\":}", false},      {"[]", false},
		{"1", false},    {"null", false},          {"{} {}", false},
		{"{} x", false}, {"{a:1}", false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct json_object *json = NULL;
		struct bl_err err = {0};
		int r = bl_json_parse(rows[i].text, strlen(rows[i].text), &json, &err);

		cr_expect_eq(r, rows[i].good ? 0 : -EINVAL, "'%s' gave %d %s", rows[i].text, r,
			     err.text);
		cr_expect_eq(json != NULL, rows[i].good);
		cr_expect_eq(err.text[0] != '\0', !rows[i].good);
		json_object_put(json);
	}
}

Test(patch, depth_is_bounded)
{
	struct json_object *json = NULL;
	char text[2048];
	size_t used = 0;

	for (int i = 0; i < 200; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "{\"a\":");
	cr_assert_eq(bl_json_parse(text, used, &json, NULL), -EINVAL);
}

Test(patch, strategic_patches_may_touch_labels_only)
{
	static const struct {
		const char *text;
		bool yes;
	} rows[] = {
		{"{}", true},
		{"{\"metadata\":{\"labels\":{\"a\":null},\"annotations\":{}}}", true},
		{"{\"kind\":\"Service\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"x\"}}",
		 true},
		{"{\"spec\":{}}", false},
		{"{\"metadata\":{\"finalizers\":[]}}", false},
		{"{\"metadata\":[]}", false},
		{"{\"$patch\":\"delete\"}", false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct json_object *json = NULL;

		cr_assert_eq(bl_json_parse(rows[i].text, strlen(rows[i].text), &json, NULL), 0);
		cr_expect_eq(bl_json_touches_only_labels(json), rows[i].yes, "%s", rows[i].text);
		json_object_put(json);
	}
}
