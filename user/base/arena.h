/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Memory that is given back in one step: what belongs to one object lives in one arena. The first
 * block is small and later ones double, so that 100,000 little objects stay little.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>

#include "base/cleanup.h"

struct bl_arena;

int bl_arena_new(struct bl_arena **ret);
/* The same with a first block of this size, for an owner who knows what will come; what comes on
 * top of that is taken in small steps. */
int bl_arena_new_sized(size_t size, struct bl_arena **ret);
struct bl_arena *bl_arena_free(struct bl_arena *arena); /* accepts NULL, returns NULL */
BL_DEFINE_CLEANUP(struct bl_arena *, bl_arena_free);

/* Zeroed and aligned to 8 bytes; NULL when memory is short. */
void *bl_arena_alloc(struct bl_arena *arena, size_t size);
char *bl_arena_strdup(struct bl_arena *arena, const char *text);
char *bl_arena_strndup(struct bl_arena *arena, const char *text, size_t len);
/* Forgets what was allocated and keeps the largest block for what comes. */
void bl_arena_reset(struct bl_arena *arena);
/* What the allocations so far would need in one block. */
size_t bl_arena_used(const struct bl_arena *arena);
/* Bytes taken from the system, for figures. */
size_t bl_arena_size(const struct bl_arena *arena);

#endif
