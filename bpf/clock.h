/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The time as flows know it. The kernel's coarse clock goes on with each jiffy, whose number is at
 * hand without a call; so it is asked once a jiffy, not for every packet.
 */
#ifndef BPF_CLOCK_H
#define BPF_CLOCK_H

#include <bpf/bpf_helpers.h>

#include "beeline/packet.h"

#define BL_CLOCK_JIFFIES 0xffffffull /* as much of a jiffy's number as stands beside the time */
#define BL_CLOCK_SHIFT 24

/* The time in the units of BL_FLOW_TIME_SHIFT, and when it was asked: in one word, so that CPUs
 * find both or neither. */
static volatile __u64 bl_clock;

/* CLOCK_MONOTONIC, in whole units of BL_FLOW_TIME_SHIFT. */
static __always_inline __u64 bl_now_ns(void)
{
	__u64 jiffies = bpf_jiffies64(), known = bl_clock, time;

	if (((known ^ jiffies) & BL_CLOCK_JIFFIES) == 0)
		return known >> BL_CLOCK_SHIFT << BL_FLOW_TIME_SHIFT;
	time = bpf_ktime_get_coarse_ns() >> BL_FLOW_TIME_SHIFT;
	bl_clock = time << BL_CLOCK_SHIFT | (jiffies & BL_CLOCK_JIFFIES);
	return time << BL_FLOW_TIME_SHIFT;
}

#endif
