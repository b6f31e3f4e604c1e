/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What connect and sendmsg do for a destination that may be a frontend, and what recvmsg and
 * getpeername show. Uses the context only for what every sock_addr hook has alike (the socket, its
 * mark and cookies); addresses come and go through the entry points.
 */
#ifndef BPF_DIAL_H
#define BPF_DIAL_H

#include "peers.h"
#include "select.h"
#include "tcp_peers.h"

static __always_inline bool bl_is_marked(struct bpf_sock_addr *ctx)
{
	return tunables.probe_mark && ctx->sk->mark == tunables.probe_mark;
}

static __always_inline bool bl_is_handled(const struct bl_destination *dialled)
{
	return dialled->protocol == IPPROTO_TCP || dialled->protocol == IPPROTO_UDP;
}

/* Puts a new translation in place of an old one and keeps the live counts right. */
static __always_inline void bl_translation_replace(struct bl_translation *translation,
						   const struct bl_destination *dialled,
						   const struct bl_choice *choice)
{
	__u32 old = translation->backend_id;

	bl_count_release(old);
	*(volatile __u32 *)&translation->backend_id = 0;
	bl_translation_set(translation, dialled, choice->backend_id, &choice->backend,
			   bpf_ktime_get_coarse_ns());
}

/* The translation still stands: same backend, still serving. */
static __always_inline bool bl_translation_read(const struct bl_translation *translation,
						struct bl_choice *ret)
{
	return bl_backend_read(translation->backend_id, ret) &&
	       bl_backend_is_same(&ret->backend, translation->backend_generation,
				  translation->service_id) &&
	       bl_backend_is_serving(&ret->backend);
}

/* Where to keep what this socket dialled; NULL when there is no memory. */
static __always_inline struct bl_translation *bl_translation_place(struct bpf_sock_addr *ctx,
								   __u16 protocol)
{
	struct bl_tcp_peer *peer;
	struct bl_sock *sock;

	if (protocol == IPPROTO_TCP) {
		peer = bl_tcp_peer_take(ctx->sk, bpf_get_socket_cookie(ctx));
		if (peer)
			return &peer->translation;
	}
	sock = bpf_sk_storage_get(&socks, ctx->sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);
	return sock ? &sock->translation : NULL;
}

static __always_inline void bl_remember_connect(struct bpf_sock_addr *ctx,
						const struct bl_destination *dialled,
						const struct bl_choice *choice)
{
	struct bl_translation *place;

	if (dialled->protocol == IPPROTO_TCP && !tunables.remember_peer)
		return;
	place = bl_translation_place(ctx, dialled->protocol);
	if (place)
		bl_translation_replace(place, dialled, choice);
	else
		bl_count_reason(BL_REASON_NO_MEMORY);
}

/* A UDP socket connects elsewhere: what it was connected to before is over. */
static __always_inline void bl_forget_connect(struct bpf_sock_addr *ctx)
{
	struct bl_sock *sock;

	if (ctx->protocol != IPPROTO_UDP)
		return;
	sock = bpf_sk_storage_get(&socks, ctx->sk, NULL, 0);
	if (!sock)
		return;
	bl_count_release(sock->translation.backend_id);
	(void)bpf_sk_storage_delete(&socks, ctx->sk);
}

static __always_inline struct bl_client bl_client_of(struct bpf_sock_addr *ctx)
{
	struct bl_client client = {.netns_cookie = bpf_get_netns_cookie(ctx)};

	if (ctx->protocol == IPPROTO_UDP)
		client.socket_cookie = bpf_get_socket_cookie(ctx);
	return client;
}

/* A UDP socket that connects again to what it is connected to keeps its backend. */
static __always_inline bool bl_connect_again(struct bpf_sock_addr *ctx,
					     const struct bl_destination *dialled,
					     struct bl_choice *ret)
{
	struct bl_sock *sock;

	if (dialled->protocol != IPPROTO_UDP)
		return false;
	sock = bpf_sk_storage_get(&socks, ctx->sk, NULL, 0);
	return sock && bl_translation_dialled(&sock->translation, dialled) &&
	       bl_translation_read(&sock->translation, ret);
}

static __always_inline enum bl_reason
bl_connect(struct bpf_sock_addr *ctx, const struct bl_destination *dialled, struct bl_choice *ret)
{
	__u32 filter = bl_filter(&dialled->address);
	enum bl_reason reason;
	struct bl_client client;

	if (!filter || !bl_is_handled(dialled)) {
		bl_forget_connect(ctx);
		return BL_REASON_NOT_A_SERVICE;
	}
	if (bl_is_marked(ctx)) {
		reason = BL_REASON_MARKED;
	} else if (bl_connect_again(ctx, dialled, ret)) {
		reason = BL_REASON_PEER_HIT;
	} else {
		client = bl_client_of(ctx);
		reason = bl_select(&client, dialled, filter, ret);
	}
	bl_count_reason(reason);
	if (!bl_reason_is_rewrite(reason)) {
		bl_forget_connect(ctx);
	} else if (reason != BL_REASON_PEER_HIT) {
		bl_count_connection(ret->backend.service_id, ret->backend_id);
		bl_remember_connect(ctx, dialled, ret);
	}
	return reason;
}

