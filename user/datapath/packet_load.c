/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The XDP and tc objects over one set of maps, those of the sockets included. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "datapath/load.h"
#include "datapath/pin.h"
#include "tc_skel.h"
#include "xdp_skel.h"

static void xdp_free(struct xdp_bpf **object)
{
	xdp_bpf__destroy(*object);
}

static void tc_free(struct tc_bpf **object)
{
	tc_bpf__destroy(*object);
}

/* Maps that are pinned are opened; `ret_count` of the packet path's own. */
static int open_pins(struct bl_kernel *kernel, unsigned int *ret_count, struct bl_err *err)
{
	unsigned int count = 0;

	for (enum bl_map_id id = BL_MAP_ID_SOCK_COUNT; id < BL_MAP_ID_COUNT; id++) {
		struct bpf_map_info info = {0};
		uint32_t len = sizeof(info);
		bool is_mapped = id == BL_MAP_ID_MAGLEV || id == BL_MAP_ID_PACKET_PORTS;
		int r = bl_pin_open_map(kernel->bpffs, id, kernel->base.read_only && !is_mapped,
					&kernel->maps.fds[id]);

		if (r == -ENOENT)
			continue;
		if (r == 0)
			r = bpf_obj_get_info_by_fd(kernel->maps.fds[id], &info, &len);
		if (r < 0) {
			errno = -r;
			return bl_err_set(err, r, "cannot open map '%s' in '%s': %m",
					  bl_map_names[id], kernel->bpffs);
		}
		kernel->maps.sizes[id] = info.max_entries;
		count++;
	}
	*ret_count = count;
	return 0;
}

