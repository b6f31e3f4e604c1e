/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The operations that are timed. Both ends of a connection live in this one thread, so that what is
 * measured is the path through the kernel and not the scheduler: a packet over a veth pair is
 * received inside the system call that sent it.
 */
#ifndef TOOLS_BENCH_D_OPS_H
#define TOOLS_BENCH_D_OPS_H

#include <stdint.h>

#include "target.h"

/* The other end: sockets that listen in the server's namespace, on every address of it. */
struct server {
	int tcp_fd;
	int udp_fd;
	uint8_t family;
};

struct op {
	const char *name;
	const char *help;
	/* Does it once; the nanoseconds it took are the output. */
	int (*run)(struct target *target, const struct server *server, uint64_t *ret_ns,
		   struct bl_err *err);
};
const struct op *op_find(const char *name);
void op_list(FILE *out);

/* Opens the sockets in the caller's namespace. */
int server_open(struct server *server, uint8_t family, uint16_t port, struct bl_err *err);
void server_done(struct server *server);

uint64_t now_ns(void);

#endif
