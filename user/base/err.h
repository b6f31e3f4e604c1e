/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Errors as values. Functions return 0 or a negative errno; where there is more to say, an optional
 * last parameter `struct bl_err *err` takes the words. Libraries fill it, only the agent and the
 * commands print it.
 *
 * Grammar of a message: lower case, no full stop, what failed first, the subject in single quotes,
 * what was expected and what was got.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define BL_ERR_TEXT 1024

/* A place in an input. `file` is borrowed and may be NULL; line and column count from 1, 0 is
 * unknown. */
struct bl_pos {
	const char *file;
	unsigned int line;
	unsigned int column;
};

struct bl_err {
	int code; /* negative errno; 0 while nothing failed */
	char text[BL_ERR_TEXT];
	bool truncated; /* the text did not fit */
};

/* Sets code and text; both return `code`, so that a caller can return in one step. `err` may be
 * NULL. A %m in the format stands for errno. */
int bl_err_set(struct bl_err *err, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Puts "prefix: " before the text that is there. */
int bl_err_wrap(struct bl_err *err, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * All problems of one input: validation collects them instead of stopping at the first. Keeps at
 * most `cap` and counts the rest. Initialise with BL_DIAG_INIT, release with bl_diag_done.
 */
enum bl_severity {
	BL_SEVERITY_ERROR,
	BL_SEVERITY_WARNING,
};

struct bl_problem {
	enum bl_severity severity;
	char *file; /* owned; NULL: unknown */
	unsigned int line;
	unsigned int column;
	char *field; /* owned; path such as "spec.ports[0].nodePort"; NULL: none */
	char *text;  /* owned */
};

struct bl_diag {
	struct bl_problem *problems;
	size_t count;
	size_t cap;         /* most problems kept */
	size_t error_count; /* also of those not kept */
	size_t warning_count;
};

#define BL_DIAG_CAP 100
#define BL_DIAG_INIT                                                                               \
	{                                                                                          \
		.cap = BL_DIAG_CAP                                                                 \
	}

void bl_diag_done(struct bl_diag *diag);
void bl_diag_clear(struct bl_diag *diag);

/* Adds a problem. `pos` and `field` may be NULL. A problem that memory does not suffice for is
 * still counted. */
void bl_diag_add(struct bl_diag *diag, enum bl_severity severity, const struct bl_pos *pos,
		 const char *field, const char *format, ...) __attribute__((format(printf, 5, 6)));

/* One line a problem: "file:line:col: text" ("warning: " before the text of a warning), and a last
 * line when some were not kept. */
void bl_diag_print(const struct bl_diag *diag, FILE *out);

#endif
