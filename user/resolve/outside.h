/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a Service, or else the agent, wants for clients from outside: algorithm, forwarding mode,
 * and which sources may come in. Pure.
 */
#ifndef RESOLVE_OUTSIDE_H
#define RESOLVE_OUTSIDE_H

#include "resolve/resolve.h"

struct bl_outside {
	const struct bl_service *service;
	const char *annotated_sources; /* legacy; NULL: the field counts */
	bool has_sources;
	bool sources_for_node_ports;
	bool maglev;
	bool dsr;
};

struct bl_outside bl_outside_of(const struct bl_outside_policy *policy,
				const struct bl_service *service);
/* Does it name addresses itself (external and load-balancer IPs), which others may name, too? Such
 * Services are put behind the others into a plan. */
bool bl_outside_claims_addresses(const struct bl_service *service);
/* loadBalancerSourceRanges hold for load-balancer IPs, and for NodePorts when asked for. */
bool bl_outside_checks(const struct bl_outside *outside, enum bl_frontend_kind kind);
/* Has the address NodePorts? Loopback ones always do: they serve this node alone. */
bool bl_outside_has_node_ports(const struct bl_outside_policy *policy,
			       const struct bl_addr *address);
/* Sorted, each once. A range that cannot be read admits nobody. */
int bl_outside_sources(const struct bl_outside *outside, struct bl_arena *arena, uint8_t family,
		       const struct bl_prefix **ret, size_t *ret_count);

#endif
