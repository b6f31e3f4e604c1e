/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How many flows a CPU may make, and how many answers it may give: a bucket of tokens, filled as
 * time goes by. A flood of new flows ends here, before it pushes established ones out of the maps.
 */
#ifndef BPF_GUARD_H
#define BPF_GUARD_H

#include "bucket.h"
#include "clock.h"
#include "packet_maps.h"

static __always_inline bool bl_guard_admits(__u64 now_ns)
{
	__u32 index = BL_PACKET_GUARD_FLOWS;
	struct bl_packet_guard *guard;

	if (!tunables.new_flows_per_s)
		return true;
	guard = bpf_map_lookup_elem(&packet_guard, &index);
	return !guard ||
	       bl_bucket_take(guard, tunables.new_flows_per_s, tunables.new_flows_burst, now_ns);
}

/*
 * The same for RST and ICMP errors, as the kernel bounds its own (icmp_msgs_per_sec): a flood of
 * what is refused, with other people's addresses as sources, must not become a flood of answers.
 */
static __always_inline bool bl_guard_answers(void)
{
	__u32 index = BL_PACKET_GUARD_ANSWERS;
	struct bl_packet_guard *guard;

	if (!tunables.answers_per_s)
		return true;
	guard = bpf_map_lookup_elem(&packet_guard, &index);
	return !guard ||
	       bl_bucket_take(guard, tunables.answers_per_s, tunables.answers_burst, bl_now_ns());
}

#endif
