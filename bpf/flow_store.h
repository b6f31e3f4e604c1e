/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Making entries of flows: those that wait, and established ones. A new entry goes to the first
 * bucket that its hash names while that has room to spare, else to the emptier one of both, so that
 * nearly all of the map is in use before both are full; then the entry goes that was used longest
 * ago. Those that wait push out each other alone.
 */
#ifndef BPF_FLOW_STORE_H
#define BPF_FLOW_STORE_H

#include "flow_table.h"
#include "number.h"

#define BL_FLOW_SPARE_WAYS 2u /* of the first bucket, before the second is asked */
#define BL_FLOW_AHEAD                                                                              \
	1024u /* by so much may clocks of CPUs differ: a second, as coarse as can be */
#define BL_FLOW_WORTH_MOST (4ull << 32)

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

	return worth + BL_FLOW_WORTH_MOST * bl_is_equal(tag, BL_FLOW_BUSY) - age;
}

/* The established entry of both buckets that is worth least. NOWHERE: all are being written. */
static __always_inline int bl_flow_find_oldest(__u64 hash, __u32 now, __u8 family)
{
	__u64 least = BL_FLOW_WORTH_MOST;
	int place = BL_FLOW_NOWHERE;

	for (int i = 0; i < 2; i++) {
		__u32 bucket = bl_flow_bucket(hash, bl_flow_buckets(family), i);
		const struct bl_flow_tags *tags = bl_flow_tags(bucket, family);

		for (__u32 way = 0; tags && way < BL_FLOW_ESTABLISHED_WAYS; way++) {
			void *entry = bl_flow_entry(bucket, way, family);
			__u64 worth, is_less;

			if (!entry)
				continue;
			worth = bl_flow_worth(tags->tags[way], bl_flow_of_entry(entry, family),
					      now);
			is_less = bl_is_less(worth, least);
			least += (worth - least) * is_less;
			place += (bl_flow_place_of(bucket, way) - place) * (int)is_less;
		}
	}
	return place;
}

int bl_flow4_oldest(__u64 hash, __u32 now);
int bl_flow6_oldest(__u64 hash, __u32 now);

__noinline int bl_flow4_oldest(__u64 hash, __u32 now)
{
	return bl_flow_find_oldest(hash, now, BL_FAMILY_IPV4);
}

__noinline int bl_flow6_oldest(__u64 hash, __u32 now)
{
	return bl_flow_find_oldest(hash, now, BL_FAMILY_IPV6);
}

static __always_inline int bl_flow_room(__u64 hash, __u32 now, __u8 family)
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
	if (used < BL_FLOW_ESTABLISHED_WAYS)
		return bl_flow_place_of(first, way);
	return family == BL_FAMILY_IPV4 ? bl_flow4_oldest(hash, now) : bl_flow6_oldest(hash, now);
}

/* For one that waits: a free place, of the first bucket if there is one, or that of the one that
 * was used longest ago. */
static __always_inline int bl_flow_waiting_room(__u64 hash, __u32 now, __u8 family)
{
	__u64 oldest = 0;
	int place = BL_FLOW_NOWHERE;

	for (int i = 0; i < 2; i++) {
		__u32 bucket = bl_flow_bucket(hash, bl_flow_buckets(family), i);
		const struct bl_flow_tags *tags = bl_flow_tags(bucket, family);

		for (__u32 way = 0; tags && way < BL_FLOW_WAITING_WAYS; way++) {
			__u32 tag = tags->tags[BL_FLOW_ESTABLISHED_WAYS + way];
			__u64 age = (__u32)(now - tags->seen[way] + BL_FLOW_AHEAD);

			if (!tag)
				age = 1ull << 32;
			if (tag == BL_FLOW_BUSY || age <= oldest)
				continue;
			oldest = age;
			place = bl_flow_place_of(bucket, BL_FLOW_ESTABLISHED_WAYS + way);
		}
	}
	return place;
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

/* The place, or NOWHERE when another CPU was there at the same time. */
static __always_inline int bl_flow_put(int place, __u64 hash, const struct bl_direction *from,
				       __u8 family)
{
	__u32 bucket = bl_flow_bucket_at(place), way = bl_flow_way_at(place);
	struct bl_flow_tags *tags = bl_flow_tags(bucket, family);
	void *entry = bl_flow_entry(bucket, way, family);
	__u32 *tag = bl_flow_tag_at(tags, place);

	if (!tag || !entry || !bl_flow_claim(tag, *(volatile __u32 *)tag))
		return BL_FLOW_NOWHERE;
	bl_flow_write(entry, from, family);
	if (bl_flow_waits(place)) {
		tags->acknowledges[bl_flow_waiting_at(place)] = 0;
		tags->seen[bl_flow_waiting_at(place)] = from->flow.last_seen;
	}
	bl_flow_publish(tag, bl_flow_tag(hash));
	return place;
}

static __always_inline int bl_flow_wait_in(const struct bl_direction *from, __u8 family)
{
	__u64 hash = bl_tuple_hash_in(&from->from, family);

	return bl_flow_put(bl_flow_waiting_room(hash, from->flow.last_seen, family), hash, from,
			   family);
}

/* Takes the place of an established entry with the same key; one that waits goes once there is the
 * other, so that nobody finds none. */
static __always_inline int bl_flow_establish_in(const struct bl_direction *from, __u8 family)
{
	__u64 hash = bl_tuple_hash_in(&from->from, family);
	int had = bl_flow_place_but(&from->from, hash, BL_FLOW_NOWHERE, family), place = had;
	bool waited = had >= 0 && bl_flow_waits(had);

	if (had < 0 || waited)
		place = bl_flow_room(hash, from->flow.last_seen, family);
	place = bl_flow_put(place, hash, from, family);
	if (place >= 0 && waited)
		bl_flow_delete_at(had, hash, family);
	return place;
}

int bl_flow4_wait(const struct bl_direction *from);
int bl_flow6_wait(const struct bl_direction *from);
int bl_flow4_establish(const struct bl_direction *from);
int bl_flow6_establish(const struct bl_direction *from);

__noinline int bl_flow4_wait(const struct bl_direction *from)
{
	return from ? bl_flow_wait_in(from, BL_FAMILY_IPV4) : BL_FLOW_NOWHERE;
}

__noinline int bl_flow6_wait(const struct bl_direction *from)
{
	return from ? bl_flow_wait_in(from, BL_FAMILY_IPV6) : BL_FLOW_NOWHERE;
}

__noinline int bl_flow4_establish(const struct bl_direction *from)
{
	return from ? bl_flow_establish_in(from, BL_FAMILY_IPV4) : BL_FLOW_NOWHERE;
}

__noinline int bl_flow6_establish(const struct bl_direction *from)
{
	return from ? bl_flow_establish_in(from, BL_FAMILY_IPV6) : BL_FLOW_NOWHERE;
}

/* Makes an entry that waits, of a key that has none. Its place; NOWHERE: another CPU was there at
 * the same time. */
static __always_inline int bl_flow_wait(const struct bl_direction *from)
{
	return from->from.family == BL_FAMILY_IPV4 ? bl_flow4_wait(from) : bl_flow6_wait(from);
}

/* The same for an established one, whose key may have one. */
static __always_inline int bl_flow_establish(const struct bl_direction *from)
{
	return from->from.family == BL_FAMILY_IPV4 ? bl_flow4_establish(from)
						   : bl_flow6_establish(from);
}

#endif
