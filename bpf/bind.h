/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Programs of the node that bind a port which is a NodePort: the NodePort would take their clients
 * on this node away, so they are refused with EADDRINUSE. A bound wildcard address is looked up as
 * loopback, which has every NodePort.
 */
#ifndef BPF_BIND_H
#define BPF_BIND_H

#include <bpf/bpf_core_read.h>

#include "kernel.h"
#include "select.h"

#define BL_LOOPBACK4 bpf_htonl(0x7f000001)
#define BL_LOOPBACK6_LAST bpf_htonl(1)

/* The context of post_bind does not show the mark, but it is the socket itself. */
static __always_inline bool bl_bind_is_exempt(struct bpf_sock *ctx)
{
	const struct sock *sk = (const void *)ctx;

	if (!tunables.refuse_bind)
		return true;
	if (bpf_get_netns_cookie(ctx) != tunables.host_netns_cookie)
		return true;
	return tunables.probe_mark && BPF_CORE_READ(sk, sk_mark) == tunables.probe_mark;
}

static __always_inline bool bl_bind_is_node_port(const union bl_ip *address, __u8 family,
						 __be16 port, __u8 protocol)
{
	const struct bl_frontend *frontend = bl_frontend_lookup(address, family, port, protocol);

	return frontend && frontend->flags & BL_FRONTEND_F_NODE_PORT;
}

static __always_inline bool bl_bind4_takes_node_port(__u32 word, __be16 port, __u8 protocol)
{
	union bl_ip address = bl_ip_from_ipv4(word ? word : BL_LOOPBACK4);

	return bl_bind_is_node_port(&address, BL_FAMILY_IPV4, port, protocol);
}

/* The wildcard takes both families, for whether the socket is IPv6 only is not shown here. */
static __always_inline bool bl_bind6_takes_node_port(union bl_ip *address, __be16 port,
						     __u8 protocol)
{
	if (bl_ip_is_mapped(address))
		return bl_bind4_takes_node_port(address->words[3], port, protocol);
	if (bl_ip_is_zero(address)) {
		if (bl_bind4_takes_node_port(0, port, protocol))
			return true;
		address->words[3] = BL_LOOPBACK6_LAST;
	}
	return bl_bind_is_node_port(address, BL_FAMILY_IPV6, port, protocol);
}

#endif
