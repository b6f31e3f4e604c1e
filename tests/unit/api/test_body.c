/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <criterion/criterion.h>
#include <errno.h>
#include <json-c/json.h>
#include <string.h>

#include "api/body.h"
#include "api/proto_body.h"
#include "api/service_update.h"
#include "base/cleanup.h"

Test(body, only_one_whole_json_object_is_taken)
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
		int r = bl_body_json(rows[i].text, strlen(rows[i].text), false, &json, &err);

		cr_expect_eq(r, rows[i].good ? 0 : -EINVAL, "'%s' gave %d %s", rows[i].text, r,
			     err.text);
		cr_expect_eq(json != NULL, rows[i].good);
		cr_expect_eq(err.text[0] != '\0', !rows[i].good);
		json_object_put(json);
	}
}

Test(body, depth_is_bounded)
{
	struct json_object *json = NULL;
	char text[2048];
	size_t used = 0;

	for (int i = 0; i < 200; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "{\"a\":");
	cr_assert_eq(bl_body_json(text, used, false, &json, NULL), -EINVAL);
}

Test(body, yaml_is_taken_as_json_is)
{
	static const struct {
		const char *text;
		const char *json; /* NULL: refused */
	} rows[] = {
		{"a: 1\nb: [x, {c: null}]\n", "{\"a\":1,\"b\":[\"x\",{\"c\":null}]}"},
		{"---\na: yes\n", "{\"a\":true}"},
		{"{\"a\": \"b\"}", "{\"a\":\"b\"}"},
		{"a: 1\n---\nb: 2\n", NULL},
		{"", NULL},
		{"- a\n", NULL},
		{"a: 1\na: 2\n", NULL},
		{"a: [1\n", NULL},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct json_object *json = NULL;
		struct bl_err err = {0};
		int r = bl_body_yaml(rows[i].text, strlen(rows[i].text), &json, &err);

		cr_expect_eq(r, rows[i].json ? 0 : -EINVAL, "'%s' gave %d %s", rows[i].text, r,
			     err.text);
		if (rows[i].json)
			cr_expect_str_eq(
				json_object_to_json_string_ext(json, JSON_C_TO_STRING_PLAIN),
				rows[i].json);
		cr_expect_eq(err.text[0] != '\0', !rows[i].json);
		json_object_put(json);
	}
}

#define HAD                                                                                        \
	"'clusterIP':'10.96.0.5','clusterIPs':['10.96.0.5','fd00::5'],"                            \
	"'ipFamilies':['IPv4','IPv6'],'ports':[{'port':80,'nodePort':30001}],"                     \
	"'externalTrafficPolicy':'Cluster'"

static struct json_object *spec_of(const char *text)
{
	struct json_object *json = json_object_new_object();
	char *copy = strdup(text);

	for (char *at = copy; *at; at++)
		if (*at == '\'')
			*at = '"';
	json_object_object_add(json, "spec", json_tokener_parse(copy));
	free(copy);
	return json;
}

