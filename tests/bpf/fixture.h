/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A node small enough for a test: the socket programs attached to a cgroup of their own, this
 * process in it, in a network namespace of its own where only lo is up, so that a destination which
 * no program rewrites ends in ENETUNREACH and never leaves the machine. Criterion runs each test in
 * a process of its own; the links end with it, and the next fixture sweeps cgroups of dead ones.
 */
#ifndef TESTS_BPF_FIXTURE_H
#define TESTS_BPF_FIXTURE_H

#include <criterion/criterion.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/addr.h"
#include "beeline/reasons.h"
#include "sock_skel.h"

extern struct sock_bpf *skel;

/* .init and .fini of a suite. Without root the test is skipped. */
void fixture_up(void);
void fixture_down(void);
/* As fixture_up, with constants of the test's choosing; only host_netns_cookie is filled in. */
void fixture_up_with(struct bl_sock_tunables tunables);
struct bl_sock_tunables fixture_tunables(void);

/* A new network namespace with lo up, which the caller is moved to; returns its file. */
int netns_enter_new(void);
void netns_enter(int fd);
int netns_open(void);
uint64_t netns_cookie(void);

struct where {
	const char *address; /* "::ffff:10.0.0.1" means IPv4 on an IPv6 socket */
	uint16_t port;
};

/* Rows of the maps. Ids and slots are given in ascending order and never twice. */
uint32_t add_service(void);
uint32_t add_backend(uint32_t service_id, struct where where);
void set_backend_state(uint32_t backend_id, enum bl_backend_state state);
/* The id goes to another backend: same id, next generation. */
void reuse_backend(uint32_t backend_id, uint32_t service_id, struct where where);
struct bl_slot_range add_slots(const uint32_t *backend_ids, uint32_t count);
/* Fills the internal range, and the filter's bits. */
void add_frontend(struct where where, int protocol, uint32_t service_id, uint16_t flags,
		  struct bl_slot_range range);
void add_frontend_with_affinity(struct where where, int protocol, uint32_t service_id,
				struct bl_slot_range range, uint32_t timeout_s);
void add_virtual_address(const char *address);
void delete_frontend(struct where where, int protocol);
/* A frontend with one service of its own over backends at the given places. */
uint32_t serve(struct where where, int protocol, uint16_t flags, const struct where *backends,
	       uint32_t count, uint32_t *ret_backend_ids);

void set_netns_pod(uint64_t cookie, const char *ipv4, const char *ipv6);

/*
 * The three ways to dial: IPv4, IPv6, IPv4 on an IPv6 socket. Tests do everything once for each.
 * Backends are addresses of lo; virtual addresses are none of this machine's.
 */
#define STACK_BACKENDS 3u
struct stack {
	const char *name;
	const char *virtual_address; /* as the maps have it */
	const char *dialled;         /* as the socket spells it */
	const char *shown_backend;   /* the first backend, as the socket spells it */
	struct where backends[STACK_BACKENDS];
};
#define STACKS 3u
extern const struct stack stacks[STACKS + 1]; /* the last has no name */

/* Sums over CPUs. */
uint64_t reason_count(enum bl_reason reason);
struct bl_backend_stats backend_count(uint32_t backend_id);
struct bl_service_stats service_count(uint32_t service_id);

/* Sockets. They assert on what tests do not ask about. */
socklen_t to_sockaddr(struct where where, struct sockaddr_storage *ret);
int family_of(const char *address);
int open_socket(const char *address, int type);
void add_lo_address6(const char *address);
void mark_socket(int fd, uint32_t mark);
int try_bind(int fd, struct where where);    /* 0 or -errno */
int try_connect(int fd, struct where where); /* 0 or -errno */
int try_send(int fd, struct where where);    /* 0 or -errno; unconnected UDP */
/* Listens (TCP) or waits for datagrams (UDP). */
int open_server(struct where where, int type);
/* One datagram, within seconds: back to its sender; false when none comes. */
bool echo_one(int server);
/* Which of the servers somebody connected or sent to, within seconds; that is taken away. `count`:
 * none of them. */
size_t find_reached(const int *servers, size_t count);
bool server_was_reached(int server);
void assert_same_place(const struct sockaddr_storage *seen, struct where expected,
		       const char *what);
void assert_peer(int fd, struct where expected);
/* Receives with recvfrom and compares the sender. */
void assert_answer_from(int fd, struct where expected);

#endif
