// SPDX-License-Identifier: GPL-2.0
/*
 * Socket programs: they decide where a socket of this node goes when it dials a frontend. Entry
 * points only; they move addresses between the context and the cores, which decide.
 */
#include <linux/bpf.h>
#include <linux/errno.h>
#include <linux/in.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "bind.h"
#include "dial.h"
#include "stale.h"

char _license[] SEC("license") = "GPL";

#define BL_ALLOW 1
#define BL_REFUSE 0

static __always_inline void read4(struct bpf_sock_addr *ctx, struct bl_destination *ret)
{
	ret->address = bl_ip_from_ipv4(ctx->user_ip4);
	ret->port = (__be16)ctx->user_port;
	ret->family = BL_FAMILY_IPV4;
	ret->protocol = ctx->protocol;
}

static __always_inline void read6(struct bpf_sock_addr *ctx, struct bl_destination *ret)
{
	union bl_ip seen = {
		.words = {ctx->user_ip6[0], ctx->user_ip6[1], ctx->user_ip6[2], ctx->user_ip6[3]}};

	bl_destination_set(ret, &seen);
	ret->port = (__be16)ctx->user_port;
	ret->protocol = ctx->protocol;
}

static __always_inline void write4(struct bpf_sock_addr *ctx, const union bl_ip *address,
				   __be16 port)
{
	ctx->user_ip4 = address->words[0];
	ctx->user_port = port;
}

static __always_inline void write6(struct bpf_sock_addr *ctx, const union bl_ip *address,
				   __u8 family, __be16 port)
{
	union bl_ip shown = bl_ip_on_ipv6_socket(address, family);

	ctx->user_ip6[0] = shown.words[0];
	ctx->user_ip6[1] = shown.words[1];
	ctx->user_ip6[2] = shown.words[2];
	ctx->user_ip6[3] = shown.words[3];
	ctx->user_port = port;
}

static __always_inline int finish(enum bl_reason reason)
{
	if (!bl_reason_is_refusal(reason))
		return BL_ALLOW;
	bpf_set_retval(-ECONNREFUSED);
	return BL_REFUSE;
}

SEC("cgroup/connect4")
int bl_connect4(struct bpf_sock_addr *ctx)
{
	struct bl_destination dialled;
	struct bl_choice choice = {0};
	enum bl_reason reason;

	read4(ctx, &dialled);
	reason = bl_connect(ctx, &dialled, &choice);
	if (bl_reason_is_rewrite(reason))
		write4(ctx, &choice.backend.address, choice.backend.port);
	return finish(reason);
}

SEC("cgroup/connect6")
int bl_connect6(struct bpf_sock_addr *ctx)
{
	struct bl_destination dialled;
	struct bl_choice choice = {0};
	enum bl_reason reason;

	read6(ctx, &dialled);
	reason = bl_connect(ctx, &dialled, &choice);
	if (bl_reason_is_rewrite(reason))
		write6(ctx, &choice.backend.address, dialled.family, choice.backend.port);
	return finish(reason);
}

SEC("cgroup/sendmsg4")
int bl_sendmsg4(struct bpf_sock_addr *ctx)
{
	struct bl_destination dialled;
	struct bl_choice choice = {0};
	enum bl_reason reason;

	read4(ctx, &dialled);
	reason = bl_send(ctx, &dialled, &choice);
	if (bl_reason_is_rewrite(reason))
		write4(ctx, &choice.backend.address, choice.backend.port);
	return finish(reason);
}

/* IPv4-mapped destinations do not come here: the kernel hands them to sendmsg4. */
SEC("cgroup/sendmsg6")
int bl_sendmsg6(struct bpf_sock_addr *ctx)
{
	struct bl_destination dialled;
	struct bl_choice choice = {0};
	enum bl_reason reason;

	read6(ctx, &dialled);
	if (dialled.family != BL_FAMILY_IPV6)
		return BL_ALLOW;
	reason = bl_send(ctx, &dialled, &choice);
	if (bl_reason_is_rewrite(reason))
		write6(ctx, &choice.backend.address, BL_FAMILY_IPV6, choice.backend.port);
	return finish(reason);
}

