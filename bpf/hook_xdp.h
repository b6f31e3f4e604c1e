/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The packet as XDP sees it. hook_tc.h and hook_native.h have the same functions for tc and for
 * tests; a program includes one of them before the cores, which know no hook.
 *
 * Lengths are of the frame, which begins with its Ethernet header. Whatever changes the frame makes
 * earlier pointers into it useless: ask bl_at() again.
 */
#ifndef BPF_HOOK_XDP_H
#define BPF_HOOK_XDP_H

#include <linux/bpf.h>
#include <stdbool.h>

#include <bpf/bpf_helpers.h>

#include "csum.h"

#define bl_context xdp_md
#define BL_HOOK_IS_XDP 1
#define BL_PASS XDP_PASS
#define BL_DROP XDP_DROP
#define BL_OFFSET_MAX 511u

/* `size` bytes at `offset`, or NULL when the frame ends before. */
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
	return (int)bpf_xdp_load_bytes(ctx, offset, ret, size);
}

static __always_inline int bl_store(struct bl_context *ctx, __u32 offset, void *from, __u32 size)
{
	return (int)bpf_xdp_store_bytes(ctx, offset, from, size);
}

static __always_inline __u32 bl_length(struct bl_context *ctx)
{
	/* All of the frame: programs of section "xdp" see none in several parts. */
	__u64 length = (__u64)ctx->data_end - ctx->data;

	/* The verifier wants pointers subtracted whole. */
	asm volatile("" : "+r"(length));
	return (__u32)length;
}

static __always_inline __u32 bl_device(struct bl_context *ctx)
{
	return ctx->ingress_ifindex;
}

static __always_inline void bl_prepare(struct bl_context *ctx)
{
	(void)ctx;
}

/* The checksum at `offset` after addresses and ports changed by the given sums. */
static __always_inline void bl_fix_checksum(struct bl_context *ctx, __u32 offset, __u32 addresses,
					    __u32 ports, bool is_udp, bool is_ipv6)
{
	__u16 *sum = bl_at(ctx, offset, sizeof(*sum));

	(void)is_ipv6;
	if (sum)
		*sum = bl_csum_transport(*sum, bl_csum_add(addresses, ports), is_udp);
}

/* Room between the Ethernet header, which the caller writes anew, and what follows it. */
static __always_inline int bl_grow(struct bl_context *ctx, __u32 size)
{
	return (int)bpf_xdp_adjust_head(ctx, -(int)size);
}

/* The same, for the header of a tunnel. */
static __always_inline int bl_grow_tunnel(struct bl_context *ctx, __u32 size, bool is_ipv6)
{
	(void)is_ipv6;
	return bl_grow(ctx, size);
}

static __always_inline int bl_shrink(struct bl_context *ctx, __u32 size)
{
	return (int)bpf_xdp_adjust_head(ctx, (int)size);
}

static __always_inline int bl_cut(struct bl_context *ctx, __u32 length)
{
	return (int)bpf_xdp_adjust_tail(ctx, (int)length - (int)bl_length(ctx));
}

/* Out of the device that it came in through. */
static __always_inline int bl_send_back(struct bl_context *ctx)
{
	(void)ctx;
	return XDP_TX;
}

static __always_inline int bl_send(struct bl_context *ctx, __u32 ifindex)
{
	return ifindex == ctx->ingress_ifindex ? XDP_TX : (int)bpf_redirect(ifindex, 0);
}

#endif
