/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Comparisons as numbers instead of branches: each branch would double the verifier's paths to what
 * follows. Pure.
 */
#ifndef BPF_NUMBER_H
#define BPF_NUMBER_H

#include <linux/types.h>

/* 1 when it is so, else 0. */
static __always_inline __u32 bl_is_equal(__u32 a, __u32 b)
{
	__u32 differ = a ^ b;
	__u32 negative = -differ;

	/* Or the compiler makes a branch of it all the same. */
#ifdef __bpf__
	asm volatile("" : "+r"(negative));
#endif
	return 1 - ((differ | negative) >> 31);
}

/* Of numbers below 2^63. */
static __always_inline __u64 bl_is_less(__u64 a, __u64 b)
{
	__u64 differ = a - b;

#ifdef __bpf__
	asm volatile("" : "+r"(differ));
#endif
	return differ >> 63;
}

#endif
