/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The folder of pins: DIR/<map> for each map, DIR/links/<program> for each link. Only these names
 * are ever made, opened or removed. `abi` is pinned last and removed first: a folder without it
 * holds the leftovers of a load that was cut short. Private to this folder.
 */
#ifndef DATAPATH_PIN_H
#define DATAPATH_PIN_H

#include <linux/bpf.h>

#include "datapath/kernel.h"

#define BL_PIN_PATH 4096

/* Makes DIR and DIR/links; `ret_made` says whether DIR is new. */
int bl_pin_make_folder(const char *dir, bool *ret_made, struct bl_err *err);
/* Holds the folder against others that load, unload or run, until the descriptor is closed.
 * -ENOENT, -EBUSY when somebody else holds it and goes on doing so. */
int bl_pin_lock(const char *dir, int *ret_fd, struct bl_err *err);
/* Removes all known names; then the folder, unless something else is in it (-ENOTEMPTY). -ENOENT
 * when there is no folder. */
int bl_pin_remove(const char *dir, bool keep_folder, struct bl_err *err);

int bl_pin_map(const char *dir, enum bl_map_id id, int fd, struct bl_err *err);
int bl_pin_open_map(const char *dir, enum bl_map_id id, bool read_only, int *ret_fd);

int bl_pin_link(const char *dir, const char *program, int fd, struct bl_err *err);
int bl_pin_open_link(const char *dir, const char *program, int *ret_fd);
int bl_pin_remove_link(const char *dir, const char *program);
int bl_pin_read_link(const char *dir, const char *program, struct bpf_link_info *ret);
/* The link attaches to this cgroup at the program's hook; the links of a cgroup that was removed
 * stay, but are in force nowhere. */
bool bl_pin_link_is_live(const struct bpf_link_info *info, const struct bl_program *program,
			 uint64_t cgroup_id);

#endif
