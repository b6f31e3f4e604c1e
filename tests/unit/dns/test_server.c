/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The server on loopback, with an upstream that is a thread of the test. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "dns/server.h"
#include "fixture.h"

static const char objects[] = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\n"
			      "spec: {clusterIP: 10.96.0.7, ports: [{name: http, port: 80}]}\n---\n"
			      "apiVersion: v1\nkind: Service\nmetadata: {name: out}\n"
			      "spec: {type: ExternalName, externalName: www.example.org}\n";

enum upstream_mode {
	UPSTREAM_ANSWERS,
	UPSTREAM_TRUNCATES, /* over UDP; TCP has the answer */
	UPSTREAM_IS_SILENT,
	UPSTREAM_LIES,  /* another identity, then another name, then the answer */
	UPSTREAM_FAILS, /* SERVFAIL */
	UPSTREAM_REFUSES,
	UPSTREAM_IS_LAME,       /* no answer, and nobody who would know */
	UPSTREAM_IS_SLOW,       /* the first time */
	UPSTREAM_SENDS_GARBAGE, /* before the answer */
	UPSTREAM_BREAKS_OFF,    /* truncates, and its TCP ends in the middle, the first time */
	UPSTREAM_IS_GONE,       /* nobody has its port */
	UPSTREAM_MEETS_A_NAP,   /* answers while the server's thread is not run */
};

#define NAP_TRY_MS 1000u
#define NAP_MS 1500u

static _Atomic bool nap_wanted;

/* In place of the C library's, so that the server's thread is not run for a while behind a call
 * that found nothing. */
int wait_or_nap(int fd, struct epoll_event *events, int max, int timeout) __asm__("epoll_wait");
int wait_or_nap(int fd, struct epoll_event *events, int max, int timeout)
{
	int count = epoll_pwait(fd, events, max, timeout, NULL);

	if (count == 0 && atomic_exchange(&nap_wanted, false))
		(void)usleep(NAP_MS * 1000);
	return count;
}

struct upstream {
	int udp_fd, tcp_fd;
	uint16_t port;
	enum upstream_mode mode;
	_Atomic unsigned int udp_count, tcp_count;
	pthread_t udp_thread, tcp_thread;
};

/* The query with QR, RA and one A record behind its question (EDNS left out). */
static size_t answer_to(const uint8_t *query, bool tc, uint8_t *out)
{
	static const uint8_t record[] = {0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 5};
	size_t question = knot_dname_size(query + 12) + 4, len = 12 + question;

	memcpy(out, query, len);
	out[2] |= 0x80;
	out[3] = 0x80;
	memset(out + 6, 0, 6);
	if (tc) {
		out[2] |= 0x02;
		return len;
	}
	out[7] = 1;
	memcpy(out + len, record, sizeof(record));
	return len + sizeof(record);
}

static void answer_datagram(struct upstream *upstream, const uint8_t *query,
			    const struct sockaddr_in *peer)
{
	uint8_t out[600];
	size_t len = answer_to(
		query,
		upstream->mode == UPSTREAM_TRUNCATES || upstream->mode == UPSTREAM_BREAKS_OFF, out);

	if (upstream->mode == UPSTREAM_IS_SILENT ||
	    (upstream->mode == UPSTREAM_IS_SLOW && atomic_load(&upstream->udp_count) == 1))
		return;
	if (upstream->mode == UPSTREAM_MEETS_A_NAP) {
		atomic_store(&nap_wanted, true);
		while (atomic_load(&nap_wanted))
			(void)usleep(1000);
	}
	if (upstream->mode == UPSTREAM_FAILS || upstream->mode == UPSTREAM_REFUSES) {
		len = answer_to(query, true, out);
		out[2] &= 0xfd;
		out[3] |=
			upstream->mode == UPSTREAM_FAILS ? KNOT_RCODE_SERVFAIL : KNOT_RCODE_REFUSED;
	}
	if (upstream->mode == UPSTREAM_IS_LAME) {
		len = answer_to(query, true, out);
		out[2] &= 0xfd;
	}
	if (upstream->mode == UPSTREAM_SENDS_GARBAGE)
		for (size_t cut = 0; cut < len; cut += 5)
			(void)sendto(upstream->udp_fd, out, cut, 0, (const struct sockaddr *)peer,
				     sizeof(*peer));
	if (upstream->mode == UPSTREAM_LIES) {
		out[len - 1] = 66;
		out[0] ^= 1;
		(void)sendto(upstream->udp_fd, out, len, 0, (const struct sockaddr *)peer,
			     sizeof(*peer));
		out[0] ^= 1;
		out[13] ^= 0x20; /* spelt otherwise */
		(void)sendto(upstream->udp_fd, out, len, 0, (const struct sockaddr *)peer,
			     sizeof(*peer));
		len = answer_to(query, false, out);
	}
	(void)sendto(upstream->udp_fd, out, len, 0, (const struct sockaddr *)peer, sizeof(*peer));
}

