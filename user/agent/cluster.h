/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Following a cluster: from the agent's options to a client of its API server and a source. */
#ifndef AGENT_CLUSTER_H
#define AGENT_CLUSTER_H

#include "agent/agent.h"
#include "source/source.h"

struct bl_agent;

/* Does the agent follow a cluster? Then Kubernetes' controllers decide what it otherwise decides
 * itself: addresses, endpoints, readiness. */
static inline bool bl_cluster_is_followed(const struct bl_agent_config *config)
{
	return config->cluster.kubeconfig || config->cluster.in_cluster;
}

/* Reads the kubeconfig (problems go to the log, too) and makes agent->kube. */
int bl_cluster_open(struct bl_agent *agent, struct bl_err *err);
/* The source, with `in_force` of the handler filled in. */
int bl_cluster_make_source(struct bl_agent *agent, const struct bl_source_handler *handler,
			   struct bl_source **ret);

#endif
