/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who has what: allocations by name, address and port. */
#include "resolve/allocator.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int bl_allocator_new(const struct bl_allocator_config *config, struct bl_allocator **ret)
{
	_cleanup_(bl_allocator_free) struct bl_allocator *allocator = calloc(1, sizeof(*allocator));
	int r;

	if (!allocator)
		return -ENOMEM;
	if (config->service_cidr_count > ARRAY_SIZE(allocator->cidrs) ||
	    config->node_port_first == 0 || config->node_port_first > config->node_port_last)
		return -EINVAL;
	allocator->config = *config;
	for (size_t i = 0; i < config->service_cidr_count; i++)
		allocator->cidrs[i] = config->service_cidrs[i];
	allocator->config.service_cidrs = allocator->cidrs;
	r = bl_map_new_borrowing(&allocator->allocations);
	if (r == 0)
		r = bl_map_new_borrowing(&allocator->by_address);
	if (r == 0)
		r = bl_map_new(&allocator->by_port);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(allocator);
	return 0;
}

struct bl_allocation *bl_allocation_free(struct bl_allocation *allocation)
{
	if (!allocation)
		return NULL;
	free(allocation->ports);
	free(allocation);
	return NULL;
}

struct bl_allocator *bl_allocator_free(struct bl_allocator *allocator)
{
	size_t cursor = 0;
	void *allocation;

	if (!allocator)
		return NULL;
	while (allocator->allocations &&
	       bl_map_next(allocator->allocations, &cursor, NULL, NULL, &allocation))
		(void)bl_allocation_free(allocation);
	(void)bl_map_free(allocator->allocations);
	(void)bl_map_free(allocator->by_address);
	(void)bl_map_free(allocator->by_port);
	free(allocator);
	return NULL;
}

int bl_allocation_new(const char *name, struct bl_allocation **ret)
{
	struct bl_allocation *allocation = calloc(1, sizeof(*allocation) + strlen(name) + 1);

	if (!allocation)
		return -ENOMEM;
	memcpy(allocation->name, name, strlen(name) + 1);
	*ret = allocation;
	return 0;
}

/* The bytes of an address are its key, without the padding behind its family. */
#define ADDRESS_KEY_LEN (offsetof(struct bl_addr, family) + 1)
_Static_assert(offsetof(struct bl_addr, family) == sizeof(union bl_ip),
	       "there is no gap before it");

const struct bl_allocation *bl_allocator_owner(const struct bl_allocator *allocator,
					       const struct bl_addr *address)
{
	return bl_map_get(allocator->by_address, address, ADDRESS_KEY_LEN);
}

const struct bl_allocation *bl_allocator_port_owner(const struct bl_allocator *allocator,
						    uint16_t node_port)
{
	return bl_map_get(allocator->by_port, &node_port, sizeof(node_port));
}

const struct bl_prefix *bl_allocator_cidr(const struct bl_allocator *allocator, uint8_t family)
{
	for (size_t i = 0; i < allocator->config.service_cidr_count; i++)
		if (allocator->cidrs[i].addr.family == family)
			return &allocator->cidrs[i];
	return NULL;
}

bool bl_allocator_in_range(const struct bl_allocator *allocator, const struct bl_addr *address)
{
	const struct bl_prefix *cidr = bl_allocator_cidr(allocator, address->family);
	uint64_t distance;

	if (!cidr || !bl_prefix_contains(cidr, address))
		return false;
	distance = bl_addr_distance(address, &cidr->addr);
	/* What is too far to be handed out may still be asked for, but the IPv4 broadcast address.
	 */
	return distance > 0 &&
	       (cidr->addr.family == BL_FAMILY_IPV6 || distance <= bl_prefix_usable(cidr));
}

bool bl_allocator_is_first(const struct bl_allocator *allocator, const struct bl_addr *address)
{
	const struct bl_prefix *cidr = bl_allocator_cidr(allocator, address->family);

	return cidr && bl_prefix_contains(cidr, address) &&
	       bl_addr_distance(address, &cidr->addr) == 1;
}

static bool map_has(const struct bl_map *map, const void *key, size_t key_len,
		    const struct bl_allocation *allocation)
{
	return bl_map_get(map, key, key_len) == allocation;
}

