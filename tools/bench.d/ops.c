// SPDX-License-Identifier: GPL-3.0-or-later
#include "ops.h"

#include <errno.h>
#include <linux/in6.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "base/cleanup.h"

#define PAYLOAD "beeline bench: as long as a question to a name server, 64 bytes."

uint64_t now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Datagrams tell the address they were sent to, and replies may come from any address of the
 * range: none of them is assigned to a device. */
static int want_addresses(int fd, uint8_t family)
{
	int one = 1;

	if (family == AF_INET)
		return setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &one, sizeof(one));
	if (setsockopt(fd, IPPROTO_IPV6, IPV6_FREEBIND, &one, sizeof(one)) < 0)
		return -1;
	return setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &one, sizeof(one));
}

static int open_one(uint8_t family, int type, uint16_t port)
{
	struct bl_addr any = {.family = family};
	struct sockaddr_storage addr;
	socklen_t len = bl_addr_to_sockaddr(&any, port, &addr);
	int one = 1;
	_cleanup_close_ int fd = socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0)
		return -errno;
	if (type == SOCK_DGRAM && want_addresses(fd, family) < 0)
		return -errno;
	if (bind(fd, (struct sockaddr *)&addr, len) < 0)
		return -errno;
	if (type == SOCK_STREAM && listen(fd, 128) < 0)
		return -errno;
	return TAKE_FD(fd);
}

int server_open(struct server *server, uint8_t family, uint16_t port, struct bl_err *err)
{
	server->family = family;
	server->tcp_fd = open_one(family, SOCK_STREAM, port);
	if (server->tcp_fd < 0)
		return bl_err_set(err, server->tcp_fd, "cannot listen on TCP port %u: %s", port,
				  strerror(-server->tcp_fd));
	server->udp_fd = open_one(family, SOCK_DGRAM, port);
	if (server->udp_fd < 0)
		return bl_err_set(err, server->udp_fd, "cannot bind UDP port %u: %s", port,
				  strerror(-server->udp_fd));
	return 0;
}

void server_done(struct server *server)
{
	if (server->tcp_fd >= 0)
		(void)close(server->tcp_fd);
	if (server->udp_fd >= 0)
		(void)close(server->udp_fd);
	server->tcp_fd = server->udp_fd = -1;
}

/* Sends the waiting datagram back from the address it was sent to. */
static int echo(const struct server *server, struct bl_err *err)
{
	char data[256], control[128];
	struct sockaddr_storage from;
	struct iovec iov = {.iov_base = data, .iov_len = sizeof(data)};
	struct msghdr message = {
		.msg_name = &from,
		.msg_namelen = sizeof(from),
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	ssize_t len = recvmsg(server->udp_fd, &message, 0);

	if (len < 0)
		return bl_err_set(err, -errno, "the datagram did not reach the server: %m");
	iov.iov_len = (size_t)len;
	if (sendmsg(server->udp_fd, &message, 0) != len)
		return bl_err_set(err, -errno, "the server cannot reply: %m");
	return 0;
}

static int open_client(const struct target *target, int type, struct bl_err *err)
{
	/* Closing with a reset leaves no port in TIME_WAIT, whose number would limit the run. */
	struct linger reset = {.l_onoff = 1, .l_linger = 0};
	_cleanup_close_ int fd = socket(target->address.family, type | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return bl_err_set(err, -errno, "cannot open a socket: %m");
	if (type == SOCK_STREAM && setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)) < 0)
		return bl_err_set(err, -errno, "cannot set SO_LINGER: %m");
	return TAKE_FD(fd);
}

static int run_tcp(struct target *target, const struct server *server, uint64_t *ret_ns,
		   struct bl_err *err)
{
	struct sockaddr_storage addr;
	socklen_t len = target_next(target, &addr);
	uint64_t start = now_ns();
	int fd = open_client(target, SOCK_STREAM, err);

	if (fd < 0)
		return fd;
	if (connect(fd, (struct sockaddr *)&addr, len) < 0) {
		int r = -errno;

		(void)close(fd);
		return bl_err_set(err, r, "cannot connect to '%s': %s", target->name, strerror(-r));
	}
	(void)close(fd);
	*ret_ns = now_ns() - start;

	fd = accept4(server->tcp_fd, NULL, NULL, SOCK_CLOEXEC);
	if (fd < 0)
		return bl_err_set(err, -errno, "'%s' connected to another server: %m",
				  target->name);
	(void)close(fd);
	return 0;
}

static int run_refused(struct target *target, const struct server *server, uint64_t *ret_ns,
		       struct bl_err *err)
{
	struct sockaddr_storage addr;
	socklen_t len = target_next(target, &addr);
	uint64_t start = now_ns();
	int fd = open_client(target, SOCK_STREAM, err);

	(void)server;
	if (fd < 0)
		return fd;
	int r = connect(fd, (struct sockaddr *)&addr, len) < 0 ? errno : 0;
	(void)close(fd);
	*ret_ns = now_ns() - start;
	if (r != ECONNREFUSED)
		return bl_err_set(err, -EPROTO, "'%s' was not refused but got: %s", target->name,
				  strerror(r));
	return 0;
}

