/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sendmsg and recvmsg: unconnected UDP sockets, and names of answers. */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#include "fixture.h"

TestSuite(datagram, .init = fixture_up, .fini = fixture_down, .timeout = 600);

static void open_servers(const struct stack *stack, int ret_servers[STACK_BACKENDS])
{
	for (size_t i = 0; i < STACK_BACKENDS; i++)
		ret_servers[i] = open_server(stack->backends[i], SOCK_DGRAM);
}

static void close_all(const int *fds, size_t count)
{
	for (size_t i = 0; i < count; i++)
		(void)close(fds[i]);
}

/* A frontend of one backend, its server, and a client's socket. */
struct pair {
	struct where dialled;
	int server;
	int fd;
};

static struct pair pair_up(const struct stack *stack)
{
	struct pair pair = {
		.dialled = {stack->dialled, 53},
		.server = open_server(stack->backends[0], SOCK_DGRAM),
		.fd = open_socket(stack->dialled, SOCK_DGRAM),
	};

	serve((struct where){stack->virtual_address, 53}, IPPROTO_UDP, 0, stack->backends, 1, NULL);
	return pair;
}

static void pair_down(const struct pair *pair)
{
	(void)close(pair->server);
	(void)close(pair->fd);
}

/* Sends once and says which server had it. */
static size_t send_and_find(int fd, struct where dialled, const int servers[STACK_BACKENDS])
{
	size_t found;

	cr_assert_eq(try_send(fd, dialled), 0, "%s: %s", dialled.address, strerror(errno));
	found = find_reached(servers, STACK_BACKENDS);
	cr_assert_lt(found, STACK_BACKENDS, "no server had the datagram");
	return found;
}

Test(datagram, goes_to_a_backend_and_the_answer_comes_from_what_was_dialled)
{
	for (const struct stack *stack = stacks; stack->name; stack++) {
		struct pair pair = pair_up(stack);

		for (int i = 0; i < 3; i++) {
			cr_assert_eq(try_send(pair.fd, pair.dialled), 0, "%s: %s", stack->name,
				     strerror(errno));
			cr_assert(echo_one(pair.server), "%s", stack->name);
			assert_answer_from(pair.fd, pair.dialled);
		}
		pair_down(&pair);
	}
	cr_assert_eq(reason_count(BL_REASON_TRANSLATED), STACKS);
	cr_assert_eq(reason_count(BL_REASON_PEER_HIT), 2 * STACKS);
	cr_assert_eq(reason_count(BL_REASON_REPLY_RENAMED), 3 * STACKS);
}

Test(datagram, connected_socket_sees_answers_from_what_it_dialled)
{
	for (const struct stack *stack = stacks; stack->name; stack++) {
		struct pair pair = pair_up(stack);

		cr_assert_eq(try_connect(pair.fd, pair.dialled), 0);
		cr_assert_eq(send(pair.fd, "x", 1, 0), 1);
		cr_assert(echo_one(pair.server));
		assert_answer_from(pair.fd, pair.dialled);
		pair_down(&pair);
	}
}

Test(datagram, answers_of_what_is_no_backend_keep_their_name)
{
	for (const struct stack *stack = stacks; stack->name; stack++) {
		struct where direct = {stack->shown_backend, 8080};
		struct where dialled = {stack->dialled, 53};
		int servers[STACK_BACKENDS], fd = open_socket(stack->dialled, SOCK_DGRAM);

		open_servers(stack, servers);
		cr_assert_eq(try_send(fd, direct), 0);
		cr_assert(echo_one(servers[0]));
		assert_answer_from(fd, direct);
		/* And still so on a socket that also speaks to a frontend elsewhere. */
		serve((struct where){stack->virtual_address, 53}, IPPROTO_UDP, 0,
		      &stack->backends[1], 1, NULL);
		cr_assert_eq(try_send(fd, dialled), 0);
		cr_assert_eq(try_send(fd, direct), 0);
		cr_assert(echo_one(servers[0]));
		assert_answer_from(fd, direct);
		cr_assert(echo_one(servers[1]));
		assert_answer_from(fd, dialled);
		close_all(servers, STACK_BACKENDS);
		(void)close(fd);
	}
}

