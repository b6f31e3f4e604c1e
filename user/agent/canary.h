/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Proof that the hooks are in force: a child in a cgroup of its own below the configured one dials
 * the canary frontend, and must reach the agent's listener, which says a word that nobody else
 * knows. Without the hooks the same connect meets a closed loopback port, or somebody who does not
 * know the word.
 */
#ifndef AGENT_CANARY_H
#define AGENT_CANARY_H

#include <systemd/sd-event.h>

#include "base/addr.h"
#include "base/cleanup.h"
#include "base/err.h"

enum bl_canary_state {
	BL_CANARY_UNKNOWN,
	BL_CANARY_IN_FORCE,
	BL_CANARY_NOT_IN_FORCE,
};
const char *bl_canary_state_name(enum bl_canary_state state);

struct bl_canary_status {
	enum bl_canary_state state;
	char reason[200];  /* why it is unknown or not in force; "" else */
	int64_t since_s;   /* of this state; 0: never checked */
	int64_t checked_s; /* 0: never */
};

struct bl_canary;

/* Listens on loopback; `ret_backend` and `ret_port` (host order) are what the canary frontend must
 * lead to. */
int bl_canary_new(sd_event *loop, const struct bl_addr *frontend, uint16_t frontend_port,
		  struct bl_canary **ret, struct bl_addr *ret_backend, uint16_t *ret_port,
		  struct bl_err *err);
/* Ends a probe that is under way and removes the cgroup. */
struct bl_canary *bl_canary_free(struct bl_canary *canary);
BL_DEFINE_CLEANUP(struct bl_canary *, bl_canary_free);

/* Probes at once and then every five seconds, from below `cgroup`. */
void bl_canary_start(struct bl_canary *canary, const char *cgroup);
/* Removes what agents that were killed left below `cgroup`. */
void bl_canary_remove_stale(const char *cgroup);
const struct bl_canary_status *bl_canary_status(const struct bl_canary *canary);

#endif
