/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "dns/answer.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "dns/lookup.h"
#include "dns/message.h"

static void *allocate(void *arena, size_t size)
{
	return bl_arena_alloc(arena, size);
}

/* All of it goes with the arena. */
static void release(void *memory)
{
	(void)memory;
}

int bl_dns_answerer_init(struct bl_dns_answerer *answerer, struct bl_dns_zone *zone,
			 unsigned int reader, bool forwards)
{
	*answerer = (struct bl_dns_answerer){.zone = zone, .reader = reader, .forwards = forwards};
	answerer->memory.alloc = allocate;
	answerer->memory.free = release;
	if (bl_arena_new_sized(16384, &answerer->arena) < 0)
		return -ENOMEM;
	answerer->memory.ctx = answerer->arena;
	return 0;
}

void bl_dns_answerer_done(struct bl_dns_answerer *answerer)
{
	answerer->arena = bl_arena_free(answerer->arena);
}

/* An answer without even the question, for what cannot be read further than its head. */
static enum bl_dns_verdict answer_head(const uint8_t *query, uint8_t rcode,
				       struct bl_dns_reply *reply)
{
	if (reply->room < KNOT_WIRE_HEADER_SIZE)
		return BL_DNS_DROP;
	memset(reply->out, 0, KNOT_WIRE_HEADER_SIZE);
	memcpy(reply->out, query, 3); /* the identity, and opcode and RD */
	reply->out[2] &= 0x79;        /* without QR, AA and TC */
	reply->out[2] |= 0x80;
	reply->out[3] = rcode;
	reply->len = KNOT_WIRE_HEADER_SIZE;
	reply->rcode = rcode;
	return BL_DNS_REPLY;
}

/* What is wrong with the question, or NOERROR. */
static uint16_t check(const knot_pkt_t *query)
{
	uint16_t type = knot_pkt_qtype(query);

	if (knot_pkt_has_edns(query) && knot_edns_get_version(query->opt_rr) != 0)
		return KNOT_RCODE_BADVERS;
	if (knot_pkt_has_tsig(query) || knot_pkt_qclass(query) != KNOT_CLASS_IN)
		return KNOT_RCODE_REFUSED;
	if (type == KNOT_RRTYPE_AXFR || type == KNOT_RRTYPE_IXFR || type == KNOT_RRTYPE_OPT ||
	    type == 253 || type == 254) /* MAILB, MAILA */
		return KNOT_RCODE_REFUSED;
	return KNOT_RCODE_NOERROR;
}

static enum bl_dns_verdict finish(struct bl_dns_message *message, struct bl_dns_reply *reply)
{
	reply->rcode = message->rcode;
	reply->type = knot_pkt_qtype(message->query);
	if (bl_dns_message_finish(message) < 0)
		return BL_DNS_DROP;
	reply->len = message->answer->size;
	return BL_DNS_REPLY;
}

static enum bl_dns_verdict answer_query(struct bl_dns_answerer *answerer, knot_pkt_t *query,
					bool is_tcp, struct bl_dns_reply *reply)
{
	struct bl_dns_message message;
	enum bl_dns_found found;

	if (bl_dns_message_begin(&message, query, is_tcp, answerer->forwards, reply->out,
				 reply->room, &answerer->memory) < 0)
		return answer_head(query->wire, KNOT_RCODE_SERVFAIL, reply);
	message.turn = answerer->turn++;
	message.rcode = check(query);
	if (message.rcode != KNOT_RCODE_NOERROR)
		return finish(&message, reply);
	message.version = bl_dns_table_enter(answerer->zone->table, answerer->reader);
	found = bl_dns_lookup(answerer->zone, &message);
	if (found == BL_DNS_FOUND_ELSEWHERE && !answerer->forwards)
		bl_dns_lookup_refuse(answerer->zone, &message);
	if (found == BL_DNS_FOUND_ALIAS)
		memcpy(reply->target, message.target, knot_dname_size(message.target));
	bl_dns_table_leave(answerer->zone->table, answerer->reader);
	if (found == BL_DNS_FOUND_ELSEWHERE && answerer->forwards) {
		reply->type = knot_pkt_qtype(query);
		return BL_DNS_FORWARD;
	}
	if (finish(&message, reply) == BL_DNS_DROP)
		return answer_head(query->wire, KNOT_RCODE_SERVFAIL, reply);
	return found == BL_DNS_FOUND_ALIAS && answerer->forwards ? BL_DNS_CHASE : BL_DNS_REPLY;
}

/* Is it a question that has a whole head? `ret` NULL and a reply otherwise. */
static enum bl_dns_verdict parse(struct bl_dns_answerer *answerer, const uint8_t *bytes, size_t len,
				 struct bl_dns_reply *reply, knot_pkt_t **ret)
{
	knot_pkt_t *query;

