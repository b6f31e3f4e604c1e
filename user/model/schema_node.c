/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "model/node.h"
#include "model/schema_kept.h"

#define AT(member) BL_AT(struct bl_node, member)

static const struct bl_field taint_fields[] = {
	{BL_NAME("key"), .type = BL_FIELD_STRING, BL_AT(struct bl_taint, key), .required = true},
	{BL_NAME("value"), .type = BL_FIELD_STRING, BL_AT(struct bl_taint, value)},
	{BL_NAME("effect"), .type = BL_FIELD_STRING, BL_AT(struct bl_taint, effect),
	 .required = true},
	BL_KEEP("timeAdded", TIME),
};

static const struct bl_type type_taint = {
	.name = "Taint",
	BL_TYPE(taint_fields, struct bl_taint),
};

static const struct bl_field address_fields[] = {
	{BL_NAME("type"), .type = BL_FIELD_STRING, BL_AT(struct bl_node_address, type),
	 .required = true, .help = "InternalIP, ExternalIP, Hostname ..."},
	{BL_NAME("address"), .type = BL_FIELD_STRING, BL_AT(struct bl_node_address, address),
	 .required = true, .help = "the address or name"},
};

static const struct bl_type type_address = {
	.name = "NodeAddress",
	BL_TYPE(address_fields, struct bl_node_address),
};

static const struct bl_field spec_fields[] = {
	{BL_NAME("podCIDR"), .type = BL_FIELD_STRING, AT(pod_cidr),
	 .help = "prefix of the pods of this node"},
	{BL_NAME("podCIDRs"), .type = BL_FIELD_STRINGS, AT(pod_cidrs), .merge_key = "",
	 .list_keys = "", .help = "podCIDR and that of the other family"},
	BL_KEEP("providerID", STRING),
	{BL_NAME("unschedulable"), .type = BL_FIELD_BOOL, AT(unschedulable),
	 .help = "true: no new pods"},
	{BL_NAME("taints"), .type = BL_FIELD_LIST, AT(taints), .sub = &type_taint,
	 .help = "what keeps pods away"},
	BL_KEEP("configSource", MAP),
	BL_KEEP("externalID", STRING),
};

static const struct bl_type type_spec = {
	.name = "NodeSpec",
	BL_TYPE(spec_fields, struct bl_node),
};

static const struct bl_field status_fields[] = {
	BL_KEEP("capacity", QUANTITIES),
	BL_KEEP("allocatable", QUANTITIES),
	BL_KEEP("phase", STRING),
	{BL_NAME("conditions"), .type = BL_FIELD_LIST, AT(conditions), .sub = &bl_type_condition,
	 .merge_key = "type", .list_keys = "type", .help = "Ready and others"},
	{BL_NAME("addresses"), .type = BL_FIELD_LIST, AT(addresses), .sub = &type_address,
	 .merge_key = "type", .list_keys = "type", .help = "addresses and names of the node"},
	BL_KEEP_MAP("daemonEndpoints", bl_kept_daemon_endpoints),
	BL_KEEP_MAP("nodeInfo", bl_kept_node_info),
	BL_KEEP_LIST("images", bl_kept_image, NULL, NULL),
	BL_KEEP("volumesInUse", STRINGS),
	BL_KEEP_LIST("volumesAttached", bl_kept_attached_volume, NULL, NULL),
	BL_KEEP("config", MAP),
	BL_KEEP_LIST("runtimeHandlers", bl_kept_runtime_handler, NULL, NULL),
	BL_KEEP_MAP("features", bl_kept_node_features),
	BL_KEEP("declaredFeatures", STRINGS),
};

static const struct bl_type type_status = {
	.name = "NodeStatus",
	BL_TYPE(status_fields, struct bl_node),
};

static const struct bl_field node_fields[] = {
	{BL_NAME("metadata"), .type = BL_FIELD_STRUCT, BL_AT(struct bl_object, meta),
	 .sub = &bl_type_meta, .help = "name, labels (topology.kubernetes.io/zone), annotations"},
	{BL_NAME("spec"), .type = BL_FIELD_STRUCT, .sub = &type_spec,
	 .help = "what the node is to be"},
	{BL_NAME("status"), .type = BL_FIELD_STRUCT, .sub = &type_status,
	 .help = "how the node is"},
};

const struct bl_type bl_type_node = {
	.name = "Node",
	BL_TYPE(node_fields, struct bl_node),
};

static const struct bl_field namespace_spec_fields[] = {
	BL_KEEP("finalizers", STRINGS),
};

static const struct bl_type type_namespace_spec = {
	.name = "NamespaceSpec",
	BL_TYPE(namespace_spec_fields, struct bl_namespace),
};

static const struct bl_field namespace_status_fields[] = {
	{BL_NAME("phase"), .type = BL_FIELD_STRING, BL_AT(struct bl_namespace, phase),
	 .help = "Active or Terminating"},
	BL_KEEP_LIST("conditions", bl_type_condition, "type", "type"),
};

static const struct bl_type type_namespace_status = {
	.name = "NamespaceStatus",
	BL_TYPE(namespace_status_fields, struct bl_namespace),
};

static const struct bl_field namespace_fields[] = {
	{BL_NAME("metadata"), .type = BL_FIELD_STRUCT, BL_AT(struct bl_object, meta),
	 .sub = &bl_type_meta, .help = "name, labels, annotations"},
	{BL_NAME("spec"), .type = BL_FIELD_STRUCT, .sub = &type_namespace_spec},
	{BL_NAME("status"), .type = BL_FIELD_STRUCT, .sub = &type_namespace_status},
};

const struct bl_type bl_type_namespace = {
	.name = "Namespace",
	BL_TYPE(namespace_fields, struct bl_namespace),
};

#define OF_LEASE(member) BL_AT(struct bl_lease_object, member)

static const struct bl_field lease_spec_fields[] = {
	{BL_NAME("holderIdentity"), .type = BL_FIELD_STRING, OF_LEASE(holder),
	 .help = "who holds it"},
	{BL_NAME("leaseDurationSeconds"), .type = BL_FIELD_INT, OF_LEASE(duration_s), .min = 1,
	 .max = INT32_MAX, .help = "how long after renewTime others have to wait"},
	{BL_NAME("acquireTime"), .type = BL_FIELD_STRING, OF_LEASE(acquire_time),
	 .help = "since when the holder has it"},
	{BL_NAME("renewTime"), .type = BL_FIELD_STRING, OF_LEASE(renew_time),
	 .help = "when the holder has last said so"},
	{BL_NAME("leaseTransitions"), .type = BL_FIELD_INT, OF_LEASE(transitions),
	 .help = "how often it went from one holder to another"},
	BL_KEEP("strategy", STRING),
	BL_KEEP("preferredHolder", STRING),
};

static const struct bl_type type_lease_spec = {
	.name = "LeaseSpec",
	BL_TYPE(lease_spec_fields, struct bl_lease_object),
};

static const struct bl_field lease_fields[] = {
	{BL_NAME("metadata"), .type = BL_FIELD_STRUCT, BL_AT(struct bl_object, meta),
	 .sub = &bl_type_meta, .help = "name, namespace, labels, annotations"},
	{BL_NAME("spec"), .type = BL_FIELD_STRUCT, .sub = &type_lease_spec,
	 .help = "who holds it, and until when"},
};

const struct bl_type bl_type_lease = {
	.name = "Lease",
	BL_TYPE(lease_fields, struct bl_lease_object),
};
