/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * libcurl's multi interface in an event loop: its sockets and its timer are sources of the loop, so
 * that transfers never block it. Who adds a transfer is told once how it ended. One thread.
 */
#ifndef LOOP_CURL_H
#define LOOP_CURL_H

#include <curl/curl.h>
#include <systemd/sd-event.h>

#include "base/cleanup.h"

struct bl_curl_loop;

/* A transfer has ended. It is still in the multi handle: the receiver takes it out, or out and in
 * again. Not called from within a callback of libcurl. The receiver may free the whole. */
typedef void bl_curl_done_fn(CURL *easy, CURLcode code, void *userdata);

/* -ENOMEM and what the event loop says. */
int bl_curl_loop_new(sd_event *loop, bl_curl_done_fn *done, void *userdata,
		     struct bl_curl_loop **ret);
/* All transfers must have been taken out. Accepts NULL, returns NULL. */
struct bl_curl_loop *bl_curl_loop_free(struct bl_curl_loop *curl);
BL_DEFINE_CLEANUP(struct bl_curl_loop *, bl_curl_loop_free);

/* To add and remove transfers, and for options; borrowed. */
CURLM *bl_curl_loop_multi(const struct bl_curl_loop *curl);

#endif
