/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Calls of a client as a test wants them: asked, waited for, and kept with all that came. */
#ifndef ASKING_H
#define ASKING_H

#include "base/buf.h"
#include "fault_server.h"
#include "kube/client.h"

struct asked { /* one call */
	struct bl_kube_call *call;
	struct bl_buf body;
	unsigned int heads;
	unsigned int pieces;
	int head_status;
	bool is_done;
	struct bl_kube_outcome outcome; /* its text is in the next field */
	char text[BL_KUBE_TEXT];
	int stop_with;       /* what data returns; 0: goes on */
	bool cancel_in_data; /* cancels itself there */
};

struct asking {
	sd_event *loop;
	struct bl_kube_config config;
	struct bl_kube_client *client;
};

/* An event loop, SIGCHLD blocked, SIGPIPE ignored, and a configuration for the server: with its CA
 * when it speaks TLS. Tests change it before the client is made. */
void asking_init(struct asking *asking, const struct fault_server *server);
void asking_done(struct asking *asking);
void asking_connect(struct asking *asking);

/* Starts a GET; `request` may be NULL. */
void ask_start(struct asking *asking, const char *path, const struct bl_kube_request *request,
	       struct asked *ret);
/* Runs the loop until the call is done, at most ten seconds. */
void ask_wait(struct asking *asking, struct asked *asked);
/* Runs the loop for a time. */
void ask_run(struct asking *asking, unsigned int ms);
/* Starts and waits. */
void ask(struct asking *asking, const char *path, struct asked *ret);
void asked_done(struct asked *asked);

/* A copy of text as a secret's; of a file of the server's folder. */
void set_secret(struct bl_kube_secret *secret, const char *text);
void set_secret_from(struct bl_kube_secret *secret, const struct fault_server *server,
		     const char *name);

#endif
