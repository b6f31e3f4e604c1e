/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <criterion/criterion.h>
#include <json-c/json.h>
#include <string.h>

#include "model/codec.h"
#include "model/endpoints.h"

#define SLICE "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: web-1}\n"

static struct bl_object *decode(const char *text)
{
	_cleanup_(bl_object_list_done) struct bl_object_list list = {0};
	struct bl_diag diag = BL_DIAG_INIT;

	cr_assert_eq(bl_decode("f.yaml", text, strlen(text), &bl_limits_default, 0, &list, &diag),
		     0, "%s", diag.count ? diag.problems[0].text : "");
	bl_diag_done(&diag);
	cr_assert_eq(list.count, 1);
	return bl_object_ref(list.items[0]);
}

/* The endpoints of a slice that was read, as JSON text; the caller's. */
static char *shown(const struct bl_object *object)
{
	struct json_object *json = NULL;
	char *text;

	cr_assert_eq(bl_encode_json(object, &json), 0);
	text = strdup(json_object_to_json_string_ext(json_object_object_get(json, "endpoints"),
						     JSON_C_TO_STRING_PLAIN));
	json_object_put(json);
	return text;
}

static void expect_same(const char *type, const char *endpoints)
{
	_cleanup_(bl_buf_done) struct bl_buf text = {0};
	_cleanup_free_ char *seen = NULL;
	struct bl_object *object, *clone = NULL;

	bl_buf_addf(&text, SLICE "addressType: %s\nports: [{port: 80}]\nendpoints: %s\n", type,
		    endpoints);
	object = decode(text.data);
	seen = shown(object);
	cr_expect_str_eq(seen, endpoints);
	cr_assert_eq(bl_object_clone(object, &clone), 0);
	cr_expect(bl_object_equal(object, clone));
	bl_object_unref(object);
	bl_object_unref(clone);
}

Test(slice_endpoints, what_was_given_is_shown_again)
{
	expect_same("IPv4", "[]");
	expect_same("IPv4", "[{\"addresses\":[\"10.0.0.1\"],\"conditions\":{}}]");
	expect_same("IPv4",
		    "[{\"addresses\":[\"10.0.0.1\"],\"conditions\":{\"ready\":true,"
		    "\"serving\":false,\"terminating\":true},\"hostname\":\"h\","
		    "\"targetRef\":{\"kind\":\"Pod\",\"namespace\":\"shop\",\"name\":"
		    "\"web-5d9-abcde\",\"uid\":\"u-1\"},\"nodeName\":\"n1\",\"zone\":\"z1\","
		    "\"hints\":{\"forZones\":[{\"name\":\"z1\"}]}},"
		    "{\"addresses\":[\"10.0.0.2\"],\"conditions\":{},\"targetRef\":{\"kind\":"
		    "\"Pod\",\"name\":\"web-5d9-ab\"},\"nodeName\":\"n1\",\"zone\":\"n1\"},"
		    "{\"addresses\":[\"10.0.0.3\"],\"conditions\":{},\"targetRef\":{\"kind\":"
		    "\"Pod\",\"name\":\"web-5d9-abxyz\"}}]");
}

Test(slice_endpoints, what_few_have_is_shown_again_too)
{
	expect_same("IPv4", "[{\"addresses\":[\"10.0.0.1\",\"10.0.0.2\"],\"conditions\":{}}]");
	expect_same("IPv6", "[{\"addresses\":[\"2001:db8::1\"],\"conditions\":{}}]");
	expect_same("FQDN", "[{\"addresses\":[\"web.example.org\"],\"conditions\":{}}]");
	expect_same("IPv4",
		    "[{\"addresses\":[\"10.0.0.1\"],\"conditions\":{},\"targetRef\":{"
		    "\"kind\":\"VM\",\"name\":\"a\"},\"deprecatedTopology\":{\"a\":\"b\"}}]");
	expect_same("IPv4",
		    "[{\"addresses\":[\"10.0.0.1\"],\"conditions\":{},\"targetRef\":{\"kind\":"
		    "\"Pod\",\"name\":\"a\",\"apiVersion\":\"v1\",\"resourceVersion\":\"7\","
		    "\"fieldPath\":\"f\"},\"hints\":{\"forZones\":[{\"name\":\"z1\"},{\"name\":"
		    "\"z2\"}],\"forNodes\":[{\"name\":\"n1\"}]}}]");
}

