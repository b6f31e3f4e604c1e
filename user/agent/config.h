/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The configuration with every default filled in and every path made absolute where it must be. */
#ifndef AGENT_CONFIG_H
#define AGENT_CONFIG_H

#include "agent/agent.h"
#include "datapath/datapath.h"
#include "resolve/allocate.h"

#define BL_DEFAULT_BPFFS "/sys/fs/bpf/beeline"
#define BL_DEFAULT_STATE "/var/lib/beeline"
#define BL_DEFAULT_SOCKET "/run/beeline.sock"

struct bl_settings {
	struct bl_agent_config config; /* strings are borrowed, but for the cgroup */
	char *cgroup;                  /* owned; NULL: there is no cgroup2 mount */
};

/* -EINVAL when values contradict each other. */
int bl_settings_init(struct bl_settings *settings, const struct bl_agent_config *config,
		     struct bl_err *err);
/* An option that was given and means something for packets of clients outside alone, while there is
 * no device that they could come in by; NULL: none. */
const char *bl_settings_idle_option(const struct bl_settings *settings);
void bl_settings_done(struct bl_settings *settings);
static inline void bl_settings_done_p(struct bl_settings *settings)
{
	bl_settings_done(settings);
}

/* Where cgroup2 is mounted; NULL: nowhere. The text is the caller's. */
char *bl_settings_find_cgroup(void);

struct bl_datapath_config bl_settings_datapath(const struct bl_settings *settings);
/* Borrows from the settings. */
struct bl_outside_policy bl_settings_outside(const struct bl_settings *settings);
/* What the plan must know beside the objects. */
void bl_settings_plan(const struct bl_settings *settings, struct bl_plan *plan);
/* `random` NULL: from the kernel. */
int bl_settings_allocator(const struct bl_settings *settings, uint32_t (*random)(void *userdata),
			  void *userdata, struct bl_allocator **ret);

#endif
