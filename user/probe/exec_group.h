/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The cgroup of one command of a probe, a folder within its container's: whatever the command
 * starts, in sessions of its own too, is in there and ends with it (cgroup.kill, kernel 5.14). A
 * folder can go only once its last process has, which may be a moment after the command; those that
 * wait for that are in a list. One thread.
 */
#ifndef PROBE_EXEC_GROUP_H
#define PROBE_EXEC_GROUP_H

#include <systemd/sd-event.h>

#include "base/cleanup.h"

struct bl_exec_groups; /* all that are waiting */
struct bl_exec_group;

int bl_exec_groups_new(sd_event *loop, struct bl_exec_groups **ret);
/* Removes what can be removed by now. */
struct bl_exec_groups *bl_exec_groups_free(struct bl_exec_groups *groups);
BL_DEFINE_CLEANUP(struct bl_exec_groups *, bl_exec_groups_free);

/* Makes one in `parent`, an open folder of cgroup2 that may be closed afterwards. -errno: there
 * can be none here, and the command runs in the parent itself. */
int bl_exec_group_new(int parent, struct bl_exec_group **ret);
/* Its cgroup.procs, for the child to enter; -1 when there is no group (NULL). */
int bl_exec_group_procs(const struct bl_exec_group *group);
/* Ends all that is in it and removes it, now or later. Accepts NULL, returns NULL. */
struct bl_exec_group *bl_exec_group_end(struct bl_exec_groups *groups, struct bl_exec_group *group);

#endif
