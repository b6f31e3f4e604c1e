/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Each rule: one manifest that keeps it and one that breaks it, with what is said then. */
#include "help.h"
#include "model/service.h"
#include "model/validate.h"

struct row {
	const char *text;
	const char *problem; /* stands in what is printed; NULL: it is good */
};

/* `text` goes behind the head of a manifest. */
static void check(const char *head, const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		char *text;

		cr_assert(asprintf(&text, "%s%s\n", head, rows[i].text) > 0);
		struct decoded decoded = decode_text(text, 0);
		if (rows[i].problem) {
			cr_assert_eq(decoded.result, -22, "no problem in\n%s", text);
			cr_assert(strstr(decoded.problems, rows[i].problem),
				  "in\n%s\nexpected %s\ngot      %s", text, rows[i].problem,
				  decoded.problems);
			cr_assert_eq(decoded.list.count, 0);
		} else {
			cr_assert_eq(decoded.result, 0, "in\n%s\ngot %s", text, decoded.problems);
			cr_assert_eq(decoded.list.count, 1);
		}
		decoded_done(&decoded);
		free(text);
	}
}

#define SERVICE "apiVersion: v1\nkind: Service\n"
#define SPEC SERVICE "metadata: {name: web}\nspec:\n  "

Test(validate, service_names_and_metadata)
{
	static const struct row rows[] = {
		{"metadata: {name: web-1}\nspec: {ports: [{port: 80}]}", NULL},
		{"metadata: {name: 1web}\nspec: {ports: [{port: 80}]}", NULL},
		{"metadata: {name: Web}\nspec: {ports: [{port: 80}]}",
		 "t.yaml:3:18: service 'default/Web': field 'metadata.name': expected lower-case"},
		{"metadata: {name: web.x}\nspec: {ports: [{port: 80}]}", "field 'metadata.name'"},
		{"metadata: {name: -web}\nspec: {ports: [{port: 80}]}", "field 'metadata.name'"},
		{"metadata: {name: "
		 "a123456789012345678901234567890123456789012345678901234567890123}"
		 "\nspec: {ports: [{port: 80}]}",
		 "at most 63 characters"},
		{"metadata: {}\nspec: {ports: [{port: 80}]}",
		 "service without a name: required field 'metadata.name' is missing"},
		{"spec: {ports: [{port: 80}]}", "required field 'metadata.name' is missing"},
		{"metadata: {name: a, namespace: Shop}\nspec: {ports: [{port: 80}]}",
		 "field 'metadata.namespace'"},
		{"metadata: {name: a, labels: {app: web, x.y/z: ''}}\nspec: {ports: [{port: 80}]}",
		 NULL},
		{"metadata: {name: a, labels: {'a b': web}}\nspec: {ports: [{port: 80}]}",
		 "field 'metadata.labels': key 'a b'"},
		{"metadata: {name: a, labels: {a: 'w b'}}\nspec: {ports: [{port: 80}]}",
		 "field 'metadata.labels': value of 'a'"},
		{"metadata: {name: a, annotations: {'/x': y}}\nspec: {ports: [{port: 80}]}",
		 "field 'metadata.annotations': key '/x'"},
		{"metadata: {name: a, annotations: {'X/x': y}}\nspec: {ports: [{port: 80}]}",
		 "expected a DNS name before '/'"},
		{"metadata: {name: a, annotations: {x: 'any text: {}'}}\nspec: {ports: [{port: "
		 "80}]}",
		 NULL},
	};

	check(SERVICE, rows, ARRAY_SIZE(rows));
}

