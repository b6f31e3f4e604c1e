/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sockets of clients and servers. */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "fixture.h"

/* For what comes on any machine: a busy one delivers packets of lo when it gets round to it. */
#define WAIT_MS 10000

int family_of(const char *address)
{
	return strchr(address, ':') ? AF_INET6 : AF_INET;
}

socklen_t to_sockaddr(struct where where, struct sockaddr_storage *ret)
{
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ret;
	struct sockaddr_in *in4 = (struct sockaddr_in *)ret;

	memset(ret, 0, sizeof(*ret));
	ret->ss_family = (sa_family_t)family_of(where.address);
	if (ret->ss_family == AF_INET) {
		cr_assert_eq(inet_pton(AF_INET, where.address, &in4->sin_addr), 1);
		in4->sin_port = htons(where.port);
		return sizeof(*in4);
	}
	cr_assert_eq(inet_pton(AF_INET6, where.address, &in6->sin6_addr), 1);
	in6->sin6_port = htons(where.port);
	return sizeof(*in6);
}

int open_socket(const char *address, int type)
{
	int fd = socket(family_of(address), type | SOCK_CLOEXEC, 0);

	cr_assert_geq(fd, 0, "socket: %s", strerror(errno));
	return fd;
}

void mark_socket(int fd, uint32_t mark)
{
	cr_assert_eq(setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)), 0);
}

void add_lo_address6(const char *address)
{
	struct {
		struct in6_addr address;
		uint32_t prefix;
		int index;
	} request = {.prefix = 128, .index = (int)if_nametoindex("lo")};
	int fd = open_socket("::", SOCK_DGRAM);

	cr_assert_eq(inet_pton(AF_INET6, address, &request.address), 1);
	cr_assert_eq(ioctl(fd, SIOCSIFADDR, &request), 0, "'%s': %s", address, strerror(errno));
	(void)close(fd);
}

int try_bind(int fd, struct where where)
{
	struct sockaddr_storage sockaddr;
	socklen_t size = to_sockaddr(where, &sockaddr);

	return bind(fd, (struct sockaddr *)&sockaddr, size) < 0 ? -errno : 0;
}

int try_connect(int fd, struct where where)
{
	struct sockaddr_storage sockaddr;
	socklen_t size = to_sockaddr(where, &sockaddr);

	return connect(fd, (struct sockaddr *)&sockaddr, size) < 0 ? -errno : 0;
}

int try_send(int fd, struct where where)
{
	struct sockaddr_storage sockaddr;
	socklen_t size = to_sockaddr(where, &sockaddr);

	return sendto(fd, "x", 1, 0, (struct sockaddr *)&sockaddr, size) < 0 ? -errno : 0;
}

int open_server(struct where where, int type)
{
	int fd = open_socket(where.address, type), on = 1;

	cr_assert_eq(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), 0);
	cr_assert_eq(try_bind(fd, where), 0, "cannot bind '%s': %s", where.address,
		     strerror(errno));
	if (type == SOCK_STREAM)
		cr_assert_eq(listen(fd, 1024), 0);
	return fd;
}

static bool is_readable(int fd, int wait_ms)
{
	struct pollfd poll_fd = {.fd = fd, .events = POLLIN};

	return poll(&poll_fd, 1, wait_ms) == 1;
}

bool echo_one(int server)
{
	struct sockaddr_storage from;
	socklen_t size = sizeof(from);
	char byte;

	if (!is_readable(server, WAIT_MS))
		return false;
	cr_assert_eq(recvfrom(server, &byte, 1, 0, (struct sockaddr *)&from, &size), 1);
	cr_assert_eq(sendto(server, &byte, 1, 0, (struct sockaddr *)&from, size), 1);
	return true;
}

/* A connection or a datagram that waits. */
static void take_one(int server)
{
	int type, fd;
	socklen_t size = sizeof(type);
	char byte;

	cr_assert_eq(getsockopt(server, SOL_SOCKET, SO_TYPE, &type, &size), 0);
	if (type == SOCK_DGRAM) {
		cr_assert_eq(recv(server, &byte, 1, 0), 1);
		return;
	}
	fd = accept(server, NULL, NULL);
	cr_assert_geq(fd, 0);
	(void)close(fd);
}

size_t find_reached(const int *servers, size_t count)
{
	struct pollfd waiting[STACK_BACKENDS];
	size_t found = count;

	cr_assert_leq(count, STACK_BACKENDS);
	for (size_t i = 0; i < count; i++)
		waiting[i] = (struct pollfd){.fd = servers[i], .events = POLLIN};
	cr_assert_geq(poll(waiting, count, WAIT_MS), 0, "poll: %s", strerror(errno));
	for (size_t i = 0; i < count; i++)
		if (waiting[i].revents) {
			cr_assert_eq(found, count, "servers %zu and %zu were reached", found, i);
			take_one(servers[i]);
			found = i;
		}
	return found;
}

bool server_was_reached(int server)
{
	return find_reached(&server, 1) == 0;
}

void assert_same_place(const struct sockaddr_storage *seen, struct where expected, const char *what)
{
	char address[INET6_ADDRSTRLEN] = "", wanted[INET6_ADDRSTRLEN] = "";
	struct sockaddr_storage sockaddr;
	uint16_t port;

	(void)to_sockaddr(expected, &sockaddr);
	cr_assert_eq(seen->ss_family, sockaddr.ss_family, "%s", what);
	if (seen->ss_family == AF_INET) {
		(void)inet_ntop(AF_INET, &((const struct sockaddr_in *)seen)->sin_addr, address,
				sizeof(address));
		(void)inet_ntop(AF_INET, &((struct sockaddr_in *)&sockaddr)->sin_addr, wanted,
				sizeof(wanted));
		port = ntohs(((const struct sockaddr_in *)seen)->sin_port);
	} else {
		(void)inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)seen)->sin6_addr, address,
				sizeof(address));
		(void)inet_ntop(AF_INET6, &((struct sockaddr_in6 *)&sockaddr)->sin6_addr, wanted,
				sizeof(wanted));
		port = ntohs(((const struct sockaddr_in6 *)seen)->sin6_port);
	}
	cr_assert_str_eq(address, wanted, "%s: %s instead of %s", what, address, wanted);
	cr_assert_eq(port, expected.port, "%s: port %u instead of %u", what, port, expected.port);
}

void assert_peer(int fd, struct where expected)
{
	struct sockaddr_storage seen;
	socklen_t size = sizeof(seen);

	cr_assert_eq(getpeername(fd, (struct sockaddr *)&seen, &size), 0, "getpeername: %s",
		     strerror(errno));
	assert_same_place(&seen, expected, "getpeername");
}

void assert_answer_from(int fd, struct where expected)
{
	struct sockaddr_storage seen = {0};
	socklen_t size = sizeof(seen);
	char byte;

	cr_assert(is_readable(fd, WAIT_MS), "no answer from '%s'", expected.address);
	cr_assert_eq(recvfrom(fd, &byte, 1, 0, (struct sockaddr *)&seen, &size), 1, "recvfrom: %s",
		     strerror(errno));
	assert_same_place(&seen, expected, "recvfrom");
}
