/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Services. Source where none is named: ValidateService and ValidateServiceUpdate of Kubernetes
 * v1.36 (pkg/apis/core/validation/validation.go). */
#include <string.h>

#include "model/check.h"
#include "model/service.h"
#include "model/validate.h"
#include "model/validate_parts.h"

#define KUBELET_PORT 10250

/* Ports */

static void check_port_twins(struct bl_report *report, const struct bl_service_ports *ports,
			     size_t index)
{
	const struct bl_service_port *port = &ports->items[index];
	char field[BL_FIELD_TEXT];

	for (size_t i = 0; i < index; i++) {
		const struct bl_service_port *other = &ports->items[i];

		if (port->name && other->name && strcmp(port->name, other->name) == 0)
			bl_check_fail(report, bl_check_field(field, "spec.ports[%zu].name", index),
				      "name '%s' is that of spec.ports[%zu] too", port->name, i);
		if (port->protocol != other->protocol)
			continue;
		if (port->port == other->port)
			bl_check_fail(report, bl_check_field(field, "spec.ports[%zu].port", index),
				      "port %d of this protocol is that of spec.ports[%zu] too",
				      port->port, i);
		if (port->node_port != 0 && port->node_port == other->node_port)
			bl_check_fail(report,
				      bl_check_field(field, "spec.ports[%zu].nodePort", index),
				      "port %d of this protocol is that of spec.ports[%zu] too",
				      port->node_port, i);
	}
}

static void check_port(struct bl_report *report, const struct bl_service_spec *spec, size_t index)
{
	const struct bl_service_port *port = &spec->ports.items[index];
	char field[BL_FIELD_TEXT];

	bl_check_field(field, "spec.ports[%zu].name", index);
	if (port->name && port->name[0])
		bl_check_rule(report, field, port->name, bl_check_dns_label(port->name));
	else if (spec->ports.count > 1)
		bl_report_add(report, BL_SEVERITY_ERROR, BL_PLACE_VALUE, field,
			      "required field '%s' is missing: with several ports each has a name",
			      field);
	bl_check_field(field, "spec.ports[%zu].targetPort", index);
	if (port->target_port.name)
		bl_check_rule(report, field, port->target_port.name,
			      bl_check_port_name(port->target_port.name));
	bl_check_field(field, "spec.ports[%zu].appProtocol", index);
	if (port->app_protocol)
		bl_check_rule(report, field, port->app_protocol,
			      bl_check_qualified_name(port->app_protocol));
	bl_check_field(field, "spec.ports[%zu].nodePort", index);
	if (port->node_port != 0 && spec->type == BL_SERVICE_CLUSTER_IP)
		bl_check_fail(report, field,
			      "only for type NodePort and LoadBalancer, but spec.type is "
			      "'ClusterIP' (say 'type: NodePort')");
	bl_check_field(field, "spec.ports[%zu].port", index);
	if (port->port == KUBELET_PORT && spec->type == BL_SERVICE_LOAD_BALANCER)
		bl_check_fail(report, field, "a load balancer may not expose the kubelet's %d",
			      KUBELET_PORT);
	check_port_twins(report, &spec->ports, index);
}

static void check_ports(struct bl_report *report, const struct bl_service *service)
{
	const struct bl_service_spec *spec = &service->spec;

	if (spec->ports.count == 0 && !bl_service_is_headless(service) &&
	    spec->type != BL_SERVICE_EXTERNAL_NAME && !bl_report_said(report, "spec.ports"))
		bl_report_add(report, BL_SEVERITY_ERROR, BL_PLACE_VALUE, "spec.ports",
			      "required field 'spec.ports' is missing or empty");
	for (size_t i = 0; i < spec->ports.count; i++)
		check_port(report, spec, i);
}

/* Addresses of the service */

static bool is_none(const char *ip)
{
	return ip && strcmp(ip, "None") == 0;
}

static void check_cluster_ip_list(struct bl_report *report, const struct bl_service_spec *spec)
{
	const struct bl_strings *ips = &spec->cluster_ips;
	struct bl_addr first, addr;
	char field[BL_FIELD_TEXT];

	if (ips->count > 2) {
		bl_check_fail(report, "spec.clusterIPs", "expected at most 2 addresses, got %zu",
			      ips->count);
		return;
	}
	if (ips->count > 0 && (!spec->cluster_ip || strcmp(spec->cluster_ip, ips->items[0]) != 0))
		bl_check_fail(report, "spec.clusterIPs[0]",
			      "expected the same as spec.clusterIP ('%s'), got '%s'",
			      spec->cluster_ip ? spec->cluster_ip : "", ips->items[0]);
	for (size_t i = 0; i < ips->count; i++) {
		bl_check_field(field, "spec.clusterIPs[%zu]", i);
		if (is_none(ips->items[i])) {
			if (ips->count > 1)
				bl_check_fail(report, field, "'None' stands alone");
			return;
		}
		if (!bl_check_address(report, field, ips->items[i], &addr))
			return;
		if (i == 1 && first.family == addr.family)
			bl_check_fail(report, field, "both addresses are of the same family");
		if (spec->ip_families[i] != 0 && spec->ip_families[i] != addr.family)
			bl_check_fail(report, field,
				      "'%s' is not of the family in "
				      "spec.ipFamilies[%zu]",
				      ips->items[i], i);
		first = addr;
	}
}

