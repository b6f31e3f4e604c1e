/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "dns/cache.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "dns/knot.h"
#include "dns/name.h"

#define TTL_MAX_S 3600u
#define NEGATIVE_TTL_MAX_S 300u
#define KEY_MAX (BL_DNS_NAME_MAX + 1 + 4)

struct entry {
	struct entry *newer, *older;
	uint64_t since_us;
	uint32_t ttl_s;
	uint8_t key[KEY_MAX];
	size_t key_len;
	size_t len;
	uint8_t answer[];
};

struct bl_dns_cache {
	struct bl_map *entries;
	struct entry *newest, *oldest;
	size_t entries_max;
	size_t bytes_max;
	size_t bytes;
};

int bl_dns_cache_new(size_t entries_max, size_t bytes_max, struct bl_dns_cache **ret)
{
	struct bl_dns_cache *cache = calloc(1, sizeof(*cache));

	if (!cache || bl_map_new(&cache->entries) < 0) {
		free(cache);
		return -ENOMEM;
	}
	cache->entries_max = entries_max;
	cache->bytes_max = bytes_max;
	*ret = cache;
	return 0;
}

size_t bl_dns_cache_count(const struct bl_dns_cache *cache)
{
	return bl_map_count(cache->entries);
}

size_t bl_dns_cache_bytes(const struct bl_dns_cache *cache)
{
	return cache->bytes;
}

static void unlink_entry(struct bl_dns_cache *cache, struct entry *entry)
{
	*(entry->newer ? &entry->newer->older : &cache->newest) = entry->older;
	*(entry->older ? &entry->older->newer : &cache->oldest) = entry->newer;
}

static void link_newest(struct bl_dns_cache *cache, struct entry *entry)
{
	entry->newer = NULL;
	entry->older = cache->newest;
	*(cache->newest ? &cache->newest->newer : &cache->oldest) = entry;
	cache->newest = entry;
}

static void drop(struct bl_dns_cache *cache, struct entry *entry)
{
	bl_map_remove(cache->entries, entry->key, entry->key_len);
	unlink_entry(cache, entry);
	cache->bytes -= sizeof(*entry) + entry->len;
	free(entry);
}

struct bl_dns_cache *bl_dns_cache_free(struct bl_dns_cache *cache)
{
	if (!cache)
		return NULL;
	while (cache->oldest)
		drop(cache, cache->oldest);
	bl_map_free(cache->entries);
	free(cache);
	return NULL;
}

/* Bytes of the question behind the head; 0: it is not whole. */
static size_t question_len(const uint8_t *message, size_t len)
{
	size_t at = KNOT_WIRE_HEADER_SIZE;

	while (at < len && message[at]) {
		if (message[at] > BL_DNS_LABEL_MAX)
			return 0;
		at += message[at] + 1u;
	}
	at += 5; /* the root, type and class */
	return at > len || at > KNOT_WIRE_HEADER_SIZE + BL_DNS_NAME_MAX + 5
		       ? 0
		       : at - KNOT_WIRE_HEADER_SIZE;
}

/* A query's OPT stands behind its question and nothing else does: its DO bit, or 2 without OPT. */
static uint8_t edns_of(const uint8_t *query, size_t len, size_t question)
{
	const uint8_t *opt = query + KNOT_WIRE_HEADER_SIZE + question;

	if (knot_wire_get_arcount(query) == 0 || KNOT_WIRE_HEADER_SIZE + question + 11 > len ||
	    opt[0] != 0 || knot_wire_read_u16(opt + 1) != KNOT_RRTYPE_OPT)
		return 2;
	return opt[7] >> 7;
}

static size_t make_key(const uint8_t *query, size_t len, uint8_t key[static KEY_MAX])
{
	size_t question = question_len(query, len), size;

	if (!question)
		return 0;
	size = question - 2; /* the class is IN */
	for (size_t i = 0; i < size; i++)
		key[i] = i < size - 2 ? (uint8_t)tolower(query[KNOT_WIRE_HEADER_SIZE + i])
				      : query[KNOT_WIRE_HEADER_SIZE + i];
	key[size] = (uint8_t)(edns_of(query, len, question) << 1);
	key[size] |= knot_wire_get_cd(query) != 0;
	return size + 1;
}

/* What the records of a section live at most; UINT32_MAX: no records. */
static uint32_t section_ttl(knot_pkt_t *packet, knot_section_t section)
{
	const knot_pktsection_t *records = knot_pkt_section(packet, section);
	uint32_t ttl = UINT32_MAX;

	for (uint16_t i = 0; i < records->count; i++) {
		const knot_rrset_t *record = knot_pkt_rr(records, i);

		if (record->type != KNOT_RRTYPE_OPT && record->ttl < ttl)
			ttl = record->ttl;
	}
	return ttl;
}

/* RFC 2308: "no" lives as long as the SOA says; without one it is not kept. */
static uint32_t negative_ttl(knot_pkt_t *packet)
{
	const knot_pktsection_t *records = knot_pkt_section(packet, KNOT_AUTHORITY);

	for (uint16_t i = 0; i < records->count; i++) {
		const knot_rrset_t *record = knot_pkt_rr(records, i);
		uint32_t minimum;

		if (record->type != KNOT_RRTYPE_SOA || !record->rrs.count)
			continue;
		minimum = knot_soa_minimum(record->rrs.rdata);
		minimum = minimum < record->ttl ? minimum : record->ttl;
		return minimum < NEGATIVE_TTL_MAX_S ? minimum : NEGATIVE_TTL_MAX_S;
	}
	return 0;
}

static bool has_type(knot_pkt_t *packet, uint16_t type)
{
	const knot_pktsection_t *records = knot_pkt_section(packet, KNOT_ANSWER);

	for (uint16_t i = 0; i < records->count; i++)
		if (knot_pkt_rr(records, i)->type == type)
			return true;
	return false;
}

