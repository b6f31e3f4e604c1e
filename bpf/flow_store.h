/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Making entries of flows: those that wait, and established ones. A new entry goes to the first
 * bucket that its hash names while that has room to spare, else to the emptier one of both, so that
 * nearly all of the map is in use before both are full; then the entry goes that was used longest
 * ago. Those that wait push out each other alone.
 *
 * Each entry is made in three steps: a place is chosen, claimed if it still is as it was, then
 * written. A new flow claims the places of both its entries first, because whatever locks a line of
 * the cache waits for all stores before, and entries are in no cache.
 */
#ifndef BPF_FLOW_STORE_H
#define BPF_FLOW_STORE_H

#include "flow_table.h"
#include "number.h"

#define BL_FLOW_SPARE_WAYS 2u /* of the first bucket, before the second is asked */
#define BL_FLOW_AHEAD                                                                              \
	1024u /* by so much may clocks of CPUs differ: a second, as coarse as can be */
#define BL_FLOW_WORTH_MOST (4ull << 32)

/* Read once, for other CPUs write it. */
static __always_inline __u32 bl_flow_tag_now(const struct bl_flow_tags *tags, __u32 way)
{
	return ((const volatile __u32 *)tags->tags)[way];
}

/* How many established entries the bucket has, and one of the ways that are free. */
static __always_inline __u32 bl_flow_used(const struct bl_flow_tags *tags, __u32 *ret_free)
{
	__u32 used = 0;

	for (__u32 way = 0; way < BL_FLOW_ESTABLISHED_WAYS; way++) {
		__u32 is_free = bl_is_equal(tags->tags[way], 0);

		used += 1 - is_free;
		*ret_free += (way - *ret_free) * is_free;
	}
	return used;
}

/* How much an entry is worth keeping: most when it is being written; what is closed less than what
 * is not, what was used long ago less than what was just now. */
static __always_inline __u64 bl_flow_worth(__u32 tag, const struct bl_flow *flow, __u32 now)
{
	__u64 worth = (2ull - bl_is_equal(flow->state, BL_FLOW_CLOSED)) << 32;
	/* Another CPU's time may be ahead by a little. */
	__u32 age = (now - flow->last_seen + BL_FLOW_AHEAD) >> 1;

	/* What is free has other places: this one was freed just now. */
	return (worth + BL_FLOW_WORTH_MOST * (1 - (tag & 1)) - age) * (1 - bl_is_equal(tag, 0));
}

/* The established entry of both buckets that is worth least. NOWHERE: all are being written. */
static __always_inline void bl_flow_find_oldest(struct bl_direction *from, __u8 family)
{
	__u32 now = from->flow.last_seen, had = 0;
	__u64 hash = from->hash, least = BL_FLOW_WORTH_MOST;
	int place = BL_FLOW_NOWHERE;

	for (int i = 0; i < 2; i++) {
		__u32 bucket = bl_flow_bucket(hash, bl_flow_buckets(family), i);
		const struct bl_flow_tags *tags = bl_flow_tags(bucket, family);

		for (__u32 way = 0; tags && way < BL_FLOW_ESTABLISHED_WAYS; way++) {
			void *entry = bl_flow_entry(bucket, way, family);
			__u32 tag = bl_flow_tag_now(tags, way);
			__u64 worth, is_less;

			if (!entry)
				continue;
			worth = bl_flow_worth(tag, bl_flow_of_entry(entry, family), now);
			is_less = bl_is_less(worth, least);
			least += (worth - least) * is_less;
			place += (bl_flow_place_of(bucket, way) - place) * (int)is_less;
			had += (tag - had) * (__u32)is_less;
		}
	}
	from->place = place;
	from->had = had;
}

int bl_flow4_oldest(struct bl_direction *from);
int bl_flow6_oldest(struct bl_direction *from);

__noinline int bl_flow4_oldest(struct bl_direction *from)
{
	if (from)
		bl_flow_find_oldest(from, BL_FAMILY_IPV4);
	return 0;
}

__noinline int bl_flow6_oldest(struct bl_direction *from)
{
	if (from)
		bl_flow_find_oldest(from, BL_FAMILY_IPV6);
	return 0;
}

