/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <criterion/criterion.h>
#include <string.h>

#include "dns/cache.h"
#include "dns/knot.h"
#include "fixture.h"

#define SECOND 1000000ull

/* A query, and an answer to it with one A record or an SOA. */
struct exchange {
	uint8_t query[600];
	size_t query_len;
	uint8_t answer[1200];
	size_t len;
};

static void put_record(knot_pkt_t *packet, const char *owner, uint16_t type, uint32_t ttl)
{
	static const uint8_t soa[] = "\x00\x00\x00\x00\x00\x01\x00\x00\x00\x02\x00\x00\x00\x03"
				     "\x00\x00\x00\x04\x00\x00\x00\x0a"; /* minimum 10 */
	knot_rrset_t records;
	knot_dname_t *name = knot_dname_from_str_alloc(owner);

	knot_rrset_init(&records, name, type, KNOT_CLASS_IN, ttl);
	if (type == KNOT_RRTYPE_SOA)
		cr_assert_eq(knot_rrset_add_rdata(&records, soa, 22, NULL), 0);
	else
		cr_assert_eq(knot_rrset_add_rdata(&records, (const uint8_t *)"\xc0\x00\x02\x01", 4,
						  NULL),
			     0);
	cr_assert_eq(knot_pkt_put(packet, 0, &records, 0), KNOT_EOK);
	knot_rrset_clear(&records, NULL);
}

static struct exchange exchange_of(const char *name, uint8_t rcode, uint16_t type, uint32_t ttl)
{
	struct exchange exchange = {0};
	const struct dns_options options = {0};
	knot_pkt_t *query, *answer;

	exchange.query_len = dns_query(name, "A", &options, exchange.query, sizeof(exchange.query));
	query = knot_pkt_new(exchange.query, (uint16_t)exchange.query_len, NULL);
	answer = knot_pkt_new(exchange.answer, sizeof(exchange.answer), NULL);
	cr_assert_eq(knot_pkt_parse(query, 0), KNOT_EOK);
	cr_assert_eq(knot_pkt_init_response(answer, query), KNOT_EOK);
	knot_wire_set_rcode(exchange.answer, rcode);
	knot_pkt_begin(answer, KNOT_ANSWER);
	if (type == KNOT_RRTYPE_SOA)
		knot_pkt_begin(answer, KNOT_AUTHORITY);
	if (type)
		put_record(answer, name, type, ttl);
	exchange.len = answer->size;
	knot_pkt_free(query);
	knot_pkt_free(answer);
	return exchange;
}

static bool put(struct bl_dns_cache *cache, const struct exchange *exchange, uint64_t now_us)
{
	return bl_dns_cache_put(cache, exchange->query, exchange->query_len, exchange->answer,
				exchange->len, now_us);
}

struct keep_row {
	uint8_t rcode;
	uint16_t type;
	uint32_t ttl;
	uint32_t lives_s; /* 0: it is not kept */
};

Test(cache, keeps_an_answer_as_long_as_it_says)
{
	static const struct keep_row rows[] = {
		{KNOT_RCODE_NOERROR, KNOT_RRTYPE_A, 60, 60},
		{KNOT_RCODE_NOERROR, KNOT_RRTYPE_A, 0, 0},
		{KNOT_RCODE_NOERROR, KNOT_RRTYPE_A, 100000, 3600},
		{KNOT_RCODE_NXDOMAIN, KNOT_RRTYPE_SOA, 100, 10},
		{KNOT_RCODE_NXDOMAIN, KNOT_RRTYPE_SOA, 3, 3},
		{KNOT_RCODE_NOERROR, KNOT_RRTYPE_SOA, 100, 10},
		{KNOT_RCODE_NXDOMAIN, 0, 0, 0},
		{KNOT_RCODE_NOERROR, 0, 0, 0},
		{KNOT_RCODE_SERVFAIL, 0, 0, 0},
		{KNOT_RCODE_REFUSED, KNOT_RRTYPE_SOA, 100, 0},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct exchange exchange =
			exchange_of("www.example.org", rows[i].rcode, rows[i].type, rows[i].ttl);
		struct bl_dns_cache *cache;
		uint8_t out[1200];
		uint64_t lives_us = rows[i].lives_s * SECOND;

		cr_assert_eq(bl_dns_cache_new(10, 100000, &cache), 0);
		cr_expect_eq(put(cache, &exchange, SECOND), lives_us != 0, "row %zu", i);
		cr_expect_eq(bl_dns_cache_get(cache, exchange.query, exchange.query_len,
					      SECOND + lives_us - (lives_us > 0), out,
					      sizeof(out)) != 0,
			     lives_us != 0, "row %zu", i);
		cr_expect_eq(bl_dns_cache_get(cache, exchange.query, exchange.query_len,
					      SECOND + lives_us, out, sizeof(out)),
			     0u, "row %zu", i);
		cr_expect_eq(bl_dns_cache_count(cache), 0u, "row %zu", i);
		bl_dns_cache_free(cache);
	}
}

