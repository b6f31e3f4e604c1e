/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sockets to listen on: unix ones for root alone, which take the place of one that nobody serves,
 * and TCP ones. */
#ifndef AGENT_LISTEN_H
#define AGENT_LISTEN_H

#include "base/addr.h"
#include "base/err.h"

/* Returns the descriptor. -EADDRINUSE when somebody answers, -EEXIST when `path` is no socket. */
int bl_listen_unix(const char *path, struct bl_err *err);
/* Returns the descriptor; `port` in host order. -EADDRINUSE, -EADDRNOTAVAIL ... */
int bl_listen_tcp(const struct bl_addr *addr, uint16_t port, struct bl_err *err);

#endif
