/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Objects in the form that a client asked for: as they are, as rows of a Table, or only their
 * metadata; one, a list, or one after the other as a watch brings them. Pure.
 */
#ifndef API_RENDER_H
#define API_RENDER_H

#include "api/accept.h"
#include "api/columns.h"

enum bl_include { /* what stands beside the cells of a row */
		  BL_INCLUDE_METADATA,
		  BL_INCLUDE_OBJECT,
		  BL_INCLUDE_NONE,
};
/* NULL or "" is the first. -EINVAL. */
int bl_include_parse(const char *word, enum bl_include *ret);

struct bl_render {
	enum bl_media media; /* 0: the objects as they are */
	enum bl_include include;
	const char *kind; /* of one object; static */
	const char *api_version;
	const struct bl_column *columns;
	/* Another form of the object than the columns read: takes it, gives a new tree. NULL: the
	 * same. */
	struct json_object *(*form)(struct json_object *object);
	int64_t now_s;
	bool heads_sent; /* a watch tells the columns once */
};

struct bl_list_meta {
	uint64_t version;
	const char *next;   /* token of the next piece; NULL: this is the last */
	uint64_t remaining; /* objects behind it; 0: unknown or none */
};

/* One object; takes `object`, gives a new tree. NULL: no memory. */
struct json_object *bl_render_object(struct bl_render *render, struct json_object *object);

/* A list goes into a buffer piece by piece, so that no tree of all of it is made: begin, an item
 * for each, end. */
void bl_render_list_begin(const struct bl_render *render, const struct bl_list_meta *meta,
			  struct bl_buf *ret);
/* Takes `object`. */
void bl_render_list_item(const struct bl_render *render, struct json_object *object, bool is_first,
			 struct bl_buf *ret);
void bl_render_list_end(struct bl_buf *ret);

/* A bookmark's object: nothing but the version up to which a watch has told everything. */
struct json_object *bl_render_bookmark(const struct bl_render *render, uint64_t version,
				       bool initial_end);

#endif
