/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Questions for others. Each goes out on a socket of its own, so that the kernel's random port and
 * our random identity have to be guessed both, and no answer can come from anywhere but the
 * upstream. The client's EDNS options stay here: an answer is kept for others as well.
 */
#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "dns/serving.h"

#define PENDING 1024u
#define TRIES 4u
#define DEADLINE_TRIES 4u /* a question waits for at most so many times of one try */

struct pending {
	struct bl_dns_source source; /* fd -1: free */
	bool in_use;
	struct bl_dns_client client;
	uint8_t query[BL_DNS_QUERY_MAX]; /* the client's */
	size_t query_len;
	uint8_t *alias; /* the answer so far; NULL: none */
	size_t alias_len;
	uint8_t asked[2 + BL_DNS_NAME_MAX + 64]; /* for TCP, its length first */
	size_t asked_len;                        /* without that */
	size_t question_len;
	bool is_tcp;
	unsigned int tries;
	size_t upstream;
	uint64_t try_ends_us;
	uint64_t ends_us;
	uint8_t *in; /* TCP: what has come so far, BL_DNS_TCP_MAX + 2 */
	size_t in_len;
	size_t out_done; /* TCP: what was sent so far */
};

struct bl_dns_forward {
	struct pending *pending[PENDING]; /* NULL: not made yet */
	size_t count;
	size_t next_upstream; /* the one that answered last */
	uint8_t in[BL_DNS_TCP_MAX];
};

int bl_dns_forward_new(struct bl_dns_forward **ret)
{
	*ret = calloc(1, sizeof(**ret));
	return *ret ? 0 : -ENOMEM;
}

static void hang_up(struct pending *pending)
{
	bl_close_p(&pending->source.fd);
	pending->source.fd = -1;
	free(pending->in);
	pending->in = NULL;
	pending->in_len = 0;
	pending->out_done = 0;
}

static void end(struct bl_dns_server *server, struct pending *pending)
{
	hang_up(pending);
	free(pending->alias);
	pending->alias = NULL;
	pending->in_use = false;
	server->forward->count--;
}

void bl_dns_forward_free(struct bl_dns_server *server)
{
	for (size_t i = 0; i < PENDING; i++) {
		struct pending *pending = server->forward->pending[i];

		if (pending && pending->in_use)
			end(server, pending);
		free(pending);
	}
	free(server->forward);
	server->forward = NULL;
}

static struct pending *take_pending(struct bl_dns_forward *forward)
{
	for (size_t i = 0; i < PENDING; i++) {
		struct pending **place = &forward->pending[i];

		if (*place && (*place)->in_use)
			continue;
		if (!*place)
			*place = malloc(sizeof(**place));
		if (!*place)
			return NULL;
		**place = (struct pending){.source.fd = -1, .in_use = true};
		forward->count++;
		return *place;
	}
	return NULL;
}

/* --- what is asked --- */

/* Identity, RD and CD as the client has them; its question, or the alias's target in its place; and
 * an OPT without options when it has one. */
static int write_question(struct pending *pending, const knot_dname_t *target)
{
	uint8_t *out = pending->asked + 2;
	const uint8_t *query = pending->query;
	size_t client_len = knot_dname_size(query + KNOT_WIRE_HEADER_SIZE);
	const uint8_t *type = query + KNOT_WIRE_HEADER_SIZE + client_len;
	const uint8_t *name = target ? target : query + KNOT_WIRE_HEADER_SIZE;
	size_t name_len = knot_dname_size(name);
	const uint8_t *opt = type + 4;
	uint8_t id[2];

	if (getrandom(id, sizeof(id), 0) != sizeof(id))
		return -EAGAIN;
	memset(out, 0, KNOT_WIRE_HEADER_SIZE);
	memcpy(out, id, 2);
	out[2] = query[2] & 0x01;
	out[3] = query[3] & 0x10;
	knot_wire_set_qdcount(out, 1);
	memcpy(out + KNOT_WIRE_HEADER_SIZE, name, name_len);
	memcpy(out + KNOT_WIRE_HEADER_SIZE + name_len, type, 4);
	pending->question_len = name_len + 4;
	pending->asked_len = KNOT_WIRE_HEADER_SIZE + name_len + 4;
	if (knot_wire_get_arcount(query) && opt + 11 <= query + pending->query_len && opt[0] == 0 &&
	    knot_wire_read_u16(opt + 1) == KNOT_RRTYPE_OPT) {
		uint8_t *ours = out + pending->asked_len;

		memset(ours, 0, 11);
		knot_wire_write_u16(ours + 1, KNOT_RRTYPE_OPT);
		knot_wire_write_u16(ours + 3, BL_DNS_UDP_MAX);
		ours[7] = opt[7] & 0x80; /* DO */
		knot_wire_set_arcount(out, 1);
		pending->asked_len += 11;
	}
	knot_wire_write_u16(pending->asked, (uint16_t)pending->asked_len);
	return 0;
}

