/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The inside of the allocator, for its own files. */
#ifndef RESOLVE_ALLOCATOR_H
#define RESOLVE_ALLOCATOR_H

#include "base/map.h"
#include "resolve/allocate.h"

#define BL_ALLOCATION_PORTS 1024 /* most ports of a Service that get NodePorts */

struct bl_port_allocation {
	uint16_t port; /* of the Service */
	uint8_t protocol;
	uint16_t node_port;
};

/* What one Service has. */
struct bl_allocation {
	bool claimed;               /* false: restored, and its Service has not turned up yet */
	struct bl_allocation *next; /* of a list that is being released; borrowed */
	struct bl_addr addresses[2];
	size_t address_count;
	struct bl_port_allocation *ports; /* owned; NULL: none */
	size_t port_count;
	uint16_t health_check_port; /* 0: none */
	char name[];                /* "namespace/name" */
};

struct bl_allocator {
	struct bl_allocator_config config; /* service_cidrs points to `cidrs` */
	struct bl_prefix cidrs[2];
	struct bl_map *allocations; /* by name */
	struct bl_map *by_address;  /* an allocation's own struct bl_addr -> it */
	struct bl_map *by_port;     /* uint16_t -> struct bl_allocation */
	bool dirty;
};

struct bl_allocation *bl_allocation_free(struct bl_allocation *allocation);
BL_DEFINE_CLEANUP(struct bl_allocation *, bl_allocation_free);
int bl_allocation_new(const char *name, struct bl_allocation **ret);

/* Who has it; NULL: free. */
const struct bl_allocation *bl_allocator_owner(const struct bl_allocator *allocator,
					       const struct bl_addr *address);
const struct bl_allocation *bl_allocator_port_owner(const struct bl_allocator *allocator,
						    uint16_t node_port);
/* Puts an allocation in force, in place of that of the same name; takes it on success. */
int bl_allocator_commit(struct bl_allocator *allocator, struct bl_allocation *allocation);

/* Is the address one that a Service may have? Not the network's, nor the broadcast address. */
bool bl_allocator_in_range(const struct bl_allocator *allocator, const struct bl_addr *address);
/* The service CIDR of a family; NULL: none. */
const struct bl_prefix *bl_allocator_cidr(const struct bl_allocator *allocator, uint8_t family);
/* The first address, which is that of default/kubernetes. */
bool bl_allocator_is_first(const struct bl_allocator *allocator, const struct bl_addr *address);

/*
 * A free number below `count`: at random from [offset, count) and on from there, then from below
 * `offset`. -ENOSPC.
 */
typedef bool bl_number_is_free_fn(const void *what, uint64_t number);
int bl_allocator_pick(const struct bl_allocator_config *config, uint64_t offset, uint64_t count,
		      bl_number_is_free_fn *is_free, const void *what, uint64_t *ret);
/* Bands: KEP-3070 and KEP-3668. */
uint64_t bl_address_band(uint64_t range_size);
uint64_t bl_node_port_band(uint64_t range_size);
/* Addresses that Services may have in a prefix, the first being the one behind the network's. */
uint64_t bl_prefix_usable(const struct bl_prefix *prefix);

#endif
