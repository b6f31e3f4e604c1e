/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Ports under which flows go on: of the node's own address, or of the client's where two of its
 * connections would look alike to the backend. A port is free towards one backend when no answer
 * from there to it is expected, so claiming one is making the entry of the answer. The same port
 * serves any number of backends.
 */
#ifndef BPF_SNAT_H
#define BPF_SNAT_H

#include "pending.h"
#include "pool.h"

struct bl_snat_claim {
	struct bl_pending *answer; /* of which from.destination_port is looked for */
	__u64 now_ns;
	__u32 start; /* decides the order of the tries */
	int result;  /* 0 when a port was claimed */
};

/* Whether an established flow of another client or frontend has the key of this entry and is still
 * wanted. Anything else that has it goes. */
int bl_flow_holds(const struct bl_pending *entry, __u64 now_ns);

__noinline int bl_flow_holds(const struct bl_pending *entry, __u64 now_ns)
{
	struct bl_scratch *s = bl_scratch_get();
	const struct bl_flow *holder;

	if (!entry || !s)
		return 1;
	/* Not on the stack, of which the callers leave little. */
	holder = bl_flow_find(&entry->from, &s->waiting.to);
	if (!holder)
		return 0;
	if (bl_flow_is_taken(holder, entry->from.protocol, now_ns) &&
	    !bl_tuple_equal(&s->waiting.to, &entry->to))
		return 1;
	(void)bl_flow_delete(&entry->from);
	return 0;
}

static long bl_snat_try(__u32 i, void *context)
{
	struct bl_snat_claim *claim = context;

	claim->answer->from.destination_port =
		bpf_htons(bl_pool_port(tunables.snat_first, tunables.snat_last, claim->start, i));
	claim->result = bl_pending_store(claim->answer, BPF_NOEXIST, claim->now_ns);
	/* In this order: flows are established before they stop waiting. */
	if (!claim->result && bl_flow_holds(claim->answer, claim->now_ns)) {
		(void)bl_pending_delete(&claim->answer->from);
		claim->result = -1;
	}
	return !claim->result;
}

/* Fills answer->from.destination_port and stores the answer. Not 0: no port is free, after
 * BL_POOL_TRIES. */
static __always_inline int bl_snat_claim(struct bl_pending *answer, __u32 hash, __u64 now_ns)
{
	struct bl_snat_claim claim = {
		.answer = answer,
		.now_ns = now_ns,
		.start = hash,
		.result = -1,
	};

	(void)bpf_loop(BL_POOL_TRIES, bl_snat_try, &claim, 0);
	return claim.result;
}

#endif
