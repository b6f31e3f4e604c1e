/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "agent/selector.h"
#include "fixture.h"

static const char pod[] = "apiVersion: v1\nkind: Pod\n"
			  "metadata: {name: p, namespace: shop, labels: {a: b, in: x, empty: ''}}\n"
			  "spec: {nodeName: n1, containers: [{name: c, image: i}]}\n";

Test(selector, terms_match_as_in_kubernetes)
{
	static const struct {
		const char *labels;
		const char *fields;
		bool match;
	} rows[] = {
		{NULL, NULL, true},
		{"", "", true},
		{"a=b", NULL, true},
		{"a==b", NULL, true},
		{" a = b , in = x ", NULL, true},
		{"a=c", NULL, false},
		{"a!=c", NULL, true},
		{"a!=b", NULL, false},
		{"missing!=b", NULL, true},
		{"a", NULL, true},
		{"missing", NULL, false},
		{"!missing", NULL, true},
		{"!a", NULL, false},
		{"a in (b)", NULL, true},
		{"a in (x,b)", NULL, true},
		{"a in(x , y)", NULL, false},
		{"a notin (x,y)", NULL, true},
		{"missing notin (x)", NULL, true},
		{"in", NULL, true},
		{"in in (x)", NULL, true},
		{"empty=", NULL, true},
		{"a=", NULL, false},
		{"a=b,!in", NULL, false},
		{NULL, "metadata.name=p", true},
		{NULL, "metadata.name!=p", false},
		{NULL, "metadata.namespace=shop,spec.nodeName=n1", true},
		{NULL, "spec.nodeName=n2", false},
		{NULL, "spec.nodeName=n1,status.phase!=Failed,status.phase!=Succeeded", true},
		{NULL, "status.phase=Running", false},
		{NULL, "spec.hostNetwork=false", true},
		{"a=b", "metadata.name=q", false},
	};
	struct bl_object *object = decode_one("f", pod);

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct bl_selector *selector = NULL;
		struct bl_err err = {0};

		cr_assert_eq(bl_selector_parse(rows[i].labels, rows[i].fields,
					       bl_selector_fields(BL_KIND_POD), &selector, &err),
			     0, "row %zu: %s", i, err.text);
		cr_expect_eq(bl_selector_match(selector, object), rows[i].match, "row %zu", i);
		bl_selector_free(selector);
	}
	bl_object_unref(object);
}

Test(selector, wrong_text_is_refused_with_words)
{
	static const struct {
		const char *labels;
		const char *fields;
		const char *words;
	} rows[] = {
		{"a,", NULL, "ends with a comma"},
		{",a", NULL, "expected a key"},
		{"=b", NULL, "expected a key"},
		{"a b", NULL, "expected ','"},
		{"a in b", NULL, "expected '('"},
		{"a in (b", NULL, "expected ',' or ')'"},
		{"a in (b c)", NULL, "expected ',' or ')'"},
		{"a=b=c", NULL, "expected ','"},
		{"a;b", NULL, "expected ','"},
		{NULL, "spec.type=x", "cannot be selected by"},
		{NULL, "metadata.name", "needs '=' or '!='"},
		{NULL, "metadata.name in (a)", "needs '=' or '!='"},
		{NULL, "!metadata.name", "needs '=' or '!='"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct bl_selector *selector = NULL;
		struct bl_err err = {0};

		cr_expect_eq(bl_selector_parse(rows[i].labels, rows[i].fields,
					       bl_selector_fields(BL_KIND_POD), &selector, &err),
			     -EINVAL, "row %zu", i);
		cr_expect(strstr(err.text, rows[i].words), "row %zu: %s", i, err.text);
		cr_expect_null(selector);
	}
}

Test(selector, texts_are_bounded)
{
	struct bl_selector *selector = NULL;
	char text[BL_SELECTOR_TEXT_MAX + 2];
	struct bl_err err = {0};

	memset(text, 'a', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	cr_assert_eq(
		bl_selector_parse(text, NULL, bl_selector_fields(BL_KIND_POD), &selector, &err),
		-EINVAL);
	for (size_t i = 0; i < 200; i += 2)
		memcpy(text + i, "a,", 2);
	memcpy(text + 200, "a", 2);
	cr_assert_eq(
		bl_selector_parse(text, NULL, bl_selector_fields(BL_KIND_POD), &selector, &err),
		-EINVAL);
	cr_assert(strstr(err.text, "terms"));
}
