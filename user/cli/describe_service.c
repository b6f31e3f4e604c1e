/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A Service in words, with the endpoints of each port and who is connected now. */
#include <inttypes.h>
#include <string.h>

#include "api/columns.h"
#include "cli/describe.h"

/* "Title: value", left out when there is no value. */
static void add_optional(struct json_object *service, const char *title, const char *path,
			 struct bl_buf *ret)
{
	const char *text = bl_json_str_or(service, path, NULL);

	if (text)
		bl_buf_addf(ret, "%s:\t%s\n", title, text);
}

static void add_joined(const char *title, struct json_object *list, const char *none,
		       struct bl_buf *ret)
{
	bl_buf_addf(ret, "%s:\t", title);
	bl_json_join(list, ",", ret);
	bl_buf_addf(ret, "%s\n", bl_json_len(list) ? "" : none);
}

static void add_ingress(struct json_object *service, struct bl_buf *ret)
{
	struct json_object *list = bl_json_at(service, "status.loadBalancer.ingress");

	if (bl_json_len(list) == 0)
		return;
	bl_buf_add_str(ret, "LoadBalancer Ingress:\t");
	for (size_t i = 0; i < bl_json_len(list); i++) {
		struct json_object *ingress = bl_json_item(list, i);
		const char *mode = bl_json_str_or(ingress, "ipMode", NULL);

		bl_buf_addf(ret, "%s%s", i ? ", " : "",
			    bl_json_str_or(ingress, "ip", bl_json_str_or(ingress, "hostname", "")));
		if (mode)
			bl_buf_addf(ret, " (%s)", mode);
	}
	bl_buf_add_str(ret, "\n");
}

static void add_address(struct json_object *service, struct bl_buf *ret)
{
	struct json_object *families = bl_json_at(service, "spec.ipFamilies");
	struct json_object *external = bl_json_at(service, "spec.externalIPs");

	bl_buf_addf(ret, "Type:\t%s\n", bl_json_str_or(service, "spec.type", "ClusterIP"));
	add_optional(service, "IP Family Policy", "spec.ipFamilyPolicy", ret);
	add_joined("IP Families", families, "<none>", ret);
	bl_buf_addf(ret, "IP:\t%s\n", bl_json_str_or(service, "spec.clusterIP", ""));
	add_joined("IPs", bl_json_at(service, "spec.clusterIPs"), "<none>", ret);
	if (bl_json_len(external))
		add_joined("External IPs", external, "", ret);
	add_optional(service, "Desired LoadBalancer IP", "spec.loadBalancerIP", ret);
	add_optional(service, "External Name", "spec.externalName", ret);
	add_ingress(service, ret);
}

/* An absent condition counts as ready. */
static bool is_ready(struct json_object *endpoint)
{
	return bl_json_bool(endpoint, "conditions.ready", true);
}

static bool same_name(struct json_object *a, struct json_object *b)
{
	return strcmp(bl_json_str_or(a, "name", ""), bl_json_str_or(b, "name", "")) == 0;
}

static void add_endpoint(struct bl_short_list *list, const char *ip, int64_t port)
{
	char text[96];

	if (port == 0)
		(void)snprintf(text, sizeof(text), "%s", ip);
	else
		(void)snprintf(text, sizeof(text),
			       strchr(ip, ':') ? "[%s]:%" PRId64 : "%s:%" PRId64, ip, port);
	bl_short_list_add(list, text);
}

static void add_slice(struct json_object *slice, struct json_object *port,
		      struct bl_short_list *list)
{
	struct json_object *ports = bl_json_at(slice, "ports");
	struct json_object *endpoints = bl_json_at(slice, "endpoints");

	for (size_t p = 0; p < bl_json_len(ports); p++) {
		if (!same_name(bl_json_item(ports, p), port))
			continue;
		for (size_t i = 0; i < bl_json_len(endpoints); i++) {
			struct json_object *endpoint = bl_json_item(endpoints, i);

			if (is_ready(endpoint))
				add_endpoint(list, bl_json_str_or(endpoint, "addresses.0", ""),
					     bl_json_int(bl_json_item(ports, p), "port", 0));
		}
	}
}

static void add_subset(struct json_object *subset, struct json_object *port,
		       struct bl_short_list *list)
{
	struct json_object *ports = bl_json_at(subset, "ports");
	struct json_object *addresses = bl_json_at(subset, "addresses");

	for (size_t p = 0; p < bl_json_len(ports); p++) {
		if (!same_name(bl_json_item(ports, p), port))
			continue;
		for (size_t i = 0; i < bl_json_len(addresses); i++)
			add_endpoint(list, bl_json_str_or(bl_json_item(addresses, i), "ip", ""),
				     bl_json_int(bl_json_item(ports, p), "port", 0));
	}
}

static void add_endpoints(const struct bl_description *what, struct json_object *port,
			  struct bl_buf *ret)
{
	struct json_object *subsets = bl_json_at(what->endpoints, "subsets");
	struct bl_short_list list = {.out = ret};

