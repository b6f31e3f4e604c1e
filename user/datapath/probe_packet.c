/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Trials of what packets from outside need: hooks, helpers, maps, and the programs themselves. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_link.h>
#include <linux/pkt_cls.h>
#include <string.h>

#include "datapath/load.h"
#include "datapath/probe.h"
#include "datapath/xdp_features.h"
#include "tc_skel.h"
#include "xdp_skel.h"

#define LOOPBACK 1 /* index of lo in every namespace */
#define FEW_ROWS 16u

/* A program of this type that returns `value` for each packet. */
static int load_simple(enum bpf_prog_type type, int value)
{
	const struct bpf_insn insns[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = value},
		{.code = BPF_JMP | BPF_EXIT},
	};

	return bpf_prog_load(type, "bl_probe", "GPL", insns, ARRAY_SIZE(insns), NULL);
}

static int attach_xdp(void)
{
	LIBBPF_OPTS(bpf_link_create_opts, options, .flags = XDP_FLAGS_SKB_MODE);
	_cleanup_close_ int fd = load_simple(BPF_PROG_TYPE_XDP, XDP_PASS);
	_cleanup_close_ int link_fd =
		fd < 0 ? fd : bpf_link_create(fd, LOOPBACK, BPF_XDP, &options);

	return link_fd < 0 ? link_fd : 0;
}

static int attach_tc(void)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = LOOPBACK, .attach_point = BPF_TC_INGRESS);
	_cleanup_close_ int fd = load_simple(BPF_PROG_TYPE_SCHED_CLS, TC_ACT_UNSPEC);
	LIBBPF_OPTS(bpf_tc_opts, options, .prog_fd = fd);
	int r = fd < 0 ? fd : bpf_tc_hook_create(&hook);

	return r < 0 ? r : bpf_tc_attach(&hook, &options);
}

int bl_probe_xdp(const struct bl_datapath_config *config, const struct bl_probe_argument *argument,
		 char *detail)
{
	(void)config;
	(void)argument;
	(void)detail;
	return bl_probe_in_netns(attach_xdp);
}

int bl_probe_tc(const struct bl_datapath_config *config, const struct bl_probe_argument *argument,
		char *detail)
{
	(void)config;
	(void)argument;
	(void)detail;
	return bl_probe_in_netns(attach_tc);
}

/* In each of the hooks that the argument's text names: 'x' XDP, 't' tc. */
int bl_probe_packet_helper(const struct bl_datapath_config *config,
			   const struct bl_probe_argument *argument, char *detail)
{
	(void)config;
	for (const char *hook = argument->text; *hook; hook++) {
		bool is_xdp = *hook == 'x';
		int r = libbpf_probe_bpf_helper(is_xdp ? BPF_PROG_TYPE_XDP
						       : BPF_PROG_TYPE_SCHED_CLS,
						(enum bpf_func_id)argument->number, NULL);

		if (r > 0)
			continue;
		errno = r < 0 ? -r : EOPNOTSUPP;
		(void)snprintf(detail, BL_PROBE_DETAIL, "%s: %m", is_xdp ? "XDP" : "tc");
		return -errno;
	}
	return 0;
}

/* The verifier does not care how many rows there are, and memory does. */
static int make_small(struct bpf_object *object)
{
	struct bpf_map *map;
	int r = 0;

	bpf_object__for_each_map(map, object)
	{
		uint32_t rows = bpf_map__max_entries(map);

		if (!bpf_map__is_internal(map) && rows > FEW_ROWS)
			r = bpf_map__set_max_entries(map, FEW_ROWS);
		if (r < 0)
			return r;
	}
	return 0;
}

int bl_probe_packet_programs(const struct bl_datapath_config *config,
			     const struct bl_probe_argument *argument, char *detail)
{
	struct xdp_bpf *xdp = xdp_bpf__open();
	struct tc_bpf *tc = tc_bpf__open();
	struct bl_err err = {0};
	int r = -ENOMEM;

	(void)argument;
	if (xdp && tc && xdp->rodata && tc->rodata) {
		xdp->rodata->tunables = config->packet_tunables;
		tc->rodata->tunables = config->packet_tunables;
		struct bpf_object *const objects[] = {xdp->obj, tc->obj};

		r = make_small(xdp->obj);
		if (r == 0)
			r = make_small(tc->obj);
		if (r == 0)
			r = bl_load_objects(objects, ARRAY_SIZE(objects), &err);
		if (r < 0)
			(void)snprintf(detail, BL_PROBE_DETAIL, "%.*s", (int)BL_PROBE_DETAIL - 1,
				       err.text);
	}
	xdp_bpf__destroy(xdp);
	tc_bpf__destroy(tc);
	return r;
}

int bl_probe_netdev_family(const struct bl_datapath_config *config,
			   const struct bl_probe_argument *argument, char *detail)
{
	uint64_t features;
	int r = bl_xdp_features(LOOPBACK, &features);

	(void)config;
	(void)argument;
	(void)detail;
	return r;
}
