/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which pod lives in which network namespace of this node, so that session affinity can take the
 * pod for the client. Found by address; looked for only while some Service uses affinity.
 */
#ifndef AGENT_NETNS_PODS_H
#define AGENT_NETNS_PODS_H

#include <systemd/sd-event.h>

#include "agent/node.h"
#include "agent/problems.h"
#include "agent/reconcile.h"
#include "datapath/datapath.h"

struct bl_netns_pods;

struct bl_netns_pods_config { /* all borrowed */
	sd_event *loop;
	struct bl_store *store;
	struct bl_datapath *datapath;
	struct bl_node_watch *node;
	struct bl_reconcile *reconcile;
	struct bl_problems *problems;
};

int bl_netns_pods_new(const struct bl_netns_pods_config *config, struct bl_netns_pods **ret);
struct bl_netns_pods *bl_netns_pods_free(struct bl_netns_pods *pods);
BL_DEFINE_CLEANUP(struct bl_netns_pods *, bl_netns_pods_free);

/* Looks now, not at the next occasion: so that the first Service with affinity finds its clients
 * known, and none of them is taken for its namespace first and for its pod later. */
void bl_netns_pods_look(struct bl_netns_pods *pods);

#endif
