/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The cluster's DNS in the agent: follows the store into the zone, runs the server, and makes the
 * Service kube-system/kube-dns that leads to it. Nothing is answered before the first full list.
 */
#ifndef AGENT_DNS_WIRING_H
#define AGENT_DNS_WIRING_H

#include <systemd/sd-event.h>

#include "agent/agent.h"
#include "agent/catalog.h"
#include "agent/node.h"
#include "agent/problems.h"
#include "dns/server.h"
#include "resolve/allocate.h"

#define BL_DNS_NAMESPACE "kube-system"
#define BL_DNS_SERVICE "kube-dns"
#define BL_DNS_DEFAULT_PORT 10053

struct bl_agent_dns_deps { /* all borrowed */
	sd_event *loop;
	struct bl_store *store;
	struct bl_allocator *allocator;
	struct bl_catalog *catalog;
	struct bl_problems *problems;
	struct bl_node_watch *node;
	const struct bl_prefix *service_cidrs;
	size_t service_cidr_count;
	uint32_t mark;
	bool no_service; /* addresses are given by somebody else: kube-dns is theirs */
};

struct bl_agent_dns;

int bl_agent_dns_new(const struct bl_agent_dns_config *config, const struct bl_agent_dns_deps *deps,
		     struct bl_agent_dns **ret, struct bl_err *err);
struct bl_agent_dns *bl_agent_dns_free(struct bl_agent_dns *dns);

/* All objects are in the store. Only the first call does anything. */
void bl_agent_dns_begin(struct bl_agent_dns *dns);
/* The node's addresses changed. */
void bl_agent_dns_follow_node(struct bl_agent_dns *dns);

const char *bl_agent_dns_domain(const struct bl_agent_dns *dns);
/* NULL while it does not run. */
const struct bl_dns_server *bl_agent_dns_server(const struct bl_agent_dns *dns);

/* dns_objects.c: the Service and the EndpointSlices that lead to these listeners (loopback ones
 * left out). The Service gets the tenth address of each service range. */
int bl_dns_make_service(const struct bl_prefix *service_cidrs, size_t count,
			struct bl_object **ret);
/* -ENOENT: no listener of this family. */
int bl_dns_make_slice(uint8_t family, const struct bl_dns_endpoint *listen, size_t count,
		      struct bl_object **ret);

#endif
