/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "datapath/device.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

void bl_device_program_name(uint32_t id, char ret[static BL_PROGRAM_NAME])
{
	_cleanup_close_ int fd = bpf_prog_get_fd_by_id(id);
	struct bpf_prog_info info = {0};
	uint32_t len = sizeof(info);

	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &len) < 0 || info.name[0] == '\0')
		(void)snprintf(ret, BL_PROGRAM_NAME, "?");
	else
		(void)snprintf(ret, BL_PROGRAM_NAME, "%.*s", (int)sizeof(info.name), info.name);
}

static const char *device_name(uint32_t ifindex, char ret[static IF_NAMESIZE])
{
	if (!if_indextoname(ifindex, ret))
		(void)snprintf(ret, IF_NAMESIZE, "#%u", ifindex);
	return ret;
}

uint32_t bl_device_xdp_program(uint32_t ifindex, uint8_t *ret_mode)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, query);

	if (bpf_xdp_query((int)ifindex, 0, &query) < 0)
		return 0;
	*ret_mode = query.attach_mode;
	if (query.prog_id)
		return query.prog_id;
	return query.drv_prog_id ? query.drv_prog_id : query.skb_prog_id;
}

int bl_device_has_ethernet(const char *name)
{
	_cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request = {0};

	(void)snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	if (fd < 0 || ioctl(fd, SIOCGIFHWADDR, &request) < 0)
		return -errno;
	return request.ifr_hwaddr.sa_family == ARPHRD_ETHER ||
	       request.ifr_hwaddr.sa_family == ARPHRD_LOOPBACK;
}

static int refuse_busy(uint32_t ifindex, struct bl_err *err)
{
	char program[BL_PROGRAM_NAME];
	char name[IF_NAMESIZE];
	uint8_t mode;
	uint32_t id = bl_device_xdp_program(ifindex, &mode);

	bl_device_program_name(id, program);
	return bl_err_set(err, -EBUSY,
			  "device '%s' has XDP program '%s' (id %u) already; take it off ('ip link "
			  "set dev %s xdp off' when no link holds it), or use --xdp-mode tc",
			  device_name(ifindex, name), program, id, name);
}

static bool has_mode(uint32_t ifindex, uint32_t program_id, enum bl_xdp_mode wanted)
{
	uint8_t mode = XDP_ATTACHED_NONE;

	return bl_device_xdp_program(ifindex, &mode) == program_id &&
	       mode == (wanted == BL_XDP_GENERIC ? XDP_ATTACHED_SKB : XDP_ATTACHED_DRV);
}

/* A new program behind the link that is there. -ENOENT when there is none in force in this mode;
 * what stood in the way is gone then. */
static int replace_xdp(const char *dir, uint32_t ifindex, enum bl_xdp_mode wanted, int program_fd)
{
	_cleanup_close_ int link_fd = bl_device_open_pin(dir, BL_DEVICE_PIN_XDP, ifindex);
	struct bpf_link_info info = {0};
	uint32_t len = sizeof(info);
	int r;

	if (link_fd < 0)
		return link_fd;
	r = bpf_obj_get_info_by_fd(link_fd, &info, &len);
	if (r < 0)
		return r;
	if (info.type == BPF_LINK_TYPE_XDP && info.xdp.ifindex == ifindex &&
	    has_mode(ifindex, info.prog_id, wanted)) {
		r = bpf_link_update(link_fd, program_fd, NULL);
		if (r != -ENOLINK)
			return r;
	}
	r = bl_device_unpin(dir, BL_DEVICE_PIN_XDP, ifindex);
	return r < 0 ? r : -ENOENT;
}

static int make_xdp(const char *dir, uint32_t ifindex, enum bl_xdp_mode wanted, int program_fd)
{
	LIBBPF_OPTS(bpf_link_create_opts, options,
		    .flags = wanted == BL_XDP_GENERIC ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE);
	_cleanup_close_ int link_fd = bpf_link_create(program_fd, (int)ifindex, BPF_XDP, &options);

	if (link_fd < 0)
		return link_fd;
	return bl_device_pin(dir, BL_DEVICE_PIN_XDP, ifindex, link_fd);
}

static int attach_xdp(const char *dir, uint32_t ifindex, enum bl_xdp_mode wanted, int program_fd)
{
	int r = replace_xdp(dir, ifindex, wanted, program_fd);

	return r == -ENOENT ? make_xdp(dir, ifindex, wanted, program_fd) : r;
}

