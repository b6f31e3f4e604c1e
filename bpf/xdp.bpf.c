// SPDX-License-Identifier: GPL-2.0
/* Packets from outside, as the driver hands them over. Entry point only. */
#include "hook_xdp.h"

#include "forward.h"

char _license[] SEC("license") = "GPL";

SEC("xdp")
int bl_xdp(struct xdp_md *ctx)
{
	struct bl_packet packet = {.verdict = BL_PASS};

	bl_count_packet(bl_ingress(ctx, &packet));
	return packet.verdict;
}
