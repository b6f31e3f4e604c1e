/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A reply while it is written. Records that do not fit truncate it. */
#ifndef DNS_MESSAGE_H
#define DNS_MESSAGE_H

#include "dns/knot.h"

#include "dns/table.h"

struct bl_dns_message {
	knot_pkt_t *query;
	knot_pkt_t *answer;
	const struct bl_dns_version *version; /* what is looked up in */
	knot_rrset_t opt;                     /* when the query has one */
	bool is_ours;                         /* AA */
	bool is_full;                         /* truncated */
	uint16_t rcode;
	uint16_t turn;
	const knot_dname_t *target; /* of an alias that leads out of the zone */
};

/* `room` bytes of `out`, or less when the client or UDP take less. */
int bl_dns_message_begin(struct bl_dns_message *message, knot_pkt_t *query, bool is_tcp,
			 bool recursion, uint8_t *out, size_t room, knot_mm_t *memory);
/* A set into the current section; owner NULL: the name asked for. */
void bl_dns_message_add(struct bl_dns_message *message, const knot_dname_t *owner, uint16_t type,
			const knot_rdataset_t *set);
/* The same for what a client can do without. False when it does not fit. */
bool bl_dns_message_add_extra(struct bl_dns_message *message, const knot_dname_t *owner,
			      uint16_t type, const knot_rdataset_t *set);
/* All records of a section of another message. */
void bl_dns_message_copy(struct bl_dns_message *message, knot_pkt_t *from, knot_section_t section);
int bl_dns_message_finish(struct bl_dns_message *message);

#endif
