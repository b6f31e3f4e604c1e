/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plan/maglev.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

/* Two seeds make two independent hashes of a member. */
#define SEED_OFFSET 0x9ae16a3b2f90404full
#define SEED_SKIP 0xc949c7defebd3f8bull

/* Where a member is on its own permutation of the table, and how far it goes each step. */
struct walker {
	uint32_t next;
	uint32_t skip;
	uint32_t credit; /* of turns, in parts of the largest weight */
	uint32_t weight;
};

uint32_t bl_maglev_size(size_t members)
{
	static const struct {
		size_t members; /* at most */
		uint32_t size;
	} sizes[] = {{0, 0}, {1, 1}, {5, 251}, {20, 1021}, {163, 8191}, {1310, 65521}};

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
		if (members <= sizes[i].members)
			return sizes[i].size;
	return sizes[ARRAY_SIZE(sizes) - 1].size;
}

static uint64_t mix(uint64_t hash, uint64_t word)
{
	hash = (hash ^ word) * 0xd6e8feb86659fd93ull;
	return hash ^ hash >> 32;
}

static uint64_t hash_member(const struct bl_maglev_member *member, uint64_t seed)
{
	uint64_t words[2];
	uint64_t hash = seed;

	memcpy(words, member->address.ipv6, sizeof(words));
	hash = mix(hash, words[0]);
	hash = mix(hash, words[1]);
	hash = mix(hash, member->port);
	return mix(hash, hash >> 32);
}

static void place_walker(const struct bl_maglev_member *member, uint32_t size, uint32_t weight,
			 struct walker *ret)
{
	*ret = (struct walker){
		.next = (uint32_t)(hash_member(member, SEED_OFFSET) % size),
		.skip = size > 1 ? (uint32_t)(hash_member(member, SEED_SKIP) % (size - 1)) + 1 : 0,
		.weight = weight,
	};
}

/* The size is prime, so a walk that still finds a free entry visits every one. */
static uint32_t take_entry(struct walker *walker, const bool *taken, uint32_t size)
{
	uint32_t entry;

	while (taken[walker->next])
		walker->next = (uint32_t)(((uint64_t)walker->next + walker->skip) % size);
	entry = walker->next;
	walker->next = (uint32_t)(((uint64_t)entry + walker->skip) % size);
	return entry;
}

/* Rounds in which each member takes one entry as often as its share of the largest weight says. */
static void fill(struct walker *walkers, size_t count, uint32_t largest, bool *taken,
		 uint16_t *entries, uint32_t size)
{
	uint32_t filled = 0;

	while (filled < size) {
		for (size_t i = 0; i < count && filled < size; i++) {
			uint32_t entry;

			walkers[i].credit += walkers[i].weight;
			if (walkers[i].credit < largest)
				continue;
			walkers[i].credit -= largest;
			entry = take_entry(&walkers[i], taken, size);
			taken[entry] = true;
			entries[entry] = (uint16_t)i;
			filled++;
		}
	}
}

int bl_maglev_fill(const struct bl_maglev_member *members, size_t count, uint16_t *entries,
		   uint32_t size)
{
	_cleanup_free_ struct walker *walkers = NULL;
	_cleanup_free_ bool *taken = NULL;
	uint32_t largest = 0;

	if (count == 0 || size == 0)
		return 0;
	if (count > BL_MAGLEV_MEMBERS_MAX)
		return -E2BIG;
	walkers = calloc(count, sizeof(*walkers));
	taken = calloc(size, sizeof(*taken));
	if (!walkers || !taken)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		if (members[i].weight > largest)
			largest = members[i].weight;
	for (size_t i = 0; i < count; i++)
		place_walker(&members[i], size, largest > 0 ? members[i].weight : 1, &walkers[i]);
	fill(walkers, count, largest > 0 ? largest : 1, taken, entries, size);
	return 0;
}
