/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where a TCP socket keeps what it dialled: its entry in tcp_peers, or storage when that is taken.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <netinet/in.h>
#include <unistd.h>

#include "fixture.h"

TestSuite(tcp_peers, .init = fixture_up, .fini = fixture_down, .timeout = 600);

static uint32_t index_of(int fd)
{
	uint64_t cookie;
	socklen_t size = sizeof(cookie);

	cr_assert_eq(getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &size), 0);
	return (uint32_t)(cookie % BL_TCP_PEERS);
}

static struct bl_tcp_peer entry_at(uint32_t index)
{
	struct bl_tcp_peer peer;

	cr_assert_eq(bpf_map_lookup_elem(bpf_map__fd(skel->maps.tcp_peers), &index, &peer), 0);
	return peer;
}

static bool has_storage(int fd)
{
	struct bl_sock sock;

	return bpf_map_lookup_elem(bpf_map__fd(skel->maps.socks), &fd, &sock) == 0;
}

struct service {
	struct where dialled;
	uint32_t backend;
	int server;
};

static struct service service_up(const struct stack *stack)
{
	struct service service = {.dialled = {stack->dialled, 80},
				  .server = open_server(stack->backends[0], SOCK_STREAM)};

	serve((struct where){stack->virtual_address, 80}, IPPROTO_TCP, 0, stack->backends, 1,
	      &service.backend);
	return service;
}

Test(tcp_peers, entry_is_held_from_connect_to_close_and_no_storage_is_made)
{
	for (const struct stack *stack = stacks; stack->name; stack++) {
		struct service service = service_up(stack);
		int fd = open_socket(stack->dialled, SOCK_STREAM);
		uint32_t index = index_of(fd);

		cr_assert_eq(entry_at(index).socket_cookie, 0);
		cr_assert_eq(try_connect(fd, service.dialled), 0);
		cr_assert_eq(entry_at(index).socket_cookie % BL_TCP_PEERS, index);
		cr_assert_eq(entry_at(index).translation.backend_id, service.backend);
		cr_assert_not(has_storage(fd));
		(void)close(fd);
		cr_assert_eq(entry_at(index).socket_cookie, 0);
		cr_assert_eq(entry_at(index).translation.backend_id, 0);
		(void)close(service.server);
	}
}

Test(tcp_peers, socket_that_finds_its_entry_taken_has_storage_and_disturbs_nobody)
{
	for (const struct stack *stack = stacks; stack->name; stack++) {
		struct service service = service_up(stack);
		int fd = open_socket(stack->dialled, SOCK_STREAM);
		uint32_t index = index_of(fd);
		struct bl_tcp_peer other = {.socket_cookie = (1ull << 40) + index,
					    .translation.backend_id = 77};

		cr_assert_eq(bpf_map_update_elem(bpf_map__fd(skel->maps.tcp_peers), &index, &other,
						 BPF_ANY),
			     0);
		cr_assert_eq(try_connect(fd, service.dialled), 0);
		cr_assert(has_storage(fd));
		assert_peer(fd, service.dialled);
		(void)close(fd);
		cr_assert_eq(entry_at(index).socket_cookie, other.socket_cookie);
		cr_assert_eq(entry_at(index).translation.backend_id, 77);
		cr_assert_eq(backend_count(service.backend).connections, 1);
		cr_assert_eq(backend_count(service.backend).released, 1);
		(void)close(service.server);
	}
}

Test(tcp_peers, socket_that_connects_again_keeps_its_entry_and_releases_what_it_had)
{
	for (const struct stack *stack = stacks; stack->name; stack++) {
		struct sockaddr_storage unspec = {.ss_family = AF_UNSPEC};
		struct service service = service_up(stack);
		int fd = open_socket(stack->dialled, SOCK_STREAM);
		uint32_t index = index_of(fd);

		for (uint64_t i = 0; i < 3; i++) {
			cr_assert_eq(try_connect(fd, service.dialled), 0);
			assert_peer(fd, service.dialled);
			cr_assert_eq(backend_count(service.backend).connections, i + 1);
			cr_assert_eq(backend_count(service.backend).released, i);
			cr_assert_eq(connect(fd, (struct sockaddr *)&unspec, sizeof(unspec)), 0);
		}
		(void)close(fd);
		cr_assert_eq(backend_count(service.backend).released, 3);
		cr_assert_eq(entry_at(index).socket_cookie, 0);
		(void)close(service.server);
	}
}

Test(tcp_peers, socket_of_no_frontend_takes_no_entry)
{
	int server = open_server((struct where){"127.0.0.1", 8080}, SOCK_STREAM);
	int fd = open_socket("127.0.0.1", SOCK_STREAM);

	cr_assert_eq(try_connect(fd, (struct where){"127.0.0.1", 8080}), 0);
	cr_assert_eq(entry_at(index_of(fd)).socket_cookie, 0);
	cr_assert_not(has_storage(fd));
	(void)close(fd);
	(void)close(server);
}

static void up_forgetful(void)
{
	struct bl_sock_tunables tunables = fixture_tunables();

	tunables.remember_peer = 0;
	fixture_up_with(tunables);
}

Test(forgetful, tcp_connect_writes_nothing, .init = up_forgetful, .fini = fixture_down)
{
	for (const struct stack *stack = stacks; stack->name; stack++) {
		struct service service = service_up(stack);
		int fd = open_socket(stack->dialled, SOCK_STREAM);

		cr_assert_eq(try_connect(fd, service.dialled), 0);
		assert_peer(fd, (struct where){stack->shown_backend, 8080});
		cr_assert_eq(entry_at(index_of(fd)).socket_cookie, 0);
		cr_assert_not(has_storage(fd));
		(void)close(fd);
		(void)close(service.server);
	}
}

static void up_uncounted(void)
{
	struct bl_sock_tunables tunables = fixture_tunables();

	tunables.count = 0;
	fixture_up_with(tunables);
}

Test(uncounted, entry_is_given_back_all_the_same, .init = up_uncounted, .fini = fixture_down)
{
	struct service service = service_up(&stacks[0]);
	int fd = open_socket("0.0.0.0", SOCK_STREAM);
	uint32_t index = index_of(fd);

	cr_assert_eq(try_connect(fd, service.dialled), 0);
	cr_assert_neq(entry_at(index).socket_cookie, 0);
	(void)close(fd);
	cr_assert_eq(entry_at(index).socket_cookie, 0);
	(void)close(service.server);
}