Test(validate, service_ports)
{
	static const struct row rows[] = {
		{"ports: [{port: 80}]", NULL},
		{"ports: []", "required field 'spec.ports' is missing or empty"},
		{"type: ClusterIP", "required field 'spec.ports' is missing or empty"},
		{"clusterIP: None", NULL},
		{"ports: [{name: a}]", "required field 'spec.ports[0].port' is missing"},
		{"ports: [{port: 0}]", "field 'spec.ports[0].port': expected 1-65535, got 0"},
		{"ports: [{port: 65535}]", NULL},
		{"ports: [{port: 65536}]",
		 "field 'spec.ports[0].port': expected 1-65535, got 65536"},
		{"ports: [{port: -1}]", "expected 1-65535, got -1"},
		{"ports: [{port: 4294967376}]", "does not fit into 32 bits"},
		{"ports: [{port: '80'}]",
		 "expected an integer, got string '80' (write it without quotes)"},
		{"ports: [{name: a, port: 80}, {name: b, port: 81}]", NULL},
		{"ports: [{name: a, port: 80}, {port: 81}]",
		 "required field 'spec.ports[1].name' is missing: with several ports"},
		{"ports: [{name: a, port: 80}, {name: a, port: 81}]",
		 "field 'spec.ports[1].name': name 'a' is that of spec.ports[0] too"},
		{"ports: [{name: A, port: 80}]", "field 'spec.ports[0].name': expected lower-case"},
		{"ports: [{name: a, port: 80}, {name: b, port: 80, protocol: UDP}]", NULL},
		{"ports: [{name: a, port: 80}, {name: b, port: 80}]",
		 "field 'spec.ports[1].port': port 80 of this protocol is that of spec.ports[0]"},
		{"ports: [{port: 80, protocol: tcp}]",
		 "expected TCP, UDP or SCTP, got 'tcp' (did you mean 'TCP'?)"},
		{"ports: [{port: 80, protocol: SCTP}]", NULL},
		{"ports: [{port: 80, targetPort: http}]", NULL},
		{"ports: [{port: 80, targetPort: 65536}]", "expected 1-65535, got 65536"},
		{"ports: [{port: 80, targetPort: '8080'}]", "expected at least one letter"},
		{"ports: [{port: 80, targetPort: a--b}]", "single '-'"},
		{"ports: [{port: 80, targetPort: abcdefghijklmnop}]", "at most 15 characters"},
		{"ports: [{port: 80, targetPort: [1]}]",
		 "expected an integer or a name, got a list"},
		{"ports: [{port: 80, appProtocol: kubernetes.io/h2c}]", NULL},
		{"ports: [{port: 80, appProtocol: a b}]", "field 'spec.ports[0].appProtocol'"},
		{"ports: [{port: 80, nodePort: 30000}]",
		 "field 'spec.ports[0].nodePort': only for type NodePort and LoadBalancer"},
		{"type: NodePort\n  ports: [{port: 80, nodePort: 30000}]", NULL},
		{"type: NodePort\n  ports: [{name: a, port: 80, nodePort: 30000}, {name: b, port: "
		 "81,"
		 " nodePort: 30000, protocol: UDP}]",
		 NULL},
		{"type: NodePort\n  ports: [{name: a, port: 80, nodePort: 30000}, {name: b, port: "
		 "81,"
		 " nodePort: 30000}]",
		 "field 'spec.ports[1].nodePort': port 30000 of this protocol"},
		{"type: LoadBalancer\n  ports: [{port: 10250}]",
		 "may not expose the kubelet's 10250"},
		{"ports: [{port: 10250}]", NULL},
		{"type: LoadBalancer\n  ports: [{name: a, port: 1}, {name: b, port: 1, protocol: "
		 "UDP}]",
		 NULL},
	};

	check(SPEC, rows, ARRAY_SIZE(rows));
}

#define PORTS "ports: [{port: 80}]\n  "

