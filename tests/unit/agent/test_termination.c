/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which pods end in two steps, and when they are gone. */
#include <criterion/criterion.h>
#include <time.h>

#include "agent/termination.h"
#include "fixture.h"
#include "model/pod.h"

#define POD                                                                                        \
	"apiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: default}\n"                     \
	"spec: {containers: [{name: main, image: x}]%s}\nstatus: {%s}\n"
#define RUNS "phase: Running, podIP: 10.0.0.1"

static struct bl_object *pod_with(const char *file, const char *spec, const char *status)
{
	char text[512];

	(void)snprintf(text, sizeof(text), POD, spec, status);
	return decode_one(file, text);
}

Test(termination, only_pods_of_the_api_that_run_are_told_to_end_first)
{
	static const struct {
		const char *file, *status;
		bool expected;
	} rows[] = {
		{NULL, RUNS, true},
		{"a.yaml", RUNS, false},
		{NULL, "phase: Pending", false},
		{NULL, "phase: Running", false},
		{NULL, "phase: Failed, podIP: 10.0.0.1", false},
		{NULL, "phase: Succeeded, podIP: 10.0.0.1", false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct bl_object *pod = pod_with(rows[i].file, "", rows[i].status);

		cr_expect_eq(bl_termination_applies(pod), rows[i].expected, "row %zu", i);
		pod->meta.deletion_time = 1;
		cr_expect_not(bl_termination_applies(pod), "it ends already");
		bl_object_unref(pod);
	}
}

struct scene {
	struct fixture fixture;
	sd_event *loop;
	struct bl_termination *termination;
};

static void open_scene(struct scene *scene, const char *spec)
{
	struct bl_termination_config config;
	struct bl_object *pod;
	struct bl_diag diag = BL_DIAG_INIT;
	struct bl_err err = {0};

	fixture_setup(&scene->fixture);
	cr_assert_geq(sd_event_new(&scene->loop), 0);
	config = (struct bl_termination_config){.loop = scene->loop,
						.store = scene->fixture.store,
						.catalog = scene->fixture.catalog};
	cr_assert_eq(bl_termination_new(&config, &scene->termination), 0);
	deliver(&scene->fixture, "ns.yaml",
		"apiVersion: v1\nkind: Namespace\nmetadata: {name: default}\n");
	pod = pod_with(NULL, spec, RUNS);
	cr_assert_geq(
		bl_catalog_write(scene->fixture.catalog, BL_WRITE_CREATE, pod, false, &diag, &err),
		0, "%s", err.text);
	bl_object_unref(pod);
	bl_diag_done(&diag);
}

static void close_scene(struct scene *scene)
{
	bl_termination_free(scene->termination);
	sd_event_unref(scene->loop);
	fixture_done(&scene->fixture);
}

/* How long until the pod goes; -1: at once. */
static int64_t begin(struct scene *scene, int64_t grace_s)
{
	const struct bl_object *pod = find(&scene->fixture, BL_KIND_POD, "p");
	struct bl_object *marked = NULL;
	struct bl_err err = {0};
	int64_t left;
	int r;

	cr_assert_not_null(pod);
	r = bl_termination_begin(scene->termination, pod, grace_s, &marked, &err);
	cr_assert_geq(r, 0, "%s", err.text);
	if (r == 1)
		return -1;
	left = marked->meta.deletion_time - time(NULL);
	bl_object_unref(marked);
	return left;
}

Test(termination, the_period_is_the_one_asked_for_or_the_pods_or_thirty_seconds)
{
	static const struct {
		const char *spec;
		int64_t asked, expected;
	} rows[] = {
		{"", -1, 30},
		{", terminationGracePeriodSeconds: 100", -1, 100},
		{", terminationGracePeriodSeconds: 100", 7, 7},
		{", terminationGracePeriodSeconds: 0", -1, -1},
		{"", 0, -1},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct scene scene = {0};
		int64_t left;

		open_scene(&scene, rows[i].spec);
		left = begin(&scene, rows[i].asked);
		cr_expect(left == rows[i].expected || left == rows[i].expected - 1, "row %zu: %lld",
			  i, (long long)left);
		close_scene(&scene);
	}
}

Test(termination, the_pod_is_marked_first_and_goes_when_its_time_is_over)
{
	struct scene scene = {0};
	const struct bl_object *pod;

	open_scene(&scene, "");
	cr_assert_leq(begin(&scene, 1), 1);
	pod = find(&scene.fixture, BL_KIND_POD, "p");
	cr_assert_not_null(pod);
	cr_expect_neq(pod->meta.deletion_time, 0);
	for (int i = 0; i < 600 && find(&scene.fixture, BL_KIND_POD, "p"); i++)
		cr_assert_geq(sd_event_run(scene.loop, 100000), 0);
	cr_expect_null(find(&scene.fixture, BL_KIND_POD, "p"));
	close_scene(&scene);
}
