/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Opening the kernel's datapath: a first load, adoption of what is pinned, or a look without
 * touching. */
#include "datapath/kernel.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <string.h>

#include "base/version.h"
#include "datapath/attach.h"
#include "datapath/load.h"
#include "datapath/mounts.h"
#include "datapath/netns.h"
#include "datapath/pin.h"

static void kernel_free(struct bl_datapath *datapath)
{
	struct bl_kernel *kernel = (struct bl_kernel *)datapath;

	bl_datapath_done(&kernel->base);
	bl_map_set_done(&kernel->maps);
	if (kernel->find_stale_fd >= 0)
		(void)close(kernel->find_stale_fd);
	if (kernel->destroy_udp_fd >= 0)
		(void)close(kernel->destroy_udp_fd);
	bl_close_p(&kernel->lock_fd);
	bl_close_p(&kernel->xdp_fd);
	bl_close_p(&kernel->tc_ingress_fd);
	bl_close_p(&kernel->tc_egress_fd);
	free(kernel->bpffs);
	free(kernel);
}

static int kernel_attach_again(struct bl_datapath *datapath,
			       const struct bl_datapath_config *config, struct bl_err *err);

static const struct bl_datapath_backing kernel_backing = {
	.set_frontends = bl_kernel_set_frontends,
	.delete_frontend = bl_kernel_delete_frontend,
	.read_frontends = bl_kernel_read_frontends,
	.set_packet_row = bl_kernel_set_packet_row,
	.delete_packet_row = bl_kernel_delete_packet_row,
	.read_packet_rows = bl_kernel_read_packet_rows,
	.attach_device = bl_kernel_attach_device,
	.keep_devices = bl_kernel_keep_devices,
	.renew_next_hops = bl_kernel_renew_next_hops,
	.read_flows = bl_kernel_read_flows,
	.set_dsr_peers = bl_kernel_set_dsr_peers,
	.set_netns_pods = bl_kernel_set_netns_pods,
	.sweep_sockets = bl_kernel_sweep_sockets,
	.read_reasons = bl_kernel_read_reasons,
	.read_service_stats = bl_kernel_read_service_stats,
	.read_backend_stats = bl_kernel_read_backend_stats,
	.read_programs = bl_kernel_read_programs,
	.attach_again = kernel_attach_again,
	.free = kernel_free,
};

static const char *folder_of(const struct bl_datapath_config *config)
{
	return config->bpffs ? config->bpffs : BL_BPFFS_DEFAULT;
}

static int kernel_new(const struct bl_datapath_config *config, struct bl_kernel **ret,
		      struct bl_err *err)
{
	struct bl_kernel *kernel = calloc(1, sizeof(*kernel));
	int cpus = libbpf_num_possible_cpus();

	if (cpus < 0 || !kernel) {
		free(kernel);
		(void)bl_err_set(err, -ENOMEM, "cannot allocate the datapath, or count processors");
		return -ENOMEM;
	}
	kernel->base.backing = &kernel_backing;
	kernel->maps = (struct bl_map_set)BL_MAP_SET_INIT;
	kernel->lock_fd = -1;
	kernel->find_stale_fd = -1;
	kernel->destroy_udp_fd = -1;
	kernel->xdp_fd = kernel->tc_ingress_fd = kernel->tc_egress_fd = -1;
	kernel->cpu_count = (unsigned int)cpus;
	kernel->bpffs = strdup(folder_of(config));
	if (!kernel->bpffs) {
		kernel_free(&kernel->base);
		(void)bl_err_set(err, -ENOMEM, "cannot allocate the datapath");
		return -ENOMEM;
	}
	*ret = kernel;
	return 0;
}

int bl_kernel_open_array(struct bl_kernel *kernel, enum bl_map_id id, size_t row_size,
			 struct bl_array *ret, struct bl_err *err)
{
	uint32_t block = bl_map_block(id);
	int fd = fcntl(kernel->maps.fds[id], F_DUPFD_CLOEXEC, 0);

	if (fd < 0)
		return bl_err_set(err, -errno, "cannot keep map '%s' open: %m", bl_map_names[id]);
	bl_array_init_map(ret, bl_map_names[id], row_size, kernel->maps.sizes[id] * block,
			  block > 1 ? BL_ARRAY_PACKED : BL_ARRAY_ELEMENTS, fd,
			  !kernel->base.read_only);
	return 0;
}

