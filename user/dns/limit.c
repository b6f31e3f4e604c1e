/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "dns/limit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define SLOTS 4096u
#define WAYS 4u

struct slot {
	struct bl_addr client;
	uint64_t since_us;
	double tokens;
};

struct bl_dns_limit {
	uint32_t rate;
	uint64_t seed;
	struct slot slots[SLOTS];
};

int bl_dns_limit_new(uint32_t rate, struct bl_dns_limit **ret)
{
	struct bl_dns_limit *limit = calloc(1, sizeof(*limit));

	if (!limit)
		return -ENOMEM;
	limit->rate = rate;
	if (getrandom(&limit->seed, sizeof(limit->seed), GRND_NONBLOCK) < 0)
		limit->seed = (uint64_t)(uintptr_t)limit;
	*ret = limit;
	return 0;
}

struct bl_dns_limit *bl_dns_limit_free(struct bl_dns_limit *limit)
{
	free(limit);
	return NULL;
}

/* The client's slot, or the one of its few places that was not used for longest. */
static struct slot *find_slot(struct bl_dns_limit *limit, const struct bl_addr *client)
{
	uint64_t words[2], hash = limit->seed;
	struct slot *first, *oldest;

	memcpy(words, &client->ip, sizeof(words));
	for (size_t i = 0; i < 2; i++) {
		hash = (hash ^ words[i]) * 0xd6e8feb86659fd93u;
		hash ^= hash >> 32;
	}
	first = &limit->slots[hash % (SLOTS / WAYS) * WAYS];
	oldest = first;
	for (size_t i = 0; i < WAYS; i++) {
		if (bl_addr_equal(&first[i].client, client))
			return &first[i];
		if (first[i].since_us < oldest->since_us)
			oldest = &first[i];
	}
	*oldest = (struct slot){.client = *client};
	return oldest;
}

bool bl_dns_limit_admit(struct bl_dns_limit *limit, const struct bl_addr *client, uint64_t now_us)
{
	struct slot *slot;

	if (!limit->rate || bl_addr_is_loopback(client))
		return true;
	slot = find_slot(limit, client);
	if (!slot->since_us)
		slot->tokens = limit->rate;
	else if (now_us > slot->since_us)
		slot->tokens += (double)(now_us - slot->since_us) * limit->rate / 1e6;
	slot->since_us = now_us;
	if (slot->tokens > limit->rate)
		slot->tokens = limit->rate;
	if (slot->tokens < 1)
		return false;
	slot->tokens -= 1;
	return true;
}
