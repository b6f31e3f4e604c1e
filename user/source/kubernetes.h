/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The objects of a cluster, followed at its API server: Services, EndpointSlices, the Node of this
 * agent or all of them, and the pods of this node once some Service has session affinity. One feed
 * each (kube/feed.h), whose objects go on in batches. Nothing is kept: what is in force is the
 * receiver's, who is asked for it when a list is complete.
 *
 * The first full list is delivered when every one of them has had a whole list; pods are not waited
 * for when the server refuses them. A server that does not answer changes nothing.
 */
#ifndef SOURCE_KUBERNETES_H
#define SOURCE_KUBERNETES_H

#include "kube/client.h"
#include "source/source.h"

struct bl_kubernetes_config {
	struct bl_kube_client *client; /* borrowed */
	const char *node_name;         /* copied */
	/* Also what kube-proxy has no use for: headless Services, and those of another proxy. */
	bool all_services;
	bool all_nodes; /* else that of this name alone */
};

/* The handler must have `in_force`. */
int bl_kubernetes_new(const struct bl_kubernetes_config *config,
		      const struct bl_source_handler *handler, struct bl_source **ret);

#endif
