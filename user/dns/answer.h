/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One DNS message in, one out: from the zone where the name is ours, a refusal where the question
 * is none that we take, and a word that somebody else must answer. Pure: knows no sockets and no
 * upstreams. Each thread has its own answerer and reader slot.
 */
#ifndef DNS_ANSWER_H
#define DNS_ANSWER_H

#include "dns/knot.h"

#include "dns/zone.h"

#define BL_DNS_UDP_MAX                                                                             \
	1232u /* what we send and take over UDP: no fragments (DNS flag day 2020)                  \
	       */
#define BL_DNS_TCP_MAX 65535u

struct bl_dns_answerer {
	struct bl_dns_zone *zone;
	unsigned int reader;
	bool forwards;          /* there is somebody to ask for other names */
	uint16_t turn;          /* by which records are rotated; goes on with each answer */
	struct bl_arena *arena; /* of one message */
	knot_mm_t memory;
};

int bl_dns_answerer_init(struct bl_dns_answerer *answerer, struct bl_dns_zone *zone,
			 unsigned int reader, bool forwards);
void bl_dns_answerer_done(struct bl_dns_answerer *answerer);

enum bl_dns_verdict {
	BL_DNS_DROP,    /* no answer: it is no question */
	BL_DNS_REPLY,   /* `out` is the answer */
	BL_DNS_FORWARD, /* somebody else's name: `out` holds nothing */
	/* `out` is an alias (CNAME) to somebody else's name, `target`, whose records belong behind
	 * it: bl_dns_answer_join. It may be sent as it is when they cannot be had. */
	BL_DNS_CHASE,
};

struct bl_dns_reply {
	uint8_t *out; /* the caller's, of `room` bytes */
	size_t room;
	size_t len;
	uint8_t target[BL_DNS_NAME_MAX + 1];
	uint16_t type; /* asked for */
	uint16_t rcode;
};

enum bl_dns_verdict bl_dns_answer(struct bl_dns_answerer *answerer, const uint8_t *query,
				  size_t len, bool is_tcp, struct bl_dns_reply *reply);

/* A reply to `query` with that code and nothing else: for SERVFAIL and REFUSED. */
void bl_dns_answer_code(struct bl_dns_answerer *answerer, const uint8_t *query, size_t len,
			bool is_tcp, uint16_t rcode, struct bl_dns_reply *reply);

/* Is it a message whose records are all there? Nothing else is handed on. */
bool bl_dns_answer_is_whole(struct bl_dns_answerer *answerer, const uint8_t *bytes, size_t len);

/* The records of `alias`, an answer to `query` that ended in BL_DNS_CHASE, with those of `found`
 * behind them. -EBADMSG when the latter is no proper message; `reply` may hold anything then. */
int bl_dns_answer_join(struct bl_dns_answerer *answerer, const uint8_t *query, size_t len,
		       bool is_tcp, const uint8_t *alias, size_t alias_len, const uint8_t *found,
		       size_t found_len, struct bl_dns_reply *reply);

#endif
