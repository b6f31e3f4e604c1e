/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * An HTTP/1 answer, read piece by piece as it comes (RFC 9112). Of it only the status, where it
 * leads and its end are kept; the body is counted and forgotten. Pure; nothing that a peer sends
 * takes up memory.
 */
#ifndef PROBE_HTTP_RESPONSE_H
#define PROBE_HTTP_RESPONSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BL_HTTP_LINE_MAX 2048          /* a longer line is cut, but a Location may not be */
#define BL_HTTP_HEAD_MAX (64u * 1024u) /* of all lines before the body */

enum bl_http_part {
	BL_HTTP_STATUS_LINE,
	BL_HTTP_HEADERS,
	BL_HTTP_BODY_UNTIL_CLOSE,
	BL_HTTP_BODY_COUNTED,
	BL_HTTP_CHUNK_SIZE,
	BL_HTTP_CHUNK,
	BL_HTTP_CHUNK_END,
	BL_HTTP_TRAILERS,
	BL_HTTP_COMPLETE,
};

struct bl_http_response {
	enum bl_http_part part;
	long status;
	bool has_length, is_chunked, has_location;
	bool line_is_cut;
	uint64_t left;   /* of the body or of the chunk */
	size_t body_max; /* a longer body counts as read once so much of it has come */
	size_t body_len;
	size_t head_len;
	size_t line_len;
	char line[BL_HTTP_LINE_MAX];
	char location[BL_HTTP_LINE_MAX];
};

void bl_http_response_init(struct bl_http_response *response, size_t body_max);
/* 1: the answer is complete, what may follow is not read; 0: more is to come. -EBADMSG: this is no
 * HTTP/1. */
int bl_http_response_read(struct bl_http_response *response, const void *bytes, size_t len);
/* The peer sends no more. 1: the answer is complete. -ENODATA: nothing came; -EPIPE: it broke off.
 */
int bl_http_response_end(struct bl_http_response *response);

#endif