/* Another program in the way answers with one of these, depending on its mode and who holds it. */
static bool is_held(uint32_t ifindex, int code)
{
	uint8_t mode;

	return (code == -EBUSY || code == -EEXIST) && bl_device_xdp_program(ifindex, &mode) != 0;
}

static int attach_ingress_tc(const char *dir, uint32_t ifindex, int program_fd, struct bl_err *err)
{
	int r = bl_device_tc_attach(dir, ifindex, true, program_fd, err);

	/* Now that tc has the packets. */
	if (r == 0)
		r = bl_device_unpin(dir, BL_DEVICE_PIN_XDP, ifindex);
	return r;
}

static int attach_ingress(const char *dir, uint32_t ifindex, enum bl_xdp_mode wanted,
			  const struct bl_device_programs *programs, struct bl_device_status *ret,
			  struct bl_err *err)
{
	char name[IF_NAMESIZE];
	int r;

	ret->mode = wanted == BL_XDP_GENERIC ? BL_DEVICE_GENERIC : BL_DEVICE_NATIVE;
	if (wanted == BL_XDP_TC) {
		ret->mode = BL_DEVICE_TC;
		(void)snprintf(ret->reason, sizeof(ret->reason), "asked for");
		return attach_ingress_tc(dir, ifindex, programs->tc_ingress_fd, err);
	}
	r = attach_xdp(dir, ifindex, wanted, programs->xdp_fd);
	/* XDP leaves to tc what it cannot send; what it has handled tc finds to be nobody's. */
	if (r == 0)
		return bl_device_tc_attach(dir, ifindex, true, programs->tc_ingress_fd, err);
	if (is_held(ifindex, r))
		return refuse_busy(ifindex, err);
	errno = -r;
	if (wanted == BL_XDP_GENERIC || r == -EPERM || r == -ENOMEM)
		return bl_err_set(err, r, "cannot attach the XDP program to device '%s': %m",
				  device_name(ifindex, name));
	ret->mode = BL_DEVICE_TC;
	(void)snprintf(ret->reason, sizeof(ret->reason),
		       "the driver takes no XDP program (%m; it may lack XDP, or the MTU or "
		       "offloads stand in the way)");
	return attach_ingress_tc(dir, ifindex, programs->tc_ingress_fd, err);
}

int bl_device_attach(const char *dir, uint32_t ifindex, enum bl_xdp_mode wanted,
		     const struct bl_device_programs *programs, struct bl_device_status *ret,
		     struct bl_err *err)
{
	struct bl_device_status status = {.mode = BL_DEVICE_NONE};
	char name[IF_NAMESIZE];
	int r;

	if (!if_indextoname(ifindex, name))
		return bl_err_set(err, -ENODEV, "there is no device %u", ifindex);
	if (bl_device_has_ethernet(name) == 0)
		return bl_err_set(
			err, -EOPNOTSUPP,
			"device '%s' carries packets without Ethernet headers, as tunnels "
			"do: clients outside are not served there; name the device that "
			"their packets come in by, or none",
			name);
	/* Replies first: no client must see an answer under a pod's address. */
	r = bl_device_tc_attach(dir, ifindex, false, programs->tc_egress_fd, err);
	if (r == 0)
		r = attach_ingress(dir, ifindex, wanted, programs, &status, err);
	if (r < 0)
		return r;
	*ret = status;
	return 0;
}

int bl_device_detach(const char *dir, uint32_t ifindex, struct bl_err *err)
{
	char name[IF_NAMESIZE];
	int first;
	int r;

	first = bl_device_unpin(dir, BL_DEVICE_PIN_XDP, ifindex);
	r = bl_device_tc_detach(ifindex, true);
	first = first < 0 ? first : r;
	r = bl_device_tc_detach(ifindex, false);
	first = first < 0 ? first : r;
	r = bl_device_tc_remove_qdisc(dir, ifindex);
	first = first < 0 ? first : r;
	r = bl_device_unpin(dir, BL_DEVICE_PIN_TC, ifindex);
	first = first < 0 ? first : r;
	if (first < 0) {
		errno = -first;
		return bl_err_set(err, first, "cannot take the programs off device '%s': %m",
				  device_name(ifindex, name));
	}
	return 0;
}