Test(validate, service_types_and_addresses)
{
	static const struct row rows[] = {
		{"type: nodeport", "expected ClusterIP, NodePort, LoadBalancer or ExternalName, "
				   "got 'nodeport' (did you "
				   "mean 'NodePort'?)"},
		{"clusterIP: 10.96.0.10", NULL},
		{"clusterIP: fd00::1", NULL},
		{"clusterIP: 10.96.0.010", "(write '10.96.0.10')"},
		{"clusterIP: '::ffff:10.0.0.1'", "(write '10.0.0.1')"},
		{"clusterIP: none", "expected an IPv4 or IPv6 address, got 'none'"},
		{"type: NodePort\n  clusterIP: None", "does not go with type NodePort"},
		{"type: LoadBalancer\n  clusterIP: None", "does not go with type LoadBalancer"},
		{"clusterIP: 10.96.0.10\n  clusterIPs: [10.96.0.10, 'fd00::1']", NULL},
		{"clusterIP: 10.96.0.10\n  clusterIPs: [10.96.0.11]",
		 "field 'spec.clusterIPs[0]': expected the same as spec.clusterIP ('10.96.0.10')"},
		{"clusterIPs: [10.96.0.11]", "expected the same as spec.clusterIP"},
		{"clusterIP: 10.96.0.1\n  clusterIPs: [10.96.0.1, 10.96.0.2]",
		 "of the same family"},
		{"clusterIP: 10.96.0.1\n  clusterIPs: [10.96.0.1, 10.96.0.2, 'fd00::1']",
		 "at most 2 addresses"},
		{"clusterIP: None\n  clusterIPs: [None, 10.96.0.2]", "'None' stands alone"},
		{"clusterIP: 10.96.0.1\n  ipFamilies: [IPv6]", "is not of the family"},
		{"clusterIP: 10.96.0.1\n  clusterIPs: [10.96.0.1]\n  ipFamilies: [IPv6]",
		 "is not of the family in spec.ipFamilies[0]"},
		{"ipFamilies: [IPv4, IPv6]\n  ipFamilyPolicy: PreferDualStack", NULL},
		{"ipFamilies: [IPv4, IPv4]", "the same family stands there twice"},
		{"ipFamilies: [ipv4]", "expected IPv4 or IPv6, got string 'ipv4'"},
		{"ipFamilies: [IPv4, IPv6, IPv4]", "at most two families"},
		{"ipFamilies: [IPv4, IPv6]\n  ipFamilyPolicy: SingleStack",
		 "expected RequireDualStack or PreferDualStack"},
		{"type: ExternalName\n  externalName: db.example.com", NULL},
		{"type: ExternalName\n  externalName: db.example.com.", NULL},
		{"type: ExternalName", "required field 'spec.externalName' is missing"},
		{"type: ExternalName\n  externalName: a_b", "field 'spec.externalName'"},
		{"type: ExternalName\n  externalName: a.b\n  clusterIP: 10.0.0.1",
		 "field 'spec.clusterIP': a service of type ExternalName has none"},
		{"type: ExternalName\n  externalName: a.b\n  ipFamilies: [IPv4]",
		 "field 'spec.ipFamilies': a service of type ExternalName has none"},
		{"type: ExternalName\n  externalName: a.b\n  ipFamilyPolicy: SingleStack",
		 "field 'spec.ipFamilyPolicy'"},
		{"sessionAffinity: ClientIP\n  sessionAffinityConfig: {clientIP: {timeoutSeconds: "
		 "86400}}",
		 NULL},
		{"sessionAffinity: ClientIP\n  sessionAffinityConfig: {clientIP: {timeoutSeconds: "
		 "86401}}",
		 "expected 1-86400, got 86401"},
		{"sessionAffinity: ClientIP\n  sessionAffinityConfig: {clientIP: {timeoutSeconds: "
		 "0}}",
		 "expected 1-86400, got 0"},
		{"sessionAffinity: clientip", "did you mean 'ClientIP'?"},
		{"selector: {app: web}", NULL},
		{"selector: {app: 'w b'}", "field 'spec.selector'"},
		{"selector: {app: 5}", "expected a string, got integer '5' (write it in quotes)"},
		{"selector: {app: yes}", "got boolean 'yes' (write it in quotes)"},
	};

	check(SPEC PORTS, rows, ARRAY_SIZE(rows));
}

