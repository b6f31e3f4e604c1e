/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Trials of what the bpf() call offers: programs, helpers, maps. */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "datapath/probe.h"
#include "datapath/programs.h"

#define INSN(code_, dst, src, off_, imm_)                                                          \
	((struct bpf_insn){.code = (code_),                                                        \
			   .dst_reg = (dst),                                                       \
			   .src_reg = (src),                                                       \
			   .off = (off_),                                                          \
			   .imm = (imm_)})
#define RETURN_VALUE(value) INSN(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, value)
#define EXIT INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)

static enum bpf_prog_type type_of_hook(int attach_type)
{
	switch (attach_type) {
	case BPF_CGROUP_INET4_POST_BIND:
	case BPF_CGROUP_INET6_POST_BIND:
	case BPF_CGROUP_INET_SOCK_RELEASE:
		return BPF_PROG_TYPE_CGROUP_SOCK;
	default:
		return BPF_PROG_TYPE_CGROUP_SOCK_ADDR;
	}
}

/* A program that lets everything pass, for this hook. Returns its descriptor. */
static int load_for_hook(int attach_type)
{
	const struct bpf_insn insns[] = {RETURN_VALUE(1), EXIT};
	LIBBPF_OPTS(bpf_prog_load_opts, options,
		    .expected_attach_type = (enum bpf_attach_type)attach_type);

	return bpf_prog_load(type_of_hook(attach_type), "bl_probe", "GPL", insns, ARRAY_SIZE(insns),
			     &options);
}

int bl_probe_hooks(const struct bl_datapath_config *config,
		   const struct bl_probe_argument *argument, char *detail)
{
	(void)config;
	for (size_t i = 0; i < bl_program_count; i++) {
		if (strncmp(bl_programs[i].hook, argument->text, strlen(argument->text)) != 0)
			continue;
		_cleanup_close_ int fd = load_for_hook(bl_programs[i].attach_type);

		if (fd < 0) {
			errno = -fd;
			(void)snprintf(detail, BL_PROBE_DETAIL, "%s: %m", bl_programs[i].hook);
			return fd;
		}
	}
	return 0;
}

int bl_probe_helper(const struct bl_datapath_config *config,
		    const struct bl_probe_argument *argument, char *detail)
{
	int helper = argument->number;
	int r = libbpf_probe_bpf_helper(BPF_PROG_TYPE_CGROUP_SOCK_ADDR, (enum bpf_func_id)helper,
					NULL);

	(void)config;
	(void)detail;
	return r > 0 ? 0 : r < 0 ? r : -EOPNOTSUPP;
}

static int load_iterator(int btf_id, const struct bpf_insn *insns, size_t count)
{
	LIBBPF_OPTS(bpf_prog_load_opts, options, .expected_attach_type = BPF_TRACE_ITER,
		    .attach_btf_id = (uint32_t)btf_id);

	return bpf_prog_load(BPF_PROG_TYPE_TRACING, "bl_probe", "GPL", insns, count, &options);
}

int bl_probe_iterator(const struct bl_datapath_config *config,
		      const struct bl_probe_argument *argument, char *detail)
{
	const struct bpf_insn insns[] = {RETURN_VALUE(0), EXIT};
	int btf_id = libbpf_find_vmlinux_btf_id(argument->text, BPF_TRACE_ITER);

	(void)config;
	(void)detail;
	if (btf_id < 0)
		return btf_id;
	_cleanup_close_ int fd = load_iterator(btf_id, insns, ARRAY_SIZE(insns));
	return fd < 0 ? fd : 0;
}

static int find_function(const char *name)
{
	struct btf *btf = btf__load_vmlinux_btf();
	int id;

	if (!btf)
		return -errno;
	id = btf__find_by_name_kind(btf, name, BTF_KIND_FUNC);
	btf__free(btf);
	return id;
}

/* Loaded, never run. The socket is the second member of the iterator's context. */
int bl_probe_sock_destroy(const struct bl_datapath_config *config,
			  const struct bl_probe_argument *argument, char *detail)
{
	int function = find_function("bpf_sock_destroy");
	int iterator = libbpf_find_vmlinux_btf_id("udp", BPF_TRACE_ITER);
	const struct bpf_insn insns[] = {
		INSN(BPF_LDX | BPF_MEM | BPF_DW, BPF_REG_1, BPF_REG_1, sizeof(uint64_t), 0),
		INSN(BPF_JMP | BPF_JEQ | BPF_K, BPF_REG_1, 0, 1, 0),
		INSN(BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_KFUNC_CALL, 0, function),
		RETURN_VALUE(0),
		EXIT,
	};

	(void)config;
	(void)argument;
	(void)detail;
	if (function < 0 || iterator < 0)
		return -EOPNOTSUPP;
	_cleanup_close_ int fd = load_iterator(iterator, insns, ARRAY_SIZE(insns));
	return fd < 0 ? fd : 0;
}

