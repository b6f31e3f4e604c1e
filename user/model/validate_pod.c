/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Pods and Nodes, as far as Services depend on them: ValidatePodSpec, ValidatePodStatusUpdate and
 * ValidateNode of pkg/apis/core/validation. */
#include <string.h>

#include "model/check.h"
#include "model/node.h"
#include "model/pod.h"
#include "model/validate.h"
#include "model/validate_parts.h"

static void check_container_port(struct bl_report *report, const struct bl_pod_spec *spec,
				 const char *prefix, const struct bl_container_ports *ports,
				 size_t index)
{
	const struct bl_container_port *port = &ports->items[index];
	struct bl_addr addr;
	char field[BL_FIELD_TEXT];

	bl_check_field(field, "%s.ports[%zu].name", prefix, index);
	if (port->name && port->name[0]) {
		bl_check_rule(report, field, port->name, bl_check_port_name(port->name));
		for (size_t i = 0; i < index; i++) {
			const char *other = ports->items[i].name;

			if (other && strcmp(other, port->name) == 0)
				bl_check_fail(report, field,
					      "name '%s' is that of another port too", other);
		}
	}
	bl_check_field(field, "%s.ports[%zu].hostPort", prefix, index);
	if (spec->host_network == BL_TRUE && port->host_port != 0 &&
	    port->host_port != port->container_port)
		bl_check_fail(report, field, "with hostNetwork it is the containerPort %d, got %d",
			      port->container_port, port->host_port);
	if (port->host_ip && port->host_ip[0])
		(void)bl_check_address(report,
				       bl_check_field(field, "%s.ports[%zu].hostIP", prefix, index),
				       port->host_ip, &addr);
}

static bool is_named_before(const struct bl_pod_spec *spec, const struct bl_containers *containers,
			    size_t index)
{
	const char *name = containers->items[index].name;

	for (size_t i = 0; i < index; i++) {
		if (containers->items[i].name && strcmp(containers->items[i].name, name) == 0)
			return true;
	}
	for (size_t i = 0; containers == &spec->init_containers && i < spec->containers.count;
	     i++) {
		if (spec->containers.items[i].name &&
		    strcmp(spec->containers.items[i].name, name) == 0)
			return true;
	}
	return false;
}

static void check_containers(struct bl_report *report, const struct bl_pod_spec *spec,
			     const char *list, const struct bl_containers *containers)
{
	for (size_t i = 0; i < containers->count; i++) {
		const struct bl_container *container = &containers->items[i];
		char prefix[BL_FIELD_TEXT], field[BL_FIELD_TEXT + 16];

		bl_check_field(prefix, "%s[%zu]", list, i);
		(void)snprintf(field, sizeof(field), "%s.name", prefix);
		if (container->name && container->name[0]) {
			bl_check_rule(report, field, container->name,
				      bl_check_dns_label(container->name));
			if (is_named_before(spec, containers, i))
				bl_check_fail(report, field,
					      "name '%s' is that of another container too",
					      container->name);
		}
		for (size_t j = 0; j < container->ports.count; j++)
			check_container_port(report, spec, prefix, &container->ports, j);
		bl_check_probes(report, prefix, container);
	}
}

static void check_pod_spec(struct bl_report *report, const struct bl_pod_spec *spec)
{
	if (spec->containers.count == 0 && !bl_report_said(report, "spec.containers"))
		bl_report_add(report, BL_SEVERITY_ERROR, BL_PLACE_VALUE, "spec.containers",
			      "required field 'spec.containers' is missing or empty");
	check_containers(report, spec, "spec.containers", &spec->containers);
	check_containers(report, spec, "spec.initContainers", &spec->init_containers);
	if (spec->node_name && spec->node_name[0])
		bl_check_rule(report, "spec.nodeName", spec->node_name,
			      bl_check_dns_subdomain(spec->node_name));
	if (spec->hostname && spec->hostname[0])
		bl_check_rule(report, "spec.hostname", spec->hostname,
			      bl_check_dns_label(spec->hostname));
	if (spec->subdomain && spec->subdomain[0])
		bl_check_rule(report, "spec.subdomain", spec->subdomain,
			      bl_check_dns_label(spec->subdomain));
	if (spec->termination_grace_period_s < 0)
		bl_check_fail(report, "spec.terminationGracePeriodSeconds",
			      "expected 0 or more, got %lld",
			      (long long)spec->termination_grace_period_s);
	for (size_t i = 0; i < spec->readiness_gates.count; i++)
		bl_check_rule(report, "spec.readinessGates", spec->readiness_gates.items[i],
			      bl_check_qualified_name(spec->readiness_gates.items[i]));
}

