/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Queries and answers over TCP: several on one connection, answered as they are ready. */
#include <errno.h>
#include <string.h>

#include "dns/serving.h"

#define CONNECTIONS 256u
#define PER_CLIENT 64u
#define IDLE_US (10 * 1000 * 1000ull)
#define IN_MAX (4u * (BL_DNS_QUERY_MAX + 2))
#define OUT_MAX (4u * (BL_DNS_TCP_MAX + 2)) /* a client that takes no answers gets no more */

struct connection {
	struct bl_dns_source source; /* fd -1: free */
	uint64_t number;             /* how others name it: no two connections have the same */
	struct bl_addr peer;
	uint64_t last_us;
	uint8_t in[IN_MAX];
	size_t in_len;
	uint8_t *out; /* OUT_MAX bytes while something waits to be sent */
	size_t out_len;
};

struct bl_dns_streams {
	struct connection *connections[CONNECTIONS];
	uint64_t number; /* of the last */
	size_t count;
};

int bl_dns_streams_new(struct bl_dns_streams **ret)
{
	*ret = calloc(1, sizeof(**ret));
	return *ret ? 0 : -ENOMEM;
}

/* The memory stays until the tick: the loop may hold events for it. */
static void hang_up(struct bl_dns_server *server, struct connection *connection)
{
	if (connection->source.fd < 0)
		return;
	(void)close(connection->source.fd);
	connection->source.fd = -1;
	free(connection->out);
	connection->out = NULL;
	server->streams->count--;
}

void bl_dns_streams_free(struct bl_dns_server *server)
{
	struct bl_dns_streams *streams = server->streams;

	for (size_t i = 0; i < CONNECTIONS; i++) {
		if (streams->connections[i])
			hang_up(server, streams->connections[i]);
		free(streams->connections[i]);
	}
	free(streams);
	server->streams = NULL;
}

bool bl_dns_tcp_tick(struct bl_dns_server *server)
{
	struct bl_dns_streams *streams = server->streams;

	for (size_t i = 0; streams->number && i < CONNECTIONS; i++) {
		struct connection *connection = streams->connections[i];

		if (!connection)
			continue;
		if (server->now_us - connection->last_us > IDLE_US)
			hang_up(server, connection);
		if (connection->source.fd >= 0)
			continue;
		free(connection);
		streams->connections[i] = NULL;
	}
	return streams->count > 0;
}

