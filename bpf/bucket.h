/* SPDX-License-Identifier: GPL-2.0 */
/* A bucket of tokens. Pure. */
#ifndef BPF_BUCKET_H
#define BPF_BUCKET_H

#include <stdbool.h>

#include "beeline/packet.h"

#define BL_BUCKET_FULL_NS 60000000000ull /* longer pauses fill no more, nor overflow a product */
#define BL_BUCKET_SECOND_NS 1000000000ull

/* Takes one token out, if there is one. A bucket of zeros is a full one. */
static inline bool bl_bucket_take(struct bl_packet_guard *bucket, __u32 per_s, __u32 burst,
				  __u64 now_ns)
{
	/* XDP and tc share a CPU's bucket, and one may be ahead of the other by a jiffy. */
	__u64 passed_ns = now_ns > bucket->filled_ns ? now_ns - bucket->filled_ns : 0, more;

	if (!bucket->filled_ns || passed_ns > BL_BUCKET_FULL_NS) {
		bucket->filled_ns = now_ns;
		bucket->tokens = burst;
	} else {
		more = passed_ns * per_s / BL_BUCKET_SECOND_NS;
		/* Time that made no whole token yet is left for the next packet. */
		if (more) {
			bucket->filled_ns += more * BL_BUCKET_SECOND_NS / per_s;
			bucket->tokens += more;
		}
		if (bucket->tokens > burst)
			bucket->tokens = burst;
	}
	if (!bucket->tokens)
		return false;
	bucket->tokens--;
	return true;
}

#endif
