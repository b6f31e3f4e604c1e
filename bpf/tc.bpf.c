// SPDX-License-Identifier: GPL-2.0
/*
 * Packets from outside where XDP cannot, and what leaves the node. Entry points only.
 */
#include "hook_tc.h"

#include "forward.h"

#define BL_VLAN_ID 0x0fff /* of a tag; the rest is priority */

char _license[] SEC("license") = "GPL";

SEC("tc")
int bl_tc_ingress(struct __sk_buff *ctx)
{
	struct bl_packet packet = {.verdict = BL_PASS};

	/* A frame of a VLAN comes by again, on the VLAN's own device; one with a priority alone, in
	 * the tag of VLAN 0, does not. */
	if (ctx->vlan_present && (ctx->vlan_tci & BL_VLAN_ID || bpf_skb_vlan_pop(ctx)))
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
