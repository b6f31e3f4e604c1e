/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The HTTP servers on healthCheckNodePorts, by which load balancers outside learn whether this node
 * has endpoints: one for each Service of type LoadBalancer with externalTrafficPolicy Local. An
 * answer is worked out when it is asked for, from the objects as they are then.
 */
#ifndef AGENT_HEALTH_CHECK_H
#define AGENT_HEALTH_CHECK_H

#include <systemd/sd-event.h>

#include "agent/problems.h"
#include "resolve/resolve.h"

struct bl_health_check;

struct bl_health_check_config { /* all borrowed */
	sd_event *loop;
	struct bl_store *store;
	struct bl_problems *problems;
	/* This node, as it is now. */
	const struct bl_local_node *(*node)(void *userdata);
	/* Do the maps hold what the objects say? */
	bool (*healthy)(void *userdata);
	void *userdata;
};

int bl_health_check_new(const struct bl_health_check_config *config, struct bl_health_check **ret);
struct bl_health_check *bl_health_check_free(struct bl_health_check *owner); /* accepts NULL */
BL_DEFINE_CLEANUP(struct bl_health_check *, bl_health_check_free);

/* Has the Service a health check, and on which port? 0: none. */
uint16_t bl_health_check_port(const struct bl_service *service);
/* Endpoints of the Service that are ready and on this node, each address once. */
int bl_health_check_count(const struct bl_store *store, const struct bl_local_node *node,
			  const struct bl_service *service, size_t *ret);
/* Does an endpoint on this node serve clients of the Local policy: ready, or else terminating and
 * still serving? */
int bl_health_check_serves(const struct bl_store *store, const struct bl_local_node *node,
			   const struct bl_service *service, bool *ret);
/* Why load balancers should leave this node: it is being deleted, or about to be; NULL: no
 * reason. */
const char *bl_health_check_leaving(const struct bl_store *store, const char *node_name);

#endif
