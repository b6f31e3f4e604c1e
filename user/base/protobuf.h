/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * As much of protobuf's wire format as calls of other programs and documents for kubectl need. The
 * reader takes a message piece by piece and keeps nothing but the whole numbers of the first
 * fields and the beginning of its strings and messages, however long they are.
 */
#ifndef BASE_PROTOBUF_H
#define BASE_PROTOBUF_H

#include "base/buf.h"

#include <stdint.h>

void bl_pb_add_number(struct bl_buf *buf, uint32_t field, uint64_t value);
void bl_pb_add_string(struct bl_buf *buf, uint32_t field, const char *text);
/* A message inside; an empty one is there, too. A failure of `inner` is one of `buf`. */
void bl_pb_add_message(struct bl_buf *buf, uint32_t field, const struct bl_buf *inner);

#define BL_PB_FIELDS 8
#define BL_PB_BYTES 256

struct bl_pb_reader {                   /* starts as {0} */
	uint64_t numbers[BL_PB_FIELDS]; /* by field number; 0 when it was not there */
	uint64_t value;                 /* of the number that is being read */
	uint64_t skip;                  /* bytes left of a field that is no number */
	uint32_t field;                 /* 0: a key is being read */
	uint32_t bytes_len;             /* of strings, bytes and messages, as far as kept */
	uint8_t wire;
	uint8_t shift;
	char bytes[BL_PB_BYTES]; /* one after the other, no zero behind them */
};

/* -EBADMSG: no protobuf. */
int bl_pb_read(struct bl_pb_reader *reader, const void *bytes, size_t len);
/* Does the message end here? */
bool bl_pb_is_complete(const struct bl_pb_reader *reader);

#endif
