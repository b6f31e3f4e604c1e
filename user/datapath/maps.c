/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <unistd.h>

#include "datapath/kernel.h"

const char *const bl_map_names[BL_MAP_ID_COUNT] = {
	[BL_MAP_ID_ABI] = BL_MAP_ABI,
	[BL_MAP_ID_FRONTENDS4] = BL_MAP_FRONTENDS4,
	[BL_MAP_ID_FRONTENDS6] = BL_MAP_FRONTENDS6,
	[BL_MAP_ID_SLOTS] = BL_MAP_SLOTS,
	[BL_MAP_ID_BACKENDS] = BL_MAP_BACKENDS,
	[BL_MAP_ID_SERVICES] = BL_MAP_SERVICES,
	[BL_MAP_ID_ADDR_FILTER] = BL_MAP_ADDR_FILTER,
	[BL_MAP_ID_SOCKS] = BL_MAP_SOCKS,
	[BL_MAP_ID_UDP_PEERS] = BL_MAP_UDP_PEERS,
	[BL_MAP_ID_TCP_PEERS] = BL_MAP_TCP_PEERS,
	[BL_MAP_ID_AFFINITY] = BL_MAP_AFFINITY,
	[BL_MAP_ID_NETNS_PODS] = BL_MAP_NETNS_PODS,
	[BL_MAP_ID_SERVICE_STATS] = BL_MAP_SERVICE_STATS,
	[BL_MAP_ID_BACKEND_STATS] = BL_MAP_BACKEND_STATS,
	[BL_MAP_ID_REASONS] = BL_MAP_REASONS,
	[BL_MAP_ID_MAGLEV] = BL_MAP_MAGLEV,
	[BL_MAP_ID_PACKET_PORTS] = BL_MAP_PACKET_PORTS,
	[BL_MAP_ID_PACKET_STATE] = BL_MAP_PACKET_STATE,
	[BL_MAP_ID_PACKET_GUARD] = BL_MAP_PACKET_GUARD,
	[BL_MAP_ID_UPLINKS] = BL_MAP_UPLINKS,
	[BL_MAP_ID_SOURCES4] = BL_MAP_SOURCES4,
	[BL_MAP_ID_SOURCES6] = BL_MAP_SOURCES6,
	[BL_MAP_ID_FLOWS4] = BL_MAP_FLOWS4,
	[BL_MAP_ID_FLOWS6] = BL_MAP_FLOWS6,
	[BL_MAP_ID_FLOW_TAGS4] = BL_MAP_FLOW_TAGS4,
	[BL_MAP_ID_FLOW_TAGS6] = BL_MAP_FLOW_TAGS6,
	[BL_MAP_ID_FRAGMENTS4] = BL_MAP_FRAGMENTS4,
	[BL_MAP_ID_FRAGMENTS6] = BL_MAP_FRAGMENTS6,
	[BL_MAP_ID_DSR_BACKENDS] = BL_MAP_DSR_BACKENDS,
	[BL_MAP_ID_DSR_PEERS] = BL_MAP_DSR_PEERS,
};

uint32_t bl_map_block(enum bl_map_id id)
{
	static const uint32_t blocks[] = {
		[BL_MAP_ID_SLOTS] = BL_SLOT_BLOCK,
		[BL_MAP_ID_MAGLEV] = BL_MAGLEV_BLOCK,
		[BL_MAP_ID_SERVICE_STATS] = BL_STATS_BLOCK,
		[BL_MAP_ID_BACKEND_STATS] = BL_STATS_BLOCK,
	};

	return (size_t)id < ARRAY_SIZE(blocks) && blocks[id] ? blocks[id] : 1;
}

static uint32_t wanted_rows(enum bl_map_id id, const struct bl_datapath_config *config)
{
	switch (id) {
	case BL_MAP_ID_FRONTENDS4:
	case BL_MAP_ID_FRONTENDS6:
		return config->limits.frontends;
	case BL_MAP_ID_SLOTS:
		return config->limits.slots;
	case BL_MAP_ID_BACKENDS:
	case BL_MAP_ID_BACKEND_STATS:
		return config->limits.backends;
	case BL_MAP_ID_SERVICES:
	case BL_MAP_ID_SERVICE_STATS:
		return config->limits.services;
	case BL_MAP_ID_AFFINITY:
		return config->affinity_max;
	case BL_MAP_ID_MAGLEV:
		return config->limits.maglev;
	case BL_MAP_ID_SOURCES4:
	case BL_MAP_ID_SOURCES6:
		return config->limits.sources;
	case BL_MAP_ID_DSR_BACKENDS:
		return config->limits.dsr_backends;
	default:
		return 0;
	}
}

uint32_t bl_map_wanted_size(enum bl_map_id id, const struct bl_datapath_config *config)
{
	uint32_t rows = wanted_rows(id, config);
	uint32_t block = bl_map_block(id);

	return rows / block + (rows % block != 0);
}

void bl_map_set_done(struct bl_map_set *set)
{
	for (size_t i = 0; i < BL_MAP_ID_COUNT; i++) {
		if (set->fds[i] >= 0)
			(void)close(set->fds[i]);
		set->fds[i] = -1;
	}
}