Test(validate, services_reached_from_outside)
{
	static const struct row rows[] = {
		{"externalIPs: [198.51.100.7]", NULL},
		{"externalIPs: [0.0.0.0]", "the unspecified address '0.0.0.0' cannot be used here"},
		{"externalIPs: [127.0.0.1]", "loopback"},
		{"externalIPs: [169.254.1.1]", "link-local"},
		{"externalIPs: [224.0.0.1]", "multicast"},
		{"externalIPs: ['fe80::1']", "link-local"},
		{"externalIPs: [1.2.3]", "expected an IPv4 or IPv6 address, got '1.2.3'"},
		{"externalTrafficPolicy: Local",
		 "only for services that can be reached from outside"},
		{"externalTrafficPolicy: Local\n  externalIPs: [198.51.100.7]", NULL},
		{"type: NodePort\n  externalTrafficPolicy: Local", NULL},
		{"type: NodePort\n  externalTrafficPolicy: local", "did you mean 'Local'?"},
		{"type: LoadBalancer\n  externalTrafficPolicy: Local\n  healthCheckNodePort: 31000",
		 NULL},
		{"type: LoadBalancer\n  healthCheckNodePort: 31000",
		 "only for type LoadBalancer with externalTrafficPolicy Local"},
		{"type: NodePort\n  externalTrafficPolicy: Local\n  healthCheckNodePort: 31000",
		 "field 'spec.healthCheckNodePort'"},
		{"type: LoadBalancer\n  loadBalancerSourceRanges: [10.0.0.0/8, 'fd00::/64']", NULL},
		{"type: NodePort\n  loadBalancerSourceRanges: [10.0.0.0/8]",
		 "field 'spec.loadBalancerSourceRanges': only for type LoadBalancer"},
		{"type: LoadBalancer\n  loadBalancerSourceRanges: [10.0.0.1/8]",
		 "field 'spec.loadBalancerSourceRanges[0]': expected a prefix"},
		{"type: LoadBalancer\n  loadBalancerSourceRanges: [10.0.0.0]", "expected a prefix"},
		{"type: LoadBalancer\n  loadBalancerClass: example.com/lb", NULL},
		{"loadBalancerClass: example.com/lb",
		 "field 'spec.loadBalancerClass': only for type LoadBalancer"},
		{"type: LoadBalancer\n  loadBalancerClass: a b", "field 'spec.loadBalancerClass'"},
		{"type: LoadBalancer\n  allocateLoadBalancerNodePorts: false", NULL},
		{"allocateLoadBalancerNodePorts: false",
		 "field 'spec.allocateLoadBalancerNodePorts': only for type LoadBalancer"},
		{"internalTrafficPolicy: Local", NULL},
		{"internalTrafficPolicy: Remote", "expected Cluster or Local, got 'Remote'"},
		{"trafficDistribution: PreferClose", NULL},
		{"trafficDistribution: PreferSameNode", NULL},
		{"trafficDistribution: Near", "expected PreferClose, PreferSameZone or"},
		{"publishNotReadyAddresses: yes", NULL},
		{"publishNotReadyAddresses: 'yes'", "expected true or false, got string 'yes'"},
		{"type: LoadBalancer\nstatus: {loadBalancer: {ingress: [{ip: 1.2.3.4, ipMode: "
		 "VIP}]}}",
		 NULL},
		{"type: LoadBalancer\nstatus: {loadBalancer: {ingress: [{ip: 1.2.3.4, ipMode: "
		 "vip}]}}",
		 "expected VIP or Proxy, got 'vip'"},
		{"type: LoadBalancer\nstatus: {loadBalancer: {ingress: [{ip: 1.2.3}]}}",
		 "field 'status.loadBalancer.ingress[0].ip'"},
		{"type: LoadBalancer\nstatus: {loadBalancer: {ingress: [{hostname: a.b, ipMode: "
		 "VIP}]}}",
		 "only together with ip"},
		{"type: LoadBalancer\nstatus: {loadBalancer: {ingress: [{hostname: 1.2.3.4}]}}",
		 "expected a DNS name, got the address"},
	};

	check(SPEC PORTS, rows, ARRAY_SIZE(rows));
}

Test(validate, the_old_annotation_for_source_ranges)
{
	static const struct row rows[] = {
		{"\"10.0.0.0/8, 192.168.0.0/16\"}}\nspec: {type: LoadBalancer, ports: [{port: "
		 "80}]}",
		 NULL},
		{"\"\"}}\nspec: {type: LoadBalancer, ports: [{port: 80}]}", NULL},
		{"\"10.0.0.0/8,x\"}}\nspec: {type: LoadBalancer, ports: [{port: 80}]}",
		 "field 'metadata.annotations': expected a prefix such as 10.0.0.0/8 or fd00::/64, "
		 "without leading zeros and with zeros behind its length, got 'x'"},
		{"\"10.0.0.0/8\"}}\nspec: {ports: [{port: 80}]}", "is only for type LoadBalancer"},
	};

	check(SERVICE "metadata: {name: a, annotations: "
		      "{service.beta.kubernetes.io/load-balancer-source-ranges: ",
	      rows, ARRAY_SIZE(rows));
}

Test(validate, annotations_that_choose_among_words)
{
	static const struct row rows[] = {
		{"beeline.dev/lb-algorithm: maglev}}\nspec: {ports: [{port: 80}]}", NULL},
		{"beeline.dev/forwarding-mode: dsr}}\nspec: {ports: [{port: 80}]}", NULL},
		{"beeline.dev/lb-algorithm: ring}}\nspec: {ports: [{port: 80}]}",
		 "field 'metadata.annotations': 'beeline.dev/lb-algorithm' is 'ring', expected "
		 "'random' or 'maglev'"},
		{"beeline.dev/forwarding-mode: ''}}\nspec: {ports: [{port: 80}]}",
		 "is '', expected 'snat' or 'dsr'"},
	};

	check(SERVICE "metadata: {name: a, annotations: {", rows, ARRAY_SIZE(rows));
}

