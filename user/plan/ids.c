/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plan/ids.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* So many ids wait before the oldest is used again, as long as unused ones are left. */
#define IDS_WAITING 1024u
/* So many slots, and an eighth of those in use, wait before the oldest run is used again. */
#define SLOTS_WAITING 1024u

void bl_ids_init(struct bl_ids *ids, uint32_t limit)
{
	*ids = (struct bl_ids){.limit = limit, .next = 1};
}

void bl_ids_done(struct bl_ids *ids)
{
	free(ids->queue);
	*ids = (struct bl_ids){0};
}

bool bl_ids_has(const struct bl_ids *ids, uint32_t count)
{
	return count <= ids->count || count - ids->count <= ids->limit - ids->next;
}

int bl_ids_reserve(struct bl_ids *ids, uint32_t more)
{
	uint32_t capacity = ids->capacity ? ids->capacity : 64;
	uint32_t *queue;

	while (capacity < ids->count + more)
		capacity *= 2;
	if (capacity == ids->capacity)
		return 0;
	queue = calloc(capacity, sizeof(*queue));
	if (!queue)
		return -ENOMEM;
	for (uint32_t i = 0; i < ids->count; i++)
		queue[i] = ids->queue[(ids->head + i) & (ids->capacity - 1)];
	free(ids->queue);
	ids->queue = queue;
	ids->head = 0;
	ids->capacity = capacity;
	return 0;
}

int bl_ids_adopt(struct bl_ids *ids, uint32_t next, const bool *is_used)
{
	int r = bl_ids_reserve(ids, next);

	if (r < 0)
		return r;
	ids->next = next;
	ids->used = next - 1;
	for (uint32_t id = 1; id < next; id++)
		if (!is_used[id])
			bl_ids_release(ids, id);
	return 0;
}

uint32_t bl_ids_take(struct bl_ids *ids)
{
	uint32_t id;

	ids->used++;
	if (ids->next < ids->limit && ids->count <= IDS_WAITING)
		return ids->next++;
	id = ids->queue[ids->head];
	ids->head = (ids->head + 1) & (ids->capacity - 1);
	ids->count--;
	return id;
}

void bl_ids_release(struct bl_ids *ids, uint32_t id)
{
	ids->queue[(ids->head + ids->count) & (ids->capacity - 1)] = id;
	ids->count++;
	ids->used--;
}

void bl_ranges_init(struct bl_ranges *ranges, uint32_t limit)
{
	*ranges = (struct bl_ranges){.limit = limit};
}

void bl_ranges_done(struct bl_ranges *ranges)
{
	free(ranges->free);
	free(ranges->waiting);
	*ranges = (struct bl_ranges){0};
}

static int reserve_waiting(struct bl_ranges *ranges, size_t needed)
{
	size_t capacity = ranges->waiting_capacity ? ranges->waiting_capacity : 64;
	struct bl_slot_range *waiting;

	while (capacity < needed)
		capacity *= 2;
	if (capacity == ranges->waiting_capacity)
		return 0;
	waiting = calloc(capacity, sizeof(*waiting));
	if (!waiting)
		return -ENOMEM;
	for (size_t i = 0; i < ranges->waiting_count; i++)
		waiting[i] = ranges->waiting[(ranges->waiting_head + i) &
					     (ranges->waiting_capacity - 1)];
	free(ranges->waiting);
	ranges->waiting = waiting;
	ranges->waiting_head = 0;
	ranges->waiting_capacity = capacity;
	return 0;
}

int bl_ranges_reserve(struct bl_ranges *ranges, size_t more)
{
	/* All that waits may become free at once. */
	size_t needed = ranges->free_count + ranges->waiting_count + 2 * more;

	if (needed > ranges->free_capacity) {
		size_t capacity = needed + needed / 2;
		struct bl_slot_range *grown =
			reallocarray(ranges->free, capacity, sizeof(*ranges->free));

		if (!grown)
			return -ENOMEM;
		ranges->free = grown;
		ranges->free_capacity = capacity;
	}
	return reserve_waiting(ranges, ranges->waiting_count + more);
}

