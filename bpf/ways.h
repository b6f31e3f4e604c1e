/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Hashes of our own, made of arrays: a key has a hash, of which one part names a bucket and
 * another, the tag, an entry in it. Keys are taken eight bytes at a time. Pure, but for the seed.
 */
#ifndef BPF_WAYS_H
#define BPF_WAYS_H

#include "choose.h"
#include "packet_maps.h"

static __always_inline __u64 bl_words_mix(__u64 hash, const __u64 *words, __u32 count)
{
	for (__u32 i = 0; i < count; i++)
		hash = bl_mix_word(hash, words[i]);
	return hash;
}

static __always_inline __u64 bl_words_hash(const __u64 *words, __u32 count)
{
	__u32 zero = 0;
	const struct bl_packet_state *state = bpf_map_lookup_elem(&packet_state, &zero);

	return bl_words_mix(state ? state->hash_seed : 0, words, count);
}

/* Without a branch for each word, which would multiply the verifier's paths. */
static __always_inline bool bl_words_equal(const __u64 *a, const __u64 *b, __u32 count)
{
	__u64 differ = 0;

	for (__u32 i = 0; i < count; i++)
		differ |= a[i] ^ b[i];
	return !differ;
}

/* 1 when it is so, else 0. Numbers instead of branches: each would double the verifier's paths to
 * what follows. */
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

/* Of bits that the number of a bucket leaves over. Odd: 0 and even numbers are free to mean
 * something else. */
static __always_inline __u32 bl_hash_tag(__u64 hash)
{
	return (__u32)(hash >> 32) | 1;
}

#endif