Test(datagram, refusals_come_from_sendto)
{
	const struct bl_slot_range none = {0};

	for (const struct stack *stack = stacks; stack->name; stack++) {
		int fd = open_socket(stack->dialled, SOCK_DGRAM);

		add_frontend((struct where){stack->virtual_address, 53}, IPPROTO_UDP, add_service(),
			     0, none);
		add_virtual_address(stack->virtual_address);
		cr_assert_eq(try_send(fd, (struct where){stack->dialled, 53}), -ECONNREFUSED);
		cr_assert_eq(try_send(fd, (struct where){stack->dialled, 54}), -ECONNREFUSED);
		mark_socket(fd, BL_PROBE_MARK_DEFAULT);
		cr_assert_eq(try_send(fd, (struct where){stack->dialled, 53}), -ENETUNREACH);
		(void)close(fd);
	}
	cr_assert_eq(reason_count(BL_REASON_NO_ENDPOINTS), STACKS);
	cr_assert_eq(reason_count(BL_REASON_UNKNOWN_PORT), STACKS);
	cr_assert_eq(reason_count(BL_REASON_MARKED), STACKS);
}

Test(datagram, case_75_socket_stays_with_its_backend_until_that_stops_serving)
{
	for (const struct stack *stack = stacks; stack->name; stack++) {
		struct where dialled = {stack->dialled, 53};
		int servers[STACK_BACKENDS], fd = open_socket(stack->dialled, SOCK_DGRAM);
		uint32_t ids[STACK_BACKENDS], left[STACK_BACKENDS], left_count = 0, service;
		size_t had, now;

		open_servers(stack, servers);
		service = serve((struct where){stack->virtual_address, 53}, IPPROTO_UDP, 0,
				stack->backends, STACK_BACKENDS, ids);
		had = send_and_find(fd, dialled, servers);
		for (size_t i = 0; i < STACK_BACKENDS; i++)
			if (i != had)
				left[left_count++] = ids[i];
		/* Out of the slots, but terminating: the flow stays. */
		set_backend_state(ids[had], BL_BACKEND_TERMINATING);
		add_frontend((struct where){stack->virtual_address, 53}, IPPROTO_UDP, service, 0,
			     add_slots(left, left_count));
		for (int i = 0; i < 20; i++)
			cr_assert_eq(send_and_find(fd, dialled, servers), had);
		/* Gone: the flow moves, and then stays again. */
		set_backend_state(ids[had], BL_BACKEND_GONE);
		now = send_and_find(fd, dialled, servers);
		cr_assert_neq(now, had);
		for (int i = 0; i < 20; i++)
			cr_assert_eq(send_and_find(fd, dialled, servers), now);
		cr_assert_eq(backend_count(ids[had]).released, 1);
		close_all(servers, STACK_BACKENDS);
		(void)close(fd);
	}
	cr_assert_eq(reason_count(BL_REASON_PEER_MOVED), STACKS);
}

Test(datagram, backend_id_that_went_to_another_service_is_a_new_choice)
{
	for (const struct stack *stack = stacks; stack->name; stack++) {
		struct where dialled = {stack->dialled, 53};
		int servers[STACK_BACKENDS], fd = open_socket(stack->dialled, SOCK_DGRAM);
		uint32_t service, first, second;

		open_servers(stack, servers);
		service = serve((struct where){stack->virtual_address, 53}, IPPROTO_UDP, 0,
				stack->backends, 1, &first);
		cr_assert_eq(send_and_find(fd, dialled, servers), 0);
		reuse_backend(first, add_service(), stack->backends[2]);
		second = add_backend(service, stack->backends[1]);
		add_frontend((struct where){stack->virtual_address, 53}, IPPROTO_UDP, service, 0,
			     add_slots(&second, 1));
		cr_assert_eq(send_and_find(fd, dialled, servers), 1);
		close_all(servers, STACK_BACKENDS);
		(void)close(fd);
	}
}

