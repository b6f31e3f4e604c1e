/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is shown to the server now: the token, the client's certificate and key, and the CA that the
 * server's own is checked with. Files are looked at before each use and read again when they were
 * replaced; a plugin is run when there is nothing yet, when what it gave has expired, and when the
 * server refused it. A file that cannot be read again leaves what was read before in use.
 */
#ifndef KUBE_AUTH_H
#define KUBE_AUTH_H

#include <systemd/sd-event.h>

#include "kube/config.h"

struct bl_kube_auth;

/* Text with its length, without a terminator in the count; {NULL, 0}: none. */
struct bl_kube_text {
	const char *text;
	size_t len;
};

/* All borrowed, until the next call. */
struct bl_kube_credentials {
	struct bl_kube_text token;
	struct bl_kube_text certificate; /* PEM */
	struct bl_kube_text key;         /* PEM */
	struct bl_kube_text ca;          /* PEM */
	uint64_t generation;             /* grows with each change */
};

/* The plugin has ended, well or not: bl_kube_auth_get says which. */
typedef void bl_kube_auth_ready_fn(void *userdata);

/* The configuration is borrowed. -ENOMEM. */
int bl_kube_auth_new(sd_event *loop, const struct bl_kube_config *config,
		     bl_kube_auth_ready_fn *ready, void *userdata, struct bl_kube_auth **ret);
struct bl_kube_auth *bl_kube_auth_free(struct bl_kube_auth *auth); /* accepts and returns NULL */
BL_DEFINE_CLEANUP(struct bl_kube_auth *, bl_kube_auth_free);

/* -EAGAIN: a plugin is at work, `ready` follows. Other errors come with words. */
int bl_kube_auth_get(struct bl_kube_auth *auth, struct bl_kube_credentials *ret,
		     struct bl_err *err);
/* The server refused credentials of this generation. True: there are others, or will be; ask with
 * those once. */
bool bl_kube_auth_refused(struct bl_kube_auth *auth, uint64_t generation);

#endif
