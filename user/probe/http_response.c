/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "probe/http_response.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

void bl_http_response_init(struct bl_http_response *response, size_t body_max)
{
	/* The lines are written before they are read. */
	memset(response, 0, offsetof(struct bl_http_response, line));
	response->location[0] = '\0';
	response->body_max = body_max;
}

/* Lines */

static int take_status(struct bl_http_response *response)
{
	const char *line = response->line;
	long status = 0;

	/* HTTP/1.1 200 OK */
	if (strncmp(line, "HTTP/1.", 7) != 0 || line[7] < '0' || line[7] > '9' || line[8] != ' ')
		return -EBADMSG;
	for (size_t i = 9; i < 12; i++) {
		if (line[i] < '0' || line[i] > '9')
			return -EBADMSG;
		status = status * 10 + (line[i] - '0');
	}
	if ((line[12] != ' ' && line[12]) || status < 100)
		return -EBADMSG;
	response->status = status;
	response->part = BL_HTTP_HEADERS;
	return 0;
}

static int take_length(struct bl_http_response *response, const char *value)
{
	uint64_t length = 0;
	size_t digits = strspn(value, "0123456789");

	if (!digits || digits > 18 || value[digits])
		return -EBADMSG;
	for (size_t i = 0; i < digits; i++)
		length = length * 10 + (uint64_t)(value[i] - '0');
	if (response->has_length && length != response->left)
		return -EBADMSG;
	response->has_length = true;
	response->left = length;
	return 0;
}

static bool ends_in_chunked(const char *value)
{
	size_t len = strlen(value);

	return len >= 7 && strcasecmp(value + len - 7, "chunked") == 0;
}

static int take_header(struct bl_http_response *response)
{
	char *line = response->line, *value;
	size_t name_len = strcspn(line, ":"), len;

	if (line[0] == ' ' || line[0] == '\t') /* goes on with the line before: none that we need */
		return 0;
	if (!name_len || line[name_len] != ':')
		return -EBADMSG;
	value = line + name_len + 1;
	value += strspn(value, " \t");
	for (len = strlen(value); len && (value[len - 1] == ' ' || value[len - 1] == '\t'); len--)
		value[len - 1] = '\0';
	line[name_len] = '\0';
	if (strcasecmp(line, "Content-Length") == 0)
		return take_length(response, value);
	if (strcasecmp(line, "Transfer-Encoding") == 0)
		response->is_chunked = ends_in_chunked(value);
	if (strcasecmp(line, "Location") == 0 && !response->has_location) {
		if (response->line_is_cut)
			return -EBADMSG;
		response->has_location = true;
		memcpy(response->location, value, len + 1);
	}
	return 0;
}

/* What follows the head. */
static void begin_body(struct bl_http_response *response)
{
	long status = response->status;

	if (status < 200 && status != 101) { /* the real answer is still to come */
		response->part = BL_HTTP_STATUS_LINE;
		response->has_length = response->is_chunked = response->has_location = false;
		response->location[0] = '\0';
		response->left = 0;
	} else if (status == 101 || status == 204 || status == 304) {
		response->part = BL_HTTP_COMPLETE;
	} else if (response->is_chunked) {
		response->part = BL_HTTP_CHUNK_SIZE;
	} else if (response->has_length) {
		response->part = response->left ? BL_HTTP_BODY_COUNTED : BL_HTTP_COMPLETE;
	} else {
		response->part = BL_HTTP_BODY_UNTIL_CLOSE;
	}
}

/* "1f;extension" */
static int take_chunk_size(struct bl_http_response *response)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = response->line;
	uint64_t size = 0;
	size_t count = 0;

	for (; *at && *at != ';' && *at != ' ' && *at != '\t'; at++, count++) {
		const char *digit = strchr(digits, *at >= 'A' && *at <= 'F' ? *at + 32 : *at);

		if (!digit || count == 15)
			return -EBADMSG;
		size = size << 4 | (uint64_t)(digit - digits);
	}
	if (!count)
		return -EBADMSG;
	response->left = size;
	response->part = size ? BL_HTTP_CHUNK : BL_HTTP_TRAILERS;
	return 0;
}

