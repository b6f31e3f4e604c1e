/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "probe/heap.h"

#include <errno.h>
#include <stdlib.h>

void bl_heap_done(struct bl_heap *heap)
{
	free(heap->items);
	*heap = (struct bl_heap){0};
}

struct bl_heap_item *bl_heap_first(const struct bl_heap *heap)
{
	return heap->count ? heap->items[0] : NULL;
}

static void set(struct bl_heap *heap, size_t at, struct bl_heap_item *item)
{
	heap->items[at] = item;
	item->place = at + 1;
}

static void rise(struct bl_heap *heap, struct bl_heap_item *item, size_t at)
{
	while (at > 0 && item->time < heap->items[(at - 1) / 2]->time) {
		set(heap, at, heap->items[(at - 1) / 2]);
		at = (at - 1) / 2;
	}
	set(heap, at, item);
}

static void sink(struct bl_heap *heap, struct bl_heap_item *item, size_t at)
{
	for (size_t child; (child = 2 * at + 1) < heap->count; at = child) {
		if (child + 1 < heap->count &&
		    heap->items[child + 1]->time < heap->items[child]->time)
			child++;
		if (item->time <= heap->items[child]->time)
			break;
		set(heap, at, heap->items[child]);
	}
	set(heap, at, item);
}

int bl_heap_put(struct bl_heap *heap, struct bl_heap_item *item, uint64_t time)
{
	uint64_t before = item->time;

	if (item->place) {
		item->time = time;
		if (time < before)
			rise(heap, item, item->place - 1);
		else
			sink(heap, item, item->place - 1);
		return 0;
	}
	if (heap->count == heap->capacity) {
		size_t capacity = heap->capacity ? heap->capacity * 2 : 64;
		struct bl_heap_item **items = reallocarray(heap->items, capacity, sizeof(*items));

		if (!items)
			return -ENOMEM;
		heap->items = items;
		heap->capacity = capacity;
	}
	item->time = time;
	heap->count++;
	rise(heap, item, heap->count - 1);
	return 0;
}

void bl_heap_remove(struct bl_heap *heap, struct bl_heap_item *item)
{
	struct bl_heap_item *last;
	size_t at = item->place;

	if (!at)
		return;
	item->place = 0;
	last = heap->items[--heap->count];
	if (last == item)
		return;
	if (last->time < item->time)
		rise(heap, last, at - 1);
	else
		sink(heap, last, at - 1);
}
