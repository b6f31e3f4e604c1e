/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Working memory of one run, where the stack's 512 bytes would not do. Each object has its own, and
 * no run of an object interrupts another on its CPU.
 */
#ifndef BPF_SCRATCH_H
#define BPF_SCRATCH_H

#include "flow_table.h"
#include "lookup.h"
#include "parse.h"

struct bl_scratch {
	struct bl_frontend frontend;
	struct bl_choice choice;
	struct bl_direction flow;  /* of the packet */
	struct bl_direction reply; /* of what answers it */
	struct bl_packet inner;    /* that an ICMP error quotes, or that is encapsulated */
	struct bl_tuple ends;      /* that an ICMP error gets, or that another flow has */
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct bl_scratch);
} scratch SEC(".maps");

static __always_inline struct bl_scratch *bl_scratch_get(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&scratch, &zero);
}

#endif
