/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Keeps up with one kind of object of an API server: list, watch, watch again where it left off,
 * list again where that is not possible; back-off where the server does not answer. A state machine
 * without I/O: time, random numbers and the transport are given to it, so that tests let hours pass
 * in a moment. It remembers no objects; whoever takes them says at the end of a list which are in
 * force. How servers behave: docs/kubernetes.md. One thread.
 */
#ifndef KUBE_REFLECTOR_H
#define KUBE_REFLECTOR_H

#include "kube/client.h"
#include "kube/resource.h"

struct bl_reflector;

struct bl_reflector_get { /* borrowed for the call */
	const char *path;
	uint64_t idle_timeout_ms;
	uint64_t total_timeout_ms; /* 0: none */
	bool compressed;
};

/* What it does its work with. */
struct bl_reflector_transport {
	/* Starts a GET, of which bl_reflector_head, _data and _end tell later. At most one at a
	 * time. */
	int (*send)(const struct bl_reflector_get *get, void *userdata, struct bl_err *err);
	/* Ends it without another word. */
	void (*cancel)(void *userdata);
	/* bl_reflector_wake is wanted at that time, and not before; UINT64_MAX: not at all. */
	void (*wake_at)(uint64_t at_ms, void *userdata);
	uint32_t (*random)(void *userdata);
	void *userdata;
};

/* Who hears of the objects. None may free the reflector, or let it list again. */
struct bl_reflector_receiver {
	/* An object as it is now; the receiver takes a reference to keep it. */
	void (*put)(struct bl_object *object, void *userdata);
	/* The server's new version of an object cannot be used: the one before stays in force. */
	void (*refuse)(const char *ns, const char *name, const struct bl_diag *diag,
		       void *userdata);
	/* `ns` is NULL for kinds without one. */
	void (*remove)(const char *ns, const char *name, void *userdata);
	/* A list, the first or a later one, is complete: whatever is in force and was not seen
	 * (bl_reflector_saw) is gone. */
	void (*complete)(void *userdata);
	/* A portion of a body is done with: a good moment to hand on what came. */
	void (*flush)(void *userdata);
	/* What is wrong now, for people; NULL: all is well. */
	void (*problem)(const char *text, void *userdata);
	void *userdata;
};

struct bl_reflector_config {
	struct bl_kube_resource resource; /* strings are borrowed as long as the reflector lives */
	struct bl_reflector_transport transport;
	struct bl_reflector_receiver receiver;
	bool no_streaming_lists; /* do not even ask for them */
};

enum bl_reflector_state {
	BL_REFLECTOR_OFF,
	BL_REFLECTOR_LISTING,
	BL_REFLECTOR_WATCHING,
	BL_REFLECTOR_WAITING, /* until a later try */
	BL_REFLECTOR_STATE_COUNT,
};
const char *bl_reflector_state_name(enum bl_reflector_state state);

struct bl_reflector_info {
	enum bl_reflector_state state;
	bool synced;            /* a list was complete */
	const char *version;    /* watched from; NULL: none */
	const char *problem;    /* NULL: none */
	unsigned int failures;  /* in a row */
	uint64_t wake_ms;       /* of the next try while waiting */
	uint64_t last_event_ms; /* when the server last said something of use; 0: never */
	uint64_t lists;         /* complete ones */
	uint64_t watches;       /* begun */
	uint64_t events;        /* objects and bookmarks */
	uint64_t retries;       /* after a failure */
	uint64_t refused;       /* objects that could not be used */
	bool streams_lists;     /* the server has not refused to */
};

int bl_reflector_new(const struct bl_reflector_config *config, struct bl_reflector **ret);
struct bl_reflector *bl_reflector_free(struct bl_reflector *reflector); /* sends nothing more */
BL_DEFINE_CLEANUP(struct bl_reflector *, bl_reflector_free);

/* Times are milliseconds of one clock that never goes back. */
void bl_reflector_start(struct bl_reflector *reflector, uint64_t now_ms);
/* Lists again now, whatever was going on. */
void bl_reflector_relist(struct bl_reflector *reflector, uint64_t now_ms);
void bl_reflector_wake(struct bl_reflector *reflector, uint64_t now_ms);
void bl_reflector_head(struct bl_reflector *reflector, int status, uint64_t now_ms);
/* Below 0: the call is to be ended; bl_reflector_end is told so. */
int bl_reflector_data(struct bl_reflector *reflector, const void *bytes, size_t len,
		      uint64_t now_ms);
void bl_reflector_end(struct bl_reflector *reflector, const struct bl_kube_outcome *outcome,
		      uint64_t now_ms);

/* Only while `complete` is called: was this object in the list? */
bool bl_reflector_saw(const struct bl_reflector *reflector, const char *ns, const char *name);

/* Strings are borrowed until the next call. */
struct bl_reflector_info bl_reflector_info(const struct bl_reflector *reflector);

#endif
