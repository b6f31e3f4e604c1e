/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One process at a time works on a state folder: two would give out the same addresses twice. */
#ifndef AGENT_STATE_LOCK_H
#define AGENT_STATE_LOCK_H

#include <stdbool.h>

#include "base/err.h"

/* The lock lasts as long as the descriptor. With `make` the folder is made; without it no folder is
 * no lock, and `ret_fd` is -1. -EBUSY when somebody has it, and keeps it for two seconds. */
int bl_state_lock(const char *folder, bool make, int *ret_fd, struct bl_err *err);

#endif