static int open_arrays(struct bl_kernel *kernel, struct bl_err *err)
{
	const struct {
		enum bl_map_id id;
		size_t row_size;
		struct bl_array *array;
	} rows[] = {
		{BL_MAP_ID_SLOTS, sizeof(struct bl_slot), &kernel->base.slots},
		{BL_MAP_ID_BACKENDS, sizeof(struct bl_backend), &kernel->base.backends},
		{BL_MAP_ID_SERVICES, sizeof(struct bl_service_entry), &kernel->base.services},
		{BL_MAP_ID_ADDR_FILTER, sizeof(struct bl_addr_filter_word), &kernel->base.filter},
	};
	const uint32_t *sizes = kernel->maps.sizes;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		int r = bl_kernel_open_array(kernel, rows[i].id, rows[i].row_size, rows[i].array,
					     err);

		if (r < 0)
			return r;
	}
	kernel->base.limits = (struct bl_plan_limits){
		.frontends = sizes[BL_MAP_ID_FRONTENDS4] < sizes[BL_MAP_ID_FRONTENDS6]
				     ? sizes[BL_MAP_ID_FRONTENDS4]
				     : sizes[BL_MAP_ID_FRONTENDS6],
		.slots = sizes[BL_MAP_ID_SLOTS] * BL_SLOT_BLOCK,
		.backends = sizes[BL_MAP_ID_BACKENDS],
		.services = sizes[BL_MAP_ID_SERVICES],
	};
	return 0;
}

/* The object keeps the whole BTF and text of the programs in memory; a few descriptors are all that
 * is needed from here on. */
static int keep_descriptors(struct bl_kernel *kernel, const struct sock_bpf *object,
			    struct bl_err *err)
{
	int find_stale = bl_load_program_fd(object, BL_PROG_FIND_STALE);
	int destroy_udp = bl_load_program_fd(object, BL_PROG_DESTROY_UDP);

	for (size_t i = 0; i < BL_MAP_ID_SOCK_COUNT; i++) {
		int fd = fcntl(bl_load_map_fd(object, (enum bl_map_id)i), F_DUPFD_CLOEXEC, 0);

		if (fd < 0)
			return bl_err_set(err, -errno, "cannot keep map '%s' open: %m",
					  bl_map_names[i]);
		kernel->maps.fds[i] = fd;
		kernel->maps.sizes[i] = bl_load_map_size(object, (enum bl_map_id)i);
	}
	if (find_stale >= 0)
		kernel->find_stale_fd = fcntl(find_stale, F_DUPFD_CLOEXEC, 0);
	if (destroy_udp >= 0)
		kernel->destroy_udp_fd = fcntl(destroy_udp, F_DUPFD_CLOEXEC, 0);
	return open_arrays(kernel, err);
}

static int read_abi(int fd, const char *dir, struct bl_abi *ret, struct bl_err *err)
{
	struct bl_abi abi = {0};
	uint32_t zero = 0;
	struct bpf_map_info info = {0};
	uint32_t len = sizeof(info);
	int r = bpf_obj_get_info_by_fd(fd, &info, &len);

	if (r == 0 && info.value_size == sizeof(abi) && info.key_size == sizeof(zero))
		r = bpf_map_lookup_elem(fd, &zero, &abi);
	if (r < 0) {
		errno = -r;
		return bl_err_set(err, r, "cannot read map '" BL_MAP_ABI "' in '%s': %m", dir);
	}
	if (abi.magic != BL_ABI_MAGIC || abi.version != BL_ABI_VERSION)
		return bl_err_set(err, -EEXIST,
				  "the maps in '%s' have layout %u, beeline %s has layout %u; they "
				  "go on serving as they are: start the beeline that made them, or "
				  "run 'beeline unload', which stops Services, and start this one",
				  dir, abi.magic == BL_ABI_MAGIC ? abi.version : 0, bl_version,
				  BL_ABI_VERSION);
	*ret = abi;
	return 0;
}

/* The kernel maps into memory only what is open for writing, even to look at it. */
static bool is_mapped(enum bl_map_id id)
{
	return id == BL_MAP_ID_SLOTS || id == BL_MAP_ID_BACKENDS || id == BL_MAP_ID_SERVICES ||
	       id == BL_MAP_ID_ADDR_FILTER;
}

static int open_pinned(const char *dir, bool read_only, struct bl_map_set *set, struct bl_abi *ret,
		       struct bl_err *err)
{
	int r;