static void check_cluster_ip(struct bl_report *report, const struct bl_service_spec *spec)
{
	struct bl_addr addr;

	if (spec->type == BL_SERVICE_EXTERNAL_NAME) {
		if (spec->cluster_ip && spec->cluster_ip[0])
			bl_check_fail(report, "spec.clusterIP",
				      "a service of type ExternalName has none, got '%s'",
				      spec->cluster_ip);
		if (spec->cluster_ips.count > 0)
			bl_check_fail(report, "spec.clusterIPs",
				      "a service of type ExternalName has none");
		return;
	}
	if (is_none(spec->cluster_ip)) {
		if (spec->type == BL_SERVICE_NODE_PORT || spec->type == BL_SERVICE_LOAD_BALANCER)
			bl_check_fail(report, "spec.clusterIP",
				      "'None' (headless) does not go with type %s",
				      spec->type == BL_SERVICE_NODE_PORT ? "NodePort"
									 : "LoadBalancer");
	} else if (spec->cluster_ip && spec->cluster_ip[0]) {
		if (!bl_check_address(report, "spec.clusterIP", spec->cluster_ip, &addr))
			return;
		if (spec->cluster_ips.count == 0 && spec->ip_families[0] != 0 &&
		    spec->ip_families[0] != addr.family)
			bl_check_fail(report, "spec.clusterIP",
				      "'%s' is not of the family in spec.ipFamilies[0]",
				      spec->cluster_ip);
	}
	check_cluster_ip_list(report, spec);
}

static void check_families(struct bl_report *report, const struct bl_service_spec *spec)
{
	if (spec->type == BL_SERVICE_EXTERNAL_NAME) {
		if (spec->ip_families[0] != 0)
			bl_check_fail(report, "spec.ipFamilies",
				      "a service of type ExternalName has none");
		if (spec->ip_family_policy != BL_IP_FAMILY_POLICY_UNSET)
			bl_check_fail(report, "spec.ipFamilyPolicy",
				      "a service of type ExternalName has none");
		return;
	}
	if (spec->ip_families[0] != 0 && spec->ip_families[0] == spec->ip_families[1])
		bl_check_fail(report, "spec.ipFamilies", "the same family stands there twice");
	if (spec->ip_family_policy == BL_IP_FAMILY_POLICY_SINGLE_STACK &&
	    (spec->ip_families[1] != 0 || spec->cluster_ips.count > 1))
		bl_check_fail(report, "spec.ipFamilyPolicy",
			      "expected RequireDualStack or PreferDualStack with two families, "
			      "got 'SingleStack'");
}

/* Reachability from outside */

static void check_external_name(struct bl_report *report, const struct bl_service_spec *spec)
{
	char name[256];
	size_t len;

	if (spec->type != BL_SERVICE_EXTERNAL_NAME)
		return;
	if (!spec->external_name || !spec->external_name[0]) {
		bl_report_add(report, BL_SEVERITY_ERROR, BL_PLACE_VALUE, "spec.externalName",
			      "required field 'spec.externalName' is missing: the DNS name that "
			      "this service stands for");
		return;
	}
	len = strlen(spec->external_name);
	if (len > 1 && spec->external_name[len - 1] == '.')
		len--; /* fully qualified */
	if (len >= sizeof(name)) {
		bl_check_fail(report, "spec.externalName", "expected at most 253 characters");
		return;
	}
	memcpy(name, spec->external_name, len);
	name[len] = '\0';
	bl_check_rule(report, "spec.externalName", spec->external_name,
		      bl_check_dns_subdomain(name));
}

static bool is_reachable_from_outside(const struct bl_service_spec *spec)
{
	return spec->type == BL_SERVICE_NODE_PORT || spec->type == BL_SERVICE_LOAD_BALANCER ||
	       (spec->type == BL_SERVICE_CLUSTER_IP && spec->external_ips.count > 0);
}

