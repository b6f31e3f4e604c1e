/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Pods that are told to end. Deleting a pod first marks it, so that it gets no new connections
 * while the old ones live; it goes when its grace period is over. Manifests mark pods themselves
 * and are left alone: only what came through the API goes by itself.
 */
#ifndef AGENT_TERMINATION_H
#define AGENT_TERMINATION_H

#include <systemd/sd-event.h>

#include "agent/catalog.h"

struct bl_termination;

struct bl_termination_config { /* all borrowed */
	sd_event *loop;
	struct bl_store *store;
	struct bl_catalog *catalog;
};

int bl_termination_new(const struct bl_termination_config *config, struct bl_termination **ret);
struct bl_termination *bl_termination_free(struct bl_termination *termination);
BL_DEFINE_CLEANUP(struct bl_termination *, bl_termination_free);

/* Has this pod something to end first: does it run, and is it not being deleted already? */
bool bl_termination_applies(const struct bl_object *pod);
/* Marks a pod, which goes after `grace_s` seconds (-1: as long as its spec says). 0 and the marked
 * pod, or 1 when it is to be removed at once. -EIO, -ENOMEM with words. */
int bl_termination_begin(struct bl_termination *termination, const struct bl_object *pod,
			 int64_t grace_s, struct bl_object **ret, struct bl_err *err);

#endif