	for (size_t i = 0; i < BL_MAP_ID_SOCK_COUNT; i++) {
		struct bpf_map_info info = {0};
		uint32_t len = sizeof(info);

		r = bl_pin_open_map(dir, (enum bl_map_id)i,
				    read_only && !is_mapped((enum bl_map_id)i), &set->fds[i]);
		if (r == -ENOENT)
			return bl_err_set(err, i == BL_MAP_ID_ABI ? -ENOENT : -EEXIST,
					  "map '%s' is not in '%s'; run 'beeline unload' and load "
					  "again",
					  bl_map_names[i], dir);
		if (r == 0 && i == BL_MAP_ID_ABI) {
			r = read_abi(set->fds[i], dir, ret, err);
			if (r < 0)
				return r;
		}
		if (r == 0)
			r = bpf_obj_get_info_by_fd(set->fds[i], &info, &len);
		if (r < 0) {
			errno = -r;
			return bl_err_set(err, r, "cannot open map '%s' in '%s': %m",
					  bl_map_names[i], dir);
		}
		set->sizes[i] = info.max_entries;
	}
	return 0;
}

static int adopt(struct bl_kernel *kernel, const struct bl_datapath_config *config, int cgroup_fd,
		 struct bl_err *err)
{
	__attribute__((cleanup(bl_map_set_done_p))) struct bl_map_set pinned = BL_MAP_SET_INIT;
	_cleanup_(bl_load_free) struct sock_bpf *object = NULL;
	struct bl_abi abi;
	int r;

	r = open_pinned(kernel->bpffs, false, &pinned, &abi, err);
	if (r < 0)
		return r;
	r = bl_load(config, abi.host_netns_cookie, &pinned, &object, err);
	if (r < 0)
		return r;
	r = keep_descriptors(kernel, object, err);
	if (r < 0)
		return r;
	kernel->base.adopted = true;
	/* The verifier has seen all programs before one takes the place of its predecessor. */
	r = bl_kernel_open_packet(kernel, config, err);
	return r < 0 ? r : bl_attach(kernel->bpffs, object, cgroup_fd, kernel->cgroup_id, err);
}

/* The programs are not kept once they are attached, so that they have to be loaded once more. */
static int kernel_attach_again(struct bl_datapath *datapath,
			       const struct bl_datapath_config *config, struct bl_err *err)
{
	struct bl_kernel *kernel = (struct bl_kernel *)datapath;
	_cleanup_(bl_load_free) struct sock_bpf *object = NULL;
	_cleanup_close_ int cgroup_fd = -1;
	struct bl_abi abi;
	bool made;
	int r;

	r = read_abi(kernel->maps.fds[BL_MAP_ID_ABI], kernel->bpffs, &abi, err);
	if (r == 0)
		r = bl_mounts_open_cgroup(config->cgroup, &cgroup_fd, &kernel->cgroup_id, err);
	if (r == 0)
		r = bl_pin_make_folder(kernel->bpffs, &made, err);
	if (r == 0)
		r = bl_load(config, abi.host_netns_cookie, &kernel->maps, &object, err);
	if (r == 0)
		r = bl_attach(kernel->bpffs, object, cgroup_fd, kernel->cgroup_id, err);
	(void)malloc_trim(0);
	return r;
}

static int write_abi(int fd, uint64_t cookie, struct bl_err *err)
{
	struct bl_abi abi = {
		.magic = BL_ABI_MAGIC,
		.version = BL_ABI_VERSION,
		.host_netns_cookie = cookie,
	};
	uint32_t zero = 0;
	int r = bpf_map_update_elem(fd, &zero, &abi, BPF_ANY);

	if (r < 0) {
		errno = -r;
		return bl_err_set(err, r, "cannot write map '" BL_MAP_ABI "': %m");
	}
	return 0;
}

/* `abi` is pinned when all else is in force: it says that the folder is complete. */
static int pin_and_attach(struct bl_kernel *kernel, const struct bl_datapath_config *config,
			  const struct sock_bpf *object, int cgroup_fd, struct bl_err *err)
{
	int r;

	for (size_t i = 0; i < BL_MAP_ID_SOCK_COUNT; i++) {
		if (i == BL_MAP_ID_ABI)
			continue;
		r = bl_pin_map(kernel->bpffs, (enum bl_map_id)i, kernel->maps.fds[i], err);
		if (r < 0)
			return r;
	}
	r = bl_kernel_open_packet(kernel, config, err);
	if (r == 0)
		r = bl_attach(kernel->bpffs, object, cgroup_fd, kernel->cgroup_id, err);
	if (r < 0)
		return r;
	return bl_pin_map(kernel->bpffs, BL_MAP_ID_ABI, kernel->maps.fds[BL_MAP_ID_ABI], err);
}

static int create(struct bl_kernel *kernel, const struct bl_datapath_config *config, int cgroup_fd,
		  struct bl_err *err)
{
	_cleanup_(bl_load_free) struct sock_bpf *object = NULL;
	uint64_t cookie;
	int r;

