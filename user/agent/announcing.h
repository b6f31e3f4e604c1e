/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which addresses of --load-balancer-pool this node answers ARP and neighbour discovery for. It
 * would answer for all that Services have in their status, but for those of policy Local without an
 * endpoint here, and while no load balancer should send it anything. Of the nodes that would, the
 * link decides (announce/claim.h), unless an owner is given that does.
 */
#ifndef AGENT_ANNOUNCING_H
#define AGENT_ANNOUNCING_H

#include "agent/devices.h"
#include "agent/node.h"
#include "announce/announcer.h"

struct bl_announcing;

struct bl_announcing_config { /* all borrowed */
	sd_event *loop;
	struct bl_store *store;
	struct bl_problems *problems;
	struct bl_node_watch *node;
	const struct bl_devices *devices;
	const struct bl_prefix *prefixes; /* the pools */
	size_t prefix_count;
	uint64_t interval_us; /* 0: BL_CLAIM_INTERVAL_USEC */
};

/* Nothing is answered before the start. */
int bl_announcing_new(const struct bl_announcing_config *config, struct bl_announcing **ret);
struct bl_announcing *bl_announcing_free(struct bl_announcing *announcing); /* accepts NULL */
BL_DEFINE_CLEANUP(struct bl_announcing *, bl_announcing_free);

/* The maps serve the addresses. */
void bl_announcing_start(struct bl_announcing *announcing);
/* Devices, or what the owner says, may have changed. */
void bl_announcing_renew(struct bl_announcing *announcing);

/* Gives up all addresses, and lets the link know. */
void bl_announcing_leave(struct bl_announcing *announcing);

/* Who decides, such as the holder of a Lease: for each address whether this node answers. */
struct bl_announcing_owner {
	/* All addresses are asked about between these two, after each change of objects and after
	 * bl_announcing_renew. Both may be NULL. */
	void (*begin)(void *userdata);
	void (*end)(void *userdata);
	/* `could_serve`: this node is one of those that could answer. */
	enum bl_claim_say (*say)(const struct bl_addr *address, const struct bl_service *service,
				 bool could_serve, void *userdata);
	/* Does BL_CLAIM_HERE still hold at this moment? */
	bool (*may_act)(void *userdata);
	void *userdata;
};
/* Copied; NULL: the link decides. */
void bl_announcing_set_owner(struct bl_announcing *announcing,
			     const struct bl_announcing_owner *owner);

/* For status: each address with the Service that has it, sorted; the array is the caller's. */
struct bl_announced {
	struct bl_announcer_view view;
	const char *ns; /* borrowed from the store */
	const char *name;
};
int bl_announcing_list(const struct bl_announcing *announcing, struct bl_announced **ret,
		       size_t *ret_count);

#endif
