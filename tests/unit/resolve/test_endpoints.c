/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Endpoints of a Service, from pods, slices and Endpoints, and the object shown for them. */
#include <criterion/criterion.h>
#include <string.h>

#include "base/buf.h"
#include "fixture.h"
#include "model/endpoints.h"
#include "resolve/endpoints_object.h"

#define SERVICE(spec)                                                                              \
	"apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {clusterIP: 10.96.0.9, " spec \
	"}\n"
#define SELECTING SERVICE("selector: {app: web}, ports: [{port: 80, targetPort: 8080}]")
/* A pod of the app on a node; `more` goes on with its spec's or its status' fields. */
#define POD(name, address, node, spec, status)                                                     \
	"---\napiVersion: v1\nkind: Pod\nmetadata: {name: " name ", uid: uid-" name                \
	", labels: {app: web}}\nspec: {nodeName: " node spec                                       \
	", containers: [{name: c, image: i}]}\nstatus: {podIP: " address status "}\n"
#define READY ", conditions: [{type: Ready, status: \"True\"}]"
#define UNREADY ", conditions: [{type: Ready, status: \"False\"}]"
#define SLICE(endpoints)                                                                           \
	"---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\n"                              \
	"metadata: {name: web-1, labels: {kubernetes.io/service-name: web}}\n"                     \
	"addressType: IPv4\nports: [{port: 9090}]\nendpoints: [" endpoints "]\n"
#define ENDPOINTS(addresses)                                                                       \
	"---\napiVersion: v1\nkind: Endpoints\nmetadata: {name: web}\n"                            \
	"subsets: [{addresses: [" addresses "], ports: [{port: 7070}]}]\n"
#define NODE(name, zone)                                                                           \
	"---\napiVersion: v1\nkind: Node\nmetadata: {name: " name                                  \
	", labels: {topology.kubernetes.io/zone: " zone "}}\n"

static const struct bl_local_node local_node = {.name = "node-1", .zone = "zone-a"};

static void expect_resolved(const char *text, const struct bl_local_node *node,
			    const char *expected)
{
	_cleanup_(bl_store_free) struct bl_store *store = store_of(text);
	_cleanup_free_ char *got = resolve_text(store, node, "web");

	cr_expect_str_eq(got, expected, "%s\ngives\n%s\nexpected\n%s", text, got, expected);
}

static const struct bl_service *web_of(const struct bl_store *store)
{
	return bl_service_of(bl_store_find(store, BL_KIND_SERVICE, "default", "web"));
}

static void print_addresses(struct bl_buf *buf, const char *title,
			    const struct bl_endpoint_addresses *addresses)
{
	for (size_t i = 0; i < addresses->count; i++) {
		const struct bl_endpoint_address *address = &addresses->items[i];

		bl_buf_addf(buf, " %s %s %s %s/%s/%s\n", title, address->ip,
			    address->node_name ? address->node_name : "-",
			    address->target.kind ? address->target.kind : "-",
			    address->target.name ? address->target.name : "-",
			    address->target.uid ? address->target.uid : "-");
	}
}

static char *object_text(const char *text)
{
	_cleanup_(bl_store_free) struct bl_store *store = store_of(text);
	_cleanup_(bl_object_unref) struct bl_object *object = NULL;
	const struct bl_endpoints *endpoints;
	struct bl_buf buf = {0};

	cr_assert_eq(bl_endpoints_object(store, web_of(store), &object), 0);
	endpoints = bl_endpoints_of(object);
	cr_expect_str_eq(object->meta.name, "web");
	cr_expect_str_eq(object->meta.ns, "default");
	cr_expect_str_eq(bl_pairs_get(&object->meta.labels, BL_LABEL_ENDPOINTS_MANAGED_BY),
			 BL_ENDPOINTS_MANAGER);
	for (size_t i = 0; i < endpoints->subsets.count; i++) {
		const struct bl_endpoint_subset *subset = &endpoints->subsets.items[i];

		for (size_t p = 0; p < subset->ports.count; p++)
			bl_buf_addf(&buf, "%s%d", p ? "," : "", subset->ports.items[p].port);
		bl_buf_add_str(&buf, "\n");
		print_addresses(&buf, "ready", &subset->addresses);
		print_addresses(&buf, "unready", &subset->not_ready_addresses);
	}
	bl_buf_add_str(&buf, "");
	return bl_buf_take(&buf);
}

Test(endpoints_object, shows_pods_with_their_uid_and_nothing_that_slices_add)
{
	_cleanup_free_ char *got = object_text(SELECTING POD("a", "10.244.0.1", "node-1", "", READY)
						       POD("b", "10.244.0.2", "node-2", "", UNREADY)
							       SLICE("{addresses: [10.9.9.9]}")
								       ENDPOINTS("{ip: 10.8.8.8}"));

	cr_expect_str_eq(got, "8080\n"
			      " ready 10.244.0.1 node-1 Pod/a/uid-a\n"
			      " unready 10.244.0.2 node-2 Pod/b/uid-b\n");
}