static void *serve_udp(void *userdata)
{
	struct upstream *upstream = userdata;
	uint8_t query[600];

	for (;;) {
		struct sockaddr_in peer;
		socklen_t peer_len = sizeof(peer);
		ssize_t len = recvfrom(upstream->udp_fd, query, sizeof(query), 0,
				       (struct sockaddr *)&peer, &peer_len);

		if (len < 12)
			return NULL;
		atomic_fetch_add(&upstream->udp_count, 1);
		answer_datagram(upstream, query, &peer);
	}
}

static void *serve_tcp(void *userdata)
{
	struct upstream *upstream = userdata;
	uint8_t query[600], out[602];

	for (;;) {
		int fd = accept(upstream->tcp_fd, NULL, NULL);
		size_t len;

		if (fd < 0)
			return NULL;
		atomic_fetch_add(&upstream->tcp_count, 1);
		if (recv(fd, query, 2, MSG_WAITALL) == 2 &&
		    recv(fd, query + 2, (size_t)query[0] << 8 | query[1], MSG_WAITALL) > 12) {
			len = answer_to(query + 2, false, out + 2);
			out[0] = 0;
			out[1] = (uint8_t)len;
			/* In two parts, as a stream may come. */
			(void)send(fd, out, 5, MSG_NOSIGNAL);
			if (upstream->mode != UPSTREAM_BREAKS_OFF ||
			    atomic_load(&upstream->tcp_count) > 1)
				(void)send(fd, out + 5, len - 3, MSG_NOSIGNAL);
		}
		(void)close(fd);
	}
}

/* Other tests may have for one protocol the number that is free for the other. */
#define PORT_TRIES 50

static bool upstream_bind(struct upstream *upstream)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(address);

	upstream->udp_fd = socket(AF_INET, SOCK_DGRAM, 0);
	upstream->tcp_fd = socket(AF_INET, SOCK_STREAM, 0);
	cr_assert_eq(bind(upstream->tcp_fd, (struct sockaddr *)&address, len), 0);
	cr_assert_eq(getsockname(upstream->tcp_fd, (struct sockaddr *)&address, &len), 0);
	upstream->port = ntohs(address.sin_port);
	if (bind(upstream->udp_fd, (struct sockaddr *)&address, len) == 0)
		return true;
	(void)close(upstream->udp_fd);
	(void)close(upstream->tcp_fd);
	return false;
}

static void upstream_start(struct upstream *upstream)
{
	bool is_bound = false;

	for (int i = 0; i < PORT_TRIES && !is_bound; i++)
		is_bound = upstream_bind(upstream);
	cr_assert(is_bound, "no port is free for both protocols");
	cr_assert_eq(listen(upstream->tcp_fd, 8), 0);
	if (upstream->mode == UPSTREAM_IS_GONE) {
		(void)close(upstream->udp_fd);
		(void)close(upstream->tcp_fd);
		return;
	}
	cr_assert_eq(pthread_create(&upstream->udp_thread, NULL, serve_udp, upstream), 0);
	cr_assert_eq(pthread_create(&upstream->tcp_thread, NULL, serve_tcp, upstream), 0);
}

