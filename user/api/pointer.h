/* SPDX-License-Identifier: GPL-3.0-or-later */
/* JSON pointers, RFC 6901. */
#ifndef API_POINTER_H
#define API_POINTER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct json_object;

#define BL_POINTER_DEPTH 64

struct bl_pointer {
	char *text;                          /* owned; the steps are in it */
	const char *steps[BL_POINTER_DEPTH]; /* unescaped */
	size_t count;                        /* 0: the whole document */
};

/* -EINVAL with words, -E2BIG for more steps than BL_POINTER_DEPTH, -ENOMEM. */
int bl_pointer_parse(const char *text, struct bl_pointer *ret, struct bl_err *err);
void bl_pointer_done(struct bl_pointer *pointer);
static inline void bl_pointer_done_p(struct bl_pointer *pointer)
{
	bl_pointer_done(pointer);
}

/* An index of a list of `count` items; "-" is `count`. -EINVAL: none, -ERANGE: beyond `count`. */
int bl_pointer_index(const char *step, size_t count, size_t *ret);

/* The value that the first `depth` steps lead to, borrowed; JSON's null is NULL. False: none. */
bool bl_pointer_find(const struct bl_pointer *pointer, size_t depth, struct json_object *root,
		     struct json_object **ret);

#endif
