/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Entries of tcp_peers: taken at connect, given back when the socket closes. The cookie is the lock
 * and the owner's name: who swaps it in for zero owns the entry, and nobody else writes to it.
 * Cookies are handed out in sequence and never twice, so they need no hash.
 */
#ifndef BPF_TCP_PEERS_H
#define BPF_TCP_PEERS_H

#include <bpf/bpf_core_read.h>

#include "kernel.h"
#include "maps.h"

static __always_inline struct bl_tcp_peer *bl_tcp_peer_at(__u64 cookie)
{
	__u32 index = cookie % BL_TCP_PEERS;

	return bpf_map_lookup_elem(&tcp_peers, &index);
}

/* Since Linux 6.2; tunables.cast_context says that it is there. */
extern void *bpf_cast_to_kern_ctx(void *context) __weak __ksym;

/*
 * The cookie of a socket that closes; 0: none. Every socket that dialled a frontend has one, and
 * most others have none. The helper would make one for them, to search for what they left.
 */
static __always_inline __u64 bl_cookie_at_release(struct bpf_sock *ctx)
{
	const struct sock *sk;

	if (!tunables.cast_context)
		return bpf_get_socket_cookie(ctx);
	sk = bpf_cast_to_kern_ctx(ctx);
	return sk->__sk_common.skc_cookie.counter;
}

/* The entry that this socket holds. */
static __always_inline struct bl_tcp_peer *bl_tcp_peer_find(__u64 cookie)
{
	struct bl_tcp_peer *peer = bl_tcp_peer_at(cookie);

	return peer && peer->socket_cookie == cookie ? peer : NULL;
}

/* The kernel closes its own sockets (NFS, Ceph, MPTCP subflows) without running sock_release, which
 * gives entries back; storage goes with such a socket by itself. */
static __always_inline bool bl_is_kernel_socket(struct bpf_sock *socket)
{
	const struct sock *sk = (const void *)bpf_skc_to_tcp_sock(socket);

	return !sk || BPF_CORE_READ_BITFIELD(sk, sk_kern_sock);
}

/* The entry that this socket holds or could take; NULL: it must use storage. */
static __always_inline struct bl_tcp_peer *bl_tcp_peer_take(struct bpf_sock *socket, __u64 cookie)
{
	struct bl_tcp_peer *peer = bl_tcp_peer_at(cookie);

	if (!peer)
		return NULL;
	if (peer->socket_cookie == cookie)
		return peer;
	if (peer->socket_cookie || bl_is_kernel_socket(socket))
		return NULL;
	return __sync_val_compare_and_swap(&peer->socket_cookie, 0, cookie) ? NULL : peer;
}

/* Returns the backend that the socket had. The exchange orders the writes before it. */
static __always_inline __u32 bl_tcp_peer_give_back(__u64 cookie)
{
	struct bl_tcp_peer *peer = bl_tcp_peer_find(cookie);
	__u32 backend_id;

	if (!peer)
		return 0;
	backend_id = peer->translation.backend_id;
	peer->translation.backend_id = 0;
	(void)__sync_lock_test_and_set(&peer->socket_cookie, 0);
	return backend_id;
}

#endif
