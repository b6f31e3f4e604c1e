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
#define ALIGNMENT 8u
#define BLOCK_MAX (UINT32_MAX / 2)

/* Structs are taken from the front, texts, which need no alignment, from the back. */
struct block {
	struct block *next;
	uint32_t size;  /* of `bytes` */
	uint32_t front; /* taken, always aligned */
	uint32_t back;
	uint32_t next_size; /* of the block that comes after, unless more is asked for */
	alignas(ALIGNMENT) char bytes[];
};

/* The first block is in one piece with the arena: of most arenas it is the only one. */
struct bl_arena {
	struct block *blocks; /* newest first */
	struct block first;   /* last, for the bytes behind it */
};

static struct bl_arena *new_arena(size_t size, uint32_t next_size)
{
	struct bl_arena *arena = size <= BLOCK_MAX ? calloc(1, sizeof(*arena) + size) : NULL;

	if (!arena)
		return NULL;
	arena->first.size = (uint32_t)size;
	arena->first.next_size = next_size;
	arena->blocks = &arena->first;
	return arena;
}

int bl_arena_new(struct bl_arena **ret)
{
	struct bl_arena *arena = new_arena(FIRST_BLOCK, FIRST_BLOCK * 2);

	if (!arena)
		return -ENOMEM;
	*ret = arena;
	return 0;
}

int bl_arena_new_sized(size_t size, struct bl_arena **ret)
{
	struct bl_arena *arena = new_arena(size, AFTER_SIZED);

	if (!arena)
		return -ENOMEM;
	*ret = arena;
	return 0;
}

/* Frees the blocks from `block` on, but the first and `kept`. */
static void free_blocks(struct bl_arena *arena, struct block *block, const struct block *kept)
{
	while (block) {
		struct block *next = block->next;

		if (block != &arena->first && block != kept)
			free(block);
		block = next;
	}
}

struct bl_arena *bl_arena_free(struct bl_arena *arena)
{
	if (!arena)
		return NULL;
	free_blocks(arena, arena->blocks, NULL);
	free(arena);
	return NULL;
}

static struct block *add_block(struct bl_arena *arena, uint32_t least)
{
	uint32_t next_size = arena->blocks->next_size;
	uint32_t size = next_size < least ? least : next_size;
	struct block *block;

	block = calloc(1, sizeof(*block) + size);
	if (!block)
		return NULL;
	block->size = size;
	block->next = arena->blocks;
	arena->blocks = block;
	block->next_size = size < LARGEST_BLOCK / 2 ? size * 2 : LARGEST_BLOCK;
	return block;
}

static void clear(struct block *block)
{
	memset(block->bytes, 0, block->front);
	memset(block->bytes + block->size - block->back, 0, block->back);
	block->front = 0;
	block->back = 0;
}

void bl_arena_reset(struct bl_arena *arena)
{
	struct block *largest = &arena->first;

	for (struct block *block = arena->blocks; block; block = block->next)
		if (block->size > largest->size)
			largest = block;
	free_blocks(arena, arena->blocks, largest);
	clear(&arena->first);
	arena->blocks = &arena->first;
	if (largest != &arena->first) {
		clear(largest);
		largest->next = &arena->first;
		arena->blocks = largest;
	}
}

size_t bl_arena_used(const struct bl_arena *arena)
{
	size_t total = 0;

	for (const struct block *block = arena->blocks; block; block = block->next)
		total += block->front + block->back;
	return total;
}

/* The newest block with so much room, which is added when there is none. */
static struct block *find_room(struct bl_arena *arena, size_t size)
{
	struct block *block = arena->blocks;

	if (size > BLOCK_MAX)
		return NULL;
	return block->size - block->front - block->back >= size ? block
								: add_block(arena, (uint32_t)size);
}

void *bl_arena_alloc(struct bl_arena *arena, size_t size)
{
	size_t aligned = (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
	struct block *block = aligned >= size ? find_room(arena, aligned) : NULL;
	char *bytes;

	if (!block)
		return NULL;
	bytes = block->bytes + block->front;
	block->front += (uint32_t)aligned;
	return bytes;
}

char *bl_arena_strndup(struct bl_arena *arena, const char *text, size_t len)
{
	struct block *block = len < SIZE_MAX ? find_room(arena, len + 1) : NULL;
	char *copy;

	if (!block)
		return NULL;
	block->back += (uint32_t)len + 1;
	copy = block->bytes + block->size - block->back;
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
	size_t total = sizeof(*arena) - sizeof(arena->first);

	for (const struct block *block = arena->blocks; block; block = block->next)
		total += sizeof(*block) + block->size;
	return total;
}
