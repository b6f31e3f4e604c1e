/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Lookup tables of Maglev (Eisenbud et al., NSDI 2016): index by a flow's hash, find the backend.
 * A table hangs on the addresses, ports and weights of the backends alone, so that every node that
 * has the same backends sends a flow to the same one, and few entries move when a backend comes or
 * goes. Pure; knows nothing of ids.
 */
#ifndef PLAN_MAGLEV_H
#define PLAN_MAGLEV_H

#include <stddef.h>
#include <stdint.h>

#include "beeline/abi.h"

struct bl_maglev_member {
	union bl_ip address;
	uint16_t port;   /* host order */
	uint16_t weight; /* relative; 0: gets nothing unless all have 0 */
};

/* Numbers of members fit in an entry. */
#define BL_MAGLEV_MEMBERS_MAX 65535u

/*
 * Entries of a table for so many members: a prime, and 1 for a single one, 0 for none. There are
 * few sizes, because a table of another size puts every flow elsewhere: up to 5, 20, 163 and
 * more members, with at least fifty entries for each as far as the largest goes, so that shares
 * differ by 2 % at most.
 */
uint32_t bl_maglev_size(size_t members);

/*
 * Fills `entries` with numbers of members, which stand in any order that is the same on all nodes
 * (sorted by address and port). -ENOMEM; -E2BIG beyond BL_MAGLEV_MEMBERS_MAX.
 */
int bl_maglev_fill(const struct bl_maglev_member *members, size_t count, uint16_t *entries,
		   uint32_t size);

#endif