int bl_probe_map_type(const struct bl_datapath_config *config,
		      const struct bl_probe_argument *argument, char *detail)
{
	int r = libbpf_probe_bpf_map_type((enum bpf_map_type)argument->number, NULL);

	(void)config;
	(void)detail;
	return r > 0 ? 0 : r < 0 ? r : -EOPNOTSUPP;
}

/* A kernel that knows the call complains about the descriptor. */
int bl_probe_link(const struct bl_datapath_config *config, const struct bl_probe_argument *argument,
		  char *detail)
{
	int fd = bpf_link_create(-1, -1, BPF_CGROUP_INET4_CONNECT, NULL);

	(void)config;
	(void)argument;
	(void)detail;
	return fd == -EBADF ? 0 : fd;
}

int bl_probe_batch(const struct bl_datapath_config *config,
		   const struct bl_probe_argument *argument, char *detail)
{
	_cleanup_close_ int fd = bpf_map_create(BPF_MAP_TYPE_HASH, "bl_probe", sizeof(uint32_t),
						sizeof(uint32_t), 4, NULL);
	uint32_t keys[] = {1, 2};
	uint32_t values[] = {3, 4};
	uint32_t count = ARRAY_SIZE(keys);

	(void)config;
	(void)argument;
	(void)detail;
	return fd < 0 ? fd : bpf_map_update_batch(fd, keys, values, &count, NULL);
}

int bl_probe_mmap(const struct bl_datapath_config *config, const struct bl_probe_argument *argument,
		  char *detail)
{
	LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_MMAPABLE);
	_cleanup_close_ int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "bl_probe", sizeof(uint32_t),
						sizeof(uint64_t), 1, &options);
	void *memory;

	(void)config;
	(void)argument;
	(void)detail;
	if (fd < 0)
		return fd;
	memory = mmap(NULL, sizeof(uint64_t), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (memory == MAP_FAILED)
		return -errno;
	return munmap(memory, sizeof(uint64_t)) < 0 ? -errno : 0;
}

/* Straight to the kernel: libbpf raises the limit by itself where it has to. */
static int create_map_with_no_memlock(void)
{
	union bpf_attr attr = {
		.map_type = BPF_MAP_TYPE_ARRAY,
		.key_size = sizeof(uint32_t),
		.value_size = 65536,
		.max_entries = 16,
	};
	struct rlimit before;
	struct rlimit none;
	long fd;
	int r;

	if (getrlimit(RLIMIT_MEMLOCK, &before) < 0)
		return -errno;
	none = before;
	none.rlim_cur = 0;
	if (setrlimit(RLIMIT_MEMLOCK, &none) < 0)
		return -errno;
	fd = syscall(__NR_bpf, BPF_MAP_CREATE, &attr, sizeof(attr));
	r = fd < 0 ? -errno : 0;
	if (fd >= 0)
		(void)close((int)fd);
	if (setrlimit(RLIMIT_MEMLOCK, &before) < 0)
		return -errno;
	return r;
}

int bl_probe_memory(const struct bl_datapath_config *config,
		    const struct bl_probe_argument *argument, char *detail)
{
	struct rlimit limit;
	int r = create_map_with_no_memlock();

	(void)config;
	(void)argument;
	if (r == 0) {
		(void)snprintf(detail, BL_PROBE_DETAIL, "the memory cgroup pays for maps");
	} else if (getrlimit(RLIMIT_MEMLOCK, &limit) == 0 && limit.rlim_cur == RLIM_INFINITY) {
		(void)snprintf(detail, BL_PROBE_DETAIL, "RLIMIT_MEMLOCK is unlimited");
		return 0;
	}
	return r;
}

int bl_probe_jit(const struct bl_datapath_config *config, const struct bl_probe_argument *argument,
		 char *detail)
{
	_cleanup_close_ int fd = load_for_hook(BPF_CGROUP_INET4_CONNECT);
	struct bpf_prog_info info = {0};
	uint32_t len = sizeof(info);
	int r;

	(void)config;
	(void)argument;
	(void)detail;
	if (fd < 0)
		return fd;
	r = bpf_obj_get_info_by_fd(fd, &info, &len);
	if (r < 0)
		return r;
	return info.jited_prog_len > 0 ? 0 : -EOPNOTSUPP;
}

int bl_probe_statistics(const struct bl_datapath_config *config,
			const struct bl_probe_argument *argument, char *detail)
{
	_cleanup_close_ int fd = bpf_enable_stats(BPF_STATS_RUN_TIME);

	(void)config;
	(void)argument;
	(void)detail;
	return fd < 0 ? fd : 0;
}
