/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Connected UDP sockets whose backend serves no longer: found everywhere, destroyed per namespace.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "fixture.h"

TestSuite(stale, .init = fixture_up, .fini = fixture_down, .timeout = 600);

#define STALE_MAX 2048

struct stale_list {
	struct bl_stale_socket items[STALE_MAX];
	size_t count;
};

static uint64_t socket_cookie(int fd)
{
	socklen_t size = sizeof(uint64_t);
	uint64_t cookie;

	cr_assert_eq(getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &size), 0);
	return cookie;
}

/* Runs the iterator once, in the caller's namespace, and reads what it writes. */
static void run_iterator(struct bpf_program *program, struct bpf_map *map, struct stale_list *ret)
{
	union bpf_iter_link_info info = {.map.map_fd = map ? (uint32_t)bpf_map__fd(map) : 0};
	LIBBPF_OPTS(bpf_iter_attach_opts, options, .link_info = &info,
		    .link_info_len = sizeof(info));
	struct bpf_link *link = bpf_program__attach_iter(program, map ? &options : NULL);
	size_t bytes = 0;
	ssize_t r;
	int fd;

	cr_assert_not_null(link, "attach: %d", errno);
	fd = bpf_iter_create(bpf_link__fd(link));
	cr_assert_geq(fd, 0);
	while ((r = read(fd, (char *)ret->items + bytes, sizeof(ret->items) - bytes)) > 0 ||
	       (r < 0 && errno == EAGAIN))
		bytes += r > 0 ? (size_t)r : 0;
	cr_assert_eq(r, 0, "read: %d", errno);
	cr_assert_eq(bytes % sizeof(ret->items[0]), 0);
	ret->count = bytes / sizeof(ret->items[0]);
	(void)close(fd);
	(void)bpf_link__destroy(link);
}

static void find(struct stale_list *ret)
{
	run_iterator(skel->progs.bl_find_stale, skel->maps.socks, ret);
}

static void destroy(struct stale_list *ret)
{
	if (!bpf_program__autoload(skel->progs.bl_destroy_udp))
		cr_skip_test("this kernel has no bpf_sock_destroy");
	run_iterator(skel->progs.bl_destroy_udp, NULL, ret);
}

static int dial(struct where where)
{
	int fd = open_socket(where.address, SOCK_DGRAM);

	cr_assert_eq(try_connect(fd, where), 0);
	return fd;
}

static uint32_t serve_one(const struct stack *stack)
{
	uint32_t id;

	serve((struct where){stack->virtual_address, 53}, IPPROTO_UDP, 0, stack->backends, 1, &id);
	return id;
}

static void assert_alive(int fd)
{
	cr_assert_eq(send(fd, "x", 1, 0), 1, "send: %d", errno);
}

static void assert_aborted(int fd)
{
	char byte;

	cr_assert_lt(recv(fd, &byte, 1, MSG_DONTWAIT), 0);
	cr_assert_eq(errno, ECONNABORTED);
}

Test(stale, socket_of_a_serving_backend_is_not_found)
{
	static struct stale_list list;
	static const enum bl_backend_state states[] = {BL_BACKEND_READY, BL_BACKEND_TERMINATING};

	for (const struct stack *stack = stacks; stack->name; stack++) {
		uint32_t id = serve_one(stack);
		int fd = dial((struct where){stack->dialled, 53});

		for (size_t i = 0; i < 2; i++) {
			set_backend_state(id, states[i]);
			find(&list);
			cr_assert_eq(list.count, 0, "%s", stack->name);
		}
		(void)close(fd);
	}
}

Test(stale, socket_of_a_backend_that_left_is_found_with_its_namespace_and_cookie)
{
	static struct stale_list list;
	static const enum bl_backend_state states[] = {BL_BACKEND_GONE, BL_BACKEND_FREE};

	for (const struct stack *stack = stacks; stack->name; stack++)
		for (size_t i = 0; i < 2; i++) {
			uint32_t id = serve_one(stack);
			int fd = dial((struct where){stack->dialled, 53});
			struct stat namespace;

			set_backend_state(id, states[i]);
			find(&list);
			cr_assert_eq(list.count, 1, "%s: %zu", stack->name, list.count);
			cr_assert_eq(stat("/proc/self/ns/net", &namespace), 0);
			cr_assert_eq(list.items[0].netns_inode, namespace.st_ino);
			cr_assert_eq(list.items[0].netns_cookie, netns_cookie());
			cr_assert_eq(list.items[0].socket_cookie, socket_cookie(fd));
			cr_assert_eq(list.items[0].translation.backend_id, id);
			(void)close(fd);
		}
}

Test(stale, backend_id_that_went_to_another_makes_its_sockets_stale)
{
	static struct stale_list list;

	for (const struct stack *stack = stacks; stack->name; stack++) {
		uint32_t id = serve_one(stack);
		int fd = dial((struct where){stack->dialled, 53});

		reuse_backend(id, add_service(), stack->backends[1]);
		find(&list);
		cr_assert_eq(list.count, 1, "%s", stack->name);
		(void)close(fd);
	}
}

