/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A diff under way, for the two files that make it. */
#ifndef PLAN_DIFF_H
#define PLAN_DIFF_H

#include "plan/rows.h"
#include "plan/state.h"

struct bl_comparison {
	const struct bl_plan *plan;
	const struct bl_plan_rows *actual;
	struct bl_delta *delta;
	bool *same; /* by row of the plan's table: the kernel holds it as it is */
	/* Of the packet path, sorted by table and key; owned. */
	struct bl_packet_row *wanted_rows;
	struct bl_packet_row *actual_rows;
	size_t wanted_row_count;
};

/* NULL when memory is short. */
struct bl_op *bl_diff_add(struct bl_comparison *comparison, enum bl_op_kind kind, uint32_t index,
			  uint32_t count);
void *bl_diff_copy(struct bl_comparison *comparison, const void *bytes, size_t len);

/* Before the frontends: what is missing. After them: what is too much. */
int bl_diff_open_packet(struct bl_comparison *comparison);
int bl_diff_close_packet(struct bl_comparison *comparison);

#endif
