/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The datapath in the kernel: descriptors of the pinned maps and of the iterators; the attached
 * programs live by their pinned links alone. Private to this folder.
 */
#ifndef DATAPATH_KERNEL_H
#define DATAPATH_KERNEL_H

#include "datapath/backing.h"
#include "datapath/programs.h"

/* Every map, in the order of bl_maps[]. */
enum bl_map_id {
	BL_MAP_ID_ABI,
	BL_MAP_ID_FRONTENDS4,
	BL_MAP_ID_FRONTENDS6,
	BL_MAP_ID_SLOTS,
	BL_MAP_ID_BACKENDS,
	BL_MAP_ID_SERVICES,
	BL_MAP_ID_ADDR_FILTER,
	BL_MAP_ID_SOCKS,
	BL_MAP_ID_UDP_PEERS,
	BL_MAP_ID_TCP_PEERS,
	BL_MAP_ID_AFFINITY,
	BL_MAP_ID_NETNS_PODS,
	BL_MAP_ID_SERVICE_STATS,
	BL_MAP_ID_BACKEND_STATS,
	BL_MAP_ID_REASONS,
	BL_MAP_ID_SOCK_COUNT,
	/* Of the packet path; there when devices were asked for. */
	BL_MAP_ID_MAGLEV = BL_MAP_ID_SOCK_COUNT,
	BL_MAP_ID_PACKET_PORTS,
	BL_MAP_ID_PACKET_STATE,
	BL_MAP_ID_PACKET_GUARD,
	BL_MAP_ID_UPLINKS,
	BL_MAP_ID_SOURCES4,
	BL_MAP_ID_SOURCES6,
	BL_MAP_ID_FLOWS4,
	BL_MAP_ID_FLOWS6,
	BL_MAP_ID_FLOW_TAGS4,
	BL_MAP_ID_FLOW_TAGS6,
	BL_MAP_ID_FRAGMENTS4,
	BL_MAP_ID_FRAGMENTS6,
	BL_MAP_ID_DSR_BACKENDS,
	BL_MAP_ID_DSR_PEERS,
	BL_MAP_ID_COUNT,
};
extern const char *const bl_map_names[BL_MAP_ID_COUNT];

/* Rows that stand in one element of the map. */
uint32_t bl_map_block(enum bl_map_id id);
/* Elements that the configuration asks for; 0: the size is the object's own. */
uint32_t bl_map_wanted_size(enum bl_map_id id, const struct bl_datapath_config *config);

/* One descriptor a map; -1: none. */
struct bl_map_set {
	int fds[BL_MAP_ID_COUNT];
	uint32_t sizes[BL_MAP_ID_COUNT];
};
#define BL_MAP_SET_INIT                                                                            \
	{                                                                                          \
		.fds = { [0 ... BL_MAP_ID_COUNT - 1] = -1 }                                        \
	}
void bl_map_set_done(struct bl_map_set *set);
static inline void bl_map_set_done_p(struct bl_map_set *set)
{
	bl_map_set_done(set);
}

struct bl_kernel {
	struct bl_datapath base;
	struct bl_map_set maps; /* the mapped arrays own duplicates */
	char *bpffs;
	int lock_fd; /* holds the folder: one writer; -1: only looking */
	uint64_t cgroup_id;
	int find_stale_fd;  /* program; -1: not in this kernel */
	int destroy_udp_fd; /* likewise */
	/* Programs of the packet path; -1: not loaded by this agent. */
	int xdp_fd;
	int tc_ingress_fd;
	int tc_egress_fd;
	unsigned int cpu_count; /* possible ones: values in a per-CPU map */
	bool no_batch;          /* learnt: this kernel has no batch calls for hash maps */
	struct bl_program_status status[BL_PROGRAMS_MAX];
};

/* hash.c */
int bl_kernel_set_frontends(struct bl_datapath *datapath, const struct bl_op *ops, size_t count,
			    size_t *ret_done);
int bl_kernel_delete_frontend(struct bl_datapath *datapath, const struct bl_op *op);
int bl_kernel_read_frontends(struct bl_datapath *datapath, struct bl_frontend_row **ret_rows,
			     size_t *ret_count, struct bl_err *err);
/* packet_load.c: programs and maps of the packet path, as far as they are asked for or there. */
/* Rows of an array map whose descriptor the kernel has; -errno with err. */
int bl_kernel_open_array(struct bl_kernel *kernel, enum bl_map_id id, size_t row_size,
			 struct bl_array *ret, struct bl_err *err);
int bl_kernel_open_packet(struct bl_kernel *kernel, const struct bl_datapath_config *config,
			  struct bl_err *err);
/* uplinks.c */
int bl_kernel_attach_device(struct bl_datapath *datapath, uint32_t ifindex, enum bl_xdp_mode wanted,
			    struct bl_device_status *ret, struct bl_err *err);
int bl_kernel_keep_devices(struct bl_datapath *datapath, const uint32_t *ifindexes, size_t count,
			   struct bl_err *err);
int bl_kernel_renew_next_hops(struct bl_datapath *datapath);
/* flows.c */
int bl_kernel_read_flows(struct bl_datapath *datapath, size_t limit, struct bl_flow_row **ret_rows,
			 size_t *ret_count, struct bl_err *err);
/* packet_rows.c */
int bl_kernel_set_packet_row(struct bl_datapath *datapath, const struct bl_packet_row *row);
int bl_kernel_delete_packet_row(struct bl_datapath *datapath, const struct bl_packet_row *row);
int bl_kernel_read_packet_rows(struct bl_datapath *datapath, struct bl_packet_row **ret_rows,
			       size_t *ret_count, struct bl_err *err);
int bl_kernel_set_dsr_peers(struct bl_datapath *datapath, const struct bl_prefix *peers,
			    size_t count, struct bl_err *err);
/* hash.c */
int bl_kernel_set_netns_pods(struct bl_datapath *datapath, const struct bl_netns_pod_row *rows,
			     size_t count, struct bl_err *err);
/* sweep.c */
int bl_kernel_sweep_sockets(struct bl_datapath *datapath, size_t *ret_destroyed,
			    struct bl_err *err);
/* stats.c */
int bl_kernel_read_reasons(struct bl_datapath *datapath, uint64_t ret[BL_REASON_COUNT]);
int bl_kernel_read_service_stats(struct bl_datapath *datapath, uint32_t service_id,
				 struct bl_service_stats *ret);
int bl_kernel_read_backend_stats(struct bl_datapath *datapath, uint32_t first, uint32_t count,
				 struct bl_backend_stats *ret);
int bl_kernel_read_programs(struct bl_datapath *datapath,
			    const struct bl_program_status **ret_items, size_t *ret_count);

#endif
