/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The packet as tests of the cores see it: a block of the heap of just its length, so that a
 * sanitizer sees every byte too many.
 */
#ifndef NATIVE_HOOK_H
#define NATIVE_HOOK_H

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf_helpers.h>

#include "csum.h"

#define BL_HOOK_IS_XDP 1
#define BL_PASS 2
#define BL_DROP 1
#define BL_SENT 3
#define BL_OFFSET_MAX 511u

/* Two bytes before the Ethernet header put the IP header on a multiple of four, as drivers do. */
#define NATIVE_PAD 2u

struct bl_context {
	unsigned char *block;
	unsigned char *data;
	__u32 len;
};

static inline void native_hold(struct bl_context *ctx, __u32 len)
{
	ctx->block = calloc(1, len + NATIVE_PAD);
	if (!ctx->block)
		abort();
	ctx->data = ctx->block + NATIVE_PAD;
	ctx->len = len;
}

static inline void *bl_at(struct bl_context *ctx, __u32 offset, __u32 size)
{
	offset &= BL_OFFSET_MAX;
	return offset + size <= ctx->len ? ctx->data + offset : NULL;
}

static inline int bl_load(struct bl_context *ctx, __u32 offset, void *ret, __u32 size)
{
	if (offset + size > ctx->len)
		return -1;
	memcpy(ret, ctx->data + offset, size);
	return 0;
}

static inline int bl_store(struct bl_context *ctx, __u32 offset, void *from, __u32 size)
{
	if (offset + size > ctx->len)
		return -1;
	memcpy(ctx->data + offset, from, size);
	return 0;
}

static inline __u32 bl_length(struct bl_context *ctx)
{
	return ctx->len;
}

static inline __u32 bl_device(struct bl_context *ctx)
{
	(void)ctx;
	return 1;
}

static inline void bl_prepare(struct bl_context *ctx)
{
	(void)ctx;
}

static inline void bl_fix_checksum(struct bl_context *ctx, __u32 offset, __u32 addresses,
				   __u32 ports, bool is_udp, bool is_ipv6)
{
	__u16 *sum = bl_at(ctx, offset, sizeof(*sum));

	(void)is_ipv6;
	if (sum)
		*sum = bl_csum_transport(*sum, bl_csum_add(addresses, ports), is_udp);
}

/* A new block each time, so that the old one's bytes are out of bounds. */
static inline int bl_resize(struct bl_context *ctx, __u32 skip, __u32 room, __u32 len)
{
	struct bl_context old = *ctx;

	native_hold(ctx, len);
	memcpy(ctx->data + room, old.data + skip, len - room);
	free(old.block);
	return 0;
}

static inline int bl_grow(struct bl_context *ctx, __u32 size)
{
	return bl_resize(ctx, 0, size, ctx->len + size);
}

static inline int bl_grow_tunnel(struct bl_context *ctx, __u32 size, bool is_ipv6)
{
	(void)is_ipv6;
	return bl_grow(ctx, size);
}

static inline int bl_shrink(struct bl_context *ctx, __u32 size)
{
	return size + 14 > ctx->len ? -1 : bl_resize(ctx, size, 0, ctx->len - size);
}

static inline int bl_cut(struct bl_context *ctx, __u32 length)
{
	return length > ctx->len ? -1 : bl_resize(ctx, 0, 0, length);
}

static inline int bl_send_back(struct bl_context *ctx)
{
	(void)ctx;
	return BL_SENT;
}

static inline int bl_send(struct bl_context *ctx, __u32 ifindex)
{
	(void)ctx;
	native.sent_ifindex = ifindex;
	return BL_SENT;
}

#endif
