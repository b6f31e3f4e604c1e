/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "model/schema_kept.h"
#include "model/service.h"

#define AT(member) BL_AT(struct bl_service_spec, member)

static const struct bl_enum_name type_names[] = {
	{"ClusterIP", BL_SERVICE_CLUSTER_IP},
	{"NodePort", BL_SERVICE_NODE_PORT},
	{"LoadBalancer", BL_SERVICE_LOAD_BALANCER},
	{"ExternalName", BL_SERVICE_EXTERNAL_NAME},
	{NULL, 0},
};

static const struct bl_enum_name affinity_names[] = {
	{"None", BL_SESSION_AFFINITY_NONE},
	{"ClientIP", BL_SESSION_AFFINITY_CLIENT_IP},
	{NULL, 0},
};

static const struct bl_enum_name policy_names[] = {
	{"Cluster", BL_TRAFFIC_POLICY_CLUSTER},
	{"Local", BL_TRAFFIC_POLICY_LOCAL},
	{NULL, 0},
};

static const struct bl_enum_name distribution_names[] = {
	{"PreferClose", BL_TRAFFIC_DISTRIBUTION_PREFER_CLOSE},
	{"PreferSameZone", BL_TRAFFIC_DISTRIBUTION_PREFER_SAME_ZONE},
	{"PreferSameNode", BL_TRAFFIC_DISTRIBUTION_PREFER_SAME_NODE},
	{NULL, 0},
};

static const struct bl_enum_name family_policy_names[] = {
	{"SingleStack", BL_IP_FAMILY_POLICY_SINGLE_STACK},
	{"PreferDualStack", BL_IP_FAMILY_POLICY_PREFER_DUAL_STACK},
	{"RequireDualStack", BL_IP_FAMILY_POLICY_REQUIRE_DUAL_STACK},
	{NULL, 0},
};

static const struct bl_field port_fields[] = {
	{BL_NAME("name"), .type = BL_FIELD_STRING, BL_AT(struct bl_service_port, name),
	 .help = "name of the port; needed when there are several"},
	{BL_NAME("protocol"), .type = BL_FIELD_ENUM, BL_AT(struct bl_service_port, protocol),
	 .names = bl_protocol_names, .value = BL_PROTOCOL_TCP, .help = "TCP (default), UDP, SCTP"},
	{BL_NAME("appProtocol"), .type = BL_FIELD_STRING,
	 BL_AT(struct bl_service_port, app_protocol), .help = "what is spoken, such as 'http'"},
	{BL_NAME("port"), .type = BL_FIELD_INT, BL_AT(struct bl_service_port, port),
	 .required = true, .min = 1, .max = 65535, .help = "the port that clients dial"},
	{BL_NAME("targetPort"), .type = BL_FIELD_INT_OR_STRING,
	 BL_AT(struct bl_service_port, target_port), .min = 1, .max = 65535,
	 .help = "port of the pods, by number or by the name in the pod; default: port"},
	{BL_NAME("nodePort"), .type = BL_FIELD_INT, BL_AT(struct bl_service_port, node_port),
	 .min = 1, .max = 65535,
	 .help = "the port that every node answers on; chosen when it is not given"},
};

static const struct bl_type type_port = {
	.name = "ServicePort",
	BL_TYPE(port_fields, struct bl_service_port),
};

/* Two levels of text for one member: the rows are relative to the spec. */
static const struct bl_field client_ip_fields[] = {
	{BL_NAME("timeoutSeconds"), .type = BL_FIELD_INT, AT(affinity_timeout_s), .unset = -1,
	 .min = 1, .max = 86400,
	 .help = "how long a client keeps its pod after its last connection"},
};

static const struct bl_type type_client_ip = {
	.name = "ClientIPConfig",
	BL_TYPE(client_ip_fields, struct bl_service_spec),
	.has_unset = true,
};

static const struct bl_field affinity_config_fields[] = {
	{BL_NAME("clientIP"), .type = BL_FIELD_STRUCT, .sub = &type_client_ip},
};

static const struct bl_type type_affinity_config = {
	.name = "SessionAffinityConfig",
	BL_TYPE(affinity_config_fields, struct bl_service_spec),
	.has_unset = true,
};