static int take_line(struct bl_http_response *response)
{
	bool is_empty = response->line_len == 0;

	switch (response->part) {
	case BL_HTTP_STATUS_LINE:
		return take_status(response);
	case BL_HTTP_HEADERS:
		if (!is_empty)
			return take_header(response);
		begin_body(response);
		return 0;
	case BL_HTTP_CHUNK_SIZE:
		return take_chunk_size(response);
	case BL_HTTP_CHUNK_END:
		response->part = BL_HTTP_CHUNK_SIZE;
		return is_empty ? 0 : -EBADMSG;
	case BL_HTTP_TRAILERS:
		if (is_empty)
			response->part = BL_HTTP_COMPLETE;
		return 0;
	default:
		return -EBADMSG;
	}
}

/* Takes bytes up to the end of the line; returns how many, or -EBADMSG. */
static ptrdiff_t read_line(struct bl_http_response *response, const char *bytes, size_t len)
{
	const char *end = memchr(bytes, '\n', len);
	size_t taken = end ? (size_t)(end - bytes) + 1 : len;
	size_t text = end ? taken - 1 : taken;
	size_t room = sizeof(response->line) - 1 - response->line_len;
	int r;

	response->head_len += taken;
	if (response->head_len > BL_HTTP_HEAD_MAX || memchr(bytes, '\0', text))
		return -EBADMSG;
	response->line_is_cut |= text > room;
	memcpy(response->line + response->line_len, bytes, text < room ? text : room);
	response->line_len += text < room ? text : room;
	/* Who speaks something else may never end the line. */
	if (response->part == BL_HTTP_STATUS_LINE &&
	    memcmp(response->line, "HTTP/1.", response->line_len < 7 ? response->line_len : 7) != 0)
		return -EBADMSG;
	if (!end)
		return (ptrdiff_t)taken;
	if (response->line_len && response->line[response->line_len - 1] == '\r')
		response->line_len--;
	response->line[response->line_len] = '\0';
	r = take_line(response);
	response->line_len = 0;
	response->line_is_cut = false;
	return r < 0 ? r : (ptrdiff_t)taken;
}

/* Bodies */

static size_t read_body(struct bl_http_response *response, size_t len)
{
	bool is_open = response->part == BL_HTTP_BODY_UNTIL_CLOSE;
	size_t taken = is_open || response->left > len ? len : (size_t)response->left;

	response->body_len += taken;
	response->left -= is_open ? 0 : taken;
	if (response->body_len > response->body_max)
		response->part = BL_HTTP_COMPLETE;
	else if (!is_open && !response->left)
		response->part =
			response->part == BL_HTTP_CHUNK ? BL_HTTP_CHUNK_END : BL_HTTP_COMPLETE;
	return taken;
}

static bool is_body(enum bl_http_part part)
{
	return part == BL_HTTP_BODY_UNTIL_CLOSE || part == BL_HTTP_BODY_COUNTED ||
	       part == BL_HTTP_CHUNK;
}

int bl_http_response_read(struct bl_http_response *response, const void *bytes, size_t len)
{
	const char *at = bytes;

	while (len && response->part != BL_HTTP_COMPLETE) {
		ptrdiff_t taken = is_body(response->part) ? (ptrdiff_t)read_body(response, len)
							  : read_line(response, at, len);

		if (taken < 0)
			return -EBADMSG;
		at += taken;
		len -= (size_t)taken;
	}
	return response->part == BL_HTTP_COMPLETE;
}

int bl_http_response_end(struct bl_http_response *response)
{
	if (response->part == BL_HTTP_BODY_UNTIL_CLOSE)
		response->part = BL_HTTP_COMPLETE;
	if (response->part == BL_HTTP_COMPLETE)
		return 1;
	return response->head_len ? -EPIPE : -ENODATA;
}