#define HTTP ", containers: [{name: h, image: i, ports: [{name: http, containerPort: 8000}]}]}\n"

Test(endpoints_object, addresses_with_the_same_ports_share_a_subset)
{
#define BARE(name, address, spec)                                                                  \
	"---\napiVersion: v1\nkind: Pod\nmetadata: {name: " name ", uid: u-" name                  \
	", labels: {app: web}}\nspec: {nodeName: node-1" spec "status: {podIP: " address "}\n"
	_cleanup_free_ char *got = object_text(
		SERVICE("selector: {app: web}, ports: [{name: a, port: 80, targetPort: http}, "
			"{name: b, port: 81, targetPort: 8081}]") BARE("pod-x", "10.244.0.1", HTTP)
			BARE("pod-y", "10.244.0.2", ", containers: [{name: c, image: i}]}\n")
				BARE("pod-z", "10.244.0.3", HTTP));

	cr_expect_str_eq(got, "8000,8081\n"
			      " ready 10.244.0.1 node-1 Pod/pod-x/u-pod-x\n"
			      " ready 10.244.0.3 node-1 Pod/pod-z/u-pod-z\n"
			      "8081\n"
			      " ready 10.244.0.2 node-1 Pod/pod-y/u-pod-y\n");
#undef BARE
}

Test(endpoints_object, has_the_first_family_only_and_no_terminating_pods)
{
	_cleanup_free_ char *got = object_text(
		"apiVersion: v1\nkind: Service\nmetadata: {name: web}\n"
		"spec: {selector: {app: web}, clusterIP: fd00::9, clusterIPs: ['fd00::9', "
		"10.96.0.9], ipFamilies: [IPv6, IPv4], ipFamilyPolicy: RequireDualStack, "
		"ports: [{port: 80}]}\n"
		"---\napiVersion: v1\nkind: Pod\nmetadata: {name: a, uid: u1, labels: {app: web}}\n"
		"spec: {containers: [{name: c, image: i}]}\n"
		"status: {podIP: 10.244.0.1, podIPs: [{ip: 10.244.0.1}, {ip: 'fd01::1'}]}\n"
		"---\napiVersion: v1\nkind: Pod\nmetadata: {name: b, labels: {app: web}, "
		"deletionTimestamp: '2026-11-01T00:00:00Z'}\n"
		"spec: {containers: [{name: c, image: i}]}\n"
		"status: {podIP: 'fd01::2', podIPs: [{ip: 'fd01::2'}]}\n");

	cr_expect_str_eq(got, "80\n ready fd01::1 - Pod/a/u1\n");
}

Test(endpoints_object, serves_on_when_the_selector_goes)
{
	_cleanup_(bl_store_free) struct bl_store *store =
		store_of(SELECTING POD("a", "10.244.0.1", "node-1", "", READY));
	struct bl_object_list later = decode_yaml(SERVICE("ports: [{port: 80, targetPort: 8080}]"));
	_cleanup_(bl_object_unref) struct bl_object *object = NULL;
	_cleanup_free_ char *before = resolve_text(store, &local_node, "web");
	_cleanup_free_ char *after = NULL;

	cr_assert_eq(bl_endpoints_object(store, web_of(store), &object), 0);
	cr_assert_eq(bl_store_put(store, object, 1000, NULL), 0);
	cr_assert_eq(bl_store_put(store, later.items[0], 1000, NULL), 0);
	after = resolve_text(store, &local_node, "web");
	cr_expect_str_eq(after, before);
	bl_object_list_done(&later);
}

#define HEAD                                                                                       \
	"80/tcp\n"                                                                                 \
	" ClusterIP 10.96.0.9:80 virtual\n"

Test(resolve, selector_added_and_removed_changes_who_is_asked)
{
#define ALL                                                                                        \
	POD("a", "10.244.0.1", "node-1", "", READY)                                                \
	SLICE("{addresses: [10.9.9.9]}") ENDPOINTS("{ip: 10.8.8.8}")
	expect_resolved(SELECTING ALL, &local_node,
			HEAD " 10.9.9.9:9090 internal cluster\n"
			     " 10.244.0.1:8080 internal cluster\n");
	expect_resolved(SERVICE("ports: [{port: 80, targetPort: 8080}]") ALL, &local_node,
			HEAD " 10.8.8.8:7070 internal cluster\n"
			     " 10.9.9.9:9090 internal cluster\n");
#undef ALL
}

