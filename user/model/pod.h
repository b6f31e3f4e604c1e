/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Pod (v1): the fields that Services need; all other known fields are kept as they were read. */
#ifndef MODEL_POD_H
#define MODEL_POD_H

#include "model/object.h"
#include "model/probe.h"
#include "model/service.h"

struct bl_container_port {
	const char *name;
	enum bl_protocol protocol;
	int32_t container_port;
	int32_t host_port;
	const char *host_ip;
};

struct bl_container_ports {
	struct bl_container_port *items;
	size_t count;
};

struct bl_container {
	const char *name;
	const char *image;
	struct bl_container_ports ports;
	const char *restart_policy;       /* "Always" on an init container makes it a sidecar */
	struct bl_probe *readiness_probe; /* NULL: none */
	struct bl_probe *startup_probe;
};

struct bl_containers {
	struct bl_container *items;
	size_t count;
};

struct bl_condition {
	const char *type;
	enum bl_tristate status; /* "Unknown" is BL_UNSET */
	const char *reason;
	const char *message;
	int64_t last_transition_time;
};

struct bl_conditions {
	struct bl_condition *items;
	size_t count;
};

struct bl_container_running {
	int64_t started_at; /* 0: unknown */
};

struct bl_container_state { /* at most one of them; none: waiting */
	struct bl_container_waiting *waiting;
	struct bl_container_running *running;
	struct bl_container_terminated *terminated;
};

struct bl_container_waiting {
	const char *reason;
};

struct bl_container_terminated {
	int32_t exit_code;
	const char *reason;
};

struct bl_container_status {
	const char *name;
	struct bl_container_state state;
	enum bl_tristate ready;
	enum bl_tristate started;
	int32_t restart_count;
	const char *image;
	const char *container_id; /* "containerd://..." */
};

struct bl_container_statuses {
	struct bl_container_status *items;
	size_t count;
};

struct bl_pod_ip {
	const char *ip;
};

struct bl_pod_ips {
	struct bl_pod_ip *items;
	size_t count;
};

enum bl_pod_phase {
	BL_POD_PHASE_UNSET = 0,
	BL_POD_PENDING,
	BL_POD_RUNNING,
	BL_POD_SUCCEEDED,
	BL_POD_FAILED,
	BL_POD_PHASE_UNKNOWN,
};

struct bl_pod_dns_option {
	const char *name;
	const char *value; /* NULL: none */
};

struct bl_pod_dns_options {
	struct bl_pod_dns_option *items;
	size_t count;
};

struct bl_pod_dns_config {
	struct bl_strings nameservers;
	struct bl_strings searches;
	struct bl_pod_dns_options options;
};

struct bl_pod_spec {
	const char *node_name;
	const char *hostname;
	const char *subdomain;
	const char *dns_policy; /* NULL: ClusterFirst */
	struct bl_pod_dns_config dns_config;
	enum bl_tristate host_network;
	enum bl_tristate enable_service_links;
	int64_t termination_grace_period_s; /* -1: unset */
	struct bl_containers containers;
	struct bl_containers init_containers;
	struct bl_strings readiness_gates; /* condition types */
};

struct bl_pod_status {
	enum bl_pod_phase phase;
	const char *reason; /* "Evicted" */
	const char *pod_ip;
	struct bl_pod_ips pod_ips;
	const char *host_ip;
	int64_t start_time;
	struct bl_conditions conditions;
	struct bl_container_statuses container_statuses;
	struct bl_container_statuses init_container_statuses;
};

struct bl_pod {
	struct bl_object object;
	struct bl_pod_spec spec;
	struct bl_pod_status status;
};

static inline const struct bl_pod *bl_pod_of(const struct bl_object *object)
{
	return (const struct bl_pod *)object;
}

/* Condition of this type, or NULL. */
const struct bl_condition *bl_condition_find(const struct bl_conditions *conditions,
					     const char *type);
/* Status of the container of this name, or NULL. */
struct bl_container_status *bl_container_status_find(const struct bl_container_statuses *statuses,
						     const char *name);

#endif
