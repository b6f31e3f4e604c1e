/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Destroying UDP sockets over netlink (SOCK_DIAG), for kernels without bpf_sock_destroy. Works in
 * the caller's network namespace. Private to this folder.
 */
#ifndef DATAPATH_DESTROY_H
#define DATAPATH_DESTROY_H

#include <stddef.h>
#include <stdint.h>

/*
 * Looks at every UDP socket, which gives each a cookie if it had none, and destroys the connected
 * ones whose cookies are in the sorted list. -EOPNOTSUPP when the kernel cannot destroy
 * (CONFIG_INET_DIAG_DESTROY), -ENOENT when it cannot list (CONFIG_INET_UDP_DIAG).
 */
int bl_destroy_udp_sockets(const uint64_t *cookies, size_t count, size_t *ret_destroyed);

#endif