Test(resolve, slices_only_leaves_pods_and_endpoints_to_their_controllers)
{
	static const struct bl_local_node node = {.name = "node-1", .slices_only = true};

	expect_resolved(SELECTING POD("a", "10.244.0.1", "node-1", "", READY)
				SLICE("{addresses: [10.9.9.9]}"),
			&node, HEAD " 10.9.9.9:9090 internal cluster\n");
	expect_resolved(SERVICE("ports: [{port: 80}]") ENDPOINTS("{ip: 10.8.8.8}"), &node, HEAD);
	/* Slices of a pod of ours would be known better by the pod; here they count alone. */
	expect_resolved(SELECTING POD("a", "10.244.0.1", "node-1", "", UNREADY)
				SLICE("{addresses: [10.244.0.1]}"),
			&node, HEAD " 10.244.0.1:9090 internal cluster\n");
}

#define MARKED_SLICE                                                                               \
	"---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\n"                              \
	"metadata: {name: web-1, labels: {kubernetes.io/service-name: web, "                       \
	"service.kubernetes.io/headless: ''}}\n"                                                   \
	"addressType: IPv4\nports: [{port: 9090}]\nendpoints: [{addresses: [10.9.9.9]}]\n"

Test(resolve, case_57_a_slice_marked_headless_is_for_names_of_headless_services_alone)
{
	static const struct bl_local_node node = {.name = "node-1", .slices_only = true};
	_cleanup_(bl_store_free) struct bl_store *store =
		store_of("apiVersion: v1\nkind: Service\nmetadata: {name: web}\n"
			 "spec: {clusterIP: None, ports: [{port: 80}]}\n" MARKED_SLICE);
	_cleanup_(bl_endpoint_view_free) struct bl_endpoint_view *view = NULL;
	const struct bl_object *service = bl_store_find(store, BL_KIND_SERVICE, "default", "web");

	expect_resolved(SERVICE("ports: [{port: 80}]") MARKED_SLICE, &node, HEAD);
	cr_assert_eq(bl_resolve_endpoints_on(store, &node, bl_service_of(service), &view), 0);
	cr_expect_eq(view->count, 1);
}

Test(resolve, case_57_a_service_marked_headless_is_not_proxied)
{
	expect_resolved("apiVersion: v1\nkind: Service\nmetadata: {name: web, labels: "
			"{service.kubernetes.io/headless: ''}}\n"
			"spec: {clusterIP: 10.96.0.9, ports: [{port: 80}]}\n",
			&local_node,
			"skipped: its label 'service.kubernetes.io/headless' keeps it from "
			"proxies\n");
}

Test(resolve, case_85_hints_of_traffic_distribution_are_computed_from_pods)
{
#define PODS                                                                                       \
	POD("a", "10.244.0.1", "node-1", "", READY)                                                \
	POD("b", "10.244.0.2", "node-2", "", READY)                                                \
	POD("c", "10.244.0.3", "node-3", "", READY)                                                \
	NODE("node-1", "zone-a") NODE("node-2", "zone-a") NODE("node-3", "zone-b")
#define DISTRIBUTED(how)                                                                           \
	SERVICE("selector: {app: web}, ports: [{port: 80}], trafficDistribution: " how)
	static const struct bl_local_node elsewhere = {.name = "node-9", .zone = "zone-c"};
	static const struct bl_local_node neighbour = {.name = "node-9", .zone = "zone-a"};
	static const char same_zone[] = HEAD " 10.244.0.1:80 internal cluster\n"
					     " 10.244.0.2:80 internal cluster\n"
					     " 10.244.0.3:80\n";
	static const char all[] = HEAD " 10.244.0.1:80 internal cluster\n"
				       " 10.244.0.2:80 internal cluster\n"
				       " 10.244.0.3:80 internal cluster\n";

	expect_resolved(DISTRIBUTED("PreferClose") PODS, &local_node, same_zone);
	expect_resolved(DISTRIBUTED("PreferSameZone") PODS, &local_node, same_zone);
	expect_resolved(DISTRIBUTED("PreferSameZone") PODS, &elsewhere, all);
	expect_resolved(DISTRIBUTED("PreferSameNode") PODS, &local_node,
			HEAD " 10.244.0.1:80 internal cluster\n"
			     " 10.244.0.2:80\n 10.244.0.3:80\n");
	/* No pod on this node: the zone decides. */
	expect_resolved(DISTRIBUTED("PreferSameNode") PODS, &neighbour, same_zone);
	/* One pod on a node without a zone: no hints at all. */
	expect_resolved(DISTRIBUTED("PreferSameZone")
				PODS POD("d", "10.244.0.4", "node-4", "", READY),
			&local_node,
			HEAD " 10.244.0.1:80 internal cluster\n"
			     " 10.244.0.2:80 internal cluster\n"
			     " 10.244.0.3:80 internal cluster\n"
			     " 10.244.0.4:80 internal cluster\n");
#undef DISTRIBUTED
#undef PODS
}

