/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Flows that are not established yet: a hash with buckets of a few entries and a lock each. Making
 * an entry costs a fraction of an insert into an LRU map, and whatever is made here leaves the maps
 * of established flows alone. Entries are copied in and out, under the lock.
 */
#ifndef BPF_PENDING_H
#define BPF_PENDING_H

#include "flow.h"

static __always_inline struct bl_pending_bucket *bl_pending_bucket_of(__u64 hash)
{
	__u32 index = hash & (BL_PENDING_BUCKETS - 1);

	return bpf_map_lookup_elem(&pending, &index);
}

/* The entry with the tag, or BL_PENDING_WAYS; with the bucket's lock. */
static __always_inline __u32 bl_pending_way(const struct bl_pending_bucket *bucket, __u32 tag)
{
	__u32 way = BL_PENDING_WAYS;

	for (__u32 i = 0; i < BL_PENDING_WAYS; i++)
		way -= (BL_PENDING_WAYS - i) * bl_is_equal(bucket->tags[i], tag);
	return way;
}

static __always_inline bool bl_pending_holds(const struct bl_pending_bucket *bucket, __u32 way,
					     const struct bl_tuple *tuple)
{
	return way < BL_PENDING_WAYS && bl_tuple_equal(&bucket->entries[way].from, tuple);
}

/* A free entry, or the one that was used longest ago. */
static __always_inline __u32 bl_pending_victim(const struct bl_pending_bucket *bucket, __u32 now)
{
	__u64 victim = 0, oldest = 0;

	for (__u32 i = 0; i < BL_PENDING_WAYS; i++) {
		__u64 age = (__u32)(now - bucket->seen[i]) | (__u64)bl_is_equal(bucket->tags[i], 0)
								     << 32;
		__u64 is_older = bl_is_less(oldest, age);

		oldest += (age - oldest) * is_older;
		victim += (i - victim) * is_older;
	}
	return (__u32)victim;
}

/* Copies the entry of the tuple out; 0: there is none. */
int bl_pending_find(const struct bl_tuple *tuple, struct bl_pending *ret);

__noinline int bl_pending_find(const struct bl_tuple *tuple, struct bl_pending *ret)
{
	struct bl_pending_bucket *bucket;
	__u64 hash;
	__u32 way;

	if (!tuple || !ret)
		return 0;
	hash = bl_tuple_hash(tuple);
	bucket = bl_pending_bucket_of(hash);
	if (!bucket)
		return 0;
	bpf_spin_lock(&bucket->lock);
	way = bl_pending_way(bucket, bl_hash_tag(hash));
	if (way < BL_PENDING_WAYS)
		*ret = bucket->entries[way];
	bpf_spin_unlock(&bucket->lock);
	return way < BL_PENDING_WAYS && bl_tuple_equal(&ret->from, tuple);
}

/* Puts an entry in place of what its tuple had. With BPF_NOEXIST not 0, and nothing is done, when
 * that is another flow's and still wanted. */
int bl_pending_store(const struct bl_pending *from, __u64 flags, __u64 now_ns);

__noinline int bl_pending_store(const struct bl_pending *from, __u64 flags, __u64 now_ns)
{
	struct bl_pending_bucket *bucket;
	bool is_free = true;
	__u64 hash;
	__u32 way;

	if (!from)
		return -1;
	hash = bl_tuple_hash(&from->from);
	bucket = bl_pending_bucket_of(hash);
	if (!bucket)
		return -1;
	bpf_spin_lock(&bucket->lock);
	way = bl_pending_way(bucket, bl_hash_tag(hash));
	if (way >= BL_PENDING_WAYS)
		way = bl_pending_victim(bucket, bl_flow_time(now_ns));
	else if (flags == BPF_NOEXIST)
		is_free =
			!bl_tuple_equal(&bucket->entries[way].from, &from->from) ||
			bl_tuple_equal(&bucket->entries[way].to, &from->to) ||
			!bl_flow_is_taken(&bucket->entries[way].flow, from->from.protocol, now_ns);
	if (way < BL_PENDING_WAYS && is_free) {
		bucket->entries[way] = *from;
		bucket->tags[way] = bl_hash_tag(hash);
		bucket->seen[way] = from->flow.last_seen;
	}
	bpf_spin_unlock(&bucket->lock);
	return is_free ? 0 : -1;
}

int bl_pending_delete(const struct bl_tuple *tuple);

__noinline int bl_pending_delete(const struct bl_tuple *tuple)
{
	struct bl_pending_bucket *bucket;
	__u64 hash;
	__u32 way;

	if (!tuple)
		return 0;
	hash = bl_tuple_hash(tuple);
	bucket = bl_pending_bucket_of(hash);
	if (!bucket)
		return 0;
	bpf_spin_lock(&bucket->lock);
	way = bl_pending_way(bucket, bl_hash_tag(hash));
	if (bl_pending_holds(bucket, way, tuple) && way < BL_PENDING_WAYS)
		bucket->tags[way] = 0;
	bpf_spin_unlock(&bucket->lock);
	return 0;
}

/* The backend answered: what the client's next packet of a handshake acknowledges. */
int bl_pending_answered(const struct bl_tuple *tuple, __u32 acknowledges);

__noinline int bl_pending_answered(const struct bl_tuple *tuple, __u32 acknowledges)
{
	struct bl_pending_bucket *bucket;
	__u64 hash;
	__u32 way;

	if (!tuple)
		return 0;
	hash = bl_tuple_hash(tuple);
	bucket = bl_pending_bucket_of(hash);
	if (!bucket)
		return 0;
	bpf_spin_lock(&bucket->lock);
	way = bl_pending_way(bucket, bl_hash_tag(hash));
	if (bl_pending_holds(bucket, way, tuple) && way < BL_PENDING_WAYS) {
		bucket->entries[way].flow.state = BL_FLOW_ESTABLISHED;
		bucket->entries[way].acknowledges = acknowledges;
	}
	bpf_spin_unlock(&bucket->lock);
	return 0;
}

/* Both directions. */
static __always_inline void bl_pending_forget(const struct bl_pending *entry)
{
	struct bl_tuple answer;

	bl_tuple_turn(&answer, &entry->to);
	if (bl_flow_has_pair(&entry->flow))
		(void)bl_pending_delete(&answer);
	(void)bl_pending_delete(&entry->from);
}

#endif
