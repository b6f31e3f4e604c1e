/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The maps of established flows: finding, storing and deleting entries. beeline/packet.h says how
 * they are made (struct bl_flow4_bucket), decision 0010 why they are no LRU maps of the kernel's.
 *
 * A new entry goes to the emptier one of the two buckets that its hash names, so that nearly all of
 * the map is in use before both are full; then the entry goes that was used longest ago.
 *
 * Both families share the code: inline functions with a constant family, inside functions for each
 * that the verifier looks into once and not at every call.
 */
#ifndef BPF_FLOW_TABLE_H
#define BPF_FLOW_TABLE_H

#include "ways.h"

#define BL_FLOW_NOWHERE (-1)
#define BL_FLOW_AHEAD                                                                              \
	1024u /* by so much may clocks of CPUs differ: a second, as coarse as can be */

/* A key of either family, also eight bytes at a time. */
union bl_flow_key {
	struct bl_flow4_key ipv4;
	struct bl_flow6_key ipv6;
	__u64 words[sizeof(struct bl_flow6_key) / sizeof(__u64)];
};

/* How the entries of a family lie in memory. */
struct bl_flow_shape {
	__u32 buckets;
	__u32 key_words;
	__u32 entry_size;
	__u32 flow_offset; /* of struct bl_flow in an entry, which begins with its key */
};

static __always_inline struct bl_flow_shape bl_flow_shape_of(__u8 family)
{
	struct bl_flow_shape ipv4 = {BL_FLOWS4_BUCKETS, sizeof(struct bl_flow4_key) / sizeof(__u64),
				     sizeof(struct bl_flow4),
				     __builtin_offsetof(struct bl_flow4, flow)};
	struct bl_flow_shape ipv6 = {BL_FLOWS6_BUCKETS, sizeof(struct bl_flow6_key) / sizeof(__u64),
				     sizeof(struct bl_flow6),
				     __builtin_offsetof(struct bl_flow6, flow)};

	return family == BL_FAMILY_IPV4 ? ipv4 : ipv6;
}

static __always_inline void bl_flow_key_set(union bl_flow_key *ret, const struct bl_tuple *tuple,
					    __u8 family)
{
	__builtin_memset(ret, 0, sizeof(__u64) * bl_flow_shape_of(family).key_words);
	if (family == BL_FAMILY_IPV4) {
		__builtin_memcpy(ret->ipv4.source, tuple->source.ipv4, 4);
		__builtin_memcpy(ret->ipv4.destination, tuple->destination.ipv4, 4);
		ret->ipv4.source_port = tuple->source_port;
		ret->ipv4.destination_port = tuple->destination_port;
		ret->ipv4.protocol = tuple->protocol;
		return;
	}
	__builtin_memcpy(ret->ipv6.source, tuple->source.ipv6, 16);
	__builtin_memcpy(ret->ipv6.destination, tuple->destination.ipv6, 16);
	ret->ipv6.source_port = tuple->source_port;
	ret->ipv6.destination_port = tuple->destination_port;
	ret->ipv6.protocol = tuple->protocol;
}

static __always_inline __u64 bl_flow_hash(const union bl_flow_key *key, __u8 family)
{
	return bl_words_hash(key->words, bl_flow_shape_of(family).key_words);
}

