/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <criterion/criterion.h>
#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "api/json_patch.h"
#include "api/pointer.h"
#include "api/shape.h"
#include "base/cleanup.h"

struct row {
	const char *target;
	const char *patch;
	const char *expected; /* a JSON text; of a failure, words of its message */
	int code;
};

static const struct row good[] = {
	/* add */
	{"{}", "[]", "{}", 0},
	{"{}", "[{'op':'add','path':'/a','value':1}]", "{'a':1}", 0},
	{"{'a':1}", "[{'op':'add','path':'/a','value':2}]", "{'a':2}", 0},
	{"{'a':1}", "[{'op':'add','path':'','value':{'b':2}}]", "{'b':2}", 0},
	{"{'a':[]}", "[{'op':'add','path':'/a/0','value':1}]", "{'a':[1]}", 0},
	{"{'a':[1,3]}", "[{'op':'add','path':'/a/1','value':2}]", "{'a':[1,2,3]}", 0},
	{"{'a':[1,2]}", "[{'op':'add','path':'/a/2','value':3}]", "{'a':[1,2,3]}", 0},
	{"{'a':[1,2]}", "[{'op':'add','path':'/a/-','value':[3]}]", "{'a':[1,2,[3]]}", 0},
	{"{'a':[{'b':1}]}", "[{'op':'add','path':'/a/0/c','value':2}]", "{'a':[{'b':1,'c':2}]}", 0},
	{"{}", "[{'op':'add','path':'/a','value':null}]", "{'a':null}", 0},
	{"{}", "[{'op':'add','path':'/','value':1}]", "{'':1}", 0},
	{"{'a':{}}", "[{'op':'add','path':'/a/b~1c~0d','value':1}]", "{'a':{'b/c~d':1}}", 0},
	{"{}", "[{'op':'add','path':'/a','value':1,'other':2}]", "{'a':1}", 0},
	/* remove */
	{"{'a':1,'b':2}", "[{'op':'remove','path':'/a'}]", "{'b':2}", 0},
	{"{'a':[1,2,3]}", "[{'op':'remove','path':'/a/1'}]", "{'a':[1,3]}", 0},
	{"{'a':null}", "[{'op':'remove','path':'/a'}]", "{}", 0},
	/* replace */
	{"{'a':1}", "[{'op':'replace','path':'/a','value':{'b':[]}}]", "{'a':{'b':[]}}", 0},
	{"{'a':[1,2]}", "[{'op':'replace','path':'/a/0','value':9}]", "{'a':[9,2]}", 0},
	{"{'a':null}", "[{'op':'replace','path':'/a','value':1}]", "{'a':1}", 0},
	{"{'a':1}", "[{'op':'replace','path':'','value':{}}]", "{}", 0},
	/* move */
	{"{'a':1}", "[{'op':'move','from':'/a','path':'/b'}]", "{'b':1}", 0},
	{"{'a':[1,2,3]}", "[{'op':'move','from':'/a/0','path':'/a/2'}]", "{'a':[2,3,1]}", 0},
	{"{'a':{'b':1}}", "[{'op':'move','from':'/a/b','path':'/a'}]", "{'a':1}", 0},
	{"{'a':1}", "[{'op':'move','from':'/a','path':'/a'}]", "{'a':1}", 0},
	/* copy */
	{"{'a':{'b':1}}", "[{'op':'copy','from':'/a','path':'/c'}]", "{'a':{'b':1},'c':{'b':1}}",
	 0},
	{"{'a':{'b':1}}",
	 "[{'op':'copy','from':'/a','path':'/c'},{'op':'replace','path':'/c/b','value':2}]",
	 "{'a':{'b':1},'c':{'b':2}}", 0},
	{"{'a':1}", "[{'op':'copy','from':'','path':'/b'}]", "{'a':1,'b':{'a':1}}", 0},
	{"{'a':[1]}", "[{'op':'copy','from':'/a/0','path':'/a/-'}]", "{'a':[1,1]}", 0},
	/* test */
	{"{'a':{'b':[1,null,'x'],'c':1.5}}",
	 "[{'op':'test','path':'/a','value':{'c':1.5,'b':[1,null,'x']}}]",
	 "{'a':{'b':[1,null,'x'],'c':1.5}}", 0},
	{"{'a':1}", "[{'op':'test','path':'/a','value':1.0}]", "{'a':1}", 0},
	{"{'a':null}", "[{'op':'test','path':'/a','value':null}]", "{'a':null}", 0},
	/* one after the other */
	{"{'a':[]}",
	 "[{'op':'add','path':'/a/-','value':1},{'op':'add','path':'/a/0','value':2},"
	 "{'op':'test','path':'/a','value':[2,1]},{'op':'remove','path':'/a/0'}]",
	 "{'a':[1]}", 0},
};

