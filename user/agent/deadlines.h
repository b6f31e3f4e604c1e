/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Time limits of connections, so that clients who send or read a few bytes now and then cannot keep
 * all places taken: a timeout for silence does not notice them. A connection that is over its limit
 * is shut down; its owner sees that as the end of the peer. Knows nothing of HTTP.
 */
#ifndef AGENT_DEADLINES_H
#define AGENT_DEADLINES_H

#include <stdint.h>
#include <systemd/sd-event.h>

#include "base/cleanup.h"

struct bl_deadlines;
struct bl_deadline; /* of one connection */

/* Looks at all connections every `period_us`. */
int bl_deadlines_new(sd_event *loop, uint64_t period_us, struct bl_deadlines **ret);
/* All connections must have ended. Accepts NULL, returns NULL. */
struct bl_deadlines *bl_deadlines_free(struct bl_deadlines *deadlines);
BL_DEFINE_CLEANUP(struct bl_deadlines *, bl_deadlines_free);

/* A connection without a limit yet; `fd` is borrowed. NULL: no memory. */
struct bl_deadline *bl_deadline_begin(struct bl_deadlines *deadlines, int fd);
/* From now on it has so long; 0: as long as it wants. Accepts NULL. */
void bl_deadline_set(struct bl_deadline *deadline, uint64_t limit_us);
/* The descriptor is about to be closed. Accepts NULL. */
void bl_deadline_end(struct bl_deadline *deadline);

#endif