	r = bl_netns_own_cookie(&cookie);
	if (r < 0) {
		errno = -r;
		return bl_err_set(err, r,
				  "cannot tell this network namespace (SO_NETNS_COOKIE): %m; Linux "
				  "5.14 or newer is needed");
	}
	r = bl_load(config, cookie, NULL, &object, err);
	if (r < 0)
		return r;
	r = keep_descriptors(kernel, object, err);
	if (r < 0)
		return r;
	r = write_abi(kernel->maps.fds[BL_MAP_ID_ABI], cookie, err);
	if (r < 0)
		return r;
	return pin_and_attach(kernel, config, object, cgroup_fd, err);
}

static bool is_loaded(const char *dir)
{
	_cleanup_close_ int fd = -1;

	return bl_pin_open_map(dir, BL_MAP_ID_ABI, true, &fd) == 0;
}

/* With the folder locked. Takes back everything when a first load fails. */
static int load_into_folder(struct bl_kernel *kernel, const struct bl_datapath_config *config,
			    int cgroup_fd, bool made, struct bl_err *err)
{
	bool made_again;
	int r;

	if (is_loaded(kernel->bpffs))
		return adopt(kernel, config, cgroup_fd, err);
	/* What a load that was cut short left behind. */
	r = bl_pin_remove(kernel->bpffs, true, err);
	if (r < 0)
		return r;
	r = bl_pin_make_folder(kernel->bpffs, &made_again, err);
	if (r == 0)
		r = create(kernel, config, cgroup_fd, err);
	if (r < 0)
		(void)bl_pin_remove(kernel->bpffs, !made, NULL); /* the first failure counts */
	return r;
}

int bl_datapath_open(const struct bl_datapath_config *config, struct bl_datapath **ret,
		     struct bl_err *err)
{
	_cleanup_(bl_datapath_close) struct bl_datapath *datapath = NULL;
	_cleanup_close_ int cgroup_fd = -1;
	struct bl_kernel *kernel;
	bool made;
	int r;

	r = kernel_new(config, &kernel, err);
	if (r < 0)
		return r;
	datapath = &kernel->base;
	r = bl_mounts_check_bpffs(kernel->bpffs, err);
	if (r < 0)
		return r;
	r = bl_mounts_open_cgroup(config->cgroup, &cgroup_fd, &kernel->cgroup_id, err);
	if (r < 0)
		return r;
	r = bl_pin_make_folder(kernel->bpffs, &made, err);
	if (r < 0)
		return r;
	r = bl_pin_lock(kernel->bpffs, &kernel->lock_fd, err);
	if (r < 0)
		return r;
	r = load_into_folder(kernel, config, cgroup_fd, made, err);
	/* Loading takes megabytes for the kernel's types; the agent runs for long without. */
	(void)malloc_trim(0);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(datapath);
	return 0;
}

int bl_datapath_open_read_only(const struct bl_datapath_config *config, struct bl_datapath **ret,
			       struct bl_err *err)
{
	_cleanup_(bl_datapath_close) struct bl_datapath *datapath = NULL;
	_cleanup_close_ int cgroup_fd = -1;
	struct bl_kernel *kernel;
	struct bl_abi abi;
	int r;

	r = kernel_new(config, &kernel, err);
	if (r < 0)
		return r;
	datapath = &kernel->base;
	kernel->base.read_only = true;
	kernel->base.adopted = true;
	r = bl_mounts_open_cgroup(config->cgroup, &cgroup_fd, &kernel->cgroup_id, err);
	if (r < 0)
		return r;
	r = open_pinned(kernel->bpffs, true, &kernel->maps, &abi, err);
	if (r == -ENOENT)
		return bl_err_set(err, r, "nothing is loaded in '%s'", kernel->bpffs);
	if (r < 0)
		return r;
	r = open_arrays(kernel, err);
	if (r == 0)
		r = bl_kernel_open_packet(kernel, config, err);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(datapath);
	return 0;
}

int bl_datapath_unload(const struct bl_datapath_config *config, struct bl_err *err)
{
	const char *dir = folder_of(config);
	_cleanup_close_ int lock_fd = -1;
	int r;

	r = bl_pin_lock(dir, &lock_fd, err);
	/* Elsewhere, a file called 'services' may be anything. */
	if (r == 0)
		r = bl_mounts_check_bpffs(dir, err);
	if (r == 0)
		r = bl_pin_remove(dir, false, err);
	if (r == -ENOENT) {
		if (err)
			*err = (struct bl_err){0};
		return 0;
	}
	/* The words stay in err: everything of ours is gone, but the folder is not. */
	return r == -ENOTEMPTY ? 0 : r;
}