static int same_peer(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
	struct bl_addr addr_a, addr_b;
	uint16_t port_a, port_b;

	return bl_addr_from_sockaddr((const struct sockaddr *)a, &addr_a, &port_a) == 0 &&
	       bl_addr_from_sockaddr((const struct sockaddr *)b, &addr_b, &port_b) == 0 &&
	       port_a == port_b && bl_addr_equal(&addr_a, &addr_b);
}

/* The socket that lives through the whole run. */
static int open_lasting(struct target *target, struct bl_err *err)
{
	if (target->udp_fd < 0)
		target->udp_fd = open_client(target, SOCK_DGRAM | SOCK_NONBLOCK, err);
	return target->udp_fd;
}

static int send_to(const struct target *target, socklen_t len, const struct sockaddr_storage *addr,
		   struct bl_err *err)
{
	if (sendto(target->udp_fd, PAYLOAD, sizeof(PAYLOAD), 0, (const struct sockaddr *)addr,
		   len) < 0)
		return bl_err_set(err, -errno, "cannot send to '%s': %m", target->name);
	return 0;
}

/* An unconnected socket that lives through the whole run, as a name server's forwarder has. */
static int run_udp(struct target *target, const struct server *server, uint64_t *ret_ns,
		   struct bl_err *err)
{
	char data[256];
	struct sockaddr_storage addr, from;
	socklen_t from_len = sizeof(from);

	int r = open_lasting(target, err);
	if (r < 0)
		return r;
	uint64_t start = now_ns();
	r = send_to(target, target_next(target, &addr), &addr, err);
	if (r < 0)
		return r;
	r = echo(server, err);
	if (r < 0)
		return r;
	if (recvfrom(target->udp_fd, data, sizeof(data), 0, (struct sockaddr *)&from, &from_len) !=
	    sizeof(PAYLOAD))
		return bl_err_set(err, -errno, "the reply did not reach '%s': %m", target->name);
	*ret_ns = now_ns() - start;
	/* Comparison programs rewrite only the way there; they say so in their name. */
	if (strncmp(target->name, "program-", strlen("program-")) != 0 && !same_peer(&addr, &from))
		return bl_err_set(err, -EPROTO, "the reply to '%s' came from another address",
				  target->name);
	return 0;
}

/* Only the way there of the same socket: what the sendmsg hook adds to a datagram. */
static int run_udp_send(struct target *target, const struct server *server, uint64_t *ret_ns,
			struct bl_err *err)
{
	char data[256];
	struct sockaddr_storage addr;

	int r = open_lasting(target, err);
	if (r < 0)
		return r;
	uint64_t start = now_ns();
	r = send_to(target, target_next(target, &addr), &addr, err);
	if (r < 0)
		return r;
	*ret_ns = now_ns() - start;
	if (recv(server->udp_fd, data, sizeof(data), 0) != sizeof(PAYLOAD))
		return bl_err_set(err, -errno, "the datagram to '%s' did not reach the server: %m",
				  target->name);
	return 0;
}

/* A new connected socket for each question, as resolvers of the C library open them. */
static int run_udp_new(struct target *target, const struct server *server, uint64_t *ret_ns,
		       struct bl_err *err)
{
	char data[256];
	struct sockaddr_storage addr;
	socklen_t len = target_next(target, &addr);
	uint64_t start = now_ns();
	_cleanup_close_ int fd = open_client(target, SOCK_DGRAM | SOCK_NONBLOCK, err);

	if (fd < 0)
		return fd;
	if (connect(fd, (struct sockaddr *)&addr, len) < 0)
		return bl_err_set(err, -errno, "cannot connect to '%s': %m", target->name);
	if (send(fd, PAYLOAD, sizeof(PAYLOAD), 0) < 0)
		return bl_err_set(err, -errno, "cannot send to '%s': %m", target->name);
	int r = echo(server, err);
	if (r < 0)
		return r;
	if (recv(fd, data, sizeof(data), 0) != sizeof(PAYLOAD))
		return bl_err_set(err, -errno, "the reply did not reach '%s': %m", target->name);
	(void)close(TAKE_FD(fd));
	*ret_ns = now_ns() - start;
	return 0;
}

static const struct op ops[] = {
	{"tcp", "socket, connect, close with reset", run_tcp},
	{"refused", "socket, connect that is refused, close", run_refused},
	{"udp", "round trip on an unconnected socket that stays", run_udp},
	{"udp-send", "sendto on an unconnected socket that stays", run_udp_send},
	{"udp-new", "socket, connect, round trip, close", run_udp_new},
};

const struct op *op_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(ops); i++)
		if (strcmp(ops[i].name, name) == 0)
			return &ops[i];
	return NULL;
}

void op_list(FILE *out)
{
	for (size_t i = 0; i < ARRAY_SIZE(ops); i++)
		fprintf(out, "  %-10s %s\n", ops[i].name, ops[i].help);
}
