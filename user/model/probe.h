/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Probe (of a container): what is asked, how often, and how many answers make a change. */
#ifndef MODEL_PROBE_H
#define MODEL_PROBE_H

#include "model/object.h"
#include "model/service.h"

struct bl_http_header {
	const char *name;
	const char *value;
};

struct bl_http_headers {
	struct bl_http_header *items;
	size_t count;
};

enum bl_uri_scheme {
	BL_URI_SCHEME_UNSET = 0,
	BL_URI_SCHEME_HTTP,
	BL_URI_SCHEME_HTTPS,
};

struct bl_exec_action {
	struct bl_strings command;
};

struct bl_http_get_action {
	const char *path; /* may hold a query; NULL: "/" */
	struct bl_int_or_string port;
	const char *host; /* NULL: the pod's address */
	enum bl_uri_scheme scheme;
	struct bl_http_headers headers;
};

struct bl_tcp_socket_action {
	struct bl_int_or_string port;
	const char *host; /* NULL: the pod's address */
};

struct bl_grpc_action {
	int32_t port;
	const char *service; /* NULL: "" */
};

struct bl_probe {
	struct bl_exec_action *exec; /* exactly one of the four */
	struct bl_http_get_action *http_get;
	struct bl_tcp_socket_action *tcp_socket;
	struct bl_grpc_action *grpc;
	int32_t initial_delay_s;
	int32_t timeout_s;
	int32_t period_s;
	int32_t success_threshold;
	int32_t failure_threshold;
	int64_t termination_grace_period_s; /* 0: unset */
};

#endif
