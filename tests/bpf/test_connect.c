/* SPDX-License-Identifier: GPL-3.0-or-later */
/* connect and getpeername, TCP and connected UDP. */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#include "fixture.h"

TestSuite(connect, .init = fixture_up, .fini = fixture_down, .timeout = 600);

static const struct {
	const char *name;
	int type;
	int protocol;
} transports[] = {{"TCP", SOCK_STREAM, IPPROTO_TCP}, {"UDP", SOCK_DGRAM, IPPROTO_UDP}};
#define TRANSPORTS (sizeof(transports) / sizeof(transports[0]))

/* What came of a connect: 0 or -errno, for a socket that is closed again. */
static int dial(struct where where, int type)
{
	int fd = open_socket(where.address, type);
	int r = try_connect(fd, where);

	(void)close(fd);
	return r;
}

Test(connect, frontend_leads_to_its_backend_and_getpeername_shows_what_was_dialled)
{
	for (size_t t = 0; t < TRANSPORTS; t++)
		for (const struct stack *stack = stacks; stack->name; stack++) {
			struct where dialled = {stack->dialled, 80};
			int server = open_server(stack->backends[0], transports[t].type), fd;

			serve((struct where){stack->virtual_address, 80}, transports[t].protocol, 0,
			      stack->backends, 1, NULL);
			fd = open_socket(stack->dialled, transports[t].type);
			cr_assert_eq(try_connect(fd, dialled), 0, "%s %s: %s", transports[t].name,
				     stack->name, strerror(errno));
			assert_peer(fd, dialled);
			cr_assert_eq(send(fd, "x", 1, 0), 1);
			cr_assert(server_was_reached(server), "%s %s", transports[t].name,
				  stack->name);
			(void)close(fd);
			(void)close(server);
		}
}

Test(connect, getpeername_shows_what_was_dialled_after_the_service_is_gone)
{
	for (size_t t = 0; t < TRANSPORTS; t++)
		for (const struct stack *stack = stacks; stack->name; stack++) {
			struct where dialled = {stack->dialled, 80};
			struct where frontend = {stack->virtual_address, 80};
			int server = open_server(stack->backends[0], transports[t].type), fd;
			uint32_t backend;

			serve(frontend, transports[t].protocol, 0, stack->backends, 1, &backend);
			fd = open_socket(stack->dialled, transports[t].type);
			cr_assert_eq(try_connect(fd, dialled), 0);
			delete_frontend(frontend, transports[t].protocol);
			set_backend_state(backend, BL_BACKEND_FREE);
			assert_peer(fd, dialled);
			(void)close(fd);
			(void)close(server);
		}
}

Test(connect, what_is_no_frontend_is_left_alone)
{
	for (size_t t = 0; t < TRANSPORTS; t++)
		for (const struct stack *stack = stacks; stack->name; stack++) {
			struct where backend = {stack->shown_backend, 8080};
			int server = open_server(stack->backends[0], transports[t].type), fd;

			/* The same address has a frontend, but not on this port. */
			serve((struct where){stack->backends[0].address, 80},
			      transports[t].protocol, 0, stack->backends, 1, NULL);
			fd = open_socket(stack->dialled, transports[t].type);
			cr_assert_eq(try_connect(fd, backend), 0);
			assert_peer(fd, backend);
			cr_assert_eq(dial((struct where){stack->dialled, 80}, transports[t].type),
				     -ENETUNREACH, "%s %s", transports[t].name, stack->name);
			(void)close(fd);
			(void)close(server);
		}
}

Test(connect, case_58_frontend_without_endpoints_refuses_at_once)
{
	const struct bl_slot_range none = {0};

	for (size_t t = 0; t < TRANSPORTS; t++)
		for (const struct stack *stack = stacks; stack->name; stack++) {
			uint32_t service = add_service();

			add_frontend((struct where){stack->virtual_address, 80},
				     transports[t].protocol, service, 0, none);
			cr_assert_eq(dial((struct where){stack->dialled, 80}, transports[t].type),
				     -ECONNREFUSED, "%s %s", transports[t].name, stack->name);
			cr_assert_eq(service_count(service).refused, 1);
		}
	cr_assert_eq(reason_count(BL_REASON_NO_ENDPOINTS), TRANSPORTS * STACKS);
}