/* --- answers --- */

static void reply_code(struct bl_dns_server *server, const struct bl_dns_client *client,
		       const uint8_t *query, size_t len, uint16_t rcode, struct bl_dns_reply *reply)
{
	bl_dns_answer_code(&server->answerer, query, len, client->connection != 0, rcode, reply);
}

/* Makes what the client gets of an upstream's answer (with the client's identity) in `reply`. */
static int shape(struct bl_dns_server *server, const struct bl_dns_client *client,
		 const uint8_t *query, size_t query_len, const uint8_t *alias, size_t alias_len,
		 const uint8_t *answer, size_t len, struct bl_dns_reply *reply)
{
	size_t limit = KNOT_WIRE_MIN_PKTSIZE, question;

	if (alias)
		return bl_dns_answer_join(&server->answerer, query, query_len,
					  client->connection != 0, alias, alias_len, answer, len,
					  reply);
	question = knot_dname_size(query + KNOT_WIRE_HEADER_SIZE) + 4;
	if (knot_wire_get_arcount(query) && KNOT_WIRE_HEADER_SIZE + question + 5 <= query_len) {
		limit = knot_wire_read_u16(query + KNOT_WIRE_HEADER_SIZE + question + 3);
		limit = limit < KNOT_WIRE_MIN_PKTSIZE ? KNOT_WIRE_MIN_PKTSIZE : limit;
		limit = limit > BL_DNS_UDP_MAX ? BL_DNS_UDP_MAX : limit;
	}
	if (!client->connection && len > limit) {
		reply_code(server, client, query, query_len, KNOT_RCODE_NOERROR, reply);
		if (!reply->len)
			return -EBADMSG;
		knot_wire_set_tc(reply->out);
		return 0;
	}
	if (len > reply->room)
		return -EBADMSG;
	memmove(reply->out, answer, len);
	memcpy(reply->out, query, 2);
	reply->len = len;
	return 0;
}

static void fail(struct bl_dns_server *server, struct pending *pending)
{
	struct bl_dns_reply reply = {.out = server->out, .room = sizeof(server->out)};

	bl_dns_count(server, BL_DNS_UPSTREAM_FAILURES);
	reply_code(server, &pending->client, pending->query, pending->query_len,
		   KNOT_RCODE_SERVFAIL, &reply);
	if (reply.len)
		bl_dns_send(server, &pending->client, server->out, reply.len);
	end(server, pending);
}

static bool try_next(struct bl_dns_server *server, struct pending *pending);

/* Is it the answer to what was asked? The spelling of the name counts too. */
static bool is_answer(struct bl_dns_server *server, const struct pending *pending,
		      const uint8_t *answer, size_t len)
{
	bool is_ours =
		len >= KNOT_WIRE_HEADER_SIZE + pending->question_len && knot_wire_get_qr(answer) &&
		memcmp(answer, pending->asked + 2, 2) == 0 && knot_wire_get_qdcount(answer) == 1 &&
		memcmp(answer + KNOT_WIRE_HEADER_SIZE, pending->asked + 2 + KNOT_WIRE_HEADER_SIZE,
		       pending->question_len) == 0;

	/* What is truncated is asked again, however much of it is there. */
	return is_ours && ((knot_wire_get_tc(answer) && !pending->is_tcp) ||
			   bl_dns_answer_is_whole(&server->answerer, answer, len));
}

static void take_answer(struct bl_dns_server *server, struct pending *pending,
			const uint8_t *answer, size_t len)
{
	struct bl_dns_reply reply = {.out = server->out, .room = sizeof(server->out)};
	uint8_t rcode = knot_wire_get_rcode(answer);

	if (knot_wire_get_tc(answer) && !pending->is_tcp) {
		pending->is_tcp = true;
		if (!try_next(server, pending))
			fail(server, pending);
		return;
	}
	/* An upstream that cannot is as good as none while there are others. */
	if ((rcode == KNOT_RCODE_SERVFAIL || rcode == KNOT_RCODE_REFUSED ||
	     rcode == KNOT_RCODE_NOTIMPL) &&
	    pending->tries < server->config.upstream_count) {
		pending->upstream++;
		if (try_next(server, pending))
			return;
	}
	server->forward->next_upstream = pending->upstream % server->config.upstream_count;
	(void)bl_dns_cache_put(server->cache, pending->asked + 2, pending->asked_len, answer, len,
			       server->now_us);
	if (shape(server, &pending->client, pending->query, pending->query_len, pending->alias,
		  pending->alias_len, answer, len, &reply) < 0) {
		fail(server, pending);
		return;
	}
	bl_dns_send(server, &pending->client, server->out, reply.len);
	end(server, pending);
}

