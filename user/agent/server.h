/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * HTTP over a unix socket or a TCP port, in the agent's event loop: takes connections and bodies,
 * hands complete requests to one function, sends what it answers, and streams watches. Knows
 * nothing of paths.
 */
#ifndef AGENT_SERVER_H
#define AGENT_SERVER_H

#include <systemd/sd-event.h>

#include "agent/watch.h"
#include "base/addr.h"
#include "base/buf.h"

#define BL_BODY_MAX (3u << 20)
#define BL_CONNECTIONS_MAX 128u

struct MHD_Connection;

struct bl_request {
	const char *method;
	const char *path; /* without the query, unescaped */
	const char *body;
	size_t body_len;
	const char *content_type;          /* "" when absent */
	struct MHD_Connection *connection; /* for bl_request_query */
};
/* Value of a query parameter; NULL: absent. */
const char *bl_request_query(const struct bl_request *request, const char *key);

/* Value of a header; NULL: absent. */
const char *bl_request_header(const struct bl_request *request, const char *name);

struct bl_reply {
	unsigned int code;
	const char *content_type; /* static */
	const char *allow;        /* static, with 405; NULL: no such header */
	char etag[24];            /* with quotes; a client that has it gets 304; "": none */
	struct bl_buf body;
	struct bl_watcher *watcher; /* a stream instead of a body; taken by the server */
	unsigned int timeout_s;     /* of the stream; 0: none */
	struct bl_buf warnings;     /* values of `Warning` headers, a zero byte behind each */
};
/* Adds a `Warning: 299 - "..."` header, which kubectl shows (RFC 7234, 5.5). */
void bl_reply_warn(struct bl_reply *reply, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

typedef void bl_request_fn(const struct bl_request *request, struct bl_reply *reply,
			   void *userdata);

struct bl_server;

/* Makes the socket with mode 0600. -EADDRINUSE when somebody answers there already. */
int bl_server_new(sd_event *loop, const char *path, bl_request_fn *handle, void *userdata,
		  struct bl_server **ret, struct bl_err *err);
enum bl_server_guard {
	BL_SERVER_OPEN, /* what is served is for everybody */
	/* Requests that a web page could have made somebody's browser send are refused with 403:
	 * those with an Origin, and those whose Host is a name other than localhost. */
	BL_SERVER_NO_PAGES,
};

/* At a TCP port, host order. */
int bl_server_new_tcp(sd_event *loop, const struct bl_addr *addr, uint16_t port,
		      enum bl_server_guard guard, bl_request_fn *handle, void *userdata,
		      struct bl_server **ret, struct bl_err *err);
/* Ends connections and removes the socket. Watchers of open streams are closed. */
struct bl_server *bl_server_free(struct bl_server *server);
BL_DEFINE_CLEANUP(struct bl_server *, bl_server_free);

#endif
