/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A tree into an object of its own: kind, fields, defaults, rules. Knows no texts. */
#ifndef MODEL_BUILD_H
#define MODEL_BUILD_H

#include "model/object.h"
#include "model/report.h"
#include "model/words.h"

/* What an item of a list is when it does not say it itself. */
struct bl_inherited {
	const char *kind;
	const char *api_version;
};

/* Which kind a tree is, and the report's subject. -EINVAL and problems, -ENOENT to skip it. */
int bl_build_read_kind(struct bl_report *report, const struct bl_tree *tree,
		       const struct bl_inherited *inherited, unsigned int flags, enum bl_kind *ret);

/* What building takes meanwhile, and leaves for the next. Both are borrowed. */
struct bl_workplace {
	struct bl_arena *scratch;
	struct bl_words *words; /* shared with the objects before; NULL: none */
};

/* 0 and an object, -EINVAL when there were problems, -ENOMEM. */
int bl_build_checked(const struct bl_workplace *place, enum bl_kind kind,
		     const struct bl_tree *tree, unsigned int flags, struct bl_report *report,
		     struct bl_object **ret);

#endif
