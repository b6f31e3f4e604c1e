/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Tries: one probe, once, over an event loop without ever blocking it. A try that was started ends
 * by itself within its timeout and says so once, or is cancelled and says nothing. Sockets carry
 * the mark that the socket hooks leave alone. Each action has a file of its own (try_http.c ...).
 */
#ifndef PROBE_TRY_H
#define PROBE_TRY_H

#include <systemd/sd-event.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "probe/target.h"

#define BL_TRY_TEXT 256

struct bl_tries;
struct bl_try;

struct bl_tries_config { /* all borrowed */
	sd_event *loop;
	uint32_t mark;           /* SO_MARK; 0: none */
	const char *cri_socket;  /* of containerd or CRI-O, for exec; NULL: none */
	const char *cgroup_root; /* where cgroup2 is mounted; NULL: unknown */
};

/* `text`: the reason in words, such as "connection refused" or "HTTP 503"; "" for a plain success.
 * The try is gone once this returns. */
typedef void bl_try_done_fn(enum bl_probe_outcome outcome, const char *text, void *userdata);

int bl_tries_new(const struct bl_tries_config *config, struct bl_tries **ret, struct bl_err *err);
/* Cancels what is under way. */
struct bl_tries *bl_tries_free(struct bl_tries *tries);
BL_DEFINE_CLEANUP(struct bl_tries *, bl_tries_free);

/* Starts a try; `target` is not needed any more once this returns, and `done` is never called
 * before. On failure the try could not be made at all, with words in `err`. */
int bl_try_start(struct bl_tries *tries, const struct bl_probe_target *target, bl_try_done_fn *done,
		 void *userdata, struct bl_try **ret, struct bl_err *err);
struct bl_try *bl_try_cancel(struct bl_try *try); /* accepts NULL, returns NULL */

#endif