Test(stale, socket_that_is_connected_elsewhere_or_not_at_all_is_not_found)
{
	static struct stale_list list;
	struct sockaddr_storage unspec = {.ss_family = AF_UNSPEC};

	for (const struct stack *stack = stacks; stack->name; stack++) {
		uint32_t id = serve_one(stack);
		int moved = dial((struct where){stack->dialled, 53});
		int loose = dial((struct where){stack->dialled, 53});

		cr_assert_eq(try_connect(moved, (struct where){stack->shown_backend, 8080}), 0);
		cr_assert_eq(connect(loose, (struct sockaddr *)&unspec, sizeof(unspec)), 0);
		set_backend_state(id, BL_BACKEND_GONE);
		find(&list);
		cr_assert_eq(list.count, 0, "%s", stack->name);
		(void)close(moved);
		(void)close(loose);
	}
}

Test(stale, tcp_socket_is_not_found)
{
	static struct stale_list list;
	int server = open_server(stacks[0].backends[0], SOCK_STREAM);
	int fd = open_socket("0.0.0.0", SOCK_STREAM);
	uint32_t id;

	serve((struct where){stacks[0].virtual_address, 53}, IPPROTO_TCP, 0, stacks[0].backends, 1,
	      &id);
	cr_assert_eq(try_connect(fd, (struct where){stacks[0].virtual_address, 53}), 0);
	set_backend_state(id, BL_BACKEND_GONE);
	find(&list);
	cr_assert_eq(list.count, 0);
	(void)close(fd);
	(void)close(server);
}

Test(stale, case_78_destroyed_socket_sees_econnaborted_and_others_live_on)
{
	static struct stale_list list;

	for (const struct stack *stack = stacks; stack->name; stack++) {
		uint32_t id = serve_one(stack), other;
		int stale = dial((struct where){stack->dialled, 53}), healthy;
		int direct = dial((struct where){stack->shown_backend, 8080});

		serve((struct where){stack->virtual_address, 54}, IPPROTO_UDP, 0,
		      &stack->backends[1], 1, &other);
		healthy = dial((struct where){stack->dialled, 54});
		set_backend_state(id, BL_BACKEND_GONE);
		destroy(&list);
		cr_assert_eq(list.count, 1, "%s: %zu", stack->name, list.count);
		cr_assert_eq(list.items[0].socket_cookie, socket_cookie(stale));
		assert_aborted(stale);
		assert_alive(healthy);
		assert_alive(direct);
		destroy(&list);
		cr_assert_eq(list.count, 0, "destroyed twice");
		(void)close(stale);
		(void)close(healthy);
		(void)close(direct);
		cr_assert_eq(backend_count(id).connections, backend_count(id).released);
	}
}

/* Finding crosses namespaces; destroying is done from inside each. */
Test(stale, sockets_of_other_namespaces_are_found_and_destroyed_from_inside)
{
	static struct stale_list list;

	for (const struct stack *stack = stacks; stack->name; stack++) {
		uint32_t id = serve_one(stack);
		int node = netns_open(), pod, here, there;
		uint64_t pod_cookie;

		here = dial((struct where){stack->dialled, 53});
		pod = netns_enter_new();
		pod_cookie = netns_cookie();
		if (stack == &stacks[1])
			add_lo_address6(stack->backends[0].address);
		there = dial((struct where){stack->dialled, 53});
		set_backend_state(id, BL_BACKEND_GONE);
		netns_enter(node);
		find(&list);
		cr_assert_eq(list.count, 2, "%s: %zu", stack->name, list.count);
		destroy(&list);
		cr_assert_eq(list.count, 1);
		assert_aborted(here);
		find(&list);
		cr_assert_eq(list.count, 1);
		cr_assert_eq(list.items[0].netns_cookie, pod_cookie);
		netns_enter(pod);
		destroy(&list);
		cr_assert_eq(list.count, 1);
		assert_aborted(there);
		netns_enter(node);
		find(&list);
		cr_assert_eq(list.count, 0);
		(void)close(node);
		(void)close(pod);
		(void)close(here);
		(void)close(there);
	}
}

static double now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1000 + (double)now.tv_nsec / 1e6;
}

/* More than one buffer of the iterators; what it took is printed, for the bound we publish. */
Test(stale, a_thousand_sockets_are_found_and_destroyed_in_one_pass)
{
	enum { SOCKETS = 1000 };
	static struct stale_list list;
	static int fds[SOCKETS];
	struct rlimit files = {4096, 4096};
	uint32_t id = serve_one(&stacks[0]);
	double start, found, destroyed;

	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &files), 0);
	for (int i = 0; i < SOCKETS; i++)
		fds[i] = dial((struct where){stacks[0].dialled, 53});
	set_backend_state(id, BL_BACKEND_GONE);
	start = now_ms();
	find(&list);
	found = now_ms();
	cr_assert_eq(list.count, SOCKETS, "found %zu", list.count);
	destroy(&list);
	destroyed = now_ms();
	cr_assert_eq(list.count, SOCKETS, "destroyed %zu", list.count);
	for (int i = 0; i < SOCKETS; i++) {
		assert_aborted(fds[i]);
		(void)close(fds[i]);
	}
	(void)fprintf(stderr, "1000 stale sockets: found in %.2f ms, destroyed in %.2f ms\n",
		      found - start, destroyed - found);
}
