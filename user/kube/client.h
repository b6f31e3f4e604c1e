/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Requests to one Kubernetes API server, over libcurl in the event loop. Over TLS they share one
 * HTTP/2 connection where the server speaks it; HTTP/1.1 otherwise. Credentials are added here, and
 * when the server answers 401 they are read again (a token file, an exec plugin) and the request is
 * sent once more before its owner hears of it. Nothing else is repeated: whether and when to ask
 * again is the owner's business. Answers are handed on as they come; nothing is collected. One
 * thread.
 */
#ifndef KUBE_CLIENT_H
#define KUBE_CLIENT_H

#include <systemd/sd-event.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "kube/config.h"

#define BL_KUBE_TEXT 512
#define BL_KUBE_NO_RETRY_AFTER UINT64_MAX

struct bl_kube_client;
struct bl_kube_call;

/* All borrowed until bl_kube_send returns. */
struct bl_kube_request {
	const char *method;       /* "GET" */
	const char *path;         /* from its slash, with the query, as it goes on the wire */
	const char *accept;       /* NULL: application/json */
	const char *content_type; /* of the body; NULL: application/json */
	const void *body;         /* NULL: none */
	size_t body_len;
	bool compressed;           /* the server may compress its answer */
	uint64_t idle_timeout_ms;  /* longest time without a byte from the server; 0: 30 s */
	uint64_t total_timeout_ms; /* of all of it; 0: none */
	uint64_t body_max;         /* more than this ends the call; 0: any amount */
};

enum bl_kube_end {
	BL_KUBE_END_COMPLETE,  /* the whole answer came */
	BL_KUBE_END_CUT,       /* the connection ended before the answer did */
	BL_KUBE_END_CONNECT,   /* no connection: name, address, proxy */
	BL_KUBE_END_TLS,       /* no agreement on TLS: certificates, names, versions */
	BL_KUBE_END_IDLE,      /* nothing came for idle_timeout_ms */
	BL_KUBE_END_TIMEOUT,   /* total_timeout_ms are over */
	BL_KUBE_END_STOPPED,   /* head or data said so */
	BL_KUBE_END_TOO_LARGE, /* more than body_max */
	BL_KUBE_END_AUTH,      /* no credentials to show: a file, the exec plugin */
	BL_KUBE_END_PROTOCOL,  /* what came is no HTTP */
	BL_KUBE_END_LOCAL,     /* memory, a limit of this process */
	BL_KUBE_END_COUNT
};

/* One word for each: "complete", "cut" ... for metrics and logs. */
const char *bl_kube_end_name(enum bl_kube_end end);

struct bl_kube_outcome {
	enum bl_kube_end end;
	int status;              /* of HTTP; 0: no head came */
	uint64_t retry_after_ms; /* BL_KUBE_NO_RETRY_AFTER: the server did not say */
	uint64_t body_len;       /* bytes handed on */
	int error;               /* negative errno where there is one, else 0 */
	const char *text;        /* for people: "connection refused"; "" when complete */
};

/*
 * What happens to a call. head and data return 0, or below 0 to end the call (`done` follows, with
 * BL_KUBE_END_STOPPED and that value as its error). All may send and cancel calls, this one
 * included; none may free the client. done is called once, and the call is gone when it returns;
 * it is never called for a call that was cancelled, nor before bl_kube_send has returned.
 */
struct bl_kube_handler {
	/* May be NULL. */
	int (*head)(struct bl_kube_call *call, int status, uint64_t retry_after_ms, void *userdata);
	int (*data)(struct bl_kube_call *call, const void *bytes, size_t len, void *userdata);
	void (*done)(struct bl_kube_call *call, const struct bl_kube_outcome *outcome,
		     void *userdata);
	void *userdata;
};

struct bl_kube_client_info {
	const char *server;   /* its URL; borrowed */
	uint64_t requests;    /* sent, also those sent again */
	uint64_t connections; /* opened */
	uint64_t connections_open;
	uint64_t bytes_received; /* of bodies, as they came out of decompression */
	uint64_t reauthentications;
};

/* The configuration is copied. Says what is wrong with it (-EINVAL), but connects to nothing: files
 * and plugins that fail show in the calls. */
int bl_kube_client_new(sd_event *loop, const struct bl_kube_config *config,
		       struct bl_kube_client **ret, struct bl_err *err);
/* Cancels all calls. Not from a callback of a call: the client is on the stack then. Accepts NULL,
 * returns NULL. */
struct bl_kube_client *bl_kube_client_free(struct bl_kube_client *client);
BL_DEFINE_CLEANUP(struct bl_kube_client *, bl_kube_client_free);

struct bl_kube_client_info bl_kube_client_info(const struct bl_kube_client *client);

/* Starts a call. NULL, with words in `err`: it could not be made. The handler is copied. */
struct bl_kube_call *bl_kube_send(struct bl_kube_client *client,
				  const struct bl_kube_request *request,
				  const struct bl_kube_handler *handler, struct bl_err *err);
/* Ends a call without another word. Accepts NULL, returns NULL. */
struct bl_kube_call *bl_kube_call_cancel(struct bl_kube_call *call);

#endif
