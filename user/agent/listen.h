/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A unix socket to listen on, for root alone, which takes the place of one that nobody serves. */
#ifndef AGENT_LISTEN_H
#define AGENT_LISTEN_H

#include "base/err.h"

/* Returns the descriptor. -EADDRINUSE when somebody answers, -EEXIST when `path` is no socket. */
int bl_listen_unix(const char *path, struct bl_err *err);

#endif
