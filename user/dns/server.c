/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "dns/server.h"

#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>

#include "dns/serving.h"

#define EVENTS 64
#define TICK_MS 100
#define RECEIVE_BYTES (4 << 20)
#define BACKLOG 128

static uint64_t now_us(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

int bl_dns_watch(struct bl_dns_server *server, struct bl_dns_source *source, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.ptr = source};

	return epoll_ctl(server->epoll_fd, EPOLL_CTL_ADD, source->fd, &event) < 0 ? -errno : 0;
}

int bl_dns_watch_change(struct bl_dns_server *server, struct bl_dns_source *source, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.ptr = source};

	return epoll_ctl(server->epoll_fd, EPOLL_CTL_MOD, source->fd, &event) < 0 ? -errno : 0;
}

void bl_dns_count(struct bl_dns_server *server, enum bl_dns_counter counter)
{
	atomic_fetch_add_explicit(&server->counters[counter], 1, memory_order_relaxed);
}

bool bl_dns_is_allowed(struct bl_dns_server *server, const struct sockaddr_storage *peer,
		       struct bl_addr *ret)
{
	const struct bl_dns_version *version;
	bool is_client;

	if (bl_addr_from_sockaddr((const struct sockaddr *)peer, ret, NULL) < 0)
		return false;
	if (bl_addr_is_loopback(ret))
		return true;
	for (size_t i = 0; i < server->config.allow_count; i++)
		if (bl_prefix_contains(&server->config.allow[i], ret))
			return true;
	version = bl_dns_table_enter(server->config.zone->table, server->answerer.reader);
	is_client = bl_dns_has_client(version, ret);
	bl_dns_table_leave(server->config.zone->table, server->answerer.reader);
	return is_client;
}

bool bl_dns_serve(struct bl_dns_server *server, const struct bl_dns_client *client,
		  const uint8_t *query, size_t len, struct bl_dns_reply *reply)
{
	bool is_tcp = client->connection != 0;
	enum bl_dns_verdict verdict = bl_dns_answer(&server->answerer, query, len, is_tcp, reply);

	switch (verdict) {
	case BL_DNS_DROP:
		bl_dns_count(server, BL_DNS_DROPPED);
		return false;
	case BL_DNS_REPLY:
		bl_dns_count(server, BL_DNS_ANSWERED);
		return true;
	case BL_DNS_FORWARD:
	case BL_DNS_CHASE:
		break;
	}
	return !bl_dns_forward_ask(server, client, query, len, verdict == BL_DNS_CHASE, reply);
}

void bl_dns_send(struct bl_dns_server *server, const struct bl_dns_client *client,
		 const uint8_t *bytes, size_t len)
{
	if (client->connection)
		bl_dns_tcp_send(server, client, bytes, len);
	else
		bl_dns_udp_send(server, client, bytes, len);
}

static void on_wake(struct bl_dns_server *server, struct bl_dns_source *source, uint32_t events)
{
	(void)source;
	(void)events;
	server->stop = true;
}

static void *run(void *userdata)
{
	struct bl_dns_server *server = userdata;
	struct epoll_event events[EVENTS];
	bool waits = false;

	while (!server->stop) {
		uint64_t before_us = server->now_us;
		int count = epoll_wait(server->epoll_fd, events, EVENTS, waits ? TICK_MS : -1);

		server->now_us = now_us();
		for (int i = 0; i < count; i++) {
			struct bl_dns_source *source = events[i].data.ptr;

			/* Sources that an earlier event of this batch closed have no descriptor;
			 * they are released in the ticks. */
			if (source->fd >= 0)
				source->ready(server, source, events[i].events);
		}
		waits = bl_dns_tcp_tick(server);
		if (server->forward)
			waits |= bl_dns_forward_tick(server, before_us);
	}
	return NULL;
}

/* --- making it --- */

static int set_flag(int fd, int level, int option)
{
	int on = 1;

	return setsockopt(fd, level, option, &on, sizeof(on)) < 0 ? -errno : 0;
}

static int prepare(int fd, uint8_t family, bool is_tcp)
{
	int bytes = RECEIVE_BYTES, r;

	r = set_flag(fd, SOL_SOCKET, SO_REUSEADDR);
	if (r == 0 && family == BL_FAMILY_IPV6)
		r = set_flag(fd, IPPROTO_IPV6, IPV6_V6ONLY);
	if (r < 0 || is_tcp)
		return r;
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes)); /* as much as it may */
	return family == BL_FAMILY_IPV6 ? set_flag(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO)
					: set_flag(fd, IPPROTO_IP, IP_PKTINFO);
}