/* Its threads must be gone before the memory and the descriptors are another's. */
static void upstream_stop(struct upstream *upstream)
{
	if (upstream->mode == UPSTREAM_IS_GONE)
		return;
	/* Both wake who waits there; of a datagram socket it also says that it is not connected. */
	(void)shutdown(upstream->udp_fd, SHUT_RDWR);
	(void)shutdown(upstream->tcp_fd, SHUT_RDWR);
	cr_assert_eq(pthread_join(upstream->udp_thread, NULL), 0);
	cr_assert_eq(pthread_join(upstream->tcp_thread, NULL), 0);
	(void)close(upstream->udp_fd);
	(void)close(upstream->tcp_fd);
}

struct running {
	struct dns_world world;
	struct bl_dns_server *server;
	uint16_t port;
	struct upstream upstream; /* asked first */
	struct upstream second;   /* when it was given a mode */
	bool has_second;
};

static void start_server(struct running *running, const struct bl_dns_server_config *config)
{
	struct bl_err err = {0};
	int r = -EADDRINUSE;

	for (int i = 0; i < PORT_TRIES && r == -EADDRINUSE; i++)
		r = bl_dns_server_new(config, &running->server, &err);
	cr_assert_eq(r, 0, "%s", err.text);
}

/* Who answers has as long as a busy machine takes; only silence is waited for to the end. */
static uint32_t try_ms_of(enum upstream_mode mode)
{
	if (mode == UPSTREAM_MEETS_A_NAP)
		return NAP_TRY_MS;
	return mode == UPSTREAM_IS_SILENT || mode == UPSTREAM_IS_SLOW ? 1000 : 10000;
}

static void start(struct running *running, enum upstream_mode mode)
{
	struct bl_dns_server_config config = {.listen_count = 1, .upstream_count = 1};
	size_t count;

	running->world = dns_world_of(objects);
	running->upstream.mode = mode;
	upstream_start(&running->upstream);
	config.zone = &running->world.zone;
	config.try_ms = try_ms_of(mode);
	(void)bl_addr_parse("127.0.0.1", &config.listen[0].addr);
	config.upstreams[0].addr = config.listen[0].addr;
	config.upstreams[0].port = running->upstream.port;
	if (running->has_second) {
		upstream_start(&running->second);
		config.upstreams[1] = (struct bl_dns_endpoint){.addr = config.listen[0].addr,
							       .port = running->second.port};
		config.upstream_count = 2;
	}
	start_server(running, &config);
	running->port = bl_dns_server_listen(running->server, &count)[0].port;
	cr_assert_eq(count, 1u);
	cr_assert_neq(running->port, 0);
}

static void stop(struct running *running)
{
	running->server = bl_dns_server_free(running->server);
	upstream_stop(&running->upstream);
	if (running->has_second)
		upstream_stop(&running->second);
	dns_world_done(&running->world);
}

