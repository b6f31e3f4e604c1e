/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Reading the shared maps: frontends, backends, slots, affinity. Knows no hook.
 */
#ifndef BPF_LOOKUP_H
#define BPF_LOOKUP_H

#include "backend.h"
#include "choose.h"
#include "shared_maps.h"

#define BL_AFFINITY_TOUCH_NS 1000000000ull /* how old an entry gets before its time is renewed */
#define BL_DRAWS 4 /* all are biased draws with a chance below 2^-48 at 2^20 slots */

struct bl_choice {
	__u32 backend_id;
	struct bl_backend backend;
};

static __always_inline const struct bl_frontend *
bl_frontend_lookup(const union bl_ip *address, __u8 family, __be16 port, __u8 protocol)
{
	struct bl_frontend4_key key4 = {.port = port, .protocol = protocol};
	struct bl_frontend6_key key6 = {.port = port, .protocol = protocol};

	if (family == BL_FAMILY_IPV4) {
		__builtin_memcpy(key4.address, address->ipv4, sizeof(key4.address));
		return bpf_map_lookup_elem(&frontends4, &key4);
	}
	__builtin_memcpy(key6.address, address->ipv6, sizeof(key6.address));
	return bpf_map_lookup_elem(&frontends6, &key6);
}

/* False when there is no such backend, or the agent was writing it. */
static __always_inline bool bl_backend_read(__u32 backend_id, struct bl_choice *ret)
{
	const struct bl_backend *backend = bpf_map_lookup_elem(&backends, &backend_id);

	ret->backend_id = backend_id;
	return backend && bl_backend_copy(backend, &ret->backend);
}

static __always_inline const struct bl_slot *bl_slot_at(__u32 index)
{
	__u32 at = index / BL_SLOT_BLOCK;
	const struct bl_slot_block *block = bpf_map_lookup_elem(&slots, &at);

	return block ? &block->slots[index % BL_SLOT_BLOCK] : NULL;
}

/* The backend of a slot, if it belongs to the service and serves. */
static __always_inline bool bl_slot_read(__u32 index, __u32 service_id, struct bl_choice *ret)
{
	const struct bl_slot *slot = bl_slot_at(index);

	return slot && bl_backend_read(slot->backend_id, ret) &&
	       ret->backend.service_id == service_id && bl_backend_is_serving(&ret->backend);
}

static __always_inline __u32 bl_choose_drawn(__u32 count)
{
	__u32 chosen = 0;

	for (int i = 0; i < BL_DRAWS; i++)
		if (bl_choose_random(bpf_get_prandom_u32(), count, &chosen))
			break;
	return chosen;
}

struct bl_slot_search {
	__u32 first;
	__u32 backend_id;
	__u32 found;
};

static long bl_slot_compare(__u32 index, void *argument)
{
	struct bl_slot_search *search = argument;
	const struct bl_slot *slot = bl_slot_at(search->first + index);

	search->found = slot && slot->backend_id == search->backend_id;
	return !slot || search->found;
}

/* A function of its own for the verifier, which looks into it once and not at every call. */
__u32 bl_slots_hold(__u32 first, __u32 count, __u32 backend_id);

__noinline __u32 bl_slots_hold(__u32 first, __u32 count, __u32 backend_id)
{
	struct bl_slot_search search = {.first = first, .backend_id = backend_id};

	(void)bpf_loop(count, bl_slot_compare, &search, 0);
	return search.found;
}

/*
 * The client may have this backend still. Once the set has changed, a backend may serve and be no
 * longer in it: it terminates while others are ready, or the traffic policy or the topology leave
 * it out. So the slots are searched, one time for each client and change.
 */
static __always_inline bool bl_affinity_admits(const struct bl_slot_range *range,
					       struct bl_affinity *entry)
{
	if (bl_affinity_is_in(entry, range))
		return true;
	if (!bl_slots_hold(range->first, range->count, entry->backend_id))
		return false;
	entry->slots = *range;
	return true;
}

static __always_inline bool bl_affinity_find(const struct bl_frontend *frontend,
					     const struct bl_slot_range *range,
					     const struct bl_affinity_key *key, __u64 now_ns,
					     struct bl_choice *ret)
{
	struct bl_affinity *entry = bpf_map_lookup_elem(&affinity, key);

	if (!entry ||
	    !bl_affinity_is_fresh(entry->last_used_ns, frontend->affinity_timeout_s, now_ns) ||
	    !bl_backend_read(entry->backend_id, ret) ||
	    !bl_backend_is_same(&ret->backend, entry->backend_generation, frontend->service_id) ||
	    !bl_backend_is_serving(&ret->backend) || !bl_affinity_admits(range, entry))
		return false;
	if (now_ns - entry->last_used_ns >= BL_AFFINITY_TOUCH_NS)
		entry->last_used_ns = now_ns;
	return true;
}

/* The choice was made among the slots of the range. Fails only when memory is short; the next
 * connection tries again. */
static __always_inline void bl_affinity_store(const struct bl_affinity_key *key,
					      const struct bl_slot_range *range,
					      const struct bl_choice *choice, __u64 now_ns)
{
	struct bl_affinity entry = {.last_used_ns = now_ns,
				    .backend_id = choice->backend_id,
				    .backend_generation = choice->backend.generation,
				    .slots = *range};

	(void)bpf_map_update_elem(&affinity, key, &entry, BPF_ANY);
}

#endif
