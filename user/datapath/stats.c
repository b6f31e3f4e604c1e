/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Counters, and which programs are in force. */
#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "datapath/kernel.h"
#include "datapath/pin.h"

/* Sums `words` counters of 64 bits over all CPUs: those that begin with the counter `first` of an
 * element of `stride` counters. */
static int sum_cpus(const struct bl_kernel *kernel, enum bl_map_id map, uint32_t index,
		    size_t stride, size_t first, size_t words, uint64_t *ret)
{
	_cleanup_free_ uint64_t *values = calloc(kernel->cpu_count, stride * sizeof(*values));
	int r;

	if (!values)
		return -ENOMEM;
	r = bpf_map_lookup_elem(kernel->maps.fds[map], &index, values);
	if (r < 0)
		return r;
	memset(ret, 0, words * sizeof(*ret));
	for (size_t cpu = 0; cpu < kernel->cpu_count; cpu++)
		for (size_t i = 0; i < words; i++)
			ret[i] += values[cpu * stride + first + i];
	return 0;
}

int bl_kernel_read_reasons(struct bl_datapath *datapath, uint64_t ret[BL_REASON_COUNT])
{
	uint64_t reasons[BL_REASON_COUNT];

	for (uint32_t i = 0; i < BL_REASON_COUNT; i++) {
		int r = sum_cpus((const struct bl_kernel *)datapath, BL_MAP_ID_REASONS, i, 1, 0, 1,
				 &reasons[i]);
		if (r < 0)
			return r;
	}
	memcpy(ret, reasons, sizeof(reasons));
	return 0;
}

/* The two counters of an id. */
static int sum_in_block(const struct bl_kernel *kernel, enum bl_map_id map, uint32_t id,
			uint64_t ret[2])
{
	return sum_cpus(kernel, map, id / BL_STATS_BLOCK, 2 * (size_t)BL_STATS_BLOCK,
			2 * (size_t)(id % BL_STATS_BLOCK), 2, ret);
}

int bl_kernel_read_service_stats(struct bl_datapath *datapath, uint32_t service_id,
				 struct bl_service_stats *ret)
{
	uint64_t sums[2];
	int r = sum_in_block((const struct bl_kernel *)datapath, BL_MAP_ID_SERVICE_STATS,
			     service_id, sums);

	if (r < 0)
		return r;
	*ret = (struct bl_service_stats){.connections = sums[0], .refused = sums[1]};
	return 0;
}

int bl_kernel_read_backend_stats(struct bl_datapath *datapath, uint32_t first, uint32_t count,
				 struct bl_backend_stats *ret)
{
	for (uint32_t done = 0, in_block; done < count; done += in_block) {
		uint32_t id = first + done, from = id % BL_STATS_BLOCK;
		uint64_t sums[2 * BL_STATS_BLOCK];
		int r;

		in_block =
			BL_STATS_BLOCK - from < count - done ? BL_STATS_BLOCK - from : count - done;
		r = sum_cpus((const struct bl_kernel *)datapath, BL_MAP_ID_BACKEND_STATS,
			     id / BL_STATS_BLOCK, 2 * (size_t)BL_STATS_BLOCK, 2 * (size_t)from,
			     2 * (size_t)in_block, sums);
		if (r < 0)
			return r;
		for (uint32_t i = 0; i < in_block; i++)
			ret[done + i] = (struct bl_backend_stats){.connections = sums[2 * i],
								  .released = sums[2 * i + 1]};
	}
	return 0;
}

static int read_program(uint32_t id, struct bl_program_status *status)
{
	_cleanup_close_ int fd = bpf_prog_get_fd_by_id(id);
	struct bpf_prog_info info = {0};
	uint32_t len = sizeof(info);
	int r;

	if (fd < 0)
		return fd;
	r = bpf_obj_get_info_by_fd(fd, &info, &len);
	if (r < 0)
		return r;
	status->run_count = info.run_cnt;
	status->run_time_ns = info.run_time_ns;
	return 0;
}

static int read_status(const struct bl_kernel *kernel, const struct bl_program *program,
		       struct bl_program_status *ret)
{
	struct bpf_link_info info;
	int r;

	*ret = (struct bl_program_status){.name = program->name, .hook = program->hook};
	r = bl_pin_read_link(kernel->bpffs, program->name, &info);
	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return r;
	ret->attached = bl_pin_link_is_live(&info, program, kernel->cgroup_id);
	ret->id = info.prog_id;
	return read_program(info.prog_id, ret);
}

int bl_kernel_read_programs(struct bl_datapath *datapath,
			    const struct bl_program_status **ret_items, size_t *ret_count)
{
	struct bl_kernel *kernel = (struct bl_kernel *)datapath;

	for (size_t i = 0; i < bl_program_count; i++) {
		int r = read_status(kernel, &bl_programs[i], &kernel->status[i]);

		if (r < 0)
			return r;
	}
	*ret_items = kernel->status;
	*ret_count = bl_program_count;
	return 0;
}
