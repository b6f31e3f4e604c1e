/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the maps hold, as read from the kernel: plain copies, owned by the struct. Arrays are whole
 * maps (index = id); frontends come in any order.
 */
#ifndef PLAN_ROWS_H
#define PLAN_ROWS_H

#include <stddef.h>
#include <stdint.h>

#include "plan/plan.h"

struct bl_frontend_row {
	uint8_t family;              /* enum bl_family */
	struct bl_frontend6_key key; /* an IPv4 key uses four address bytes */
	struct bl_frontend value;
};

struct bl_plan_rows {
	struct bl_frontend_row *frontends;
	size_t frontend_count;
	struct bl_slot *slots;
	size_t slot_count;
	struct bl_backend *backends;
	size_t backend_count;
	struct bl_service_entry *services;
	size_t service_count;
	struct bl_addr_filter_word *filter;
	size_t filter_count;
	/* Are there maps of the packet path? Else the rest is empty, and no diff looks at it. */
	bool has_packet;
	struct bl_maglev_entry *maglev;
	size_t maglev_count;
	struct bl_packet_port_word *ports;
	size_t port_count;
	struct bl_packet_row *packet_rows;
	size_t packet_row_count;
};

void bl_plan_rows_done(struct bl_plan_rows *rows);
static inline void bl_plan_rows_done_p(struct bl_plan_rows *rows)
{
	bl_plan_rows_done(rows);
}

#endif