/* Sends what waits. */
static void flush(struct bl_dns_server *server, struct connection *connection)
{
	size_t done = 0;

	while (done < connection->out_len) {
		ssize_t sent = send(connection->source.fd, connection->out + done,
				    connection->out_len - done, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (sent < 0 && errno == EAGAIN)
			break;
		if (sent <= 0) {
			hang_up(server, connection);
			return;
		}
		done += (size_t)sent;
	}
	connection->out_len -= done;
	memmove(connection->out, connection->out + done, connection->out_len);
	if (connection->out_len == 0) {
		free(connection->out);
		connection->out = NULL;
	}
	if (bl_dns_watch_change(server, &connection->source,
				connection->out_len ? EPOLLIN | EPOLLOUT : EPOLLIN) < 0)
		hang_up(server, connection);
}

static void put_message(struct bl_dns_server *server, struct connection *connection,
			const uint8_t *bytes, size_t len)
{
	if (!connection->out)
		connection->out = malloc(OUT_MAX);
	if (!connection->out || connection->out_len + len + 2 > OUT_MAX) {
		bl_dns_count(server, BL_DNS_DROPPED);
		hang_up(server, connection);
		return;
	}
	connection->out[connection->out_len++] = (uint8_t)(len >> 8);
	connection->out[connection->out_len++] = (uint8_t)len;
	memcpy(connection->out + connection->out_len, bytes, len);
	connection->out_len += len;
}

static struct connection *find(const struct bl_dns_streams *streams, uint64_t number)
{
	for (size_t i = 0; i < CONNECTIONS; i++)
		if (streams->connections[i] && streams->connections[i]->number == number &&
		    streams->connections[i]->source.fd >= 0)
			return streams->connections[i];
	return NULL;
}

void bl_dns_tcp_send(struct bl_dns_server *server, const struct bl_dns_client *client,
		     const uint8_t *bytes, size_t len)
{
	struct connection *connection = find(server->streams, client->connection);

	if (!connection) {
		bl_dns_count(server, BL_DNS_DROPPED);
		return;
	}
	connection->last_us = server->now_us;
	put_message(server, connection, bytes, len);
	if (connection->source.fd >= 0)
		flush(server, connection);
}

static void serve(struct bl_dns_server *server, struct connection *connection, const uint8_t *query,
		  size_t len)
{
	struct bl_dns_client client = {.connection = connection->number};
	struct bl_dns_reply reply = {.out = server->out, .room = sizeof(server->out)};

	bl_dns_count(server, BL_DNS_TCP_QUERIES);
	if (!bl_dns_limit_admit(server->limit, &connection->peer, server->now_us)) {
		bl_dns_count(server, BL_DNS_LIMITED);
		hang_up(server, connection);
		return;
	}
	if (bl_dns_serve(server, &client, query, len, &reply))
		put_message(server, connection, server->out, reply.len);
}

/* Serves whole messages; what is left is moved to the front. */
static void serve_all(struct bl_dns_server *server, struct connection *connection)
{
	size_t at = 0;

	while (connection->source.fd >= 0 && connection->in_len - at >= 2) {
		size_t len = (size_t)connection->in[at] << 8 | connection->in[at + 1];

		if (len > BL_DNS_QUERY_MAX) {
			bl_dns_count(server, BL_DNS_DROPPED);
			hang_up(server, connection);
			return;
		}
		if (connection->in_len - at - 2 < len)
			break;
		serve(server, connection, connection->in + at + 2, len);
		at += 2 + len;
	}
	connection->in_len -= at;
	memmove(connection->in, connection->in + at, connection->in_len);
}

static void on_connection(struct bl_dns_server *server, struct bl_dns_source *source,
			  uint32_t events)
{
	struct connection *connection = (struct connection *)source;
	ssize_t len;

	if (events & EPOLLOUT)
		flush(server, connection);
	if (source->fd < 0 || !(events & ~(uint32_t)EPOLLOUT))
		return;
	len = recv(source->fd, connection->in + connection->in_len, IN_MAX - connection->in_len,
		   MSG_DONTWAIT);
	if (len < 0 && errno == EAGAIN)
		return;
	if (len <= 0) {
		hang_up(server, connection);
		return;
	}
	connection->in_len += (size_t)len;
	connection->last_us = server->now_us;
	serve_all(server, connection);
	if (source->fd >= 0 && connection->out_len)
		flush(server, connection);
}

static size_t count_of(const struct bl_dns_streams *streams, const struct bl_addr *peer)
{
	size_t count = 0;

	for (size_t i = 0; i < CONNECTIONS; i++)
		count += streams->connections[i] && streams->connections[i]->source.fd >= 0 &&
			 bl_addr_equal(&streams->connections[i]->peer, peer);
	return count;
}

static struct connection **free_place(struct bl_dns_streams *streams)
{
	for (size_t i = 0; i < CONNECTIONS; i++)
		if (!streams->connections[i])
			return &streams->connections[i];
	return NULL;
}

/* Takes the descriptor when there is room for the connection. */
static void add_connection(struct bl_dns_server *server, int *fd, const struct bl_addr *peer)
{
	struct bl_dns_streams *streams = server->streams;
	struct connection **place = free_place(streams), *connection;

	if (!place || count_of(streams, peer) >= PER_CLIENT) {
		bl_dns_count(server, BL_DNS_LIMITED);
		return;
	}
	connection = calloc(1, sizeof(*connection));
	if (!connection)
		return;
	connection->source = (struct bl_dns_source){.ready = on_connection, .fd = *fd};
	connection->number = ++streams->number;
	connection->peer = *peer;
	connection->last_us = server->now_us;
	if (bl_dns_watch(server, &connection->source, EPOLLIN) < 0) {
		free(connection);
		return;
	}
	(void)TAKE_FD(*fd);
	*place = connection;
	streams->count++;
}

void bl_dns_tcp_ready(struct bl_dns_server *server, struct bl_dns_source *source, uint32_t events)
{
	struct sockaddr_storage peer;
	socklen_t len = sizeof(peer);
	_cleanup_close_ int fd =
		accept4(source->fd, (struct sockaddr *)&peer, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct bl_addr addr;

	(void)events;
	if (fd < 0)
		return;
	if (bl_dns_is_allowed(server, &peer, &addr))
		add_connection(server, &fd, &addr);
	else
		bl_dns_count(server, BL_DNS_NOT_ALLOWED);
}
