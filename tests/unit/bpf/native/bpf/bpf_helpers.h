/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Stands in for libbpf's header, so that the packet cores compile for this machine: maps are lists
 * in memory, and the kernel answers what tests ask for in `native`.
 */
#ifndef NATIVE_BPF_HELPERS_H
#define NATIVE_BPF_HELPERS_H

#include <linux/bpf.h>
#include <linux/types.h>
#include <stdlib.h>
#include <string.h>

#define SEC(name)
#define __uint(name, value) int(*name)[value]
#define __type(name, value) __typeof__(value) *name
#ifndef __always_inline
#define __always_inline inline __attribute__((always_inline))
#endif
#ifndef __noinline
#define __noinline __attribute__((noinline, unused))
#endif

struct native_element {
	const void *map;
	struct native_element *next;
	size_t key_size;
	size_t value_size;
	void *value;
	unsigned char key[64];
};

struct native {
	struct native_element *elements;
	__u64 now_ns;
	__u32 random;
	long fib_result;
	__u32 fib_ifindex;
	__u16 fib_mtu;
	__u32 sent_ifindex; /* where the last frame went */
};

extern struct native native;

/* Forgets all elements of all maps. */
void native_clear(void);
void *native_lookup(const void *map, int type, size_t key_size, size_t value_size, const void *key);
long native_update(const void *map, size_t key_size, size_t value_size, const void *key,
		   const void *value, __u64 flags);
long native_delete(const void *map, size_t key_size, const void *key);
long native_loop(__u32 count, long (*each)(__u32, void *), void *context);
long native_fib(struct bpf_fib_lookup *params);
__s64 native_csum(const void *data, __u32 size, __u32 sum);

#define bpf_map_lookup_elem(map, the_key)                                                          \
	native_lookup(map, (int)(sizeof(*(map)->type) / sizeof(int)), sizeof(*(map)->key),         \
		      sizeof(*(map)->value), the_key)
#define bpf_map_update_elem(map, the_key, the_value, flags)                                        \
	native_update(map, sizeof(*(map)->key), sizeof(*(map)->value), the_key, the_value, flags)
#define bpf_map_delete_elem(map, the_key) native_delete(map, sizeof(*(map)->key), the_key)
#define bpf_ktime_get_ns() (native.now_ns)
#define bpf_ktime_get_coarse_ns() (native.now_ns)
#define bpf_jiffies64() (native.now_ns / 4000000)
#define bpf_get_prandom_u32() (native.random = native.random * 1664525u + 1013904223u)
#define bpf_loop(count, each, context, flags) native_loop(count, each, context)
#define bpf_fib_lookup(ctx, params, size, flags) native_fib(params)
#define bpf_csum_diff(from, from_size, to, to_size, sum) native_csum(to, to_size, sum)

#endif
