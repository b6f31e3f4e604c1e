/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Ownership that can be read in one function: variables that release what they hold when they go
 * out of scope, and TAKE_* for the hand-over. File descriptors start at -1.
 */
#ifndef BASE_CLEANUP_H
#define BASE_CLEANUP_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

/* Defines the function that `_cleanup_(func)` needs from a release function that accepts NULL. */
#define BL_DEFINE_CLEANUP(type, func)                                                              \
	static inline void func##_p(type *pointer)                                                 \
	{                                                                                          \
		func(*pointer);                                                                    \
	}                                                                                          \
	struct bl_cleanup_semicolon_

/* Unused as well: a variable may exist for nothing but its release, which clang calls unused. */
#define _cleanup_(func) __attribute__((cleanup(func##_p), unused))

static inline void bl_free_p(void *pointer)
{
	free(*(void **)pointer);
}

static inline void bl_close_p(const int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
}

static inline void bl_fclose_p(FILE **file)
{
	if (*file)
		(void)fclose(*file);
}

#define _cleanup_free_ __attribute__((cleanup(bl_free_p), unused))
#define _cleanup_close_ __attribute__((cleanup(bl_close_p), unused))
#define _cleanup_fclose_ __attribute__((cleanup(bl_fclose_p), unused))

/* The value of `pointer`, which is NULL from here on: the new owner releases it. */
#define TAKE_PTR(pointer)                                                                          \
	__extension__({                                                                            \
		__typeof__(pointer) *take_from_ = &(pointer);                                      \
		__typeof__(pointer) taken_ = *take_from_;                                          \
		*take_from_ = NULL;                                                                \
		taken_;                                                                            \
	})

/* The same for a file descriptor, which is -1 from here on. */
static inline int bl_take_fd(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}
#define TAKE_FD(fd) bl_take_fd(&(fd))

#endif