/* A free place for an established entry; NOWHERE: both buckets are full. */
static __always_inline int bl_flow_free_room(__u64 hash, __u8 family)
{
	__u32 first = bl_flow_bucket(hash, bl_flow_buckets(family), false);
	__u32 second = bl_flow_bucket(hash, bl_flow_buckets(family), true);
	const struct bl_flow_tags *tags = bl_flow_tags(first, family);
	__u32 used, used_second, way = 0, way_second = 0;

	if (!tags)
		return BL_FLOW_NOWHERE;
	used = bl_flow_used(tags, &way);
	if (used < BL_FLOW_ESTABLISHED_WAYS - BL_FLOW_SPARE_WAYS)
		return bl_flow_place_of(first, way);
	tags = bl_flow_tags(second, family);
	if (!tags)
		return BL_FLOW_NOWHERE;
	used_second = bl_flow_used(tags, &way_second);
	if (used_second < used)
		return bl_flow_place_of(second, way_second);
	return used < BL_FLOW_ESTABLISHED_WAYS ? bl_flow_place_of(first, way) : BL_FLOW_NOWHERE;
}

/* Where an established entry goes. */
static __always_inline void bl_flow_room(struct bl_direction *from, __u8 family)
{
	from->place = bl_flow_free_room(from->hash, family);
	from->had = 0;
	if (from->place >= 0)
		return;
	if (family == BL_FAMILY_IPV4)
		(void)bl_flow4_oldest(from);
	else
		(void)bl_flow6_oldest(from);
}

/* For one that waits: a free place, of the first bucket if there is one, or that of the one that
 * was used longest ago. */
static __always_inline void bl_flow_waiting_room(struct bl_direction *from, __u8 family)
{
	__u32 now = from->flow.last_seen;
	__u64 hash = from->hash, oldest = 0;

	from->place = BL_FLOW_NOWHERE;
	for (int i = 0; i < 2; i++) {
		__u32 bucket = bl_flow_bucket(hash, bl_flow_buckets(family), i);
		const struct bl_flow_tags *tags = bl_flow_tags(bucket, family);

		for (__u32 way = 0; tags && way < BL_FLOW_WAITING_WAYS; way++) {
			__u32 tag = bl_flow_tag_now(tags, BL_FLOW_ESTABLISHED_WAYS + way);
			__u64 age = (__u32)(now - tags->seen[way] + BL_FLOW_AHEAD);

			if (!tag)
				age = 1ull << 32;
			if (bl_flow_is_busy(tag) || age <= oldest)
				continue;
			oldest = age;
			from->place = bl_flow_place_of(bucket, BL_FLOW_ESTABLISHED_WAYS + way);
			from->had = tag;
		}
	}
}

static __always_inline void bl_flow_write(void *entry, const struct bl_direction *from, __u8 family)
{
	struct bl_flow *flow = bl_flow_of_entry(entry, family);
	bl_tuple_word_t *key = entry;

	for (__u32 i = 0; i < bl_tuple_words(family); i++)
		key[i] = bl_tuple_word(&from->from, i, family);
	if (family == BL_FAMILY_IPV4) {
		struct bl_flow4 *entry4 = entry;

		__builtin_memcpy(entry4->source, from->to.source.ipv4, 4);
		__builtin_memcpy(entry4->destination, from->to.destination.ipv4, 4);
	} else {
		struct bl_flow6 *entry6 = entry;

		__builtin_memcpy(entry6->source, from->to.source.ipv6, 16);
		__builtin_memcpy(entry6->destination, from->to.destination.ipv6, 16);
	}
	*flow = from->flow;
	flow->source_port = from->to.source_port;
	flow->destination_port = from->to.destination_port;
}

/* From now on nobody reads the entry, nor writes it but we. False: another CPU was faster. */
static __always_inline bool bl_flow_take(__u32 *tag, __u32 had, __u64 hash)
{
	return !bl_flow_is_busy(had) &&
	       __sync_val_compare_and_swap(tag, had, bl_flow_busy_tag(hash)) == had;
}

/* What was written before is seen before this. */
static __always_inline void bl_flow_publish(__u32 *tag, __u32 value)
{
	if (tunables.ordered_stores) {
		asm volatile("" ::: "memory");
		*(volatile __u32 *)tag = value;
	} else {
		(void)__sync_lock_test_and_set(tag, value);
	}
}

/* Claims the place that was chosen, if it still is what it was then: what another CPU put there
 * meanwhile may be an established flow. */
static __always_inline int bl_flow_claim(const struct bl_direction *from, __u8 family)
{
	__u32 bucket = bl_flow_bucket_at(from->place);
	__u32 *tag = bl_flow_tag_at(bl_flow_tags(bucket, family), from->place);

	return tag && bl_flow_take(tag, from->had, from->hash) ? 0 : -1;
}