Test(body, fields_that_go_with_the_type_of_a_service_follow_it)
{
	static const struct {
		const char *old, *now, *expected;
	} rows[] = {
		/* Nothing has changed, or nothing that matters. */
		{"{'type':'NodePort'," HAD "}", "{'type':'NodePort'," HAD ",'x':1}",
		 "{'type':'NodePort'," HAD ",'x':1}"},
		/* case 43: only the type was patched */
		{"{'type':'NodePort'," HAD "}",
		 "{'type':'ExternalName','externalName':'a.example'," HAD "}",
		 "{'type':'ExternalName','externalName':'a.example','ports':[{'port':80}]}"},
		/* case 44: the ports are the patch's own */
		{"{'type':'NodePort'," HAD "}",
		 "{'type':'ClusterIP','clusterIP':'10.96.0.5','ports':[{'port':80,'nodePort':3}]}",
		 "{'type':'ClusterIP','clusterIP':'10.96.0.5','ports':[{'port':80,'nodePort':3}]}"},
		{"{'type':'LoadBalancer','allocateLoadBalancerNodePorts':true," HAD "}",
		 "{'type':'NodePort','allocateLoadBalancerNodePorts':true," HAD "}",
		 "{'type':'NodePort'," HAD "}"},
		/* clusterIP alone was patched, or taken away */
		{"{'type':'ClusterIP','clusterIP':'10.96.0.5','clusterIPs':['10.96.0.5','fd00::5']"
		 "}",
		 "{'type':'ClusterIP','clusterIP':'10.96.0.6','clusterIPs':['10.96.0.5','fd00::5']"
		 "}",
		 "{'type':'ClusterIP','clusterIP':'10.96.0.6','clusterIPs':['10.96.0.6','fd00::5']"
		 "}"},
		{"{'clusterIP':'10.96.0.5','clusterIPs':['10.96.0.5']}",
		 "{'clusterIPs':['10.96.0.5']}",
		 "{'clusterIP':'10.96.0.5','clusterIPs':['10.96.0.5']}"},
		/* what was chosen stays where the new version does not say */
		{"{'type':'NodePort'," HAD "}",
		 "{'type':'NodePort','ports':[{'port':81},{'port':80},{'port':80,'protocol':'UDP'}]"
		 "}",
		 "{'type':'NodePort','clusterIP':'10.96.0.5','clusterIPs':['10.96.0.5','fd00::5'],"
		 "'ipFamilies':['IPv4','IPv6'],"
		 "'ports':[{'port':81},{'port':80,'nodePort':30001},{'port':80,'protocol':'UDP'}]"
		 "}"},
		{"{'clusterIP':'10.96.0.5','clusterIPs':['10.96.0.5']}",
		 "{'clusterIP':7,'clusterIPs':['10.96.0.5']}", "{'clusterIP':7}"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct json_object *old = spec_of(rows[i].old), *now = spec_of(rows[i].now);
		struct json_object *expected = spec_of(rows[i].expected);

		cr_assert_eq(bl_service_follow_update(old, now), 0);
		cr_expect(json_object_equal(now, expected), "row %zu: %s", i,
			  json_object_to_json_string(now));
		json_object_put(old);
		json_object_put(now);
		json_object_put(expected);
	}
}

/* A Namespace whose name is the text. */
static size_t write_protobuf(const char *text, size_t len, char buffer[static 64])
{
	static const char head[] = "k8s\0\x0a\x0f\x0a\x02v1\x12\x09Namespace\x12";
	size_t used = sizeof(head) - 1;

	memcpy(buffer, head, used);
	buffer[used++] = (char)(len + 4); /* the object */
	buffer[used++] = 0x0a;
	buffer[used++] = (char)(len + 2); /* metadata */
	buffer[used++] = 0x0a;
	buffer[used++] = (char)len;
	memcpy(buffer + used, text, len);
	return used + len;
}

Test(body, texts_of_protobuf_are_utf8)
{
	static const struct {
		const char *text;
		bool good;
	} rows[] = {
		{"a", true},
		{"\xc3\xa4", true},
		{"\xe2\x80\xa8x", true},
		{"\xf0\x9f\x98\x80", true},
		{"\xf4\x8f\xbf\xbf", true},
		{"\xff", false},
		{"a\xc3", false},
		{"\xc0\x80", false},
		{"\xe0\x80\x80", false},
		{"\xed\xa0\x80", false},
		{"\xf4\x90\x80\x80", false},
		{"\xf0\x9f\x98z", false},
		{"\x80", false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char buffer[64];
		size_t len = write_protobuf(rows[i].text, strlen(rows[i].text), buffer);
		struct json_object *json = NULL;
		int r = bl_body_protobuf(buffer, len, &json, NULL);

		cr_expect_eq(r, rows[i].good ? 0 : -EINVAL, "row %zu gave %d", i, r);
		json_object_put(json);
	}
}
