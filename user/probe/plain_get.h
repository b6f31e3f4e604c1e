/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One GET to an address without TLS, which is what nearly all httpGet probes are: a socket, one
 * write, the answer. libcurl does the rest, and could do this at twice the cost (docs/decisions).
 * The deadline is its owner's.
 */
#ifndef PROBE_PLAIN_GET_H
#define PROBE_PLAIN_GET_H

#include "probe/http_response.h"
#include "probe/try_parts.h"

struct bl_plain_get;

/* 0: it was answered; else -errno of the connection, or -EBADMSG, -ENODATA, -EPIPE as
 * http_response.h has them. Called once, from the loop; the receiver frees the request. */
typedef void bl_plain_get_done_fn(const struct bl_http_response *response, int error,
				  void *userdata);

/* `headers` as libcurl takes them. The target is not needed any more once this returns. */
int bl_plain_get_new(const struct bl_tries *tries, const struct bl_probe_target *target,
		     bl_plain_get_done_fn *done, void *userdata, struct bl_plain_get **ret,
		     struct bl_err *err);
struct bl_plain_get *bl_plain_get_free(struct bl_plain_get *get); /* accepts NULL, returns NULL */
BL_DEFINE_CLEANUP(struct bl_plain_get *, bl_plain_get_free);

#endif
