/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From a change of the store to the maps, which are those of the datapath in memory. */
#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "agent/reconcile.h"
#include "datapath/fake.h"
#include "fixture.h"

struct control {
	struct fixture fixture;
	sd_event *loop;
	struct bl_node_watch *node;
	struct bl_datapath *datapath;
	struct bl_plan *plan;
	struct bl_reconcile *reconcile;
	unsigned int ready;
};

static void on_ready(void *userdata)
{
	((struct control *)userdata)->ready++;
}

static void setup(struct control *control)
{
	struct bl_datapath_config datapath;
	struct bl_reconcile_config config = {.ready = on_ready, .userdata = control};
	struct bl_plan_limits limits;
	struct bl_err err = {0};
	sigset_t mask;

	*control = (struct control){0};
	(void)sigemptyset(&mask);
	(void)sigaddset(&mask, SIGCHLD);
	(void)sigprocmask(SIG_BLOCK, &mask, NULL);
	fixture_setup(&control->fixture);
	bl_datapath_config_init(&datapath);
	datapath.limits = (struct bl_plan_limits){
		.frontends = 64, .slots = 4096, .backends = 1024, .services = 256};
	cr_assert_geq(sd_event_new(&control->loop), 0);
	cr_assert_eq(bl_node_watch_new("node-a", &control->node, &err), 0, "%s", err.text);
	cr_assert_eq(bl_datapath_open_fake(&datapath, &control->datapath), 0);
	limits = bl_datapath_limits(control->datapath);
	cr_assert_eq(bl_plan_new(&limits, &control->plan), 0);
	config.loop = control->loop;
	config.store = control->fixture.store;
	config.catalog = control->fixture.catalog;
	config.problems = control->fixture.problems;
	config.node = control->node;
	config.plan = control->plan;
	config.datapath = control->datapath;
	cr_assert_eq(bl_reconcile_new(&config, &control->reconcile), 0);
}

static void teardown(struct control *control)
{
	bl_reconcile_free(control->reconcile);
	bl_plan_free(control->plan);
	bl_datapath_close(control->datapath);
	bl_node_watch_free(control->node);
	fixture_done(&control->fixture);
	sd_event_unref(control->loop);
}

static size_t frontends(struct control *control)
{
	struct bl_plan_rows rows = {0};
	size_t count;

	cr_assert_eq(bl_datapath_read(control->datapath, &rows, NULL), 0);
	count = rows.frontend_count;
	bl_plan_rows_done(&rows);
	return count;
}

static const struct bl_reconcile_stats *stats(struct control *control)
{
	return bl_reconcile_stats(control->reconcile);
}

/* Turns the loop until a number of the statistics is what is expected, or for a minute. */
static void wait_for(struct control *control, const uint64_t *number, uint64_t expected)
{
	for (int i = 0; i < 6000; i++) {
		if (stats(control) && *number >= expected)
			break;
		cr_assert_geq(sd_event_run(control->loop, 10000), 0);
	}
	cr_assert_eq(*number, expected);
}

static void turn(struct control *control)
{
	while (sd_event_run(control->loop, 0) > 0)
		;
}

#define WEB(name, ip)                                                                              \
	"apiVersion: v1\nkind: Service\nmetadata: {name: " name "}\nspec: {clusterIP: " ip         \
	", ports: [{port: 80}]}\n"

Test(reconcile, nothing_is_written_before_it_begins_and_ready_is_told_once)
{
	struct control control;

	setup(&control);
	deliver(&control.fixture, NULL, WEB("a", "10.96.0.80"));
	turn(&control);
	cr_assert_eq(frontends(&control), 0);
	cr_assert_not(stats(&control)->ready);
	bl_reconcile_begin(control.reconcile);
	cr_assert_eq(frontends(&control), 2); /* the port, and the rest of the address */
	cr_assert_eq(control.ready, 1);
	deliver(&control.fixture, NULL, WEB("b", "10.96.0.81"));
	turn(&control);
	cr_assert_eq(frontends(&control), 4);
	bl_reconcile_begin(control.reconcile);
	cr_assert_eq(control.ready, 1);
	teardown(&control);
}

