/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The programs that stay attached, one row each, in the order in which they are attached: what
 * shows replies under the dialled address comes before what translates, so that no client ever
 * sees the one without the other.
 */
#ifndef DATAPATH_PROGRAMS_H
#define DATAPATH_PROGRAMS_H

#include <stdbool.h>
#include <stddef.h>

struct bl_program {
	const char *name;
	const char *hook;
	int attach_type; /* enum bpf_attach_type */
	bool for_bind;   /* serves refuse_bind alone */
};

extern const struct bl_program bl_programs[];
extern const size_t bl_program_count;
#define BL_PROGRAMS_MAX 16u

#endif
