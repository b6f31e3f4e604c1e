/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Where objects come from. A source lives in an event loop, hands over what turned up and what went
 * away in batches, and says when it has delivered its first full list. It decodes and keeps track
 * of which file holds what; it knows nothing of the store, of addresses or of maps. One thread.
 */
#ifndef SOURCE_SOURCE_H
#define SOURCE_SOURCE_H

#include <systemd/sd-event.h>

#include "model/object.h"

struct bl_source;

struct bl_source_name {
	enum bl_kind kind;
	const char *ns; /* NULL for kinds without one */
	const char *name;
};

struct bl_source_batch {
	struct bl_object *const *upserts; /* borrowed; a receiver that keeps one takes a ref */
	size_t upsert_count;
	const struct bl_source_name *removals;
	size_t removal_count;
	bool full; /* with this batch the first full list is complete */
	/* An API server has checked them and given them all that an object is given: they are to be
	 * taken as they are. */
	bool admitted;
};

/* What objects of a cluster have as their origin's file; compared by its address. */
extern const char bl_source_cluster[];

/* Callbacks may not free the source. */
struct bl_source_handler {
	void (*deliver)(struct bl_source *source, const struct bl_source_batch *batch,
			void *userdata);
	/* All that is wrong with `subject` (a file or folder) now; no problems: all is well. */
	void (*report)(struct bl_source *source, const char *subject, const struct bl_diag *diag,
		       void *userdata);
	void *userdata;
	/* The objects of a kind that are in force, whatever brought them; the array is the
	 * caller's, and `ret_items` may be NULL. Only sources that do not keep their objects
	 * themselves want it. */
	int (*in_force)(struct bl_source *source, enum bl_kind kind,
			const struct bl_object ***ret_items, size_t *ret_count, void *userdata);
};

#define BL_SOURCE_KINDS 4

/* One of the kinds that a source follows one by one. */
struct bl_source_kind {
	enum bl_kind kind;
	const char *state; /* "listing", "watching", "waiting" */
	bool synced;
	const char *problem;     /* borrowed; NULL: none */
	uint64_t retry_ms;       /* until the next try; 0: none is due */
	uint64_t last_event_ms;  /* since something came; UINT64_MAX: never */
	uint64_t lists, watches; /* so far; of a list only when it was complete */
	uint64_t events, retries, refused;
};

struct bl_source_info {
	const char *name; /* "manifests", "api", "kubernetes" */
	const char *path; /* or the server's URL */
	bool synced;      /* the first full list was delivered */
	size_t files;
	size_t objects;
	size_t problems; /* files, or kinds, with an error */
	struct bl_source_kind kinds[BL_SOURCE_KINDS];
	size_t kind_count; /* 0: it does not tell them apart */
};

struct bl_source_ops {
	/* Delivers the first list, at once where that is possible, and follows changes. */
	int (*start)(struct bl_source *source, sd_event *loop, struct bl_err *err);
	/* Reads everything again. */
	void (*rescan)(struct bl_source *source);
	struct bl_source_info (*info)(const struct bl_source *source);
	void (*free)(struct bl_source *source);
};

struct bl_source { /* first member of each implementation */
	const struct bl_source_ops *ops;
	struct bl_source_handler handler;
};

static inline int bl_source_start(struct bl_source *source, sd_event *loop, struct bl_err *err)
{
	return source->ops->start(source, loop, err);
}

static inline void bl_source_rescan(struct bl_source *source)
{
	source->ops->rescan(source);
}

static inline struct bl_source_info bl_source_info(const struct bl_source *source)
{
	return source->ops->info(source);
}

/* Stops it. Accepts NULL, returns NULL. */
static inline struct bl_source *bl_source_free(struct bl_source *source)
{
	if (source)
		source->ops->free(source);
	return NULL;
}
BL_DEFINE_CLEANUP(struct bl_source *, bl_source_free);

#endif
