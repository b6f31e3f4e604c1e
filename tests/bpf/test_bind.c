/* SPDX-License-Identifier: GPL-3.0-or-later */
/* post_bind: programs of the node that bind a NodePort. */
#include <errno.h>
#include <netinet/in.h>
#include <unistd.h>

#include "fixture.h"

TestSuite(bind, .init = fixture_up, .fini = fixture_down, .timeout = 600);

static const int types[] = {SOCK_STREAM, SOCK_DGRAM};

/* NodePort 30080, TCP and UDP, on both loopback addresses and an address of the node. */
static void add_node_ports(void)
{
	static const char *const addresses[] = {"127.0.0.1", "::1", "127.0.9.9"};
	static const int protocols[] = {IPPROTO_TCP, IPPROTO_UDP};

	for (size_t i = 0; i < 3; i++)
		for (size_t p = 0; p < 2; p++)
			serve((struct where){addresses[i], 30080}, protocols[p],
			      BL_FRONTEND_F_NODE_PORT | (i < 2 ? BL_FRONTEND_F_HOST_ONLY : 0),
			      stacks[i == 1].backends, 1, NULL);
}

static int bind_new(struct where where, int type, uint32_t mark)
{
	int fd = open_socket(where.address, type), r;

	if (mark)
		mark_socket(fd, mark);
	r = try_bind(fd, where);
	(void)close(fd);
	return r;
}

static const struct {
	struct where where;
	int expected;
} rows[] = {
	{{"0.0.0.0", 30080}, -EADDRINUSE},
	{{"127.0.0.1", 30080}, -EADDRINUSE},
	{{"127.0.9.9", 30080}, -EADDRINUSE},
	{{"::", 30080}, -EADDRINUSE},
	{{"::1", 30080}, -EADDRINUSE},
	{{"::ffff:127.0.0.1", 30080}, -EADDRINUSE},
	{{"::ffff:0.0.0.0", 30080}, -EADDRINUSE},
	{{"127.0.9.8", 30080}, 0}, /* no frontend has this address */
	{{"0.0.0.0", 30081}, 0},
	{{"::", 30081}, 0},
	{{"0.0.0.0", 0}, 0},
	{{"::", 0}, 0},
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

Test(bind, node_port_is_refused_as_in_use_and_everything_else_allowed)
{
	uint64_t refused = 0;

	add_node_ports();
	for (size_t t = 0; t < 2; t++)
		for (size_t i = 0; i < ROWS; i++) {
			int r = bind_new(rows[i].where, types[t], 0);

			cr_assert_eq(r, rows[i].expected, "%s:%u: %d", rows[i].where.address,
				     rows[i].where.port, r);
			refused += rows[i].expected != 0;
		}
	cr_assert_eq(reason_count(BL_REASON_BIND_REFUSED), refused);
}

Test(bind, refused_socket_can_bind_another_port)
{
	add_node_ports();
	for (size_t t = 0; t < 2; t++) {
		int fd = open_socket("0.0.0.0", types[t]);

		cr_assert_eq(try_bind(fd, (struct where){"0.0.0.0", 30080}), -EADDRINUSE);
		cr_assert_eq(try_bind(fd, (struct where){"0.0.0.0", 30082}), 0);
		(void)close(fd);
	}
}

Test(bind, frontend_that_is_no_node_port_is_no_reason_to_refuse)
{
	serve((struct where){"127.0.0.1", 30080}, IPPROTO_TCP, 0, stacks[0].backends, 1, NULL);
	cr_assert_eq(bind_new((struct where){"0.0.0.0", 30080}, SOCK_STREAM, 0), 0);
}

Test(bind, marked_socket_is_exempt)
{
	add_node_ports();
	for (size_t i = 0; i < ROWS; i++)
		cr_assert_eq(bind_new(rows[i].where, SOCK_STREAM, BL_PROBE_MARK_DEFAULT), 0, "%s",
			     rows[i].where.address);
	cr_assert_eq(bind_new(rows[0].where, SOCK_STREAM, 1), -EADDRINUSE);
}

Test(bind, pod_may_bind_any_port)
{
	add_node_ports();
	(void)netns_enter_new();
	for (size_t i = 0; i < ROWS; i++)
		cr_assert_eq(bind_new(rows[i].where, SOCK_STREAM, 0), 0, "%s",
			     rows[i].where.address);
}

static void up_without_refusal(void)
{
	struct bl_sock_tunables tunables = fixture_tunables();

	tunables.refuse_bind = 0;
	fixture_up_with(tunables);
}

Test(bind_allowed, switch_is_off, .init = up_without_refusal, .fini = fixture_down)
{
	add_node_ports();
	for (size_t i = 0; i < ROWS; i++)
		cr_assert_eq(bind_new(rows[i].where, SOCK_STREAM, 0), 0, "%s",
			     rows[i].where.address);
}
