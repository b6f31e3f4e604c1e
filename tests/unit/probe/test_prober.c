/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The prober over a clock that the test moves, with tries that end as the test says. */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "pods.h"
#include "probe/prober.h"

#define SECOND 1000000ull
#define TRIES_MAX 4096

struct world {
	struct bl_prober *prober;
	uint64_t now;
	struct bl_probe_entry *under_way[TRIES_MAX];
	size_t under_way_count;
	size_t started, cancelled, changes, reports;
	int refuse; /* starts that fail */
	bool was_good;
	char last_report[256];
};

static int start(struct bl_probe_entry *entry, const struct bl_probe_target *target,
		 void **ret_handle, void *userdata, struct bl_err *err)
{
	struct world *world = userdata;

	(void)target;
	if (world->refuse) {
		world->refuse--;
		return bl_err_set(err, -EMFILE, "no descriptors");
	}
	cr_assert_lt(world->under_way_count, TRIES_MAX);
	world->under_way[world->under_way_count++] = entry;
	world->started++;
	*ret_handle = entry;
	return 0;
}

static void cancel(void *handle, void *userdata)
{
	struct world *world = userdata;

	for (size_t i = 0; i < world->under_way_count; i++) {
		if (world->under_way[i] != handle)
			continue;
		world->under_way[i] = world->under_way[--world->under_way_count];
		world->cancelled++;
		return;
	}
	cr_assert_fail("a try was cancelled that is not under way");
}

static void changed(const struct bl_pod *pod, void *userdata)
{
	(void)pod;
	((struct world *)userdata)->changes++;
}

static void report(const struct bl_probe_report *what, void *userdata)
{
	struct world *world = userdata;

	world->reports++;
	(void)snprintf(world->last_report, sizeof(world->last_report), "%s %s %s %s",
		       what->container, bl_probe_kind_name(what->kind), what->good ? "good" : "bad",
		       what->text);
}

static bool was_good(const struct bl_pod *pod, const char *container, enum bl_probe_kind kind,
		     void *userdata)
{
	(void)pod;
	(void)container;
	(void)kind;
	return ((struct world *)userdata)->was_good;
}

static uint32_t no_random(void *userdata)
{
	(void)userdata;
	return 0;
}

static const struct bl_prober_ops ops = {.start = start,
					 .cancel = cancel,
					 .changed = changed,
					 .report = report,
					 .was_good = was_good,
					 .random = no_random};

static void open_world(struct world *world)
{
	const struct bl_prober_config config = {.ops = &ops, .userdata = world};

	*world = (struct world){.now = 1000 * SECOND};
	cr_assert_eq(bl_prober_new(&config, &world->prober), 0);
}

static void put(struct world *world, const char *container, const char *status)
{
	const struct bl_moment now = {.us = world->now, .s = (int64_t)(world->now / SECOND)};
	struct bl_pod *pod = pod_with(container, status);

	pod->object.meta.uid = "one";
	cr_assert_eq(bl_pod_status_complete(pod, NULL, true, now.s), 0);
	cr_assert_eq(bl_prober_put(world->prober, pod, &now), 0);
	bl_object_unref(&pod->object);
}

/* Goes to a time and starts what is due by then. */
static void go_to(struct world *world, uint64_t seconds)
{
	uint64_t end = (1000 + seconds) * SECOND;

	while (bl_prober_due_us(world->prober) <= end) {
		world->now = bl_prober_due_us(world->prober);
		bl_prober_run(world->prober, world->now);
	}
	world->now = end;
}

static void end_one(struct world *world, enum bl_probe_outcome outcome, const char *text)
{
	struct bl_probe_entry *entry;

	cr_assert_gt(world->under_way_count, 0);
	entry = world->under_way[--world->under_way_count];
	bl_prober_end(entry, outcome, text, world->now);
}

static struct bl_container_verdict verdict(struct world *world)
{
	const struct bl_container_verdict *verdicts;
	size_t count;

	cr_assert(bl_prober_verdicts(world->prober, "default", "p", &verdicts, &count));
	cr_assert_eq(count, 1);
	return verdicts[0];
}

