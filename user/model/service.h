/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Service (v1). Field meanings: Kubernetes API reference; rules: validate.h. */
#ifndef MODEL_SERVICE_H
#define MODEL_SERVICE_H

#include "base/addr.h"
#include "model/object.h"

enum BL_ONE_BYTE bl_service_type {
	BL_SERVICE_TYPE_UNSET = 0,
	BL_SERVICE_CLUSTER_IP,
	BL_SERVICE_NODE_PORT,
	BL_SERVICE_LOAD_BALANCER,
	BL_SERVICE_EXTERNAL_NAME,
};

enum BL_ONE_BYTE bl_session_affinity {
	BL_SESSION_AFFINITY_UNSET = 0,
	BL_SESSION_AFFINITY_NONE,
	BL_SESSION_AFFINITY_CLIENT_IP,
};

enum BL_ONE_BYTE bl_traffic_policy {
	BL_TRAFFIC_POLICY_UNSET = 0,
	BL_TRAFFIC_POLICY_CLUSTER,
	BL_TRAFFIC_POLICY_LOCAL,
};

enum BL_ONE_BYTE bl_traffic_distribution {
	BL_TRAFFIC_DISTRIBUTION_UNSET = 0,
	BL_TRAFFIC_DISTRIBUTION_PREFER_CLOSE, /* same meaning as PreferSameZone */
	BL_TRAFFIC_DISTRIBUTION_PREFER_SAME_ZONE,
	BL_TRAFFIC_DISTRIBUTION_PREFER_SAME_NODE,
};

enum BL_ONE_BYTE bl_ip_family_policy {
	BL_IP_FAMILY_POLICY_UNSET = 0,
	BL_IP_FAMILY_POLICY_SINGLE_STACK,
	BL_IP_FAMILY_POLICY_PREFER_DUAL_STACK,
	BL_IP_FAMILY_POLICY_REQUIRE_DUAL_STACK,
};

enum BL_ONE_BYTE bl_protocol { /* the values are IP protocol numbers */
			       BL_PROTOCOL_UNSET = 0,
			       BL_PROTOCOL_TCP = 6,
			       BL_PROTOCOL_UDP = 17,
			       BL_PROTOCOL_SCTP = 132,
};

struct bl_int_or_string {
	int32_t number; /* used when `name` is NULL; 0: unset */
	const char *name;
};

struct bl_service_port {
	const char *name; /* NULL: none */
	const char *app_protocol;
	struct bl_int_or_string target_port;
	int32_t port;
	int32_t node_port; /* 0: none yet */
	enum bl_protocol protocol;
};

struct bl_service_ports {
	struct bl_service_port *items;
	size_t count;
};

/* ipFamilies: at most two, BL_FAMILY_IPV4 or BL_FAMILY_IPV6 (enum bl_family); 0: unset. */
struct bl_service_spec {
	enum bl_service_type type;
	enum bl_ip_family_policy ip_family_policy;
	uint8_t ip_families[2];
	enum bl_session_affinity session_affinity;
	enum bl_traffic_policy internal_traffic_policy;
	enum bl_traffic_policy external_traffic_policy;
	enum bl_traffic_distribution traffic_distribution;
	enum bl_tristate publish_not_ready_addresses;
	enum bl_tristate allocate_load_balancer_node_ports;
	int32_t health_check_node_port; /* 0: none */
	int32_t affinity_timeout_s; /* sessionAffinityConfig.clientIP.timeoutSeconds; -1: unset */
	struct bl_service_ports ports;
	struct bl_pairs selector;
	const char *cluster_ip; /* "None" for headless; NULL: not allocated */
	struct bl_strings cluster_ips;
	struct bl_strings external_ips;
	const char *external_name;
	const char *load_balancer_ip;
	struct bl_strings load_balancer_source_ranges;
	const char *load_balancer_class;
};

struct bl_load_balancer_ingress {
	const char *ip;
	const char *hostname;
	const char *ip_mode; /* "VIP", "Proxy" or NULL */
};

struct bl_load_balancer_ingresses {
	struct bl_load_balancer_ingress *items;
	size_t count;
};

struct bl_service {
	struct bl_object object; /* first: a bl_object pointer is a bl_service pointer */
	struct bl_service_spec spec;
	struct bl_load_balancer_ingresses ingress; /* status.loadBalancer.ingress */
};

static inline const struct bl_service *bl_service_of(const struct bl_object *object)
{
	return (const struct bl_service *)object;
}

static inline bool bl_service_is_headless(const struct bl_service *service)
{
	const char *ip = service->spec.cluster_ip;

	return ip && ip[0] == 'N'; /* "None"; validation refuses other words */
}

#define BL_LABEL_SERVICE_PROXY_NAME "service.kubernetes.io/service-proxy-name"
#define BL_LABEL_HEADLESS "service.kubernetes.io/headless"
#define BL_ANNOTATION_SOURCE_RANGES "service.beta.kubernetes.io/load-balancer-source-ranges"
#define BL_ANNOTATION_LB_ALGORITHM "beeline.dev/lb-algorithm"       /* random, maglev */
#define BL_ANNOTATION_FORWARDING_MODE "beeline.dev/forwarding-mode" /* snat, dsr */
#define BL_ANNOTATION_TOLERATE_UNREADY "service.alpha.kubernetes.io/tolerate-unready-endpoints"

#endif
