/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "model/probe.h"
#include "model/schema_kept.h"

static const struct bl_field exec_fields[] = {
	{BL_NAME("command"), .type = BL_FIELD_STRINGS, BL_AT(struct bl_exec_action, command),
	 .help = "program and arguments, run in the container, without a shell"},
};

const struct bl_type bl_type_exec = {
	.name = "ExecAction",
	BL_TYPE(exec_fields, struct bl_exec_action),
};

static const struct bl_field header_fields[] = {
	{BL_NAME("name"), .type = BL_FIELD_STRING, BL_AT(struct bl_http_header, name),
	 .required = true, .help = "name of the header"},
	{BL_NAME("value"), .type = BL_FIELD_STRING, BL_AT(struct bl_http_header, value),
	 .help = "value of the header"},
};

static const struct bl_type type_header = {
	.name = "HTTPHeader",
	BL_TYPE(header_fields, struct bl_http_header),
};

static const struct bl_enum_name scheme_names[] = {
	{"HTTP", BL_URI_SCHEME_HTTP},
	{"HTTPS", BL_URI_SCHEME_HTTPS},
	{NULL, 0},
};

static const struct bl_field http_get_fields[] = {
	{BL_NAME("path"), .type = BL_FIELD_STRING, BL_AT(struct bl_http_get_action, path),
	 .help = "path and query; / when it is not given"},
	{BL_NAME("port"), .type = BL_FIELD_INT_OR_STRING, BL_AT(struct bl_http_get_action, port),
	 .min = 1, .max = 65535, .help = "number, or name of a port of the container"},
	{BL_NAME("host"), .type = BL_FIELD_STRING, BL_AT(struct bl_http_get_action, host),
	 .help = "what to connect to; the pod's address when it is not given"},
	{BL_NAME("scheme"), .type = BL_FIELD_ENUM, BL_AT(struct bl_http_get_action, scheme),
	 .names = scheme_names, .value = BL_URI_SCHEME_HTTP,
	 .help = "HTTP (default) or HTTPS; certificates are not checked"},
	{BL_NAME("httpHeaders"), .type = BL_FIELD_LIST, BL_AT(struct bl_http_get_action, headers),
	 .sub = &type_header, .help = "headers of the request"},
};

const struct bl_type bl_type_http_get = {
	.name = "HTTPGetAction",
	BL_TYPE(http_get_fields, struct bl_http_get_action),
};

static const struct bl_field tcp_socket_fields[] = {
	{BL_NAME("port"), .type = BL_FIELD_INT_OR_STRING, BL_AT(struct bl_tcp_socket_action, port),
	 .min = 1, .max = 65535, .help = "number, or name of a port of the container"},
	{BL_NAME("host"), .type = BL_FIELD_STRING, BL_AT(struct bl_tcp_socket_action, host),
	 .help = "what to connect to; the pod's address when it is not given"},
};

const struct bl_type bl_type_tcp_socket = {
	.name = "TCPSocketAction",
	BL_TYPE(tcp_socket_fields, struct bl_tcp_socket_action),
};

static const struct bl_field grpc_fields[] = {
	{BL_NAME("port"), .type = BL_FIELD_INT, BL_AT(struct bl_grpc_action, port),
	 .required = true, .min = 1, .max = 65535, .help = "number of the port"},
	{BL_NAME("service"), .type = BL_FIELD_STRING, BL_AT(struct bl_grpc_action, service),
	 .help = "service to ask grpc.health.v1.Health/Check about"},
};

static const struct bl_type type_grpc = {
	.name = "GRPCAction",
	BL_TYPE(grpc_fields, struct bl_grpc_action),
};

static const struct bl_field probe_fields[] = {
	{BL_NAME("exec"), .type = BL_FIELD_OPTIONAL, BL_AT(struct bl_probe, exec),
	 .sub = &bl_type_exec, .help = "succeeds when a command ends with 0"},
	{BL_NAME("httpGet"), .type = BL_FIELD_OPTIONAL, BL_AT(struct bl_probe, http_get),
	 .sub = &bl_type_http_get, .help = "succeeds when a GET is answered with 200-399"},
	{BL_NAME("tcpSocket"), .type = BL_FIELD_OPTIONAL, BL_AT(struct bl_probe, tcp_socket),
	 .sub = &bl_type_tcp_socket, .help = "succeeds when a connection is accepted"},
	{BL_NAME("grpc"), .type = BL_FIELD_OPTIONAL, BL_AT(struct bl_probe, grpc),
	 .sub = &type_grpc, .help = "succeeds when the health service says SERVING"},
	{BL_NAME("initialDelaySeconds"), .type = BL_FIELD_INT,
	 BL_AT(struct bl_probe, initial_delay_s), .min = 0, .max = INT32_MAX,
	 .help = "how long after the container's start the first probe is; 0 by default"},
	{BL_NAME("timeoutSeconds"), .type = BL_FIELD_INT, BL_AT(struct bl_probe, timeout_s),
	 .min = 1, .max = INT32_MAX, .value = 1,
	 .help = "after how long a probe has failed; 1 by default"},
	{BL_NAME("periodSeconds"), .type = BL_FIELD_INT, BL_AT(struct bl_probe, period_s), .min = 1,
	 .max = INT32_MAX, .value = 10, .help = "how often to probe; 10 by default"},
	{BL_NAME("successThreshold"), .type = BL_FIELD_INT,
	 BL_AT(struct bl_probe, success_threshold), .min = 1, .max = INT32_MAX, .value = 1,
	 .help = "successes in a row that make ready; 1 by default"},
	{BL_NAME("failureThreshold"), .type = BL_FIELD_INT,
	 BL_AT(struct bl_probe, failure_threshold), .min = 1, .max = INT32_MAX, .value = 3,
	 .help = "failures in a row that make not ready; 3 by default"},
	{BL_NAME("terminationGracePeriodSeconds"), .type = BL_FIELD_INT,
	 BL_AT(struct bl_probe, termination_grace_period_s), .help = "not for readiness probes"},
};

const struct bl_type bl_type_probe = {
	.name = "Probe",
	BL_TYPE(probe_fields, struct bl_probe),
};
