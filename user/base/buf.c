/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/buf.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

void bl_buf_done(struct bl_buf *buf)
{
	free(buf->data);
	*buf = (struct bl_buf){0};
}

/* Makes room for `more` bytes and a zero. */
static bool reserve(struct bl_buf *buf, size_t more)
{
	size_t needed = buf->len + more + 1;
	size_t capacity = buf->capacity ? buf->capacity : 64;
	char *grown;

	if (buf->failed)
		return false;
	if (needed <= buf->capacity)
		return true;
	while (capacity < needed)
		capacity *= 2;
	grown = realloc(buf->data, capacity);
	if (!grown) {
		buf->failed = true;
		return false;
	}
	buf->data = grown;
	buf->capacity = capacity;
	return true;
}

void bl_buf_add(struct bl_buf *buf, const void *bytes, size_t len)
{
	if (!reserve(buf, len))
		return;
	if (len > 0)
		memcpy(buf->data + buf->len, bytes, len);
	buf->len += len;
	buf->data[buf->len] = '\0';
}

void bl_buf_add_str(struct bl_buf *buf, const char *text)
{
	bl_buf_add(buf, text, strlen(text));
}

void bl_buf_addf(struct bl_buf *buf, const char *format, ...)
{
	va_list args;
	int length;

	va_start(args, format);
	length = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (length < 0) {
		buf->failed = true;
		return;
	}
	if (!reserve(buf, (size_t)length))
		return;
	va_start(args, format);
	(void)vsnprintf(buf->data + buf->len, (size_t)length + 1, format, args);
	va_end(args);
	buf->len += (size_t)length;
}

char *bl_buf_take(struct bl_buf *buf)
{
	char *data;

	bl_buf_add(buf, "", 0);
	if (buf->failed) {
		bl_buf_done(buf);
		return NULL;
	}
	data = buf->data;
	*buf = (struct bl_buf){0};
	return data;
}

int bl_buf_read_file(struct bl_buf *buf, const char *path, size_t max)
{
	_cleanup_close_ int fd = -1;
	char chunk[65536];

	fd = strcmp(path, "-") == 0 ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
				    : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return -errno;
	for (;;) {
		ssize_t got = read(fd, chunk, sizeof(chunk));

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			break;
		if ((size_t)got > max - buf->len)
			return -EFBIG;
		bl_buf_add(buf, chunk, (size_t)got);
	}
	bl_buf_add(buf, "", 0);
	return buf->failed ? -ENOMEM : 0;
}

static int write_all(int fd, const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t put = write(fd, bytes, len);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return -errno;
		bytes += put;
		len -= (size_t)put;
	}
	return 0;
}

int bl_sync_folder_of(const char *path)
{
	_cleanup_free_ char *copy = strdup(path);
	_cleanup_close_ int fd = -1;

	if (!copy)
		return -ENOMEM;
	fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd) < 0)
		return -errno;
	return 0;
}

static int write_and_rename(int fd, const char *temporary, const char *path, const void *bytes,
			    size_t len, unsigned int mode)
{
	int r = write_all(fd, bytes, len);

	if (r < 0)
		return r;
	if (fchmod(fd, mode) < 0 || fsync(fd) < 0)
		return -errno;
	if (rename(temporary, path) < 0)
		return -errno;
	return bl_sync_folder_of(path);
}

int bl_write_file_atomic(const char *path, const void *bytes, size_t len, unsigned int mode)
{
	_cleanup_free_ char *temporary = NULL;
	_cleanup_close_ int fd = -1;
	int r;

	if (asprintf(&temporary, "%s.XXXXXX", path) < 0) {
		temporary = NULL;
		return -ENOMEM;
	}
	fd = mkostemp(temporary, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	r = write_and_rename(fd, temporary, path, bytes, len, mode);
	if (r < 0)
		(void)unlink(temporary); /* the error that led here is the one to report */
	return r;
}
