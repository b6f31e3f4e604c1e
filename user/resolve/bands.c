/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which numbers are handed out by themselves, and which are left to those who ask for them. */
#include <errno.h>

#include "resolve/allocator.h"

/* Beyond this a range is as good as endless, and one random number reaches all of it. */
#define USABLE_MAX UINT32_MAX

static uint64_t clamp(uint64_t value, uint64_t least, uint64_t most)
{
	if (value < least)
		return least;
	return value > most ? most : value;
}

uint64_t bl_address_band(uint64_t range_size)
{
	return range_size <= 16 ? 0 : clamp(range_size / 16, 16, 256);
}

uint64_t bl_node_port_band(uint64_t range_size)
{
	return range_size < 16 ? 0 : clamp(range_size / 32, 16, 128);
}

uint64_t bl_prefix_usable(const struct bl_prefix *prefix)
{
	unsigned int host_bits = bl_addr_bits(&prefix->addr) - prefix->bits;
	uint64_t unusable = prefix->addr.family == BL_FAMILY_IPV4 ? 2 : 1;
	uint64_t size;

	if (host_bits > 32)
		return USABLE_MAX;
	size = 1ull << host_bits;
	return size > unusable ? clamp(size - unusable, 1, USABLE_MAX) : 0;
}

/* Scans [first, end) once around from a random place. */
static bool pick_between(const struct bl_allocator_config *config, uint64_t first, uint64_t end,
			 bl_number_is_free_fn *is_free, const void *what, uint64_t *ret)
{
	uint64_t size = end - first;
	uint64_t start;

	if (first >= end)
		return false;
	start = (uint64_t)config->random(config->userdata) * size >> 32;
	for (uint64_t i = 0; i < size; i++) {
		uint64_t number = first + (start + i) % size;

		if (is_free(what, number)) {
			*ret = number;
			return true;
		}
	}
	return false;
}

int bl_allocator_pick(const struct bl_allocator_config *config, uint64_t offset, uint64_t count,
		      bl_number_is_free_fn *is_free, const void *what, uint64_t *ret)
{
	if (offset > count)
		offset = count;
	if (pick_between(config, offset, count, is_free, what, ret) ||
	    pick_between(config, 0, offset, is_free, what, ret))
		return 0;
	return -ENOSPC;
}