/* A datagram to a frontend that this socket has no standing translation for. */
static __always_inline enum bl_reason bl_send_first(struct bpf_sock_addr *ctx,
						    const struct bl_destination *dialled,
						    __u32 filter, struct bl_choice *ret)
{
	struct bl_client client = bl_client_of(ctx);
	enum bl_reason reason = bl_select(&client, dialled, filter, ret);
	struct bl_udp_peers *peers;
	__u32 place;

	if (!bl_reason_is_rewrite(reason))
		return reason;
	bl_count_connection(ret->backend.service_id, ret->backend_id);
	peers = bpf_sk_storage_get(&udp_peers, ctx->sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);
	if (!peers) {
		bl_count_reason(BL_REASON_NO_MEMORY);
		return reason;
	}
	place = bl_peers_place(peers, dialled) % BL_UDP_PEERS;
	if (bl_translation_dialled(&peers->peers[place], dialled))
		reason = BL_REASON_PEER_MOVED;
	bl_translation_replace(&peers->peers[place], dialled, ret);
	peers->recent = place;
	return reason;
}

static __always_inline bool bl_send_again(struct bpf_sock_addr *ctx,
					  const struct bl_destination *dialled,
					  struct bl_choice *ret)
{
	struct bl_udp_peers *peers = bpf_sk_storage_get(&udp_peers, ctx->sk, NULL, 0);
	struct bl_translation *peer;
	__u32 place;

	if (!peers)
		return false;
	peer = bl_peers_find(peers, dialled);
	if (!peer || !bl_translation_read(peer, ret))
		return false;
	place = peer - peers->peers;
	if (peers->recent != place)
		peers->recent = place;
	return true;
}

static __always_inline enum bl_reason
bl_send(struct bpf_sock_addr *ctx, const struct bl_destination *dialled, struct bl_choice *ret)
{
	__u32 filter = bl_filter(&dialled->address);
	enum bl_reason reason;

	if (!filter || !bl_is_handled(dialled))
		return BL_REASON_NOT_A_SERVICE;
	if (bl_is_marked(ctx))
		reason = BL_REASON_MARKED;
	else if (bl_send_again(ctx, dialled, ret))
		reason = BL_REASON_PEER_HIT;
	else
		reason = bl_send_first(ctx, dialled, filter, ret);
	bl_count_reason(reason);
	return reason;
}

/*
 * The translation that explains an answer. A connected socket (one with a peer's port) gets answers
 * from that peer alone; what an unconnected one sent is in its peers.
 */
static __always_inline const struct bl_translation *
bl_explain_answer(struct bpf_sock_addr *ctx, const struct bl_destination *source)
{
	struct bl_udp_peers *peers;
	struct bl_sock *sock;

	if (ctx->sk->dst_port) {
		sock = bpf_sk_storage_get(&socks, ctx->sk, NULL, 0);
		return sock && bl_translation_reached(&sock->translation, source)
			       ? &sock->translation
			       : NULL;
	}
	peers = bpf_sk_storage_get(&udp_peers, ctx->sk, NULL, 0);
	return peers ? bl_peers_find_reply(peers, source) : NULL;
}

/* A socket may have been connected elsewhere since; only its own backend is renamed. */
static __always_inline const struct bl_translation *
bl_explain_peer(struct bpf_sock_addr *ctx, const struct bl_destination *peer)
{
	struct bl_tcp_peer *entry;
	struct bl_sock *sock;

	if (peer->protocol == IPPROTO_TCP && tunables.remember_peer) {
		entry = bl_tcp_peer_find(bpf_get_socket_cookie(ctx));
		if (entry && bl_translation_reached(&entry->translation, peer))
			return &entry->translation;
	}
	sock = bpf_sk_storage_get(&socks, ctx->sk, NULL, 0);
	return sock && bl_translation_reached(&sock->translation, peer) ? &sock->translation : NULL;
}

/* A socket closes. Storage the kernel frees with it; it remains to count, and to give back. */
static __always_inline void bl_release(struct bpf_sock *ctx)
{
	struct bl_udp_peers *peers;
	struct bl_sock *sock;
	__u64 cookie = bl_cookie_at_release(ctx);

	if (!cookie)
		return;
	if (ctx->protocol == IPPROTO_TCP && tunables.remember_peer)
		bl_count_release(bl_tcp_peer_give_back(cookie));
	if (!tunables.count)
		return;
	sock = bpf_sk_storage_get(&socks, ctx, NULL, 0);
	if (sock)
		bl_count_release(sock->translation.backend_id);
	if (ctx->protocol != IPPROTO_UDP)
		return;
	peers = bpf_sk_storage_get(&udp_peers, ctx, NULL, 0);
	for (__u32 i = 0; peers && i < BL_UDP_PEERS; i++)
		bl_count_release(peers->peers[i].backend_id);
}

#endif