/* --- sockets --- */

static void give_up_try(struct bl_dns_server *server, struct pending *pending)
{
	pending->upstream++;
	if (!try_next(server, pending))
		fail(server, pending);
}

static void on_datagram(struct bl_dns_server *server, struct bl_dns_source *source, uint32_t events)
{
	struct pending *pending = (struct pending *)source;
	uint8_t *in = server->forward->in;
	ssize_t len = recv(source->fd, in, sizeof(server->forward->in), MSG_DONTWAIT);

	(void)events;
	if (len < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (len < 0)
		give_up_try(server, pending); /* refused, unreachable */
	else if (is_answer(server, pending, in, (size_t)len))
		take_answer(server, pending, in, (size_t)len);
}

static bool send_rest(struct pending *pending)
{
	size_t total = pending->asked_len + 2;
	ssize_t sent;

	if (pending->out_done == total)
		return true;
	sent = send(pending->source.fd, pending->asked + pending->out_done,
		    total - pending->out_done, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (sent < 0)
		return errno == EAGAIN;
	pending->out_done += (size_t)sent;
	return true;
}

static void on_stream(struct bl_dns_server *server, struct bl_dns_source *source, uint32_t events)
{
	struct pending *pending = (struct pending *)source;
	bool was_sent = pending->out_done == pending->asked_len + 2;
	size_t want;
	ssize_t len;

	if (!send_rest(pending)) {
		give_up_try(server, pending);
		return;
	}
	if (!was_sent && pending->out_done == pending->asked_len + 2)
		(void)bl_dns_watch_change(server, source, EPOLLIN);
	if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
		return;
	len = recv(source->fd, pending->in + pending->in_len, BL_DNS_TCP_MAX + 2 - pending->in_len,
		   MSG_DONTWAIT);
	if (len < 0 && errno == EAGAIN)
		return;
	if (len <= 0) {
		give_up_try(server, pending);
		return;
	}
	pending->in_len += (size_t)len;
	want = pending->in_len < 2 ? SIZE_MAX : 2u + knot_wire_read_u16(pending->in);
	if (pending->in_len < want)
		return;
	/* A copy: what takes the answer may let go of the buffer. */
	memcpy(server->forward->in, pending->in + 2, want - 2);
	if (is_answer(server, pending, server->forward->in, want - 2))
		take_answer(server, pending, server->forward->in, want - 2);
	else
		give_up_try(server, pending);
}

static int open_socket(struct bl_dns_server *server, struct pending *pending)
{
	const struct bl_dns_server_config *config = &server->config;
	const struct bl_dns_endpoint *upstream =
		&config->upstreams[pending->upstream % config->upstream_count];
	int family = upstream->addr.family == BL_FAMILY_IPV6 ? AF_INET6 : AF_INET;
	struct sockaddr_storage address;
	socklen_t len = bl_addr_to_sockaddr(&upstream->addr, upstream->port, &address);
	_cleanup_close_ int fd = socket(
		family, (pending->is_tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC | SOCK_NONBLOCK,
		0);

	if (fd < 0)
		return -errno;
	if (config->mark &&
	    setsockopt(fd, SOL_SOCKET, SO_MARK, &config->mark, sizeof(config->mark)) < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&address, len) < 0 && errno != EINPROGRESS)
		return -errno;
	pending->source.fd = TAKE_FD(fd);
	return 0;
}

static int send_try(struct bl_dns_server *server, struct pending *pending)
{
	int r;

	hang_up(pending);
	r = open_socket(server, pending);
	if (r < 0)
		return r;
	if (pending->is_tcp) {
		pending->source.ready = on_stream;
		pending->in = malloc(BL_DNS_TCP_MAX + 2);
		if (!pending->in)
			return -ENOMEM;
		return bl_dns_watch(server, &pending->source, EPOLLIN | EPOLLOUT);
	}
	pending->source.ready = on_datagram;
	if (send(pending->source.fd, pending->asked + 2, pending->asked_len, MSG_DONTWAIT) < 0)
		return -errno;
	return bl_dns_watch(server, &pending->source, EPOLLIN);
}

/* False when nobody is left to ask, or no time. */
static bool try_next(struct bl_dns_server *server, struct pending *pending)
{
	for (; pending->tries < TRIES && server->now_us < pending->ends_us; pending->upstream++) {
		pending->tries++;
		pending->try_ends_us = server->now_us + server->config.try_ms * 1000ull;
		if (send_try(server, pending) == 0)
			return true;
	}
	hang_up(pending);
	return false;
}

bool bl_dns_forward_tick(struct bl_dns_server *server, uint64_t heard_us)
{
	struct bl_dns_forward *forward = server->forward;

	for (size_t i = 0; forward->count && i < PENDING; i++) {
		struct pending *pending = forward->pending[i];

		if (pending && pending->in_use && heard_us >= pending->try_ends_us)
			give_up_try(server, pending);
	}
	return forward->count > 0;
}

/* Did we ask this ourselves? Then an upstream of ours asks us. */
static bool is_loop(const struct bl_dns_forward *forward, const uint8_t *query, size_t len)
{
	for (size_t i = 0; forward->count && i < PENDING; i++) {
		const struct pending *pending = forward->pending[i];

		if (pending && pending->in_use && memcmp(pending->asked + 2, query, 2) == 0 &&
		    len >= KNOT_WIRE_HEADER_SIZE + pending->question_len &&
		    memcmp(pending->asked + 2 + KNOT_WIRE_HEADER_SIZE,
			   query + KNOT_WIRE_HEADER_SIZE, pending->question_len) == 0)
			return true;
	}
	return false;
}

static int fill(struct bl_dns_server *server, struct pending *pending,
		const struct bl_dns_client *client, const uint8_t *query, size_t len,
		const struct bl_dns_reply *alias)
{
	int r;

	pending->client = *client;
	memcpy(pending->query, query, len);
	pending->query_len = len;
	pending->upstream = server->forward->next_upstream;
	pending->ends_us = server->now_us + DEADLINE_TRIES * server->config.try_ms * 1000ull;
	r = write_question(pending, alias ? alias->target : NULL);
	if (r < 0 || !alias)
		return r;
	pending->alias = malloc(alias->len);
	if (!pending->alias)
		return -ENOMEM;
	memcpy(pending->alias, alias->out, alias->len);
	pending->alias_len = alias->len;
	return 0;
}

static bool answer_cached(struct bl_dns_server *server, struct pending *pending,
			  struct bl_dns_reply *reply)
{
	uint8_t *in = server->forward->in;
	size_t len = bl_dns_cache_get(server->cache, pending->asked + 2, pending->asked_len,
				      server->now_us, in, sizeof(server->forward->in));

	if (!len || shape(server, &pending->client, pending->query, pending->query_len,
			  pending->alias, pending->alias_len, in, len, reply) < 0)
		return false;
	bl_dns_count(server, BL_DNS_CACHE_HITS);
	return true;
}

bool bl_dns_forward_ask(struct bl_dns_server *server, const struct bl_dns_client *client,
			const uint8_t *query, size_t len, bool is_alias, struct bl_dns_reply *reply)
{
	struct pending *pending = NULL;

	if (is_loop(server->forward, query, len)) {
		bl_dns_count(server, BL_DNS_LOOPS);
		reply_code(server, client, query, len, KNOT_RCODE_SERVFAIL, reply);
		return false;
	}
	if (len <= BL_DNS_QUERY_MAX && knot_wire_get_rd(query))
		pending = take_pending(server->forward);
	if (!pending) {
		/* Without RD nobody else is to be asked; with too much under way nobody can. */
		if (!is_alias)
			reply_code(server, client, query, len,
				   knot_wire_get_rd(query) ? KNOT_RCODE_SERVFAIL
							   : KNOT_RCODE_REFUSED,
				   reply);
		return false;
	}
	if (fill(server, pending, client, query, len, is_alias ? reply : NULL) < 0) {
		end(server, pending);
		reply_code(server, client, query, len, KNOT_RCODE_SERVFAIL, reply);
		return false;
	}
	if (answer_cached(server, pending, reply)) {
		end(server, pending);
		return false;
	}
	bl_dns_count(server, BL_DNS_FORWARDED);
	if (try_next(server, pending))
		return true;
	end(server, pending);
	bl_dns_count(server, BL_DNS_UPSTREAM_FAILURES);
	reply_code(server, client, query, len, KNOT_RCODE_SERVFAIL, reply);
	return false;
}
