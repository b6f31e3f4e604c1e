/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Everything that a running agent owns, for the parts that show it (status, metrics, the REST
 * paths). Only agent.c makes and ends it; the others read, and change objects through the catalog.
 */
#ifndef AGENT_WIRING_H
#define AGENT_WIRING_H

#include "agent/agent.h"
#include "agent/allocations.h"
#include "agent/annotations.h"
#include "agent/announcing.h"
#include "agent/balancing.h"
#include "agent/canary.h"
#include "agent/catalog.h"
#include "agent/cluster_pool.h"
#include "agent/config.h"
#include "agent/devices.h"
#include "agent/dns_wiring.h"
#include "agent/drops.h"
#include "agent/dsr_peers.h"
#include "agent/health_check.h"
#include "agent/hooks.h"
#include "agent/netns_pods.h"
#include "agent/node.h"
#include "agent/probing.h"
#include "agent/problems.h"
#include "agent/reconcile.h"
#include "agent/server.h"
#include "agent/termination.h"
#include "agent/watch.h"
#include "datapath/datapath.h"
#include "kube/client.h"
#include "source/source.h"

#define BL_AGENT_SOURCES 3 /* manifests, API, cluster */

struct bl_agent {
	struct bl_settings settings;
	int64_t started_s;
	uint64_t started_us; /* CLOCK_MONOTONIC, as the next ones */
	uint64_t opened_us;  /* when maps and programs were there */
	uint64_t read_us;    /* when the first source had read everything */
	uint64_t taken_us;   /* when all that sources brought was in the store */
	int lock_fd;
	sd_event *loop;
	struct bl_problems *problems;
	struct bl_store *store;
	struct bl_allocator *allocator;
	struct bl_allocations allocations;
	struct bl_pool *pool;           /* NULL: no --load-balancer-pool */
	struct bl_balancing *balancing; /* likewise */
	struct bl_node_watch *node;
	struct bl_catalog *catalog;
	struct bl_datapath *datapath;
	struct bl_plan *plan;
	struct bl_canary *canary; /* NULL in a dry run */
	struct bl_hooks *hooks;   /* likewise */
	struct bl_reconcile *reconcile;
	struct bl_probing *probing; /* NULL: others probe */
	struct bl_annotations *annotations;
	struct bl_termination *termination; /* NULL: others end pods */
	struct bl_netns_pods *netns_pods;
	struct bl_devices *devices;
	struct bl_drops *drops;               /* NULL: no devices */
	struct bl_dsr_peers *dsr_peers;       /* NULL: no devices */
	struct bl_announcing *announcing;     /* NULL: nothing to announce */
	struct bl_health_check *health_check; /* NULL in a dry run */
	struct bl_agent_dns *dns;             /* NULL: not asked for */
	struct bl_watches *watches;
	struct bl_events *events;
	sd_event_source *bookmarks;
	struct bl_kube_client *kube;          /* NULL: no cluster is followed */
	struct bl_cluster_pool *cluster_pool; /* NULL: no pool, or no cluster */
	struct bl_server *server;
	struct bl_server *api_ports[BL_AGENT_API_LISTEN_MAX];       /* NULL: not asked for */
	struct bl_server *health_ports[BL_AGENT_HEALTH_LISTEN_MAX]; /* likewise */
	struct bl_source *sources[BL_AGENT_SOURCES];                /* NULL: not used */
	bool synced[BL_AGENT_SOURCES];
	bool stopping;           /* a signal said so; the loop ends soon */
	sd_event_source *settle; /* tries again what the state folder refused */
};

/* Makes the objects that every agent has and nobody else brought: Namespaces and the own Node. */
void bl_agent_put_own(struct bl_agent *agent);

#endif