static const struct row bad[] = {
	{"{}", "{}", "list of operations", -EINVAL},
	{"{}", "[1]", "operation 0", -EINVAL},
	{"{}", "[{'path':'/a'}]", "'op'", -EINVAL},
	{"{}", "[{'op':1,'path':'/a'}]", "'op'", -EINVAL},
	{"{}", "[{'op':'add','value':1}]", "'path'", -EINVAL},
	{"{}", "[{'op':'add','path':'/a'}]", "'value' is missing", -EINVAL},
	{"{}", "[{'op':'move','path':'/a'}]", "'from'", -EINVAL},
	{"{}", "[{'op':'spam','path':'/a'}]", "got 'spam'", -EINVAL},
	{"{}", "[{'op':'add','path':'a','value':1}]", "does not start with '/'", -EINVAL},
	{"{}", "[{'op':'add','path':'/~2','value':1}]", "neither ~0 nor ~1", -EINVAL},
	{"{}", "[{'op':'add','path':'/~','value':1}]", "neither ~0 nor ~1", -EINVAL},
	{"{}", "[{'op':'add','path':'/a/b','value':1}]", "is not there", -ENOENT},
	{"{'a':1}", "[{'op':'add','path':'/a/b','value':1}]", "no mapping or list", -ENOENT},
	{"{'a':[1]}", "[{'op':'add','path':'/a/2','value':1}]", "index 2", -ENOENT},
	{"{'a':[1]}", "[{'op':'add','path':'/a/b','value':1}]", "no index", -EINVAL},
	{"{'a':[1]}", "[{'op':'add','path':'/a/01','value':1}]", "no index", -EINVAL},
	{"{'a':[1]}", "[{'op':'add','path':'/a/+1','value':1}]", "no index", -EINVAL},
	{"{'a':[1]}", "[{'op':'add','path':'/a/99999999999999999999','value':1}]", "index",
	 -ENOENT},
	{"{}", "[{'op':'remove','path':'/a'}]", "there is no 'a'", -ENOENT},
	{"{}", "[{'op':'remove','path':''}]", "whole object", -ENOENT},
	{"{'a':[]}", "[{'op':'remove','path':'/a/0'}]", "the list is empty", -ENOENT},
	{"{'a':[1]}", "[{'op':'remove','path':'/a/1'}]", "index 1", -ENOENT},
	{"{'a':[1]}", "[{'op':'remove','path':'/a/-'}]", "index -", -ENOENT},
	{"{}", "[{'op':'replace','path':'/a','value':1}]", "nothing to replace", -ENOENT},
	{"{'a':[1]}", "[{'op':'replace','path':'/a/-','value':1}]", "nothing to replace", -ENOENT},
	{"{'a':{}}", "[{'op':'move','from':'/a','path':'/a/b'}]", "into itself", -EINVAL},
	{"{}", "[{'op':'copy','from':'/x','path':'/a'}]", "nothing at '/x'", -ENOENT},
	{"{'a':1}", "[{'op':'test','path':'/a','value':'1'}]", "it is 1, expected \"1\"", -ENOENT},
	{"{}", "[{'op':'test','path':'/a','value':null}]", "nothing to test", -ENOENT},
	{"{'a':[1,2]}", "[{'op':'test','path':'/a','value':[2,1]}]", "the test failed", -ENOENT},
	{"{'a':1}", "[{'op':'add','path':'/b','value':1},{'op':'test','path':'/a','value':2}]",
	 "operation 1 (test '/a')", -ENOENT},
};

/* The tables write ' for ": none of them has one inside a text. */
static struct json_object *parse(const char *text)
{
	char *copy = strdup(text);
	struct json_object *json;

