/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the kinds of tries share: their list, their deadline, their end, and marked sockets. */
#ifndef PROBE_TRY_PARTS_H
#define PROBE_TRY_PARTS_H

#include "probe/exec_group.h"
#include "probe/try.h"

struct bl_http_tries;

struct bl_try { /* first member of each kind's struct */
	struct bl_tries *tries;
	struct bl_try *next, **link; /* in the list of those under way */
	bl_try_done_fn *done;
	void *userdata;
	uint32_t timeout_ms;
	sd_event_source *timer;
	/* Gives back all but what is here, and the struct itself. */
	void (*release)(struct bl_try *try);
};

struct bl_tries {
	struct bl_tries_config config;
	struct bl_try *first;
	struct bl_http_tries *http;
	struct bl_exec_groups *exec_groups;
};

/* Enters the list and arms the deadline, at which the try fails with "timed out after 1s". On
 * failure the caller still owns the try. */
int bl_try_enter(struct bl_try *try, struct bl_tries *tries, uint32_t timeout_ms,
		 bl_try_done_fn *done, void *userdata, void (*release)(struct bl_try *try));
/* Ends the try and tells. */
void bl_try_end(struct bl_try *try, enum bl_probe_outcome outcome, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void bl_try_end_timeout(struct bl_try *try);

/* "connection refused": what strerror says, in lower case. */
const char *bl_try_error_text(int error, char buffer[static BL_TRY_TEXT]);

/* ": " and the first line of what a command wrote, fit for a log; "" when it wrote nothing. */
#define BL_TRY_LINE 103
const char *bl_try_first_line(const char *output, size_t len, char buffer[static BL_TRY_LINE]);

/* A stream socket with the mark that connects to the target without blocking. What the network says
 * at once, as an errno, is the answer of a try: `ret_failure`, with a socket of -1. -errno with
 * words: we could not even ask. */
int bl_try_connect(const struct bl_tries *tries, const struct bl_addr *address, uint16_t port,
		   int *ret_fd, int *ret_failure, struct bl_err *err);
/* How connecting ended: 0 or -errno. */
int bl_try_connect_result(int fd);

/* Starters of each kind. */
typedef int bl_try_start_fn(struct bl_tries *tries, const struct bl_probe_target *target,
			    bl_try_done_fn *done, void *userdata, struct bl_try **ret,
			    struct bl_err *err);
bl_try_start_fn bl_try_start_tcp, bl_try_start_http, bl_try_start_grpc, bl_try_start_exec,
	bl_try_start_cri;

int bl_http_tries_new(struct bl_tries *tries, struct bl_http_tries **ret);
struct bl_http_tries *bl_http_tries_free(struct bl_http_tries *all);

#endif
