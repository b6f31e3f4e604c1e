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

/* Runs of rows in one array, of the plan and of the kernel. */
struct bl_diff_runs {
	enum bl_op_kind kind; /* SET_SLOTS or SET_MAGLEV */
	const void *wanted;
	const void *actual;
	size_t actual_count; /* rows */
	size_t row_size;
};
/* Only runs that some record claims: what others hold has no meaning. -ENOMEM. */
int bl_diff_compare_runs(struct bl_comparison *comparison, const struct bl_diff_runs *runs);

/* Before the frontends: what is missing. After them: what is too much. */
int bl_diff_open_packet(struct bl_comparison *comparison);
int bl_diff_close_packet(struct bl_comparison *comparison);

#endif