static __always_inline int bl_flow_claim_waiting_in(struct bl_direction *ret, __u8 family)
{
	bl_flow_waiting_room(ret, family);
	return bl_flow_claim(ret, family);
}

/* A place for a flow that waits; its hash is set, its key has none. Not 0: another CPU was there at
 * the same time. */
int bl_flow_claim_waiting(struct bl_direction *ret);

__noinline int bl_flow_claim_waiting(struct bl_direction *ret)
{
	if (!ret)
		return -1;
	return ret->from.family == BL_FAMILY_IPV4 ? bl_flow_claim_waiting_in(ret, BL_FAMILY_IPV4)
						  : bl_flow_claim_waiting_in(ret, BL_FAMILY_IPV6);
}

/* Whether another place than the one claimed has the tag of the key, or is claimed for it. */
static __always_inline bool bl_flow_has_rival(const struct bl_direction *claimed, __u8 family)
{
	__u32 tag = bl_flow_tag(claimed->hash), rivals = 0;

	for (int i = 0; i < 2; i++) {
		__u32 bucket = bl_flow_bucket(claimed->hash, bl_flow_buckets(family), i);
		const struct bl_flow_tags *tags = bl_flow_tags(bucket, family);

		for (__u32 way = 0; tags && way < BL_FLOW_WAYS; way++)
			rivals += bl_is_equal(bl_flow_tag_now(tags, way) | 1, tag);
	}
	return rivals > 1;
}

/* Gives the place back. */
static __always_inline void bl_flow_unclaim(const struct bl_direction *claimed)
{
	__u8 family = claimed->from.family;
	__u32 bucket = bl_flow_bucket_at(claimed->place);
	__u32 *tag = bl_flow_tag_at(bl_flow_tags(bucket, family), claimed->place);

	if (tag)
		bl_flow_publish(tag, 0);
}

/* Writes the entry at the place that was claimed for it. */
static __always_inline void bl_flow_put(const struct bl_direction *from, __u8 family)
{
	__u32 bucket = bl_flow_bucket_at(from->place), way = bl_flow_way_at(from->place);
	struct bl_flow_tags *tags = bl_flow_tags(bucket, family);
	void *entry = bl_flow_entry(bucket, way, family);
	__u32 *tag = bl_flow_tag_at(tags, from->place);

	if (!tag || !entry)
		return;
	bl_flow_write(entry, from, family);
	if (bl_flow_waits(from->place)) {
		tags->acknowledges[bl_flow_waiting_at(from->place)] = 0;
		tags->seen[bl_flow_waiting_at(from->place)] = from->flow.last_seen;
	}
	bl_flow_publish(tag, bl_flow_tag(from->hash));
}

int bl_flow_put_waiting(const struct bl_direction *from);

__noinline int bl_flow_put_waiting(const struct bl_direction *from)
{
	if (!from)
		return 0;
	if (from->from.family == BL_FAMILY_IPV4)
		bl_flow_put(from, BL_FAMILY_IPV4);
	else
		bl_flow_put(from, BL_FAMILY_IPV6);
	return 0;
}

/* Takes the place of an established entry with the same key; one that waits goes once there is the
 * other, so that nobody finds none. */
static __always_inline int bl_flow_establish_in(struct bl_direction *from, __u8 family)
{
	int had;

	from->hash = bl_tuple_hash_in(&from->from, family);
	had = bl_flow_place_but(&from->from, from->hash, BL_FLOW_NOWHERE, family);
	from->place = had;
	from->had = bl_flow_tag(from->hash);
	if (had < 0 || bl_flow_waits(had))
		bl_flow_room(from, family);
	if (bl_flow_claim(from, family))
		return -1;
	bl_flow_put(from, family);
	if (had >= 0 && bl_flow_waits(had))
		bl_flow_delete_at(had, from->hash, family);
	return 0;
}

int bl_flow4_establish(struct bl_direction *from);
int bl_flow6_establish(struct bl_direction *from);

__noinline int bl_flow4_establish(struct bl_direction *from)
{
	return from ? bl_flow_establish_in(from, BL_FAMILY_IPV4) : -1;
}

__noinline int bl_flow6_establish(struct bl_direction *from)
{
	return from ? bl_flow_establish_in(from, BL_FAMILY_IPV6) : -1;
}

/* Makes an established entry, whatever its key has had. Not 0: another CPU was there at the same
 * time. */
static __always_inline int bl_flow_establish(struct bl_direction *from)
{
	return from->from.family == BL_FAMILY_IPV4 ? bl_flow4_establish(from)
						   : bl_flow6_establish(from);
}

#endif