Test(connect, frontend_whose_endpoints_are_all_elsewhere_refuses_for_its_own_reason)
{
	const struct bl_slot_range none = {0};

	for (const struct stack *stack = stacks; stack->name; stack++) {
		add_frontend((struct where){stack->virtual_address, 80}, IPPROTO_TCP, add_service(),
			     BL_FRONTEND_F_INTERNAL_ELSEWHERE, none);
		cr_assert_eq(dial((struct where){stack->dialled, 80}, SOCK_STREAM), -ECONNREFUSED);
	}
	cr_assert_eq(reason_count(BL_REASON_NO_LOCAL_ENDPOINT), STACKS);
	cr_assert_eq(reason_count(BL_REASON_NO_ENDPOINTS), 0);
}

Test(connect, unknown_port_of_a_virtual_address_is_refused)
{
	for (const struct stack *stack = stacks; stack->name; stack++) {
		serve((struct where){stack->virtual_address, 80}, IPPROTO_TCP, 0, stack->backends,
		      1, NULL);
		add_virtual_address(stack->virtual_address);
		cr_assert_eq(dial((struct where){stack->dialled, 81}, SOCK_STREAM), -ECONNREFUSED);
		cr_assert_eq(dial((struct where){stack->dialled, 80}, SOCK_DGRAM), -ECONNREFUSED);
	}
	cr_assert_eq(reason_count(BL_REASON_UNKNOWN_PORT), 2 * STACKS);
}

Test(connect, other_protocols_on_a_virtual_address_are_left_alone)
{
	struct where vip = {stacks[0].virtual_address, 80};
	int fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP);

	cr_assert_geq(fd, 0);
	serve(vip, IPPROTO_TCP, 0, stacks[0].backends, 1, NULL);
	add_virtual_address(vip.address);
	cr_assert_eq(try_connect(fd, vip), -ENETUNREACH);
	(void)close(fd);
}

Test(connect, same_port_number_of_both_protocols_is_two_frontends)
{
	for (const struct stack *stack = stacks; stack->name; stack++) {
		struct where vip = {stack->virtual_address, 53}, dialled = {stack->dialled, 53};
		int tcp = open_server(stack->backends[0], SOCK_STREAM);
		int udp = open_server(stack->backends[1], SOCK_DGRAM);
		int client = open_socket(stack->dialled, SOCK_DGRAM);

		serve(vip, IPPROTO_TCP, 0, &stack->backends[0], 1, NULL);
		serve(vip, IPPROTO_UDP, 0, &stack->backends[1], 1, NULL);
		cr_assert_eq(dial(dialled, SOCK_STREAM), 0);
		cr_assert(server_was_reached(tcp));
		cr_assert_eq(try_connect(client, dialled), 0);
		cr_assert_eq(send(client, "x", 1, 0), 1);
		cr_assert(server_was_reached(udp));
		(void)close(client);
		(void)close(tcp);
		(void)close(udp);
	}
}

Test(connect, loopback_frontend_is_for_the_nodes_own_namespace)
{
	struct where v4 = {"127.0.0.1", 30080}, mapped = {"::ffff:127.0.0.1", 30080};
	struct where v6 = {"::1", 30080};
	int servers[] = {open_server(stacks[0].backends[0], SOCK_STREAM),
			 open_server(stacks[1].backends[0], SOCK_STREAM)};
	int node = netns_open();

	serve(v4, IPPROTO_TCP, BL_FRONTEND_F_HOST_ONLY, stacks[0].backends, 1, NULL);
	serve(v6, IPPROTO_TCP, BL_FRONTEND_F_HOST_ONLY, stacks[1].backends, 1, NULL);
	cr_assert_eq(dial(v4, SOCK_STREAM), 0);
	cr_assert_eq(dial(v6, SOCK_STREAM), 0);
	cr_assert_eq(dial(mapped, SOCK_STREAM), 0);
	(void)netns_enter_new();
	cr_assert_eq(dial(v4, SOCK_STREAM), -ECONNREFUSED);
	cr_assert_eq(dial(v6, SOCK_STREAM), -ECONNREFUSED);
	cr_assert_eq(reason_count(BL_REASON_TRANSLATED), 3);
	cr_assert_eq(reason_count(BL_REASON_HOST_ONLY), 2);
	netns_enter(node);
	(void)close(servers[0]);
	(void)close(servers[1]);
}

