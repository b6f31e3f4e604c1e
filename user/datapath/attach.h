/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Links: from a program to its hook in the cgroup, pinned so that they outlive the agent. Private
 * to this folder.
 */
#ifndef DATAPATH_ATTACH_H
#define DATAPATH_ATTACH_H

#include "datapath/kernel.h"

struct sock_bpf;

/*
 * Puts every loaded program in force at the cgroup. A link that is there and in force gets the new
 * program in one step; a dead one, or one to another cgroup, is made anew; the link of a program
 * that is not wanted goes.
 */
int bl_attach(const char *dir, const struct sock_bpf *object, int cgroup_fd, uint64_t cgroup_id,
	      struct bl_err *err);

#endif