Test(validate, endpoints)
{
	static const struct row rows[] = {
		{"subsets: [{addresses: [{ip: 10.0.0.1}], ports: [{port: 80}]}]", NULL},
		{"subsets: [{addresses: [{ip: 127.0.0.1}], ports: [{port: 80}]}]",
		 "field 'subsets[0].addresses[0].ip': the loopback address '127.0.0.1'"},
		{"subsets: [{notReadyAddresses: [{ip: 169.254.0.1}], ports: [{port: 80}]}]",
		 "field 'subsets[0].notReadyAddresses[0].ip': the link-local"},
		{"subsets: [{addresses: [{ip: x}], ports: [{port: 80}]}]", "got 'x'"},
		{"subsets: [{addresses: [{hostname: x}], ports: [{port: 80}]}]",
		 "required field 'subsets[0].addresses[0].ip' is missing"},
		{"subsets: [{addresses: [{ip: 10.0.0.1, hostname: X}]}]", "hostname"},
		{"subsets: [{addresses: [{ip: 10.0.0.1, nodeName: a_b}]}]", "nodeName"},
		{"subsets: [{ports: [{port: 80}]}]", "expected addresses or notReadyAddresses"},
		{"subsets: [{addresses: [{ip: 10.0.0.1}], ports: [{name: a}]}]",
		 "field 'subsets[0].ports[0].port': expected 1-65535"},
		{"subsets: [{addresses: [{ip: 10.0.0.1}], ports: [{port: 1}, {name: b, port: 2}]}]",
		 "field 'subsets[0].ports[0].name': with several ports each has a name"},
		{"subsets: [{addresses: [{ip: 10.0.0.1}], ports: [{name: b, port: 1}, {name: b, "
		 "port: "
		 "2}]}]",
		 "name 'b' is that of subsets[0].ports[0] too"},
		{"subsets: [{addresses: [{ip: 10.0.0.1}], ports: [{name: B, port: 1}]}]",
		 "field 'subsets[0].ports[0].name'"},
	};

	check("apiVersion: v1\nkind: Endpoints\nmetadata: {name: web}\n", rows, ARRAY_SIZE(rows));
}

Test(validate, endpoint_slices)
{
	static const struct row rows[] = {
		{"addressType: IPv4\nendpoints: [{addresses: [10.0.0.1]}]\nports: [{port: 80}]",
		 NULL},
		{"addressType: IPv6\nendpoints: [{addresses: ['fd00::1']}]", NULL},
		{"addressType: FQDN\nendpoints: [{addresses: [a.example.com]}]", NULL},
		{"addressType: FQDN\nendpoints: [{addresses: [A]}]",
		 "field 'endpoints[0].addresses[0]'"},
		{"endpoints: [{addresses: [10.0.0.1]}]", "required field 'addressType' is missing"},
		{"addressType: ipv4\nendpoints: []", "expected IPv4, IPv6 or FQDN, got 'ipv4'"},
		{"addressType: IPv4\nendpoints: [{addresses: ['fd00::1']}]",
		 "expected an address of addressType IPv4, got 'fd00::1'"},
		{"addressType: IPv6\nendpoints: [{addresses: [10.0.0.1]}]",
		 "expected an address of addressType IPv6, got '10.0.0.1'"},
		{"addressType: IPv4\nendpoints: [{addresses: [127.0.0.1]}]", "loopback"},
		{"addressType: IPv4\nendpoints: [{addresses: []}]",
		 "required field 'endpoints[0].addresses' is missing"},
		{"addressType: IPv4\nendpoints: [{addresses: [10.0.0.1], nodeName: A}]",
		 "nodeName"},
		{"addressType: IPv4\nendpoints: [{addresses: [10.0.0.1], hostname: a.b}]",
		 "hostname"},
		{"addressType: IPv4\nendpoints: [{addresses: [10.0.0.1], conditions: {ready: true, "
		 "serving: true, terminating: false}}]",
		 NULL},
		{"addressType: IPv4\nendpoints: [{addresses: [10.0.0.1], conditions: {Ready: "
		 "true}}]",
		 "unknown field 'endpoints[0].conditions.Ready' (did you mean 'ready'?)"},
		{"addressType: IPv4\nendpoints: [{addresses: [10.0.0.1], conditions: {ready: 1}}]",
		 "expected true or false, got integer '1'"},
		{"addressType: IPv4\nendpoints: [{addresses: [10.0.0.1], hints: {forZones: [{name: "
		 "a}, "
		 "{name: a}]}}]",
		 "'a' stands there twice"},
		{"addressType: IPv4\nendpoints: [{addresses: [10.0.0.1], hints: {forZones: [a]}}]",
		 "field 'endpoints[0].hints.forZones[0]': expected a mapping with a name"},
		{"addressType: IPv4\nports: [{name: a, port: 1}, {name: a, port: 2}]",
		 "field 'ports[1].name': name 'a' is that of ports[0] too"},
		{"addressType: IPv4\nports: [{port: 1}, {port: 2}]",
		 "name '' is that of ports[0] too"},
		{"addressType: IPv4\nports: [{name: A, port: 1}]", "field 'ports[0].name'"},
		{"addressType: IPv4\nports: [{name: a, port: 1, appProtocol: a b}]", "appProtocol"},
		{"addressType: IPv4\nports: [{name: a, port: 70000}]",
		 "expected 1-65535, got 70000"},
	};

	check("apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: web}\n", rows,
	      ARRAY_SIZE(rows));
}

