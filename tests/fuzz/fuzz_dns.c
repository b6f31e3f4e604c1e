/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any message to the DNS answerer, the cache and the joining of aliases. What comes out must be a
 * proper message with the query's identity that fits where it must. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dns/answer.h"
#include "dns/cache.h"
#include "model/codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char objects[] =
	"apiVersion: v1\nkind: Namespace\nmetadata: {name: default}\n---\n"
	"apiVersion: v1\nkind: Service\nmetadata: {name: web}\n"
	"spec: {clusterIP: 10.96.0.7, ports: [{name: http, port: 80}]}\n---\n"
	"apiVersion: v1\nkind: Service\nmetadata: {name: out}\n"
	"spec: {type: ExternalName, externalName: www.example.org}\n---\n"
	"apiVersion: v1\nkind: Service\nmetadata: {name: in}\n"
	"spec: {type: ExternalName, externalName: set.default.svc.cluster.local}\n---\n"
	"apiVersion: v1\nkind: Service\nmetadata: {name: set}\n"
	"spec: {clusterIP: None, ports: [{name: http, port: 80}]}\n---\n"
	"apiVersion: v1\nkind: Endpoints\nmetadata: {name: set}\nsubsets:\n"
	"- ports: [{name: http, port: 8080}]\n"
	"  addresses: [{ip: 10.0.0.1, hostname: one}, {ip: 10.0.0.2}, {ip: 'fd00::3'}]\n---\n"
	"apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n"
	"spec: {containers: [{name: c}]}\nstatus: {podIP: 10.0.0.1}\n";

static struct bl_dns_zone zone;
static struct bl_dns_answerer answerer;
static struct bl_dns_cache *cache;

static void prepare(void)
{
	struct bl_prefix owned[2];
	struct bl_dns_zone_config config = {.serial = 1, .owned = owned, .owned_count = 2};
	struct bl_object_list list = {0};
	struct bl_diag diag = BL_DIAG_INIT;
	struct bl_store *store;

	if (cache)
		return;
	if (bl_prefix_parse("10.96.0.0/16", &owned[0]) < 0 ||
	    bl_prefix_parse("fd00:10:96::/112", &owned[1]) < 0 || bl_store_new(&store) < 0 ||
	    bl_dns_zone_init(&zone, &config, NULL) < 0 ||
	    bl_decode("fuzz", objects, strlen(objects), &bl_limits_default, 0, &list, &diag) < 0)
		abort();
	for (size_t i = 0; i < list.count; i++)
		if (bl_store_put(store, list.items[i], 1, NULL) < 0)
			abort();
	if (bl_dns_zone_fill(&zone, store, NULL) < 0 || bl_dns_zone_publish(&zone) < 0 ||
	    bl_dns_answerer_init(&answerer, &zone, 0, true) < 0 ||
	    bl_dns_cache_new(64, 1u << 20, &cache) < 0)
		abort();
	bl_object_list_done(&list);
	bl_diag_done(&diag);
	bl_store_free(store);
}

static void check_head(const uint8_t *query, const struct bl_dns_reply *reply)
{
	if (reply->len < KNOT_WIRE_HEADER_SIZE || reply->len > reply->room ||
	    memcmp(reply->out, query, 2) != 0 || !knot_wire_get_qr(reply->out))
		abort();
}

static void check(const uint8_t *query, const struct bl_dns_reply *reply)
{
	knot_pkt_t *packet;

	check_head(query, reply);
	packet = knot_pkt_new(reply->out, (uint16_t)reply->len, NULL);
	if (!packet || knot_pkt_parse(packet, KNOT_PF_KEEPWIRE) != KNOT_EOK)
		abort();
	knot_pkt_free(packet);
}

/* The first byte says how; the next where the second message begins. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t out[BL_DNS_TCP_MAX], joined[BL_DNS_TCP_MAX];
	bool is_tcp = size && data[0] & 1;
	struct bl_dns_reply reply = {.out = out, .room = is_tcp ? sizeof(out) : BL_DNS_UDP_MAX};
	struct bl_dns_reply second = {.out = joined, .room = reply.room};
	enum bl_dns_verdict verdict;
	size_t query_len;

	prepare();
	if (size < 2)
		return 0;
	query_len = size - 2 < data[1] ? size - 2 : data[1];
	const uint8_t *query = data + 2, *found = query + query_len;
	size_t found_len = size - 2 - query_len;

	answerer.forwards = !(data[0] & 2);
	verdict = bl_dns_answer(&answerer, query, query_len, is_tcp, &reply);
	if (verdict == BL_DNS_REPLY || verdict == BL_DNS_CHASE)
		check(query, &reply);
	if (verdict == BL_DNS_CHASE &&
	    bl_dns_answer_join(&answerer, query, query_len, is_tcp, out, reply.len, found,
			       found_len, &second) == 0)
		check(query, &second);
	if (verdict == BL_DNS_FORWARD &&
	    bl_dns_cache_put(cache, query, query_len, found, found_len, 0)) {
		if (!bl_dns_answer_is_whole(&answerer, found, found_len))
			abort();
		second.len =
			bl_dns_cache_get(cache, query, query_len, 1000001, joined, sizeof(joined));
		/* A stranger's names may lead into the head, which is another one now. */
		if (second.len)
			check_head(query, &second);
	}
	return 0;
}
