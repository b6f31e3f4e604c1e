/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How many flows a CPU may make: a bucket of tokens, filled as time goes by. A flood of new flows
 * ends here, before it pushes established ones out of the maps.
 */
#ifndef BPF_GUARD_H
#define BPF_GUARD_H

#include "bucket.h"
#include "packet_maps.h"

static __always_inline bool bl_guard_admits(__u64 now_ns)
{
	__u32 zero = 0;
	struct bl_packet_guard *guard;

	if (!tunables.new_flows_per_s)
		return true;
	guard = bpf_map_lookup_elem(&packet_guard, &zero);
	return !guard ||
	       bl_bucket_take(guard, tunables.new_flows_per_s, tunables.new_flows_burst, now_ns);
}

#endif
