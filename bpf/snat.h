/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Ports of the node's own address for flows that are sent on. A port is free towards one backend
 * when no answer from there to it is expected, so claiming one is making the entry of the answer.
 * The same port serves any number of backends.
 */
#ifndef BPF_SNAT_H
#define BPF_SNAT_H

#include "flow.h"
#include "pool.h"

struct bl_snat_claim {
	struct bl_tuple *answer; /* of which the destination port is looked for */
	struct bl_flow *flow;    /* what is to be stored for it */
	__u64 now_ns;
	__u32 start; /* decides the order of the tries */
	int result;  /* 0 when a port was claimed */
};

static long bl_snat_try(__u32 i, void *context)
{
	struct bl_snat_claim *claim = context;
	const struct bl_flow *holder;

	claim->answer->destination_port =
		bpf_htons(bl_pool_port(tunables.snat_first, tunables.snat_last, claim->start, i));
	claim->result = bl_flow_store(claim->answer, claim->flow, BPF_NOEXIST);
	if (!claim->result)
		return 1;
	holder = bl_flow_find(claim->answer);
	if (!holder || bl_flow_is_taken(holder, claim->answer->protocol, claim->now_ns))
		return 0;
	/* Two may see the same dead holder; the second of them finds the first one's flow. */
	bl_flow_delete(claim->answer);
	claim->result = bl_flow_store(claim->answer, claim->flow, BPF_NOEXIST);
	return claim->result ? 0 : 1;
}

/* Fills answer->destination_port. Not 0: no port is free, after BL_POOL_TRIES. */
static __always_inline int bl_snat_claim(struct bl_tuple *answer, struct bl_flow *flow, __u32 hash,
					 __u64 now_ns)
{
	struct bl_snat_claim claim = {
		.answer = answer,
		.flow = flow,
		.now_ns = now_ns,
		.start = hash,
		.result = -1,
	};

	(void)bpf_loop(BL_POOL_TRIES, bl_snat_try, &claim, 0);
	return claim.result;
}

#endif
