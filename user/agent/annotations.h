/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Annotations of Services in our own domain that nobody here knows: most likely written wrong, and
 * else without any sign. They are no error, because a newer agent on another node may know them.
 */
#ifndef AGENT_ANNOTATIONS_H
#define AGENT_ANNOTATIONS_H

#include "agent/problems.h"
#include "store/store.h"

struct bl_annotations;

/* From now on each Service of the store has a problem (a warning) while it has such an annotation.
 * Both are borrowed. -ENOMEM. */
int bl_annotations_new(struct bl_store *store, struct bl_problems *problems,
		       struct bl_annotations **ret);
struct bl_annotations *bl_annotations_free(struct bl_annotations *annotations);
BL_DEFINE_CLEANUP(struct bl_annotations *, bl_annotations_free);

#endif
