/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Connected UDP sockets whose backend serves no longer. The kernel sends their datagrams without
 * asking a hook, so they must be found and destroyed; their owners get ECONNABORTED and dial again.
 */
#ifndef BPF_STALE_H
#define BPF_STALE_H

#include "dial.h"
#include "kernel.h"

static __always_inline void bl_peer_of(struct sock *sk, struct bl_destination *ret)
{
	struct sock_common *common = &sk->__sk_common;

	ret->port = common->skc_dport;
	if (common->skc_family == BL_FAMILY_IPV4) {
		ret->family = BL_FAMILY_IPV4;
		ret->address = bl_ip_from_ipv4(common->skc_daddr);
	} else {
		union bl_ip seen;

		seen.words[0] = common->skc_v6_daddr.in6_u.u6_addr32[0];
		seen.words[1] = common->skc_v6_daddr.in6_u.u6_addr32[1];
		seen.words[2] = common->skc_v6_daddr.in6_u.u6_addr32[2];
		seen.words[3] = common->skc_v6_daddr.in6_u.u6_addr32[3];
		bl_destination_set(ret, &seen);
	}
}

/* Still connected to the backend that the translation names, and that one is out of service. */
static __always_inline bool bl_is_stale(struct sock *sk, const struct bl_translation *translation)
{
	struct bl_destination peer = {0};
	struct bl_choice choice;

	/* A closed socket keeps its storage until the kernel has freed it. */
	if (!translation->backend_id || sk->sk_protocol != IPPROTO_UDP || !sk->sk_socket)
		return false;
	bl_peer_of(sk, &peer);
	return bl_translation_reached(translation, &peer) &&
	       !bl_translation_read(translation, &choice);
}

/* False when the reader's buffer is full: the kernel then shows the same socket again. */
static __always_inline bool bl_stale_write(struct seq_file *seq, struct sock *sk,
					   const struct bl_translation *translation)
{
	struct bl_stale_socket stale = {
		.netns_cookie = sk->__sk_common.skc_net.net->net_cookie,
		.netns_inode = sk->__sk_common.skc_net.net->ns.inum,
		.socket_cookie = sk->__sk_common.skc_cookie.counter,
		.translation = *translation,
	};

	return bpf_seq_write(seq, &stale, sizeof(stale)) == 0;
}

#endif
