/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The programs from the skeleton to the kernel: sizes, constants, the verifier and its log. What
 * the kernel lacks and traffic can do without is left out. Private to this folder.
 */
#ifndef DATAPATH_LOAD_H
#define DATAPATH_LOAD_H

#include "datapath/kernel.h"

struct sock_bpf;

/*
 * Loads; `pinned` names maps to share, or is NULL for new ones. -EEXIST when a pinned map is not of
 * the kind that the programs expect.
 */
int bl_load(const struct bl_datapath_config *config, uint64_t host_netns_cookie,
	    const struct bl_map_set *pinned, struct sock_bpf **ret, struct bl_err *err);
struct sock_bpf *bl_load_free(struct sock_bpf *object); /* accepts NULL, returns NULL */
BL_DEFINE_CLEANUP(struct sock_bpf *, bl_load_free);

/*
 * Loads other objects side by side, for the verifier takes long over each; they share no map that
 * is yet to be made. err has the verifier's words about the first of them that failed; those that
 * loaded stay loaded.
 */
#define BL_LOAD_OBJECTS_MAX 2u
struct bpf_object;
struct bpf_map;
int bl_load_objects(struct bpf_object *const objects[], size_t count, struct bl_err *err);
/* Lets an object use a pinned map; -EEXIST when it is of another kind. */
int bl_load_share_map(struct bpf_map *map, enum bl_map_id id, const struct bl_map_set *pinned,
		      struct bl_err *err);

/* Borrowed; -ENOENT for a program that was left out. */
int bl_load_program_fd(const struct sock_bpf *object, const char *name);
int bl_load_map_fd(const struct sock_bpf *object, enum bl_map_id id);
uint32_t bl_load_map_size(const struct sock_bpf *object, enum bl_map_id id);

#endif
