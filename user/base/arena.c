/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/arena.h"

#include <errno.h>
#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_BLOCK 448u
#define LARGEST_BLOCK 65536u
#define AFTER_SIZED 64u /* what a sized arena did not count is small: one text, or a few */

struct block {
	struct block *next;
	size_t size; /* of `bytes` */
	size_t used;
	alignas(max_align_t) char bytes[];
};

struct bl_arena {
	struct block *blocks; /* newest first */
	size_t next_size;     /* of the block that is added next, unless more is asked for */
};

int bl_arena_new(struct bl_arena **ret)
{
	struct bl_arena *arena = calloc(1, sizeof(*arena));

	if (!arena)
		return -ENOMEM;
	arena->next_size = FIRST_BLOCK;
	*ret = arena;
	return 0;
}

struct bl_arena *bl_arena_free(struct bl_arena *arena)
{
	if (!arena)
		return NULL;
	while (arena->blocks) {
		struct block *block = arena->blocks;

		arena->blocks = block->next;
		free(block);
	}
	free(arena);
	return NULL;
}

static struct block *add_block(struct bl_arena *arena, size_t least)
{
	size_t size = arena->next_size < least ? least : arena->next_size;
	struct block *block;

	block = calloc(1, sizeof(*block) + size);
	if (!block)
		return NULL;
	block->size = size;
	block->next = arena->blocks;
	arena->blocks = block;
	arena->next_size = size < LARGEST_BLOCK / 2 ? size * 2 : LARGEST_BLOCK;
	return block;
}

int bl_arena_new_sized(size_t size, struct bl_arena **ret)
{
	_cleanup_(bl_arena_free) struct bl_arena *arena = NULL;
	struct block *block;
	int r;

	r = bl_arena_new(&arena);
	if (r < 0)
		return r;
	block = calloc(1, sizeof(*block) + size);
	if (!block)
		return -ENOMEM;
	block->size = size;
	arena->blocks = block;
	arena->next_size = AFTER_SIZED;
	*ret = TAKE_PTR(arena);
	return 0;
}

void bl_arena_reset(struct bl_arena *arena)
{
	struct block *largest = NULL;

	while (arena->blocks) {
		struct block *block = arena->blocks;

		arena->blocks = block->next;
		if (!largest || block->size > largest->size) {
			free(largest);
			largest = block;
		} else {
			free(block);
		}
	}
	if (largest) {
		memset(largest->bytes, 0, largest->used);
		largest->used = 0;
		largest->next = NULL;
	}
	arena->blocks = largest;
}

size_t bl_arena_used(const struct bl_arena *arena)
{
	const size_t alignment = alignof(max_align_t);
	size_t total = 0;

	for (const struct block *block = arena->blocks; block; block = block->next)
		total += (block->used + alignment - 1) & ~(alignment - 1);
	return total;
}

static void *take(struct bl_arena *arena, size_t size, size_t alignment)
{
	struct block *block = arena->blocks;
	size_t start = block ? (block->used + alignment - 1) & ~(alignment - 1) : 0;

	if (size > SIZE_MAX / 2)
		return NULL;
	if (!block || start + size > block->size) {
		block = add_block(arena, size);
		if (!block)
			return NULL;
		start = 0;
	}
	block->used = start + size;
	return block->bytes + start;
}

void *bl_arena_alloc(struct bl_arena *arena, size_t size)
{
	return take(arena, size, alignof(max_align_t));
}

char *bl_arena_strndup(struct bl_arena *arena, const char *text, size_t len)
{
	char *copy = take(arena, len + 1, 1);

	if (!copy)
		return NULL;
	memcpy(copy, text, len);
	copy[len] = '\0';
	return copy;
}

char *bl_arena_strdup(struct bl_arena *arena, const char *text)
{
	return bl_arena_strndup(arena, text, strlen(text));
}

size_t bl_arena_size(const struct bl_arena *arena)
{
	size_t total = sizeof(*arena);

	for (const struct block *block = arena->blocks; block; block = block->next)
		total += sizeof(*block) + block->size;
	return total;
}
