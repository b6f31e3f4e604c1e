/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any frame to the reader of ARP and neighbour discovery. What it accepts can be answered, and the
 * answer, read again, tells of the same address. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "announce/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t mac[BL_MAC_LEN] = {2, 0, 0, 0, 0, 1};
	uint8_t bytes[BL_FRAME_MAX];
	struct bl_frame frame, again;
	size_t len;

	if (bl_frame_parse(data, size, &frame) < 0)
		return 0;
	len = bl_frame_answer(&frame, mac, bytes);
	require(bl_frame_parse(bytes, len, &again) == 0);
	require(again.kind == BL_FRAME_TELL && bl_addr_equal(&again.address, &frame.address));
	require(memcmp(again.mac, mac, BL_MAC_LEN) == 0);
	len = bl_frame_ask(&frame.address, mac, bytes);
	require(bl_frame_parse(bytes, len, &again) == 0);
	require(bl_addr_equal(&again.address, &frame.address));
	return 0;
}