	bl_buf_add_str(ret, "Endpoints:\t");
	for (size_t i = 0; i < bl_json_len(what->slices); i++)
		add_slice(bl_json_item(what->slices, i), port, &list);
	for (size_t i = 0; i < bl_json_len(subsets); i++)
		add_subset(bl_json_item(subsets, i), port, &list);
	bl_short_list_end(&list);
	if (bl_json_len(what->slices) == 0 && bl_json_len(subsets) == 0)
		bl_buf_add_str(ret, "<none>");
	bl_buf_add_str(ret, "\n");
}

static void add_port(const struct bl_description *what, struct json_object *port,
		     struct bl_buf *ret)
{
	const char *name = bl_json_str_or(port, "name", "<unset>");
	const char *protocol = bl_json_str_or(port, "protocol", "TCP");
	const char *target_name = bl_json_str(port, "targetPort");
	int64_t node_port = bl_json_int(port, "nodePort", 0);

	bl_buf_addf(ret, "Port:\t%s\t%" PRId64 "/%s\n", name, bl_json_int(port, "port", 0),
		    protocol);
	if (target_name)
		bl_buf_addf(ret, "TargetPort:\t%s/%s\n", target_name, protocol);
	else
		bl_buf_addf(ret, "TargetPort:\t%" PRId64 "/%s\n",
			    bl_json_int(port, "targetPort", 0), protocol);
	if (node_port)
		bl_buf_addf(ret, "NodePort:\t%s\t%" PRId64 "/%s\n", name, node_port, protocol);
	add_endpoints(what, port, ret);
}

/* Beyond kubectl: what the sockets of this node do. */
static void add_connections(struct json_object *connections, struct bl_buf *ret)
{
	if (bl_json_len(connections) == 0)
		return;
	bl_buf_add_str(ret, "Connections of this node:\n"
			    "  Port\tEndpoint\tPod\tState\tOpen\tTotal\n"
			    "  ----\t--------\t---\t-----\t----\t-----\n");
	for (size_t i = 0; i < bl_json_len(connections); i++) {
		struct json_object *port = bl_json_item(connections, i);
		struct json_object *backends = bl_json_at(port, "backends");
		int64_t refused = bl_json_int(port, "refused", 0);

		for (size_t b = 0; b < bl_json_len(backends); b++) {
			struct json_object *backend = bl_json_item(backends, b);
			struct bl_short_list list = {.out = ret};

			bl_buf_addf(ret, "  %" PRId64 "/%s\t", bl_json_int(port, "port", 0),
				    bl_json_str_or(port, "protocol", "TCP"));
			add_endpoint(&list, bl_json_str_or(backend, "address", ""),
				     bl_json_int(backend, "port", 0));
			bl_buf_addf(ret, "\t%s\t%s\t%" PRId64 "\t%" PRId64 "\n",
				    bl_json_str_or(backend, "pod", "-"),
				    bl_json_str_or(backend, "state", "-"),
				    bl_json_int(backend, "live", 0),
				    bl_json_int(backend, "connections", 0));
		}
		if (refused)
			bl_buf_addf(ret, "  %" PRId64 "/%s\trefused\t-\t-\t-\t%" PRId64 "\n",
				    bl_json_int(port, "port", 0),
				    bl_json_str_or(port, "protocol", "TCP"), refused);
	}
}

static void add_policies(struct json_object *service, struct bl_buf *ret)
{
	struct json_object *ranges = bl_json_at(service, "spec.loadBalancerSourceRanges");
	int64_t health = bl_json_int(service, "spec.healthCheckNodePort", 0);
	int64_t timeout =
		bl_json_int(service, "spec.sessionAffinityConfig.clientIP.timeoutSeconds", 0);

	bl_buf_addf(ret, "Session Affinity:\t%s",
		    bl_json_str_or(service, "spec.sessionAffinity", "None"));
	if (timeout)
		bl_buf_addf(ret, " (%" PRId64 "s)", timeout);
	bl_buf_add_str(ret, "\n");
	add_optional(service, "External Traffic Policy", "spec.externalTrafficPolicy", ret);
	add_optional(service, "Internal Traffic Policy", "spec.internalTrafficPolicy", ret);
	add_optional(service, "Traffic Distribution", "spec.trafficDistribution", ret);
	if (health)
		bl_buf_addf(ret, "HealthCheck NodePort:\t%" PRId64 "\n", health);
	if (bl_json_len(ranges))
		add_joined("LoadBalancer Source Ranges", ranges, "", ret);
}

void bl_describe_service(const struct bl_description *what, struct bl_buf *ret)
{
	struct json_object *service = what->object;
	struct json_object *ports = bl_json_at(service, "spec.ports");

	bl_buf_addf(ret, "Name:\t%s\nNamespace:\t%s\n",
		    bl_json_str_or(service, "metadata.name", ""),
		    bl_json_str_or(service, "metadata.namespace", ""));
	bl_describe_labels(bl_json_at(service, "metadata.labels"), "Labels", ret);
	bl_describe_annotations(bl_json_at(service, "metadata.annotations"), ret);
	bl_buf_add_str(ret, "Selector:\t");
	bl_labels_add(bl_json_at(service, "spec.selector"), ret);
	bl_buf_add_str(ret, "\n");
	add_address(service, ret);
	for (size_t i = 0; i < bl_json_len(ports); i++)
		add_port(what, bl_json_item(ports, i), ret);
	add_policies(service, ret);
	add_connections(what->connections, ret);
	bl_buf_add_str(ret, "Events:\t<none>\n");
}
