/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "kube/hashes.h"

#include <errno.h>
#include <stdlib.h>

#define CAPACITY_MIN 64u

void bl_hashes_done(struct bl_hashes *hashes)
{
	free(hashes->slots);
	*hashes = (struct bl_hashes){0};
}

/* 0 marks a free slot. */
static uint64_t key_of(uint64_t hash)
{
	return hash ? hash : 1;
}

/* The slot of the key, or the free one where it belongs. */
static size_t find(const struct bl_hashes *hashes, uint64_t key)
{
	size_t at = (size_t)key & (hashes->capacity - 1);

	while (hashes->slots[at] && hashes->slots[at] != key)
		at = (at + 1) & (hashes->capacity - 1);
	return at;
}

static int grow(struct bl_hashes *hashes)
{
	struct bl_hashes larger = {.capacity =
					   hashes->capacity ? hashes->capacity * 2 : CAPACITY_MIN};

	larger.slots = calloc(larger.capacity, sizeof(*larger.slots));
	if (!larger.slots)
		return -ENOMEM;
	for (size_t i = 0; i < hashes->capacity; i++)
		if (hashes->slots[i])
			larger.slots[find(&larger, hashes->slots[i])] = hashes->slots[i];
	larger.count = hashes->count;
	free(hashes->slots);
	*hashes = larger;
	return 0;
}

int bl_hashes_add(struct bl_hashes *hashes, uint64_t hash)
{
	uint64_t key = key_of(hash);
	size_t at;

	if (hashes->count * 4 >= hashes->capacity * 3) {
		int r = grow(hashes);

		if (r < 0)
			return r;
	}
	at = find(hashes, key);
	if (!hashes->slots[at]) {
		hashes->slots[at] = key;
		hashes->count++;
	}
	return 0;
}

bool bl_hashes_has(const struct bl_hashes *hashes, uint64_t hash)
{
	uint64_t key = key_of(hash);

	return hashes->capacity && hashes->slots[find(hashes, key)] == key;
}
