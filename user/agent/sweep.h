/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * When connected UDP sockets are told that their backend left: at once for the first change, and
 * after that at most every 100 ms, because one sweep looks at every socket of the machine.
 */
#ifndef AGENT_SWEEP_H
#define AGENT_SWEEP_H

#include <systemd/sd-event.h>

#include "agent/problems.h"
#include "datapath/datapath.h"

#define BL_SWEEP_PAUSE_USEC (100 * 1000ull)

struct bl_sweep;

int bl_sweep_new(sd_event *loop, struct bl_datapath *datapath, struct bl_problems *problems,
		 struct bl_sweep **ret);
struct bl_sweep *bl_sweep_free(struct bl_sweep *sweep);
BL_DEFINE_CLEANUP(struct bl_sweep *, bl_sweep_free);

void bl_sweep_request(struct bl_sweep *sweep);
void bl_sweep_stats(const struct bl_sweep *sweep, int64_t *ret_last_s, uint64_t *ret_count,
		    uint64_t *ret_destroyed, uint64_t *ret_us);

#endif
