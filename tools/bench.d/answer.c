/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What 'tools/bench probes' asks: one process that is all the pods. Listens on every address of its
 * namespace, answers plain connections, HTTP/1.1 and grpc.health.v1 over HTTP/2, and notes when
 * each connection came and to which address, so that the schedule is measured where it counts.
 *
 * usage: bench_answer tcp|http|grpc PORT SECONDS. Prints "listening"; from the first line of its
 * input on it notes for SECONDS, prints "NANOSECONDS ADDRESS" (a number) for each connection and
 * "end", and answers on until its input ends.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <nghttp2/nghttp2.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define EVENTS_MAX 256
#define REQUEST_MAX 4096

enum protocol { TCP, HTTP, GRPC };

struct arrival {
	uint64_t ns;
	uint32_t address;
};

struct server {
	enum protocol protocol;
	int epoll;
	int listening;
	uint64_t record_ns; /* how long arrivals are noted */
	uint64_t until_ns;  /* 0: they are not */
	struct arrival *arrivals;
	size_t count, capacity;
};

struct client {
	int fd;
	char request[REQUEST_MAX]; /* HTTP */
	size_t len;
	nghttp2_session *session;
	size_t body_sent;
};

static uint64_t now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000ull + (uint64_t)now.tv_nsec;
}

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "bench_answer: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void hang_up(struct client *client)
{
	nghttp2_session_del(client->session);
	(void)close(client->fd);
	free(client);
}

/* HTTP/1.1 */

static void serve_http(struct client *client)
{
	static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
				     "Content-Length: 3\r\nConnection: close\r\n\r\nok\n";
	ssize_t n = recv(client->fd, client->request + client->len,
			 sizeof(client->request) - 1 - client->len, 0);

	if (n <= 0) {
		hang_up(client);
		return;
	}
	client->len += (size_t)n;
	client->request[client->len] = '\0';
	if (!strstr(client->request, "\r\n\r\n"))
		return;
	(void)!send(client->fd, answer, sizeof(answer) - 1, MSG_NOSIGNAL);
	hang_up(client);
}

/* gRPC: every call is answered with SERVING. */

static ssize_t read_body(nghttp2_session *session, int32_t stream, uint8_t *buffer, size_t size,
			 uint32_t *flags, nghttp2_data_source *source, void *userdata)
{
	static const uint8_t serving[] = {0, 0, 0, 0, 2, 8, 1};
	nghttp2_nv status = {(uint8_t *)(uintptr_t) "grpc-status", (uint8_t *)(uintptr_t) "0", 11,
			     1, NGHTTP2_NV_FLAG_NONE};

	(void)source;
	(void)userdata;
	if (size < sizeof(serving))
		return NGHTTP2_ERR_CALLBACK_FAILURE;
	memcpy(buffer, serving, sizeof(serving));
	*flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
	(void)nghttp2_submit_trailer(session, stream, &status, 1);
	return sizeof(serving);
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *userdata)
{
	const nghttp2_data_provider body = {.read_callback = read_body};
	nghttp2_nv headers[] = {{(uint8_t *)(uintptr_t) ":status", (uint8_t *)(uintptr_t) "200", 7,
				 3, NGHTTP2_NV_FLAG_NONE},
				{(uint8_t *)(uintptr_t) "content-type",
				 (uint8_t *)(uintptr_t) "application/grpc", 12, 16,
				 NGHTTP2_NV_FLAG_NONE}};

	(void)userdata;
	if (!(frame->hd.flags & NGHTTP2_FLAG_END_STREAM) ||
	    (frame->hd.type != NGHTTP2_DATA && frame->hd.type != NGHTTP2_HEADERS))
		return 0;
	return nghttp2_submit_response(session, frame->hd.stream_id, headers, 2, &body);
}

static int start_grpc(struct client *client)
{
	nghttp2_session_callbacks *callbacks;
	int r = nghttp2_session_callbacks_new(&callbacks);

	if (r != 0)
		return -ENOMEM;
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
	r = nghttp2_session_server_new(&client->session, callbacks, client);
	nghttp2_session_callbacks_del(callbacks);
	if (r == 0)
		r = nghttp2_submit_settings(client->session, NGHTTP2_FLAG_NONE, NULL, 0);
	return r == 0 ? 0 : -ENOMEM;
}

static void serve_grpc(struct client *client)
{
	uint8_t bytes[REQUEST_MAX];
	const uint8_t *out;
	ssize_t n = recv(client->fd, bytes, sizeof(bytes), 0);

	if (n <= 0 || nghttp2_session_mem_recv(client->session, bytes, (size_t)n) != n) {
		hang_up(client);
		return;
	}
	while ((n = nghttp2_session_mem_send(client->session, &out)) > 0)
		(void)!send(client->fd, out, (size_t)n, MSG_NOSIGNAL);
}

