/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What clients from outside get: annotations, the agent's defaults, source ranges. */
#include <criterion/criterion.h>
#include <string.h>

#include "fixture.h"

#define HEAD "apiVersion: v1\nkind: Service\nmetadata: {name: web"
#define SLICE                                                                                      \
	"---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\n"                              \
	"metadata: {name: web-1, labels: {kubernetes.io/service-name: web}}\n"                     \
	"addressType: IPv4\nports: [{port: 8080}]\nendpoints:\n"                                   \
	"- {addresses: [10.244.0.1], nodeName: node-1}\n"                                          \
	"- {addresses: [10.244.0.2], nodeName: node-2}\n"                                          \
	"- {addresses: [10.244.0.3]}\n"                                                            \
	"- {addresses: [192.0.2.10], nodeName: node-2}\n"
#define BALANCER                                                                                   \
	"spec: {type: LoadBalancer, clusterIP: 10.96.0.9, externalIPs: [198.51.100.7], "           \
	"ports: [{port: 80, nodePort: 30080}]"
#define STATUS "}\nstatus: {loadBalancer: {ingress: [{ip: 203.0.113.5}]}}\n"

static struct bl_addr addresses[3];

static struct bl_resolved *resolve(const char *text, const struct bl_outside_policy *policy)
{
	_cleanup_(bl_store_free) struct bl_store *store = store_of(text);
	const struct bl_local_node node = {
		.name = "node-1",
		.addresses = addresses,
		.address_count = ARRAY_SIZE(addresses),
		.outside = *policy,
	};
	struct bl_resolved *resolved = NULL;

	cr_assert_eq(bl_addr_parse("127.0.0.1", &addresses[0]), 0);
	cr_assert_eq(bl_addr_parse("192.0.2.10", &addresses[1]), 0);
	cr_assert_eq(bl_addr_parse("10.0.0.10", &addresses[2]), 0);
	cr_assert_eq(
		bl_resolve(store, &node,
			   bl_service_of(bl_store_find(store, BL_KIND_SERVICE, "default", "web")),
			   &resolved),
		0);
	cr_assert_eq(resolved->port_count, 1, "%s", resolved->skipped);
	return resolved;
}

