/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What one device offers. Nothing is put on it: a driver may take its link down for that. */
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/if_link.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "datapath/device.h"
#include "datapath/probe.h"
#include "datapath/xdp_features.h"

static int read_device(const char *name, short *ret_flags, int *ret_mtu)
{
	_cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request = {0};

	(void)snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	if (fd < 0 || ioctl(fd, SIOCGIFFLAGS, &request) < 0)
		return -errno;
	*ret_flags = request.ifr_flags;
	if (ioctl(fd, SIOCGIFMTU, &request) < 0)
		return -errno;
	*ret_mtu = request.ifr_mtu;
	return 0;
}

int bl_probe_device_there(const struct bl_device_wish *wish, const char *name, char *detail)
{
	short flags = 0;
	int mtu = 0;
	int r = read_device(name, &flags, &mtu);

	(void)wish;
	if (r < 0)
		return r;
	(void)snprintf(detail, BL_PROBE_DETAIL, "%s, MTU %d",
		       !(flags & IFF_UP)        ? "down"
		       : !(flags & IFF_RUNNING) ? "up without a link"
						: "up",
		       mtu);
	return 0;
}

int bl_probe_device_ethernet(const struct bl_device_wish *wish, const char *name, char *detail)
{
	int r = bl_device_has_ethernet(name);

	(void)wish;
	if (r < 0)
		return r;
	if (r == 0)
		(void)snprintf(detail, BL_PROBE_DETAIL, "packets there have no Ethernet headers");
	return r ? 0 : -EOPNOTSUPP;
}

int bl_probe_device_free(const struct bl_device_wish *wish, const char *name, char *detail)
{
	uint32_t ifindex = if_nametoindex(name);
	uint8_t mode = XDP_ATTACHED_NONE;
	uint32_t id = ifindex ? bl_device_xdp_program(ifindex, &mode) : 0;
	char program[BL_PROGRAM_NAME];

	if (!ifindex)
		return -ENODEV;
	if (!id) {
		(void)snprintf(detail, BL_PROBE_DETAIL, "no XDP program");
		return 0;
	}
	bl_device_program_name(id, program);
	(void)snprintf(detail, BL_PROBE_DETAIL, "XDP program '%s' (id %u) is there in %s mode",
		       program, id, mode == XDP_ATTACHED_SKB ? "generic" : "native");
	/* Beside tc's programs another's may stay. */
	return wish->mode == BL_XDP_TC || strcmp(program, BL_PROG_XDP) == 0 ? 0 : -EBUSY;
}

int bl_probe_device_native(const struct bl_device_wish *wish, const char *name, char *detail)
{
	uint32_t ifindex = if_nametoindex(name);
	uint8_t mode = XDP_ATTACHED_NONE;
	uint64_t features = 0;
	int r;

	(void)wish;
	if (!ifindex)
		return -ENODEV;
	if (bl_device_xdp_program(ifindex, &mode) && mode == XDP_ATTACHED_DRV) {
		(void)snprintf(detail, BL_PROBE_DETAIL, "in use");
		return 0;
	}
	r = bl_xdp_features(ifindex, &features);
	if (r < 0) {
		(void)snprintf(detail, BL_PROBE_DETAIL,
			       "this kernel cannot tell before it is tried (Linux 6.3 can)");
		return r;
	}
	(void)snprintf(detail, BL_PROBE_DETAIL, "the driver says so");
	if (features & BL_XDP_FEATURE_BASIC)
		return 0;
	(void)snprintf(detail, BL_PROBE_DETAIL, "the driver has no XDP");
	return -EOPNOTSUPP;
}

int bl_probe_device_transmit(const struct bl_device_wish *wish, const char *name, char *detail)
{
	uint32_t ifindex = if_nametoindex(name);

	(void)wish;
	if (!ifindex)
		return -ENODEV;
	if (bl_xdp_can_transmit(ifindex))
		return 0;
	(void)snprintf(detail, BL_PROBE_DETAIL,
		       "the driver does not say so; some do once a program is attached");
	return -EOPNOTSUPP;
}

int bl_probe_device_tags(const struct bl_device_wish *wish, const char *name, char *detail)
{
	_cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ethtool_value flags = {.cmd = ETHTOOL_GFLAGS};
	struct ifreq request = {.ifr_data = (char *)&flags};

	(void)wish;
	(void)snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	if (fd < 0 || ioctl(fd, SIOCETHTOOL, &request) < 0)
		return -errno;
	if (!(flags.data & ETH_FLAG_RXVLAN))
		return 0;
	(void)snprintf(detail, BL_PROBE_DETAIL, "the device takes them off (rxvlan on)");
	return -EOPNOTSUPP;
}

int bl_probe_device_tc(const struct bl_device_wish *wish, const char *name, char *detail)
{
	uint32_t ifindex = if_nametoindex(name);
	char program[BL_PROGRAM_NAME];

	(void)wish;
	if (!ifindex)
		return -ENODEV;
	for (int ingress = 0; ingress < 2; ingress++) {
		if (bl_device_tc_is_free(ifindex, ingress, program))
			continue;
		(void)snprintf(detail, BL_PROBE_DETAIL, "filter '%s' is at our place of %s",
			       program, ingress ? "ingress" : "egress");
		return -EBUSY;
	}
	return 0;
}
