/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of the client share: the client, a call, and what libcurl tells of it. */
#ifndef KUBE_PARTS_H
#define KUBE_PARTS_H

#include "kube/auth.h"
#include "kube/client.h"
#include "loop/curl.h"

#define BL_KUBE_CONNECT_MS 10000
#define BL_KUBE_IDLE_MS 30000

enum bl_kube_state {
	BL_KUBE_QUEUED,  /* to be started from the event loop */
	BL_KUBE_WAITING, /* for credentials */
	BL_KUBE_RUNNING,
	BL_KUBE_DEAD, /* cancelled from within libcurl, which still has it */
};

struct bl_kube_socket { /* open ones, to shut what is half-open */
	struct bl_kube_socket *next;
	int fd;
	uint64_t opened_us;
};

struct bl_kube_client {
	sd_event *loop;
	struct bl_kube_config config; /* a copy */
	struct bl_kube_auth *auth;
	struct bl_curl_loop *curl;
	sd_event_source *kick; /* starts and ends what could not be at once */
	struct bl_kube_call *first;
	struct bl_kube_socket *sockets;
	struct curl_slist *connect_to; /* with tls-server-name */
	char *url;                     /* what paths follow */
	char *host_header;             /* NULL: the URL's */
	bool in_curl;                  /* libcurl has called us */
	int socket_error;              /* why the last socket could not be made */
	uint64_t received_us;          /* when the last byte came */
	struct bl_kube_client_info info;
};

struct bl_kube_call {
	struct bl_kube_client *client;
	struct bl_kube_call *next, **link;
	struct bl_kube_handler handler;
	enum bl_kube_state state;
	/* the request */
	char *method;
	char *path;
	char *accept;
	char *content_type;
	void *body;
	size_t body_len;
	bool has_body;
	bool compressed;
	uint64_t idle_us;
	uint64_t deadline_us; /* UINT64_MAX: none */
	uint64_t total_ms;
	uint64_t body_max;
	/* under way */
	sd_event_source *timer;
	CURL *easy;
	struct curl_slist *headers;
	char error_text[CURL_ERROR_SIZE];
	uint64_t generation; /* of the credentials shown */
	uint64_t active_us;  /* when it last had a byte, or began to wait for one */
	bool repeated;       /* was sent again after a 401 */
	bool again;          /* is to be sent again: this answer is not for its owner */
	bool has_head;
	bool too_large;
	int stopped; /* what head or data returned */
	/* the answer */
	int status;
	uint64_t retry_after_ms;
	uint64_t received; /* bytes of the body */
};

/* Makes the handle for a call with these credentials and gives it to libcurl. -ENOMEM, -EINVAL
 * (libcurl refuses an option, which `err` names). */
int bl_kube_transfer_start(struct bl_kube_call *call, const struct bl_kube_credentials *credentials,
			   struct bl_err *err);
/* Takes it away from libcurl; the call may start again. */
void bl_kube_transfer_end(struct bl_kube_call *call);
/* How the transfer ended; the text is the outcome's. */
void bl_kube_transfer_outcome(const struct bl_kube_call *call, CURLcode code,
			      struct bl_kube_outcome *ret, char text[static BL_KUBE_TEXT]);
/* Shuts sockets that were there before `before_us`. */
void bl_kube_shut_sockets(struct bl_kube_client *client, uint64_t before_us);

uint64_t bl_kube_now_us(const struct bl_kube_client *client);
uint64_t bl_kube_retry_after_ms(const char *value);

#endif