Test(outside, an_annotation_wins_over_the_agents_default)
{
	static const struct {
		const char *annotations;
		bool default_on;
		bool maglev;
		bool dsr;
	} rows[] = {
		{"", false, false, false},
		{"", true, true, true},
		{"beeline.dev/lb-algorithm: maglev", false, true, false},
		{"beeline.dev/lb-algorithm: random", true, false, true},
		{"beeline.dev/forwarding-mode: dsr", false, false, true},
		{"beeline.dev/forwarding-mode: snat", true, true, false},
		{"beeline.dev/lb-algorithm: maglev, beeline.dev/forwarding-mode: snat", false, true,
		 false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_(bl_resolved_free) struct bl_resolved *resolved = NULL;
		const struct bl_outside_policy policy = {.maglev = rows[i].default_on,
							 .dsr = rows[i].default_on};
		char text[4096];

		(void)snprintf(text, sizeof(text),
			       HEAD ", annotations: {%s}}\n" BALANCER STATUS SLICE,
			       rows[i].annotations);
		resolved = resolve(text, &policy);
		cr_expect_eq(resolved->ports[0].maglev, rows[i].maglev, "row %zu", i);
		cr_expect_eq(resolved->ports[0].dsr, rows[i].dsr, "row %zu", i);
	}
}

Test(outside, a_backend_is_local_by_its_node_or_by_its_address)
{
	_cleanup_(bl_resolved_free) struct bl_resolved *resolved =
		resolve(HEAD "}\n" BALANCER STATUS SLICE, &(struct bl_outside_policy){0});
	const struct bl_resolved_port *port = &resolved->ports[0];

	cr_assert_eq(port->backend_count, 4);
	for (size_t i = 0; i < port->backend_count; i++) {
		char text[BL_ADDR_TEXT];
		const char *address = bl_addr_format(&port->backends[i].address, text);
		bool local = !strcmp(address, "10.244.0.1") || !strcmp(address, "192.0.2.10");

		cr_expect_eq(port->backends[i].local, local, "%s", address);
	}
}

/* One letter a frontend in their order: ClusterIP, NodePorts at 127.0.0.1, 192.0.2.10, 10.0.0.10,
 * load balancer, external IP. i: internal only, c: source ranges are checked, -: neither. */
Test(outside, who_may_come_to_which_frontend)
{
	static const struct {
		const char *head;
		const char *spec;
		bool cluster_ips;
		bool for_node_ports;
		const char *frontends;
		const char *sources;
	} rows[] = {
		{"}\n", BALANCER STATUS, false, false, "ii----", ""},
		{"}\n", BALANCER STATUS, true, false, "-i----", ""},
		{"}\n", BALANCER ", loadBalancerSourceRanges: [10.0.0.0/8, 'fd00::/8']" STATUS,
		 false, false, "ii--c-", "10.0.0.0/8"},
		{"}\n",
		 BALANCER ", loadBalancerSourceRanges: [10.0.0.0/8, 9.9.9.0/24, 10.0.0.0/8]" STATUS,
		 false, true, "iCccc-", "9.9.9.0/24 10.0.0.0/8"},
		/* Of the other family alone: nobody of this one is admitted. */
		{"}\n", BALANCER ", loadBalancerSourceRanges: ['fd00::/8']" STATUS, false, false,
		 "ii--c-", ""},
		{", annotations: {service.beta.kubernetes.io/load-balancer-source-ranges: "
		 "' 10.1.0.0/16,10.2.0.0/16 '}}\n",
		 BALANCER STATUS, false, false, "ii--c-", "10.1.0.0/16 10.2.0.0/16"},
		{", annotations: {service.beta.kubernetes.io/load-balancer-source-ranges: "
		 "'10.1.0.0/16'}}\n",
		 BALANCER ", loadBalancerSourceRanges: [10.0.0.0/8]" STATUS, false, false, "ii--c-",
		 "10.0.0.0/8"},
		{", annotations: {service.beta.kubernetes.io/load-balancer-source-ranges: ' '}}\n",
		 BALANCER STATUS, false, false, "ii----", ""},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_(bl_resolved_free) struct bl_resolved *resolved = NULL;
		const struct bl_outside_policy policy = {
			.cluster_ips = rows[i].cluster_ips,
			.source_ranges_for_node_ports = rows[i].for_node_ports,
		};
		char text[4096];
		char got[16] = "";
		char sources[256] = "";
		const struct bl_resolved_port *port;

		(void)snprintf(text, sizeof(text), HEAD "%s%s" SLICE, rows[i].head, rows[i].spec);
		resolved = resolve(text, &policy);
		port = &resolved->ports[0];
		cr_assert_eq(port->frontend_count, 6);
		for (size_t k = 0; k < 6; k++)
			got[k] = "-icC"[port->frontends[k].internal_only +
					2 * port->frontends[k].check_sources];
		for (size_t k = 0; k < port->source_count; k++) {
			char prefix[BL_PREFIX_TEXT];

			(void)strcat(sources, k ? " " : "");
			(void)strcat(sources, bl_prefix_format(&port->sources[k], prefix));
		}
		cr_expect_str_eq(got, rows[i].frontends, "row %zu: %s", i, got);
		cr_expect_str_eq(sources, rows[i].sources, "row %zu: %s", i, sources);
	}
}

Test(outside, case_92_node_ports_at_chosen_addresses_and_always_at_loopback)
{
	struct bl_prefix prefixes[2];
	const struct bl_outside_policy policy = {.node_port_prefixes = prefixes,
						 .node_port_prefix_count = 2};
	_cleanup_(bl_resolved_free) struct bl_resolved *resolved = NULL;
	char list[256] = "";

	cr_assert_eq(bl_prefix_parse("10.0.0.0/24", &prefixes[0]), 0);
	cr_assert_eq(bl_prefix_parse("fd00::/64", &prefixes[1]), 0);
	resolved = resolve(HEAD "}\n" BALANCER STATUS SLICE, &policy);
	for (size_t i = 0; i < resolved->ports[0].frontend_count; i++) {
		const struct bl_resolved_frontend *frontend = &resolved->ports[0].frontends[i];
		char text[BL_ADDR_TEXT];

		if (frontend->kind != BL_FRONTEND_NODE_PORT)
			continue;
		(void)strcat(list, bl_addr_format(&frontend->address, text));
		(void)strcat(list, " ");
	}
	cr_expect_str_eq(list, "127.0.0.1 10.0.0.10 ");
}
