/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Maps that the socket programs and the packet programs share. The contract is beeline/abi.h,
 * explained in docs/maps.md; the loader may change max_entries before the maps are created.
 */
#ifndef BPF_SHARED_MAPS_H
#define BPF_SHARED_MAPS_H

#include <linux/bpf.h>
#include <stdbool.h>

#include <bpf/bpf_helpers.h>

#include "beeline/abi.h"
#include "beeline/reasons.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, BL_FRONTENDS_MAX);
	__type(key, struct bl_frontend4_key);
	__type(value, struct bl_frontend);
} frontends4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, BL_FRONTENDS_MAX);
	__type(key, struct bl_frontend6_key);
	__type(value, struct bl_frontend);
} frontends6 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, BL_SLOTS_MAX / BL_SLOT_BLOCK);
	__type(key, __u32);
	__type(value, struct bl_slot_block);
} slots SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, BL_BACKENDS_MAX);
	__type(key, __u32);
	__type(value, struct bl_backend);
} backends SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, BL_AFFINITY_MAX);
	__type(key, struct bl_affinity_key);
	__type(value, struct bl_affinity);
} affinity SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, BL_SERVICES_MAX / BL_STATS_BLOCK);
	__type(key, __u32);
	__type(value, struct bl_service_stats_block);
} service_stats SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, BL_BACKENDS_MAX / BL_STATS_BLOCK);
	__type(key, __u32);
	__type(value, struct bl_backend_stats_block);
} backend_stats SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, BL_REASON_COUNT);
	__type(key, __u32);
	__type(value, __u64);
} reasons SEC(".maps");

#endif
