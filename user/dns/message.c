/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "dns/message.h"

#include <errno.h>

#include "dns/answer.h"

static size_t limit_of(const knot_pkt_t *query, bool is_tcp, size_t room)
{
	size_t limit = BL_DNS_TCP_MAX;

	if (!is_tcp) {
		limit = KNOT_WIRE_MIN_PKTSIZE;
		if (knot_pkt_has_edns(query) && knot_edns_get_payload(query->opt_rr) > limit)
			limit = knot_edns_get_payload(query->opt_rr);
		if (limit > BL_DNS_UDP_MAX)
			limit = BL_DNS_UDP_MAX;
	}
	return limit < room ? limit : room;
}

int bl_dns_message_begin(struct bl_dns_message *message, knot_pkt_t *query, bool is_tcp,
			 bool recursion, uint8_t *out, size_t room, knot_mm_t *memory)
{
	*message = (struct bl_dns_message){.query = query, .is_ours = true};
	message->answer = knot_pkt_new(out, (uint16_t)limit_of(query, is_tcp, room), memory);
	if (!message->answer)
		return -ENOMEM;
	if (knot_pkt_init_response(message->answer, query) != KNOT_EOK)
		return -ENOBUFS;
	if (recursion)
		knot_wire_set_ra(message->answer->wire);
	if (knot_pkt_has_edns(query)) {
		if (knot_edns_init(&message->opt, BL_DNS_UDP_MAX, 0, 0, memory) != KNOT_EOK)
			return -ENOMEM;
		if (knot_pkt_reserve(message->answer,
				     (uint16_t)knot_edns_wire_size(&message->opt)) != KNOT_EOK)
			return -ENOBUFS;
	}
	return knot_pkt_begin(message->answer, KNOT_ANSWER) == KNOT_EOK ? 0 : -ENOBUFS;
}

static int put(struct bl_dns_message *message, const knot_dname_t *owner, uint16_t type,
	       const knot_rdataset_t *set, uint16_t flags)
{
	knot_rrset_t records;

	if (!set->count)
		return KNOT_EOK;
	knot_rrset_init(&records,
			(knot_dname_t *)(uintptr_t)(owner ? owner : knot_pkt_qname(message->query)),
			type, KNOT_CLASS_IN, BL_DNS_TTL_S);
	records.rrs = *set;
	return knot_pkt_put_rotate(message->answer,
				   owner ? KNOT_COMPR_HINT_NONE : KNOT_COMPR_HINT_QNAME, &records,
				   (uint16_t)(message->turn % set->count), flags);
}

void bl_dns_message_add(struct bl_dns_message *message, const knot_dname_t *owner, uint16_t type,
			const knot_rdataset_t *set)
{
	if (!message->is_full && put(message, owner, type, set, 0) != KNOT_EOK)
		message->is_full = true;
}

bool bl_dns_message_add_extra(struct bl_dns_message *message, const knot_dname_t *owner,
			      uint16_t type, const knot_rdataset_t *set)
{
	return !message->is_full && put(message, owner, type, set, KNOT_PF_NOTRUNC) == KNOT_EOK;
}

void bl_dns_message_copy(struct bl_dns_message *message, knot_pkt_t *from, knot_section_t section)
{
	const knot_pktsection_t *records = knot_pkt_section(from, section);

	for (uint16_t i = 0; i < records->count && !message->is_full; i++)
		if (knot_pkt_put(message->answer, KNOT_COMPR_HINT_NONE, knot_pkt_rr(records, i),
				 0) != KNOT_EOK)
			message->is_full = true;
}

int bl_dns_message_finish(struct bl_dns_message *message)
{
	knot_pkt_t *answer = message->answer;

	if (message->is_full)
		knot_wire_set_tc(answer->wire);
	if (message->is_ours && message->rcode != KNOT_RCODE_REFUSED &&
	    message->rcode != KNOT_RCODE_BADVERS)
		knot_wire_set_aa(answer->wire);
	knot_wire_set_rcode(answer->wire, (uint8_t)(message->rcode & 0xf));
	if (!knot_pkt_has_edns(message->query))
		return 0;
	knot_edns_set_ext_rcode(&message->opt, (uint8_t)(message->rcode >> 4));
	if (knot_pkt_reclaim(answer, (uint16_t)knot_edns_wire_size(&message->opt)) != KNOT_EOK ||
	    (answer->current != KNOT_ADDITIONAL &&
	     knot_pkt_begin(answer, KNOT_ADDITIONAL) != KNOT_EOK))
		return -ENOBUFS;
	return knot_pkt_put(answer, KNOT_COMPR_HINT_NONE, &message->opt, KNOT_PF_NOTRUNC) ==
			       KNOT_EOK
		       ? 0
		       : -ENOBUFS;
}
