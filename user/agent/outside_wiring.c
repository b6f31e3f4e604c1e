/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/outside_wiring.h"

#include <errno.h>
#include <string.h>

#include "agent/cluster.h"
#include "base/log.h"
#include "kube/lease.h"

int bl_agent_make_pool(struct bl_agent *agent, struct bl_err *err)
{
	const struct bl_packet_options *packet = &agent->settings.config.packet;
	_cleanup_free_ char *path = NULL;
	int r;

	/* In a cluster the status of Services is all there is to remember, and one agent writes it.
	 */
	if (!packet->pool_count || bl_cluster_is_followed(&agent->settings.config))
		return 0;
	if (asprintf(&path, "%s/load-balancers.json", agent->settings.config.state_dir) < 0)
		return bl_err_set(err, -ENOMEM, "no memory");
	r = bl_pool_new(packet->pools, packet->pool_count, &agent->pool, err);
	if (r == 0 && packet->pool_shared)
		bl_pool_set_shared(agent->pool);
	return r < 0 ? r : bl_allocations_open_pool(&agent->allocations, agent->pool, path, err);
}

int bl_agent_make_balancing(struct bl_agent *agent)
{
	const struct bl_balancing_config config = {
		.loop = agent->loop,
		.store = agent->store,
		.catalog = agent->catalog,
		.allocations = &agent->allocations,
		.problems = agent->problems,
	};

	return agent->pool ? bl_balancing_new(&config, &agent->balancing) : 0;
}

static void on_devices(void *userdata)
{
	struct bl_agent *agent = userdata;

	if (agent->announcing)
		bl_announcing_renew(agent->announcing);
}

static int make_devices(struct bl_agent *agent, struct bl_err *err)
{
	const struct bl_packet_options *packet = &agent->settings.config.packet;
	const struct bl_devices_config config = {
		.loop = agent->loop,
		.datapath = agent->datapath,
		.problems = agent->problems,
		.names = packet->devices,
		.count = packet->device_count,
		.mode = (enum bl_xdp_mode)packet->xdp_mode,
		.changed = on_devices,
		.userdata = agent,
	};

	return bl_devices_new(&config, &agent->devices, err);
}

static int make_dsr_peers(struct bl_agent *agent, struct bl_err *err)
{
	const struct bl_packet_options *packet = &agent->settings.config.packet;
	const struct bl_dsr_peers_config config = {
		.loop = agent->loop,
		.store = agent->store,
		.datapath = agent->datapath,
		.problems = agent->problems,
		.node_name = bl_node_watch_facts(agent->node)->name,
		.networks = packet->dsr_peers,
		.network_count = packet->dsr_peer_count,
	};
	int r = packet->device_count ? bl_dsr_peers_new(&config, &agent->dsr_peers) : 0;

	return r < 0 ? bl_err_set(err, r, "cannot follow other nodes: %s", strerror(-r)) : 0;
}

static int make_drops(struct bl_agent *agent, struct bl_err *err)
{
	const struct bl_drops_config config = {
		.loop = agent->loop,
		.datapath = agent->datapath,
		.problems = agent->problems,
	};
	int r = agent->settings.config.packet.device_count ? bl_drops_new(&config, &agent->drops)
							   : 0;

	return r < 0 ? bl_err_set(err, r, "cannot watch for drops: %s", strerror(-r)) : 0;
}

static int make_announcing(struct bl_agent *agent, struct bl_err *err)
{
	const struct bl_packet_options *packet = &agent->settings.config.packet;
	const struct bl_announcing_config config = {
		.loop = agent->loop,
		.store = agent->store,
		.problems = agent->problems,
		.node = agent->node,
		.devices = agent->devices,
		.prefixes = packet->pools,
		.prefix_count = packet->pool_count,
		.interval_us = packet->announce_interval_s * 1000000ull,
	};
	int r;

	if (!packet->pool_count || !packet->device_count || packet->pool_unspoken ||
	    agent->settings.config.dry_run)
		return 0;
	r = bl_announcing_new(&config, &agent->announcing);
	return r < 0 ? bl_err_set(err, r, "cannot announce addresses: %s", strerror(-r)) : 0;
}

/* A dry run writes nothing, to a cluster least of all. */
static int make_cluster_pool(struct bl_agent *agent, struct bl_err *err)
{
	const struct bl_agent_cluster_config *cluster = &agent->settings.config.cluster;
	const struct bl_packet_options *packet = &agent->settings.config.packet;
	const struct bl_cluster_pool_config config = {
		.loop = agent->loop,
		.store = agent->store,
		.problems = agent->problems,
		.client = agent->kube,
		.announcing = agent->announcing,
		.node_name = bl_node_watch_facts(agent->node)->name,
		.lease_ns = cluster->lease_ns ? cluster->lease_ns : "kube-system",
		.lease_duration_ms = cluster->lease_duration_s ? cluster->lease_duration_s * 1000ull
							       : BL_LEASE_DURATION_MS,
		.prefixes = packet->pools,
		.prefix_count = packet->pool_count,
	};

	if (!packet->pool_count || !agent->kube || agent->settings.config.dry_run)
		return 0;
	return bl_cluster_pool_new(&config, &agent->cluster_pool, err);
}

int bl_agent_make_outside(struct bl_agent *agent, struct bl_err *err)
{
	int r = make_devices(agent, err);

	if (r == 0)
		r = make_dsr_peers(agent, err);
	if (r == 0)
		r = make_drops(agent, err);
	if (r == 0)
		r = make_announcing(agent, err);
	return r < 0 ? r : make_cluster_pool(agent, err);
}

#define LEAVE_USEC (2 * 1000 * 1000ull) /* at most, with an API server that does not answer */

static int on_leave_late(sd_event_source *timer, uint64_t usec, void *userdata)
{
	(void)usec;
	(void)userdata;
	bl_log(BL_LOG_WARNING, "the API server does not answer: others take over what this agent "
			       "had when its Lease is over");
	return sd_event_exit(sd_event_source_get_event(timer), 0);
}

static void on_left(void *userdata)
{
	(void)sd_event_exit(userdata, 0);
}

bool bl_agent_leave_outside(struct bl_agent *agent)
{
	if (agent->announcing)
		bl_announcing_leave(agent->announcing);
	if (!agent->cluster_pool ||
	    sd_event_add_time_relative(agent->loop, NULL, CLOCK_MONOTONIC, LEAVE_USEC, 0,
				       on_leave_late, NULL) < 0)
		return false;
	bl_cluster_pool_leave(agent->cluster_pool, on_left, agent->loop);
	return true;
}