static void check_many(const char *head, const char *item, int count, const char *problem)
{
	struct bl_buf text = {0};

	bl_buf_add_str(&text, "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\n"
			      "metadata: {name: web}\naddressType: IPv4\n");
	bl_buf_add_str(&text, head);
	for (int i = 0; i < count; i++) { /* '@' in the item is its number */
		size_t before = strcspn(item, "@");

		bl_buf_add(&text, item, before);
		bl_buf_addf(&text, "%d%s", i, item + before + 1);
	}
	struct decoded decoded = decode_text(text.data, 0);
	cr_assert_eq(decoded.result, problem ? -22 : 0, "%s", decoded.problems);
	cr_assert(!problem || strstr(decoded.problems, problem), "%s", decoded.problems);
	decoded_done(&decoded);
	bl_buf_done(&text);
}

Test(validate, slices_hold_so_many_endpoints_and_ports)
{
	const char *endpoint = "- addresses: [10.0.0.1]\n  deprecatedTopology: {n: \"@\"}\n";
	const char *port = "- {name: p@, port: 1}\n";

	check_many("endpoints:\n", endpoint, 1000, NULL);
	check_many("endpoints:\n", endpoint, 1001, "expected at most 1000, got 1001");
	check_many("ports:\n", port, 100, NULL);
	check_many("ports:\n", port, 101, "expected at most 100, got 101");
	check_many("endpoints:\n- addresses:\n", "  - 10.0.1.@\n", 100, NULL);
	check_many("endpoints:\n- addresses:\n", "  - 10.0.1.@\n", 101, "expected at most 100");
	check_many("endpoints:\n- addresses: [10.0.0.1]\n  hints:\n    forZones:\n",
		   "    - name: z@\n", 8, NULL);
	check_many("endpoints:\n- addresses: [10.0.0.1]\n  hints:\n    forZones:\n",
		   "    - name: z@\n", 9, "expected at most 8");
}

Test(validate, annotations_have_a_limit_in_all)
{
	struct bl_buf text = {0};

	for (int more = 0; more < 2; more++) {
		bl_buf_done(&text);
		bl_buf_add_str(&text, "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: a\n  "
				      "annotations:\n    a: ");
		for (int i = 0; i < 262143 + more; i++)
			bl_buf_add_str(&text, "x");
		struct decoded decoded = decode_text(text.data, 0);
		cr_assert_eq(decoded.result, more ? -22 : 0);
		decoded_done(&decoded);
	}
	bl_buf_done(&text);
}

Test(validate, pods)
{
	static const struct row rows[] = {
		{"spec: {containers: [{name: c}]}", NULL},
		{"spec: {}", "required field 'spec.containers' is missing"},
		{"spec: {containers: [{image: c}]}",
		 "required field 'spec.containers[0].name' is missing"},
		{"spec: {containers: [{name: C}]}", "field 'spec.containers[0].name'"},
		{"spec: {containers: [{name: c}, {name: c}]}",
		 "field 'spec.containers[1].name': name 'c' is that of another container too"},
		{"spec: {containers: [{name: c}], initContainers: [{name: c}]}",
		 "field 'spec.initContainers[0].name'"},
		{"spec: {containers: [{name: c, ports: [{name: http, containerPort: 80}]}]}", NULL},
		{"spec: {containers: [{name: c, ports: [{name: http}]}]}",
		 "required field 'spec.containers[0].ports[0].containerPort' is missing"},
		{"spec: {containers: [{name: c, ports: [{name: '80', containerPort: 80}]}]}",
		 "expected at least one letter"},
		{"spec: {containers: [{name: c, ports: [{name: a, containerPort: 1}, {name: a, "
		 "containerPort: 2}]}]}",
		 "name 'a' is that of another port too"},
		{"spec: {containers: [{name: c, ports: [{containerPort: 70000}]}]}",
		 "expected 1-65535, got 70000"},
		{"spec: {hostNetwork: true, containers: [{name: c, ports: [{containerPort: 80, "
		 "hostPort:"
		 " 81}]}]}",
		 "with hostNetwork it is the containerPort 80"},
		{"spec: {containers: [{name: c, ports: [{containerPort: 80, hostIP: x}]}]}",
		 "hostIP"},
		{"spec: {containers: [{name: c}], nodeName: A}", "field 'spec.nodeName'"},
		{"spec: {containers: [{name: c}], hostname: a.b}", "field 'spec.hostname'"},
		{"spec: {containers: [{name: c}], subdomain: a.b}", "field 'spec.subdomain'"},
		{"spec: {containers: [{name: c}], terminationGracePeriodSeconds: 0}", NULL},
		{"spec: {containers: [{name: c}], terminationGracePeriodSeconds: -5}",
		 "expected 0 or more, got -5"},
		{"spec: {containers: [{name: c}], readinessGates: [{conditionType: a.b/c}]}", NULL},
		{"spec: {containers: [{name: c}], readinessGates: [{conditionType: a b}]}",
		 "field 'spec.readinessGates'"},
		{"spec: {containers: [{name: c}]}\nstatus: {podIP: 10.0.0.1, podIPs: [{ip: "
		 "10.0.0.1}, "
		 "{ip: 'fd00::1'}]}",
		 NULL},
		{"spec: {containers: [{name: c}]}\nstatus: {podIP: 10.0.0.x}",
		 "field 'status.podIP'"},
		{"spec: {containers: [{name: c}]}\nstatus: {podIP: 10.0.0.1, podIPs: [{ip: "
		 "10.0.0.2}]}",
		 "expected the same as status.podIP"},
		{"spec: {containers: [{name: c}]}\nstatus: {podIPs: [{ip: 10.0.0.1}, {ip: "
		 "10.0.0.2}]}",
		 "at most one address of each family"},
		{"spec: {containers: [{name: c}]}\nstatus: {hostIP: x}", "field 'status.hostIP'"},
		{"spec: {containers: [{name: c, readinesProbe: {}}]}",
		 "unknown field 'spec.containers[0].readinesProbe' (did you mean "
		 "'readinessProbe'?)"},
	};

	check("apiVersion: v1\nkind: Pod\nmetadata: {name: web}\n", rows, ARRAY_SIZE(rows));
}