/* Enters a run into the free list and joins it with its neighbours. */
static void make_free(struct bl_ranges *ranges, struct bl_slot_range range)
{
	struct bl_slot_range *list = ranges->free;
	size_t low = 0;
	size_t high = ranges->free_count;
	bool joins_left, joins_right;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (list[middle].first < range.first)
			low = middle + 1;
		else
			high = middle;
	}
	joins_left = low > 0 && list[low - 1].first + list[low - 1].count == range.first;
	joins_right = low < ranges->free_count && range.first + range.count == list[low].first;
	if (joins_left && joins_right) {
		list[low - 1].count += range.count + list[low].count;
		memmove(&list[low], &list[low + 1], (--ranges->free_count - low) * sizeof(*list));
	} else if (joins_left) {
		list[low - 1].count += range.count;
	} else if (joins_right) {
		list[low].first = range.first;
		list[low].count += range.count;
	} else {
		memmove(&list[low + 1], &list[low], (ranges->free_count++ - low) * sizeof(*list));
		list[low] = range;
	}
}

static void end_oldest_wait(struct bl_ranges *ranges)
{
	struct bl_slot_range range = ranges->waiting[ranges->waiting_head];

	ranges->waiting_head = (ranges->waiting_head + 1) & (ranges->waiting_capacity - 1);
	ranges->waiting_count--;
	ranges->waiting_slots -= range.count;
	make_free(ranges, range);
}

static bool take_free(struct bl_ranges *ranges, uint32_t count, uint32_t *ret_first)
{
	struct bl_slot_range *list = ranges->free;
	size_t best = SIZE_MAX;

	for (size_t i = 0; i < ranges->free_count; i++) {
		if (list[i].count < count ||
		    (best != SIZE_MAX && list[i].count >= list[best].count))
			continue;
		best = i;
		if (list[i].count == count)
			break;
	}
	if (best == SIZE_MAX)
		return false;
	*ret_first = list[best].first;
	list[best].first += count;
	list[best].count -= count;
	if (list[best].count == 0)
		memmove(&list[best], &list[best + 1],
			(--ranges->free_count - best) * sizeof(*list));
	return true;
}

static bool take_unused(struct bl_ranges *ranges, uint32_t count, uint32_t *ret_first)
{
	if (count > ranges->limit - ranges->end)
		return false;
	*ret_first = ranges->end;
	ranges->end += count;
	return true;
}

int bl_ranges_take(struct bl_ranges *ranges, uint32_t count, uint32_t *ret_first)
{
	uint32_t first;

	while (ranges->waiting_count > 0 &&
	       ranges->waiting_slots > SLOTS_WAITING + ranges->used / 8)
		end_oldest_wait(ranges);
	while (!take_free(ranges, count, &first) && !take_unused(ranges, count, &first)) {
		if (ranges->waiting_count == 0)
			return -ENOSPC;
		end_oldest_wait(ranges);
	}
	ranges->used += count;
	*ret_first = first;
	return 0;
}

void bl_ranges_release(struct bl_ranges *ranges, struct bl_slot_range range)
{
	ranges->waiting[(ranges->waiting_head + ranges->waiting_count) &
			(ranges->waiting_capacity - 1)] = range;
	ranges->waiting_count++;
	ranges->waiting_slots += range.count;
	ranges->used -= range.count;
}

void bl_ranges_give_back(struct bl_ranges *ranges, struct bl_slot_range range)
{
	ranges->used -= range.count;
	make_free(ranges, range);
}

int bl_ranges_adopt(struct bl_ranges *ranges, const struct bl_slot_range *used, size_t count)
{
	int r = bl_ranges_reserve(ranges, count);

	if (r < 0)
		return r;
	for (size_t i = 0; i < count; i++) {
		if (used[i].first > ranges->end)
			ranges->free[ranges->free_count++] = (struct bl_slot_range){
				.first = ranges->end,
				.count = used[i].first - ranges->end,
			};
		ranges->end = used[i].first + used[i].count;
		ranges->used += used[i].count;
	}
	return 0;
}