static const struct bl_field spec_fields[] = {
	{BL_NAME("ports"), .type = BL_FIELD_LIST, AT(ports), .sub = &type_port, .merge_key = "port",
	 .list_keys = "port,protocol", .help = "the ports of the service"},
	{BL_NAME("selector"), .type = BL_FIELD_PAIRS, AT(selector), .atomic = true,
	 .help = "labels of the pods that answer; none: endpoints are written by hand"},
	{BL_NAME("clusterIP"), .type = BL_FIELD_STRING, AT(cluster_ip),
	 .help = "the address that clients dial; 'None': headless; chosen when it is not given"},
	{BL_NAME("clusterIPs"), .type = BL_FIELD_STRINGS, AT(cluster_ips),
	 .help = "clusterIP and that of the other family"},
	{BL_NAME("type"), .type = BL_FIELD_ENUM, AT(type), .names = type_names,
	 .value = BL_SERVICE_CLUSTER_IP,
	 .help = "ClusterIP (default), NodePort, LoadBalancer or ExternalName"},
	{BL_NAME("externalIPs"), .type = BL_FIELD_STRINGS, AT(external_ips),
	 .help = "further addresses, brought to the nodes by others, that the service answers on"},
	{BL_NAME("sessionAffinity"), .type = BL_FIELD_ENUM, AT(session_affinity),
	 .names = affinity_names, .value = BL_SESSION_AFFINITY_NONE,
	 .help = "ClientIP: a client stays with its pod; None (default)"},
	{BL_NAME("loadBalancerIP"), .type = BL_FIELD_STRING, AT(load_balancer_ip),
	 .help = "address that the load balancer should take"},
	{BL_NAME("loadBalancerSourceRanges"), .type = BL_FIELD_STRINGS,
	 AT(load_balancer_source_ranges),
	 .help = "prefixes of the clients that may use the load balancer's address"},
	{BL_NAME("externalName"), .type = BL_FIELD_STRING, AT(external_name),
	 .help = "DNS name that an ExternalName service stands for"},
	{BL_NAME("externalTrafficPolicy"), .type = BL_FIELD_ENUM, AT(external_traffic_policy),
	 .names = policy_names,
	 .help = "Local: outside clients reach pods of the dialled node only, address kept"},
	{BL_NAME("healthCheckNodePort"), .type = BL_FIELD_INT, AT(health_check_node_port), .min = 1,
	 .max = 65535,
	 .help = "port where load balancers ask whether this node has pods of the service"},
	{BL_NAME("publishNotReadyAddresses"), .type = BL_FIELD_BOOL,
	 AT(publish_not_ready_addresses), .help = "true: unready pods count as ready"},
	{BL_NAME("sessionAffinityConfig"), .type = BL_FIELD_STRUCT, .sub = &type_affinity_config,
	 .help = "timeout of sessionAffinity: ClientIP"},
	{BL_NAME("ipFamilies"), .type = BL_FIELD_FAMILIES, AT(ip_families),
	 .help = "IPv4, IPv6 or both, the main one first"},
	{BL_NAME("ipFamilyPolicy"), .type = BL_FIELD_ENUM, AT(ip_family_policy),
	 .names = family_policy_names, .help = "SingleStack, PreferDualStack or RequireDualStack"},
	{BL_NAME("allocateLoadBalancerNodePorts"), .type = BL_FIELD_BOOL,
	 AT(allocate_load_balancer_node_ports),
	 .help = "false: a LoadBalancer service gets no node ports"},
	{BL_NAME("loadBalancerClass"), .type = BL_FIELD_STRING, AT(load_balancer_class),
	 .help = "which implementation of load balancers is to serve it"},
	{BL_NAME("internalTrafficPolicy"), .type = BL_FIELD_ENUM, AT(internal_traffic_policy),
	 .names = policy_names,
	 .help = "Local: clients in the cluster reach pods of their node only"},
	{BL_NAME("trafficDistribution"), .type = BL_FIELD_ENUM, AT(traffic_distribution),
	 .names = distribution_names,
	 .help = "PreferSameZone, PreferSameNode: prefer near pods while there are any (the "
		 "annotation "
		 "service.kubernetes.io/topology-mode counts only for hints that EndpointSlices "
		 "bring)"},
};