static void check_pod_ips(struct bl_report *report, const struct bl_pod_status *status)
{
	uint8_t families[2] = {0, 0};
	struct bl_addr addr;
	char field[BL_FIELD_TEXT];

	if (status->pod_ip && status->pod_ip[0])
		(void)bl_check_address(report, "status.podIP", status->pod_ip, &addr);
	if (status->pod_ips.count > 0 && status->pod_ip && status->pod_ips.items[0].ip &&
	    strcmp(status->pod_ip, status->pod_ips.items[0].ip) != 0)
		bl_check_fail(report, "status.podIPs[0].ip",
			      "expected the same as status.podIP ('%s'), got '%s'", status->pod_ip,
			      status->pod_ips.items[0].ip);
	for (size_t i = 0; i < status->pod_ips.count; i++) {
		const char *ip = status->pod_ips.items[i].ip;

		bl_check_field(field, "status.podIPs[%zu].ip", i);
		if (i >= 2) {
			bl_check_fail(report, field, "expected at most one address of each family");
			return;
		}
		if (!ip || !ip[0] || !bl_check_address(report, field, ip, &addr))
			return;
		families[i] = addr.family;
		if (i == 1 && families[0] == families[1])
			bl_check_fail(report, field, "expected at most one address of each family");
	}
	if (status->host_ip && status->host_ip[0])
		(void)bl_check_address(report, "status.hostIP", status->host_ip, &addr);
}

void bl_check_pod(struct bl_report *report, const struct bl_object *object,
		  const struct bl_object *old)
{
	const struct bl_pod *pod = bl_pod_of(object);
	const char *before = old ? bl_pod_of(old)->spec.node_name : NULL;

	check_pod_spec(report, &pod->spec);
	check_pod_ips(report, &pod->status);
	if (before && before[0] && pod->spec.node_name && strcmp(before, pod->spec.node_name) != 0)
		bl_check_fail(report, "spec.nodeName",
			      "a pod cannot move from '%s' to '%s'; delete it and make it again",
			      before, pod->spec.node_name);
}

/* Nodes */

static void check_pod_cidrs(struct bl_report *report, const struct bl_node *node)
{
	uint8_t families[2] = {0, 0};
	struct bl_prefix prefix;
	char field[BL_FIELD_TEXT];

	if (node->pod_cidr && node->pod_cidr[0] && bl_prefix_parse(node->pod_cidr, &prefix) < 0)
		bl_check_fail(report, "spec.podCIDR",
			      "expected a prefix such as 10.244.1.0/24, got '%.80s'",
			      node->pod_cidr);
	if (node->pod_cidr && node->pod_cidrs.count > 0 &&
	    strcmp(node->pod_cidr, node->pod_cidrs.items[0]) != 0)
		bl_check_fail(report, "spec.podCIDRs[0]",
			      "expected the same as spec.podCIDR ('%s'), got '%s'", node->pod_cidr,
			      node->pod_cidrs.items[0]);
	for (size_t i = 0; i < node->pod_cidrs.count; i++) {
		bl_check_field(field, "spec.podCIDRs[%zu]", i);
		if (i >= 2) {
			bl_check_fail(report, field, "expected at most one prefix of each family");
			return;
		}
		if (bl_prefix_parse(node->pod_cidrs.items[i], &prefix) < 0) {
			bl_check_fail(report, field,
				      "expected a prefix such as 10.244.1.0/24, got '%.80s'",
				      node->pod_cidrs.items[i]);
			return;
		}
		families[i] = prefix.addr.family;
		if (i == 1 && families[0] == families[1])
			bl_check_fail(report, field, "expected at most one prefix of each family");
	}
}

static void check_taints(struct bl_report *report, const struct bl_taints *taints)
{
	static const char *const effects[] = {"NoSchedule", "PreferNoSchedule", "NoExecute"};

	for (size_t i = 0; i < taints->count; i++) {
		const struct bl_taint *taint = &taints->items[i];
		char field[BL_FIELD_TEXT];
		bool known = false;

		bl_check_field(field, "spec.taints[%zu].key", i);
		if (taint->key && taint->key[0])
			bl_check_rule(report, field, taint->key,
				      bl_check_qualified_name(taint->key));
		bl_check_field(field, "spec.taints[%zu].effect", i);
		for (size_t j = 0; taint->effect && j < ARRAY_SIZE(effects); j++)
			known = known || strcmp(effects[j], taint->effect) == 0;
		if (taint->effect && taint->effect[0] && !known)
			bl_check_fail(report, field,
				      "expected NoSchedule, PreferNoSchedule or NoExecute, got "
				      "'%.80s'",
				      taint->effect);
	}
}

void bl_check_node(struct bl_report *report, const struct bl_object *object,
		   const struct bl_object *old)
{
	const struct bl_node *node = bl_node_of(object);
	const char *before = old ? bl_node_of(old)->pod_cidr : NULL;

	check_pod_cidrs(report, node);
	check_taints(report, &node->taints);
	if (before && before[0] && node->pod_cidr && strcmp(before, node->pod_cidr) != 0)
		bl_check_fail(report, "spec.podCIDR", "cannot be changed from '%s', got '%s'",
			      before, node->pod_cidr);
}
