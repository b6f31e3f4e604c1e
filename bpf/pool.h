/* SPDX-License-Identifier: GPL-2.0 */
/*
 * In which order ports of the SNAT pool are tried. Pure.
 *
 * At 90 % use a try fails nine times of ten, and 256 independent ones all fail once in 5e11. A pool
 * of no more ports than that is tried whole.
 */
#ifndef BPF_POOL_H
#define BPF_POOL_H

#include "choose.h"

#define BL_POOL_TRIES 256u

/* The port of the i-th try, in host order; first <= last. */
static inline __u16 bl_pool_port(__u16 first, __u16 last, __u32 start, __u32 i)
{
	__u32 size = (__u32)last - first + 1;

	if (size <= BL_POOL_TRIES)
		return (__u16)(first + (start % size + i) % size);
	return (__u16)(first +
		       bl_choose_hashed(bl_mix(bl_mix(start, i + 1), i) * 0xc2b2ae35u, size));
}

#endif
