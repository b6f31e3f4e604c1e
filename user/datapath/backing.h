/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What stands behind datapath.h: the arrays, which both implementations hold as memory, and a table
 * of what differs between the kernel and the fake. Private to this folder.
 */
#ifndef DATAPATH_BACKING_H
#define DATAPATH_BACKING_H

#include "datapath/array.h"
#include "datapath/datapath.h"

struct bl_datapath_backing {
	/* Sets a run of frontends of one family. `ret_done` (written on failure, too) is how many
	 * were set before one failed. */
	int (*set_frontends)(struct bl_datapath *datapath, const struct bl_op *ops, size_t count,
			     size_t *ret_done);
	int (*delete_frontend)(struct bl_datapath *datapath, const struct bl_op *op);
	int (*read_frontends)(struct bl_datapath *datapath, struct bl_frontend_row **ret_rows,
			      size_t *ret_count, struct bl_err *err);
	/* Rows of sources4, sources6 and dsr_backends; only when there is a packet path. */
	int (*set_packet_row)(struct bl_datapath *datapath, const struct bl_packet_row *row);
	int (*delete_packet_row)(struct bl_datapath *datapath, const struct bl_packet_row *row);
	int (*read_packet_rows)(struct bl_datapath *datapath, struct bl_packet_row **ret_rows,
				size_t *ret_count, struct bl_err *err);
	int (*attach_device)(struct bl_datapath *datapath, uint32_t ifindex,
			     enum bl_xdp_mode wanted, struct bl_device_status *ret,
			     struct bl_err *err);
	int (*keep_devices)(struct bl_datapath *datapath, const uint32_t *ifindexes, size_t count,
			    struct bl_err *err);
	int (*renew_next_hops)(struct bl_datapath *datapath);
	int (*read_flows)(struct bl_datapath *datapath, size_t limit, struct bl_flow_row **ret_rows,
			  size_t *ret_count, struct bl_err *err);
	int (*set_dsr_peers)(struct bl_datapath *datapath, const struct bl_prefix *peers,
			     size_t count, struct bl_err *err);
	int (*set_netns_pods)(struct bl_datapath *datapath, const struct bl_netns_pod_row *rows,
			      size_t count, struct bl_err *err);
	int (*sweep_sockets)(struct bl_datapath *datapath, size_t *ret_destroyed,
			     struct bl_err *err);
	int (*read_reasons)(struct bl_datapath *datapath, uint64_t ret[BL_REASON_COUNT]);
	int (*read_service_stats)(struct bl_datapath *datapath, uint32_t service_id,
				  struct bl_service_stats *ret);
	int (*read_backend_stats)(struct bl_datapath *datapath, uint32_t first, uint32_t count,
				  struct bl_backend_stats *ret);
	int (*read_programs)(struct bl_datapath *datapath,
			     const struct bl_program_status **ret_items, size_t *ret_count);
	int (*attach_again)(struct bl_datapath *datapath, const struct bl_datapath_config *config,
			    struct bl_err *err);
	void (*free)(struct bl_datapath *datapath);
};

/* First member of either implementation. */
struct bl_datapath {
	const struct bl_datapath_backing *backing;
	struct bl_array slots;
	struct bl_array backends;
	struct bl_array services;
	struct bl_array filter;
	struct bl_array maglev; /* these two only when there is a packet path */
	struct bl_array ports;
	struct bl_plan_limits limits; /* sizes of the maps as they are */
	bool has_packet;
	bool adopted;
	bool read_only;
};

/* Releases the arrays. */
void bl_datapath_done(struct bl_datapath *datapath);

#endif