	*ret = NULL;
	bl_arena_reset(answerer->arena);
	if (len < KNOT_WIRE_HEADER_SIZE || len > BL_DNS_TCP_MAX || knot_wire_get_qr(bytes))
		return BL_DNS_DROP;
	if (knot_wire_get_opcode(bytes) != KNOT_OPCODE_QUERY)
		return answer_head(bytes, KNOT_RCODE_NOTIMPL, reply);
	query = knot_pkt_new((uint8_t *)(uintptr_t)bytes, (uint16_t)len, &answerer->memory);
	if (!query)
		return answer_head(bytes, KNOT_RCODE_SERVFAIL, reply);
	/* Kept as it is: the bytes are the caller's, and are sent on as they came. */
	if (knot_wire_get_qdcount(bytes) != 1 ||
	    knot_pkt_parse(query, KNOT_PF_KEEPWIRE) != KNOT_EOK || !knot_pkt_qname(query))
		return answer_head(bytes, KNOT_RCODE_FORMERR, reply);
	*ret = query;
	return BL_DNS_REPLY;
}

enum bl_dns_verdict bl_dns_answer(struct bl_dns_answerer *answerer, const uint8_t *query,
				  size_t len, bool is_tcp, struct bl_dns_reply *reply)
{
	knot_pkt_t *parsed;
	enum bl_dns_verdict verdict = parse(answerer, query, len, reply, &parsed);

	return parsed ? answer_query(answerer, parsed, is_tcp, reply) : verdict;
}

void bl_dns_answer_code(struct bl_dns_answerer *answerer, const uint8_t *query, size_t len,
			bool is_tcp, uint16_t rcode, struct bl_dns_reply *reply)
{
	struct bl_dns_message message;
	knot_pkt_t *parsed;

	reply->len = 0;
	(void)parse(answerer, query, len, reply, &parsed);
	if (!parsed)
		return;
	if (bl_dns_message_begin(&message, parsed, is_tcp, answerer->forwards, reply->out,
				 reply->room, &answerer->memory) < 0) {
		(void)answer_head(query, (uint8_t)rcode, reply);
		return;
	}
	message.is_ours = false;
	message.rcode = rcode;
	(void)finish(&message, reply);
}

static int parse_answer(struct bl_dns_answerer *answerer, const uint8_t *bytes, size_t len,
			knot_pkt_t **ret)
{
	knot_pkt_t *packet;

	if (len < KNOT_WIRE_HEADER_SIZE || len > BL_DNS_TCP_MAX)
		return -EBADMSG;
	packet = knot_pkt_new((uint8_t *)(uintptr_t)bytes, (uint16_t)len, &answerer->memory);
	if (!packet)
		return -ENOMEM;
	if (knot_pkt_parse(packet, KNOT_PF_KEEPWIRE | KNOT_PF_NOCANON) != KNOT_EOK)
		return -EBADMSG;
	*ret = packet;
	return 0;
}

bool bl_dns_answer_is_whole(struct bl_dns_answerer *answerer, const uint8_t *bytes, size_t len)
{
	knot_pkt_t *packet;

	bl_arena_reset(answerer->arena);
	return parse_answer(answerer, bytes, len, &packet) == 0;
}

int bl_dns_answer_join(struct bl_dns_answerer *answerer, const uint8_t *query, size_t len,
		       bool is_tcp, const uint8_t *alias, size_t alias_len, const uint8_t *found,
		       size_t found_len, struct bl_dns_reply *reply)
{
	knot_pkt_t *parsed, *first = NULL, *second = NULL;
	struct bl_dns_message message;
	int r;

	(void)parse(answerer, query, len, reply, &parsed);
	r = parsed ? parse_answer(answerer, alias, alias_len, &first) : -EBADMSG;
	if (r == 0)
		r = parse_answer(answerer, found, found_len, &second);
	if (r == 0)
		r = bl_dns_message_begin(&message, parsed, is_tcp, true, reply->out, reply->room,
					 &answerer->memory);
	if (r < 0)
		return r;
	assert(first && second);
	message.is_ours = false;
	message.rcode = knot_wire_get_rcode(second->wire);
	bl_dns_message_copy(&message, first, KNOT_ANSWER);
	bl_dns_message_copy(&message, second, KNOT_ANSWER);
	(void)knot_pkt_begin(message.answer, KNOT_AUTHORITY);
	bl_dns_message_copy(&message, second, KNOT_AUTHORITY);
	return finish(&message, reply) == BL_DNS_REPLY ? 0 : -EBADMSG;
}
