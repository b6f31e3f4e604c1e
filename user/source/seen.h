/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the files of a folder looked like when they were read, to tell which have changed. A file
 * that is a link counts as what it leads to. Private to this folder.
 */
#ifndef SOURCE_SEEN_H
#define SOURCE_SEEN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/map.h"

struct bl_seen;

int bl_seen_new(struct bl_seen **ret);
struct bl_seen *bl_seen_free(struct bl_seen *seen);
BL_DEFINE_CLEANUP(struct bl_seen *, bl_seen_free);

/* Of a regular file, or of what a link leads to; all zero when that is not there. */
int bl_seen_stat(const char *path, struct stat *ret, bool *ret_link);

size_t bl_seen_count(const struct bl_seen *seen);
/* How many of them are links. */
size_t bl_seen_links(const struct bl_seen *seen);
bool bl_seen_has(const struct bl_seen *seen, const char *name);
/* It looked like that when it was read, and cannot have changed without a trace. */
bool bl_seen_same(const struct bl_seen *seen, const char *name, const struct stat *st);
/* To be called before the file is read: a change in between is seen the next time. */
int bl_seen_put(struct bl_seen *seen, const char *name, const struct stat *st, bool link);
void bl_seen_remove(struct bl_seen *seen, const char *name);

/* Passes over the whole folder: which files did the last one not meet? */
void bl_seen_begin_pass(struct bl_seen *seen);
void bl_seen_meet(struct bl_seen *seen, const char *name);
bool bl_seen_was_met(const struct bl_seen *seen, const char *name);

/* Goes over the names; false at the end. `cursor` starts at 0. `ret_link` may be NULL. */
bool bl_seen_next(const struct bl_seen *seen, size_t *cursor, const char **ret_name,
		  size_t *ret_len, bool *ret_link);

#endif
