/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Events, of the agent's own probes and of clients, in the form of the core group: in memory, the
 * latest of them, for an hour. Versions are the store's, so that a watch goes on from a list. What
 * goes (by age, by number, with its namespace) is told to those who watch.
 */
#ifndef AGENT_EVENTS_H
#define AGENT_EVENTS_H

#include "agent/watch.h"
#include "base/cleanup.h"
#include "store/store.h"

struct bl_events;
struct json_object;

#define BL_EVENTS_MAX 1024u
#define BL_EVENT_TEXT_MAX (16u << 10) /* bytes of one as JSON text */
#define BL_EVENTS_LIFE_S 3600

/* Both are borrowed. */
int bl_events_new(struct bl_store *store, struct bl_watches *watches, struct bl_events **ret);
struct bl_events *bl_events_free(struct bl_events *events); /* accepts NULL */
BL_DEFINE_CLEANUP(struct bl_events *, bl_events_free);

/* Takes an Event with name and namespace, which nobody changes from then on but for its
 * `metadata.resourceVersion`, set here; one of the same name is replaced. */
void bl_events_put(struct bl_events *events, struct json_object *json, int64_t now_s);
/* -ENOENT. */
int bl_events_remove(struct bl_events *events, const char *ns, const char *name);
/* Borrowed until the next change; NULL: none. */
struct json_object *bl_events_find(const struct bl_events *events, const char *ns,
				   const char *name);

/* Lets those go that are old enough. */
void bl_events_expire(struct bl_events *events, int64_t now_s);
/* The one that changed longest ago first; borrowed until the next change. */
size_t bl_events_count(const struct bl_events *events);
struct json_object *bl_events_at(const struct bl_events *events, size_t index);

/* Tells a watcher what came after `version` (0: all there is). -ESTALE: something has gone since
 * then, so that it has to list again. */
int bl_events_tell(const struct bl_events *events, struct bl_watcher *watcher, uint64_t version);

#endif
