/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The rules of semantics: thresholds, delays, restarts, gating; the clock is a number. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "probe/state.h"

#define SECOND 1000000ull

static struct bl_probe_rule rule(enum bl_probe_kind kind)
{
	return (struct bl_probe_rule){
		.kind = kind, .period_s = 10, .success_threshold = 1, .failure_threshold = 3};
}

static struct bl_probe_container container(void)
{
	return (struct bl_probe_container){.identity = 1, .running = true, .started = true};
}

/* '+' and '-' are tries, '!' is one that warns and 'e' one that could not be made; below each the
 * result in force behind it. */
Test(probe_state, results_flip_only_after_as_many_equal_tries_in_a_row)
{
	static const struct {
		uint32_t success, failure;
		const char *tries, *results;
	} rows[] = {
		{1, 3, "+", "+"},
		{1, 3, "-+", "-+"},
		{1, 3, "+--+", "++++"},
		{1, 3, "+---", "+++-"},
		{1, 3, "+--+--+---", "+++++++++-"},
		{1, 1, "+-+-", "+-+-"},
		{3, 1, "++-+++", "-----+"},
		{3, 1, "+++-++", "--+---"},
		{2, 2, "++-+--+-++", "-++++----+"},
		{1, 3, "!", "+"},
		{1, 3, "eeeee", "-----"},
		{1, 3, "+ee-e-e-", "+++++++-"},
		{2, 3, "+e+", "--+"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct bl_probe_rule readiness = rule(BL_PROBE_READINESS);
		struct bl_probe_container running = container();
		struct bl_probe_state state;

		readiness.success_threshold = rows[i].success;
		readiness.failure_threshold = rows[i].failure;
		bl_probe_state_init(&state, &running, false, 0);
		for (size_t at = 0; rows[i].tries[at]; at++) {
			bool before = state.good;
			enum bl_probe_outcome outcome =
				rows[i].tries[at] == '+'   ? BL_PROBE_SUCCESS
				: rows[i].tries[at] == '!' ? BL_PROBE_WARNING
				: rows[i].tries[at] == '-' ? BL_PROBE_FAILURE
							   : BL_PROBE_ERROR;
			bool changed = bl_probe_state_note(&state, &readiness, outcome);

			cr_expect_eq(state.good, rows[i].results[at] == '+', "row %zu, try %zu", i,
				     at);
			cr_expect_eq(changed, state.good != before, "row %zu, try %zu", i, at);
		}
	}
}

Test(probe_state, the_state_before_the_first_success_is_not_ready)
{
	struct bl_probe_container running = container();
	struct bl_probe_state state;

	bl_probe_state_init(&state, &running, false, 5);
	cr_expect_not(state.good);
	cr_expect_eq(state.tick, 5);
}

Test(probe_state, tries_keep_to_whole_periods_and_missed_ones_are_left_out)
{
	struct bl_probe_rule readiness = rule(BL_PROBE_READINESS);
	struct bl_probe_container running = container();
	struct bl_probe_state state;

	bl_probe_state_init(&state, &running, false, 100 * SECOND);
	cr_expect(bl_probe_state_tick(&state, &readiness, &running, 100 * SECOND + 3));
	cr_expect_eq(state.tick, 110 * SECOND);
	cr_expect(bl_probe_state_tick(&state, &readiness, &running, 113 * SECOND));
	cr_expect_eq(state.tick, 120 * SECOND);
	cr_expect(bl_probe_state_tick(&state, &readiness, &running, 151 * SECOND));
	cr_expect_eq(state.tick, 160 * SECOND);
}

Test(probe_state, the_first_try_waits_for_the_delay_behind_the_containers_start)
{
	struct bl_probe_rule readiness = rule(BL_PROBE_READINESS);
	struct bl_probe_container running = container();
	struct bl_probe_state state;

	readiness.initial_delay_s = 15;
	running.started_us = 100 * SECOND;
	bl_probe_state_init(&state, &running, false, 100 * SECOND);
	cr_expect_not(bl_probe_state_tick(&state, &readiness, &running, 100 * SECOND));
	cr_expect_not(bl_probe_state_tick(&state, &readiness, &running, 110 * SECOND));
	cr_expect(bl_probe_state_tick(&state, &readiness, &running, 120 * SECOND));
}

Test(probe_state, a_new_container_starts_again_at_once)
{
	struct bl_probe_rule readiness = rule(BL_PROBE_READINESS);
	struct bl_probe_container running = container();
	struct bl_probe_state state;

	readiness.success_threshold = 2;
	bl_probe_state_init(&state, &running, false, 0);
	(void)bl_probe_state_note(&state, &readiness, BL_PROBE_SUCCESS);
	cr_expect(bl_probe_state_note(&state, &readiness, BL_PROBE_SUCCESS));
	(void)bl_probe_state_tick(&state, &readiness, &running, 0);
	cr_expect_not(bl_probe_state_observe(&state, &readiness, &running, 3 * SECOND));
	running.identity = 2;
	cr_expect(bl_probe_state_observe(&state, &readiness, &running, 3 * SECOND));
	cr_expect_not(state.good);
	cr_expect_eq(state.tick, 3 * SECOND);
	cr_expect_not(bl_probe_state_note(&state, &readiness, BL_PROBE_SUCCESS),
		      "successes of the container before do not count");
	cr_expect(bl_probe_state_note(&state, &readiness, BL_PROBE_SUCCESS));
}

Test(probe_state, a_container_that_does_not_run_fails_at_once_and_is_not_tried)
{
	struct bl_probe_rule readiness = rule(BL_PROBE_READINESS);
	struct bl_probe_container running = container();
	struct bl_probe_state state;

	bl_probe_state_init(&state, &running, true, 0);
	running.running = false;
	cr_expect(bl_probe_state_observe(&state, &readiness, &running, SECOND));
	cr_expect_not(state.good);
	cr_expect_not(bl_probe_state_tick(&state, &readiness, &running, SECOND));
	running.running = true;
	cr_expect_not(bl_probe_state_observe(&state, &readiness, &running, 2 * SECOND));
	cr_expect_not(state.good, "it has to succeed again");
}

Test(probe_state, who_is_tried_when)
{
	static const struct {
		enum bl_probe_kind kind;
		bool running, started, terminating, expected;
	} rows[] = {
		{BL_PROBE_READINESS, true, true, false, true},
		{BL_PROBE_READINESS, true, false, false, false}, /* the startup probe's turn */
		{BL_PROBE_READINESS, true, true, true, true},    /* `serving` depends on it */
		{BL_PROBE_READINESS, false, true, false, false},
		{BL_PROBE_STARTUP, true, false, false, true},
		{BL_PROBE_STARTUP, true, true, false, false}, /* its work is done */
		{BL_PROBE_STARTUP, true, false, true, false},
		{BL_PROBE_STARTUP, false, false, false, false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct bl_probe_rule tried = rule(rows[i].kind);
		struct bl_probe_container state_of = {.identity = 1,
						      .running = rows[i].running,
						      .started = rows[i].started,
						      .terminating = rows[i].terminating};
		struct bl_probe_state state;

		bl_probe_state_init(&state, &state_of, false, 0);
		cr_expect_eq(bl_probe_state_tick(&state, &tried, &state_of, SECOND),
			     rows[i].expected, "row %zu", i);
	}
}

Test(probe_state, first_tries_are_spread_only_while_the_prober_is_young)
{
	static const struct {
		uint64_t now_s, started_s;
		uint32_t random;
		uint64_t expected_us;
	} rows[] = {
		{100, 100, 0, 100 * SECOND},           {100, 100, 0x80000000u, 105 * SECOND},
		{109, 100, 0x80000000u, 114 * SECOND}, {110, 100, 0x80000000u, 110 * SECOND},
		{500, 100, 0xffffffffu, 500 * SECOND},
	};
	struct bl_probe_rule readiness = rule(BL_PROBE_READINESS);

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		cr_expect_eq(bl_probe_first_us(&readiness, rows[i].now_s * SECOND,
					       rows[i].started_s * SECOND, rows[i].random),
			     rows[i].expected_us, "row %zu", i);
}
