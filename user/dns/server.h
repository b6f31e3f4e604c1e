/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The DNS server: a thread with its own loop, sockets for UDP and TCP, and for names that are not
 * the zone's a forwarder with a cache. It reads the zone's published version and nothing else of
 * its owner. Who may ask: loopback, the networks of the configuration, and the zone's clients.
 */
#ifndef DNS_SERVER_H
#define DNS_SERVER_H

#include "base/addr.h"
#include "base/err.h"
#include "dns/zone.h"

#define BL_DNS_LISTEN_MAX 8
#define BL_DNS_UPSTREAMS_MAX 4
#define BL_DNS_ALLOW_MAX 32

struct bl_dns_endpoint {
	struct bl_addr addr;
	uint16_t port;
};

struct bl_dns_server_config {
	struct bl_dns_zone *zone;                         /* borrowed */
	struct bl_dns_endpoint listen[BL_DNS_LISTEN_MAX]; /* port 0: any, the same for both */
	size_t listen_count;
	struct bl_dns_endpoint upstreams[BL_DNS_UPSTREAMS_MAX];
	size_t upstream_count; /* 0: other names are refused */
	struct bl_prefix allow[BL_DNS_ALLOW_MAX];
	size_t allow_count;
	uint32_t mark;        /* SO_MARK of what goes to upstreams; 0: none */
	uint32_t rate;        /* answers a second and client over UDP; 0: no limit */
	uint32_t try_ms;      /* 0: 1500 */
	size_t cache_entries; /* 0: 10,000 */
	size_t cache_bytes;   /* 0: 16 MiB */
};

struct bl_dns_stats {
	uint64_t udp_queries;
	uint64_t tcp_queries;
	uint64_t answered; /* from the zone, refusals included */
	uint64_t forwarded;
	uint64_t cache_hits;
	uint64_t upstream_failures; /* no upstream gave an answer */
	uint64_t not_allowed;
	uint64_t limited;
	uint64_t loops;
	uint64_t dropped; /* no messages, or answers that nobody took */
};

struct bl_dns_server;

/* Binds and starts the thread. -EADDRINUSE and others with words. */
int bl_dns_server_new(const struct bl_dns_server_config *config, struct bl_dns_server **ret,
		      struct bl_err *err);
/* Ends the thread and releases everything; the zone may go after it. */
struct bl_dns_server *bl_dns_server_free(struct bl_dns_server *server);
/* Where it listens, with the ports that were chosen. */
const struct bl_dns_endpoint *bl_dns_server_listen(const struct bl_dns_server *server,
						   size_t *ret_count);
struct bl_dns_stats bl_dns_server_stats(const struct bl_dns_server *server);

#endif
