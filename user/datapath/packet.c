/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The part of datapath.h that is about packets from outside. */
#include <errno.h>

#include "datapath/backing.h"

const char *bl_device_mode_name(enum bl_device_mode mode)
{
	static const char *const names[] = {
		[BL_DEVICE_NONE] = "none",
		[BL_DEVICE_NATIVE] = "native",
		[BL_DEVICE_GENERIC] = "generic",
		[BL_DEVICE_TC] = "tc",
	};

	_Static_assert(ARRAY_SIZE(names) == BL_DEVICE_MODE_COUNT, "every mode has a name");
	return (unsigned int)mode < ARRAY_SIZE(names) ? names[mode] : "unknown";
}

bool bl_datapath_has_packet(const struct bl_datapath *datapath)
{
	return datapath->has_packet;
}

int bl_datapath_attach_device(struct bl_datapath *datapath, uint32_t ifindex,
			      enum bl_xdp_mode wanted, struct bl_device_status *ret,
			      struct bl_err *err)
{
	if (datapath->read_only || !datapath->has_packet)
		return bl_err_set(err, -ENOTSUP,
				  "cannot attach to a device: the packet path is not loaded");
	return datapath->backing->attach_device(datapath, ifindex, wanted, ret, err);
}

int bl_datapath_keep_devices(struct bl_datapath *datapath, const uint32_t *ifindexes, size_t count,
			     struct bl_err *err)
{
	if (datapath->read_only)
		return bl_err_set(err, -EROFS, "cannot detach: the maps are open read-only");
	return datapath->backing->keep_devices(datapath, ifindexes, count, err);
}

int bl_datapath_renew_next_hops(struct bl_datapath *datapath)
{
	if (datapath->read_only || !datapath->has_packet)
		return 0;
	return datapath->backing->renew_next_hops(datapath);
}

int bl_datapath_set_dsr_peers(struct bl_datapath *datapath, const struct bl_prefix *peers,
			      size_t count, struct bl_err *err)
{
	if (datapath->read_only)
		return bl_err_set(err, -EROFS, "cannot write: the maps are open read-only");
	return datapath->has_packet ? datapath->backing->set_dsr_peers(datapath, peers, count, err)
				    : 0;
}

int bl_datapath_read_flows(struct bl_datapath *datapath, size_t limit,
			   struct bl_flow_row **ret_rows, size_t *ret_count, struct bl_err *err)
{
	if (!datapath->has_packet) {
		*ret_rows = NULL;
		*ret_count = 0;
		return 0;
	}
	return datapath->backing->read_flows(datapath, limit, ret_rows, ret_count, err);
}
