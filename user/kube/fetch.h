/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Requests whose answer is one small JSON object: writes, and reads of single objects. The body is
 * collected, up to a limit, and what went wrong is put into words. Nothing is tried again.
 */
#ifndef KUBE_FETCH_H
#define KUBE_FETCH_H

#include "kube/client.h"

#define BL_KUBE_FETCH_MAX (4u << 20)
#define BL_KUBE_FETCH_MS 10000

struct bl_kube_fetch;
struct json_object;

struct bl_kube_reply {            /* borrowed, for the time of the call */
	int status;               /* of HTTP; 0: the server did not answer */
	struct json_object *body; /* NULL: none, or no JSON */
	uint64_t retry_after_ms;  /* BL_KUBE_NO_RETRY_AFTER: the server did not say */
	const char *words;        /* what went wrong: "403 Forbidden: services ..."; "" when not */
};

static inline bool bl_kube_reply_is_good(const struct bl_kube_reply *reply)
{
	return reply->status >= 200 && reply->status < 300 && !*reply->words;
}

typedef void bl_kube_reply_fn(const struct bl_kube_reply *reply, void *userdata);

/* Of the request, limits that are 0 get those above. NULL with words in `err`: it could not be
 * made. `replied` is called once, and the fetch is gone when it returns; it may cancel this fetch,
 * which changes nothing then, and others, but it may not free the client. */
struct bl_kube_fetch *bl_kube_fetch_start(struct bl_kube_client *client,
					  const struct bl_kube_request *request,
					  bl_kube_reply_fn *replied, void *userdata,
					  struct bl_err *err);
/* Without another word. Accepts NULL, returns NULL. */
struct bl_kube_fetch *bl_kube_fetch_cancel(struct bl_kube_fetch *fetch);

/* A MicroTime of Kubernetes, such as "2026-11-23T10:00:00.000000Z". */
#define BL_KUBE_TIME_TEXT 40
const char *bl_kube_time_format(uint64_t now_us, char text[static BL_KUBE_TIME_TEXT]);

/* The string at a path such as "metadata.resourceVersion"; NULL: there is none. */
const char *bl_kube_json_text(struct json_object *json, const char *path);

#endif