static void check_external(struct bl_report *report, const struct bl_service_spec *spec)
{
	struct bl_addr addr;
	char field[BL_FIELD_TEXT];

	for (size_t i = 0; i < spec->external_ips.count; i++) {
		bl_check_field(field, "spec.externalIPs[%zu]", i);
		if (bl_check_address(report, field, spec->external_ips.items[i], &addr))
			bl_check_usual_address(report, field, &addr);
	}
	if (spec->external_traffic_policy != BL_TRAFFIC_POLICY_UNSET &&
	    !is_reachable_from_outside(spec))
		bl_check_fail(report, "spec.externalTrafficPolicy",
			      "only for services that can be reached from outside (NodePort, "
			      "LoadBalancer, or with externalIPs)");
	if (spec->health_check_node_port != 0 &&
	    (spec->type != BL_SERVICE_LOAD_BALANCER ||
	     spec->external_traffic_policy != BL_TRAFFIC_POLICY_LOCAL))
		bl_check_fail(report, "spec.healthCheckNodePort",
			      "only for type LoadBalancer with externalTrafficPolicy Local");
}

static void check_only_load_balancer(struct bl_report *report, const char *field)
{
	bl_check_fail(report, field, "only for type LoadBalancer");
}

static void check_prefix(struct bl_report *report, const char *field, const char *text)
{
	struct bl_prefix prefix;

	/* KEP-4858: no leading zeros, no host bits, no IPv4 inside IPv6. */
	if (bl_prefix_parse(text, &prefix) < 0)
		bl_check_fail(report, field,
			      "expected a prefix such as 10.0.0.0/8 or fd00::/64, without leading "
			      "zeros and with zeros behind its length, got '%.80s'",
			      text);
}

/* The form before there was a field: prefixes with commas, blanks around them. */
static void check_source_ranges_annotation(struct bl_report *report,
					   const struct bl_service *service)
{
	const char *value =
		bl_pairs_get(&service->object.meta.annotations, BL_ANNOTATION_SOURCE_RANGES);
	const char *field = "metadata.annotations";

	if (!value)
		return;
	if (service->spec.type != BL_SERVICE_LOAD_BALANCER) {
		bl_check_fail(report, field, "'%s' is only for type LoadBalancer",
			      BL_ANNOTATION_SOURCE_RANGES);
		return;
	}
	for (const char *at = value; value[strspn(value, " \t")] != '\0';) {
		size_t len = strcspn(at, ",");
		size_t blanks = strspn(at, " \t");
		char text[BL_PREFIX_TEXT + 32] = "";
		size_t end = len;

		while (end > blanks && strchr(" \t", at[end - 1]))
			end--;
		if (blanks < end && end - blanks < sizeof(text))
			memcpy(text, at + blanks, end - blanks);
		check_prefix(report, field, text);
		if (at[len] == '\0')
			break;
		at += len + 1;
	}
}

static void check_word_annotations(struct bl_report *report, const struct bl_service *service)
{
	static const struct {
		const char *annotation;
		const char *words[2];
	} rows[] = {
		{BL_ANNOTATION_LB_ALGORITHM, {"random", "maglev"}},
		{BL_ANNOTATION_FORWARDING_MODE, {"snat", "dsr"}},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const char *value =
			bl_pairs_get(&service->object.meta.annotations, rows[i].annotation);

		if (value && strcmp(value, rows[i].words[0]) != 0 &&
		    strcmp(value, rows[i].words[1]) != 0)
			bl_check_fail(report, "metadata.annotations",
				      "'%s' is '%.40s', expected '%s' or '%s'", rows[i].annotation,
				      value, rows[i].words[0], rows[i].words[1]);
	}
}

static void check_load_balancer(struct bl_report *report, const struct bl_service *service)
{
	const struct bl_service_spec *spec = &service->spec;
	bool is_load_balancer = spec->type == BL_SERVICE_LOAD_BALANCER;
	char field[BL_FIELD_TEXT];

	if (spec->load_balancer_source_ranges.count > 0 && !is_load_balancer)
		check_only_load_balancer(report, "spec.loadBalancerSourceRanges");
	for (size_t i = 0; i < spec->load_balancer_source_ranges.count; i++)
		check_prefix(report, bl_check_field(field, "spec.loadBalancerSourceRanges[%zu]", i),
			     spec->load_balancer_source_ranges.items[i]);
	check_source_ranges_annotation(report, service);
	if (spec->load_balancer_class) {
		if (!is_load_balancer)
			check_only_load_balancer(report, "spec.loadBalancerClass");
		bl_check_rule(report, "spec.loadBalancerClass", spec->load_balancer_class,
			      bl_check_qualified_name(spec->load_balancer_class));
	}
	if (spec->allocate_load_balancer_node_ports != BL_UNSET && !is_load_balancer)
		check_only_load_balancer(report, "spec.allocateLoadBalancerNodePorts");
}