	for (char *at = copy; *at; at++)
		if (*at == '\'')
			*at = '"';
	json = json_tokener_parse(copy);
	free(copy);
	return json;
}

Test(json_patch, operations_do_what_rfc_6902_says)
{
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		struct json_object *target = parse(good[i].target), *patch = parse(good[i].patch);
		struct json_object *expected = parse(good[i].expected), *got = NULL;
		struct json_object *before = parse(good[i].target);
		struct bl_err err = {0};

		cr_expect_eq(bl_json_patch(target, patch, &got, &err), 0, "row %zu: %s", i,
			     err.text);
		cr_expect(bl_json_same(got, expected), "row %zu: %s", i,
			  json_object_to_json_string(got));
		cr_expect(bl_json_same(target, before), "row %zu changed its target", i);
		json_object_put(target);
		json_object_put(patch);
		json_object_put(expected);
		json_object_put(before);
		json_object_put(got);
	}
}

Test(json_patch, a_refused_patch_names_its_operation_and_changes_nothing)
{
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct json_object *target = parse(bad[i].target), *patch = parse(bad[i].patch);
		struct json_object *before = parse(bad[i].target), *got = NULL;
		struct bl_err err = {0};

		cr_expect_eq(bl_json_patch(target, patch, &got, &err), bad[i].code, "row %zu: %s",
			     i, err.text);
		cr_expect_null(got);
		cr_expect_not_null(strstr(err.text, bad[i].expected), "row %zu: '%s'", i, err.text);
		cr_expect(bl_json_same(target, before), "row %zu changed its target", i);
		json_object_put(target);
		json_object_put(patch);
		json_object_put(before);
	}
}

Test(json_patch, copies_cannot_grow_without_end)
{
	struct json_object *target = parse("{'a':[1,1,1,1,1,1,1,1]}");
	struct json_object *patch = json_object_new_array(), *got = NULL;
	struct bl_err err = {0};

	for (int i = 0; i < 40; i++)
		json_object_array_add(patch, parse("{'op':'copy','from':'/a','path':'/a/-'}"));
	cr_assert_eq(bl_json_patch(target, patch, &got, &err), -E2BIG);
	cr_assert_not_null(strstr(err.text, "copied"), "%s", err.text);
	json_object_put(target);
	json_object_put(patch);
}

Test(json_patch, depth_cannot_grow_without_end)
{
	struct json_object *target = parse("{'a':{}}");
	struct json_object *patch = json_object_new_array(), *got = NULL;
	struct bl_err err = {0};

	for (int i = 0; i < 200; i++)
		json_object_array_add(patch, parse("{'op':'move','from':'/a','path':'/b'}")),
			json_object_array_add(patch, parse("{'op':'add','path':'/a','value':{}}")),
			json_object_array_add(patch,
					      parse("{'op':'move','from':'/b','path':'/a/b'}"));
	cr_assert_eq(bl_json_patch(target, patch, &got, &err), -E2BIG, "%s", err.text);
	json_object_put(target);
	json_object_put(patch);
}

Test(json_patch, number_of_operations_is_bounded)
{
	struct json_object *target = parse("{}"), *patch = json_object_new_array(), *got = NULL;
	struct bl_err err = {0};

	for (unsigned int i = 0; i <= BL_JSON_PATCH_OPERATIONS; i++)
		json_object_array_add(patch, json_object_new_int(1));
	cr_assert_eq(bl_json_patch(target, patch, &got, &err), -E2BIG);
	json_object_put(target);
	json_object_put(patch);
}

Test(pointer, steps_are_unescaped_once)
{
	struct bl_pointer pointer;

	cr_assert_eq(bl_pointer_parse("/a~01/~1/", &pointer, NULL), 0);
	cr_expect_eq(pointer.count, 3);
	cr_expect_str_eq(pointer.steps[0], "a~1");
	cr_expect_str_eq(pointer.steps[1], "/");
	cr_expect_str_eq(pointer.steps[2], "");
	bl_pointer_done(&pointer);
	cr_assert_eq(bl_pointer_parse("", &pointer, NULL), 0);
	cr_expect_eq(pointer.count, 0);
	bl_pointer_done(&pointer);
}
