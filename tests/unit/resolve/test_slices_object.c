/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The EndpointSlices that clients of the API see, and that nobody else is led astray by them. */
#include <criterion/criterion.h>
#include <string.h>

#include "base/buf.h"
#include "fixture.h"
#include "model/endpoints.h"
#include "resolve/slices_object.h"

#define PORTS "ports: [{name: http, port: 80, targetPort: http}, {name: dns, port: 53}]"
#define SELECTING                                                                                  \
	"apiVersion: v1\nkind: Service\nmetadata: {name: web, uid: u-web}\n"                       \
	"spec: {selector: {app: web}, clusterIP: 10.96.0.9, clusterIPs: [10.96.0.9, 'fd00::9'], "  \
	"ipFamilies: [IPv4, IPv6], ipFamilyPolicy: RequireDualStack, "                             \
	"trafficDistribution: PreferSameNode, " PORTS "}\n"
#define POD(name, meta, port, ips)                                                                 \
	"---\napiVersion: v1\nkind: Pod\nmetadata: {name: " name ", uid: u-" name                  \
	", labels: {app: web}" meta "}\n"                                                          \
	"spec: {nodeName: n1, containers: [{name: c, image: i, "                                   \
	"ports: [{name: http, containerPort: " port "}]}]}\nstatus: {" ips                         \
	", conditions: [{type: Ready, status: \"True\"}]}\n"
#define NODE                                                                                       \
	"---\napiVersion: v1\nkind: Node\nmetadata: {name: n1, "                                   \
	"labels: {topology.kubernetes.io/zone: z1}}\n"

static const struct bl_service *web_of(const struct bl_store *store)
{
	return bl_service_of(bl_store_find(store, BL_KIND_SERVICE, "default", "web"));
}

static void add_endpoint(struct bl_buf *buf, const struct bl_slice_endpoint *endpoint)
{
	bl_buf_addf(buf, " %s %s%s%s %s", endpoint->addresses.items[0],
		    endpoint->ready == BL_TRUE ? "r" : "-",
		    endpoint->serving == BL_TRUE ? "s" : "-",
		    endpoint->terminating == BL_TRUE ? "t" : "-",
		    endpoint->target ? endpoint->target->name : "-");
	if (endpoint->hints)
		bl_buf_addf(buf, " %s,%s",
			    endpoint->hints->zones.count ? endpoint->hints->zones.items[0] : "-",
			    endpoint->hints->nodes.count ? endpoint->hints->nodes.items[0] : "-");
	bl_buf_add_str(buf, "\n");
}

static char *slices_text(const struct bl_store *store)
{
	_cleanup_(bl_object_list_done) struct bl_object_list slices = {0};
	struct bl_buf buf = {0};

	cr_assert_eq(bl_slices_objects(store, web_of(store), &slices), 0);
	for (size_t i = 0; i < slices.count; i++) {
		const struct bl_endpoint_slice *slice = bl_endpoint_slice_of(slices.items[i]);
		const struct bl_meta *meta = &slice->object.meta;
		struct bl_endpoint_cursor cursor = {.list = &slice->endpoints};

		cr_expect_str_eq(bl_pairs_get(&meta->labels, BL_LABEL_MANAGED_BY),
				 BL_SLICES_MANAGER);
		cr_expect_str_eq(bl_pairs_get(&meta->labels, BL_LABEL_SERVICE_NAME), "web");
		bl_buf_addf(&buf, "%s/%s %s", meta->ns, meta->name,
			    slice->address_type == BL_ADDRESS_TYPE_IPV6 ? "IPv6" : "IPv4");
		for (size_t p = 0; p < slice->ports.count; p++)
			bl_buf_addf(&buf, " %s:%d", slice->ports.items[p].name,
				    slice->ports.items[p].port);
		bl_buf_add_str(&buf, "\n");
		while (bl_endpoint_next(&cursor))
			add_endpoint(&buf, &cursor.endpoint);
	}
	bl_buf_add_str(&buf, "");
	return bl_buf_take(&buf);
}

