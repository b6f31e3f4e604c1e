/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Annotations of ours that are written wrong. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "agent/annotations.h"
#include "fixture.h"

static void put(struct fixture *fixture, const char *annotations)
{
	char text[512];

	(void)snprintf(text, sizeof(text),
		       "apiVersion: v1\nkind: Service\n"
		       "metadata: {name: web, namespace: default, annotations: {%s}}\n"
		       "spec: {ports: [{port: 80}]}\n",
		       annotations);
	deliver(fixture, "web.yaml", text);
}

Test(annotations, those_that_nobody_knows_are_named_with_what_may_be_meant)
{
	static const struct {
		const char *annotations;
		const char *words; /* NULL: no problem */
	} rows[] = {
		{"beeline.dev/lb-algoritm: maglev",
		 "service 'default/web': nobody knows the annotation 'beeline.dev/lb-algoritm', "
		 "which has no effect (did you mean 'beeline.dev/lb-algorithm'?)"},
		{"beeline.dev/lb-algorithm: maglev", NULL},
		{"beeline.dev/forwarding_mode: dsr", "did you mean 'beeline.dev/forwarding-mode'?"},
		{"beeline.dev/zebra: stripes", "'beeline.dev/zebra', which has no effect"},
		{"other.dev/lb-algoritm: maglev", NULL},
		{"", NULL},
	};
	_cleanup_(bl_annotations_free) struct bl_annotations *annotations = NULL;
	struct fixture fixture;

	fixture_setup(&fixture);
	cr_assert_eq(bl_annotations_new(fixture.store, fixture.problems, &annotations), 0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		put(&fixture, rows[i].annotations);
		if (rows[i].words)
			cr_expect(strstr(problems(&fixture), rows[i].words), "row %zu: %s", i,
				  problems(&fixture));
		else
			cr_expect_str_eq(problems(&fixture), "", "row %zu", i);
	}
	put(&fixture, "beeline.dev/zebra: stripes");
	withdraw(&fixture, BL_KIND_SERVICE, "default", "web");
	cr_expect_str_eq(problems(&fixture), "", "it went with its Service");
	annotations = bl_annotations_free(annotations);
	fixture_done(&fixture);
}
