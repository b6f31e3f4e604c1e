/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the answers to one probe of one container mean: thresholds, the delay after the container's
 * start, the startup probe that holds the others back, restarts. Pure: the time is a parameter and
 * nothing is asked or allocated here. Times are CLOCK_MONOTONIC microseconds unless named
 * otherwise.
 */
#ifndef PROBE_STATE_H
#define PROBE_STATE_H

#include <stdbool.h>
#include <stdint.h>

enum bl_probe_kind {
	BL_PROBE_READINESS,
	BL_PROBE_STARTUP,
	BL_PROBE_KIND_COUNT,
};
const char *bl_probe_kind_name(enum bl_probe_kind kind); /* "readiness", "startup" */

/* How one try ended. */
enum bl_probe_outcome {
	BL_PROBE_SUCCESS,
	BL_PROBE_WARNING, /* a success with something to say */
	BL_PROBE_FAILURE,
	BL_PROBE_ERROR, /* the prober itself could not try: says nothing about the container */
	BL_PROBE_OUTCOME_COUNT,
};

struct bl_probe_rule { /* from the manifest; all but the delay are 1 or more */
	enum bl_probe_kind kind;
	uint32_t initial_delay_s;
	uint32_t period_s;
	uint32_t success_threshold;
	uint32_t failure_threshold;
};

/* The container at this moment. */
struct bl_probe_container {
	uint64_t identity;   /* another value is another container: everything starts again */
	uint64_t started_us; /* when it started */
	bool running;
	bool started;     /* its startup probe has succeeded, or it has none */
	bool terminating; /* its pod is being deleted */
};

struct bl_probe_state {
	uint64_t identity;
	bool good;     /* the result in force; not good until enough successes */
	bool last;     /* what the latest tries said */
	uint32_t run;  /* how many tries in a row said so; 0: none yet */
	uint64_t tick; /* when the next try is due */
};

/* A state before any try, the first of which is due at `first_us`. */
void bl_probe_state_init(struct bl_probe_state *state, const struct bl_probe_container *container,
			 bool good, uint64_t first_us);

/* Takes note of how the container is. True when the result in force changed with it. */
bool bl_probe_state_observe(struct bl_probe_state *state, const struct bl_probe_rule *rule,
			    const struct bl_probe_container *container, uint64_t now_us);

/*
 * The tick at state->tick is there: is it a time to try? Sets the next tick, a whole number of
 * periods behind the last one, so that a slow try does not shift the schedule. Ticks that were
 * missed are left out.
 */
bool bl_probe_state_tick(struct bl_probe_state *state, const struct bl_probe_rule *rule,
			 const struct bl_probe_container *container, uint64_t now_us);

/* A try ended. True when the result in force changed with it. */
bool bl_probe_state_note(struct bl_probe_state *state, const struct bl_probe_rule *rule,
			 enum bl_probe_outcome outcome);

/* When the first try of a prober is due: at once, but within the first period of the prober's own
 * life spread at random, so that not all of them come at once after its start. */
uint64_t bl_probe_first_us(const struct bl_probe_rule *rule, uint64_t now_us,
			   uint64_t prober_started_us, uint32_t random);

#endif
