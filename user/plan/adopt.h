/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An adoption under way, for the files that make it. */
#ifndef PLAN_ADOPT_H
#define PLAN_ADOPT_H

#include "plan/state.h"

struct bl_claim { /* a range that a frontend names */
	struct bl_slot_range range;
	uint32_t service_id;
};

/* Claims to one map of runs, and those that were accepted. */
struct bl_claims {
	struct bl_claim *list;
	size_t count;
	struct bl_slot_range *accepted;
	size_t accepted_count;
};

struct bl_adoption {
	struct bl_plan *plan;
	const struct bl_plan_rows *rows;
	uint32_t service_end; /* ids below */
	uint32_t backend_end;
	uint8_t *families;          /* by service id; 0: no frontend leads to it */
	struct bl_record **records; /* by service id */
	bool *used;                 /* backend ids */
	struct bl_claims slots;
	struct bl_claims tables;
};

struct bl_port_record *bl_adopt_port_of(const struct bl_adoption *adoption, uint32_t service_id);
int bl_adopt_begin_claims(struct bl_claims *claims, size_t room);
void bl_adopt_claim(struct bl_claims *claims, size_t rows, uint32_t limit, uint32_t service_id,
		    struct bl_slot_range range);
void bl_adopt_claims_done(struct bl_claims *claims);
/* adopt_ranges.c: runs of slots and of Maglev entries. */
int bl_adopt_ranges(struct bl_adoption *adoption);
/* adopt_packet.c: ports, sources, encapsulated packets; when backends are there. */
int bl_adopt_packet(struct bl_adoption *adoption);

#endif