Test(cache, answer_takes_identity_spelling_and_age)
{
	struct exchange exchange =
		exchange_of("www.example.org", KNOT_RCODE_NOERROR, KNOT_RRTYPE_A, 60);
	const struct dns_options plain = {0}, edns = {.edns = true};
	struct bl_dns_cache *cache;
	uint8_t query[600], out[1200];
	size_t len = dns_query("WWW.Example.ORG", "A", &plain, query, sizeof(query));
	_cleanup_free_ char *text = NULL;

	cr_assert_eq(bl_dns_cache_new(10, 100000, &cache), 0);
	cr_assert(put(cache, &exchange, 0));
	query[0] = 0xab;
	len = bl_dns_cache_get(cache, query, len, 20 * SECOND, out, sizeof(out));
	cr_assert_gt(len, 0u);
	cr_expect_eq(out[0], 0xab);
	text = dns_text(out, len);
	cr_expect_str_eq(text, "NOERROR\nWWW.Example.ORG. 40 A 192.0.2.1\n", "%s", text);
	cr_expect_eq(bl_dns_cache_get(cache, query, 30, 0, out, 20), 0u, "no room");
	len = dns_query("www.example.org", "A", &edns, query, sizeof(query));
	cr_expect_eq(bl_dns_cache_get(cache, query, len, 0, out, sizeof(out)), 0u,
		     "with EDNS it is another question");
	len = dns_query("www.example.org", "AAAA", &plain, query, sizeof(query));
	cr_expect_eq(bl_dns_cache_get(cache, query, len, 0, out, sizeof(out)), 0u);
	bl_dns_cache_free(cache);
}

Test(cache, least_recently_asked_goes_first)
{
	struct bl_dns_cache *cache;
	uint8_t out[1200];
	struct exchange a = exchange_of("a.example", 0, KNOT_RRTYPE_A, 60);
	struct exchange b = exchange_of("b.example", 0, KNOT_RRTYPE_A, 60);
	struct exchange c = exchange_of("c.example", 0, KNOT_RRTYPE_A, 60);

	cr_assert_eq(bl_dns_cache_new(2, 100000, &cache), 0);
	cr_assert(put(cache, &a, 0) && put(cache, &b, 0));
	cr_expect_gt(bl_dns_cache_get(cache, a.query, a.query_len, 0, out, sizeof(out)), 0u);
	cr_assert(put(cache, &c, 0));
	cr_expect_eq(bl_dns_cache_get(cache, b.query, b.query_len, 0, out, sizeof(out)), 0u);
	cr_expect_gt(bl_dns_cache_get(cache, a.query, a.query_len, 0, out, sizeof(out)), 0u);
	cr_assert(put(cache, &c, 0));
	cr_expect_eq(bl_dns_cache_count(cache), 2u);
	bl_dns_cache_free(cache);

	cr_assert_eq(bl_dns_cache_new(1000, 4000, &cache), 0);
	for (unsigned int i = 0; i < 100; i++) {
		char name[32];
		struct exchange one;

		(void)snprintf(name, sizeof(name), "n%u.example", i);
		one = exchange_of(name, 0, KNOT_RRTYPE_A, 60);
		cr_assert(put(cache, &one, 0));
		cr_assert_leq(bl_dns_cache_bytes(cache), 4000u);
	}
	bl_dns_cache_free(cache);
}
