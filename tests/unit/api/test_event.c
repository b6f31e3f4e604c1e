/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <criterion/criterion.h>
#include <json-c/json.h>
#include <string.h>

#include "api/event.h"
#include "api/json.h"
#include "base/cleanup.h"

#define META "\"metadata\":{\"name\":\"a\",\"namespace\":\"b\"}"
#define REST                                                                                       \
	"\"reason\":\"R\",\"type\":\"Normal\",\"action\":\"A\",\"reportingInstance\":\"i\","       \
	"\"eventTime\":\"2026-01-31T12:00:00.5Z\""

static const char core_text[] =
	"{\"apiVersion\":\"v1\",\"kind\":\"Event\"," META
	",\"involvedObject\":{\"kind\":\"Pod\",\"namespace\":\"b\"},\"message\":\"m\",\"source\":{"
	"\"component\":\"c\"},\"firstTimestamp\":\"t\",\"lastTimestamp\":\"u\",\"count\":2,"
	"\"reportingComponent\":\"x\"," REST "}";
static const char group_text[] =
	"{\"apiVersion\":\"events.k8s.io/v1\",\"kind\":\"Event\"," META
	",\"regarding\":{\"kind\":\"Pod\",\"namespace\":\"b\"},\"note\":\"m\",\"deprecatedSource\":"
	"{\"component\":\"c\"},\"deprecatedFirstTimestamp\":\"t\",\"deprecatedLastTimestamp\":"
	"\"u\",\"deprecatedCount\":2,\"reportingController\":\"x\"," REST "}";

static const char *text_of(struct json_object *json)
{
	return json_object_to_json_string_ext(json, JSON_C_TO_STRING_PLAIN |
							    JSON_C_TO_STRING_NOSLASHESCAPE);
}

Test(event, both_forms_say_the_same)
{
	_cleanup_json_ struct json_object *core = json_tokener_parse(core_text);
	_cleanup_json_ struct json_object *group = bl_event_to_group(core);
	_cleanup_json_ struct json_object *again = bl_event_to_core(group);

	cr_expect_str_eq(text_of(group), group_text);
	cr_expect_str_eq(text_of(again), core_text);
}

static void expect(const char *json, bool group, const char *field, const char *words)
{
	_cleanup_json_ struct json_object *event = json_tokener_parse(json);
	const char *at = NULL;
	struct bl_err err = {0};
	int r = bl_event_check(event, group, &at, &err);

	cr_assert_not_null(event, "%s", json);
	cr_expect_eq(r, field ? -22 : 0, "%s: %s %s", json, at, err.text);
	if (field) {
		cr_expect_str_eq(at, field);
		cr_expect(strstr(err.text, words), "%s: %s", json, err.text);
	}
}

Test(event, what_is_asked_of_a_new_one)
{
	expect(core_text, true, NULL, NULL);
	expect("{" META ",\"involvedObject\":{\"namespace\":\"b\"}}", false, NULL, NULL);
	expect("{" META ",\"involvedObject\":{\"namespace\":\"c\"}}", false,
	       "involvedObject.namespace", "does not match event.namespace (b)");
	expect("{" META ",\"involvedObject\":{\"namespace\":\"c\"}}", true, "regarding.namespace",
	       "does not match");
	/* Nodes have no namespace. */
	expect("{" META ",\"involvedObject\":{}}", false, "involvedObject.namespace",
	       "does not match");
	expect("{\"metadata\":{\"namespace\":\"default\"}}", false, NULL, NULL);
	expect("{\"metadata\":{\"namespace\":\"kube-system\"}}", false, NULL, NULL);
	expect("{\"metadata\":{\"namespace\":\"default\"}}", true, "eventTime", "Required value");
	expect("{\"metadata\":{\"namespace\":\"default\"},\"reportingComponent\":\"x\"," REST "}",
	       true, NULL, NULL);
	expect("{\"metadata\":{\"namespace\":\"default\"}," REST "}", true, "reportingController",
	       "Required value");
	expect("{\"metadata\":{\"namespace\":\"default\"},\"reportingComponent\":\"x\"," REST
	       ",\"type\":\"Bad\"}",
	       true, "type", "expected Normal or Warning");
}
