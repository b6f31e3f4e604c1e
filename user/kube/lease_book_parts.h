/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of the book share. Private to this folder. */
#ifndef KUBE_LEASE_BOOK_PARTS_H
#define KUBE_LEASE_BOOK_PARTS_H

#include <stddef.h>

#include "base/map.h"
#include "kube/lease_book.h"

enum bl_possession { /* of a claim, as far as is known */
		     BL_NOBODYS,
		     BL_OURS,
		     BL_ANOTHERS,
		     BL_SILENT, /* another's whose heartbeat stopped */
};

struct bl_lease_record { /* one Lease; heartbeats of others and claims have this in common */
	bool exists;
	char *holder;     /* owned; NULL: nobody */
	uint64_t term;    /* 0: none */
	uint64_t version; /* of the server */
	int64_t transitions;
	bool writing;     /* a request is under way */
	bool sent_exists; /* as it was when that was sent */
	uint64_t sent_version;
	uint64_t awaited_ms; /* since when the watch is to tell of a write; 0: nothing to tell */
	uint64_t next_ms;    /* of the next write, not before */
	uint64_t useless_ms; /* since when nobody needs it; 0: it is needed */
	bool sweep;          /* to be deleted */
	char *name;          /* owned */
};

struct bl_lease_beat {    /* the heartbeat of a node; also of our own, for others' terms of ours */
	uint64_t renewed; /* a hash of the text */
	uint64_t changed_ms;  /* when we first saw it so */
	uint64_t duration_ms; /* that it promises */
	bool silent;
	bool blocks; /* claims that we want */
	struct bl_lease_record record;
};

struct bl_lease_claim {
	bool wanted;
	bool named; /* since bl_lease_book_begin */
	enum bl_possession possession;
	enum bl_lease_standing told; /* as bl_lease_book_changed saw it last */
	struct bl_lease_record record;
};

struct bl_lease_book {
	struct bl_lease_book_config config;
	struct bl_heartbeat heartbeat;
	struct bl_map *beats;  /* name -> struct bl_lease_beat, owned */
	struct bl_map *claims; /* name -> struct bl_lease_claim, owned */
	uint64_t told_ms;      /* when the watch last said anything */
	uint64_t awaited_ms;   /* the oldest write that was not seen yet; 0: none */
	uint64_t listed_ms;    /* when a list was last asked for because of that */
	uint64_t pending_ms;   /* when the next claim is to be written; UINT64_MAX: none */
	size_t writes;
	bool synced;
	bool watching;
	bool leaving;
	bool changed;
	/* What the last scan was made of. */
	bool dirty;
	bool was_held, was_fresh;
};

static inline struct bl_lease_beat *bl_lease_beat_of(struct bl_lease_record *record)
{
	return (struct bl_lease_beat *)((char *)record - offsetof(struct bl_lease_beat, record));
}

static inline struct bl_lease_claim *bl_lease_claim_of(struct bl_lease_record *record)
{
	return (struct bl_lease_claim *)((char *)record - offsetof(struct bl_lease_claim, record));
}

struct bl_lease_record *bl_lease_book_find(const struct bl_lease_book *book, const char *name);
struct bl_lease_claim *bl_lease_book_claim(const struct bl_lease_book *book, const char *name);
/* Forgets a record that is neither there nor wanted nor being written. */
void bl_lease_book_tidy(struct bl_lease_book *book, struct bl_lease_record *record);
/* How long to wait before a free claim is written, or a silent heartbeat ended. */
uint64_t bl_lease_book_skew(const struct bl_lease_book *book, const char *name);
uint64_t bl_lease_book_list_due(const struct bl_lease_book *book);

/* Does what is known still hold? */
bool bl_lease_book_is_fresh(const struct bl_lease_book *book, uint64_t now_ms);
struct bl_lease_beat *bl_lease_book_beat(const struct bl_lease_book *book,
					 const struct bl_lease_record *record);
/* Brings all up to date that follows from what is known. */
void bl_lease_book_scan(struct bl_lease_book *book, uint64_t now_ms);
/* Is the claim to be written, once its moment comes? */
bool bl_lease_book_is_due(const struct bl_lease_book *book, const struct bl_lease_claim *claim);

#endif