Test(slices_object, both_families_with_conditions_hints_and_a_slice_for_each_set_of_ports)
{
	_cleanup_(bl_store_free) struct bl_store *store = store_of(
		SELECTING NODE POD("a", "", "8080",
				   "podIP: 10.0.0.1, podIPs: [{ip: 10.0.0.1}, "
				   "{ip: 'fd01::1'}]") POD("b", "", "8081", "podIP: 10.0.0.2")
			POD("c", ", deletionTimestamp: '2026-11-01T00:00:00Z'", "8080",
			    "podIP: 10.0.0.3"));
	_cleanup_free_ char *got = slices_text(store);

	cr_expect_str_eq(got, "default/web-ipv4-1 IPv4 http:8080 dns:53\n"
			      " 10.0.0.1 rs- a z1,n1\n"
			      " 10.0.0.3 -st c z1,n1\n"
			      "default/web-ipv4-2 IPv4 http:8081 dns:53\n"
			      " 10.0.0.2 rs- b z1,n1\n"
			      "default/web-ipv6-1 IPv6 http:8080 dns:53\n"
			      " fd01::1 rs- a z1,n1\n");
}

#define BARE                                                                                       \
	"apiVersion: v1\nkind: Service\nmetadata: {name: web}\n"                                   \
	"spec: {clusterIP: 10.96.0.9, ports: [{port: 80}]}\n"
#define ENDPOINTS                                                                                  \
	"---\napiVersion: v1\nkind: Endpoints\nmetadata: {name: web}\n"                            \
	"subsets: [{addresses: [{ip: 10.8.8.8}], notReadyAddresses: [{ip: 10.8.8.9}], "            \
	"ports: [{port: 7070}]}]\n"
#define SLICE                                                                                      \
	"---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\n"                              \
	"metadata: {name: hand, labels: {kubernetes.io/service-name: web}}\n"                      \
	"addressType: IPv4\nports: [{port: 9090}]\nendpoints: [{addresses: [10.9.9.9]}]\n"

Test(slices_object, endpoints_written_by_hand_are_mirrored_and_slices_by_hand_are_not)
{
	_cleanup_(bl_store_free) struct bl_store *store = store_of(BARE ENDPOINTS SLICE);
	_cleanup_free_ char *got = slices_text(store);

	cr_expect_str_eq(got, "default/web-ipv4-1 IPv4 :7070\n"
			      " 10.8.8.8 rs- -\n"
			      " 10.8.8.9 --- -\n");
}

Test(slices_object, many_endpoints_make_several_slices)
{
	_cleanup_(bl_store_free) struct bl_store *store = NULL;
	_cleanup_(bl_object_list_done) struct bl_object_list slices = {0};
	struct bl_buf text = {0};

	bl_buf_add_str(&text, BARE "---\napiVersion: v1\nkind: Endpoints\nmetadata: {name: web}\n"
				   "subsets:\n- ports: [{port: 7070}]\n  addresses:\n");
	for (unsigned int i = 0; i < 2 * BL_SLICE_ENDPOINTS_MAX + 1; i++)
		bl_buf_addf(&text, "  - ip: 10.1.%u.%u\n", i / 200, i % 200 + 1);
	store = store_of(text.data);
	cr_assert_eq(bl_slices_objects(store, web_of(store), &slices), 0);
	cr_assert_eq(slices.count, 3);
	cr_assert_eq(bl_endpoint_slice_of(slices.items[0])->endpoints.count,
		     BL_SLICE_ENDPOINTS_MAX);
	cr_assert_eq(bl_endpoint_slice_of(slices.items[2])->endpoints.count, 1);
	cr_assert_str_eq(slices.items[2]->meta.name, "web-ipv4-3");
	bl_buf_done(&text);
}

/* In a store they say what the pods said; a pod that went must not live on in them. */
Test(slices_object, where_pods_are_known_slices_of_them_are_not_read_and_elsewhere_they_are)
{
	_cleanup_(bl_store_free) struct bl_store *store =
		store_of(SELECTING NODE POD("a", "", "8080", "podIP: 10.0.0.1"));
	struct bl_local_node here = {.name = "n1"}, follower = {.name = "n2", .slices_only = true};
	_cleanup_(bl_object_list_done) struct bl_object_list slices = {0};
	_cleanup_free_ char *before = resolve_text(store, &here, "web");
	_cleanup_free_ char *after = NULL, *followed = NULL;

	cr_assert_eq(bl_slices_objects(store, web_of(store), &slices), 0);
	for (size_t i = 0; i < slices.count; i++)
		cr_assert_eq(bl_store_put(store, slices.items[i], 1, NULL), 0);
	after = resolve_text(store, &here, "web");
	cr_assert_str_eq(after, before);
	cr_assert_eq(bl_store_delete(store, BL_KIND_POD, "default", "a"), 0);
	free(after);
	after = resolve_text(store, &here, "web");
	cr_assert_null(strstr(after, "10.0.0.1"), "%s", after);
	followed = resolve_text(store, &follower, "web");
	cr_assert_not_null(strstr(followed, "10.0.0.1:8080"), "%s", followed);
}
