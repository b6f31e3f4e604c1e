/* SPDX-License-Identifier: GPL-3.0-or-later */
/* HTTP/1 answers as they come over a wire: whole, byte by byte, and broken off anywhere. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "probe/http_response.h"

#define BODY_MAX 10
#define OK "HTTP/1.1 200 OK\r\n"

/* `step` bytes at a time, then the end. */
static int read_all(struct bl_http_response *response, const char *text, size_t step)
{
	size_t len = strlen(text);
	int r = 0;

	bl_http_response_init(response, BODY_MAX);
	for (size_t at = 0; r == 0 && at < len; at += step)
		r = bl_http_response_read(response, text + at, len - at < step ? len - at : step);
	return r ? r : bl_http_response_end(response);
}

Test(http_response, answers_are_read_whole_and_in_pieces)
{
	static const struct {
		const char *text;
		int expected;
		long status;
		const char *location;
	} rows[] = {
		{OK "Content-Length: 2\r\n\r\nok", 1, 200, ""},
		{OK "content-length:2 \r\n\r\nokmore", 1, 200, ""},
		{OK "Content-Length: 0\r\n\r\n", 1, 200, ""},
		{OK "\r\nuntil it closes", 1, 200, ""},
		{"HTTP/1.0 503 Service Unavailable\r\n\r\n", 1, 503, ""},
		{"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", 1, 204, ""},
		{"HTTP/1.1 200\nContent-Length: 2\n\nok", 1, 200, ""},
		{"HTTP/1.1 302 Found\r\nLocation: /a b\r\nLocation: /c\r\nContent-Length: "
		 "0\r\n\r\n",
		 1, 302, "/a b"},
		{"HTTP/1.1 100 Continue\r\nLocation: /x\r\n\r\n" OK "Content-Length: 1\r\n\r\nx", 1,
		 200, ""},
		{"HTTP/1.1 101 Switching Protocols\r\n\r\n", 1, 101, ""},
		{OK "Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", 1, 200, ""},
		{OK "Transfer-Encoding: gzip, Chunked\r\n\r\n2;a=b\r\nok\r\n0\r\nX: y\r\n\r\n", 1,
		 200, ""},
		{OK "X: y\r\n folded: z\r\nContent-Length: 0\r\n\r\n", 1, 200, ""},
		/* More than is read counts as read. */
		{OK "Content-Length: 99\r\n\r\n12345678901", 1, 200, ""},
		{OK "Transfer-Encoding: chunked\r\n\r\nFF\r\n12345678901", 1, 200, ""},
		/* Broken off. */
		{"", -ENODATA, 0, ""},
		{"HTTP/1.1 200", -EPIPE, 0, ""},
		{OK "Content-Length: 2\r\n\r\no", -EPIPE, 200, ""},
		{OK "Content-Length: 2\r\n", -EPIPE, 200, ""},
		{OK "Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n", -EPIPE, 200, ""},
		/* Something else. */
		{"SSH-2.0-OpenSSH_9.2\r\n", -EBADMSG, 0, ""},
		{"H", -EPIPE, 0, ""},
		{"220 ready\r\n", -EBADMSG, 0, ""},
		{"HTTP/2 200\r\n\r\n", -EBADMSG, 0, ""},
		{"HTTP/1.1 20\r\n\r\n", -EBADMSG, 0, ""},
		{"HTTP/1.1 2000 OK\r\n\r\n", -EBADMSG, 0, ""},
		{"HTTP/1.1 099 Low\r\n\r\n", -EBADMSG, 0, ""},
		{OK "no colon\r\n\r\n", -EBADMSG, 200, ""},
		{OK "Content-Length: x\r\n\r\n", -EBADMSG, 200, ""},
		{OK "Content-Length: 9999999999999999999\r\n\r\n", -EBADMSG, 200, ""},
		{OK "Content-Length: 1\r\nContent-Length: 2\r\n\r\n", -EBADMSG, 200, ""},
		{OK "Transfer-Encoding: chunked\r\n\r\nxy\r\n", -EBADMSG, 200, ""},
		{OK "Transfer-Encoding: chunked\r\n\r\n\r\n", -EBADMSG, 200, ""},
		{OK "Transfer-Encoding: chunked\r\n\r\n2\r\nokx\r\n", -EBADMSG, 200, ""},
		{OK "Transfer-Encoding: chunked\r\n\r\n1000000000000000\r\n", -EBADMSG, 200, ""},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		for (size_t step = 1; step < 100; step = step * 3 + 1) {
			struct bl_http_response response;
			int r = read_all(&response, rows[i].text, step);

			cr_expect_eq(r, rows[i].expected, "row %zu, step %zu: %d", i, step, r);
			cr_expect_eq(response.status, rows[i].status, "row %zu, step %zu: %ld", i,
				     step, response.status);
			cr_expect_str_eq(response.location, rows[i].location, "row %zu, step %zu",
					 i, step);
		}
	}
}

Test(http_response, a_zero_byte_in_the_head_is_no_http)
{
	struct bl_http_response response;

	bl_http_response_init(&response, BODY_MAX);
	cr_expect_eq(bl_http_response_read(&response, OK "X: \0\r\n\r\n", sizeof(OK) + 8),
		     -EBADMSG);
}

static int read_header_of(struct bl_http_response *response, const char *name, size_t len)
{
	static char text[2 * BL_HTTP_HEAD_MAX];
	size_t used = (size_t)snprintf(text, sizeof(text), OK "%s: ", name);

	memset(text + used, 'a', len);
	(void)snprintf(text + used + len, sizeof(text) - used - len,
		       "\r\nContent-Length: 0\r\n\r\n");
	return read_all(response, text, 1000);
}

Test(http_response, long_lines_are_cut_but_a_location_is_whole_or_refused)
{
	struct bl_http_response response;

	cr_expect_eq(read_header_of(&response, "Set-Cookie", 20000), 1);
	cr_expect_eq(read_header_of(&response, "Location", 2000), 1);
	cr_expect_eq(strlen(response.location), 2000);
	cr_expect_eq(read_header_of(&response, "Location", BL_HTTP_LINE_MAX), -EBADMSG);
	cr_expect_eq(read_header_of(&response, "Set-Cookie", BL_HTTP_HEAD_MAX), -EBADMSG);
}