Test(reconcile, a_failed_apply_keeps_what_serves_and_is_tried_again_later_and_later, .timeout = 600)
{
	struct control control;

	setup(&control);
	deliver(&control.fixture, NULL, WEB("a", "10.96.0.80"));
	bl_reconcile_begin(control.reconcile);
	bl_fake_fail(control.datapath, -ENOSPC, 2);
	deliver(&control.fixture, "b.yaml", WEB("b", "10.96.0.81"));
	turn(&control);
	cr_assert_eq(stats(&control)->failures, 1);
	cr_assert(stats(&control)->behind);
	cr_assert_neq(stats(&control)->error[0], '\0');
	cr_assert(strstr(problems(&control.fixture), "what they held goes on serving"), "%s",
		  problems(&control.fixture));
	cr_assert_eq(frontends(&control), 2);

	/* Changes in between wait for the retry, and go with it. */
	deliver(&control.fixture, NULL, WEB("c", "10.96.0.82"));
	withdraw(&control.fixture, BL_KIND_SERVICE, "default", "b");
	turn(&control);
	cr_assert_eq(stats(&control)->failures, 1);
	wait_for(&control, &stats(&control)->failures, 2);
	cr_assert(stats(&control)->behind);
	wait_for(&control, &stats(&control)->applies, 2);
	cr_assert_not(stats(&control)->behind);
	cr_assert_eq(frontends(&control), 4);
	cr_assert_str_eq(problems(&control.fixture), "");
	teardown(&control);
}

/* Somebody takes a frontend out of the maps. */
static void tamper(struct control *control)
{
	struct bl_op op = {.kind = BL_OP_DELETE_FRONTEND, .count = 1};
	const struct bl_delta delta = {.ops = &op, .count = 1};
	struct bl_plan_rows rows = {0};

	cr_assert_eq(bl_datapath_read(control->datapath, &rows, NULL), 0);
	op.family = rows.frontends[0].family;
	op.frontend.key = rows.frontends[0].key;
	cr_assert_eq(bl_datapath_apply(control->datapath, &delta, NULL), 0);
	bl_plan_rows_done(&rows);
}

Test(reconcile, a_check_mends_what_others_did_to_the_maps, .timeout = 600)
{
	struct control control;

	setup(&control);
	deliver(&control.fixture, NULL, WEB("a", "10.96.0.80"));
	bl_reconcile_begin(control.reconcile);
	bl_reconcile_check(control.reconcile);
	for (int i = 0; i < 6000 && !stats(&control)->last_check_s; i++)
		cr_assert_geq(sd_event_run(control.loop, 10000), 0);
	cr_assert_neq(stats(&control)->last_check_s, 0);
	cr_assert_eq(stats(&control)->drifts, 0);

	tamper(&control);
	cr_assert_eq(frontends(&control), 1);
	bl_reconcile_check(control.reconcile);
	wait_for(&control, &stats(&control)->drifts, 1);
	cr_assert_eq(frontends(&control), 2);
	teardown(&control);
}

Test(reconcile, a_change_during_a_check_is_no_drift, .timeout = 600)
{
	struct control control;

	setup(&control);
	deliver(&control.fixture, NULL, WEB("a", "10.96.0.80"));
	bl_reconcile_begin(control.reconcile);
	bl_reconcile_check(control.reconcile);
	deliver(&control.fixture, NULL, WEB("b", "10.96.0.81"));
	turn(&control);
	for (int i = 0; i < 6000 && !stats(&control)->last_check_s; i++)
		cr_assert_geq(sd_event_run(control.loop, 10000), 0);
	cr_assert_neq(stats(&control)->last_check_s, 0);
	cr_assert_eq(stats(&control)->drifts, 0);
	cr_assert_eq(frontends(&control), 4);
	teardown(&control);
}
