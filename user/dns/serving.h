/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of the server share; all of it belongs to the server's thread once that runs. */
#ifndef DNS_SERVING_H
#define DNS_SERVING_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "dns/answer.h"
#include "dns/cache.h"
#include "dns/limit.h"
#include "dns/server.h"

#define BL_DNS_QUERY_MAX 1232u /* over UDP and to upstreams: more is no question */

/* Sources of the loop begin with this. */
struct bl_dns_source {
	void (*ready)(struct bl_dns_server *server, struct bl_dns_source *source, uint32_t events);
	int fd;
};

struct bl_dns_listener {
	struct bl_dns_source source;
	bool is_tcp;
};

/* Who waits for an answer that another server gives. */
struct bl_dns_client {
	struct bl_dns_listener *listener; /* UDP */
	struct sockaddr_storage peer;
	socklen_t peer_len;
	struct bl_addr local; /* the answer's source; no family: the socket's */
	unsigned int interface;
	uint64_t connection; /* TCP: number of the connection; 0: UDP */
};

enum bl_dns_counter {
	BL_DNS_UDP_QUERIES,
	BL_DNS_TCP_QUERIES,
	BL_DNS_ANSWERED,
	BL_DNS_FORWARDED,
	BL_DNS_CACHE_HITS,
	BL_DNS_UPSTREAM_FAILURES,
	BL_DNS_NOT_ALLOWED,
	BL_DNS_LIMITED,
	BL_DNS_LOOPS,
	BL_DNS_DROPPED,
	BL_DNS_COUNTERS,
};

struct bl_dns_batch;   /* udp.c */
struct bl_dns_streams; /* tcp.c */
struct bl_dns_forward; /* forward.c */

struct bl_dns_server {
	struct bl_dns_server_config config;
	struct bl_dns_listener listeners[2 * BL_DNS_LISTEN_MAX];
	size_t listener_count;
	struct bl_dns_answerer answerer;
	struct bl_dns_limit *limit;
	struct bl_dns_cache *cache;
	struct bl_dns_batch *batch;
	struct bl_dns_streams *streams;
	struct bl_dns_forward *forward; /* NULL: nobody to ask */
	struct bl_dns_source wake;      /* eventfd: end */
	int epoll_fd;
	uint64_t now_us; /* of this turn of the loop */
	bool stop;
	bool is_running;
	pthread_t thread;
	_Atomic uint64_t counters[BL_DNS_COUNTERS];
	uint8_t out[BL_DNS_TCP_MAX];
};

/* server.c */
int bl_dns_watch(struct bl_dns_server *server, struct bl_dns_source *source, uint32_t events);
int bl_dns_watch_change(struct bl_dns_server *server, struct bl_dns_source *source,
			uint32_t events);
void bl_dns_count(struct bl_dns_server *server, enum bl_dns_counter counter);
bool bl_dns_is_allowed(struct bl_dns_server *server, const struct sockaddr_storage *peer,
		       struct bl_addr *ret);
/* Answers, or has somebody else answer later. True when `reply` is to be sent now. */
bool bl_dns_serve(struct bl_dns_server *server, const struct bl_dns_client *client,
		  const uint8_t *query, size_t len, struct bl_dns_reply *reply);
/* Sends what was waited for. */
void bl_dns_send(struct bl_dns_server *server, const struct bl_dns_client *client,
		 const uint8_t *bytes, size_t len);

/* udp.c */
int bl_dns_batch_new(struct bl_dns_batch **ret);
struct bl_dns_batch *bl_dns_batch_free(struct bl_dns_batch *batch);
void bl_dns_udp_ready(struct bl_dns_server *server, struct bl_dns_source *source, uint32_t events);
void bl_dns_udp_send(struct bl_dns_server *server, const struct bl_dns_client *client,
		     const uint8_t *bytes, size_t len);

/* tcp.c */
int bl_dns_streams_new(struct bl_dns_streams **ret);
void bl_dns_streams_free(struct bl_dns_server *server);
void bl_dns_tcp_ready(struct bl_dns_server *server, struct bl_dns_source *source, uint32_t events);
void bl_dns_tcp_send(struct bl_dns_server *server, const struct bl_dns_client *client,
		     const uint8_t *bytes, size_t len);
/* Ends connections that say nothing; true while there are any. */
bool bl_dns_tcp_tick(struct bl_dns_server *server);

/* forward.c */
int bl_dns_forward_new(struct bl_dns_forward **ret);
void bl_dns_forward_free(struct bl_dns_server *server);
/* Asks upstreams. With an alias, the answer for `reply->target` is put behind `reply`. False: it
 * cannot be asked, and `reply` has the answer that says so. */
bool bl_dns_forward_ask(struct bl_dns_server *server, const struct bl_dns_client *client,
			const uint8_t *query, size_t len, bool is_alias,
			struct bl_dns_reply *reply);
/* Gives up tries that had ended at `heard_us`, until when all that came has been read: a thread
 * that was not run for a while does not take answers that lie there for missing. */
bool bl_dns_forward_tick(struct bl_dns_server *server, uint64_t heard_us);

#endif
