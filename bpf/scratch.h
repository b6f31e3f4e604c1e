/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Working memory of one run, where the stack's 512 bytes would not do. Each object has its own, and
 * no run of an object interrupts another on its CPU.
 */
#ifndef BPF_SCRATCH_H
#define BPF_SCRATCH_H

#include "flow.h"

struct bl_scratch {
	struct bl_frontend frontend;
	struct bl_choice choice;
	struct bl_flow flow;
	struct bl_flow reply;
	struct bl_tuple tuple; /* of the reply */
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
