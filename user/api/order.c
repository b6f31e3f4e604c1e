/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "api/order.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/cleanup.h"

struct place {
	size_t index; /* in the list as it is */
	size_t rank;
};

static int by_rank(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	if (x->rank != y->rank)
		return x->rank < y->rank ? -1 : 1;
	return x->index < y->index ? -1 : x->index > y->index;
}

/* Both halves are sorted; an item without a rank comes before the ranked ones that it stood before.
 */
static void weave(const struct place *ranked, size_t ranked_count, const struct place *others,
		  size_t other_count, size_t known, size_t *ret)
{
	size_t i = 0, j = 0, used = 0;

	while (i < ranked_count || j < other_count) {
		bool other = i == ranked_count || (j < other_count && ranked[i].index < known &&
						   others[j].index < ranked[i].index);

		ret[used++] = other ? others[j++].index : ranked[i++].index;
	}
}

int bl_json_order(struct json_object *list, const size_t *rank, size_t known)
{
	size_t count = json_object_array_length(list), ranked_count = 0, other_count = 0;
	_cleanup_free_ struct place *ranked = calloc(count + 1, sizeof(*ranked));
	_cleanup_free_ struct place *others = calloc(count + 1, sizeof(*others));
	_cleanup_free_ size_t *order = calloc(count + 1, sizeof(*order));
	_cleanup_free_ struct json_object **items = calloc(count + 1, sizeof(struct json_object *));

	if (!ranked || !others || !order || !items)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		struct place place = {.index = i, .rank = rank[i]};

		if (rank[i] == SIZE_MAX)
			others[other_count++] = place;
		else
			ranked[ranked_count++] = place;
	}
	qsort(ranked, ranked_count, sizeof(*ranked), by_rank);
	weave(ranked, ranked_count, others, other_count, known, order);
	for (size_t i = 0; i < count; i++)
		items[i] = json_object_get(json_object_array_get_idx(list, order[i]));
	/* The places are there: putting into them takes no memory. */
	for (size_t i = 0; i < count; i++)
		(void)json_object_array_put_idx(list, i, items[i]);
	return 0;
}
