/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is wrong at the moment, by subject (a file, an object, a part of the agent), for `status`,
 * metrics and the log. A problem is logged once, when it comes up or changes, and once more when it
 * is over. Bounded: beyond the cap problems are counted and logged but not kept.
 */
#ifndef AGENT_PROBLEMS_H
#define AGENT_PROBLEMS_H

#include <stdint.h>

#include "base/cleanup.h"
#include "base/err.h"

#define BL_PROBLEM_SUBJECTS_MAX 10000u

struct bl_problems;

int bl_problems_new(struct bl_problems **ret);
struct bl_problems *bl_problems_free(struct bl_problems *problems);
BL_DEFINE_CLEANUP(struct bl_problems *, bl_problems_free);

/* Replaces what was wrong with the subject of this name. */
void bl_problems_set(struct bl_problems *problems, const char *name, enum bl_severity severity,
		     const char *format, ...) __attribute__((format(printf, 4, 5)));
/* The same for all that stands in `diag`; nothing in it clears the subject. */
void bl_problems_set_diag(struct bl_problems *problems, const char *name,
			  const struct bl_diag *diag);
void bl_problems_clear(struct bl_problems *problems, const char *name);

/* Lines of text over all subjects, and those of severity error. */
size_t bl_problems_count(const struct bl_problems *problems);
size_t bl_problems_errors(const struct bl_problems *problems);

struct bl_problem_line {
	const char *subject; /* strings are borrowed until the next change */
	const char *text;
	enum bl_severity severity;
	int64_t since_s;
};
/* Sorted by subject, at most `max`. The array is the caller's. */
int bl_problems_list(const struct bl_problems *problems, size_t max,
		     struct bl_problem_line **ret_lines, size_t *ret_count);

#endif
