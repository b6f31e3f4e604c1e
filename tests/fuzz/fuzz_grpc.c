/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any bytes as what a gRPC peer sends, a health service or a container runtime: frames of HTTP/2
 * and the protobuf inside. However they are cut, the call ends the same way or goes on. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "probe/grpc_call.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void drain(struct bl_grpc_call *call)
{
	const void *bytes;
	size_t len;

	while (bl_grpc_call_output(call, &bytes, &len) >= 0 && len)
		continue;
}

/* NULL: it did not end. */
static bool ask(const uint8_t *data, size_t size, size_t step, struct bl_grpc_answer *ret)
{
	struct bl_grpc_call *call;
	const struct bl_grpc_answer *answer;
	struct bl_buf request = {0};
	bool ended;

	bl_pb_add_string(&request, 1, "service");
	if (bl_grpc_call_new("10.0.0.1:50051", "/grpc.health.v1.Health/Check", &request, 1000,
			     &call) < 0)
		abort();
	bl_buf_done(&request);
	drain(call);
	for (size_t at = 0; at < size && !bl_grpc_call_answer(call); at += step) {
		if (bl_grpc_call_feed(call, data + at, size - at < step ? size - at : step) < 0)
			break;
		drain(call);
	}
	answer = bl_grpc_call_answer(call);
	ended = answer != NULL;
	if (ended)
		*ret = *answer;
	bl_grpc_call_free(call);
	return ended;
}

static void check_message(const struct bl_grpc_answer *answer)
{
	for (const char *at = answer->message; *at; at++)
		if (*at < ' ' || *at > '~')
			abort();
}

/* The first byte is the size of the pieces. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bl_grpc_answer whole, pieces;
	struct bl_pb_reader reader = {0};
	bool ended;

	if (!size)
		return 0;
	(void)bl_pb_read(&reader, data + 1, size - 1);
	ended = ask(data + 1, size - 1, size, &whole);
	if (ended)
		check_message(&whole);
	if (ask(data + 1, size - 1, data[0] + 1u, &pieces) && ended &&
	    (whole.status != pieces.status || whole.has_message != pieces.has_message))
		abort();
	return 0;
}
