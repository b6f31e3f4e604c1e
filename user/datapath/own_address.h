/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which of the node's addresses stands as the source of what is sent on to other nodes. Devices
 * have addresses that come and go (those that keepalived moves, IPv6 addresses that age): flows
 * have to be under one that stays and that other nodes have a route to.
 */
#ifndef DATAPATH_OWN_ADDRESS_H
#define DATAPATH_OWN_ADDRESS_H

#include <stddef.h>

#include "base/addr.h"

struct bl_own_address {
	struct bl_addr address;
	uint32_t ifindex;
	uint8_t bits;   /* of its network */
	uint8_t scope;  /* RT_SCOPE_* */
	uint32_t flags; /* IFA_F_* */
	uint32_t since; /* when it was given: hundredths of a second since the machine's start */
};

/* All of this network namespace, as rtnetlink lists them; the caller frees. Negative errno. */
int bl_own_addresses_read(struct bl_own_address **ret, size_t *ret_count);

/*
 * The best of a family: on one of `devices` (or, with `others`, else on any), in use without
 * reservations, in a network rather than for itself alone, the one that was there first. Neither
 * loopback nor link-local ones. Pure. False: there is none, and `ret` is untouched.
 */
bool bl_own_address_choose(const struct bl_own_address *list, size_t count, const uint32_t *devices,
			   size_t device_count, bool others, uint8_t family, union bl_ip *ret);

#endif
