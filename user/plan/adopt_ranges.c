/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Runs of slots and of Maglev entries, as frontends of the kernel claim them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "plan/adopt.h"

int bl_adopt_begin_claims(struct bl_claims *claims, size_t room)
{
	claims->list = calloc(room + 1, sizeof(*claims->list));
	claims->accepted = calloc(room + 1, sizeof(*claims->accepted));
	return claims->list && claims->accepted ? 0 : -ENOMEM;
}

void bl_adopt_claims_done(struct bl_claims *claims)
{
	free(claims->list);
	free(claims->accepted);
}

void bl_adopt_claim(struct bl_claims *claims, size_t rows, uint32_t limit, uint32_t service_id,
		    struct bl_slot_range range)
{
	uint32_t end = rows < limit ? (uint32_t)rows : limit;

	if (range.count == 0 || range.first > end || range.count > end - range.first)
		return;
	claims->list[claims->count++] = (struct bl_claim){.range = range, .service_id = service_id};
}

static int compare_claims(const void *a, const void *b)
{
	const struct bl_claim *x = a;
	const struct bl_claim *y = b;

	if (x->range.first != y->range.first)
		return x->range.first < y->range.first ? -1 : 1;
	if (x->range.count != y->range.count)
		return x->range.count < y->range.count ? -1 : 1;
	return (x->service_id > y->service_id) - (x->service_id < y->service_id);
}

/* A run belongs to one port; of claims that cross, the first has it. Returns where the last ends.
 */
static uint32_t accept_claims(const struct bl_adoption *adoption, struct bl_claims *claims,
			      bool tables)
{
	uint32_t end = 0;

	if (claims->count > 1)
		qsort(claims->list, claims->count, sizeof(*claims->list), compare_claims);
	for (size_t i = 0; i < claims->count; i++) {
		const struct bl_claim *claim = &claims->list[i];
		struct bl_port_record *port = bl_adopt_port_of(adoption, claim->service_id);
		uint8_t *count;

		if (!port)
			continue;
		count = tables ? &port->table_count : &port->range_count;
		if (claim->range.first < end || *count == BL_PORT_RANGES)
			continue;
		(tables ? port->tables : port->ranges)[(*count)++] = claim->range;
		claims->accepted[claims->accepted_count++] = claim->range;
		end = claim->range.first + claim->range.count;
	}
	return end;
}

static int adopt_slots(struct bl_adoption *adoption)
{
	struct bl_plan *plan = adoption->plan;
	uint32_t end = accept_claims(adoption, &adoption->slots, false);
	int r = bl_plan_grow((void **)&plan->slots, &plan->slot_capacity, end,
			     sizeof(*plan->slots));

	if (r < 0)
		return r;
	if (end > 0)
		memcpy(plan->slots, adoption->rows->slots, end * sizeof(*plan->slots));
	return bl_ranges_adopt(&plan->ranges, adoption->slots.accepted,
			       adoption->slots.accepted_count);
}

static int adopt_tables(struct bl_adoption *adoption)
{
	struct bl_plan *plan = adoption->plan;
	uint32_t end = accept_claims(adoption, &adoption->tables, true);
	int r = bl_plan_grow((void **)&plan->maglev, &plan->maglev_capacity, end,
			     sizeof(*plan->maglev));

	if (r < 0)
		return r;
	if (end > 0)
		memcpy(plan->maglev, adoption->rows->maglev, end * sizeof(*plan->maglev));
	return bl_ranges_adopt(&plan->tables, adoption->tables.accepted,
			       adoption->tables.accepted_count);
}

int bl_adopt_ranges(struct bl_adoption *adoption)
{
	int r = adopt_slots(adoption);

	return r < 0 ? r : adopt_tables(adoption);
}
