/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A place of its own for each test: network namespace in which only lo is up, so that a destination
 * which nobody rewrites ends in ENETUNREACH; mount namespace with an empty bpf file system at
 * /sys/fs/bpf; empty cgroup. The first two end with the process, however it ends; the cgroup of a
 * process that died is swept by the next test. Traffic comes from children in the cgroup.
 */
#ifndef TESTS_BPF_DATAPATH_DATAPATH_FIXTURE_H
#define TESTS_BPF_DATAPATH_DATAPATH_FIXTURE_H

#include <criterion/criterion.h>
#include <sys/types.h>

#include "datapath/datapath.h"

#define PLACE_BPFFS "/sys/fs/bpf/beeline"

extern struct bl_datapath_config place; /* small limits */

void place_up(void);
void place_down(void);
/* A second empty cgroup below the first. */
const char *place_other_cgroup(void);

/* Opens and asserts that it worked. */
struct bl_datapath *place_open(void);

/* One Service "shop/web" with one backend, at service id 1, backend id 1, slot 0, written as a plan
 * writes it. */
struct web {
	const char *address;
	uint16_t port;
	const char *backend;
	uint16_t backend_port;
	uint8_t protocol;
	enum bl_backend_state state;
	uint32_t generation;
};
int web_apply(struct bl_datapath *datapath, const struct web *web, struct bl_err *err);

/* Forks a child that joins the cgroup, runs `fn` and exits with what it returns. */
pid_t child_start(int (*fn)(void *userdata), void *userdata);
int child_wait(pid_t pid);

/* A TCP server on lo; its backlog answers, nobody need accept. */
int listen_on(const char *address, uint16_t port);
/* 0 or -errno. */
int dial(const char *address, uint16_t port, int type);
/* A connected socket, or -errno. */
int dial_keep(const char *address, uint16_t port, int type);
void lo_up(void);

bool program_exists(uint32_t id);
bool map_exists(uint32_t id);
/* Ids of a pin below PLACE_BPFFS; 0: no such pin. */
uint32_t pinned_map_id(const char *name);
uint32_t pinned_link_id(const char *name);
void rows_done(struct bl_plan_rows *rows);
double seconds_now(void);

#endif
