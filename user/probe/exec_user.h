/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * As whom a container's processes run, read from one of them by the agent, and taken on by the
 * agent's child: user, groups, capabilities, "no new privileges". Numbers are those of the
 * container's own user namespace.
 */
#ifndef PROBE_EXEC_USER_H
#define PROBE_EXEC_USER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

#define BL_EXEC_GROUPS_MAX 64

struct bl_exec_user {
	uid_t uid;
	gid_t gid;
	gid_t groups[BL_EXEC_GROUPS_MAX];
	size_t group_count;
	uint64_t inheritable, permitted, effective, bounding, ambient;
	bool no_new_privileges;
	bool is_in_other_namespace; /* of users */
	bool may_set_groups;
};

/* -errno with words when the process cannot be looked at, or its user has no number in its own
 * namespace. */
int bl_exec_user_read(long pid, struct bl_exec_user *ret, struct bl_err *err);
/* In the child, which is in the user namespace already. Only system calls. 0, or an errno. */
int bl_exec_user_become(const struct bl_exec_user *user);

#endif
