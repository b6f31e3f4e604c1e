/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The one seam to the kernel: everything behind it is libbpf and netlink, everything before it is
 * portable C. Two implementations stand behind the same calls: the kernel and a fake in memory for
 * tests and dry runs. One thread; calls block for as long as system calls do.
 */
#ifndef DATAPATH_DATAPATH_H
#define DATAPATH_DATAPATH_H

#include <stdint.h>

#include "base/addr.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "beeline/packet.h"
#include "beeline/reasons.h"
#include "plan/plan.h"
#include "plan/rows.h"

struct bl_datapath;

struct bl_datapath_config {
	const char *cgroup; /* path of a cgroup2 folder; NULL: root of the cgroup2 mount */
	const char *bpffs;  /* folder for pins, made if absent; NULL: /sys/fs/bpf/beeline */
	struct bl_plan_limits limits;
	uint32_t affinity_max;
	uint32_t probe_mark;
	bool remember_peer; /* see struct bl_sock_tunables */
	bool refuse_bind;
	/* Load the packet path, too. Without it a packet path that is pinned stays as it is, and
	 * its maps are kept up to date. */
	bool packet;
	struct bl_packet_tunables packet_tunables;
};
/* Defaults in every field. */
void bl_datapath_config_init(struct bl_datapath_config *config);

/*
 * Loads, pins and attaches; or, when the folder holds maps of this ABI version, adopts them and
 * replaces the programs behind their links in one step each. -EEXIST when the maps are of another
 * version (err says how to mend), -EBUSY when another process has it open, -EPERM, -ENOTSUP (kernel
 * too old; err names the feature). On failure of a first load nothing is left behind.
 */
int bl_datapath_open(const struct bl_datapath_config *config, struct bl_datapath **ret,
		     struct bl_err *err);
int bl_datapath_open_fake(const struct bl_datapath_config *config, struct bl_datapath **ret);
/* Leaves maps and links pinned: traffic goes on. Accepts NULL, returns NULL. */
struct bl_datapath *bl_datapath_close(struct bl_datapath *datapath);
BL_DEFINE_CLEANUP(struct bl_datapath *, bl_datapath_close);

/* Detaches and unpins all that the folder holds, and removes it. 0 when there was nothing; also 0,
 * with a warning in err, when the folder is kept because something else is in it. */
int bl_datapath_unload(const struct bl_datapath_config *config, struct bl_err *err);

/* Puts programs that somebody took away from their hooks in force again; `config` as for the open.
 * The maps stay as they are. */
int bl_datapath_attach_again(struct bl_datapath *datapath, const struct bl_datapath_config *config,
			     struct bl_err *err);

bool bl_datapath_was_adopted(const struct bl_datapath *datapath);
/* Sizes of the maps as they are: adopted maps keep theirs, whatever the configuration says. */
struct bl_plan_limits bl_datapath_limits(const struct bl_datapath *datapath);

/* Applies the ops in order. Stops at the first that fails: what was there before goes on serving,
 * and the caller makes a fresh diff. err names the map, the row and what to do. */
int bl_datapath_apply(struct bl_datapath *datapath, const struct bl_delta *delta,
		      struct bl_err *err);
/* What the maps hold now; arrays end with their last used row. */
int bl_datapath_read(struct bl_datapath *datapath, struct bl_plan_rows *ret, struct bl_err *err);
/* Read-only look at pinned maps without loading or attaching anything; for `verify` and `status`
 * without an agent. -ENOENT when nothing is loaded. */
int bl_datapath_open_read_only(const struct bl_datapath_config *config, struct bl_datapath **ret,
			       struct bl_err *err);

/* Pods by network namespace, for session affinity (see netns_pods). Replaces the whole map. */
struct bl_netns_pod_row {
	uint64_t cookie;
	struct bl_netns_pod pod;
};
int bl_datapath_set_netns_pods(struct bl_datapath *datapath, const struct bl_netns_pod_row *rows,
			       size_t count, struct bl_err *err);

