// SPDX-License-Identifier: GPL-2.0
/*
 * Packets from outside where XDP cannot, and what leaves the node. Entry points only.
 */
#include "hook_tc.h"

#include "forward.h"

char _license[] SEC("license") = "GPL";

SEC("tc")
int bl_tc_ingress(struct __sk_buff *ctx)
{
	struct bl_packet packet = {.verdict = BL_PASS};

	/* A frame of a VLAN comes by again, on the VLAN's own device. */
	if (ctx->vlan_present)
		return BL_PASS;
	bl_count_packet(bl_ingress(ctx, &packet));
	return packet.verdict;
}

SEC("tc")
int bl_tc_egress(struct __sk_buff *ctx)
{
	struct bl_packet packet = {.verdict = BL_PASS};

	bl_count_packet(bl_egress(ctx, &packet));
	return packet.verdict;
}