Test(connect, marked_socket_is_left_alone)
{
	for (const struct stack *stack = stacks; stack->name; stack++) {
		int fd = open_socket(stack->dialled, SOCK_STREAM);

		serve((struct where){stack->virtual_address, 80}, IPPROTO_TCP, 0, stack->backends,
		      1, NULL);
		mark_socket(fd, BL_PROBE_MARK_DEFAULT);
		cr_assert_eq(try_connect(fd, (struct where){stack->dialled, 80}), -ENETUNREACH);
		(void)close(fd);
	}
	cr_assert_eq(reason_count(BL_REASON_MARKED), STACKS);
}

Test(connect, canary_frontend_is_counted_apart)
{
	int server = open_server(stacks[0].backends[0], SOCK_STREAM);
	struct where canary = {"127.0.0.1", 1};

	serve(canary, IPPROTO_TCP, BL_FRONTEND_F_CANARY | BL_FRONTEND_F_HOST_ONLY,
	      stacks[0].backends, 1, NULL);
	cr_assert_eq(dial(canary, SOCK_STREAM), 0);
	cr_assert_eq(reason_count(BL_REASON_CANARY), 1);
	cr_assert_eq(reason_count(BL_REASON_TRANSLATED), 0);
	(void)close(server);
}

Test(connect, backend_of_another_service_or_out_of_service_is_never_used)
{
	for (const struct stack *stack = stacks; stack->name; stack++) {
		struct where vip = {stack->virtual_address, 80}, dialled = {stack->dialled, 80};
		uint32_t service = add_service(), other = add_service();
		uint32_t backend = add_backend(other, stack->backends[0]);

		add_frontend(vip, IPPROTO_TCP, service, 0, add_slots(&backend, 1));
		cr_assert_eq(dial(dialled, SOCK_STREAM), -ECONNREFUSED);
		backend = add_backend(service, stack->backends[0]);
		set_backend_state(backend, BL_BACKEND_GONE);
		add_frontend(vip, IPPROTO_TCP, service, 0, add_slots(&backend, 1));
		cr_assert_eq(dial(dialled, SOCK_STREAM), -ECONNREFUSED);
	}
	cr_assert_eq(reason_count(BL_REASON_INCONSISTENT), 2 * STACKS);
}

Test(connect, terminating_backend_that_the_slots_hold_serves)
{
	for (const struct stack *stack = stacks; stack->name; stack++) {
		int server = open_server(stack->backends[0], SOCK_STREAM);
		uint32_t backend;

		serve((struct where){stack->virtual_address, 80}, IPPROTO_TCP, 0, stack->backends,
		      1, &backend);
		set_backend_state(backend, BL_BACKEND_TERMINATING);
		cr_assert_eq(dial((struct where){stack->dialled, 80}, SOCK_STREAM), 0);
		cr_assert(server_was_reached(server));
		(void)close(server);
	}
}

Test(connect, new_connections_spread_evenly_over_the_slots)
{
	enum { DIALS = 600 };

	for (const struct stack *stack = stacks; stack->name; stack++) {
		uint32_t ids[STACK_BACKENDS];
		int servers[STACK_BACKENDS];
		double chi = 0;

		for (size_t i = 0; i < STACK_BACKENDS; i++)
			servers[i] = open_server(stack->backends[i], SOCK_STREAM);
		serve((struct where){stack->virtual_address, 80}, IPPROTO_TCP, 0, stack->backends,
		      STACK_BACKENDS, ids);
		for (int i = 0; i < DIALS; i++)
			cr_assert_eq(dial((struct where){stack->dialled, 80}, SOCK_STREAM), 0);
		for (size_t i = 0; i < STACK_BACKENDS; i++) {
			double expected = (double)DIALS / STACK_BACKENDS;
			double off = (double)backend_count(ids[i]).connections - expected;

			chi += off * off / expected;
			(void)close(servers[i]);
		}
		/* Two degrees of freedom: passed by chance once in 3 million runs. */
		cr_assert_lt(chi, 30.0, "%s: chi-square %f", stack->name, chi);
	}
}

