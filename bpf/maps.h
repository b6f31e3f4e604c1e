/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Maps of the socket programs, and their load-time constants. The contract is beeline/abi.h,
 * explained in docs/maps.md; the loader may change max_entries before the maps are created.
 */
#ifndef BPF_MAPS_H
#define BPF_MAPS_H

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "beeline/abi.h"
#include "beeline/reasons.h"
#include "beeline/tunables.h"

/* Values are the loader's; these make the object usable as it is. */
const volatile struct bl_sock_tunables tunables = {
	.probe_mark = BL_PROBE_MARK_DEFAULT,
	.remember_peer = 1,
	.refuse_bind = 1,
	.count = 1,
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct bl_abi);
} abi SEC(".maps");

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
	__uint(max_entries, BL_SLOTS_MAX);
	__type(key, __u32);
	__type(value, struct bl_slot);
} slots SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, BL_BACKENDS_MAX);
	__type(key, __u32);
	__type(value, struct bl_backend);
} backends SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, BL_SERVICES_MAX);
	__type(key, __u32);
	__type(value, struct bl_service_entry);
} services SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, BL_ADDR_FILTER_WORDS);
	__type(key, __u32);
	__type(value, struct bl_addr_filter_word);
} addr_filter SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct bl_sock);
} socks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct bl_udp_peers);
} udp_peers SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, BL_TCP_PEERS);
	__type(key, __u32);
	__type(value, struct bl_tcp_peer);
} tcp_peers SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, BL_AFFINITY_MAX);
	__type(key, struct bl_affinity_key);
	__type(value, struct bl_affinity);
} affinity SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, BL_NETNS_PODS_MAX);
	__type(key, __u64);
	__type(value, struct bl_netns_pod);
} netns_pods SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, BL_SERVICES_MAX / BL_STATS_BLOCK);
	__type(key, __u32);
	__type(value, struct bl_service_stats_block);
} service_stats SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
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
