/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The hash of a packet's ends, by which flows are found: which buckets, and which tag in them. Ends
 * are taken eight bytes at a time; IPv4 has two such words, IPv6 five, all of struct bl_tuple.
 */
#ifndef BPF_FLOW_HASH_H
#define BPF_FLOW_HASH_H

#include "choose.h"
#include "packet_maps.h"

/* Written as something else. */
typedef __u64 bl_tuple_word_t __attribute__((may_alias));

static __always_inline __u32 bl_tuple_words(__u8 family)
{
	return family == BL_FAMILY_IPV4 ? sizeof(struct bl_flow4_key) / sizeof(__u64)
					: sizeof(struct bl_tuple) / sizeof(__u64);
}

/* As it stands in the key of an entry. */
static __always_inline __u64 bl_tuple_word(const struct bl_tuple *tuple, __u32 i, __u8 family)
{
	const bl_tuple_word_t *words = (const bl_tuple_word_t *)tuple;
	union {
		__u32 addresses[2];
		__u64 word;
	} first = {.addresses = {tuple->source.words[0], tuple->destination.words[0]}};

	if (family == BL_FAMILY_IPV6)
		return words[i];
	return i == 0 ? first.word : words[__builtin_offsetof(struct bl_tuple, source_port) / 8];
}

_Static_assert(__builtin_offsetof(struct bl_tuple, source_port) == 32 &&
		       sizeof(struct bl_tuple) == 40,
	       "ports, family and protocol are the last word");

/*
 * The sum of products that is called NH (RFC 4418, 5.1): for keys that nobody knows, two tuples
 * meet once in 2^32. Its multiplications wait for nothing, but what it says is in all of its bits:
 * they are mixed once in the end.
 */
static __always_inline __u64 bl_tuple_hash_in(const struct bl_tuple *tuple, __u8 family)
{
	__u32 zero = 0;
	const struct bl_packet_state *state = bpf_map_lookup_elem(&packet_state, &zero);
	__u64 sum = 0;

	if (!state)
		return 0;
	for (__u32 i = 0; i < bl_tuple_words(family); i++) {
		__u64 word = bl_tuple_word(tuple, i, family);
		__u32 low = (__u32)word + state->hash_keys[2 * i];
		__u32 high = (__u32)(word >> 32) + state->hash_keys[2 * i + 1];

		sum += (__u64)low * high;
	}
	return bl_mix_word(0, sum);
}

static __always_inline __u64 bl_tuple_hash(const struct bl_tuple *tuple)
{
	return tuple->family == BL_FAMILY_IPV4 ? bl_tuple_hash_in(tuple, BL_FAMILY_IPV4)
					       : bl_tuple_hash_in(tuple, BL_FAMILY_IPV6);
}

/* The number of the first or the second bucket of a hash. */
static __always_inline __u32 bl_flow_bucket(__u64 hash, __u32 buckets, bool is_second)
{
	__u32 part = is_second ? (__u32)(hash >> 32) * 0x9e3779b1u : (__u32)hash;

	return bl_choose_hashed(part, buckets);
}

/* Of bits that the number of the first bucket leaves over. */
static __always_inline __u32 bl_flow_tag(__u64 hash)
{
	return (__u32)(hash >> 32) | 3;
}

/* The same while the entry is being written; never 0. */
static __always_inline __u32 bl_flow_busy_tag(__u64 hash)
{
	return bl_flow_tag(hash) - 1;
}

static __always_inline bool bl_flow_is_busy(__u32 tag)
{
	return tag && !(tag & 1);
}

#endif
