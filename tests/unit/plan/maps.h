/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the kernel would hold: maps that deltas are applied to, one op at a time. */
#ifndef TESTS_PLAN_MAPS_H
#define TESTS_PLAN_MAPS_H

#include <stdbool.h>

#include "plan/plan.h"
#include "plan/rows.h"

struct maps {
	struct bl_plan_rows rows; /* arrays of full size */
	size_t frontend_capacity;
	size_t packet_row_capacity;
};

void maps_init(struct maps *maps, const struct bl_plan_limits *limits);
void maps_done(struct maps *maps);
void maps_apply_op(struct maps *maps, const struct bl_op *op);
void maps_apply(struct maps *maps, const struct bl_delta *delta);
const struct bl_frontend_row *maps_find(const struct maps *maps, uint8_t family,
					const struct bl_frontend6_key *key);
/* Every frontend leads to backends of its own service that serve; NULL, or what is wrong. */
const char *maps_find_fault(const struct maps *maps);

#endif
