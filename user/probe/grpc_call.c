/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "probe/grpc_call.h"

#include <errno.h>
#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <string.h>

#define PREFIX 5 /* before each message: compressed?, length */

struct bl_grpc_call {
	nghttp2_session *session;
	struct bl_buf request; /* with its prefix */
	size_t sent;
	int32_t stream;
	struct bl_grpc_answer answer;
	uint8_t prefix[PREFIX];
	size_t prefix_len;
	uint32_t message_left;
	bool broken; /* the message is none */
	bool closed;
};

static ssize_t on_read_request(nghttp2_session *session, int32_t stream, uint8_t *buffer,
			       size_t size, uint32_t *flags, nghttp2_data_source *source,
			       void *userdata)
{
	struct bl_grpc_call *call = userdata;
	size_t left = call->request.len - call->sent;

	(void)session;
	(void)stream;
	(void)source;
	if (left > size)
		left = size;
	memcpy(buffer, call->request.data + call->sent, left);
	call->sent += left;
	if (call->sent == call->request.len)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	return (ssize_t)left;
}

static int to_number(const uint8_t *value, size_t len)
{
	int number = 0;

	if (len == 0 || len > 3)
		return -1;
	for (size_t i = 0; i < len; i++) {
		if (value[i] < '0' || value[i] > '9')
			return -1;
		number = number * 10 + (value[i] - '0');
	}
	return number;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
		     size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags,
		     void *userdata)
{
	struct bl_grpc_call *call = userdata;
	struct bl_grpc_answer *answer = &call->answer;
	size_t used = 0;

	(void)session;
	(void)flags;
	if (frame->hd.stream_id != call->stream)
		return 0;
	if (name_len == 7 && memcmp(name, ":status", 7) == 0)
		answer->http_status = to_number(value, value_len);
	if (name_len == 11 && memcmp(name, "grpc-status", 11) == 0)
		answer->status = to_number(value, value_len);
	if (name_len != 12 || memcmp(name, "grpc-message", 12) != 0)
		return 0;
	for (; used < value_len && used + 1 < sizeof(answer->message); used++)
		answer->message[used] =
			value[used] < ' ' || value[used] >= 0x7f ? '?' : (char)value[used];
	answer->message[used] = '\0';
	return 0;
}

/* The prefix, then the message; a unary call has one. */
static void take_data(struct bl_grpc_call *call, const uint8_t *bytes, size_t len)
{
	while (len && !call->broken) {
		size_t step = len;

		if (call->prefix_len < PREFIX) {
			call->prefix[call->prefix_len++] = *bytes;
			step = 1;
			if (call->prefix_len == PREFIX) {
				const uint8_t *at = call->prefix;

				call->message_left = (uint32_t)at[1] << 24 | (uint32_t)at[2] << 16 |
						     (uint32_t)at[3] << 8 | at[4];
				call->broken = at[0] != 0; /* compressed: we offered nothing */
			}
		} else {
			if (step > call->message_left)
				step = call->message_left;
			call->broken = !step || bl_pb_read(&call->answer.fields, bytes, step) < 0;
			call->message_left -= (uint32_t)step;
		}
		bytes += step;
		len -= step;
	}
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t stream, const uint8_t *bytes,
		   size_t len, void *userdata)
{
	struct bl_grpc_call *call = userdata;

	(void)session;
	(void)flags;
	if (stream == call->stream)
		take_data(call, bytes, len);
	return 0;
}

static int on_close(nghttp2_session *session, int32_t stream, uint32_t error, void *userdata)
{
	struct bl_grpc_call *call = userdata;

	(void)session;
	if (stream != call->stream)
		return 0;
	call->closed = true;
	call->answer.has_message = error == NGHTTP2_NO_ERROR && !call->broken &&
				   call->prefix_len == PREFIX && !call->message_left &&
				   bl_pb_is_complete(&call->answer.fields);
	return 0;
}

