/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The packet as tc sees it; see hook_xdp.h. Checksums go through the kernel's helpers, because what
 * local pods send has them only begun.
 */
#ifndef BPF_HOOK_TC_H
#define BPF_HOOK_TC_H

#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <stdbool.h>

#include <bpf/bpf_helpers.h>

#include "csum.h"

#define bl_context __sk_buff
#define BL_HOOK_IS_XDP 0
#define BL_PASS TC_ACT_UNSPEC /* what else is attached goes on */
#define BL_DROP TC_ACT_SHOT
#define BL_OFFSET_MAX 511u
#define BL_LINEAR 192u /* headers that are looked at without asking for each */

static __always_inline void *bl_at(struct bl_context *ctx, __u32 offset, __u32 size)
{
	void *data = (void *)(long)ctx->data;
	void *data_end = (void *)(long)ctx->data_end;

	/* The verifier wants the bound on the register that is added. */
	asm volatile("%0 &= 511" : "+r"(offset));
	data += offset;
	return data + size <= data_end ? data : NULL;
}

static __always_inline int bl_load(struct bl_context *ctx, __u32 offset, void *ret, __u32 size)
{
	return (int)bpf_skb_load_bytes(ctx, offset, ret, size);
}

static __always_inline int bl_store(struct bl_context *ctx, __u32 offset, void *from, __u32 size)
{
	return (int)bpf_skb_store_bytes(ctx, offset, from, size, 0);
}

static __always_inline __u32 bl_length(struct bl_context *ctx)
{
	return ctx->len;
}

static __always_inline __u32 bl_device(struct bl_context *ctx)
{
	return ctx->ifindex;
}

static __always_inline void bl_prepare(struct bl_context *ctx)
{
	__u32 wanted = ctx->len < BL_LINEAR ? ctx->len : BL_LINEAR;

	if ((__u64)ctx->data + wanted > (__u64)ctx->data_end)
		(void)bpf_skb_pull_data(ctx, wanted);
}

/*
 * Two calls, because a checksum that is only begun covers addresses alone. The kernel takes what
 * addresses change off the sum that a device gave for the whole packet; this is right for IPv4,
 * whose header has a sum of its own, and undone for IPv6.
 */
static __always_inline void bl_fix_checksum(struct bl_context *ctx, __u32 offset, __u32 addresses,
					    __u32 ports, bool is_udp, bool is_ipv6)
{
	__u64 zero = is_udp ? BPF_F_MARK_MANGLED_0 : 0;

	(void)bpf_l4_csum_replace(ctx, offset, 0, addresses, BPF_F_PSEUDO_HDR | zero);
	if (is_ipv6)
		(void)bpf_csum_update(ctx, addresses);
	(void)bpf_l4_csum_replace(ctx, offset, 0, ports, zero);
}

static __always_inline int bl_grow(struct bl_context *ctx, __u32 size)
{
	return (int)bpf_skb_adjust_room(ctx, (int)size, BPF_ADJ_ROOM_MAC, 0);
}

/* Segments of a packet that is many in one become smaller by the header; only TCP's may. */
static __always_inline int bl_grow_tunnel(struct bl_context *ctx, __u32 size, bool is_ipv6)
{
	return (int)bpf_skb_adjust_room(ctx, (int)size, BPF_ADJ_ROOM_MAC,
					is_ipv6 ? BPF_F_ADJ_ROOM_ENCAP_L3_IPV6
						: BPF_F_ADJ_ROOM_ENCAP_L3_IPV4);
}

static __always_inline int bl_shrink(struct bl_context *ctx, __u32 size)
{
	return (int)bpf_skb_adjust_room(ctx, -(int)size, BPF_ADJ_ROOM_MAC,
					BPF_F_ADJ_ROOM_FIXED_GSO);
}

static __always_inline int bl_cut(struct bl_context *ctx, __u32 length)
{
	return (int)bpf_skb_change_tail(ctx, length, 0);
}

static __always_inline int bl_send_back(struct bl_context *ctx)
{
	return (int)bpf_redirect(ctx->ifindex, 0);
}

static __always_inline int bl_send(struct bl_context *ctx, __u32 ifindex)
{
	(void)ctx;
	return (int)bpf_redirect(ifindex, 0);
}

#endif
