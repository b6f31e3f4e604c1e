/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A question looked up in the zone; records go into the message. */
#ifndef DNS_LOOKUP_H
#define DNS_LOOKUP_H

#include "dns/message.h"
#include "dns/zone.h"

enum bl_dns_found {
	BL_DNS_FOUND_HERE,      /* the message has the answer, also when it is "no" */
	BL_DNS_FOUND_ELSEWHERE, /* the name is not ours; the message is as before */
	BL_DNS_FOUND_ALIAS,     /* the answer leads to message->target, which is not ours */
};

enum bl_dns_found bl_dns_lookup(const struct bl_dns_zone *zone, struct bl_dns_message *message);
/* There is nobody to ask for a name that is not ours. */
void bl_dns_lookup_refuse(const struct bl_dns_zone *zone, struct bl_dns_message *message);

#endif
