/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Looks after the links of the programs: whoever detaches one, by accident or by removing the
 * cgroup, turns Services off for everybody. Puts them back and says so. Whether the hooks do their
 * work is for the canary to tell.
 */
#ifndef AGENT_HOOKS_H
#define AGENT_HOOKS_H

#include <systemd/sd-event.h>

#include "agent/config.h"
#include "agent/problems.h"
#include "datapath/datapath.h"

#define BL_HOOKS_PERIOD_USEC (5 * 1000 * 1000ull)

struct bl_hooks;

struct bl_hooks_config { /* all borrowed */
	sd_event *loop;
	const struct bl_settings *settings;
	struct bl_datapath *datapath;
	struct bl_problems *problems;
};

int bl_hooks_new(const struct bl_hooks_config *config, struct bl_hooks **ret);
struct bl_hooks *bl_hooks_free(struct bl_hooks *hooks);
BL_DEFINE_CLEANUP(struct bl_hooks *, bl_hooks_free);

/* Is this program meant to be attached? Some are options. */
bool bl_hooks_is_wanted(const struct bl_settings *settings,
			const struct bl_program_status *program);

#endif
