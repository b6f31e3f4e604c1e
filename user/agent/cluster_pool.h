/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * --load-balancer-pool in a cluster. Of all agents one leads, who holds the Lease 'beeline-pool':
 * it gives addresses to Services of type LoadBalancer and writes them into their status. The status
 * is all there is to remember: the next leader lists it, and goes on from it. Which node answers
 * for the addresses of a Service is decided by a Lease for each, 'beeline-lb.NAMESPACE.NAME', among
 * the nodes that could serve it; while the API server cannot be asked, by the link, where whoever
 * answers goes on. None of these is renewed but for one Lease a node, 'beeline-node.NODE'
 * (kube/lease.h).
 */
#ifndef AGENT_CLUSTER_POOL_H
#define AGENT_CLUSTER_POOL_H

#include <systemd/sd-event.h>

#include "agent/announcing.h"
#include "agent/problems.h"
#include "kube/client.h"
#include "store/store.h"

struct bl_cluster_pool;

struct bl_cluster_pool_config { /* all borrowed */
	sd_event *loop;
	struct bl_store *store;
	struct bl_problems *problems;
	struct bl_kube_client *client;
	struct bl_announcing *announcing; /* NULL: this node answers for no address */
	const char *node_name;
	const char *lease_ns;       /* namespace of the Leases */
	uint64_t lease_duration_ms; /* of heartbeats (kube/lease.h) */
	const struct bl_prefix *prefixes;
	size_t prefix_count;
};

int bl_cluster_pool_new(const struct bl_cluster_pool_config *config, struct bl_cluster_pool **ret,
			struct bl_err *err);
/* Sends nothing more: what is held is free for others when its time is over. */
struct bl_cluster_pool *bl_cluster_pool_free(struct bl_cluster_pool *pool); /* accepts NULL */
BL_DEFINE_CLEANUP(struct bl_cluster_pool *, bl_cluster_pool_free);

/* The store has a full list: what this node knows is what there is. */
void bl_cluster_pool_begin(struct bl_cluster_pool *pool);

/* Gives up what this agent has, for others to take it at once: answers for no address and gives
 * none from here on. `left` is called when the API server has it, and not before this returns; it
 * may never answer. */
void bl_cluster_pool_leave(struct bl_cluster_pool *pool, void (*left)(void *userdata),
			   void *userdata);

struct bl_cluster_pool_info {
	bool leads;
	const char *leader; /* NULL: not known; borrowed */
	size_t owned;       /* Services whose addresses this node answers for, by their Leases */
	uint64_t written;   /* status of Services */
	uint64_t failed;    /* writes that did not succeed */
	uint64_t lease_writes;
	uint64_t lease_renewals; /* of them */
};
struct bl_cluster_pool_info bl_cluster_pool_info(const struct bl_cluster_pool *pool);

#endif
