/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What peers say: HTTP statuses and redirects, protobuf, gRPC. */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "probe/grpc_call.h"
#include "probe/http_answer.h"

#define URL "http://10.0.0.1:8080/a/b"

Test(http_answer, statuses_and_redirects)
{
	static const struct {
		long status;
		const char *location;
		unsigned int hops;
		enum bl_http_next next;
		enum bl_probe_outcome outcome;
		const char *text; /* or the address to follow */
	} rows[] = {
		{200, NULL, 0, BL_HTTP_DONE, BL_PROBE_SUCCESS, ""},
		{204, NULL, 0, BL_HTTP_DONE, BL_PROBE_SUCCESS, ""},
		{304, NULL, 0, BL_HTTP_DONE, BL_PROBE_WARNING, "HTTP 304"},
		{399, NULL, 0, BL_HTTP_DONE, BL_PROBE_WARNING, "HTTP 399"},
		{302, NULL, 0, BL_HTTP_DONE, BL_PROBE_WARNING, "HTTP 302"},
		{400, NULL, 0, BL_HTTP_DONE, BL_PROBE_FAILURE, "HTTP 400"},
		{503, NULL, 0, BL_HTTP_DONE, BL_PROBE_FAILURE, "HTTP 503"},
		{199, NULL, 0, BL_HTTP_DONE, BL_PROBE_FAILURE, "HTTP 199"},
		{0, NULL, 0, BL_HTTP_DONE, BL_PROBE_FAILURE, "HTTP 0"},
		{503, "/x", 0, BL_HTTP_DONE, BL_PROBE_FAILURE, "HTTP 503"},
		{301, "/x", 0, BL_HTTP_FOLLOW, 0, "http://10.0.0.1:8080/x"},
		{302, "c", 0, BL_HTTP_FOLLOW, 0, "http://10.0.0.1:8080/a/c"},
		{303, "http://10.0.0.1/x", 0, BL_HTTP_FOLLOW, 0, "http://10.0.0.1/x"},
		{307, "https://10.0.0.1/x", 0, BL_HTTP_FOLLOW, 0, "https://10.0.0.1/x"},
		{308, "//10.0.0.1:9/x", 0, BL_HTTP_FOLLOW, 0, "http://10.0.0.1:9/x"},
		{302, "http://example.org/x", 0, BL_HTTP_DONE, BL_PROBE_WARNING,
		 "redirected to another host, 'example.org'"},
		{302, "//10.0.0.2/", 0, BL_HTTP_DONE, BL_PROBE_WARNING, "'10.0.0.2'"},
		{302, "/x", 8, BL_HTTP_FOLLOW, 0, "http://10.0.0.1:8080/x"},
		{302, "/x", 9, BL_HTTP_DONE, BL_PROBE_FAILURE, "stopped after 10 redirects"},
		{302, "http://[", 0, BL_HTTP_DONE, BL_PROBE_FAILURE, "which is no address"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct bl_http_step step;
		enum bl_http_next next;

		cr_assert_eq(bl_http_answer(URL, rows[i].status, rows[i].location, rows[i].hops,
					    &next, &step),
			     0);
		cr_expect_eq(next, rows[i].next, "row %zu", i);
		if (next == BL_HTTP_FOLLOW) {
			cr_expect_str_eq(step.url, rows[i].text, "row %zu: %s", i, step.url);
		} else {
			cr_expect_eq(step.outcome, rows[i].outcome, "row %zu", i);
			cr_expect(strstr(step.text, rows[i].text), "row %zu: %s", i, step.text);
		}
		bl_http_step_done(&step);
	}
}

Test(http_answer, only_a_relative_redirect_keeps_the_host_header)
{
	static const struct {
		const char *location;
		bool expected;
	} rows[] = {
		{"/x", true}, {"x?y", true}, {"http://10.0.0.1/", false}, {"//10.0.0.1/", false}};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct bl_http_step step;
		enum bl_http_next next;

		cr_assert_eq(bl_http_answer(URL, 302, rows[i].location, 0, &next, &step), 0);
		cr_expect_eq(step.is_relative, rows[i].expected, "%s", rows[i].location);
		bl_http_step_done(&step);
	}
}

Test(protobuf, what_is_written_is_read_in_pieces_of_any_size)
{
	_cleanup_(bl_buf_done) struct bl_buf text = {0};

	bl_pb_add_number(&text, 1, 300);
	bl_pb_add_string(&text, 2, "kept as far as there is room");
	bl_pb_add_number(&text, 3, UINT64_MAX);
	cr_assert_not(text.failed);
	for (size_t piece = 1; piece <= text.len; piece++) {
		struct bl_pb_reader reader = {0};

		for (size_t at = 0; at < text.len; at += piece)
			cr_assert_eq(bl_pb_read(&reader, text.data + at,
						text.len - at < piece ? text.len - at : piece),
				     0);
		cr_expect(bl_pb_is_complete(&reader));
		cr_expect_eq(reader.numbers[1], 300);
		cr_expect_eq(reader.numbers[3], UINT64_MAX);
		cr_expect_eq(reader.bytes_len, 28);
		cr_expect_eq(memcmp(reader.bytes, "kept as far as there is room", 28), 0);
	}
}

Test(protobuf, what_is_none_is_refused)
{
	static const struct {
		const char *bytes;
		size_t len;
	} rows[] = {
		{"\x00", 1},                                              /* field 0 */
		{"\x0b", 1},                                              /* a group */
		{"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 12}, /* too long a number */
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct bl_pb_reader reader = {0};

		cr_expect_lt(bl_pb_read(&reader, rows[i].bytes, rows[i].len), 0, "row %zu", i);
	}
}

Test(grpc_call, a_peer_that_speaks_http_1_is_told_apart)
{
	static const char answer[] = "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n";
	_cleanup_(bl_buf_done) struct bl_buf request = {0};
	_cleanup_(bl_grpc_call_free) struct bl_grpc_call *call = NULL;
	const void *bytes;
	size_t len;
	int r;

	cr_assert_eq(bl_grpc_call_new("10.0.0.1:1", "/grpc.health.v1.Health/Check", &request, 1000,
				      &call),
		     0);
	cr_assert_eq(bl_grpc_call_output(call, &bytes, &len), 0);
	cr_assert_geq(len, 24);
	cr_expect_eq(memcmp(bytes, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 24), 0);
	cr_expect_eq(bl_grpc_call_feed(call, answer, sizeof(answer) - 1), 0);
	do
		r = bl_grpc_call_output(call, &bytes, &len);
	while (r == 0 && len);
	cr_expect_eq(r, -EPROTO);
	cr_expect_eq(bl_grpc_call_answer(call)->http_status, 0, "the call ended without one");
}