static __always_inline __u64 bl_tuple_hash_in(const struct bl_tuple *tuple, __u8 family)
{
	union bl_flow_key key;

	bl_flow_key_set(&key, tuple, family);
	return bl_flow_hash(&key, family);
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

/* A bucket of either family begins with its tags. */
static __always_inline __u32 *bl_flow_tags(__u32 index, __u8 family)
{
	return family == BL_FAMILY_IPV4 ? bpf_map_lookup_elem(&flows4, &index)
					: bpf_map_lookup_elem(&flows6, &index);
}

/* Of a place; NULL: it is NOWHERE. */
static __always_inline __u32 *bl_flow_tags_at(int place, __u8 family)
{
	return place < 0 ? NULL : bl_flow_tags((__u32)place / BL_FLOW_WAYS, family);
}

static __always_inline void *bl_flow_entry(__u32 *tags, __u32 way, __u8 family)
{
	return (char *)tags + __builtin_offsetof(struct bl_flow4_bucket, entries) +
	       way * bl_flow_shape_of(family).entry_size;
}

_Static_assert(__builtin_offsetof(struct bl_flow4_bucket, entries) ==
		       __builtin_offsetof(struct bl_flow6_bucket, entries),
	       "buckets of both families begin alike");

/* An entry's place is the number of its bucket times BL_FLOW_WAYS, and its way. */
static __always_inline int bl_flow_find_place(const union bl_flow_key *key, __u64 hash, __u8 family)
{
	const struct bl_flow_shape shape = bl_flow_shape_of(family);
	__u32 tag = bl_hash_tag(hash);

	for (int i = 0; i < 2; i++) {
		__u32 index = bl_flow_bucket(hash, shape.buckets, i);
		__u32 *tags = bl_flow_tags(index, family);

		for (__u32 way = 0; tags && way < BL_FLOW_WAYS; way++)
			if (tags[way] == tag && bl_words_equal(bl_flow_entry(tags, way, family),
							       key->words, shape.key_words))
				return (int)(index * BL_FLOW_WAYS + way);
	}
	return BL_FLOW_NOWHERE;
}

static __always_inline int bl_flow_place_in(const struct bl_tuple *tuple, __u8 family)
{
	union bl_flow_key key;

	bl_flow_key_set(&key, tuple, family);
	return bl_flow_find_place(&key, bl_flow_hash(&key, family), family);
}

int bl_flow4_place(const struct bl_tuple *tuple);
int bl_flow6_place(const struct bl_tuple *tuple);

__noinline int bl_flow4_place(const struct bl_tuple *tuple)
{
	return tuple ? bl_flow_place_in(tuple, BL_FAMILY_IPV4) : BL_FLOW_NOWHERE;
}

__noinline int bl_flow6_place(const struct bl_tuple *tuple)
{
	return tuple ? bl_flow_place_in(tuple, BL_FAMILY_IPV6) : BL_FLOW_NOWHERE;
}

#define BL_FLOW_WORTH_MOST (4ull << 32)

/* How much an entry is worth keeping: nothing when it is free, most when it is being written; what
 * is closed less than what is not, what was used long ago less than what was just now. */
static __always_inline __u64 bl_flow_worth(__u32 tag, const struct bl_flow *flow, __u32 now)
{
	__u64 worth = (2ull - bl_is_equal(flow->state, BL_FLOW_CLOSED)) << 32;
	/* Another CPU's time may be ahead by a little. */
	__u32 age = (now - flow->last_seen + BL_FLOW_AHEAD) >> 1;

	worth += BL_FLOW_WORTH_MOST * bl_is_equal(tag, BL_FLOW_BUSY);
	return (worth - age) * (1 - bl_is_equal(tag, 0));
}

/*
 * How little a bucket suits a new entry, and in the lowest bits which of its entries that would
 * replace: one that is free, and the more of them the better; else what the one is worth that is
 * worth least.
 */
static __always_inline __u64 bl_flow_rank(__u32 *tags, __u32 now, __u8 family)
{
	__u64 least = BL_FLOW_WORTH_MOST * BL_FLOW_WAYS, free = 0;

	for (__u32 way = 0; way < BL_FLOW_WAYS; way++) {
		const char *entry = bl_flow_entry(tags, way, family);
		const struct bl_flow *flow =
			(const struct bl_flow *)(entry + bl_flow_shape_of(family).flow_offset);
		__u64 worth = bl_flow_worth(tags[way], flow, now) * BL_FLOW_WAYS + way;

		free += bl_is_equal(tags[way], 0);
		least += (worth - least) * bl_is_less(worth, least);
	}
	/* A free one is worth nothing, so that only its way is in `least`. */
	return free ? (BL_FLOW_WAYS - free) * BL_FLOW_WAYS + least : least;
}

/* For a new entry. NOWHERE: all that could make room are being written. */
static __always_inline int bl_flow_find_room(__u64 hash, __u32 now, __u8 family)
{
	__u64 best = BL_FLOW_WORTH_MOST * BL_FLOW_WAYS;
	int place = BL_FLOW_NOWHERE;

	for (int i = 0; i < 2; i++) {
		__u32 index = bl_flow_bucket(hash, bl_flow_shape_of(family).buckets, i);
		__u32 *tags = bl_flow_tags(index, family);
		__u64 rank = tags ? bl_flow_rank(tags, now, family) : best;

		if (rank < best) {
			best = rank;
			place = (int)(index * BL_FLOW_WAYS + (__u32)(rank % BL_FLOW_WAYS));
		}
	}
	return place;
}

int bl_flow4_room(__u64 hash, __u32 now);
int bl_flow6_room(__u64 hash, __u32 now);

__noinline int bl_flow4_room(__u64 hash, __u32 now)
{
	return bl_flow_find_room(hash, now, BL_FAMILY_IPV4);
}

__noinline int bl_flow6_room(__u64 hash, __u32 now)
{
	return bl_flow_find_room(hash, now, BL_FAMILY_IPV6);
}

static __always_inline struct bl_flow *bl_flow4_find(const struct bl_tuple *tuple,
						     struct bl_tuple *ret_to)
{
	int place = bl_flow4_place(tuple);
	__u32 *tags = bl_flow_tags_at(place, BL_FAMILY_IPV4);
	struct bl_flow4 *found;

	if (!tags)
		return NULL;
	found = bl_flow_entry(tags, (__u32)place % BL_FLOW_WAYS, BL_FAMILY_IPV4);
	ret_to->source = bl_ip_from_ipv4(*(__u32 *)found->source);
	ret_to->destination = bl_ip_from_ipv4(*(__u32 *)found->destination);
	return &found->flow;
}

static __always_inline struct bl_flow *bl_flow6_find(const struct bl_tuple *tuple,
						     struct bl_tuple *ret_to)
{
	int place = bl_flow6_place(tuple);
	__u32 *tags = bl_flow_tags_at(place, BL_FAMILY_IPV6);
	struct bl_flow6 *found;

	if (!tags)
		return NULL;
	found = bl_flow_entry(tags, (__u32)place % BL_FLOW_WAYS, BL_FAMILY_IPV6);
	__builtin_memcpy(ret_to->source.ipv6, found->source, sizeof(found->source));
	__builtin_memcpy(ret_to->destination.ipv6, found->destination, sizeof(found->destination));
	return &found->flow;
}

/* The flow of a packet with these ends, and what its ends become. The entry may go to another flow
 * while it is used, if the map is full. */
static __always_inline struct bl_flow *bl_flow_find(const struct bl_tuple *tuple,
						    struct bl_tuple *ret_to)
{
	struct bl_flow *flow = tuple->family == BL_FAMILY_IPV4 ? bl_flow4_find(tuple, ret_to)
							       : bl_flow6_find(tuple, ret_to);

	if (!flow)
		return NULL;
	ret_to->source_port = flow->source_port;
	ret_to->destination_port = flow->destination_port;
	ret_to->family = tuple->family;
	ret_to->protocol = tuple->protocol;
	ret_to->pad = 0;
	return flow;
}

/* From now on nobody reads the entry, nor writes it but we. False: somebody was faster. */
static __always_inline bool bl_flow_claim(__u32 *tag)
{
	__u32 had = *(volatile __u32 *)tag;

	return had != BL_FLOW_BUSY && __sync_val_compare_and_swap(tag, had, BL_FLOW_BUSY) == had;
}

static __always_inline void bl_flow_publish(__u32 *tag, __u32 value)
{
	(void)__sync_lock_test_and_set(tag, value);
}

static __always_inline void bl_flow4_write(struct bl_flow4 *entry, const struct bl_flow4_key *key,
					   const struct bl_tuple *to)
{
	entry->key = *key;
	__builtin_memcpy(entry->source, to->source.ipv4, sizeof(entry->source));
	__builtin_memcpy(entry->destination, to->destination.ipv4, sizeof(entry->destination));
}

static __always_inline void bl_flow6_write(struct bl_flow6 *entry, const struct bl_flow6_key *key,
					   const struct bl_tuple *to)
{
	entry->key = *key;
	__builtin_memcpy(entry->source, to->source.ipv6, sizeof(entry->source));
	__builtin_memcpy(entry->destination, to->destination.ipv6, sizeof(entry->destination));
}

/* Where the key has its entry; when it has none, and there may be a new one, where that goes. */
static __always_inline int bl_flow_store_place(const struct bl_tuple *tuple, __u64 hash, __u32 now,
					       __u64 flags, __u8 family)
{
	int place = family == BL_FAMILY_IPV4 ? bl_flow4_place(tuple) : bl_flow6_place(tuple);

	if (place >= 0)
		return flags == BPF_NOEXIST ? BL_FLOW_NOWHERE : place;
	return family == BL_FAMILY_IPV4 ? bl_flow4_room(hash, now) : bl_flow6_room(hash, now);
}

static __always_inline int bl_flow_store_in(const struct bl_tuple *tuple,
					    const struct bl_flow *flow, const struct bl_tuple *to,
					    __u64 flags, __u8 family)
{
	union bl_flow_key key;
	struct bl_flow *stored;
	__u32 *tags;
	__u32 way;
	__u64 hash;
	char *entry;
	int place;

	bl_flow_key_set(&key, tuple, family);
	hash = bl_flow_hash(&key, family);
	place = bl_flow_store_place(tuple, hash, flow->last_seen, flags, family);
	way = (__u32)place % BL_FLOW_WAYS;
	tags = bl_flow_tags_at(place, family);
	if (!tags || !bl_flow_claim(&tags[way]))
		return -1;
	entry = bl_flow_entry(tags, way, family);
	if (family == BL_FAMILY_IPV4)
		bl_flow4_write((struct bl_flow4 *)entry, &key.ipv4, to);
	else
		bl_flow6_write((struct bl_flow6 *)entry, &key.ipv6, to);
	stored = (struct bl_flow *)(entry + bl_flow_shape_of(family).flow_offset);
	*stored = *flow;
	stored->source_port = to->source_port;
	stored->destination_port = to->destination_port;
	bl_flow_publish(&tags[way], bl_hash_tag(hash));
	return 0;
}

int bl_flow4_store(const struct bl_tuple *tuple, const struct bl_flow *flow,
		   const struct bl_tuple *to, __u64 flags);
int bl_flow6_store(const struct bl_tuple *tuple, const struct bl_flow *flow,
		   const struct bl_tuple *to, __u64 flags);

__noinline int bl_flow4_store(const struct bl_tuple *tuple, const struct bl_flow *flow,
			      const struct bl_tuple *to, __u64 flags)
{
	if (!tuple || !flow || !to)
		return -1;
	return bl_flow_store_in(tuple, flow, to, flags, BL_FAMILY_IPV4);
}

__noinline int bl_flow6_store(const struct bl_tuple *tuple, const struct bl_flow *flow,
			      const struct bl_tuple *to, __u64 flags)
{
	if (!tuple || !flow || !to)
		return -1;
	return bl_flow_store_in(tuple, flow, to, flags, BL_FAMILY_IPV6);
}

/* Not 0: with BPF_NOEXIST, there is one already; else another CPU was at the same entry. */
static __always_inline int bl_flow_store(const struct bl_tuple *tuple, const struct bl_flow *flow,
					 const struct bl_tuple *to, __u64 flags)
{
	return tuple->family == BL_FAMILY_IPV4 ? bl_flow4_store(tuple, flow, to, flags)
					       : bl_flow6_store(tuple, flow, to, flags);
}

static __always_inline void bl_flow_delete_in(const struct bl_tuple *tuple, __u8 family)
{
	int place = family == BL_FAMILY_IPV4 ? bl_flow4_place(tuple) : bl_flow6_place(tuple);
	__u32 *tags = bl_flow_tags_at(place, family);

	/* Whoever else deleted it did the same. */
	if (tags)
		(void)__sync_val_compare_and_swap(&tags[(__u32)place % BL_FLOW_WAYS],
						  bl_hash_tag(bl_tuple_hash_in(tuple, family)), 0);
}

int bl_flow_delete(const struct bl_tuple *tuple);

__noinline int bl_flow_delete(const struct bl_tuple *tuple)
{
	if (!tuple)
		return 0;
	if (tuple->family == BL_FAMILY_IPV4)
		bl_flow_delete_in(tuple, BL_FAMILY_IPV4);
	else
		bl_flow_delete_in(tuple, BL_FAMILY_IPV6);
	return 0;
}

#endif
