/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Filters of ours at a device's clsact qdisc, each side, and the qdisc itself. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "datapath/device.h"

/* One filter a side, known by this place among the filters. */
#define OUR_PRIORITY 49
#define OUR_HANDLE 1

static int be_silent(enum libbpf_print_level level, const char *format, va_list args)
{
	(void)level;
	(void)format;
	(void)args;
	return 0;
}

/* Is there a filter at our place? 0 no, 1 ours, -EEXIST another's. */
static int find_filter(uint32_t ifindex, bool ingress, uint32_t *ret_program_id)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex,
		    .attach_point = ingress ? BPF_TC_INGRESS : BPF_TC_EGRESS);
	LIBBPF_OPTS(bpf_tc_opts, options, .handle = OUR_HANDLE, .priority = OUR_PRIORITY);
	char name[BL_PROGRAM_NAME];
	int r = bpf_tc_query(&hook, &options);

	if (r < 0) /* no device, no qdisc, no filter, or one of another kind */
		return 0;
	bl_device_program_name(options.prog_id, name);
	*ret_program_id = options.prog_id;
	return strcmp(name, ingress ? BL_PROG_TC_INGRESS : BL_PROG_TC_EGRESS) == 0 ? 1 : -EEXIST;
}

bool bl_device_tc_is_free(uint32_t ifindex, bool ingress, char ret_program[static BL_PROGRAM_NAME])
{
	libbpf_print_fn_t before = libbpf_set_print(be_silent);
	uint32_t id = 0;
	int r = find_filter(ifindex, ingress, &id);

	(void)libbpf_set_print(before);
	bl_device_program_name(id, ret_program);
	return r != -EEXIST;
}

static int make_qdisc(const char *dir, uint32_t ifindex, int program_fd)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex,
		    .attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS);
	int r = bpf_tc_hook_create(&hook);

	if (r == -EEXIST)
		return 0;
	return r < 0 ? r : bl_device_pin(dir, BL_DEVICE_PIN_QDISC, ifindex, program_fd);
}

static int attach(const char *dir, uint32_t ifindex, bool ingress, int program_fd)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex,
		    .attach_point = ingress ? BPF_TC_INGRESS : BPF_TC_EGRESS);
	LIBBPF_OPTS(bpf_tc_opts, options, .prog_fd = program_fd, .handle = OUR_HANDLE,
		    .priority = OUR_PRIORITY);
	uint32_t there = 0;
	int r = make_qdisc(dir, ifindex, program_fd);

	/* The pin first: whoever unloads after a crash finds the device by it. */
	if (r == 0)
		r = bl_device_pin(dir, BL_DEVICE_PIN_TC, ifindex, program_fd);
	if (r == 0)
		r = find_filter(ifindex, ingress, &there);
	if (r < 0)
		return r;
	if (r == 1)
		options.flags = BPF_TC_F_REPLACE;
	return bpf_tc_attach(&hook, &options);
}

int bl_device_tc_attach(const char *dir, uint32_t ifindex, bool ingress, int program_fd,
			struct bl_err *err)
{
	libbpf_print_fn_t before = libbpf_set_print(be_silent);
	const char *side = ingress ? "ingress" : "egress";
	char name[IF_NAMESIZE] = "?";
	int r = attach(dir, ifindex, ingress, program_fd);

	(void)libbpf_set_print(before);
	(void)if_indextoname(ifindex, name);
	if (r == -EEXIST)
		return bl_err_set(err, -EBUSY,
				  "device '%s' has another's tc filter at priority %d of %s; move "
				  "it ('tc filter show dev %s %s')",
				  name, OUR_PRIORITY, side, name, side);
	errno = -r;
	return r < 0 ? bl_err_set(err, r, "cannot attach to tc %s of device '%s': %m", side, name)
		     : 0;
}

int bl_device_tc_detach(uint32_t ifindex, bool ingress)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex,
		    .attach_point = ingress ? BPF_TC_INGRESS : BPF_TC_EGRESS);
	LIBBPF_OPTS(bpf_tc_opts, options, .handle = OUR_HANDLE, .priority = OUR_PRIORITY);
	libbpf_print_fn_t before = libbpf_set_print(be_silent);
	uint32_t there = 0;
	int r = 0;

	if (find_filter(ifindex, ingress, &there) == 1)
		r = bpf_tc_detach(&hook, &options);
	(void)libbpf_set_print(before);
	return r == -ENOENT || r == -ENODEV ? 0 : r;
}

struct filter_request {
	struct nlmsghdr header;
	struct tcmsg message;
};

/* 1 when the reply lists a filter, 0 at its end, negative when it is not over. */
static int scan_filters(const char *reply, size_t len)
{
	for (const struct nlmsghdr *header = (const struct nlmsghdr *)(const void *)reply;
	     NLMSG_OK(header, len); header = NLMSG_NEXT(header, len)) {
		if (header->nlmsg_type == NLMSG_DONE || header->nlmsg_type == NLMSG_ERROR)
			return 0;
		if (header->nlmsg_type == RTM_NEWTFILTER)
			return 1;
	}
	return -EAGAIN;
}

/* Has anybody a filter there? Unknown counts as yes. */
static bool has_filters(uint32_t ifindex, uint32_t parent)
{
	_cleanup_close_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	const struct filter_request request = {
		.header = {.nlmsg_len = sizeof(request),
			   .nlmsg_type = RTM_GETTFILTER,
			   .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
		.message = {.tcm_family = AF_UNSPEC,
			    .tcm_ifindex = (int)ifindex,
			    .tcm_parent = parent},
	};
	__attribute__((aligned(8))) char reply[16384];
	int r = -EAGAIN;

	if (fd < 0 || send(fd, &request, sizeof(request), 0) != sizeof(request))
		return true;
	while (r == -EAGAIN) {
		ssize_t len = recv(fd, reply, sizeof(reply), 0);

		r = len <= 0 ? 1 : scan_filters(reply, (size_t)len);
	}
	return r != 0;
}

int bl_device_tc_remove_qdisc(const char *dir, uint32_t ifindex)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex,
		    .attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS);
	_cleanup_close_ int pin_fd = bl_device_open_pin(dir, BL_DEVICE_PIN_QDISC, ifindex);
	libbpf_print_fn_t before;
	int r = 0;

	if (pin_fd < 0)
		return pin_fd == -ENOENT ? 0 : pin_fd;
	before = libbpf_set_print(be_silent);
	if (!has_filters(ifindex, TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS)) &&
	    !has_filters(ifindex, TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_EGRESS)))
		r = bpf_tc_hook_destroy(&hook);
	(void)libbpf_set_print(before);
	/* Gone with its device, or already. */
	if (r < 0 && r != -ENOENT && r != -ENODEV && r != -EINVAL)
		return r;
	return bl_device_unpin(dir, BL_DEVICE_PIN_QDISC, ifindex);
}
