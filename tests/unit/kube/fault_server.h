/* SPDX-License-Identifier: GPL-3.0-or-later */
/* tests/kube/fault_server.py as a child of a test: start it, give it commands, end it. */
#ifndef FAULT_SERVER_H
#define FAULT_SERVER_H

#include <json-c/json.h>
#include <stdint.h>

struct fault_server;

enum {
	FAULT_TLS = 1u << 0,
	FAULT_HTTP1 = 1u << 1,     /* no HTTP/2 */
	FAULT_CLIENT_CA = 1u << 2, /* asks for certificates of ca.pem */
};

/* Fails the test when it cannot be had. */
struct fault_server *fault_server_start(unsigned int flags);
/* The same for tools/lib/api_server.py, which holds objects and speaks plain HTTP/1.1. Its commands
 * are others; it has no folder. */
struct fault_server *api_server_start(void);
void fault_server_stop(struct fault_server *server);

/* One command, as JSON without its quotes: 'do' stands for "do". What it returned, to be put by the
 * caller. Fails the test when the server refuses it. */
struct json_object *fault_server_do(struct fault_server *server, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* The same for its effect alone. */
void fault_server_tell(struct fault_server *server, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

uint16_t fault_server_port(const struct fault_server *server);
const char *fault_server_url(const struct fault_server *server);
/* Where its certificates are, and the test's own files may be. */
const char *fault_server_folder(const struct fault_server *server);
/* The whole of a file in that folder, ends with a zero byte; the caller frees it. */
char *fault_server_read(const struct fault_server *server, const char *name);
/* The path of a file in that folder; the caller frees it. */
char *fault_server_path(const struct fault_server *server, const char *name);
void fault_server_write(const struct fault_server *server, const char *name, const char *text);

#endif