/* ValidateLoadBalancerStatus; ipMode: KEP-1860. */
static void check_ingress(struct bl_report *report, const struct bl_service *service)
{
	for (size_t i = 0; i < service->ingress.count; i++) {
		const struct bl_load_balancer_ingress *ingress = &service->ingress.items[i];
		char field[BL_FIELD_TEXT];
		struct bl_addr addr;

		bl_check_field(field, "status.loadBalancer.ingress[%zu].ip", i);
		if (ingress->ip && ingress->ip[0])
			(void)bl_check_address(report, field, ingress->ip, &addr);
		bl_check_field(field, "status.loadBalancer.ingress[%zu].ipMode", i);
		if (ingress->ip_mode && (!ingress->ip || !ingress->ip[0]))
			bl_check_fail(report, field, "only together with ip");
		else if (ingress->ip_mode && strcmp(ingress->ip_mode, "VIP") != 0 &&
			 strcmp(ingress->ip_mode, "Proxy") != 0)
			bl_check_fail(report, field, "expected VIP or Proxy, got '%.80s'",
				      ingress->ip_mode);
		bl_check_field(field, "status.loadBalancer.ingress[%zu].hostname", i);
		if (ingress->hostname && bl_addr_parse(ingress->hostname, &addr) == 0)
			bl_check_fail(report, field, "expected a DNS name, got the address '%s'",
				      ingress->hostname);
		else if (ingress->hostname && ingress->hostname[0])
			bl_check_rule(report, field, ingress->hostname,
				      bl_check_dns_subdomain(ingress->hostname));
	}
}

static void check_selector(struct bl_report *report, const struct bl_pairs *selector)
{
	for (size_t i = 0; i < selector->count; i++) {
		const struct bl_pair *pair = &selector->items[i];
		const char *rule = bl_check_qualified_name(pair->key);

		if (!rule)
			rule = bl_check_label_value(pair->value);
		if (rule)
			bl_check_fail(report, "spec.selector", "'%.80s: %.80s': %s", pair->key,
				      pair->value, rule);
	}
}

/* Changes: ValidateServiceUpdate, validateUpgradeDowngradeClusterIPs. A field that is not given
 * means "as it was" and is filled in by allocation. */
static void check_update(struct bl_report *report, const struct bl_service_spec *spec,
			 const struct bl_service_spec *old)
{
	bool names =
		spec->type == BL_SERVICE_EXTERNAL_NAME || old->type == BL_SERVICE_EXTERNAL_NAME;

	if (!names && spec->cluster_ip && spec->cluster_ip[0] && old->cluster_ip &&
	    old->cluster_ip[0] && strcmp(spec->cluster_ip, old->cluster_ip) != 0)
		bl_check_fail(report, "spec.clusterIP",
			      "cannot be changed from '%s' to '%s'; delete the service and make it "
			      "again",
			      old->cluster_ip, spec->cluster_ip);
	if (!names && spec->ip_families[0] != 0 && old->ip_families[0] != 0 &&
	    spec->ip_families[0] != old->ip_families[0])
		bl_check_fail(report, "spec.ipFamilies[0]",
			      "the first family cannot be changed; delete the service and make it "
			      "again");
	if (spec->type == BL_SERVICE_LOAD_BALANCER && old->type == BL_SERVICE_LOAD_BALANCER &&
	    strcmp(spec->load_balancer_class ? spec->load_balancer_class : "",
		   old->load_balancer_class ? old->load_balancer_class : "") != 0)
		bl_check_fail(report, "spec.loadBalancerClass",
			      "cannot be changed from '%s' while the type stays LoadBalancer",
			      old->load_balancer_class ? old->load_balancer_class : "");
}

void bl_check_service(struct bl_report *report, const struct bl_object *object,
		      const struct bl_object *old)
{
	const struct bl_service *service = bl_service_of(object);
	const struct bl_service_spec *spec = &service->spec;

	check_ports(report, service);
	check_selector(report, &spec->selector);
	check_cluster_ip(report, spec);
	check_families(report, spec);
	check_external_name(report, spec);
	check_external(report, spec);
	check_load_balancer(report, service);
	check_word_annotations(report, service);
	check_ingress(report, service);
	if (spec->affinity_timeout_s != -1 &&
	    spec->session_affinity != BL_SESSION_AFFINITY_CLIENT_IP)
		bl_check_fail(report, "spec.sessionAffinityConfig",
			      "only with sessionAffinity ClientIP");
	if (old)
		check_update(report, spec, &bl_service_of(old)->spec);
}
