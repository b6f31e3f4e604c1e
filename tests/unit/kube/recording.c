/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "recording.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

/* Takes the chunk framing out in place. */
static void join_chunks(struct recording *recording)
{
	const char *end = recording->body + recording->len, *at = recording->body;
	char *to = (char *)(uintptr_t)recording->body;

	recording->whole = false;
	while (at < end) {
		char *behind;
		size_t len = strtoul(at, &behind, 16);

		if (behind == at || strncmp(behind, "\r\n", 2) != 0)
			break;
		if (!len) {
			recording->whole = true;
			break;
		}
		at = behind + 2;
		if (len > (size_t)(end - at))
			len = (size_t)(end - at);
		memmove(to, at, len);
		to += len;
		at += len + 2;
	}
	recording->len = (size_t)(to - recording->body);
}

struct recording recording_read(const char *name)
{
	struct recording recording = {.status = 200, .retry_after_ms = UINT64_MAX, .whole = true};
	struct bl_buf text = {0};
	char path[512];
	const char *found;

	(void)snprintf(path, sizeof(path), "%s/kubernetes/%s", TEST_DATA, name);
	cr_assert_eq(bl_buf_read_file(&text, path, 16u << 20), 0, "cannot read %s", path);
	recording.len = text.len;
	recording.bytes = bl_buf_take(&text);
	recording.body = recording.bytes;
	if (strncmp(recording.bytes, "HTTP/", 5) != 0)
		return recording;
	recording.status = (int)strtol(strchr(recording.bytes, ' '), NULL, 10);
	recording.body = strstr(recording.bytes, "\r\n\r\n");
	cr_assert_not_null(recording.body, "%s has no end of its headers", name);
	recording.body += 4;
	recording.len -= (size_t)(recording.body - recording.bytes);
	found = strstr(recording.bytes, "\r\nRetry-After: ");
	if (found && found < recording.body)
		recording.retry_after_ms = strtoul(found + 15, NULL, 10) * 1000;
	found = strstr(recording.bytes, "Transfer-Encoding: chunked\r\n");
	/* Recordings that are called raw have the framing; curl took it out of the others. */
	if (found && found < recording.body && strstr(name, "raw"))
		join_chunks(&recording);
	return recording;
}

void recording_done(struct recording *recording)
{
	free(recording->bytes);
	*recording = (struct recording){0};
}
