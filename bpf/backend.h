/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Backends and translations: whether one still serves, whether two belong together. Pure.
 *
 * The agent writes `backends` in place while programs read. It sets the state to FREE or GONE, then
 * address, generation and service, and the state last; port, family, state and generation share one
 * aligned word, so that a reader who finds the word unchanged after the rest has a whole backend.
 */
#ifndef BPF_BACKEND_H
#define BPF_BACKEND_H

#include "address.h"

_Static_assert(__builtin_offsetof(struct bl_backend, port) == 16 &&
		       __builtin_offsetof(struct bl_backend, generation) == 20,
	       "port, family, state and generation must share the eight bytes at 16");

/* False: the agent wrote while we read. */
static inline bool bl_backend_copy(const struct bl_backend *from, struct bl_backend *ret)
{
	const volatile __u64 *head = (const volatile __u64 *)((const char *)from + 16);
	__u64 before = *head;

	ret->address = *(const volatile union bl_ip *)&from->address;
	*(__u64 *)((char *)ret + 16) = before;
	ret->service_id = *(const volatile __u32 *)&from->service_id;
	ret->weight = from->weight;
	ret->zone = from->zone;
	ret->flags = from->flags;
	return *head == before;
}

static inline bool bl_backend_is_serving(const struct bl_backend *backend)
{
	return backend->state == BL_BACKEND_READY || backend->state == BL_BACKEND_TERMINATING;
}

/* The backend that a translation or an affinity entry names is still the one it meant. */
static inline bool bl_backend_is_same(const struct bl_backend *backend, __u32 generation,
				      __u32 service_id)
{
	return backend->generation == generation && backend->service_id == service_id;
}

static inline bool bl_translation_dialled(const struct bl_translation *translation,
					  const struct bl_destination *dst)
{
	return translation->backend_id && translation->dialled_port == dst->port &&
	       translation->dialled_family == dst->family &&
	       bl_ip_equal(&translation->dialled, &dst->address);
}

static inline bool bl_translation_reached(const struct bl_translation *translation,
					  const struct bl_destination *src)
{
	return translation->backend_id && translation->backend_port == src->port &&
	       translation->backend_family == src->family &&
	       bl_ip_equal(&translation->backend, &src->address);
}

static inline void bl_translation_set(struct bl_translation *translation,
				      const struct bl_destination *dialled, __u32 backend_id,
				      const struct bl_backend *backend, __u64 now_ns)
{
	translation->dialled = dialled->address;
	translation->backend = backend->address;
	translation->dialled_port = dialled->port;
	translation->backend_port = backend->port;
	translation->dialled_family = dialled->family;
	translation->backend_family = backend->family;
	translation->backend_id = backend_id;
	translation->backend_generation = backend->generation;
	translation->service_id = backend->service_id;
	translation->since_ns = now_ns;
}

/* A set of backends that changes gets another range, so what was in this one still is. */
static inline bool bl_affinity_is_in(const struct bl_affinity *entry,
				     const struct bl_slot_range *range)
{
	return entry->slots.first == range->first && entry->slots.count == range->count;
}

/* An affinity entry that was used at `last_used_ns` and holds for `timeout_s`. */
static inline bool bl_affinity_is_fresh(__u64 last_used_ns, __u32 timeout_s, __u64 now_ns)
{
	return now_ns < last_used_ns || now_ns - last_used_ns < timeout_s * 1000000000ull;
}

#endif