static uint32_t packet_ttl(knot_pkt_t *packet)
{
	uint16_t rcode = knot_pkt_ext_rcode(packet);
	uint32_t ttl = TTL_MAX_S;

	if (rcode == KNOT_RCODE_NXDOMAIN || !has_type(packet, knot_pkt_qtype(packet)))
		ttl = negative_ttl(packet);
	for (int section = KNOT_ANSWER; section <= KNOT_ADDITIONAL; section++) {
		uint32_t other = section_ttl(packet, (knot_section_t)section);

		ttl = other < ttl ? other : ttl;
	}
	return ttl;
}

/* Is it an answer, to this question? */
static bool is_answer_to(const uint8_t *query, size_t query_len, const uint8_t *answer, size_t len)
{
	size_t question = question_len(query, query_len);

	if (!question || len > UINT16_MAX || question_len(answer, len) != question ||
	    !knot_wire_get_qr(answer) || knot_wire_get_qdcount(answer) != 1)
		return false;
	for (size_t i = KNOT_WIRE_HEADER_SIZE; i < KNOT_WIRE_HEADER_SIZE + question; i++)
		if (tolower(query[i]) != tolower(answer[i]))
			return false;
	return true;
}

static uint32_t ttl_of(const uint8_t *answer, size_t len)
{
	knot_pkt_t *packet;
	uint16_t rcode;
	uint32_t ttl = 0;

	if (knot_wire_get_tc(answer))
		return 0;
	packet = knot_pkt_new((uint8_t *)(uintptr_t)answer, (uint16_t)len, NULL);
	if (packet && knot_pkt_parse(packet, KNOT_PF_KEEPWIRE | KNOT_PF_NOCANON) == KNOT_EOK) {
		rcode = knot_pkt_ext_rcode(packet);
		if (rcode == KNOT_RCODE_NOERROR || rcode == KNOT_RCODE_NXDOMAIN)
			ttl = packet_ttl(packet);
	}
	knot_pkt_free(packet);
	return ttl;
}

bool bl_dns_cache_put(struct bl_dns_cache *cache, const uint8_t *query, size_t query_len,
		      const uint8_t *answer, size_t len, uint64_t now_us)
{
	size_t size = sizeof(struct entry) + len;
	uint32_t ttl_s = is_answer_to(query, query_len, answer, len) ? ttl_of(answer, len) : 0;
	struct entry *entry, *old;

	if (!ttl_s || size > cache->bytes_max / 4)
		return false;
	entry = malloc(size);
	if (!entry)
		return false;
	*entry = (struct entry){.since_us = now_us, .ttl_s = ttl_s, .len = len};
	memcpy(entry->answer, answer, len);
	entry->key_len = make_key(query, query_len, entry->key);
	old = entry->key_len ? bl_map_get(cache->entries, entry->key, entry->key_len) : NULL;
	if (old)
		drop(cache, old);
	while (cache->oldest && (cache->bytes + size > cache->bytes_max ||
				 bl_dns_cache_count(cache) >= cache->entries_max))
		drop(cache, cache->oldest);
	if (!entry->key_len ||
	    bl_map_put(cache->entries, entry->key, entry->key_len, entry, NULL) < 0) {
		free(entry);
		return false;
	}
	link_newest(cache, entry);
	cache->bytes += size;
	return true;
}

/* Behind a name, compressed or not; 0: there is none. */
static size_t skip_name(const uint8_t *message, size_t len, size_t at)
{
	while (at < len) {
		if (message[at] == 0)
			return at + 1;
		if (message[at] >= 0xc0)
			return at + 2;
		at += message[at] + 1u;
	}
	return 0;
}

/* Takes time away from every record; the answer was parsed when it was put. */
static void age(uint8_t *message, size_t len, size_t at, uint32_t age_s)
{
	unsigned int count = knot_wire_get_ancount(message) + knot_wire_get_nscount(message) +
			     (unsigned int)knot_wire_get_arcount(message);

	for (unsigned int i = 0; i < count; i++) {
		uint32_t ttl;

		at = skip_name(message, len, at);
		if (!at || at + 10 > len)
			return;
		ttl = knot_wire_read_u32(message + at + 4);
		if (knot_wire_read_u16(message + at) != KNOT_RRTYPE_OPT)
			knot_wire_write_u32(message + at + 4, ttl > age_s ? ttl - age_s : 0);
		at += 10u + knot_wire_read_u16(message + at + 8);
	}
}

size_t bl_dns_cache_get(struct bl_dns_cache *cache, const uint8_t *query, size_t query_len,
			uint64_t now_us, uint8_t *out, size_t room)
{
	uint8_t key[KEY_MAX];
	size_t key_len = make_key(query, query_len, key);
	struct entry *entry = key_len ? bl_map_get(cache->entries, key, key_len) : NULL;
	size_t question = question_len(query, query_len);
	uint64_t age_s;

	if (!entry)
		return 0;
	age_s = now_us > entry->since_us ? (now_us - entry->since_us) / 1000000 : 0;
	if (age_s >= entry->ttl_s) {
		drop(cache, entry);
		return 0;
	}
	if (entry->len > room || question_len(entry->answer, entry->len) != question)
		return 0;
	unlink_entry(cache, entry);
	link_newest(cache, entry);
	memcpy(out, entry->answer, entry->len);
	memcpy(out, query, 2);
	memcpy(out + KNOT_WIRE_HEADER_SIZE, query + KNOT_WIRE_HEADER_SIZE, question);
	age(out, entry->len, KNOT_WIRE_HEADER_SIZE + question, (uint32_t)age_s);
	return entry->len;
}
