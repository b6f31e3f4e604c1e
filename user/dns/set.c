/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sets of records' data, one behind the other as libknot wants them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dns/entry.h"

#define RECORD_HEAD 12u /* compressed owner, type, class, TTL, length */

static bool has_room(struct bl_dns_set *set, size_t more)
{
	size_t capacity = set->capacity ? set->capacity : 64;
	uint8_t *bytes;

	if (set->len + more <= set->capacity)
		return true;
	while (capacity < set->len + more)
		capacity *= 2;
	bytes = realloc(set->bytes, capacity);
	if (!bytes)
		return false;
	set->bytes = bytes;
	set->capacity = capacity;
	return true;
}

void bl_dns_set_add(struct bl_dns_set *set, const void *data, uint16_t len)
{
	size_t size = knot_rdata_size(len);

	if (set->packed + RECORD_HEAD + len > BL_DNS_SET_BYTES)
		return;
	if (set->failed || !has_room(set, size)) {
		set->failed = true;
		return;
	}
	memset(set->bytes + set->len, 0, size);
	knot_rdata_init((knot_rdata_t *)(void *)(set->bytes + set->len), len, data);
	set->len += size;
	set->packed += RECORD_HEAD + len;
	set->count++;
}

int bl_dns_set_finish(struct bl_dns_set *set, struct bl_arena *arena, knot_rdataset_t *ret)
{
	uint8_t *copy = NULL;
	int r = set->failed ? -ENOMEM : 0;

	if (r == 0 && set->count) {
		copy = bl_arena_alloc(arena, set->len);
		if (copy)
			memcpy(copy, set->bytes, set->len);
		else
			r = -ENOMEM;
	}
	if (r == 0)
		*ret = (knot_rdataset_t){.count = set->count,
					 .size = (uint32_t)set->len,
					 .rdata = (knot_rdata_t *)(void *)copy};
	free(set->bytes);
	*set = (struct bl_dns_set){0};
	return r;
}
