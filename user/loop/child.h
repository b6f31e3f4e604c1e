/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A program that is run for what it prints, without blocking the event loop: it has nothing on
 * standard input, a process group of its own, and a deadline at which that group is killed. What it
 * leaves behind is killed as well. SIGCHLD is blocked in the caller. One thread.
 */
#ifndef LOOP_CHILD_H
#define LOOP_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "base/cleanup.h"
#include "base/err.h"

struct bl_child;

struct bl_child_spec {       /* borrowed until bl_child_start returns */
	const char *program; /* with a slash in it a path, else looked for in PATH */
	char *const *argv;
	char *const *env; /* all of it */
	size_t output_max;
	uint64_t timeout_ms;
};

struct bl_child_end { /* borrowed, for the time of the call */
	bool timed_out;
	bool too_much;      /* more output than output_max; the child was killed */
	int status;         /* of its exit; -1: none */
	int signal;         /* that killed it; 0: none */
	const char *output; /* its standard output; ends with a zero byte */
	size_t output_len;
	const char
		*complaint; /* the last line with anything on it of standard error, fit for a log */
};

typedef void bl_child_done_fn(const struct bl_child_end *end, void *userdata);

/* Not being able to run it at all is an error of this call: -ENOENT, -EACCES ... `done` is called
 * once from the loop, and the child is gone then. */
int bl_child_start(sd_event *loop, const struct bl_child_spec *spec, bl_child_done_fn *done,
		   void *userdata, struct bl_child **ret, struct bl_err *err);
/* Kills it; `done` is not called. Accepts NULL, returns NULL. */
struct bl_child *bl_child_cancel(struct bl_child *child);

#endif
