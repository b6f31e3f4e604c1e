/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "kube/base64.h"

#include <stdint.h>
#include <string.h>

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void bl_base64_encode(struct bl_buf *ret, const char *bytes, size_t len)
{
	for (size_t i = 0; i < len; i += 3) {
		size_t left = len - i;
		uint32_t group = (uint32_t)(uint8_t)bytes[i] << 16;
		char four[4];

		if (left > 1)
			group |= (uint32_t)(uint8_t)bytes[i + 1] << 8;
		if (left > 2)
			group |= (uint8_t)bytes[i + 2];
		for (unsigned int k = 0; k < 4; k++)
			four[k] = k <= left ? letters[group >> (18 - 6 * k) & 63] : '=';
		bl_buf_add(ret, four, sizeof(four));
	}
}

bool bl_base64_decode(struct bl_buf *ret, const char *text, size_t len)
{
	uint32_t group = 0;
	unsigned int count = 0, padding = 0;

	for (size_t i = 0; i < len; i++) {
		const char *found;
		char three[3];

		if (text[i] == '\n' || text[i] == '\r')
			continue;
		found = text[i] ? strchr(letters, text[i]) : NULL;
		if (text[i] == '=' && count >= 2)
			padding++;
		else if (!found || padding)
			return false;
		group = group << 6 | (found ? (uint32_t)(found - letters) : 0);
		if (++count < 4)
			continue;
		three[0] = (char)(group >> 16);
		three[1] = (char)(group >> 8);
		three[2] = (char)group;
		bl_buf_add(ret, three, 3 - padding);
		count = 0;
	}
	return count == 0;
}
