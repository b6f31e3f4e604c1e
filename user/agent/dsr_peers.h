/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Whose encapsulated packets this node takes: the addresses of all other Nodes that are known, and
 * networks that an option names, kept in dsr_peers.
 */
#ifndef AGENT_DSR_PEERS_H
#define AGENT_DSR_PEERS_H

#include <systemd/sd-event.h>

#include "agent/problems.h"
#include "datapath/datapath.h"
#include "store/store.h"

struct bl_dsr_peers;

struct bl_dsr_peers_config { /* all borrowed, but the name */
	sd_event *loop;
	struct bl_store *store;
	struct bl_datapath *datapath;
	struct bl_problems *problems;
	const char *node_name; /* of this node, which is no peer of its own; copied */
	const struct bl_prefix *networks;
	size_t network_count;
};

/* Nothing is written before bl_dsr_peers_start(): an agent that does not know the Nodes yet leaves
 * the peers of the one before in force. -ENOMEM. */
int bl_dsr_peers_new(const struct bl_dsr_peers_config *config, struct bl_dsr_peers **ret);
struct bl_dsr_peers *bl_dsr_peers_free(struct bl_dsr_peers *peers);
BL_DEFINE_CLEANUP(struct bl_dsr_peers *, bl_dsr_peers_free);

/* All sources have delivered: the peers are written now, and again when Nodes change. */
void bl_dsr_peers_start(struct bl_dsr_peers *peers);

#endif