Test(connect, udp_socket_that_connects_again_keeps_its_backend_until_that_leaves)
{
	for (const struct stack *stack = stacks; stack->name; stack++) {
		struct where vip = {stack->virtual_address, 80}, dialled = {stack->dialled, 80};
		int fd = open_socket(stack->dialled, SOCK_DGRAM), servers[STACK_BACKENDS];
		uint32_t ids[STACK_BACKENDS];
		size_t had = STACK_BACKENDS, found;

		for (size_t i = 0; i < STACK_BACKENDS; i++)
			servers[i] = open_server(stack->backends[i], SOCK_DGRAM);
		serve(vip, IPPROTO_UDP, 0, stack->backends, STACK_BACKENDS, ids);
		for (int round = 0; round < 20; round++) {
			cr_assert_eq(try_connect(fd, dialled), 0);
			cr_assert_eq(send(fd, "x", 1, 0), 1);
			found = find_reached(servers, STACK_BACKENDS);
			cr_assert_lt(found, STACK_BACKENDS, "no server had the datagram");
			cr_assert(round == 0 || found == had);
			had = found;
		}
		set_backend_state(ids[had], BL_BACKEND_TERMINATING);
		cr_assert_eq(try_connect(fd, dialled), 0);
		cr_assert_eq(send(fd, "x", 1, 0), 1);
		cr_assert(server_was_reached(servers[had]), "a terminating backend keeps its flow");
		(void)close(fd);
		for (size_t i = 0; i < STACK_BACKENDS; i++)
			(void)close(servers[i]);
	}
}

Test(connect, udp_socket_that_connects_elsewhere_forgets_what_it_dialled)
{
	for (const struct stack *stack = stacks; stack->name; stack++) {
		struct where dialled = {stack->dialled, 80};
		struct where backend = {stack->shown_backend, 8080};
		int fd = open_socket(stack->dialled, SOCK_DGRAM);
		int server = open_server(stack->backends[0], SOCK_DGRAM);
		struct sockaddr_storage unspec = {.ss_family = AF_UNSPEC};
		uint32_t id;

		serve((struct where){stack->virtual_address, 80}, IPPROTO_UDP, 0, stack->backends,
		      1, &id);
		cr_assert_eq(try_connect(fd, dialled), 0);
		assert_peer(fd, dialled);
		/* The same backend, dialled without its Service. */
		cr_assert_eq(try_connect(fd, backend), 0);
		assert_peer(fd, backend);
		cr_assert_eq(backend_count(id).released, 1);
		cr_assert_eq(try_connect(fd, dialled), 0);
		cr_assert_eq(connect(fd, (struct sockaddr *)&unspec, sizeof(unspec)), 0);
		cr_assert_eq(try_send(fd, backend), 0);
		cr_assert(echo_one(server));
		assert_answer_from(fd, backend);
		(void)close(fd);
		(void)close(server);
		cr_assert_eq(backend_count(id).connections, backend_count(id).released);
	}
}

Test(connect, tcp_socket_used_again_shows_its_present_peer)
{
	for (const struct stack *stack = stacks; stack->name; stack++) {
		struct where dialled = {stack->dialled, 80};
		struct where other = {stack->shown_backend, 9090};
		struct where other_bound = {stack->backends[0].address, 9090};
		int fd = open_socket(stack->dialled, SOCK_STREAM);
		int server = open_server(stack->backends[0], SOCK_STREAM);
		int other_server = open_server(other_bound, SOCK_STREAM);
		struct sockaddr_storage unspec = {.ss_family = AF_UNSPEC};

		serve((struct where){stack->virtual_address, 80}, IPPROTO_TCP, 0, stack->backends,
		      1, NULL);
		cr_assert_eq(try_connect(fd, dialled), 0);
		assert_peer(fd, dialled);
		cr_assert_eq(connect(fd, (struct sockaddr *)&unspec, sizeof(unspec)), 0);
		cr_assert_eq(try_connect(fd, other), 0);
		assert_peer(fd, other);
		(void)close(fd);
		(void)close(server);
		(void)close(other_server);
	}
}