Test(slice_endpoints, an_address_that_is_not_written_as_usual_stays_as_it_is)
{
	expect_same("IPv6", "[{\"addresses\":[\"2001:DB8:0::1\"],\"conditions\":{}}]");
}

Test(slice_endpoints, a_thousand_long_and_different_names_are_told_apart)
{
	_cleanup_(bl_arena_free) struct bl_arena *arena = NULL;
	struct bl_slice_endpoint items[1000] = {0};
	struct bl_target_ref targets[1000] = {0};
	static char names[1000][BL_POD_NAME + 8];
	struct bl_slice_endpoints list;
	struct bl_endpoint_cursor cursor = {.list = &list};

	cr_assert_eq(bl_arena_new(&arena), 0);
	for (size_t i = 0; i < 1000; i++) {
		/* Some are longer than a pod's can be; each shares another beginning. */
		int len = (int)(i * 7 % (BL_POD_NAME + 4));

		(void)snprintf(names[i], sizeof(names[i]), "%0*zu", len, i);
		targets[i] = (struct bl_target_ref){.kind = "Pod", .name = names[i]};
		items[i].target = &targets[i];
		items[i].node_name = names[i];
		items[i].zone = names[i * 31 % 1000];
	}
	for (size_t i = 0; i < 1000; i++)
		cr_assert(items[i].zone[0]);
	cr_assert_eq(bl_slice_endpoints_pack(items, 1000, arena, &list), 0);
	for (size_t i = 0; i < 1000; i++) {
		cr_assert(bl_endpoint_next(&cursor));
		cr_expect_str_eq(cursor.endpoint.target->name, names[i]);
		cr_expect_str_eq(cursor.endpoint.node_name, names[i]);
		cr_expect_str_eq(cursor.endpoint.zone, names[i * 31 % 1000]);
		cr_expect_eq(cursor.endpoint.addresses.count, 0);
	}
	cr_expect_not(bl_endpoint_next(&cursor));
}

Test(slice_endpoints, conditions_change_in_place_and_alone)
{
	struct bl_object *object =
		decode(SLICE "addressType: IPv4\nendpoints:\n"
			     "- {addresses: [10.0.0.1], conditions: {terminating: false}}\n"
			     "- {addresses: [10.0.0.2], conditions: {ready: true}}\n");
	struct bl_endpoint_cursor cursor = {.list = &bl_endpoint_slice_of(object)->endpoints};
	char *seen;

	cr_assert(bl_endpoint_next(&cursor));
	bl_endpoint_set_ready(&cursor, BL_FALSE, BL_TRUE);
	seen = shown(object);
	cr_expect_str_eq(seen, "[{\"addresses\":[\"10.0.0.1\"],\"conditions\":{\"ready\":false,"
			       "\"serving\":true,\"terminating\":false}},{\"addresses\":["
			       "\"10.0.0.2\"],\"conditions\":{\"ready\":true}}]");
	free(seen);
	bl_object_unref(object);
}

Test(slice_endpoints, slices_that_differ_in_one_name_differ)
{
	static const char *const lists[] = {
		"[{addresses: [10.0.0.1], targetRef: {kind: Pod, name: a}}]",
		"[{addresses: [10.0.0.1], targetRef: {kind: Pod, name: b}}]",
		"[{addresses: [10.0.0.1], targetRef: {kind: Pod, name: a, uid: u}}]",
		"[{addresses: [10.0.0.2], targetRef: {kind: Pod, name: a}}]",
		"[{addresses: [10.0.0.1], targetRef: {kind: Pod, name: a}, zone: z}]",
		"[{addresses: [10.0.0.1], targetRef: {kind: Pod, name: a}, nodeName: z}]",
		"[{addresses: [10.0.0.1], targetRef: {kind: Pod, name: a}, hostname: z}]",
		"[{addresses: [10.0.0.1], conditions: {ready: true}}]",
	};
	struct bl_object *objects[ARRAY_SIZE(lists)];

	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		char text[400];

		(void)snprintf(text, sizeof(text), SLICE "addressType: IPv4\nendpoints: %s\n",
			       lists[i]);
		objects[i] = decode(text);
	}
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
		for (size_t k = 0; k < ARRAY_SIZE(lists); k++)
			cr_expect_eq(bl_object_equal(objects[i], objects[k]), i == k, "%zu %zu", i,
				     k);
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
		bl_object_unref(objects[i]);
}
