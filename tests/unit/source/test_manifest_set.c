/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <criterion/criterion.h>
#include <string.h>

#include "model/codec.h"
#include "recorder.h"
#include "source/manifest_set.h"

struct fixture {
	struct recorder recorder;
	struct bl_source source;
	struct bl_manifest_set *set;
};

static void setup(struct fixture *fixture)
{
	*fixture = (struct fixture){0};
	fixture->source.handler = recorder_handler(&fixture->recorder);
	cr_assert_eq(bl_manifest_set_new(&fixture->set), 0);
}

static void teardown(struct fixture *fixture)
{
	bl_manifest_set_free(fixture->set);
	recorder_done(&fixture->recorder);
}

/* `text` may hold several documents, and broken ones. */
static void put(struct fixture *fixture, const char *file, const char *text)
{
	struct bl_object_list list = {0};
	struct bl_diag diag = BL_DIAG_INIT;

	(void)bl_decode(file, text, strlen(text), &bl_limits_default, 0, &list, &diag);
	cr_assert_eq(bl_manifest_set_put(fixture->set, file, &list, &diag), 0);
	bl_object_list_done(&list);
	bl_diag_done(&diag);
}

static const char *commit(struct fixture *fixture)
{
	cr_assert_eq(bl_manifest_set_commit(fixture->set, &fixture->source, false), 0);
	return recorder_take(&fixture->recorder);
}

static const char *two(const char *a, const char *b)
{
	static char text[1200];

	(void)snprintf(text, sizeof(text), "%s---\n%s", a, b);
	return text;
}

Test(manifest_set, objects_come_in_the_order_of_the_file)
{
	struct fixture fixture;

	setup(&fixture);
	put(&fixture, "/a.yaml", two(service_yaml("one", 1), service_yaml("two", 2)));
	cr_assert_str_eq(commit(&fixture), "+service/default/one=1;+service/default/two=2;");
	cr_assert_str_eq(commit(&fixture), "");
	teardown(&fixture);
}

Test(manifest_set, a_document_that_goes_takes_its_object_along)
{
	struct fixture fixture;

	setup(&fixture);
	put(&fixture, "/a.yaml", two(service_yaml("one", 1), service_yaml("two", 2)));
	(void)commit(&fixture);
	put(&fixture, "/a.yaml", service_yaml("two", 2));
	cr_assert_str_eq(commit(&fixture), "-service/default/one;+service/default/two=2;");
	bl_manifest_set_drop(fixture.set, "/a.yaml");
	cr_assert_str_eq(commit(&fixture), "-service/default/two;");
	cr_assert_eq(bl_manifest_set_objects(fixture.set), 0);
	teardown(&fixture);
}

Test(manifest_set, a_broken_document_leaves_the_last_good_version)
{
	struct fixture fixture;

	setup(&fixture);
	put(&fixture, "/a.yaml", two(service_yaml("one", 1), service_yaml("two", 2)));
	(void)commit(&fixture);
	(void)recorder_take_reports(&fixture.recorder);
	put(&fixture, "/a.yaml", two(service_yaml("one", 70000), service_yaml("two", 3)));
	cr_assert_str_eq(commit(&fixture), "+service/default/two=3;");
	cr_assert(strstr(recorder_take_reports(&fixture.recorder), "70000"));
	cr_assert_eq(bl_manifest_set_problems(fixture.set), 1);
	put(&fixture, "/a.yaml", service_yaml("two", 3));
	cr_assert_str_eq(commit(&fixture), "-service/default/one;+service/default/two=3;");
	cr_assert_str_eq(recorder_take_reports(&fixture.recorder), "a.yaml: ok;");
	teardown(&fixture);
}

Test(manifest_set, the_first_file_owns_an_object_that_two_declare)
{
	struct fixture fixture;
	const char *reports;

	setup(&fixture);
	put(&fixture, "/a.yaml", service_yaml("web", 1));
	put(&fixture, "/b.yaml", service_yaml("web", 2));
	cr_assert_str_eq(commit(&fixture), "+service/default/web=1;");
	reports = recorder_take_reports(&fixture.recorder);
	cr_assert(strstr(reports, "b.yaml: service 'default/web' stands in '/a.yaml' (line 1) too"),
		  "%s", reports);
	cr_assert(strstr(reports, "a.yaml: ok;"), "%s", reports);
	/* A change of the second does not show, the end of the first does. */
	put(&fixture, "/b.yaml", service_yaml("web", 3));
	cr_assert_str_eq(commit(&fixture), "");
	bl_manifest_set_drop(fixture.set, "/a.yaml");
	(void)recorder_take_reports(&fixture.recorder);
	cr_assert_str_eq(commit(&fixture), "+service/default/web=3;");
	cr_assert(strstr(recorder_take_reports(&fixture.recorder), "b.yaml: ok;"));
	teardown(&fixture);
}

Test(manifest_set, an_object_may_move_to_another_file_in_one_step)
{
	struct fixture fixture;

	setup(&fixture);
	put(&fixture, "/b.yaml", service_yaml("web", 1));
	(void)commit(&fixture);
	/* The new file is met first. */
	put(&fixture, "/a.yaml", service_yaml("web", 1));
	put(&fixture, "/b.yaml", service_yaml("other", 9));
	cr_assert_str_eq(commit(&fixture), "+service/default/web=1;+service/default/other=9;");
	teardown(&fixture);
}

Test(manifest_set, a_name_twice_in_one_file_is_an_error_and_the_first_counts)
{
	struct fixture fixture;

	setup(&fixture);
	put(&fixture, "/a.yaml", two(service_yaml("web", 1), service_yaml("web", 2)));
	cr_assert_str_eq(commit(&fixture), "+service/default/web=1;");
	cr_assert(strstr(recorder_take_reports(&fixture.recorder), "twice"));
	teardown(&fixture);
}

Test(manifest_set, dropping_without_a_commit_leaks_nothing)
{
	struct fixture fixture;

	setup(&fixture);
	put(&fixture, "/a.yaml", service_yaml("web", 1));
	bl_manifest_set_drop(fixture.set, "/a.yaml");
	bl_manifest_set_drop(fixture.set, "/never.yaml");
	put(&fixture, "/a.yaml", service_yaml("web", 2));
	teardown(&fixture);
}