static const struct bl_type type_spec = {
	.name = "ServiceSpec",
	BL_TYPE(spec_fields, struct bl_service_spec),
	.has_unset = true,
};

static const struct bl_field ingress_fields[] = {
	{BL_NAME("ip"), .type = BL_FIELD_STRING, BL_AT(struct bl_load_balancer_ingress, ip)},
	{BL_NAME("hostname"), .type = BL_FIELD_STRING,
	 BL_AT(struct bl_load_balancer_ingress, hostname)},
	{BL_NAME("ipMode"), .type = BL_FIELD_STRING,
	 BL_AT(struct bl_load_balancer_ingress, ip_mode)},
	BL_KEEP_LIST("ports", bl_kept_port_status, NULL, NULL),
};

static const struct bl_type type_ingress = {
	.name = "LoadBalancerIngress",
	BL_TYPE(ingress_fields, struct bl_load_balancer_ingress),
};

static const struct bl_field load_balancer_fields[] = {
	{BL_NAME("ingress"), .type = BL_FIELD_LIST, BL_AT(struct bl_service, ingress),
	 .sub = &type_ingress, .help = "addresses of the load balancer"},
};

static const struct bl_type type_load_balancer = {
	.name = "LoadBalancerStatus",
	BL_TYPE(load_balancer_fields, struct bl_service),
};

static const struct bl_field status_fields[] = {
	{BL_NAME("loadBalancer"), .type = BL_FIELD_STRUCT, .sub = &type_load_balancer,
	 .always = true},
	BL_KEEP_LIST("conditions", bl_type_condition, "type", "type"),
};

static const struct bl_type type_status = {
	.name = "ServiceStatus",
	BL_TYPE(status_fields, struct bl_service),
};

static const struct bl_field service_fields[] = {
	{BL_NAME("metadata"), .type = BL_FIELD_STRUCT, BL_AT(struct bl_object, meta),
	 .sub = &bl_type_meta, .help = "name, namespace, labels, annotations"},
	{BL_NAME("spec"), .type = BL_FIELD_STRUCT, BL_AT(struct bl_service, spec),
	 .sub = &type_spec, .help = "what the service is to be"},
	{BL_NAME("status"), .type = BL_FIELD_STRUCT, .sub = &type_status,
	 .help = "what the load balancer has made of it"},
};

static bool is_reachable_from_outside(const struct bl_service_spec *spec)
{
	return spec->type == BL_SERVICE_NODE_PORT || spec->type == BL_SERVICE_LOAD_BALANCER ||
	       (spec->type == BL_SERVICE_CLUSTER_IP && spec->external_ips.count > 0);
}

/* SetDefaults_Service of Kubernetes' pkg/apis/core/v1/defaults.go. */
static int fill_defaults(void *base, struct bl_arena *arena)
{
	struct bl_service_spec *spec = &((struct bl_service *)base)->spec;

	(void)arena;
	if (spec->session_affinity == BL_SESSION_AFFINITY_NONE)
		spec->affinity_timeout_s = -1;
	else if (spec->affinity_timeout_s == -1)
		spec->affinity_timeout_s = 10800;
	for (size_t i = 0; i < spec->ports.count; i++) {
		struct bl_service_port *port = &spec->ports.items[i];

		if (!port->target_port.name && port->target_port.number == 0)
			port->target_port.number = port->port;
	}
	if (is_reachable_from_outside(spec) && spec->external_traffic_policy == 0)
		spec->external_traffic_policy = BL_TRAFFIC_POLICY_CLUSTER;
	if (spec->type != BL_SERVICE_EXTERNAL_NAME && spec->internal_traffic_policy == 0)
		spec->internal_traffic_policy = BL_TRAFFIC_POLICY_CLUSTER;
	if (spec->type == BL_SERVICE_LOAD_BALANCER &&
	    spec->allocate_load_balancer_node_ports == BL_UNSET)
		spec->allocate_load_balancer_node_ports = BL_TRUE;
	return 0;
}

const struct bl_type bl_type_service = {
	.name = "Service",
	BL_TYPE(service_fields, struct bl_service),
	.has_unset = true,
	.fill_defaults = fill_defaults,
};