static int dial(const struct running *running, int type)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_port = htons(running->port),
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct timeval patience = {.tv_sec = 30};
	int fd = socket(AF_INET, type, 0);

	cr_assert_eq(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
	cr_assert_eq(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static char *ask_udp(const struct running *running, const char *name)
{
	const struct dns_options options = {0};
	uint8_t query[600], out[4096];
	size_t len = dns_query(name, "A", &options, query, sizeof(query));
	int fd = dial(running, SOCK_DGRAM);
	ssize_t got;

	cr_assert_eq(send(fd, query, len, 0), (ssize_t)len);
	got = recv(fd, out, sizeof(out), 0);
	(void)close(fd);
	cr_assert_gt(got, 0, "no answer");
	cr_expect_eq(out[0] << 8 | out[1], 0x1234);
	return dns_text(out, (size_t)got);
}

static void expect_udp(const struct running *running, const char *name, const char *want)
{
	_cleanup_free_ char *text = ask_udp(running, name);

	cr_expect_str_eq(text, want, "%s: %s", name, text);
}

#define WEB "web.default.svc.cluster.local"

Test(server, answers_over_udp_and_pipelined_tcp)
{
	struct running running = {0};
	const struct dns_options options = {0};
	uint8_t stream[1300], out[4096];
	size_t len, total = 0;
	int fd;

	start(&running, UPSTREAM_ANSWERS);
	expect_udp(&running, WEB, "NOERROR aa ra\n" WEB ". 5 A 10.96.0.7\n");
	fd = dial(&running, SOCK_STREAM);
	for (int i = 0; i < 3; i++) {
		len = dns_query(WEB, "A", &options, stream + total + 2, 600);
		stream[total] = 0;
		stream[total + 1] = (uint8_t)len;
		total += len + 2;
	}
	/* The second message is cut in two. */
	cr_assert_eq(send(fd, stream, 70, 0), 70);
	(void)usleep(20000);
	cr_assert_eq(send(fd, stream + 70, total - 70, 0), (ssize_t)total - 70);
	for (int i = 0; i < 3; i++) {
		_cleanup_free_ char *text = NULL;

		cr_assert_eq(recv(fd, out, 2, MSG_WAITALL), 2);
		len = (size_t)out[0] << 8 | out[1];
		cr_assert_eq(recv(fd, out, len, MSG_WAITALL), (ssize_t)len);
		text = dns_text(out, len);
		cr_expect_str_eq(text, "NOERROR aa ra\n" WEB ". 5 A 10.96.0.7\n");
	}
	(void)close(fd);
	cr_expect_eq(bl_dns_server_stats(running.server).tcp_queries, 3u);
	stop(&running);
}

Test(server, message_that_is_too_long_ends_the_connection)
{
	struct running running = {0};
	uint8_t out[2];
	int fd;

	start(&running, UPSTREAM_ANSWERS);
	fd = dial(&running, SOCK_STREAM);
	cr_assert_eq(send(fd, "\xff\xff", 2, 0), 2);
	cr_expect_leq(recv(fd, out, 2, 0), 0);
	(void)close(fd);
	stop(&running);
}

Test(server, forwards_other_names_and_keeps_the_answers)
{
	struct running running = {0};

	start(&running, UPSTREAM_ANSWERS);
	expect_udp(&running, "a.example.org", "NOERROR ra\na.example.org. 60 A 192.0.2.5\n");
	expect_udp(&running, "A.EXAMPLE.org", "NOERROR ra\nA.EXAMPLE.org. 60 A 192.0.2.5\n");
	cr_expect_eq(running.upstream.udp_count, 1u);
	cr_expect_eq(bl_dns_server_stats(running.server).cache_hits, 1u);
	expect_udp(&running, "out.default.svc.cluster.local",
		   "NOERROR ra\nout.default.svc.cluster.local. 5 CNAME www.example.org.\n"
		   "www.example.org. 60 A 192.0.2.5\n");
	stop(&running);
}

Test(server, asks_over_tcp_what_udp_truncates)
{
	struct running running = {0};

	start(&running, UPSTREAM_TRUNCATES);
	expect_udp(&running, "a.example.org", "NOERROR ra\na.example.org. 60 A 192.0.2.5\n");
	cr_expect_eq(running.upstream.udp_count, 1u);
	cr_expect_eq(running.upstream.tcp_count, 1u);
	stop(&running);
}

Test(server, silent_upstream_is_asked_again_and_then_given_up)
{
	struct running running = {0};

	start(&running, UPSTREAM_IS_SILENT);
	expect_udp(&running, "a.example.org", "SERVFAIL ra\n");
	cr_expect_geq(running.upstream.udp_count, 2u);
	cr_expect_eq(bl_dns_server_stats(running.server).upstream_failures, 1u);
	/* The zone is answered for all the same. */
	expect_udp(&running, WEB, "NOERROR aa ra\n" WEB ". 5 A 10.96.0.7\n");
	stop(&running);
}

Test(server, answer_that_lies_there_is_not_missing)
{
	struct running running = {0};

	start(&running, UPSTREAM_MEETS_A_NAP);
	expect_udp(&running, "a.example.org", "NOERROR ra\na.example.org. 60 A 192.0.2.5\n");
	cr_expect_eq(running.upstream.udp_count, 1u);
	stop(&running);
}

Test(server, answers_to_other_questions_are_not_taken)
{
	struct running running = {0};

	start(&running, UPSTREAM_LIES);
	expect_udp(&running, "a.example.org", "NOERROR ra\na.example.org. 60 A 192.0.2.5\n");
	stop(&running);
}

Test(server, question_that_comes_back_is_a_loop)
{
	struct running running = {0};
	struct bl_dns_server_config config = {.listen_count = 1, .upstream_count = 1};
	size_t count;

	/* A port that is free now becomes both the listener and the upstream. */
	start(&running, UPSTREAM_ANSWERS);
	config.listen[0] = bl_dns_server_listen(running.server, &count)[0];
	running.server = bl_dns_server_free(running.server);
	config.zone = &running.world.zone;
	config.upstreams[0] = config.listen[0];
	start_server(&running, &config);
	expect_udp(&running, "a.example.org", "SERVFAIL ra\n");
	cr_expect_geq(bl_dns_server_stats(running.server).loops, 1u);
	stop(&running);
}

Test(server, zone_changes_while_it_is_asked)
{
	struct running running = {0};

	start(&running, UPSTREAM_ANSWERS);
	for (int i = 1; i < 50; i++) {
		char yaml[200], want[100];

		(void)snprintf(yaml, sizeof(yaml),
			       "apiVersion: v1\nkind: Service\nmetadata: {name: web}\n"
			       "spec: {clusterIP: 10.96.1.%d, ports: [{port: 80}]}\n",
			       i);
		(void)snprintf(want, sizeof(want), "NOERROR aa ra\n" WEB ". 5 A 10.96.1.%d\n", i);
		dns_world_put(&running.world, yaml);
		expect_udp(&running, WEB, want);
	}
	stop(&running);
}

struct fault_row {
	enum upstream_mode mode;
	bool has_second;
	const char *want;
	unsigned int second_asked;
};

#define ANSWER "NOERROR ra\na.example.org. 60 A 192.0.2.5\n"

Test(server, faults_of_upstreams_are_told_apart)
{
	static const struct fault_row rows[] = {
		{UPSTREAM_FAILS, true, ANSWER, 1},
		{UPSTREAM_REFUSES, true, ANSWER, 1},
		{UPSTREAM_IS_SILENT, true, ANSWER, 1},
		{UPSTREAM_IS_GONE, true, ANSWER, 1},
		{UPSTREAM_IS_SLOW, true, ANSWER, 1},
		/* alone, what it says is what there is to say */
		{UPSTREAM_FAILS, false, "SERVFAIL ra\n", 0},
		{UPSTREAM_REFUSES, false, "REFUSED ra\n", 0},
		{UPSTREAM_IS_GONE, false, "SERVFAIL ra\n", 0},
		{UPSTREAM_IS_SLOW, false, ANSWER, 0},
		/* no answer is an answer */
		{UPSTREAM_IS_LAME, true, "NOERROR ra\n", 0},
		{UPSTREAM_SENDS_GARBAGE, true, ANSWER, 0},
		{UPSTREAM_BREAKS_OFF, false, ANSWER, 0},
		{UPSTREAM_BREAKS_OFF, true, ANSWER, 0},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct running running = {.has_second = rows[i].has_second};
		_cleanup_free_ char *text = NULL;

		start(&running, rows[i].mode);
		text = ask_udp(&running, "a.example.org");
		cr_expect_str_eq(text, rows[i].want, "row %zu: %s", i, text);
		if (rows[i].has_second && rows[i].second_asked)
			cr_expect_eq(running.second.udp_count, rows[i].second_asked, "row %zu", i);
		/* Our own names are answered all the same. */
		expect_udp(&running, WEB, "NOERROR aa ra\n" WEB ". 5 A 10.96.0.7\n");
		stop(&running);
	}
}

Test(server, upstream_that_answered_is_asked_first_from_then_on)
{
	struct running running = {.has_second = true};

	start(&running, UPSTREAM_FAILS);
	expect_udp(&running, "a.example.org", ANSWER);
	expect_udp(&running, "b.example.org", "NOERROR ra\nb.example.org. 60 A 192.0.2.5\n");
	cr_expect_eq(running.upstream.udp_count, 1u);
	cr_expect_eq(running.second.udp_count, 2u);
	stop(&running);
}

Test(server, failures_are_not_kept)
{
	struct running running = {0};

	start(&running, UPSTREAM_FAILS);
	expect_udp(&running, "a.example.org", "SERVFAIL ra\n");
	running.upstream.mode = UPSTREAM_ANSWERS;
	expect_udp(&running, "a.example.org", ANSWER);
	stop(&running);
}