Test(validate, nodes_and_namespaces)
{
	static const struct row nodes[] = {
		{"metadata: {name: a.b}\nspec: {podCIDR: 10.1.0.0/24}", NULL},
		{"metadata: {name: a, namespace: b}", "kind 'Node' has no namespace, got 'b'"},
		{"metadata: {name: a}\nspec: {podCIDR: 10.1.0.1/24}", "field 'spec.podCIDR'"},
		{"metadata: {name: a}\nspec: {podCIDRs: [10.1.0.0/24, 'fd00::/64']}", NULL},
		{"metadata: {name: a}\nspec: {podCIDRs: [10.1.0.0/24, 10.2.0.0/24]}",
		 "at most one prefix of each family"},
		{"metadata: {name: a}\nspec: {podCIDR: 10.1.0.0/24, podCIDRs: [10.2.0.0/24]}",
		 "expected the same as spec.podCIDR"},
		{"metadata: {name: a}\nspec: {taints: [{key: a, effect: NoSchedule}]}", NULL},
		{"metadata: {name: a}\nspec: {taints: [{key: a, effect: Never}]}",
		 "field 'spec.taints[0].effect'"},
		{"metadata: {name: a}\nspec: {taints: [{key: 'a b', effect: NoSchedule}]}",
		 "field 'spec.taints[0].key'"},
	};
	static const struct row namespaces[] = {
		{"metadata: {name: shop}", NULL},
		{"metadata: {name: a.b}", "field 'metadata.name'"},
		{"metadata: {name: a, namespace: b}", "kind 'Namespace' has no namespace"},
	};

	check("apiVersion: v1\nkind: Node\n", nodes, ARRAY_SIZE(nodes));
	check("apiVersion: v1\nkind: Namespace\n", namespaces, ARRAY_SIZE(namespaces));
}

/* Changes of an object in force */

