/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Where the cgroup2 hierarchy and the bpf file system are. Private to this folder.
 */
#ifndef DATAPATH_MOUNTS_H
#define DATAPATH_MOUNTS_H

#include <stdint.h>

#include "base/err.h"

#define BL_BPFFS_DEFAULT "/sys/fs/bpf/beeline"

/* Mount point of the cgroup2 hierarchy, hybrid set-ups included. The text is the caller's. -ENOENT.
 */
int bl_mounts_find_cgroup2(char **ret);
/* Opens `path`, or the root of the hierarchy when it is NULL; the id is what links name. */
int bl_mounts_open_cgroup(const char *path, int *ret_fd, uint64_t *ret_id, struct bl_err *err);
/* 0 when `path`, or what will hold it, is on a bpf file system; err says how to mount one. */
int bl_mounts_check_bpffs(const char *path, struct bl_err *err);

#endif
