/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Keeps the load-balancer addresses of Services right after they were admitted: who was left
 * without one gets it as soon as one is free. When several agents read the same manifests (shared),
 * the addresses follow from the names of all Services: each change has them dealt anew, in an order
 * that is the same everywhere. Says which Services have none, and why.
 */
#ifndef AGENT_BALANCING_H
#define AGENT_BALANCING_H

#include <systemd/sd-event.h>

#include "agent/catalog.h"

struct bl_balancing;

struct bl_balancing_config { /* all borrowed */
	sd_event *loop;
	struct bl_store *store;
	struct bl_catalog *catalog;
	struct bl_allocations *allocations; /* with a pool */
	struct bl_problems *problems;
};

int bl_balancing_new(const struct bl_balancing_config *config, struct bl_balancing **ret);
struct bl_balancing *bl_balancing_free(struct bl_balancing *balancing); /* accepts NULL */
BL_DEFINE_CLEANUP(struct bl_balancing *, bl_balancing_free);

/* At once; from then on after each change of a Service. To be called before the first plan, so that
 * no address is missing in it. */
void bl_balancing_begin(struct bl_balancing *balancing);

#endif