static int prepare_maps(const struct bl_kernel *kernel, struct bpf_object *object,
			const struct bl_datapath_config *config, struct bl_err *err)
{
	for (enum bl_map_id id = 0; id < BL_MAP_ID_COUNT; id++) {
		struct bpf_map *map = bpf_object__find_map_by_name(object, bl_map_names[id]);
		uint32_t size = bl_map_wanted_size(id, config);
		int r = 0;

		if (!map)
			continue;
		if (kernel->maps.fds[id] >= 0)
			r = bl_load_share_map(map, id, &kernel->maps, err);
		else if (size > 0)
			r = bpf_map__set_max_entries(map, size);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Keeps and pins the maps that this object brought. */
static int keep_maps(struct bl_kernel *kernel, const struct bpf_object *object, struct bl_err *err)
{
	for (enum bl_map_id id = BL_MAP_ID_SOCK_COUNT; id < BL_MAP_ID_COUNT; id++) {
		const struct bpf_map *map = bpf_object__find_map_by_name(object, bl_map_names[id]);
		int fd;
		int r;

		if (!map || kernel->maps.fds[id] >= 0)
			continue;
		fd = fcntl(bpf_map__fd(map), F_DUPFD_CLOEXEC, 0);
		if (fd < 0)
			return bl_err_set(err, -errno, "cannot keep map '%s' open: %m",
					  bl_map_names[id]);
		kernel->maps.fds[id] = fd;
		kernel->maps.sizes[id] = bpf_map__max_entries(map);
		r = bl_pin_map(kernel->bpffs, id, fd, err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* The maps of both objects, before either meets the verifier: an object none of whose programs is
 * loaded makes its maps. */
static int make_maps(struct bl_kernel *kernel, const struct bl_datapath_config *config,
		     struct bl_err *err)
{
	__attribute__((cleanup(xdp_free))) struct xdp_bpf *object = xdp_bpf__open();
	int r;

	if (!object)
		return bl_err_set(err, -errno, "cannot open the XDP program: %m");
	(void)bpf_program__set_autoload(object->progs.bl_xdp, false);
	r = prepare_maps(kernel, object->obj, config, err);
	if (r == 0)
		r = bl_load_objects(&object->obj, 1, err);
	return r < 0 ? r : keep_maps(kernel, object->obj, err);
}

static int keep_program(const struct bpf_program *program, int *ret_fd, struct bl_err *err)
{
	*ret_fd = fcntl(bpf_program__fd(program), F_DUPFD_CLOEXEC, 0);
	return *ret_fd < 0 ? bl_err_set(err, -errno, "cannot keep program '%s' open: %m",
					bpf_program__name(program))
			   : 0;
}

static int load_programs(struct bl_kernel *kernel, const struct bl_datapath_config *config,
			 struct bl_err *err)
{
	__attribute__((cleanup(xdp_free))) struct xdp_bpf *xdp = xdp_bpf__open();
	__attribute__((cleanup(tc_free))) struct tc_bpf *tc = tc_bpf__open();
	int r;

	if (!xdp || !tc)
		return bl_err_set(err, -errno, "cannot open the %s: %m",
				  xdp ? "tc programs" : "XDP program");
	xdp->rodata->tunables = config->packet_tunables;
	tc->rodata->tunables = config->packet_tunables;
	r = prepare_maps(kernel, xdp->obj, config, err);
	if (r == 0)
		r = prepare_maps(kernel, tc->obj, config, err);
	if (r == 0)
		r = bl_load_objects((struct bpf_object *const[]){xdp->obj, tc->obj}, 2, err);
	if (r == 0)
		r = keep_program(xdp->progs.bl_xdp, &kernel->xdp_fd, err);
	if (r == 0)
		r = keep_program(tc->progs.bl_tc_ingress, &kernel->tc_ingress_fd, err);
	return r < 0 ? r : keep_program(tc->progs.bl_tc_egress, &kernel->tc_egress_fd, err);
}

static int open_arrays(struct bl_kernel *kernel, struct bl_err *err)
{
	const uint32_t *sizes = kernel->maps.sizes;
	int r = bl_kernel_open_array(kernel, BL_MAP_ID_MAGLEV, sizeof(struct bl_maglev_entry),
				     &kernel->base.maglev, err);

	if (r == 0)
		r = bl_kernel_open_array(kernel, BL_MAP_ID_PACKET_PORTS,
					 sizeof(struct bl_packet_port_word), &kernel->base.ports,
					 err);
	if (r < 0)
		return r;
	kernel->base.limits.maglev = sizes[BL_MAP_ID_MAGLEV] * BL_MAGLEV_BLOCK;
	kernel->base.limits.sources = sizes[BL_MAP_ID_SOURCES4] < sizes[BL_MAP_ID_SOURCES6]
					      ? sizes[BL_MAP_ID_SOURCES4]
					      : sizes[BL_MAP_ID_SOURCES6];
	kernel->base.limits.dsr_backends = sizes[BL_MAP_ID_DSR_BACKENDS];
	kernel->base.has_packet = true;
	return 0;
}

int bl_kernel_open_packet(struct bl_kernel *kernel, const struct bl_datapath_config *config,
			  struct bl_err *err)
{
	unsigned int pinned = 0;
	int r;

	/* Without the maps the plan has these limits: what it holds is not written. */
	kernel->base.limits.maglev = config->limits.maglev;
	kernel->base.limits.sources = config->limits.sources;
	kernel->base.limits.dsr_backends = config->limits.dsr_backends;
	r = open_pins(kernel, &pinned, err);
	if (r == 0 && config->packet && !kernel->base.read_only) {
		if (pinned < BL_MAP_ID_COUNT - BL_MAP_ID_SOCK_COUNT)
			r = make_maps(kernel, config, err);
		if (r == 0)
			r = load_programs(kernel, config, err);
		pinned = BL_MAP_ID_COUNT - BL_MAP_ID_SOCK_COUNT;
	}
	/* Fewer: the load of a packet path was cut short; the next one completes it. */
	if (r < 0 || pinned < BL_MAP_ID_COUNT - BL_MAP_ID_SOCK_COUNT)
		return r;
	r = open_arrays(kernel, err);
	return r < 0 || kernel->base.read_only ? r : bl_kernel_renew_next_hops(&kernel->base);
}
