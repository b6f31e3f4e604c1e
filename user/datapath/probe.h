/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Trials of single features: each does the thing, small, and takes it back. Nothing is attached,
 * pinned or left behind; sockets are destroyed only in a namespace of the trial's own. Private to
 * this folder; features.c holds the table.
 */
#ifndef DATAPATH_PROBE_H
#define DATAPATH_PROBE_H

#include "datapath/features.h"

#define BL_PROBE_DETAIL sizeof(((struct bl_feature *)NULL)->detail)

struct bl_probe_argument {
	const char *text;
	int number;
};

/* 0: found; negative errno: not. `detail` may be filled in either case. */
typedef int bl_probe_fn(const struct bl_datapath_config *config,
			const struct bl_probe_argument *argument, char *detail);

bl_probe_fn bl_probe_kernel;
bl_probe_fn bl_probe_bpffs;
bl_probe_fn bl_probe_cgroup2;
bl_probe_fn bl_probe_file;     /* argument: path that must be readable */
bl_probe_fn bl_probe_hooks;    /* argument: what the hooks' names begin with */
bl_probe_fn bl_probe_helper;   /* argument: number of the helper, for connect hooks */
bl_probe_fn bl_probe_iterator; /* argument: name of the iterator */
bl_probe_fn bl_probe_map_type; /* argument: number of the map type */
bl_probe_fn bl_probe_link;
bl_probe_fn bl_probe_sock_destroy;
bl_probe_fn bl_probe_diag_destroy;
bl_probe_fn bl_probe_netns_cookie;
bl_probe_fn bl_probe_batch;
bl_probe_fn bl_probe_mmap;
bl_probe_fn bl_probe_memory;
bl_probe_fn bl_probe_jit;
bl_probe_fn bl_probe_unprivileged;
bl_probe_fn bl_probe_statistics;
bl_probe_fn bl_probe_ipv6;

/* Runs a trial in a thread, and in a network namespace of its own that ends with it. */
int bl_probe_in_netns(int (*run)(void));

/* Packets from outside */
bl_probe_fn bl_probe_xdp;
bl_probe_fn bl_probe_tc;
bl_probe_fn bl_probe_packet_helper; /* arguments: hooks, number of the helper */
bl_probe_fn bl_probe_packet_programs;
bl_probe_fn bl_probe_netdev_family;

/* The same of one device. */
typedef int bl_probe_device_fn(const struct bl_device_wish *wish, const char *name, char *detail);

bl_probe_device_fn bl_probe_device_there;
bl_probe_device_fn bl_probe_device_ethernet;
bl_probe_device_fn bl_probe_device_free;
bl_probe_device_fn bl_probe_device_native;
bl_probe_device_fn bl_probe_device_transmit;
bl_probe_device_fn bl_probe_device_tags;
bl_probe_device_fn bl_probe_device_tc;

#endif