Test(resolve, readiness_gates_must_all_be_true)
{
	static const struct {
		const char *conditions;
		bool ready;
	} rows[] = {
		{"{type: Ready, status: \"True\"}", false},
		{"{type: Ready, status: \"True\"}, {type: a/b, status: \"False\"}", false},
		{"{type: Ready, status: \"True\"}, {type: a/b, status: \"True\"}", false},
		{"{type: Ready, status: \"True\"}, {type: a/b, status: \"True\"}, "
		 "{type: c/d, status: \"True\"}",
		 true},
		{"{type: Ready, status: \"False\"}, {type: a/b, status: \"True\"}, "
		 "{type: c/d, status: \"True\"}",
		 false},
		{"{type: a/b, status: \"True\"}, {type: c/d, status: \"True\"}", true},
		{"{type: a/b, status: \"True\"}, {type: c/d, status: \"Unknown\"}", false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct bl_buf buf = {0};
		_cleanup_free_ char *text = NULL;

		bl_buf_addf(&buf,
			    SELECTING "---\napiVersion: v1\nkind: Pod\n"
				      "metadata: {name: a, labels: {app: web}}\n"
				      "spec: {containers: [{name: c, image: i}], readinessGates: "
				      "[{conditionType: a/b}, {conditionType: c/d}]}\n"
				      "status: {podIP: 10.244.0.1, conditions: [%s]}\n",
			    rows[i].conditions);
		text = bl_buf_take(&buf);
		expect_resolved(text, &local_node,
				rows[i].ready ? HEAD " 10.244.0.1:8080 internal cluster\n" : HEAD);
	}
}

Test(resolve, case_29_and_34_endpoints_follow_pods_of_each_service_alone)
{
	_cleanup_(bl_store_free) struct bl_store *store = store_of(
		SELECTING "---\napiVersion: v1\nkind: Service\nmetadata: {name: other}\n"
			  "spec: {clusterIP: 10.96.0.10, selector: {app: other}, ports: [{port: "
			  "80}]}\n" POD("a", "10.244.0.1", "node-1", "", READY)
				  POD("b", "10.244.0.2", "node-1", "",
				      READY) "---\napiVersion: v1\nkind: Pod\n"
					     "metadata: {name: o, labels: {app: other}}\n"
					     "spec: {containers: [{name: c, image: i}]}\nstatus: "
					     "{podIP: 10.244.0.9}\n");
	static const char *const steps[] = {
		HEAD " 10.244.0.1:8080 internal cluster\n 10.244.0.2:8080 internal cluster\n",
		HEAD " 10.244.0.2:8080 internal cluster\n",
		HEAD,
	};
	static const char *const pods[] = {"a", "b"};
	_cleanup_free_ char *other = resolve_text(store, &local_node, "other");

	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		_cleanup_free_ char *got = resolve_text(store, &local_node, "web");
		_cleanup_free_ char *unmoved = resolve_text(store, &local_node, "other");

		cr_expect_str_eq(got, steps[i]);
		cr_expect_str_eq(unmoved, other);
		if (i < ARRAY_SIZE(pods))
			cr_assert_eq(bl_store_delete(store, BL_KIND_POD, "default", pods[i]), 0);
	}
}

Test(resolve, case_30_and_31_ports_map_to_their_targets_and_come_and_go)
{
#define TWO(ports) SERVICE("selector: {app: web}, ports: [" ports "]")
	expect_resolved(TWO("{name: a, port: 80, targetPort: 100}, "
			    "{name: b, port: 81, targetPort: 101}")
				POD("a", "10.244.0.1", "node-1", "", READY),
			&local_node,
			"80/tcp\n ClusterIP 10.96.0.9:80 virtual\n"
			" 10.244.0.1:100 internal cluster\n"
			"81/tcp\n ClusterIP 10.96.0.9:81 virtual\n"
			" 10.244.0.1:101 internal cluster\n");
	expect_resolved(TWO("{name: b, port: 81, targetPort: 101}")
				POD("a", "10.244.0.1", "node-1", "", READY),
			&local_node,
			"81/tcp\n ClusterIP 10.96.0.9:81 virtual\n"
			" 10.244.0.1:101 internal cluster\n");
#undef TWO
}

Test(resolve, case_33_a_pod_is_a_backend_of_the_service_that_it_dials)
{
	/* On its own node nothing takes a pod out of the set, whoever asks. */
	expect_resolved(SELECTING POD("a", "10.244.0.1", "node-1", "", READY), &local_node,
			HEAD " 10.244.0.1:8080 internal cluster\n");
}
