/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * HTTP over the agent's unix socket. Bodies are JSON in and out. What the server refuses becomes an
 * error whose text reads as kubectl prints it. One request at a time; not for several threads.
 */
#ifndef CLI_CLIENT_H
#define CLI_CLIENT_H

#include "base/cleanup.h"
#include "base/err.h"

struct bl_client;
struct json_object;

#define BL_SOCKET_DEFAULT "/run/beeline.sock"

/* `socket` is copied. */
int bl_client_new(const char *socket, struct bl_client **ret);
struct bl_client *bl_client_free(struct bl_client *client); /* accepts NULL, returns NULL */
BL_DEFINE_CLEANUP(struct bl_client *, bl_client_free);

enum bl_method {
	BL_METHOD_GET,
	BL_METHOD_POST,
	BL_METHOD_PUT,
	BL_METHOD_MERGE_PATCH,
	BL_METHOD_DELETE,
};

/*
 * `body` is borrowed and may be NULL; `*ret` (may be NULL) is the answer, owned by the caller, or
 * NULL for an empty one. Errors: -ENOENT for 404, -EEXIST for 409, -EREMOTEIO for any other
 * refusal, -ENOTCONN when nobody answers on the socket, -EACCES when the socket may not be used,
 * -EBADMSG for an answer that is no JSON, -E2BIG for one that is too long, -ECONNRESET for one that
 * ends too early.
 */
int bl_client_call(struct bl_client *client, enum bl_method method, const char *path,
		   struct json_object *body, struct json_object **ret, struct bl_err *err);

/* The answer as it is, for what is text. */
int bl_client_get_text(struct bl_client *client, const char *path, char **ret, struct bl_err *err);

/* Called for each line of a stream; the event is borrowed. Anything but 0 ends the stream. */
typedef int (*bl_client_event_fn)(struct json_object *event, void *data);

/* 0 when the server ended the stream in order; what the function returned when that ended it. */
int bl_client_watch(struct bl_client *client, const char *path, bl_client_event_fn function,
		    void *data, struct bl_err *err);

/* `text` with everything that has a meaning in a URL escaped, owned by the caller; NULL: no memory.
 */
char *bl_client_escape(const char *text);

#endif
