/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any text through the decoder, strictly. */
#include "fuzz_decode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_decode(data, size, BL_DECODE_SKIP_UNKNOWN_KINDS);
	return 0;
}