static int open_listener(struct bl_dns_endpoint *endpoint, bool is_tcp, int *ret)
{
	int family = endpoint->addr.family == BL_FAMILY_IPV6 ? AF_INET6 : AF_INET;
	struct sockaddr_storage address;
	socklen_t len = bl_addr_to_sockaddr(&endpoint->addr, endpoint->port, &address);
	_cleanup_close_ int fd = socket(
		family, (is_tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct bl_addr addr;
	int r;

	if (fd < 0)
		return -errno;
	r = prepare(fd, endpoint->addr.family, is_tcp);
	if (r < 0)
		return r;
	if (bind(fd, (struct sockaddr *)&address, len) < 0 || (is_tcp && listen(fd, BACKLOG) < 0))
		return -errno;
	len = sizeof(address);
	if (getsockname(fd, (struct sockaddr *)&address, &len) < 0)
		return -errno;
	r = bl_addr_from_sockaddr((struct sockaddr *)&address, &addr, &endpoint->port);
	if (r < 0)
		return r;
	*ret = TAKE_FD(fd);
	return 0;
}

static int add_listener(struct bl_dns_server *server, struct bl_dns_endpoint *endpoint, bool is_tcp,
			struct bl_err *err)
{
	struct bl_dns_listener *listener = &server->listeners[server->listener_count];
	char text[BL_ADDR_TEXT];
	int r = open_listener(endpoint, is_tcp, &listener->source.fd);

	if (r < 0)
		return bl_err_set(err, r, "cannot listen for DNS on '%s' port %u/%s: %s",
				  bl_addr_format(&endpoint->addr, text), endpoint->port,
				  is_tcp ? "TCP" : "UDP", strerror(-r));
	server->listener_count++;
	listener->is_tcp = is_tcp;
	listener->source.ready = is_tcp ? bl_dns_tcp_ready : bl_dns_udp_ready;
	r = bl_dns_watch(server, &listener->source, EPOLLIN);
	return r < 0 ? bl_err_set(err, r, "cannot watch a DNS socket: %s", strerror(-r)) : 0;
}

static int make_parts(struct bl_dns_server *server)
{
	const struct bl_dns_server_config *config = &server->config;
	int r;

	server->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	server->wake.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	server->wake.ready = on_wake;
	if (server->epoll_fd < 0 || server->wake.fd < 0)
		return -errno;
	r = bl_dns_watch(server, &server->wake, EPOLLIN);
	if (r == 0)
		r = bl_dns_answerer_init(&server->answerer, config->zone, 0,
					 config->upstream_count > 0);
	if (r == 0)
		r = bl_dns_limit_new(config->rate, &server->limit);
	if (r == 0)
		r = bl_dns_cache_new(config->cache_entries, config->cache_bytes, &server->cache);
	if (r == 0)
		r = bl_dns_batch_new(&server->batch);
	if (r == 0)
		r = bl_dns_streams_new(&server->streams);
	if (r == 0 && config->upstream_count)
		r = bl_dns_forward_new(&server->forward);
	return r;
}

/* Signals are the owner's. */
static int start(struct bl_dns_server *server)
{
	sigset_t all, before;
	int r;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(&server->thread, NULL, run, server);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	server->is_running = r == 0;
	return -r;
}

static void fill_defaults(struct bl_dns_server_config *config)
{
	if (!config->try_ms)
		config->try_ms = 1500;
	if (!config->cache_entries)
		config->cache_entries = 10000;
	if (!config->cache_bytes)
		config->cache_bytes = 16u << 20;
}

int bl_dns_server_new(const struct bl_dns_server_config *config, struct bl_dns_server **ret,
		      struct bl_err *err)
{
	struct bl_dns_server *server = calloc(1, sizeof(*server));
	int r;

	if (!server)
		return bl_err_set(err, -ENOMEM, "no memory for the DNS server");
	server->config = *config;
	server->epoll_fd = server->wake.fd = -1;
	fill_defaults(&server->config);
	r = make_parts(server);
	if (r < 0)
		(void)bl_err_set(err, r, "cannot make the DNS server: %s", strerror(-r));
	for (size_t i = 0; r == 0 && i < server->config.listen_count; i++) {
		r = add_listener(server, &server->config.listen[i], false, err);
		if (r == 0)
			r = add_listener(server, &server->config.listen[i], true, err);
	}
	if (r == 0) {
		r = start(server);
		if (r < 0)
			(void)bl_err_set(err, r, "cannot start the DNS thread: %s", strerror(-r));
	}
	if (r < 0) {
		(void)bl_dns_server_free(server);
		return r;
	}
	*ret = server;
	return 0;
}

struct bl_dns_server *bl_dns_server_free(struct bl_dns_server *server)
{
	const uint64_t one = 1;

	if (!server)
		return NULL;
	if (server->is_running) {
		/* Fails only when it is set already. */
		(void)!write(server->wake.fd, &one, sizeof(one));
		(void)pthread_join(server->thread, NULL);
	}
	if (server->forward)
		bl_dns_forward_free(server);
	if (server->streams)
		bl_dns_streams_free(server);
	bl_dns_batch_free(server->batch);
	bl_dns_cache_free(server->cache);
	bl_dns_limit_free(server->limit);
	bl_dns_answerer_done(&server->answerer);
	for (size_t i = 0; i < server->listener_count; i++)
		bl_close_p(&server->listeners[i].source.fd);
	bl_close_p(&server->wake.fd);
	bl_close_p(&server->epoll_fd);
	free(server);
	return NULL;
}

const struct bl_dns_endpoint *bl_dns_server_listen(const struct bl_dns_server *server,
						   size_t *ret_count)
{
	*ret_count = server->config.listen_count;
	return server->config.listen;
}

static uint64_t counted(const struct bl_dns_server *server, enum bl_dns_counter counter)
{
	return atomic_load_explicit(&server->counters[counter], memory_order_relaxed);
}

struct bl_dns_stats bl_dns_server_stats(const struct bl_dns_server *server)
{
	return (struct bl_dns_stats){
		.udp_queries = counted(server, BL_DNS_UDP_QUERIES),
		.tcp_queries = counted(server, BL_DNS_TCP_QUERIES),
		.answered = counted(server, BL_DNS_ANSWERED),
		.forwarded = counted(server, BL_DNS_FORWARDED),
		.cache_hits = counted(server, BL_DNS_CACHE_HITS),
		.upstream_failures = counted(server, BL_DNS_UPSTREAM_FAILURES),
		.not_allowed = counted(server, BL_DNS_NOT_ALLOWED),
		.limited = counted(server, BL_DNS_LIMITED),
		.loops = counted(server, BL_DNS_LOOPS),
		.dropped = counted(server, BL_DNS_DROPPED),
	};
}
