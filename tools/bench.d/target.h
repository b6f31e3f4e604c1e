/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Where an operation of the benchmark goes: a network namespace and a cgroup to run in, and an
 * address to dial. What is compared differs in nothing else: every variant runs the same code.
 * A target is read from one argument:
 * "name=direct,netns=/proc/7/ns/net,cgroup=DIR,address=10.0.0.1, port=80,spread=1,progs=12:13".
 */
#ifndef TOOLS_BENCH_D_TARGET_H
#define TOOLS_BENCH_D_TARGET_H

#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/err.h"

#define TARGET_PROGS_MAX 16

struct prog_use {
	uint32_t id;
	char name[16];
	int fd;
	uint64_t run_count; /* sums over all timed batches */
	uint64_t run_time_ns;
	double *per_run; /* mean of each batch in which it ran */
	size_t per_run_count;
	uint64_t before_count;
	uint64_t before_time_ns;
};

struct target {
	char name[64];
	int netns_fd;
	int cgroup_fd; /* of cgroup.procs; -1: stay where we are */
	struct bl_addr address;
	uint16_t port;
	uint32_t spread; /* dials address, address + 1, ... address + spread - 1 in mixed order */
	struct prog_use progs[TARGET_PROGS_MAX];
	size_t prog_count;

	int udp_fd;        /* socket that lives through all batches */
	uint64_t *samples; /* nanoseconds of each operation */
	size_t sample_count;
	double *round_medians;
	size_t round_count;
	uint64_t mixed; /* state of the order in which addresses are dialled */
};

/* `target` is zeroed by the caller; rounds and batch size the arrays. */
int target_parse(struct target *target, const char *text, size_t rounds, size_t batch,
		 struct bl_err *err);
void target_done(struct target *target);

/* Moves the calling process into the target's namespace and cgroup. */
int target_enter(const struct target *target, struct bl_err *err);

/* The next address to dial. */
socklen_t target_next(struct target *target, struct sockaddr_storage *ret);

/* Reads the kernel's run counters of the target's programs; `end` adds the difference up. */
int target_progs_begin(struct target *target, struct bl_err *err);
int target_progs_end(struct target *target, struct bl_err *err);

#endif
