/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Counters, and which programs are in force. */
#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "datapath/kernel.h"
#include "datapath/pin.h"

int bl_kernel_read_reasons(struct bl_datapath *datapath, uint64_t ret[BL_REASON_COUNT])
{
	const struct bl_kernel *kernel = (const struct bl_kernel *)datapath;
	_cleanup_free_ uint64_t *values = calloc(kernel->cpu_count, sizeof(*values));
	uint64_t reasons[BL_REASON_COUNT] = {0};

	if (!values)
		return -ENOMEM;
	for (uint32_t i = 0; i < BL_REASON_COUNT; i++) {
		int r = bpf_map_lookup_elem(kernel->maps.fds[BL_MAP_ID_REASONS], &i, values);

		if (r < 0)
			return r;
		for (size_t cpu = 0; cpu < kernel->cpu_count; cpu++)
			reasons[i] += values[cpu];
	}
	memcpy(ret, reasons, sizeof(reasons));
	return 0;
}

static int read_block(struct bl_datapath *datapath, enum bl_map_id map, uint32_t id, void *ret)
{
	uint32_t index = id / BL_STATS_BLOCK;

	return bpf_map_lookup_elem(((const struct bl_kernel *)datapath)->maps.fds[map], &index,
				   ret);
}

int bl_kernel_read_service_stats(struct bl_datapath *datapath, uint32_t service_id,
				 struct bl_service_stats *ret)
{
	struct bl_service_stats_block block;
	int r = read_block(datapath, BL_MAP_ID_SERVICE_STATS, service_id, &block);

	if (r < 0)
		return r;
	*ret = block.services[service_id % BL_STATS_BLOCK];
	return 0;
}

int bl_kernel_read_backend_stats(struct bl_datapath *datapath, uint32_t first, uint32_t count,
				 struct bl_backend_stats *ret)
{
	for (uint32_t done = 0, in_block; done < count; done += in_block) {
		uint32_t id = first + done, from = id % BL_STATS_BLOCK;
		struct bl_backend_stats_block block;
		int r = read_block(datapath, BL_MAP_ID_BACKEND_STATS, id, &block);

		if (r < 0)
			return r;
		in_block =
			BL_STATS_BLOCK - from < count - done ? BL_STATS_BLOCK - from : count - done;
		memcpy(&ret[done], &block.backends[from], in_block * sizeof(*ret));
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