/* Takes all keys of an allocation out, but those that another has by now. */
static void remove_keys(struct bl_allocator *allocator, const struct bl_allocation *allocation)
{
	for (size_t i = 0; i < allocation->address_count; i++) {
		const struct bl_addr *address = &allocation->addresses[i];

		if (map_has(allocator->by_address, address, ADDRESS_KEY_LEN, allocation))
			(void)bl_map_remove(allocator->by_address, address, ADDRESS_KEY_LEN);
	}
	for (size_t i = 0; i <= allocation->port_count; i++) {
		uint16_t port = i < allocation->port_count ? allocation->ports[i].node_port
							   : allocation->health_check_port;

		if (map_has(allocator->by_port, &port, sizeof(port), allocation))
			(void)bl_map_remove(allocator->by_port, &port, sizeof(port));
	}
}

static int put_keys(struct bl_allocator *allocator, struct bl_allocation *allocation)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < allocation->address_count; i++)
		r = bl_map_put(allocator->by_address, &allocation->addresses[i], ADDRESS_KEY_LEN,
			       allocation, NULL);
	for (size_t i = 0; r == 0 && i <= allocation->port_count; i++) {
		uint16_t port = i < allocation->port_count ? allocation->ports[i].node_port
							   : allocation->health_check_port;

		if (port != 0)
			r = bl_map_put(allocator->by_port, &port, sizeof(port), allocation, NULL);
	}
	return r;
}

static bool allocations_equal(const struct bl_allocation *a, const struct bl_allocation *b)
{
	if (a->address_count != b->address_count || a->port_count != b->port_count ||
	    a->health_check_port != b->health_check_port)
		return false;
	for (size_t i = 0; i < a->address_count; i++)
		if (!bl_addr_equal(&a->addresses[i], &b->addresses[i]))
			return false;
	for (size_t i = 0; i < a->port_count; i++)
		if (a->ports[i].port != b->ports[i].port ||
		    a->ports[i].protocol != b->ports[i].protocol ||
		    a->ports[i].node_port != b->ports[i].node_port)
			return false;
	return true;
}

static bool is_empty(const struct bl_allocation *allocation)
{
	return allocation->address_count == 0 && allocation->port_count == 0 &&
	       allocation->health_check_port == 0;
}

int bl_allocator_commit(struct bl_allocator *allocator, struct bl_allocation *allocation)
{
	struct bl_allocation *old = bl_map_get_str(allocator->allocations, allocation->name);
	int r;

	if (!old && is_empty(allocation)) {
		(void)bl_allocation_free(allocation);
		return 0;
	}
	r = bl_map_put_str(allocator->allocations, allocation->name, allocation, NULL);
	if (r < 0)
		return r;
	r = put_keys(allocator, allocation);
	if (r < 0) {
		/* Keys that the old one shared with it are put back where they were: that needs no
		 * memory, as their entries are there. */
		if (old) {
			(void)bl_map_put_str(allocator->allocations, old->name, old, NULL);
			(void)put_keys(allocator, old);
			remove_keys(allocator, allocation);
		} else {
			(void)bl_map_remove_str(allocator->allocations, allocation->name);
			remove_keys(allocator, allocation);
		}
		return r;
	}
	if (!old || !allocations_equal(old, allocation))
		allocator->dirty = true;
	if (old)
		remove_keys(allocator, old);
	(void)bl_allocation_free(old);
	if (is_empty(allocation)) {
		(void)bl_map_remove_str(allocator->allocations, allocation->name);
		(void)bl_allocation_free(allocation);
	}
	return 0;
}

static void release(struct bl_allocator *allocator, struct bl_allocation *allocation)
{
	remove_keys(allocator, allocation);
	(void)bl_map_remove_str(allocator->allocations, allocation->name);
	(void)bl_allocation_free(allocation);
	allocator->dirty = true;
}

void bl_allocate_release(struct bl_allocator *allocator, const char *ns, const char *name)
{
	char key[2 * BL_NAME_MAX];
	struct bl_allocation *allocation;

	(void)snprintf(key, sizeof(key), "%s/%s", ns, name);
	allocation = bl_map_get_str(allocator->allocations, key);
	if (allocation)
		release(allocator, allocation);
}

void bl_allocator_forget_unclaimed(struct bl_allocator *allocator)
{
	struct bl_allocation *unclaimed = NULL;
	size_t cursor = 0;
	void *value;

	/* First listed, then released: a map moves its entries when one is taken out. */
	while (bl_map_next(allocator->allocations, &cursor, NULL, NULL, &value)) {
		struct bl_allocation *allocation = value;

		if (!allocation->claimed) {
			allocation->next = unclaimed;
			unclaimed = allocation;
		}
	}
	while (unclaimed) {
		struct bl_allocation *next = unclaimed->next;

		release(allocator, unclaimed);
		unclaimed = next;
	}
}

bool bl_allocator_is_dirty(const struct bl_allocator *allocator)
{
	return allocator->dirty;
}
