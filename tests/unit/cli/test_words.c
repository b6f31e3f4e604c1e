/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Ages, words for objects, selectors, and what apply changes. */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "api/age.h"
#include "base/cleanup.h"
#include "cli/merge.h"
#include "cli/resource.h"
#include "cli/selector.h"
#include "cli/status.h"

#define M 60
#define H 3600
#define D 86400L
#define Y (365 * D)

Test(age, has_at_most_two_units_as_kubectl_writes_it)
{
	static const struct row {
		int64_t seconds;
		const char *text;
	} rows[] = {
		{-5, "<invalid>"},
		{-1, "0s"},
		{0, "0s"},
		{5, "5s"},
		{2 * M - 1, "119s"},
		{2 * M, "2m"},
		{2 * M + 30, "2m30s"},
		{10 * M - 1, "9m59s"},
		{10 * M + 30, "10m"},
		{3 * H - 1, "179m"},
		{3 * H, "3h"},
		{5 * H + 12 * M + 59, "5h12m"},
		{8 * H + 12 * M, "8h"},
		{2 * D - 1, "47h"},
		{2 * D, "2d"},
		{3 * D + 4 * H, "3d4h"},
		{8 * D + 5 * H, "8d"},
		{45 * D, "45d"},
		{2 * Y - 1, "729d"},
		{2 * Y + 100 * D, "2y100d"},
		{2 * Y, "2y"},
		{8 * Y + 30 * D, "8y"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_(bl_buf_done) struct bl_buf text = {0};

		bl_duration_add(rows[i].seconds, &text);
		cr_expect_str_eq(text.data, rows[i].text);
	}
}

Test(age, of_nonsense_is_unknown)
{
	static const char *const nonsense[] = {NULL, "", "yesterday", "2026-11-23",
					       "2026-11-23T07"};

	for (size_t i = 0; i < ARRAY_SIZE(nonsense); i++) {
		_cleanup_(bl_buf_done) struct bl_buf text = {0};

		bl_age_add(nonsense[i], 1795419000, &text);
		cr_expect_str_eq(text.data, "<unknown>");
	}
}

static int parse(const char *const *words, struct bl_targets *targets, struct bl_err *err)
{
	size_t count = 0;

	while (words[count])
		count++;
	return bl_targets_parse(words, count, targets, err);
}

Test(targets, every_way_of_naming_objects_is_understood)
{
	static const struct row {
		const char *words[5];
		const char *expected; /* "plural/name ..." with a mark for several kinds */
	} rows[] = {
		{{"svc"}, "services/-"},
		{{"Services"}, "services/-"},
		{{"service", "a", "b"}, "services/a services/b"},
		{{"svc,ep"}, "services/- endpoints/- +"},
		{{"svc,ep", "a"}, "services/a endpoints/a +"},
		{{"svc/a", "po/b"}, "services/a pods/b +"},
		{{"svc/a", "service/b"}, "services/a services/b"},
		{{"endpointslices.discovery.k8s.io"}, "endpointslices/-"},
		{{"all"}, "pods/- services/- +"},
		{{"no,ns"}, "nodes/- namespaces/- +"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_(bl_targets_done) struct bl_targets targets = {0};
		_cleanup_(bl_buf_done) struct bl_buf text = {0};
		struct bl_err err = {0};

		cr_assert_eq(parse(rows[i].words, &targets, &err), 0, "row %zu: %s", i, err.text);
		for (size_t t = 0; t < targets.count; t++)
			bl_buf_addf(&text, "%s%s/%s", t ? " " : "",
				    bl_kind_info(targets.items[t].kind)->plural,
				    targets.items[t].name ? targets.items[t].name : "-");
		if (targets.several_kinds)
			bl_buf_add_str(&text, " +");
		cr_expect_str_eq(text.data, rows[i].expected);
	}
}

Test(targets, what_makes_no_sense_is_said)
{
	static const struct row {
		const char *words[4];
		const char *text;
	} rows[] = {
		{{"servcie"}, "unknown type 'servcie' (did you mean 'services'?)"},
		{{""}, "expected a type, got ''"},
		{{"svc/a", "b"}, "expected TYPE/NAME in every word, got 'b'"},
		{{"svc/"}, "expected TYPE/NAME in every word, got 'svc/'"},
		{{"svc/a/b"}, "expected TYPE/NAME in every word, got 'svc/a/b'"},
		{{"deployments"},
		 "unknown type 'deployments': there are services (svc), pods (po), endpoints (ep), "
		 "endpointslices, nodes (no), namespaces (ns), leases"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_(bl_targets_done) struct bl_targets targets = {0};
		struct bl_err err = {0};

		cr_assert_eq(parse(rows[i].words, &targets, &err), -EINVAL, "row %zu", i);
		cr_expect_str_eq(err.text, rows[i].text);
		cr_expect_eq(targets.count, 0);
	}
}

Test(paths, are_those_of_the_api_and_escaped)
{
	static const struct row {
		enum bl_kind kind;
		const char *ns, *name, *path;
	} rows[] = {
		{BL_KIND_SERVICE, "shop", "web", "/api/v1/namespaces/shop/services/web"},
		{BL_KIND_SERVICE, NULL, NULL, "/api/v1/services"},
		{BL_KIND_ENDPOINT_SLICE, "shop", NULL,
		 "/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices"},
		{BL_KIND_NODE, "shop", "a", "/api/v1/nodes/a"},
		{BL_KIND_POD, "a/b", "../x?y", "/api/v1/namespaces/a%2Fb/pods/..%2Fx%3Fy"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_free_ char *path =
			bl_resource_path(rows[i].kind, rows[i].ns, rows[i].name);

		cr_assert(path != NULL);
		cr_expect_str_eq(path, rows[i].path);
	}
}

Test(selector, of_equalities_becomes_labels)
{
	static const struct row {
		const char *text, *json; /* NULL: refused */
	} rows[] = {
		{"a=b", "{\"a\":\"b\"}"},
		{"a=b,c==d,e=", "{\"a\":\"b\",\"c\":\"d\",\"e\":\"\"}"},
		{"a", NULL},
		{"a!=b", NULL},
		{"a in (b)", NULL},
		{"=b", NULL},
		{"a=b,", NULL},
		{"a=b=c", NULL},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_json_ struct json_object *labels = NULL;
		struct bl_err err = {0};
		int r = bl_selector_to_json(rows[i].text, &labels, &err);

		cr_assert_eq(r, rows[i].json ? 0 : -EINVAL, "%s", rows[i].text);
		if (rows[i].json)
			cr_expect_str_eq(
				json_object_to_json_string_ext(labels, JSON_C_TO_STRING_PLAIN),
				rows[i].json);
	}
}

static struct json_object *read_json(const char *text)
{
	char copy[1024];
	struct json_object *json;

	(void)snprintf(copy, sizeof(copy), "%s", text);
	for (char *at = copy; *at; at++)
		*at = *at == '\'' ? '"' : *at;
	json = json_tokener_parse(copy);
	cr_assert(json != NULL, "%s", copy);
	return json;
}

/* Applies `first`, changes the object as `others` do, applies `second`. */
static void expect_patch(const char *first, const char *others, const char *second,
			 const char *expected)
{
	_cleanup_json_ struct json_object *live = read_json(first);
	_cleanup_json_ struct json_object *more = read_json(others);
	_cleanup_json_ struct json_object *manifest = read_json(second);
	_cleanup_json_ struct json_object *patch = NULL;

	cr_assert_eq(bl_merge_annotate(live), 0);
	cr_assert_eq(bl_merge_annotate(manifest), 0);
	json_object_object_foreach(more, key, value)
	{
		json_object_object_foreach(value, inner, part) json_object_object_add(
			bl_json_key(live, key), inner, json_object_get(part));
	}
	cr_assert_eq(bl_merge_patch(live, manifest, &patch), 0);
	if (patch && bl_json_at(patch, "metadata.annotations")) {
		json_object_object_del(bl_json_at(patch, "metadata"), "annotations");
		if (json_object_object_length(bl_json_at(patch, "metadata")) == 0)
			json_object_object_del(patch, "metadata");
	}
	cr_expect_str_eq(patch ? json_object_to_json_string_ext(patch, JSON_C_TO_STRING_PLAIN)
			       : "nothing",
			 expected, "%s then %s", first, second);
}

Test(merge, changes_what_the_manifest_says_and_nothing_else)
{
#define META "'metadata':{'name':'a'}"
	static const struct row {
		const char *first, *others, *second, *expected;
	} rows[] = {
		{"{" META ",'spec':{'a':1}}", "{'spec':{'clusterIP':'10.0.0.1'}}",
		 "{" META ",'spec':{'a':1}}", "nothing"},
		{"{" META ",'spec':{'a':1}}", "{'spec':{'clusterIP':'10.0.0.1'}}",
		 "{" META ",'spec':{'a':2}}", "{\"spec\":{\"a\":2}}"},
		{"{" META ",'spec':{'a':1,'b':{'c':1,'d':2}}}", "{}",
		 "{" META ",'spec':{'b':{'c':1}}}", "{\"spec\":{\"b\":{\"d\":null},\"a\":null}}"},
		{"{" META ",'spec':{'l':[1,2]}}", "{}", "{" META ",'spec':{'l':[1]}}",
		 "{\"spec\":{\"l\":[1]}}"},
		{"{" META ",'spec':{'s':{'x':1}}}", "{}", "{" META ",'spec':{}}",
		 "{\"spec\":{\"s\":null}}"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		expect_patch(rows[i].first, rows[i].others, rows[i].second, rows[i].expected);
#undef META
}

Test(status, is_healthy_only_when_everything_is)
{
	static const struct row {
		const char *json;
		bool healthy;
	} rows[] = {
		{"{'state':'ready','hooks':{'state':'in-force'},'lastApply':{'ok':true}}", true},
		{"{'state':'ready','hooks':{'state':'unknown'},'lastApply':{'ok':true}}", true},
		{"{'state':'ready','problems':[{'severity':'warning'}]}", true},
		{"{'state':'starting','hooks':{'state':'in-force'}}", false},
		{"{'state':'ready','hooks':{'state':'not-in-force'}}", false},
		{"{'state':'ready','lastApply':{'ok':false}}", false},
		{"{'state':'ready','problems':[{'severity':'warning'},{'severity':'error'}]}",
		 false},
		{"{}", false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_json_ struct json_object *status = read_json(rows[i].json);

		cr_expect_eq(bl_status_is_healthy(status), rows[i].healthy, "%s", rows[i].json);
	}
}
