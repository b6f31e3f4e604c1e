/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Maps of the socket programs alone, and their load-time constants. The contract is beeline/abi.h,
 * explained in docs/maps.md; the loader may change max_entries before the maps are created.
 */
#ifndef BPF_MAPS_H
#define BPF_MAPS_H

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "beeline/abi.h"
#include "beeline/tunables.h"
#include "shared_maps.h"

/* Values are the loader's; these make the object usable as it is. */
const volatile struct bl_sock_tunables tunables = {
	.probe_mark = BL_PROBE_MARK_DEFAULT,
	.remember_peer = 1,
	.refuse_bind = 1,
	.count = 1,
	.cast_context = 1,
};

static __always_inline bool bl_counting(void)
{
	return tunables.count;
}

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct bl_abi);
} abi SEC(".maps");

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
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, BL_NETNS_PODS_MAX);
	__type(key, __u64);
	__type(value, struct bl_netns_pod);
} netns_pods SEC(".maps");

#endif