static int make_session(struct bl_grpc_call *call)
{
	nghttp2_session_callbacks *callbacks;
	int r;

	if (nghttp2_session_callbacks_new(&callbacks) != 0)
		return -ENOMEM;
	nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
	nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
	r = nghttp2_session_client_new(&call->session, callbacks, call);
	nghttp2_session_callbacks_del(callbacks);
	return r != 0 ? -ENOMEM : 0;
}

static nghttp2_nv pair(const char *name, const char *value)
{
	return (nghttp2_nv){.name = (uint8_t *)(uintptr_t)name,
			    .value = (uint8_t *)(uintptr_t)value,
			    .namelen = strlen(name),
			    .valuelen = strlen(value)};
}

static int submit(struct bl_grpc_call *call, const char *authority, const char *path,
		  uint32_t timeout_ms)
{
	const nghttp2_data_provider body = {.read_callback = on_read_request};
	const nghttp2_settings_entry no_push = {NGHTTP2_SETTINGS_ENABLE_PUSH, 0};
	char timeout[24];

	(void)snprintf(timeout, sizeof(timeout), "%um", timeout_ms);
	{
		const nghttp2_nv headers[] = {
			pair(":method", "POST"),
			pair(":scheme", "http"),
			pair(":path", path),
			pair(":authority", authority),
			pair("te", "trailers"),
			pair("content-type", "application/grpc"),
			pair("user-agent", "kube-probe/1.36"),
			pair("grpc-timeout", timeout),
		};

		if (nghttp2_submit_settings(call->session, NGHTTP2_FLAG_NONE, &no_push, 1) != 0)
			return -ENOMEM;
		call->stream = nghttp2_submit_request(call->session, NULL, headers,
						      ARRAY_SIZE(headers), &body, NULL);
	}
	return call->stream < 0 ? -ENOMEM : 0;
}

int bl_grpc_call_new(const char *authority, const char *path, const struct bl_buf *request,
		     uint32_t timeout_ms, struct bl_grpc_call **ret)
{
	_cleanup_(bl_grpc_call_free) struct bl_grpc_call *call = calloc(1, sizeof(*call));
	const uint8_t prefix[PREFIX] = {0, (uint8_t)(request->len >> 24),
					(uint8_t)(request->len >> 16), (uint8_t)(request->len >> 8),
					(uint8_t)request->len};
	int r;

	if (!call)
		return -ENOMEM;
	call->answer.status = -1;
	bl_buf_add(&call->request, prefix, sizeof(prefix));
	bl_buf_add(&call->request, request->data, request->len);
	if (call->request.failed || request->failed)
		return -ENOMEM;
	r = make_session(call);
	if (r >= 0)
		r = submit(call, authority, path, timeout_ms);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(call);
	return 0;
}

struct bl_grpc_call *bl_grpc_call_free(struct bl_grpc_call *call)
{
	if (!call)
		return NULL;
	nghttp2_session_del(call->session);
	bl_buf_done(&call->request);
	free(call);
	return NULL;
}

int bl_grpc_call_feed(struct bl_grpc_call *call, const void *bytes, size_t len)
{
	ssize_t used = nghttp2_session_mem_recv(call->session, bytes, len);

	return used < 0 || (size_t)used != len ? -EPROTO : 0;
}

int bl_grpc_call_output(struct bl_grpc_call *call, const void **ret_bytes, size_t *ret_len)
{
	const uint8_t *bytes = NULL;
	ssize_t len = nghttp2_session_mem_send(call->session, &bytes);

	if (len < 0 || (len == 0 && !nghttp2_session_want_read(call->session)))
		return -EPROTO;
	*ret_bytes = bytes;
	*ret_len = (size_t)len;
	return 0;
}

const struct bl_grpc_answer *bl_grpc_call_answer(const struct bl_grpc_call *call)
{
	return call->closed ? &call->answer : NULL;
}
