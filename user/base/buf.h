/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A growing byte buffer for text. Starts as {0}; `data` is always followed by a zero byte once
 * something was added. A failed allocation sets `failed` and later additions do nothing, so a
 * writer checks once at the end.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>

struct bl_buf {
	char *data; /* owned; NULL while empty */
	size_t len;
	size_t capacity;
	bool failed;
};

void bl_buf_done(struct bl_buf *buf);
static inline void bl_buf_done_p(struct bl_buf *buf)
{
	bl_buf_done(buf);
}
void bl_buf_add(struct bl_buf *buf, const void *bytes, size_t len);
void bl_buf_add_str(struct bl_buf *buf, const char *text);
void bl_buf_addf(struct bl_buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The text, owned by the caller, never NULL unless memory failed; the buffer is empty afterwards.
 */
char *bl_buf_take(struct bl_buf *buf);

/* Reads a whole file of at most `max` bytes. -EFBIG beyond it. `path` "-" is standard input. */
int bl_buf_read_file(struct bl_buf *buf, const char *path, size_t max);
/* Replaces a file atomically: temporary file beside it, fsync, rename, fsync of the folder. */
int bl_sync_folder_of(const char *path); /* makes durable what was made, renamed or removed there */
int bl_write_file_atomic(const char *path, const void *bytes, size_t len, unsigned int mode);

#endif
