/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How many answers a client may have: a bucket of tokens an address, in a table of fixed size. */
#ifndef DNS_LIMIT_H
#define DNS_LIMIT_H

#include "base/addr.h"

struct bl_dns_limit;

/* `rate` answers a second, and as many at once; 0: no limit. */
int bl_dns_limit_new(uint32_t rate, struct bl_dns_limit **ret);
struct bl_dns_limit *bl_dns_limit_free(struct bl_dns_limit *limit);
/* One more for this client at this time? Clients of loopback addresses are not limited: nobody else
 * can send with those. */
bool bl_dns_limit_admit(struct bl_dns_limit *limit, const struct bl_addr *client, uint64_t now_us);

#endif
