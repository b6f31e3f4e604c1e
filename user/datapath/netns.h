/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The network namespaces of this machine, found through /proc/PID/ns/net and /run/netns, each once.
 */
#ifndef DATAPATH_NETNS_H
#define DATAPATH_NETNS_H

#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

struct bl_netns {
	int fd; /* open namespace file */
	uint64_t inode;
	uint64_t cookie; /* SO_NETNS_COOKIE; 0: not asked for */
};

struct bl_netns_list {
	struct bl_netns *items;
	size_t count;
};
int bl_netns_list(struct bl_netns_list *ret);
void bl_netns_list_done(struct bl_netns_list *list);
static inline void bl_netns_list_done_p(struct bl_netns_list *list)
{
	bl_netns_list_done(list);
}

/* Calls `fn` inside the namespace, in a thread of its own that ends afterwards; the caller's
 * namespace does not change. Returns what `fn` returned, or a negative errno. */
int bl_netns_run(int netns_fd, int (*fn)(void *userdata), void *userdata);

/* Cookie of a namespace, and of the caller's own. */
int bl_netns_cookie(int netns_fd, uint64_t *ret);
int bl_netns_own_cookie(uint64_t *ret);

/* All addresses of the caller's namespace, or of another. The array is the caller's. */
int bl_netns_addresses(struct bl_addr **ret_items, size_t *ret_count);
int bl_netns_addresses_of(int netns_fd, struct bl_addr **ret_items, size_t *ret_count);

#endif