static void close_world(struct world *world)
{
	bl_prober_free(world->prober);
}

#define PROBE "readinessProbe: {tcpSocket: {port: 80}, periodSeconds: 10}"
#define BOTH PROBE ", startupProbe: {tcpSocket: {port: 80}, periodSeconds: 5}"

Test(prober, a_success_makes_ready_and_three_failures_unmake_it)
{
	struct world world;

	open_world(&world);
	put(&world, PROBE, "");
	cr_expect_not(verdict(&world).ready);
	go_to(&world, 0);
	cr_assert_eq(world.started, 1);
	end_one(&world, BL_PROBE_SUCCESS, "");
	cr_expect(verdict(&world).ready);
	cr_expect_eq(world.changes, 1);
	cr_expect_str_eq(world.last_report, "c readiness good ");
	for (int i = 1; i <= 3; i++) {
		go_to(&world, (uint64_t)i * 10);
		cr_expect(verdict(&world).ready);
		end_one(&world, BL_PROBE_FAILURE, "connection refused");
	}
	cr_expect_not(verdict(&world).ready);
	cr_expect_eq(world.changes, 2);
	cr_expect_eq(world.reports, 2, "one report a change, not one a try");
	cr_expect_str_eq(world.last_report, "c readiness bad connection refused");
	close_world(&world);
}

Test(prober, a_pod_that_never_was_ready_says_once_why)
{
	struct world world;

	open_world(&world);
	put(&world, PROBE, "");
	for (int i = 0; i < 6; i++) {
		go_to(&world, (uint64_t)i * 10);
		end_one(&world, BL_PROBE_FAILURE, "HTTP 503");
		cr_expect_eq(world.reports, i >= 2);
	}
	cr_expect_eq(world.changes, 0);
	close_world(&world);
}

Test(prober, a_slow_try_is_not_started_twice)
{
	struct world world;

	open_world(&world);
	put(&world, PROBE, "");
	go_to(&world, 35);
	cr_expect_eq(world.started, 1);
	end_one(&world, BL_PROBE_SUCCESS, "");
	go_to(&world, 40);
	cr_expect_eq(world.started, 2, "the schedule stays where it was");
	close_world(&world);
}

Test(prober, a_startup_probe_comes_first_and_wakes_readiness)
{
	struct world world;

	open_world(&world);
	put(&world, BOTH, "");
	go_to(&world, 0);
	cr_assert_eq(world.started, 1, "readiness waits");
	end_one(&world, BL_PROBE_FAILURE, "connection refused");
	go_to(&world, 5);
	end_one(&world, BL_PROBE_SUCCESS, "");
	cr_expect(verdict(&world).started);
	cr_expect_not(verdict(&world).ready);
	go_to(&world, 5);
	cr_assert_eq(world.started, 3, "readiness is tried at once");
	end_one(&world, BL_PROBE_SUCCESS, "");
	cr_expect(verdict(&world).ready);
	go_to(&world, 14);
	cr_expect_eq(world.started, 3, "startup is over");
	close_world(&world);
}

Test(prober, a_try_that_cannot_be_made_says_nothing_about_the_container)
{
	struct world world;

	open_world(&world);
	put(&world, PROBE, "");
	go_to(&world, 0);
	end_one(&world, BL_PROBE_SUCCESS, "");
	world.refuse = 2;
	go_to(&world, 10);
	cr_expect_eq(world.started, 2, "it is tried three times");
	end_one(&world, BL_PROBE_ERROR, "runtime is gone");
	cr_expect(verdict(&world).ready);
	for (int i = 2; i < 9; i++) {
		world.refuse = 3;
		go_to(&world, (uint64_t)i * 10);
	}
	cr_expect(verdict(&world).ready);
	close_world(&world);
}

