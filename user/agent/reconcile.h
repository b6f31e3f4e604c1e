/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * From objects to maps: hears what changes in the store, resolves the Services that a change
 * touches, and brings the maps up to date in one delta a turn of the loop. Nothing is written
 * before bl_reconcile_begin, so that half a list of objects never takes anything away.
 */
#ifndef AGENT_RECONCILE_H
#define AGENT_RECONCILE_H

#include <systemd/sd-event.h>

#include "agent/catalog.h"
#include "agent/node.h"
#include "datapath/datapath.h"

#define BL_SYNC_BUCKETS 8 /* of the histogram of apply times; see bl_sync_bounds_us */
extern const uint64_t bl_sync_bounds_us[BL_SYNC_BUCKETS];

/* The canary's frontend and where it leads. */
struct bl_canary_frontend {
	struct bl_addr address; /* no family: there is no canary */
	uint16_t port;
	struct bl_addr backend;
	uint16_t backend_port;
};

struct bl_reconcile_config { /* all borrowed */
	sd_event *loop;
	struct bl_store *store;
	struct bl_catalog *catalog;
	struct bl_problems *problems;
	struct bl_node_watch *node;
	struct bl_plan *plan;
	struct bl_datapath *datapath;
	struct bl_canary_frontend canary;
	bool slices; /* EndpointSlices are made for clients of the API, beside Endpoints */
	/* Hears that the maps hold the plan for the first time. */
	/* Some Service has session affinity, and none had: called before it is in force. NULL:
	 * none. */
	void (*first_affinity)(void *userdata);
	void (*ready)(void *userdata);
	void *userdata;
};

struct bl_reconcile_stats {
	bool begun;
	bool ready;              /* the maps have held the plan */
	bool behind;             /* the last apply failed; a full diff is due */
	char error[BL_ERR_TEXT]; /* of the last apply; "" when it went well */
	int64_t last_apply_s;    /* wall clock; 0: never */
	uint64_t last_ops;
	uint64_t last_us; /* from the change that was noticed to the maps; of it: */
	uint64_t last_plan_us;
	uint64_t last_apply_us;
	uint64_t applies;
	uint64_t failures;
	uint64_t buckets[BL_SYNC_BUCKETS + 1]; /* the last: beyond all bounds */
	uint64_t total_us;
	int64_t last_check_s;
	uint64_t drifts;
	int64_t last_sweep_s;
	uint64_t sweeps;
	uint64_t destroyed;
	uint64_t sweep_us;
};

struct bl_reconcile;

int bl_reconcile_new(const struct bl_reconcile_config *config, struct bl_reconcile **ret);
struct bl_reconcile *bl_reconcile_free(struct bl_reconcile *reconcile);
BL_DEFINE_CLEANUP(struct bl_reconcile *, bl_reconcile_free);

/* All sources have delivered: resolve everything, take out what no source brought, apply. */
void bl_reconcile_begin(struct bl_reconcile *reconcile);
/* Addresses or zone of this node changed: every Service is resolved again. */
void bl_reconcile_touch_all(struct bl_reconcile *reconcile);
/* Compares maps and plan now, and mends what differs; by itself that happens every minute. */
void bl_reconcile_check(struct bl_reconcile *reconcile);
/* Some Service has session affinity. */
bool bl_reconcile_uses_affinity(const struct bl_reconcile *reconcile);

const struct bl_reconcile_stats *bl_reconcile_stats(const struct bl_reconcile *reconcile);

#endif
