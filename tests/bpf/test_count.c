/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Live connections, and what the switches of the load-time constants leave out. */
#include <errno.h>
#include <netinet/in.h>
#include <unistd.h>

#include "fixture.h"

TestSuite(count, .init = fixture_up, .fini = fixture_down, .timeout = 600);

#define SOCKETS 20

static void assert_live(uint32_t backend_id, uint64_t expected, const char *when)
{
	struct bl_backend_stats stats = backend_count(backend_id);

	cr_assert_eq(stats.connections - stats.released, expected, "%s: %lu - %lu", when,
		     (unsigned long)stats.connections, (unsigned long)stats.released);
}

/* How a socket comes to have a translation. */
enum way { TCP_CONNECT, UDP_CONNECT, UDP_SEND, WAYS };

static int dial(struct where where, enum way way)
{
	int fd = open_socket(where.address, way == TCP_CONNECT ? SOCK_STREAM : SOCK_DGRAM);

	cr_assert_eq(way == UDP_SEND ? try_send(fd, where) : try_connect(fd, where), 0);
	return fd;
}

static void check_live_connections(void)
{
	for (int way = 0; way < WAYS; way++)
		for (const struct stack *stack = stacks; stack->name; stack++) {
			int type = way == TCP_CONNECT ? SOCK_STREAM : SOCK_DGRAM;
			int server = open_server(stack->backends[0], type), fds[SOCKETS];
			uint32_t id, service;

			service = serve((struct where){stack->virtual_address, 80},
					way == TCP_CONNECT ? IPPROTO_TCP : IPPROTO_UDP, 0,
					stack->backends, 1, &id);
			for (int i = 0; i < SOCKETS; i++)
				fds[i] = dial((struct where){stack->dialled, 80}, (enum way)way);
			assert_live(id, SOCKETS, stack->name);
			cr_assert_eq(service_count(service).connections, SOCKETS);
			for (int i = 0; i < SOCKETS / 2; i++)
				(void)close(fds[i]);
			assert_live(id, SOCKETS / 2, stack->name);
			for (int i = SOCKETS / 2; i < SOCKETS; i++)
				(void)close(fds[i]);
			assert_live(id, 0, stack->name);
			(void)close(server);
		}
}

Test(count, live_connections_are_exact_and_end_with_the_sockets)
{
	check_live_connections();
}

static void up_uncast(void)
{
	struct bl_sock_tunables tunables = fixture_tunables();

	tunables.cast_context = 0;
	fixture_up_with(tunables);
}

/* What kernels before 6.2 run. */
Test(uncast, live_connections_are_exact_and_end_with_the_sockets, .init = up_uncast,
     .fini = fixture_down)
{
	check_live_connections();
}

Test(count, every_id_has_counters_of_its_own)
{
	const uint16_t services = 2 * BL_STATS_BLOCK + 2;
	uint32_t ids[2 * BL_STATS_BLOCK + 2], service_ids[2 * BL_STATS_BLOCK + 2];

	for (uint16_t i = 0; i < services; i++) {
		service_ids[i] = serve((struct where){stacks[0].virtual_address, 100 + i},
				       IPPROTO_UDP, 0, stacks[0].backends, 1, &ids[i]);
		for (uint16_t sends = 0; sends <= i; sends++) {
			int client = open_socket(stacks[0].dialled, SOCK_DGRAM);

			cr_assert_eq(try_send(client, (struct where){stacks[0].dialled, 100 + i}),
				     0);
			(void)close(client);
		}
	}
	for (uint16_t i = 0; i < services; i++) {
		cr_expect_eq(backend_count(ids[i]).connections, i + 1u, "backend %u", ids[i]);
		cr_expect_eq(backend_count(ids[i]).released, i + 1u, "backend %u", ids[i]);
		cr_expect_eq(service_count(service_ids[i]).connections, i + 1u, "service %u",
			     service_ids[i]);
	}
}

Test(count, frontends_that_a_udp_socket_forgot_are_released)
{
	for (const struct stack *stack = stacks; stack->name; stack++) {
		int fd = open_socket(stack->dialled, SOCK_DGRAM);
		uint32_t ids[2 * BL_UDP_PEERS];
		uint64_t live = 0;

		for (uint16_t i = 0; i < 2 * BL_UDP_PEERS; i++) {
			serve((struct where){stack->virtual_address, 100 + i}, IPPROTO_UDP, 0,
			      stack->backends, 1, &ids[i]);
			cr_assert_eq(try_send(fd, (struct where){stack->dialled, 100 + i}), 0);
		}
		for (size_t i = 0; i < 2 * BL_UDP_PEERS; i++) {
			struct bl_backend_stats stats = backend_count(ids[i]);

			live += stats.connections - stats.released;
		}
		cr_assert_eq(live, BL_UDP_PEERS);
		(void)close(fd);
		for (size_t i = 0; i < 2 * BL_UDP_PEERS; i++)
			assert_live(ids[i], 0, stack->name);
	}
}

Test(count, tcp_connect_that_fails_is_released_too)
{
	uint32_t id;
	int fd = open_socket("0.0.0.0", SOCK_STREAM);

	serve((struct where){stacks[0].virtual_address, 80}, IPPROTO_TCP, 0, stacks[0].backends, 1,
	      &id);
	/* Nobody listens at the backend. */
	cr_assert_eq(try_connect(fd, (struct where){stacks[0].virtual_address, 80}), -ECONNREFUSED);
	assert_live(id, 1, "before close");
	(void)close(fd);
	assert_live(id, 0, "after close");
}

static void up_forgetful(void)
{
	struct bl_sock_tunables tunables = fixture_tunables();

	tunables.remember_peer = 0;
	fixture_up_with(tunables);
}

Test(forgetful, udp_still_knows_what_it_dialled, .init = up_forgetful, .fini = fixture_down)
{
	struct where dialled = {stacks[0].dialled, 53};
	int server = open_server(stacks[0].backends[0], SOCK_DGRAM), fd;

	serve((struct where){stacks[0].virtual_address, 53}, IPPROTO_UDP, 0, stacks[0].backends, 1,
	      NULL);
	fd = dial(dialled, UDP_CONNECT);
	assert_peer(fd, dialled);
	(void)close(fd);
	(void)close(server);
}

static void up_uncounted(void)
{
	struct bl_sock_tunables tunables = fixture_tunables();

	tunables.count = 0;
	fixture_up_with(tunables);
}

Test(uncounted, traffic_is_the_same_and_no_counter_moves, .init = up_uncounted,
     .fini = fixture_down)
{
	struct where dialled = {stacks[1].dialled, 80};
	int server = open_server(stacks[1].backends[0], SOCK_STREAM), fd;
	uint32_t id, service;

	service = serve((struct where){stacks[1].virtual_address, 80}, IPPROTO_TCP, 0,
			stacks[1].backends, 1, &id);
	fd = dial(dialled, TCP_CONNECT);
	assert_peer(fd, dialled);
	(void)close(fd);
	(void)close(server);
	cr_assert_eq(backend_count(id).connections + backend_count(id).released, 0);
	cr_assert_eq(service_count(service).connections, 0);
	for (uint32_t reason = 0; reason < BL_REASON_COUNT; reason++)
		cr_assert_eq(reason_count((enum bl_reason)reason), 0);
}
