/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What one agent knows of all Leases (lease.h), and what it writes next: its heartbeat, claims that
 * it wants and nobody has, and the end of another's heartbeat that was silent for too long. Claims
 * and others' heartbeats are known from one watch alone, so that what is known never goes back:
 * after a write, the next thing about that Lease is what the watch says. Who wants a claim waits
 * for a moment that is drawn from both names, so that claims are spread over agents and few try at
 * the same time. A state machine without I/O; times are milliseconds of one clock that never goes
 * back.
 */
#ifndef KUBE_LEASE_BOOK_H
#define KUBE_LEASE_BOOK_H

#include "kube/lease_heartbeat.h"

#define BL_LEASE_SKEW_MS 500   /* before a claim that is free is written */
#define BL_LEASE_WRITES_MAX 16 /* under way at a time, beside the own heartbeat */

struct bl_lease_book;

struct bl_lease_book_config { /* strings are borrowed */
	const char *ns;
	const char *identity; /* the node's name */
	struct bl_lease_times times;
	uint64_t seed; /* random */
};

/* -ENAMETOOLONG: of the node's name. */
int bl_lease_book_new(const struct bl_lease_book_config *config, struct bl_lease_book **ret);
struct bl_lease_book *bl_lease_book_free(struct bl_lease_book *book); /* accepts NULL */
BL_DEFINE_CLEANUP(struct bl_lease_book *, bl_lease_book_free);

/* The watch: a Lease as it is now, one that is gone, the end of a whole list, and any word. */
int bl_lease_book_put(struct bl_lease_book *book, const struct bl_lease_object *lease,
		      uint64_t now_ms);
void bl_lease_book_remove(struct bl_lease_book *book, const char *name, uint64_t now_ms);
void bl_lease_book_complete(struct bl_lease_book *book,
			    bool (*saw)(const char *name, void *userdata), void *userdata,
			    uint64_t now_ms);
void bl_lease_book_hear(struct bl_lease_book *book, uint64_t now_ms);
/* Not while a list comes in: a claim may stand in it before the heartbeat that it counts by. No
 * claim is written meanwhile, nor any heartbeat but our own. */
void bl_lease_book_set_watching(struct bl_lease_book *book, bool watching);
/* What was written long ago was not seen yet: only a new list helps. Not true again at once. */
bool bl_lease_book_needs_list(struct bl_lease_book *book, uint64_t now_ms);

/* Claims of this agent. -ENOMEM. Of a whole set: between begin and end those wanted are named, the
 * others are not wanted. */
int bl_lease_book_want(struct bl_lease_book *book, const char *name, bool wanted, uint64_t now_ms);
void bl_lease_book_begin(struct bl_lease_book *book);
void bl_lease_book_end(struct bl_lease_book *book);
/* Gives all up: from here on nothing is held, and only the heartbeat is written once more. */
void bl_lease_book_leave(struct bl_lease_book *book);
bool bl_lease_book_has_left(const struct bl_lease_book *book);

enum bl_lease_standing {
	BL_LEASE_FREE,
	BL_LEASE_HELD,    /* by this agent, which may act on it */
	BL_LEASE_LAPSED,  /* by this agent, but it could not renew, or has heard nothing, for too
			     long */
	BL_LEASE_TAKEN,   /* by another */
	BL_LEASE_UNKNOWN, /* nothing was heard for too long */
};
enum bl_lease_standing bl_lease_book_standing(const struct bl_lease_book *book, const char *name,
					      uint64_t now_ms);
/* Of no claim in particular: is the heartbeat held? */
bool bl_lease_book_may_act(const struct bl_lease_book *book, uint64_t now_ms);
/* NULL: nobody. */
const char *bl_lease_book_holder(const struct bl_lease_book *book, const char *name);
size_t bl_lease_book_held_count(const struct bl_lease_book *book, uint64_t now_ms);
/* Has the standing of a claim that is wanted changed since this was asked last? */
bool bl_lease_book_changed(struct bl_lease_book *book, uint64_t now_ms);

/* Leases that nobody needs any more: claims that do not count and are not `needed`, heartbeats of
 * nodes that are gone. They are deleted when they are found so again after a minute. */
void bl_lease_book_sweep(struct bl_lease_book *book,
			 bool (*needed)(const char *name, void *userdata), void *userdata,
			 uint64_t now_ms);

struct bl_lease_request { /* strings are borrowed until the next call */
	enum bl_lease_act act;
	const char *name;
	const struct bl_buf *body;
};
/* Hands over each request to make now; those that could be made (true) count as begun. */
typedef bool bl_lease_send_fn(const struct bl_lease_request *request, void *userdata);
void bl_lease_book_turn(struct bl_lease_book *book, uint64_t now_ms, uint64_t now_us,
			bl_lease_send_fn *send, void *userdata);
/* How one ended: as bl_heartbeat_done. */
void bl_lease_book_done(struct bl_lease_book *book, const char *name, int status,
			const struct bl_lease_object *lease, uint64_t now_ms);
/* When to turn again, and to ask what changed; UINT64_MAX: when something changes. */
uint64_t bl_lease_book_due(const struct bl_lease_book *book, uint64_t now_ms);

#endif
