/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is due next: a binary heap of times, whose items know their place. */
#ifndef PROBE_HEAP_H
#define PROBE_HEAP_H

#include <stddef.h>
#include <stdint.h>

struct bl_heap_item {
	uint64_t time;
	size_t place; /* counts from 1; 0: not in the heap */
};

struct bl_heap { /* starts as {0} */
	struct bl_heap_item **items;
	size_t count;
	size_t capacity;
};

void bl_heap_done(struct bl_heap *heap);
/* NULL: empty. */
struct bl_heap_item *bl_heap_first(const struct bl_heap *heap);
/* Adds the item or moves it to its new time. -ENOMEM only for one that is added. */
int bl_heap_put(struct bl_heap *heap, struct bl_heap_item *item, uint64_t time);
void bl_heap_remove(struct bl_heap *heap, struct bl_heap_item *item);

#endif
