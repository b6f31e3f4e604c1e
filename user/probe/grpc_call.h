/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One unary gRPC call over HTTP/2 without TLS: bytes in, bytes out; no sockets. Of the answer only
 * the status and the whole numbers of the message are kept (protobuf.h), so that nothing a peer
 * sends takes up memory.
 */
#ifndef PROBE_GRPC_CALL_H
#define PROBE_GRPC_CALL_H

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/protobuf.h"

#define BL_GRPC_OK 0
#define BL_GRPC_DEADLINE_EXCEEDED 4
#define BL_GRPC_UNIMPLEMENTED 12

struct bl_grpc_call;

struct bl_grpc_answer {
	int status;        /* of gRPC; -1: there was none */
	int http_status;   /* 0: there was none */
	char message[128]; /* grpc-message, fit for a line */
	bool has_message;  /* a whole message came */
	struct bl_pb_reader fields;
};

/* "/grpc.health.v1.Health/Check". The request is copied. -ENOMEM. */
int bl_grpc_call_new(const char *authority, const char *path, const struct bl_buf *request,
		     uint32_t timeout_ms, struct bl_grpc_call **ret);
struct bl_grpc_call *bl_grpc_call_free(struct bl_grpc_call *call);
BL_DEFINE_CLEANUP(struct bl_grpc_call *, bl_grpc_call_free);

/* What came from the peer. -EPROTO: it speaks no HTTP/2, which may also show in the output. */
int bl_grpc_call_feed(struct bl_grpc_call *call, const void *bytes, size_t len);
/* What is to be sent, borrowed until the next call; 0 bytes: nothing. -EPROTO: what came before
 * was no HTTP/2, and the peer has been told. */
int bl_grpc_call_output(struct bl_grpc_call *call, const void **ret_bytes, size_t *ret_len);
/* NULL while the call goes on. */
const struct bl_grpc_answer *bl_grpc_call_answer(const struct bl_grpc_call *call);

#endif
