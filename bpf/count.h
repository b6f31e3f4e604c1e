/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Counters of all programs. Reasons are counted for packets, so per CPU, that CPUs do not share
 * lines; services and backends for connections, and there are many of them, so once. All are
 * atomic, because a program may be preempted by another on its CPU, and a lost step would leave a
 * live count wrong for ever. They cost nothing when the object's own constants turn them off: it
 * defines bl_counting().
 */
#ifndef BPF_COUNT_H
#define BPF_COUNT_H

#include "shared_maps.h"

/* The includer defines it. NOLINTNEXTLINE(readability-redundant-declaration) */
static __always_inline bool bl_counting(void);

static __always_inline void bl_count_reason(__u32 reason)
{
	__u64 *count;

	if (!bl_counting())
		return;
	count = bpf_map_lookup_elem(&reasons, &reason);
	if (count)
		__sync_fetch_and_add(count, 1);
}

static __always_inline struct bl_service_stats *bl_service_stats_of(__u32 service_id)
{
	__u32 index = service_id / BL_STATS_BLOCK;
	struct bl_service_stats_block *block = bpf_map_lookup_elem(&service_stats, &index);

	return block ? &block->services[service_id % BL_STATS_BLOCK] : NULL;
}

static __always_inline struct bl_backend_stats *bl_backend_stats_of(__u32 backend_id)
{
	__u32 index = backend_id / BL_STATS_BLOCK;
	struct bl_backend_stats_block *block = bpf_map_lookup_elem(&backend_stats, &index);

	return block ? &block->backends[backend_id % BL_STATS_BLOCK] : NULL;
}

static __always_inline void bl_count_connection(__u32 service_id, __u32 backend_id)
{
	struct bl_service_stats *service;
	struct bl_backend_stats *backend;

	if (!bl_counting())
		return;
	service = bl_service_stats_of(service_id);
	if (service)
		__sync_fetch_and_add(&service->connections, 1);
	backend = bl_backend_stats_of(backend_id);
	if (backend)
		__sync_fetch_and_add(&backend->connections, 1);
}

/* A flow of a client outside. Its end is not seen, so it is none of those that are alive. */
static __always_inline void bl_count_flow(__u32 service_id, __u32 backend_id)
{
	struct bl_service_stats *service;
	struct bl_backend_stats *backend;

	if (!bl_counting())
		return;
	service = bl_service_stats_of(service_id);
	if (service)
		__sync_fetch_and_add(&service->connections, 1);
	backend = bl_backend_stats_of(backend_id);
	if (!backend)
		return;
	__sync_fetch_and_add(&backend->connections, 1);
	__sync_fetch_and_add(&backend->released, 1);
}

static __always_inline void bl_count_refused(__u32 service_id)
{
	struct bl_service_stats *service;

	if (!bl_counting())
		return;
	service = bl_service_stats_of(service_id);
	if (service)
		__sync_fetch_and_add(&service->refused, 1);
}

/* The end of what bl_count_connection counted; id 0 is nothing. */
static __always_inline void bl_count_release(__u32 backend_id)
{
	struct bl_backend_stats *backend;

	if (!bl_counting() || !backend_id)
		return;
	backend = bl_backend_stats_of(backend_id);
	if (backend)
		__sync_fetch_and_add(&backend->released, 1);
}

#endif
