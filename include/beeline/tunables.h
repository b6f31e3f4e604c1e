/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Load-time constants of the socket programs. The loader writes them into read-only data before
 * the verifier runs, so a feature that is off costs no instruction.
 */
#ifndef BEELINE_TUNABLES_H
#define BEELINE_TUNABLES_H

#include <linux/types.h>

#define BL_PROBE_MARK_DEFAULT 0x00626c70u /* "blp" */

struct bl_sock_tunables {
	__u64 host_netns_cookie; /* see struct bl_abi */
	__u32 probe_mark;        /* SO_MARK of sockets that are never rewritten; 0: none */
	__u8 remember_peer; /* keep what a TCP socket dialled, for getpeername and live counts */
	__u8 refuse_bind;   /* post_bind refuses NodePorts in the node's own namespace */
	__u8 count;         /* keep service_stats, backend_stats and reasons */
	__u8 cast_context;  /* the kernel has bpf_cast_to_kern_ctx */
};

#endif
