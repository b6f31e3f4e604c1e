/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The body of an API server's answer, cut into the pieces that are decoded one by one while it
 * comes in: the items and the other members of a list (or of a Status), or the events of a watch.
 * Bytes may come in any portions. Only the places of brackets, commas and quotes are checked here;
 * whether a piece is good JSON is for whoever decodes it. Memory: one piece at most.
 */
#ifndef KUBE_SPLITTER_H
#define KUBE_SPLITTER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"
#include "base/err.h"

/* etcd takes at most 1.5 MiB, which escapes in JSON may make longer. */
#define BL_SPLITTER_PIECE_MAX (3u << 20)
#define BL_SPLITTER_DEPTH_MAX 64u

enum bl_splitter_shape {
	BL_SPLITTER_LIST,  /* one object with members; "items" is taken apart */
	BL_SPLITTER_WATCH, /* objects one after another, with or without blanks between */
};

/* Texts are borrowed for the call and do not end with a zero byte. A result below 0 ends the
 * feeding. */
struct bl_splitter_handler {
	/* An item of a list, or an event of a watch. */
	int (*piece)(const char *text, size_t len, void *userdata);
	/* Any other member of a list. `key` is as it is written, escapes and all. */
	int (*member)(const char *key, const char *text, size_t len, void *userdata);
	void *userdata;
};

struct bl_splitter;

int bl_splitter_new(const struct bl_splitter_handler *handler, struct bl_splitter **ret);
struct bl_splitter *bl_splitter_free(struct bl_splitter *splitter);
BL_DEFINE_CLEANUP(struct bl_splitter *, bl_splitter_free);

/* Before each body: forgets what is left of the last one. */
void bl_splitter_start(struct bl_splitter *splitter, enum bl_splitter_shape shape);
/* -EBADMSG for what cannot be JSON of this shape, -E2BIG beyond a limit, -ENOMEM, or what the
 * handler returned. After a failure the splitter wants a new start. */
int bl_splitter_feed(struct bl_splitter *splitter, const char *bytes, size_t len,
		     struct bl_err *err);
/* The body has ended: is it whole? -EBADMSG when not. */
int bl_splitter_end(struct bl_splitter *splitter, struct bl_err *err);

#endif
