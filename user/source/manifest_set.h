/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which file declares which object, and which declaration is in force: the first file to declare an
 * object owns it until it no longer does. Files go in and out; a commit says what changed. No I/O,
 * so that the rules can be tested without a file system.
 */
#ifndef SOURCE_MANIFEST_SET_H
#define SOURCE_MANIFEST_SET_H

#include "source/source.h"

struct bl_manifest_set;

int bl_manifest_set_new(struct bl_manifest_set **ret);
struct bl_manifest_set *bl_manifest_set_free(struct bl_manifest_set *set);
BL_DEFINE_CLEANUP(struct bl_manifest_set *, bl_manifest_set_free);

/*
 * The objects that the file at `path` holds now, and what was wrong with it (`diag` is copied).
 * When there were errors, objects that it held before and that did not turn up again stay: the
 * document that is broken now may be theirs. -ENOMEM leaves the set as it was before as far as
 * possible; put again.
 */
int bl_manifest_set_put(struct bl_manifest_set *set, const char *path,
			const struct bl_object_list *objects, const struct bl_diag *diag);
/* The file is gone; unknown ones are fine. */
void bl_manifest_set_drop(struct bl_manifest_set *set, const char *path);

/* Hands over what changed since the last commit: one batch, and a report for every file whose
 * problems changed or were put anew. */
int bl_manifest_set_commit(struct bl_manifest_set *set, struct bl_source *source, bool full);

size_t bl_manifest_set_files(const struct bl_manifest_set *set);
size_t bl_manifest_set_objects(const struct bl_manifest_set *set);
size_t bl_manifest_set_problems(const struct bl_manifest_set *set);

#endif