/*
 * Connected UDP sockets, in whatever network namespace, whose backend no longer serves: destroys
 * them, so that their owners get ECONNABORTED and dial again. `ret_destroyed` may be NULL.
 */
int bl_datapath_sweep_sockets(struct bl_datapath *datapath, size_t *ret_destroyed,
			      struct bl_err *err);

/*
 * Uplinks: devices on which packets come from outside. What is attached to them outlives the agent,
 * as all else does.
 */
enum bl_xdp_mode {
	BL_XDP_NATIVE, /* in the driver; tc where the driver has none */
	BL_XDP_GENERIC,
	BL_XDP_TC,
};

enum bl_device_mode {
	BL_DEVICE_NONE,
	BL_DEVICE_NATIVE,
	BL_DEVICE_GENERIC,
	BL_DEVICE_TC,
	BL_DEVICE_MODE_COUNT,
};
const char *bl_device_mode_name(enum bl_device_mode mode); /* "native" */

struct bl_device_status {
	enum bl_device_mode mode;
	char reason[256]; /* why the mode is not the one asked for, or there is none; "" */
};

/* Is there a packet path? */
bool bl_datapath_has_packet(const struct bl_datapath *datapath);
/*
 * Puts the programs on a device, or new ones in place of what is there, in one step each; also
 * writes its addresses into `uplinks`. `wanted` may change. -EBUSY when another XDP program holds
 * the device (err names it), -ENODEV, -ENOTSUP when there is no packet path.
 */
int bl_datapath_attach_device(struct bl_datapath *datapath, uint32_t ifindex,
			      enum bl_xdp_mode wanted, struct bl_device_status *ret,
			      struct bl_err *err);
/* Takes the programs off all devices but these, and forgets devices that are gone. */
int bl_datapath_keep_devices(struct bl_datapath *datapath, const uint32_t *ifindexes, size_t count,
			     struct bl_err *err);
/* Routes, neighbours or links changed: next hops that flows remember are looked up again. */
int bl_datapath_renew_next_hops(struct bl_datapath *datapath);

/* Other nodes' addresses and networks, whose encapsulated packets are taken (see dsr_peers).
 * Replaces the whole map, new ones before old ones go; nothing without a packet path. -ENOSPC with
 * the map's size in err. */
int bl_datapath_set_dsr_peers(struct bl_datapath *datapath, const struct bl_prefix *peers,
			      size_t count, struct bl_err *err);

/* A flow in one direction, established or not yet. */
struct bl_flow_row {
	struct bl_tuple from; /* a packet as it comes in, */
	struct bl_tuple to;   /* and as it goes on */
	struct bl_flow flow;
};
/* At most `limit` established flows of each family and as many that wait to be confirmed, in any
 * order, while they come and go. The array is the caller's (free). */
int bl_datapath_read_flows(struct bl_datapath *datapath, size_t limit,
			   struct bl_flow_row **ret_rows, size_t *ret_count, struct bl_err *err);

/* Sums over all CPUs. */
int bl_datapath_read_reasons(struct bl_datapath *datapath, uint64_t ret[BL_REASON_COUNT]);
int bl_datapath_read_service_stats(struct bl_datapath *datapath, uint32_t service_id,
				   struct bl_service_stats *ret);
/* Of `count` ids that follow each other, which costs less than one by one. */
int bl_datapath_read_backend_stats(struct bl_datapath *datapath, uint32_t first, uint32_t count,
				   struct bl_backend_stats *ret);

/* One row for each program: is it attached, where, how often did it run (when kernel statistics are
 * on). */
struct bl_program_status {
	const char *name; /* "bl_connect4" */
	const char *hook; /* "cgroup/connect4" */
	bool attached;    /* its link is pinned and in force */
	uint32_t id;      /* of the program; 0: not loaded */
	uint64_t run_count;
	uint64_t run_time_ns;
};
int bl_datapath_programs(struct bl_datapath *datapath, const struct bl_program_status **ret_items,
			 size_t *ret_count);

#endif
