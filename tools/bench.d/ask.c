/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The least that a TCP probe can be, for 'tools/bench probes': socket, mark, connect, wait, close
 * with a reset, at the same rate as the agent's, and nothing else. What the agent takes beyond that
 * is the agent's own.
 *
 * usage: bench_ask FIRST_ADDRESS COUNT PORT PERIOD_SECONDS SECONDS. Asks COUNT addresses in turn,
 * each once in a period, and prints the microseconds of CPU that it took.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MARK 0x626c70u
#define EVENTS_MAX 64

static uint64_t now_us(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000ull + (uint64_t)now.tv_nsec / 1000;
}

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "bench_ask: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void start(int epoll, uint32_t address, uint16_t port)
{
	const struct sockaddr_in to = {
		.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(address)};
	const uint32_t mark = MARK;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct epoll_event event = {.events = EPOLLOUT, .data.fd = fd};

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)) < 0 ||
	    (connect(fd, (const struct sockaddr *)&to, sizeof(to)) < 0 && errno != EINPROGRESS) ||
	    epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0)
		die("cannot ask");
}

static void finish(int fd)
{
	const struct linger linger = {.l_onoff = 1, .l_linger = 0};
	int error = 0;
	socklen_t len = sizeof(error);

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0 || error) {
		errno = error ? error : errno;
		die("not answered");
	}
	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	(void)close(fd);
}

static uint64_t cpu_us(void)
{
	struct rusage usage;

	(void)getrusage(RUSAGE_SELF, &usage);
	return (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000ull +
	       (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

int main(int argc, char **argv)
{
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event events[EVENTS_MAX];
	uint64_t begin, asked = 0, before, total;
	uint32_t first, count;
	double rate;

	if (argc != 6) {
		fprintf(stderr, "usage: bench_ask FIRST_ADDRESS COUNT PORT PERIOD SECONDS\n");
		return 2;
	}
	first = ntohl(inet_addr(argv[1]));
	count = (uint32_t)strtoul(argv[2], NULL, 10);
	rate = count / strtod(argv[4], NULL) / 1e6;
	total = (uint64_t)(rate * 1e6 * strtod(argv[5], NULL));
	begin = now_us();
	before = cpu_us();
	while (asked < total) {
		uint64_t due = (uint64_t)((double)(now_us() - begin) * rate) + 1;
		int ended;

		for (; asked < due && asked < total; asked++)
			start(epoll, first + (uint32_t)(asked % count),
			      (uint16_t)strtoul(argv[3], NULL, 10));
		ended = epoll_wait(epoll, events, EVENTS_MAX, 1);
		for (int i = 0; i < ended; i++)
			finish(events[i].data.fd);
	}
	printf("%llu\n", (unsigned long long)(cpu_us() - before));
	return 0;
}