Test(prober, another_container_starts_anew_and_the_old_ones_try_is_cancelled)
{
	struct world world;

	open_world(&world);
	put(&world, PROBE, "containerStatuses: [{name: c, containerID: 'x://1'}]");
	go_to(&world, 0);
	end_one(&world, BL_PROBE_SUCCESS, "");
	go_to(&world, 10);
	put(&world, PROBE, "containerStatuses: [{name: c, containerID: 'x://2'}]");
	cr_expect_eq(world.cancelled, 1);
	cr_expect_not(verdict(&world).ready);
	go_to(&world, 10);
	cr_expect_eq(world.started, 3, "the new one is tried at once");
	close_world(&world);
}

Test(prober, a_container_that_ended_is_not_ready_at_once)
{
	struct world world;

	open_world(&world);
	put(&world, PROBE, "");
	go_to(&world, 0);
	end_one(&world, BL_PROBE_SUCCESS, "");
	put(&world, PROBE, "containerStatuses: [{name: c, state: {terminated: {exitCode: 1}}}]");
	cr_expect_not(verdict(&world).ready);
	cr_expect(strstr(world.last_report, "does not run"), "%s", world.last_report);
	close_world(&world);
}

Test(prober, what_was_ready_before_the_agents_end_stays_so_until_it_fails)
{
	struct world world;

	open_world(&world);
	world.was_good = true;
	put(&world, PROBE, "");
	cr_expect(verdict(&world).ready);
	cr_expect_eq(world.changes, 1, "the pod says otherwise and is to be told");
	for (int i = 0; i < 3; i++) {
		go_to(&world, (uint64_t)i * 10);
		end_one(&world, BL_PROBE_FAILURE, "timed out after 1s");
	}
	cr_expect_not(verdict(&world).ready);
	close_world(&world);
}

Test(prober, a_pod_that_goes_takes_its_probes_along)
{
	struct world world;

	open_world(&world);
	put(&world, PROBE, "");
	go_to(&world, 0);
	bl_prober_remove(world.prober, "default", "p");
	cr_expect_eq(world.cancelled, 1);
	cr_expect_eq(bl_prober_due_us(world.prober), UINT64_MAX);
	put(&world, PROBE, "");
	put(&world, "", "");
	cr_expect_eq(bl_prober_stats(world.prober).probes, 0, "so does one without any");
	close_world(&world);
}

Test(prober, a_named_port_that_no_container_has_is_an_error_of_the_probe)
{
	struct world world;

	open_world(&world);
	put(&world, "readinessProbe: {tcpSocket: {port: http}}", "");
	go_to(&world, 30);
	cr_expect_eq(world.started, 0);
	cr_expect_gt(bl_prober_stats(world.prober).errors, 0);
	cr_expect_not(verdict(&world).ready);
	close_world(&world);
}

Test(prober, ten_thousand_probes_keep_their_schedule)
{
	enum { COUNT = 10000 };
	struct bl_prober_stats stats;
	static struct world world;

	open_world(&world);
	for (int i = 0; i < COUNT; i++) {
		const struct bl_moment now = {.us = world.now, .s = (int64_t)(world.now / SECOND)};
		struct bl_pod *pod = pod_with(PROBE, "");
		char name[32];

		(void)snprintf(name, sizeof(name), "p%d", i);
		pod->object.meta.name = name;
		cr_assert_eq(bl_pod_status_complete(pod, NULL, true, now.s), 0);
		pod->object.meta.name = bl_arena_strdup(pod->object.arena, name);
		cr_assert_eq(bl_prober_put(world.prober, pod, &now), 0);
		bl_object_unref(&pod->object);
		world.now += SECOND / 1000; /* ten seconds in all */
	}
	for (uint64_t end = world.now + 100 * SECOND; world.now < end;) {
		uint64_t due = bl_prober_due_us(world.prober);

		if (due > world.now)
			world.now = due;
		bl_prober_run(world.prober, world.now);
		while (world.under_way_count)
			end_one(&world, BL_PROBE_SUCCESS, "");
	}
	stats = bl_prober_stats(world.prober);
	cr_expect_eq(stats.probes, COUNT);
	cr_expect_geq(stats.tries, 10ull * COUNT);
	cr_expect_leq(stats.tries, 12ull * COUNT);
	close_world(&world);
}
