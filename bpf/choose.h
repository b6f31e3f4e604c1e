/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Choosing a number below a bound from 32 random or hashed bits, without modulo bias. Pure.
 */
#ifndef BPF_CHOOSE_H
#define BPF_CHOOSE_H

#include "address.h"

/*
 * The upper half of random * count is a number below count. Of the 2^32 products, 2^32 mod count
 * would make some numbers likelier than others; they are the ones with a small lower half, and
 * saying "draw again" for them leaves every number exactly as likely as every other. The division
 * that finds the limit is made only when the lower half is below count, so almost never.
 */
static inline bool bl_choose_random(__u32 random, __u32 count, __u32 *ret)
{
	__u64 product = (__u64)random * count;
	__u32 low = (__u32)product;

	if (low < count && low < -count % count)
		return false;
	*ret = product >> 32;
	return true;
}

static inline __u32 bl_choose_hashed(__u32 hash, __u32 count)
{
	return (__u64)hash * count >> 32;
}

/* Two multiplications: after one, a difference in the highest bits stays there, and the next word
 * may take it back, as neighbouring ports of neighbouring addresses do. */
static inline __u32 bl_mix(__u32 hash, __u32 word)
{
	hash = (hash ^ word) * 0x85ebca6bu;
	hash = (hash ^ hash >> 13) * 0xc2b2ae35u;
	return hash ^ hash >> 16;
}

/* The same for eight bytes at a time. */
static inline __u64 bl_mix_word(__u64 hash, __u64 word)
{
	hash = (hash ^ word) * 0x9e3779b97f4a7c15ull;
	hash = (hash ^ hash >> 29) * 0xbf58476d1ce4e5b9ull;
	return hash ^ hash >> 32;
}

/*
 * A UDP socket and a frontend always give the same number: a socket that sends to more frontends
 * than it can remember finds the same backend again while the frontend's slots stay the same.
 */
static inline __u32 bl_hash_flow(__u64 cookie, const struct bl_destination *dst)
{
	__u32 hash = bl_mix(0x9e3779b1u, (__u32)cookie);

	hash = bl_mix(hash, cookie >> 32);
	hash = bl_mix(hash, dst->address.words[0]);
	hash = bl_mix(hash, dst->address.words[1]);
	hash = bl_mix(hash, dst->address.words[2]);
	hash = bl_mix(hash, dst->address.words[3]);
	hash = bl_mix(hash, (__u32)dst->port << 8 | dst->protocol);
	hash *= 0xc2b2ae35u;
	return hash ^ hash >> 16;
}

#endif
