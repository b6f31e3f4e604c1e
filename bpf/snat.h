/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Ports under which flows go on: of the node's own address, or of the client's where two of its
 * connections would look alike to the backend. A port is free towards one backend when no answer
 * from there to it is expected, so claiming one is making the entry of the answer. The same port
 * serves any number of backends.
 */
#ifndef BPF_SNAT_H
#define BPF_SNAT_H

#include "flow.h"
#include "flow_store.h"
#include "pool.h"

struct bl_snat_claim {
	struct bl_direction *answer; /* of which from.destination_port is looked for */
	__u64 now_ns;
	__u32 start; /* decides the order of the tries */
	int result;  /* 0 when a port was claimed */
};

/* Whether another client's or frontend's flow at the place has the key of this entry, and is still
 * wanted. */
static __always_inline bool bl_answer_is_taken(int place, const struct bl_direction *answer,
					       __u64 now_ns)
{
	struct bl_scratch *s = bl_scratch_get();
	/* Not on the stack, of which the callers leave little. */
	const struct bl_flow *holder = s ? bl_flow_at(place, &answer->from, &s->ends) : NULL;

	return holder && bl_flow_is_taken(holder, answer->from.protocol, now_ns) &&
	       !bl_tuple_equal(&s->ends, &answer->to);
}

static __always_inline int bl_answer_claim_in(struct bl_direction *answer, __u64 now_ns,
					      __u8 family)
{
	int place;

	answer->hash = bl_tuple_hash_in(&answer->from, family);
	place = bl_flow_place_but(&answer->from, answer->hash, BL_FLOW_NOWHERE, family);
	if (bl_answer_is_taken(place, answer, now_ns))
		return -1;
	bl_flow_delete_at(place, answer->hash, family);
	if (bl_flow_claim_waiting(answer))
		return -1;
	/* Another CPU may make the same: whoever sees the other's gives in. */
	if (!bl_flow_has_rival(answer, family))
		return 0;
	bl_flow_unclaim(answer);
	return -1;
}

/* Claims a place for the entry of what a backend answers. Not 0: another flow has its key. */
int bl_answer_claim(struct bl_direction *answer, __u64 now_ns);

__noinline int bl_answer_claim(struct bl_direction *answer, __u64 now_ns)
{
	if (!answer)
		return -1;
	return answer->from.family == BL_FAMILY_IPV4
		       ? bl_answer_claim_in(answer, now_ns, BL_FAMILY_IPV4)
		       : bl_answer_claim_in(answer, now_ns, BL_FAMILY_IPV6);
}

static long bl_snat_try(__u32 i, void *context)
{
	struct bl_snat_claim *claim = context;

	claim->answer->from.destination_port =
		bpf_htons(bl_pool_port(tunables.snat_first, tunables.snat_last, claim->start, i));
	claim->result = bl_answer_claim(claim->answer, claim->now_ns);
	return !claim->result;
}

/* Fills answer->from.destination_port and claims a place for the answer. Not 0: no port is free,
 * after BL_POOL_TRIES. */
static __always_inline int bl_snat_claim(struct bl_direction *answer, __u32 hash, __u64 now_ns)
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
