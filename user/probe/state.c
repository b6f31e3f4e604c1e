/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rules: kubelet's prober/worker.go. */
#include "probe/state.h"

#include <assert.h>

#define USEC 1000000ull

const char *bl_probe_kind_name(enum bl_probe_kind kind)
{
	static const char *const names[BL_PROBE_KIND_COUNT] = {
		[BL_PROBE_READINESS] = "readiness",
		[BL_PROBE_STARTUP] = "startup",
	};

	assert(kind < BL_PROBE_KIND_COUNT);
	return names[kind];
}

void bl_probe_state_init(struct bl_probe_state *state, const struct bl_probe_container *container,
			 bool good, uint64_t first_us)
{
	*state = (struct bl_probe_state){
		.identity = container->identity, .good = good, .tick = first_us};
}

static void forget(struct bl_probe_state *state)
{
	state->good = false;
	state->last = false;
	state->run = 0;
}

bool bl_probe_state_observe(struct bl_probe_state *state, const struct bl_probe_rule *rule,
			    const struct bl_probe_container *container, uint64_t now_us)
{
	bool before = state->good;

	(void)rule;
	if (container->identity != state->identity) {
		forget(state);
		state->identity = container->identity;
		state->tick = now_us; /* a new container is tried at once */
	}
	if (!container->running)
		forget(state);
	return state->good != before;
}

/* Startup probes end with the deletion; readiness goes on, since `serving` depends on it. */
static bool may_try(const struct bl_probe_rule *rule, const struct bl_probe_container *container,
		    uint64_t now_us)
{
	if (!container->running)
		return false;
	if (now_us < container->started_us + rule->initial_delay_s * USEC)
		return false;
	if (rule->kind == BL_PROBE_STARTUP)
		return !container->started && !container->terminating;
	return container->started;
}

bool bl_probe_state_tick(struct bl_probe_state *state, const struct bl_probe_rule *rule,
			 const struct bl_probe_container *container, uint64_t now_us)
{
	uint64_t period = rule->period_s * USEC;

	if (now_us >= state->tick)
		state->tick += ((now_us - state->tick) / period + 1) * period;
	return may_try(rule, container, now_us);
}

bool bl_probe_state_note(struct bl_probe_state *state, const struct bl_probe_rule *rule,
			 enum bl_probe_outcome outcome)
{
	bool good = outcome == BL_PROBE_SUCCESS || outcome == BL_PROBE_WARNING;
	bool before = state->good;

	if (outcome == BL_PROBE_ERROR)
		return false;
	if (state->run == 0 || state->last != good) {
		state->last = good;
		state->run = 0;
	}
	if (state->run < UINT32_MAX)
		state->run++;
	if (state->run >= (good ? rule->success_threshold : rule->failure_threshold))
		state->good = good;
	return state->good != before;
}

uint64_t bl_probe_first_us(const struct bl_probe_rule *rule, uint64_t now_us,
			   uint64_t prober_started_us, uint32_t random)
{
	uint64_t period = rule->period_s * USEC;

	if (now_us - prober_started_us >= period)
		return now_us;
	return now_us + (period * random >> 32);
}
