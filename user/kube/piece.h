/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the splitter hands over, read: an item of a list, an event of a watch (KEP-956 bookmarks,
 * KEP-3157 initial events), the members of a list or of a Status. Knows nothing of requests.
 */
#ifndef KUBE_PIECE_H
#define KUBE_PIECE_H

#include "model/codec.h"
#include "model/object.h"

#define BL_KUBE_STATUS_TEXT 512

enum bl_piece_type {
	BL_PIECE_PUT,      /* an item of a list, ADDED, MODIFIED */
	BL_PIECE_DELETED,  /* also: has left the selector */
	BL_PIECE_BOOKMARK, /* only the version is of use */
	BL_PIECE_ERROR,    /* the server ends the watch */
	BL_PIECE_UNKNOWN,  /* of a newer server: nothing to do with it */
};

/* A Status object, or as much of it as came. */
struct bl_kube_status {
	int code;                          /* 0: none */
	char reason[64];                   /* "Expired", "" */
	char message[BL_KUBE_STATUS_TEXT]; /* cut where it is longer */
	bool version_too_large;            /* cause ResourceVersionTooLarge */
	uint64_t retry_after_s;            /* 0: none */
};

struct bl_piece {
	enum bl_piece_type type;
	/* Of the object; borrowed until the next piece. NULL where there is none. */
	const char *ns;
	const char *name;
	const char *version;
	bool ends_initial;        /* a bookmark behind the initial events */
	struct bl_object *object; /* of PUT: owned by the caller; NULL: `diag` says what is wrong */
	struct bl_kube_status status; /* of ERROR */
};

struct bl_piece_reader;

int bl_piece_reader_new(enum bl_kind kind, struct bl_piece_reader **ret);
struct bl_piece_reader *bl_piece_reader_free(struct bl_piece_reader *reader);
BL_DEFINE_CLEANUP(struct bl_piece_reader *, bl_piece_reader_free);

/* -EBADMSG: no JSON, or no object with a name; -ENOMEM. An object that cannot be used is no
 * failure: it has a name, no object, and problems in `diag`. */
int bl_piece_read_item(struct bl_piece_reader *reader, const char *text, size_t len,
		       struct bl_piece *ret, struct bl_diag *diag, struct bl_err *err);
int bl_piece_read_event(struct bl_piece_reader *reader, const char *text, size_t len,
			struct bl_piece *ret, struct bl_diag *diag, struct bl_err *err);

/* A list's metadata. */
struct bl_list_meta {
	const char *version; /* borrowed until the next piece; NULL: none */
	const char *more;    /* the token for the next page; NULL: this was the last */
	int64_t remaining;   /* items on later pages; 0: unknown */
};
int bl_piece_read_list_meta(struct bl_piece_reader *reader, const char *text, size_t len,
			    struct bl_list_meta *ret, struct bl_err *err);
/* A member of a Status; members that are of no use are ignored, as is what is no JSON. */
void bl_piece_read_status(struct bl_piece_reader *reader, const char *key, const char *text,
			  size_t len, struct bl_kube_status *status);

#endif
