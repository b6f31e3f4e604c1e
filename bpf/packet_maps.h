/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Maps of the packet programs alone, and their load-time constants. The contract is
 * beeline/packet.h, explained in docs/maps.md.
 */
#ifndef BPF_PACKET_MAPS_H
#define BPF_PACKET_MAPS_H

#include "beeline/packet.h"
#include "shared_maps.h"

/* Values are the loader's; these make the object usable as it is. */
const volatile struct bl_packet_tunables tunables = BL_PACKET_TUNABLES_DEFAULT;

static __always_inline bool bl_counting(void)
{
	return tunables.count;
}

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, BL_MAGLEV_MAX / BL_MAGLEV_BLOCK);
	__type(key, __u32);
	__type(value, struct bl_maglev_block);
} maglev SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, BL_PACKET_PORT_WORDS);
	__type(key, __u32);
	__type(value, struct bl_packet_port_word);
} packet_ports SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct bl_packet_state);
} packet_state SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, BL_PACKET_GUARD_COUNT);
	__type(key, __u32);
	__type(value, struct bl_packet_guard);
} packet_guard SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, BL_UPLINKS_MAX);
	__type(key, __u32);
	__type(value, struct bl_uplink);
} uplinks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, BL_SOURCES_MAX);
	__type(key, struct bl_source4_key);
	__type(value, struct bl_source_range);
} sources4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, BL_SOURCES_MAX);
	__type(key, struct bl_source6_key);
	__type(value, struct bl_source_range);
} sources6 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE); /* for its values to begin with a page */
	__uint(max_entries, BL_FLOWS4_BUCKETS);
	__type(key, __u32);
	__type(value, struct bl_flow_tags);
} flow_tags4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE); /* for its values to begin with a page */
	__uint(max_entries, BL_FLOWS6_BUCKETS);
	__type(key, __u32);
	__type(value, struct bl_flow_tags);
} flow_tags6 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE); /* for its values to begin with a page */
	__uint(max_entries, BL_FLOWS4_BUCKETS *BL_FLOW_WAYS);
	__type(key, __u32);
	__type(value, struct bl_flow4);
} flows4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE); /* for its values to begin with a page */
	__uint(max_entries, BL_FLOWS6_BUCKETS *BL_FLOW_WAYS);
	__type(key, __u32);
	__type(value, struct bl_flow6);
} flows6 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, BL_FRAGMENTS_MAX);
	__type(key, struct bl_fragment4_key);
	__type(value, struct bl_fragment);
} fragments4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, BL_FRAGMENTS_MAX);
	__type(key, struct bl_fragment6_key);
	__type(value, struct bl_fragment);
} fragments6 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, BL_DSR_BACKENDS_MAX);
	__type(key, struct bl_dsr_key);
	__type(value, struct bl_dsr_backend);
} dsr_backends SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, BL_DSR_PEERS_MAX);
	__type(key, struct bl_dsr_peer_key);
	__type(value, struct bl_dsr_peer);
} dsr_peers SEC(".maps");

#endif