static __always_inline int show4(struct bpf_sock_addr *ctx, const struct bl_translation *shown)
{
	if (shown) {
		write4(ctx, &shown->dialled, shown->dialled_port);
		bl_count_reason(BL_REASON_REPLY_RENAMED);
	}
	return BL_ALLOW;
}

static __always_inline int show6(struct bpf_sock_addr *ctx, const struct bl_translation *shown)
{
	if (shown) {
		write6(ctx, &shown->dialled, shown->dialled_family, shown->dialled_port);
		bl_count_reason(BL_REASON_REPLY_RENAMED);
	}
	return BL_ALLOW;
}

SEC("cgroup/recvmsg4")
int bl_recvmsg4(struct bpf_sock_addr *ctx)
{
	struct bl_destination source;

	read4(ctx, &source);
	return show4(ctx, bl_explain_answer(ctx, &source));
}

SEC("cgroup/recvmsg6")
int bl_recvmsg6(struct bpf_sock_addr *ctx)
{
	struct bl_destination source;

	read6(ctx, &source);
	return show6(ctx, bl_explain_answer(ctx, &source));
}

SEC("cgroup/getpeername4")
int bl_getpeername4(struct bpf_sock_addr *ctx)
{
	struct bl_destination peer;

	read4(ctx, &peer);
	return show4(ctx, bl_explain_peer(ctx, &peer));
}

SEC("cgroup/getpeername6")
int bl_getpeername6(struct bpf_sock_addr *ctx)
{
	struct bl_destination peer;

	read6(ctx, &peer);
	return show6(ctx, bl_explain_peer(ctx, &peer));
}

static __always_inline int refuse_bind(bool taken)
{
	if (!taken)
		return BL_ALLOW;
	bl_count_reason(BL_REASON_BIND_REFUSED);
	bpf_set_retval(-EADDRINUSE);
	return BL_REFUSE;
}

SEC("cgroup/post_bind4")
int bl_post_bind4(struct bpf_sock *ctx)
{
	if (bl_bind_is_exempt(ctx))
		return BL_ALLOW;
	return refuse_bind(
		bl_bind4_takes_node_port(ctx->src_ip4, bpf_htons(ctx->src_port), ctx->protocol));
}

SEC("cgroup/post_bind6")
int bl_post_bind6(struct bpf_sock *ctx)
{
	union bl_ip address = {
		.words = {ctx->src_ip6[0], ctx->src_ip6[1], ctx->src_ip6[2], ctx->src_ip6[3]}};

	if (bl_bind_is_exempt(ctx))
		return BL_ALLOW;
	return refuse_bind(
		bl_bind6_takes_node_port(&address, bpf_htons(ctx->src_port), ctx->protocol));
}

SEC("cgroup/sock_release")
int bl_sock_release(struct bpf_sock *ctx)
{
	bl_release(ctx);
	return BL_ALLOW;
}

SEC("iter/bpf_sk_storage_map")
int bl_find_stale(struct bpf_iter__bpf_sk_storage_map *ctx)
{
	struct bl_sock *sock = ctx->value;
	struct sock *sk = ctx->sk;

	if (sk && sock && bl_is_stale(sk, &sock->translation))
		(void)bl_stale_write(ctx->meta->seq, sk, &sock->translation);
	return 0;
}

/* Since Linux 6.5; the loader leaves bl_destroy_udp out where it is missing. */
extern int bpf_sock_destroy(struct sock_common *sk) __weak __ksym;

SEC("iter/udp")
int bl_destroy_udp(struct bpf_iter__udp *ctx)
{
	struct udp_sock *udp = ctx->udp_sk;
	struct bl_sock *sock;
	struct sock *sk;

	if (!udp)
		return 0;
	sk = &udp->inet.sk;
	sock = bpf_sk_storage_get(&socks, sk, NULL, 0);
	if (!sock || !bl_is_stale(sk, &sock->translation))
		return 0;
	if (bl_stale_write(ctx->meta->seq, sk, &sock->translation))
		bpf_sock_destroy((struct sock_common *)udp);
	return 0;
}
