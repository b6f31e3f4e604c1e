/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "datapath/datapath.h"

#include <assert.h>
#include <errno.h>

#include "beeline/tunables.h"
#include "datapath/backing.h"

void bl_datapath_config_init(struct bl_datapath_config *config)
{
	*config = (struct bl_datapath_config){
		.limits =
			{
				.frontends = BL_FRONTENDS_MAX,
				.slots = BL_SLOTS_MAX,
				.backends = BL_BACKENDS_MAX,
				.services = BL_SERVICES_MAX,
				.maglev = BL_MAGLEV_MAX,
				.sources = BL_SOURCES_MAX,
				.dsr_backends = BL_DSR_BACKENDS_MAX,
			},
		.affinity_max = BL_AFFINITY_MAX,
		.probe_mark = BL_PROBE_MARK_DEFAULT,
		.packet_tunables = BL_PACKET_TUNABLES_DEFAULT,
		.remember_peer = true,
		.refuse_bind = true,
	};
}

void bl_datapath_done(struct bl_datapath *datapath)
{
	bl_array_done(&datapath->slots);
	bl_array_done(&datapath->backends);
	bl_array_done(&datapath->services);
	bl_array_done(&datapath->filter);
	bl_array_done(&datapath->maglev);
	bl_array_done(&datapath->ports);
}

struct bl_datapath *bl_datapath_close(struct bl_datapath *datapath)
{
	if (datapath)
		datapath->backing->free(datapath);
	return NULL;
}

bool bl_datapath_was_adopted(const struct bl_datapath *datapath)
{
	return datapath->adopted;
}

struct bl_plan_limits bl_datapath_limits(const struct bl_datapath *datapath)
{
	return datapath->limits;
}

static int copy_array(struct bl_array *array, void **ret, size_t *ret_count, struct bl_err *err)
{
	int r = bl_array_copy(array, ret, ret_count);

	if (r < 0) {
		errno = -r;
		return bl_err_set(err, r, "cannot read map '%s': %m", array->name);
	}
	return 0;
}

static int read_packet(struct bl_datapath *datapath, struct bl_plan_rows *ret, struct bl_err *err)
{
	_cleanup_free_ void *maglev = NULL;
	_cleanup_free_ void *ports = NULL;
	struct bl_plan_rows rows = *ret;
	int r;

	if (!datapath->has_packet)
		return 0;
	r = copy_array(&datapath->maglev, &maglev, &rows.maglev_count, err);
	if (r == 0)
		r = copy_array(&datapath->ports, &ports, &rows.port_count, err);
	if (r == 0)
		r = datapath->backing->read_packet_rows(datapath, &rows.packet_rows,
							&rows.packet_row_count, err);
	if (r < 0)
		return r;
	rows.has_packet = true;
	rows.maglev = TAKE_PTR(maglev);
	rows.ports = TAKE_PTR(ports);
	*ret = rows;
	return 0;
}

int bl_datapath_read(struct bl_datapath *datapath, struct bl_plan_rows *ret, struct bl_err *err)
{
	_cleanup_free_ struct bl_frontend_row *frontends = NULL;
	_cleanup_free_ void *slots = NULL;
	_cleanup_free_ void *backends = NULL;
	_cleanup_free_ void *services = NULL;
	_cleanup_free_ void *filter = NULL;
	struct bl_plan_rows rows = {0};
	int r;

	r = datapath->backing->read_frontends(datapath, &frontends, &rows.frontend_count, err);
	if (r < 0)
		return r;
	r = copy_array(&datapath->slots, &slots, &rows.slot_count, err);
	if (r < 0)
		return r;
	r = copy_array(&datapath->backends, &backends, &rows.backend_count, err);
	if (r < 0)
		return r;
	r = copy_array(&datapath->services, &services, &rows.service_count, err);
	if (r < 0)
		return r;
	r = copy_array(&datapath->filter, &filter, &rows.filter_count, err);
	if (r == 0)
		r = read_packet(datapath, &rows, err);
	if (r < 0)
		return r;

	rows.frontends = TAKE_PTR(frontends);
	rows.slots = TAKE_PTR(slots);
	rows.backends = TAKE_PTR(backends);
	rows.services = TAKE_PTR(services);
	rows.filter = TAKE_PTR(filter);
	*ret = rows;
	return 0;
}

int bl_datapath_set_netns_pods(struct bl_datapath *datapath, const struct bl_netns_pod_row *rows,
			       size_t count, struct bl_err *err)
{
	if (datapath->read_only)
		return bl_err_set(err, -EROFS, "cannot set pods: the maps are open read-only");
	if (count > BL_NETNS_PODS_MAX)
		return bl_err_set(err, -E2BIG,
				  "map '" BL_MAP_NETNS_PODS "' is full: %zu pods, room for %u",
				  count, BL_NETNS_PODS_MAX);
	return datapath->backing->set_netns_pods(datapath, rows, count, err);
}

int bl_datapath_sweep_sockets(struct bl_datapath *datapath, size_t *ret_destroyed,
			      struct bl_err *err)
{
	size_t destroyed = 0;
	int r;

	if (datapath->read_only)
		return bl_err_set(err, -EROFS, "cannot sweep: the maps are open read-only");
	r = datapath->backing->sweep_sockets(datapath, &destroyed, err);
	if (r < 0)
		return r;
	if (ret_destroyed)
		*ret_destroyed = destroyed;
	return 0;
}

int bl_datapath_read_reasons(struct bl_datapath *datapath, uint64_t ret[BL_REASON_COUNT])
{
	return datapath->backing->read_reasons(datapath, ret);
}

int bl_datapath_read_service_stats(struct bl_datapath *datapath, uint32_t service_id,
				   struct bl_service_stats *ret)
{
	if (service_id >= datapath->limits.services)
		return -ENOENT;
	return datapath->backing->read_service_stats(datapath, service_id, ret);
}

int bl_datapath_read_backend_stats(struct bl_datapath *datapath, uint32_t first, uint32_t count,
				   struct bl_backend_stats *ret)
{
	if (first >= datapath->limits.backends || count > datapath->limits.backends - first)
		return -ENOENT;
	return datapath->backing->read_backend_stats(datapath, first, count, ret);
}

int bl_datapath_programs(struct bl_datapath *datapath, const struct bl_program_status **ret_items,
			 size_t *ret_count)
{
	return datapath->backing->read_programs(datapath, ret_items, ret_count);
}

int bl_datapath_attach_again(struct bl_datapath *datapath, const struct bl_datapath_config *config,
			     struct bl_err *err)
{
	return datapath->backing->attach_again(datapath, config, err);
}
