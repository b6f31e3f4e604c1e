/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Uplinks: programs on devices, their addresses, and the generation of next hops. */
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/if_vlan.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "datapath/device.h"
#include "datapath/kernel.h"
#include "datapath/own_address.h"
#include "datapath/xdp_features.h"

/* Of the device; with `others` of all, where it and those that have programs already come first. */
static int read_addresses(const struct bl_kernel *kernel, uint32_t ifindex, bool others,
			  struct bl_uplink *ret)
{
	_cleanup_free_ struct bl_own_address *list = NULL;
	_cleanup_free_ uint32_t *devices = NULL;
	size_t count = 0, device_count = 0;
	const uint32_t *preferred = &ifindex;
	int r = bl_own_addresses_read(&list, &count);

	if (r == 0 && others)
		r = bl_device_list(kernel->bpffs, &devices, &device_count);
	if (r < 0)
		return r;
	if (device_count > 0)
		preferred = devices;
	else
		device_count = 1;
	(void)bl_own_address_choose(list, count, preferred, device_count, others, BL_FAMILY_IPV4,
				    &ret->ipv4);
	(void)bl_own_address_choose(list, count, preferred, device_count, others, BL_FAMILY_IPV6,
				    &ret->ipv6);
	return 0;
}

/* Of a VLAN device: whose frames it has, and by which tag. Nothing for others. */
static void read_vlan(const char *name, struct bl_uplink *ret)
{
	struct vlan_ioctl_args vlan = {.cmd = GET_VLAN_VID_CMD};
	_cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	uint16_t id;

	(void)snprintf(vlan.device1, sizeof(vlan.device1), "%s", name);
	if (fd < 0 || ioctl(fd, SIOCGIFVLAN, &vlan) < 0)
		return;
	id = (uint16_t)vlan.u.VID;
	vlan.cmd = GET_VLAN_REALDEV_NAME_CMD;
	if (ioctl(fd, SIOCGIFVLAN, &vlan) < 0)
		return;
	ret->vlan_parent = if_nametoindex(vlan.u.device2);
	ret->vlan_id = id;
}

/* Entry 0, for devices without programs: with the addresses of those that have them, if possible.
 */
static int write_uplink(const struct bl_kernel *kernel, uint32_t ifindex, const char *name,
			struct bl_uplink *uplink, struct bl_err *err)
{
	uint32_t key = name ? ifindex : 0;
	int r = read_addresses(kernel, ifindex, !name, uplink);

	if (r == 0 && name)
		read_vlan(name, uplink);
	if (r == 0)
		r = bpf_map_update_elem(kernel->maps.fds[BL_MAP_ID_UPLINKS], &key, uplink, BPF_ANY);
	if (r == -E2BIG)
		return bl_err_set(err, r, "map '" BL_MAP_UPLINKS "' is full: at most %u devices",
				  BL_UPLINKS_MAX - 1);
	errno = -r;
	return r < 0 ? bl_err_set(err, r, "cannot write the addresses of device %u: %m", key) : 0;
}

int bl_kernel_attach_device(struct bl_datapath *datapath, uint32_t ifindex, enum bl_xdp_mode wanted,
			    struct bl_device_status *ret, struct bl_err *err)
{
	const struct bl_kernel *kernel = (const struct bl_kernel *)datapath;
	const struct bl_device_programs programs = {
		.xdp_fd = kernel->xdp_fd,
		.tc_ingress_fd = kernel->tc_ingress_fd,
		.tc_egress_fd = kernel->tc_egress_fd,
	};
	struct bl_device_status status = {0};
	char name[IF_NAMESIZE];
	struct bl_uplink others = {0}, uplink = {0};
	int r;

	if (kernel->xdp_fd < 0)
		return bl_err_set(err, -ENOTSUP, "the packet path was not loaded by this agent");
	if (!if_indextoname(ifindex, name))
		return bl_err_set(err, -ENODEV, "there is no device %u", ifindex);
	/* Addresses first: packets may come in as soon as the program is there. */
	r = write_uplink(kernel, ifindex, NULL, &others, err);
	if (r == 0)
		r = write_uplink(kernel, ifindex, name, &uplink, err);
	if (r == 0)
		r = bl_device_attach(kernel->bpffs, ifindex, wanted, &programs, &status, err);
	if (r < 0)
		return r;
	if (status.mode == BL_DEVICE_NATIVE && bl_xdp_can_transmit(ifindex))
		uplink.flags |= BL_UPLINK_F_XDP_REDIRECT;
	r = write_uplink(kernel, ifindex, name, &uplink, err);
	if (r == 0)
		*ret = status;
	return r;
}

static bool is_listed(uint32_t ifindex, const uint32_t *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (list[i] == ifindex)
			return true;
	return false;
}

int bl_kernel_keep_devices(struct bl_datapath *datapath, const uint32_t *ifindexes, size_t count,
			   struct bl_err *err)
{
	const struct bl_kernel *kernel = (const struct bl_kernel *)datapath;
	_cleanup_free_ uint32_t *there = NULL;
	size_t there_count = 0;
	int r = bl_device_list(kernel->bpffs, &there, &there_count);

	if (r < 0)
		return bl_err_set(err, r, "cannot list the links in '%s'", kernel->bpffs);
	for (size_t i = 0; i < there_count; i++) {
		if (is_listed(there[i], ifindexes, count))
			continue;
		r = bl_device_detach(kernel->bpffs, there[i], err);
		if (r < 0)
			return r;
		if (kernel->maps.fds[BL_MAP_ID_UPLINKS] >= 0)
			(void)bpf_map_delete_elem(kernel->maps.fds[BL_MAP_ID_UPLINKS], &there[i]);
	}
	return 0;
}

int bl_kernel_renew_next_hops(struct bl_datapath *datapath)
{
	int fd = ((const struct bl_kernel *)datapath)->maps.fds[BL_MAP_ID_PACKET_STATE];
	struct bl_packet_state state = {0};
	uint32_t zero = 0;
	int r = bpf_map_lookup_elem(fd, &zero, &state);

	if (r < 0)
		return r;
	state.next_hop_generation += 2;
	if (state.next_hop_generation == 0)
		state.next_hop_generation = 2; /* 0 means unknown */
	/* 0: not drawn yet. Drawn anew, the flows that there are would not be found. */
	if (state.hash_keys[0] == 0) {
		if (getrandom(state.hash_keys, sizeof(state.hash_keys), 0) < 0)
			return -errno;
		state.hash_keys[0] |= 1;
	}
	return bpf_map_update_elem(fd, &zero, &state, BPF_ANY);
}
