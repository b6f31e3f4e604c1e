/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rows of the packet path as text, for print.c. */
#ifndef PLAN_PRINT_H
#define PLAN_PRINT_H

#include "plan/state.h"

void bl_print_maglev(FILE *out, uint32_t first, uint32_t count,
		     const struct bl_maglev_entry *entries);
void bl_print_port_word(FILE *out, uint32_t index, const struct bl_packet_port_word *word);
void bl_print_packet_row(FILE *out, const struct bl_packet_row *row);
/* All of a plan. */
void bl_print_packet(const struct bl_plan *plan, FILE *out);

#endif
