/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/protobuf.h"

#include <errno.h>
#include <string.h>

enum wire { /* types of the format */
	    WIRE_NUMBER = 0,
	    WIRE_64 = 1,
	    WIRE_BYTES = 2,
	    WIRE_32 = 5,
};

static void add_varint(struct bl_buf *buf, uint64_t value)
{
	uint8_t byte;

	do {
		byte = (uint8_t)(value & 0x7f);
		value >>= 7;
		byte |= value ? 0x80 : 0;
		bl_buf_add(buf, &byte, 1);
	} while (value);
}

void bl_pb_add_number(struct bl_buf *buf, uint32_t field, uint64_t value)
{
	add_varint(buf, (uint64_t)field << 3 | WIRE_NUMBER);
	add_varint(buf, value);
}

static void add_bytes(struct bl_buf *buf, uint32_t field, const void *bytes, size_t len)
{
	add_varint(buf, (uint64_t)field << 3 | WIRE_BYTES);
	add_varint(buf, len);
	bl_buf_add(buf, bytes, len);
}

void bl_pb_add_string(struct bl_buf *buf, uint32_t field, const char *text)
{
	add_bytes(buf, field, text, strlen(text));
}

void bl_pb_add_message(struct bl_buf *buf, uint32_t field, const struct bl_buf *inner)
{
	buf->failed = buf->failed || inner->failed;
	add_bytes(buf, field, inner->data ? inner->data : "", inner->len);
}

static int take_key(struct bl_pb_reader *reader, uint64_t key)
{
	reader->wire = key & 7;
	if (key >> 3 == 0 || key >> 3 > 0x1fffffff)
		return -EBADMSG;
	switch (reader->wire) {
	case WIRE_NUMBER:
	case WIRE_BYTES:
		reader->field = (uint32_t)(key >> 3);
		return 0;
	case WIRE_64:
		reader->skip = 8;
		return 0;
	case WIRE_32:
		reader->skip = 4;
		return 0;
	default: /* groups are long gone */
		return -EBADMSG;
	}
}

static int take_value(struct bl_pb_reader *reader, uint64_t value)
{
	uint32_t field = reader->field;

	if (!field)
		return take_key(reader, value);
	reader->field = 0;
	if (reader->wire == WIRE_BYTES)
		reader->skip = value;
	else if (field < BL_PB_FIELDS)
		reader->numbers[field] = value;
	return 0;
}

static void keep(struct bl_pb_reader *reader, const uint8_t *bytes, size_t len)
{
	size_t room = sizeof(reader->bytes) - reader->bytes_len;

	if (reader->wire != WIRE_BYTES)
		return;
	if (len > room)
		len = room;
	memcpy(reader->bytes + reader->bytes_len, bytes, len);
	reader->bytes_len += (uint32_t)len;
}

int bl_pb_read(struct bl_pb_reader *reader, const void *bytes, size_t len)
{
	const uint8_t *at = bytes, *end = at + len;

	while (at < end) {
		uint64_t value;
		uint8_t byte;
		int r;

		if (reader->skip) {
			size_t left = (size_t)(end - at);
			size_t step = reader->skip < left ? (size_t)reader->skip : left;

			keep(reader, at, step);
			reader->skip -= step;
			at += step;
			continue;
		}
		byte = *at++;
		if (reader->shift > 63)
			return -EBADMSG;
		reader->value |= (uint64_t)(byte & 0x7f) << reader->shift;
		reader->shift += 7;
		if (byte & 0x80)
			continue;
		value = reader->value;
		reader->value = 0;
		reader->shift = 0;
		r = take_value(reader, value);
		if (r < 0)
			return r;
	}
	return 0;
}

bool bl_pb_is_complete(const struct bl_pb_reader *reader)
{
	return !reader->skip && !reader->shift && !reader->field;
}