Test(datagram, socket_to_more_frontends_than_it_remembers_finds_the_same_backends)
{
	enum { FRONTENDS = 3 * BL_UDP_PEERS };

	for (const struct stack *stack = stacks; stack->name; stack++) {
		int servers[STACK_BACKENDS], fd = open_socket(stack->dialled, SOCK_DGRAM);
		size_t had[FRONTENDS], total[STACK_BACKENDS] = {0};

		open_servers(stack, servers);
		for (int i = 0; i < FRONTENDS; i++)
			serve((struct where){stack->virtual_address, 1000 + i}, IPPROTO_UDP, 0,
			      stack->backends, STACK_BACKENDS, NULL);
		for (int round = 0; round < 3; round++)
			for (int i = 0; i < FRONTENDS; i++) {
				struct where dialled = {stack->dialled, 1000 + i};
				size_t found = send_and_find(fd, dialled, servers);

				cr_assert(round == 0 || found == had[i]);
				had[i] = found;
				total[found]++;
			}
		for (size_t i = 0; i < STACK_BACKENDS; i++)
			cr_assert_lt(total[i], 3 * FRONTENDS, "all frontends chose alike");
		close_all(servers, STACK_BACKENDS);
		(void)close(fd);
	}
}

Test(datagram, sockets_spread_over_the_backends)
{
	enum { SOCKETS = 300 };

	for (const struct stack *stack = stacks; stack->name; stack++) {
		int servers[STACK_BACKENDS];
		double total[STACK_BACKENDS] = {0}, chi = 0;
		struct where dialled = {stack->dialled, 53};

		open_servers(stack, servers);
		serve((struct where){stack->virtual_address, 53}, IPPROTO_UDP, 0, stack->backends,
		      STACK_BACKENDS, NULL);
		for (int i = 0; i < SOCKETS; i++) {
			int fd = open_socket(stack->dialled, SOCK_DGRAM);

			total[send_and_find(fd, dialled, servers)]++;
			(void)close(fd);
		}
		for (size_t i = 0; i < STACK_BACKENDS; i++) {
			double expected = (double)SOCKETS / STACK_BACKENDS;

			chi += (total[i] - expected) * (total[i] - expected) / expected;
		}
		cr_assert_lt(chi, 30.0, "%s: chi-square %f", stack->name, chi);
		close_all(servers, STACK_BACKENDS);
	}
}

Test(datagram, two_frontends_over_one_backend_show_the_one_used_last)
{
	for (const struct stack *stack = stacks; stack->name; stack++) {
		struct where dialled[] = {{stack->dialled, 53}, {stack->dialled, 54}};
		int server = open_server(stack->backends[0], SOCK_DGRAM);
		int fd = open_socket(stack->dialled, SOCK_DGRAM);

		for (uint16_t i = 0; i < 2; i++)
			serve((struct where){stack->virtual_address, 53 + i}, IPPROTO_UDP, 0,
			      stack->backends, 1, NULL);
		for (int i = 0; i < 6; i++) {
			cr_assert_eq(try_send(fd, dialled[i / 2 % 2]), 0);
			cr_assert(echo_one(server));
			assert_answer_from(fd, dialled[i / 2 % 2]);
		}
		close_all((int[]){server, fd}, 2);
	}
}

Test(datagram, deleted_frontend_is_not_served_from_memory)
{
	for (const struct stack *stack = stacks; stack->name; stack++) {
		struct where vip = {stack->virtual_address, 53}, dialled = {stack->dialled, 53};
		int server = open_server(stack->backends[0], SOCK_DGRAM);
		int fd = open_socket(stack->dialled, SOCK_DGRAM);
		uint32_t id;

		serve(vip, IPPROTO_UDP, 0, stack->backends, 1, &id);
		cr_assert_eq(try_send(fd, dialled), 0);
		delete_frontend(vip, IPPROTO_UDP);
		set_backend_state(id, BL_BACKEND_GONE);
		/* The answer to what was sent before still carries the dialled name. */
		cr_assert(echo_one(server));
		assert_answer_from(fd, dialled);
		cr_assert_eq(try_send(fd, dialled), -ENETUNREACH);
		close_all((int[]){server, fd}, 2);
	}
}
