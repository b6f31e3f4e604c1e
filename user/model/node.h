/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Node and Namespace (v1), Lease (coordination.k8s.io/v1). */
#ifndef MODEL_NODE_H
#define MODEL_NODE_H

#include "model/object.h"
#include "model/pod.h"

struct bl_taint {
	const char *key;
	const char *value;
	const char *effect;
};

struct bl_taints {
	struct bl_taint *items;
	size_t count;
};

struct bl_node_address {
	const char *type; /* "InternalIP", "ExternalIP", "Hostname" ... */
	const char *address;
};

struct bl_node_addresses {
	struct bl_node_address *items;
	size_t count;
};

struct bl_node {
	struct bl_object object;
	const char *pod_cidr;
	struct bl_strings pod_cidrs;
	enum bl_tristate unschedulable;
	struct bl_taints taints;
	struct bl_node_addresses addresses; /* status.addresses */
	struct bl_conditions conditions;
};

struct bl_namespace {
	struct bl_object object;
	const char *phase; /* status.phase: "Active", "Terminating" or NULL */
};

/* What several agents agree by; the agent that keeps it only passes it on. */
struct bl_lease_object {
	struct bl_object object;
	const char *holder; /* spec.holderIdentity */
	int32_t duration_s;
	const char *acquire_time; /* with microseconds, as it was written */
	const char *renew_time;
	int32_t transitions;
};

static inline const struct bl_node *bl_node_of(const struct bl_object *object)
{
	return (const struct bl_node *)object;
}

#define BL_LABEL_ZONE "topology.kubernetes.io/zone"
#define BL_LABEL_HOSTNAME "kubernetes.io/hostname"

#endif
