/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A reflector (reflector.h) at work: its requests go over a client, its clock is a timer of the
 * event loop. One thread.
 */
#ifndef KUBE_FEED_H
#define KUBE_FEED_H

#include <systemd/sd-event.h>

#include "kube/reflector.h"

struct bl_feed;

struct bl_feed_config { /* client and loop are borrowed as long as the feed lives */
	sd_event *loop;
	struct bl_kube_client *client;
	struct bl_kube_resource resource; /* its strings as well */
	struct bl_reflector_receiver receiver;
	/* A request has an answer, or will have none; NULL: nobody asks. */
	void (*answered)(void *userdata); /* with the receiver's userdata */
};

/* Asks for nothing before bl_feed_start. */
int bl_feed_new(const struct bl_feed_config *config, struct bl_feed **ret);
struct bl_feed *bl_feed_free(struct bl_feed *feed); /* accepts NULL, returns NULL */
BL_DEFINE_CLEANUP(struct bl_feed *, bl_feed_free);

/* Not a second time, and not from a callback of the same feed; likewise bl_feed_relist. */
void bl_feed_start(struct bl_feed *feed);
void bl_feed_relist(struct bl_feed *feed);
/* The receiver could not take what it was told just now: lists again when all callbacks are done.
 */
void bl_feed_lose(struct bl_feed *feed);

/* As bl_reflector_saw and bl_reflector_info. */
bool bl_feed_saw(const struct bl_feed *feed, const char *ns, const char *name);
struct bl_reflector_info bl_feed_info(const struct bl_feed *feed);

#endif
