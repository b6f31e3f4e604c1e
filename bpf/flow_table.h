/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The maps of flows: finding entries and letting them go; flow_store.h makes them. beeline/packet.h
 * says how the maps are made (struct bl_flow_tags), decision 0010 why they are no LRU maps of the
 * kernel's.
 *
 * Both families share the code: inline functions with a constant family, inside functions for each
 * that the verifier looks into once and not at every call.
 */
#ifndef BPF_FLOW_TABLE_H
#define BPF_FLOW_TABLE_H

#include "flow_hash.h"

/* A flow in one direction. */
struct bl_direction {
	struct bl_tuple from; /* a packet as it comes in */
	struct bl_tuple to;   /* and as it goes on */
	struct bl_flow flow;  /* its ports are those of `to` */
	__u64 hash;           /* of `from`, and where the entry is to be: see flow_store.h */
	int place;
	__u32 had; /* the tag there when the place was chosen */
};

/* An entry's place: the number of its bucket, and in the lowest bits its way. */
#define BL_FLOW_NOWHERE (-1)
#define BL_FLOW_PLACE_WAYS 16

_Static_assert(BL_FLOW_WAYS <= BL_FLOW_PLACE_WAYS, "a way fits into its bits");

static __always_inline int bl_flow_place_of(__u32 bucket, __u32 way)
{
	return (int)(bucket * BL_FLOW_PLACE_WAYS + way);
}

static __always_inline __u32 bl_flow_bucket_at(int place)
{
	return (__u32)place / BL_FLOW_PLACE_WAYS;
}

static __always_inline __u32 bl_flow_way_at(int place)
{
	return (__u32)place % BL_FLOW_PLACE_WAYS;
}

/* Its client has not shown yet that it hears the answers. */
static __always_inline bool bl_flow_waits(int place)
{
	return bl_flow_way_at(place) >= BL_FLOW_ESTABLISHED_WAYS;
}

/* Which of those that wait in its bucket. */
static __always_inline __u32 bl_flow_waiting_at(int place)
{
	return (bl_flow_way_at(place) - BL_FLOW_ESTABLISHED_WAYS) % BL_FLOW_WAITING_WAYS;
}

static __always_inline __u32 bl_flow_buckets(__u8 family)
{
	return family == BL_FAMILY_IPV4 ? BL_FLOWS4_BUCKETS : BL_FLOWS6_BUCKETS;
}

static __always_inline struct bl_flow_tags *bl_flow_tags(__u32 bucket, __u8 family)
{
	return family == BL_FAMILY_IPV4 ? bpf_map_lookup_elem(&flow_tags4, &bucket)
					: bpf_map_lookup_elem(&flow_tags6, &bucket);
}

/* A struct bl_flow4 or bl_flow6, which begin with their keys. */
static __always_inline void *bl_flow_entry(__u32 bucket, __u32 way, __u8 family)
{
	__u32 index = bl_flow_index(bl_flow_buckets(family), bucket, way);

	return family == BL_FAMILY_IPV4 ? (void *)bpf_map_lookup_elem(&flows4, &index)
					: (void *)bpf_map_lookup_elem(&flows6, &index);
}

static __always_inline struct bl_flow *bl_flow_of_entry(void *entry, __u8 family)
{
	return family == BL_FAMILY_IPV4 ? &((struct bl_flow4 *)entry)->flow
					: &((struct bl_flow6 *)entry)->flow;
}

/* Without a branch for each word, which would multiply the verifier's paths. */
static __always_inline bool bl_flow_has_key(__u32 bucket, __u32 way, const struct bl_tuple *tuple,
					    __u8 family)
{
	const bl_tuple_word_t *key = bl_flow_entry(bucket, way, family);
	__u64 differ = 0;

	if (!key)
		return false;
	for (__u32 i = 0; i < bl_tuple_words(family); i++)
		differ |= key[i] ^ bl_tuple_word(tuple, i, family);
	return !differ;
}

static __always_inline int bl_flow_find_place(const struct bl_tuple *tuple, __u64 hash, int except,
					      __u8 family)
{
	__u32 tag = bl_flow_tag(hash);

	for (int i = 0; i < 2; i++) {
		__u32 bucket = bl_flow_bucket(hash, bl_flow_buckets(family), i);
		const struct bl_flow_tags *tags = bl_flow_tags(bucket, family);

		for (__u32 way = 0; tags && way < BL_FLOW_WAYS; way++)
			if (tags->tags[way] == tag && bl_flow_place_of(bucket, way) != except &&
			    bl_flow_has_key(bucket, way, tuple, family))
				return bl_flow_place_of(bucket, way);
	}
	return BL_FLOW_NOWHERE;
}

