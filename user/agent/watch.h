/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Watches of the API: what happened since a version, and all that happens from then on, as lines of
 * JSON. The last changes are remembered so that a client that listed can go on from there. A
 * watcher that does not read is cut off instead of growing. Knows nothing of HTTP.
 */
#ifndef AGENT_WATCH_H
#define AGENT_WATCH_H

#include "agent/history.h"
#include "agent/selector.h"
#include "api/render.h"
#include "base/buf.h"
#include "store/store.h"

#define BL_WATCH_QUEUE 4096u /* changes that a watcher may lag behind */
#define BL_WATCHERS_MAX 64u

struct bl_watches;
struct bl_watcher;

/* Must be made before the store is filled, or the first changes are not remembered. */
int bl_watches_new(struct bl_store *store, struct bl_watches **ret);
/* Ends all watchers; they must still be closed by their owners before. */
struct bl_watches *bl_watches_free(struct bl_watches *watches);
BL_DEFINE_CLEANUP(struct bl_watches *, bl_watches_free);

/* Of Events, which are in no store: what bl_watches_tell is given. */
#define BL_WATCH_EVENTS BL_KIND_COUNT

struct bl_watch_request {
	enum bl_kind kind;            /* or BL_WATCH_EVENTS, with from_now */
	const char *ns;               /* NULL: all */
	struct bl_selector *selector; /* taken */
	struct bl_render render;      /* in what form; starts as {0}: objects as they are */
	bool from_start; /* first an ADDED for all there is; else changes after `version` */
	bool from_now;   /* only what comes from here on */
	uint64_t version;
	bool bookmarks;         /* now and then a line with the version alone */
	bool tells_initial_end; /* and one when all there is has been told */
	/* Called when there is something to read after bl_watcher_read returned 0. */
	void (*wake)(void *userdata);
	void *userdata;
};
/* -EUSERS when there are too many. */
int bl_watcher_open(struct bl_watches *watches, const struct bl_watch_request *request,
		    struct bl_watcher **ret);
struct bl_watcher *bl_watcher_close(struct bl_watcher *watcher); /* accepts NULL */
void bl_watcher_set_wake(struct bl_watcher *watcher, void (*wake)(void *userdata), void *userdata);

/* Adds lines to `buf` until it holds about `max` bytes. 1: some were added; 0: nothing now; -EPIPE:
 * the watch has ended (what was added before still counts). */
int bl_watcher_read(struct bl_watcher *watcher, struct bl_buf *buf, size_t max);
/* The last line comes after what is queued, then it ends without an error. */
void bl_watcher_finish(struct bl_watcher *watcher);
/* An Event came or was counted on: to all that watch those of its namespace and selected it. The
 * first ones of a watch are told to it alone. `object` is borrowed. */
void bl_watches_tell(struct bl_watches *watches, enum bl_change type, struct json_object *object);
void bl_watcher_tell(struct bl_watcher *watcher, enum bl_change type, struct json_object *object);
/* Makes a bookmark due for all that want them; called now and then. */
void bl_watches_bookmark(struct bl_watches *watches);
/* Borrowed. */
const struct bl_history *bl_watches_history(const struct bl_watches *watches);
size_t bl_watches_count(const struct bl_watches *watches);

#endif
