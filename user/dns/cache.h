/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Answers of others, as they came, for as long as they say. A question is its name (in any case),
 * type and what of EDNS changes the answer. Bounded in entries and bytes; the one that was not
 * asked for longest goes first. One thread.
 */
#ifndef DNS_CACHE_H
#define DNS_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bl_dns_cache;

int bl_dns_cache_new(size_t entries_max, size_t bytes_max, struct bl_dns_cache **ret);
struct bl_dns_cache *bl_dns_cache_free(struct bl_dns_cache *cache);

/* Keeps `answer` to `query` when it may be kept: whole, NOERROR or NXDOMAIN, with a time to live,
 * and to the same question. True when it was. The query must have a whole head. */
bool bl_dns_cache_put(struct bl_dns_cache *cache, const uint8_t *query, size_t query_len,
		      const uint8_t *answer, size_t len, uint64_t now_us);
/* Writes the answer with the query's identity and spelling and with what is left of its times to
 * live. 0: none, or no room. */
size_t bl_dns_cache_get(struct bl_dns_cache *cache, const uint8_t *query, size_t query_len,
			uint64_t now_us, uint8_t *out, size_t room);
size_t bl_dns_cache_count(const struct bl_dns_cache *cache);
size_t bl_dns_cache_bytes(const struct bl_dns_cache *cache);

#endif