static const struct {
	const char *old, *new;
	const char *problem;
} changes[] = {
	{SPEC PORTS "clusterIP: 10.96.0.1", SPEC PORTS "clusterIP: 10.96.0.1", NULL},
	{SPEC PORTS "clusterIP: 10.96.0.1", SPEC PORTS "type: NodePort", NULL},
	{SPEC PORTS "clusterIP: 10.96.0.1", SPEC PORTS "clusterIP: 10.96.0.2",
	 "field 'spec.clusterIP': cannot be changed from '10.96.0.1' to '10.96.0.2'"},
	{SPEC PORTS "clusterIP: None", SPEC PORTS "clusterIP: 10.96.0.2", "cannot be changed"},
	{SPEC PORTS "clusterIP: 10.96.0.1", SPEC "type: ExternalName\n  externalName: a.b", NULL},
	{SPEC "type: ExternalName\n  externalName: a.b", SPEC PORTS "clusterIP: 10.96.0.1", NULL},
	{SPEC PORTS "ipFamilies: [IPv4]", SPEC PORTS "ipFamilies: [IPv4, IPv6]", NULL},
	{SPEC PORTS "ipFamilies: [IPv4]", SPEC PORTS "ipFamilies: [IPv6]",
	 "field 'spec.ipFamilies[0]': the first family cannot be changed"},
	{SPEC PORTS "type: LoadBalancer\n  loadBalancerClass: a/b",
	 SPEC PORTS "type: LoadBalancer\n  loadBalancerClass: a/c",
	 "field 'spec.loadBalancerClass': cannot be changed from 'a/b'"},
	{SPEC PORTS "type: LoadBalancer\n  loadBalancerClass: a/b", SPEC PORTS, NULL},
	{"apiVersion: v1\nkind: Namespace\nmetadata: {name: a, uid: x}",
	 "apiVersion: v1\nkind: Namespace\nmetadata: {name: a, uid: z}",
	 "field 'metadata.uid': cannot be changed from 'x', got 'z'"},
	{"apiVersion: v1\nkind: Node\nmetadata: {name: a}\nspec: {podCIDR: 10.1.0.0/24}",
	 "apiVersion: v1\nkind: Node\nmetadata: {name: a}\nspec: {podCIDR: 10.2.0.0/24}",
	 "field 'spec.podCIDR': cannot be changed"},
	{"apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {nodeName: x, containers: [{name: "
	 "c}]}",
	 "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {nodeName: z, containers: [{name: "
	 "c}]}",
	 "a pod cannot move from 'x' to 'z'"},
	{"apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: a}\naddressType: "
	 "IPv4",
	 "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: a}\naddressType: "
	 "IPv6",
	 "field 'addressType': cannot be changed"},
};

Test(validate, what_may_and_may_not_be_changed)
{
	for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
		struct decoded old = decode_text(changes[i].old, 0);
		struct decoded new = decode_text(changes[i].new, 0);
		struct bl_diag diag = BL_DIAG_INIT;

		cr_assert_eq(old.list.count, 1, "%s", old.problems);
		cr_assert_eq(new.list.count, 1, "%s", new.problems);
		int r = bl_validate(new.list.items[0], old.list.items[0], &diag);
		cr_assert_eq(r, changes[i].problem ? -22 : 0, "row %zu: %s", i,
			     diag.count ? diag.problems[0].text : "");
		if (changes[i].problem) {
			cr_assert_eq(diag.count, 1);
			cr_assert(strstr(diag.problems[0].text, changes[i].problem), "got %s",
				  diag.problems[0].text);
		}
		bl_diag_done(&diag);
		decoded_done(&old);
		decoded_done(&new);
	}
}

Test(validate, a_manifest_may_say_that_its_object_terminates_and_the_api_may_not)
{
	static const char text[] = "apiVersion: v1\nkind: Namespace\n"
				   "metadata: {name: a, deletionTimestamp: 2026-01-01T00:00:00Z}";
	struct decoded old = decode_text("apiVersion: v1\nkind: Namespace\nmetadata: {name: a}", 0);
	struct decoded new = decode_text(text, 0);
	struct bl_diag diag = BL_DIAG_INIT;

	cr_assert_eq(bl_validate(new.list.items[0], old.list.items[0], &diag), 0);
	new.list.items[0]->origin.file = NULL;
	cr_assert_eq(bl_validate(new.list.items[0], old.list.items[0], &diag), -22);
	cr_assert(strstr(diag.problems[0].text, "cannot be set by a change"), "got %s",
		  diag.problems[0].text);
	bl_diag_done(&diag);
	decoded_done(&old);
	decoded_done(&new);
}

Test(validate, without_a_text_there_are_no_positions)
{
	struct decoded good = decode_text(SPEC PORTS, 0);
	struct bl_service *service = (struct bl_service *)good.list.items[0];
	struct bl_diag diag = BL_DIAG_INIT;

	service->spec.ports.items[0].port = 70000;
	service->spec.affinity_timeout_s = 5; /* without sessionAffinity: ClientIP */
	cr_assert_eq(bl_validate(&service->object, NULL, &diag), -22);
	cr_assert_eq(diag.count, 2);
	cr_assert_null(diag.problems[0].file);
	cr_assert_str_eq(diag.problems[0].text,
			 "service 'default/web': field 'spec.ports[0].port': "
			 "expected 1-65535, got 70000");
	cr_assert_str_eq(diag.problems[1].field, "spec.sessionAffinityConfig");
	bl_diag_done(&diag);
	decoded_done(&good);
}
