/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which endpoints outside the cluster are asked, and what is written about them: the Endpoints and
 * EndpointSlices of Services without a selector that wish it (endpoint_probes.h). In a cluster
 * (slices_only) the objects in the store are this agent's own view, and nothing goes to its server.
 */
#ifndef AGENT_ENDPOINT_PROBING_H
#define AGENT_ENDPOINT_PROBING_H

#include "agent/catalog.h"
#include "probe/prober.h"

#define BL_PROBED_NAME_MAX 640

struct bl_endpoint_probing { /* all borrowed but the last */
	struct bl_store *store;
	struct bl_catalog *catalog;
	struct bl_problems *problems;
	struct bl_prober *prober;
	bool slices_only;
	struct bl_map *followed; /* "ns/service" that is probed -> list of addresses, owned */
};

/* The others are filled in. -ENOMEM. */
int bl_endpoint_probing_init(struct bl_endpoint_probing *probing);
void bl_endpoint_probing_done(struct bl_endpoint_probing *probing);

/* The name of the Service whose endpoints may be probed otherwise after this change; NULL: none.
 * Borrowed from the object. */
const char *bl_endpoint_probing_concerns(const struct bl_endpoint_probing *probing,
					 const struct bl_event *event);
/* Probes what is to be probed of this Service, and writes what is known. */
void bl_endpoint_probing_settle(struct bl_endpoint_probing *probing, const char *ns,
				const char *service);

/* "SERVICE@ADDRESS" stands for an endpoint among the prober's pods: the address; NULL for a pod. */
const char *bl_endpoint_probing_address(const struct bl_pod *pod);
void bl_endpoint_probing_service(const struct bl_pod *pod, char buffer[static BL_PROBED_NAME_MAX]);

#endif