int bl_flow4_place(const struct bl_tuple *tuple, __u64 hash, int except);
int bl_flow6_place(const struct bl_tuple *tuple, __u64 hash, int except);

__noinline int bl_flow4_place(const struct bl_tuple *tuple, __u64 hash, int except)
{
	return tuple ? bl_flow_find_place(tuple, hash, except, BL_FAMILY_IPV4) : BL_FLOW_NOWHERE;
}

__noinline int bl_flow6_place(const struct bl_tuple *tuple, __u64 hash, int except)
{
	return tuple ? bl_flow_find_place(tuple, hash, except, BL_FAMILY_IPV6) : BL_FLOW_NOWHERE;
}

/* Another entry of the tuple than the one at `except`, which may be NOWHERE. */
static __always_inline int bl_flow_place_but(const struct bl_tuple *tuple, __u64 hash, int except,
					     __u8 family)
{
	return family == BL_FAMILY_IPV4 ? bl_flow4_place(tuple, hash, except)
					: bl_flow6_place(tuple, hash, except);
}

static __always_inline int bl_flow_place(const struct bl_tuple *tuple)
{
	return bl_flow_place_but(tuple, bl_tuple_hash(tuple), BL_FLOW_NOWHERE, tuple->family);
}

static __always_inline struct bl_flow *bl_flow4_at(int place, struct bl_tuple *ret_to)
{
	struct bl_flow4 *entry =
		bl_flow_entry(bl_flow_bucket_at(place), bl_flow_way_at(place), BL_FAMILY_IPV4);

	if (!entry)
		return NULL;
	ret_to->source = bl_ip_from_ipv4(*(__u32 *)entry->source);
	ret_to->destination = bl_ip_from_ipv4(*(__u32 *)entry->destination);
	return &entry->flow;
}

static __always_inline struct bl_flow *bl_flow6_at(int place, struct bl_tuple *ret_to)
{
	struct bl_flow6 *entry =
		bl_flow_entry(bl_flow_bucket_at(place), bl_flow_way_at(place), BL_FAMILY_IPV6);

	if (!entry)
		return NULL;
	__builtin_memcpy(ret_to->source.ipv6, entry->source, sizeof(entry->source));
	__builtin_memcpy(ret_to->destination.ipv6, entry->destination, sizeof(entry->destination));
	return &entry->flow;
}

/* The flow at a place, of a packet with these ends, and what the ends become. NULL: NOWHERE. The
 * entry may go to another flow while it is used, if the map is full or another CPU lets go of this
 * flow just now. */
static __always_inline struct bl_flow *bl_flow_at(int place, const struct bl_tuple *tuple,
						  struct bl_tuple *ret_to)
{
	struct bl_flow *flow = NULL;

	if (place >= 0)
		flow = tuple->family == BL_FAMILY_IPV4 ? bl_flow4_at(place, ret_to)
						       : bl_flow6_at(place, ret_to);
	if (!flow)
		return NULL;
	ret_to->source_port = flow->source_port;
	ret_to->destination_port = flow->destination_port;
	ret_to->family = tuple->family;
	ret_to->protocol = tuple->protocol;
	ret_to->pad = 0;
	return flow;
}

static __always_inline struct bl_flow *bl_flow_find(const struct bl_tuple *tuple,
						    struct bl_tuple *ret_to)
{
	return bl_flow_at(bl_flow_place(tuple), tuple, ret_to);
}

/* NULL: no such place. */
static __always_inline __u32 *bl_flow_tag_at(struct bl_flow_tags *tags, int place)
{
	__u32 way = bl_flow_way_at(place);

	if (!tags || place < 0 || way >= BL_FLOW_WAYS)
		return NULL;
		/* The verifier wants the sum made behind the test, and the compiler does not care.
		 */
#ifdef __bpf__
	asm volatile("" : "+r"(tags));
#endif
	return &tags->tags[way];
}

/* Whoever else deleted it did the same. */
static __always_inline void bl_flow_delete_at(int place, __u64 hash, __u8 family)
{
	__u32 *tag = bl_flow_tag_at(bl_flow_tags(bl_flow_bucket_at(place), family), place);

	if (tag)
		(void)__sync_val_compare_and_swap(tag, bl_flow_tag(hash), 0);
}

static __always_inline void bl_flow_delete_in(const struct bl_tuple *tuple, __u8 family)
{
	__u64 hash = bl_tuple_hash_in(tuple, family);

	bl_flow_delete_at(bl_flow_place_but(tuple, hash, BL_FLOW_NOWHERE, family), hash, family);
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
