/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Where an exec probe runs: namespaces, root, working folder, cgroup, user and environment of a
 * container, found by one of its processes; or a network namespace by name, for the laboratory.
 * Opened by the agent, entered by its child, in which nothing but system calls is allowed.
 */
#ifndef PROBE_EXEC_PLACE_H
#define PROBE_EXEC_PLACE_H

#include <sys/types.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "probe/exec_user.h"
#include "probe/target.h"

struct bl_exec_place {
	int pidfd;  /* of a process of the container; -1: none */
	int netns;  /* -1: none */
	int root;   /* -1: ours */
	int cwd;    /* -1: the root */
	int cgroup; /* its folder, or that of the agent when the pod names none; -1: no cgroup2 */
	int procs;  /* cgroup.procs of the container's; -1: the command stays in the agent's */
	bool has_user;
	struct bl_exec_user user;
	char *env_text; /* owned: what env points into */
	char **env;     /* owned array, NULL at the end */
};

#define BL_EXEC_PLACE_INIT                                                                         \
	{                                                                                          \
		.pidfd = -1, .netns = -1, .root = -1, .cwd = -1, .cgroup = -1, .procs = -1         \
	}

/* -EINVAL with words when the pod does not say where; other errors from looking there. */
int bl_exec_place_open(const struct bl_probe_target *target, const char *cgroup_root,
		       struct bl_exec_place *ret, struct bl_err *err);
void bl_exec_place_done(struct bl_exec_place *place);
static inline void bl_exec_place_done_p(struct bl_exec_place *place)
{
	bl_exec_place_done(place);
}

/* In the child. The first moves it, of which the process id counts only for its own children; into
 * the cgroup of `procs` (-1: none). The second makes it what runs in the container. 0, or an
 * errno. */
int bl_exec_place_enter(const struct bl_exec_place *place, int procs);
int bl_exec_place_become(const struct bl_exec_place *place);

#endif