static void serve(struct server *server, struct client *client)
{
	if (server->protocol == HTTP)
		serve_http(client);
	else if (server->protocol == GRPC)
		serve_grpc(client);
	else
		hang_up(client); /* the peer did */
}

/* Connections */

static void note(struct server *server, uint32_t address)
{
	if (server->count == server->capacity) {
		server->capacity = server->capacity ? server->capacity * 2 : 65536;
		server->arrivals =
			reallocarray(server->arrivals, server->capacity, sizeof(*server->arrivals));
		if (!server->arrivals)
			die("cannot note an arrival");
	}
	server->arrivals[server->count++] = (struct arrival){now_ns(), address};
}

static bool take_one(struct server *server)
{
	struct sockaddr_in local;
	socklen_t len = sizeof(local);
	struct epoll_event event = {.events = EPOLLIN};
	struct client *client;
	int fd = accept4(server->listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0)
		return false;
	client = calloc(1, sizeof(*client));
	if (!client || getsockname(fd, (struct sockaddr *)&local, &len) < 0)
		die("cannot take a connection");
	client->fd = fd;
	if (server->until_ns)
		note(server, ntohl(local.sin_addr.s_addr));
	event.data.ptr = client;
	if ((server->protocol == GRPC && start_grpc(client) < 0) ||
	    epoll_ctl(server->epoll, EPOLL_CTL_ADD, fd, &event) < 0)
		die("cannot serve a connection");
	return true;
}

static void print_arrivals(struct server *server)
{
	for (size_t i = 0; i < server->count; i++)
		printf("%llu %u\n", (unsigned long long)server->arrivals[i].ns,
		       server->arrivals[i].address);
	printf("end\n");
	(void)fflush(stdout);
	server->count = 0;
	server->until_ns = 0;
}

/* A line starts the noting, the end of the input ends the program. */
static void read_orders(struct server *server)
{
	char bytes[64];

	if (read(STDIN_FILENO, bytes, sizeof(bytes)) <= 0)
		exit(0);
	server->until_ns = now_ns() + server->record_ns;
}

static void run(struct server *server)
{
	struct epoll_event events[EVENTS_MAX];

	for (;;) {
		int count = epoll_wait(server->epoll, events, EVENTS_MAX, 50);

		for (int i = 0; i < count; i++) {
			if (events[i].data.ptr == server)
				while (take_one(server))
					continue;
			else if (events[i].data.ptr == NULL)
				read_orders(server);
			else
				serve(server, events[i].data.ptr);
		}
		if (server->until_ns && now_ns() >= server->until_ns)
			print_arrivals(server);
	}
}

static void open_server(struct server *server, uint16_t port)
{
	struct epoll_event connections = {.events = EPOLLIN, .data.ptr = server};
	struct epoll_event orders = {.events = EPOLLIN, .data.ptr = NULL};
	struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(port)};
	int on = 1;

	server->epoll = epoll_create1(EPOLL_CLOEXEC);
	server->listening = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (server->epoll < 0 || server->listening < 0 ||
	    setsockopt(server->listening, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
	    bind(server->listening, (struct sockaddr *)&any, sizeof(any)) < 0 ||
	    listen(server->listening, 4096) < 0 ||
	    epoll_ctl(server->epoll, EPOLL_CTL_ADD, server->listening, &connections) < 0 ||
	    epoll_ctl(server->epoll, EPOLL_CTL_ADD, STDIN_FILENO, &orders) < 0)
		die("cannot listen");
}

int main(int argc, char **argv)
{
	static const char *const names[] = {"tcp", "http", "grpc"};
	struct rlimit files = {65536, 65536};
	struct server server = {0};
	size_t i = 0;

	while (argc == 4 && i < 3 && strcmp(argv[1], names[i]) != 0)
		i++;
	if (argc != 4 || i == 3) {
		fprintf(stderr, "usage: bench_answer tcp|http|grpc PORT SECONDS\n");
		return 2;
	}
	server.protocol = (enum protocol)i;
	server.record_ns = strtoull(argv[3], NULL, 10) * 1000000000ull;
	(void)setrlimit(RLIMIT_NOFILE, &files);
	open_server(&server, (uint16_t)strtoul(argv[2], NULL, 10));
	printf("listening\n");
	(void)fflush(stdout);
	run(&server);
}
