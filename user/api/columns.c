/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Columns of Service, Endpoints, EndpointSlice, Namespace and Lease. */
#include "api/columns.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "api/age.h"
#include "base/cleanup.h"

#define SHORT_LIST 3
#define LOAD_BALANCER_WIDTH 16

void bl_column_age(struct json_object *object, const struct bl_view *view, struct bl_buf *ret)
{
	bl_age_add(bl_json_str(object, "metadata.creationTimestamp"), view->now, ret);
}

void bl_column_name(struct json_object *object, const struct bl_view *view, struct bl_buf *ret)
{
	(void)view;
	bl_buf_add_str(ret, bl_json_str_or(object, "metadata.name", ""));
}

static int compare_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

void bl_labels_add(struct json_object *labels, struct bl_buf *ret)
{
	size_t count = json_object_is_type(labels, json_type_object)
			       ? (size_t)json_object_object_length(labels)
			       : 0;
	_cleanup_free_ const char **keys = count ? calloc(count, sizeof(*keys)) : NULL;
	size_t i = 0;

	if (count == 0) {
		bl_buf_add_str(ret, "<none>");
		return;
	}
	if (!keys) {
		ret->failed = true;
		return;
	}
	json_object_object_foreach(labels, key, value)
	{
		(void)value;
		keys[i++] = key;
	}
	qsort(keys, count, sizeof(*keys), compare_text);
	for (i = 0; i < count; i++) {
		const char *text = bl_json_str(bl_json_key(labels, keys[i]), "");

		bl_buf_addf(ret, "%s%s=%s", i ? "," : "", keys[i], text ? text : "");
	}
}

void bl_short_list_add(struct bl_short_list *list, const char *text)
{
	if (list->count < SHORT_LIST)
		bl_buf_addf(list->out, "%s%s", list->count ? "," : "", text);
	list->count++;
}

void bl_short_list_end(struct bl_short_list *list)
{
	if (list->count > SHORT_LIST)
		bl_buf_addf(list->out, " + %zu more...", list->count - SHORT_LIST);
}

/* Service */

static void service_type(struct json_object *object, const struct bl_view *view, struct bl_buf *ret)
{
	(void)view;
	bl_buf_add_str(ret, bl_json_str_or(object, "spec.type", "ClusterIP"));
}

static void service_cluster_ip(struct json_object *object, const struct bl_view *view,
			       struct bl_buf *ret)
{
	const char *first = bl_json_str(object, "spec.clusterIPs.0");

	(void)view;
	bl_buf_add_str(ret, first && *first ? first
					    : bl_json_str_or(object, "spec.clusterIP", "<none>"));
}

static const char *ingress_address(struct json_object *ingress)
{
	return bl_json_str_or(ingress, "ip", bl_json_str_or(ingress, "hostname", NULL));
}

/* Addresses that a load balancer gave, sorted, each once; short unless wide. */
static void add_load_balancer(struct json_object *service, bool wide, struct bl_buf *ret)
{
	struct json_object *list = bl_json_at(service, "status.loadBalancer.ingress");
	size_t len = bl_json_len(list), count = 0, start = ret->len;
	_cleanup_free_ const char **texts = len ? calloc(len, sizeof(*texts)) : NULL;

	if (len && !texts) {
		ret->failed = true;
		return;
	}
	for (size_t i = 0; i < len; i++) {
		const char *text = ingress_address(bl_json_item(list, i));

		if (text)
			texts[count++] = text;
	}
	if (count)
		qsort(texts, count, sizeof(*texts), compare_text);
	for (size_t i = 0; i < count; i++) {
		if (i == 0 || strcmp(texts[i], texts[i - 1]) != 0)
			bl_buf_addf(ret, "%s%s", i ? "," : "", texts[i]);
	}
	if (!wide && !ret->failed && ret->len - start > LOAD_BALANCER_WIDTH) {
		ret->len = start + LOAD_BALANCER_WIDTH - 3;
		bl_buf_add_str(ret, "...");
	}
}

void bl_external_ip_add(struct json_object *service, bool wide, struct bl_buf *ret)
{
	const char *type = bl_json_str_or(service, "spec.type", "ClusterIP");
	struct json_object *external = bl_json_at(service, "spec.externalIPs");
	size_t start = ret->len;

	if (strcmp(type, "ExternalName") == 0) {
		bl_buf_add_str(ret, bl_json_str_or(service, "spec.externalName", ""));
		return;
	}
	if (strcmp(type, "LoadBalancer") == 0)
		add_load_balancer(service, wide, ret);
	if (bl_json_len(external) && ret->len > start)
		bl_buf_add_str(ret, ",");
	bl_json_join(external, ",", ret);
	if (ret->len == start)
		bl_buf_add_str(ret, strcmp(type, "LoadBalancer") == 0 ? "<pending>" : "<none>");
}

static void service_external_ip(struct json_object *object, const struct bl_view *view,
				struct bl_buf *ret)
{
	bl_external_ip_add(object, view->wide, ret);
}

static void service_ports(struct json_object *object, const struct bl_view *view,
			  struct bl_buf *ret)
{
	struct json_object *ports = bl_json_at(object, "spec.ports");

	(void)view;
	for (size_t i = 0; i < bl_json_len(ports); i++) {
		struct json_object *port = bl_json_item(ports, i);
		int64_t node_port = bl_json_int(port, "nodePort", 0);

		bl_buf_addf(ret, "%s%" PRId64, i ? "," : "", bl_json_int(port, "port", 0));
		if (node_port > 0)
			bl_buf_addf(ret, ":%" PRId64, node_port);
		bl_buf_addf(ret, "/%s", bl_json_str_or(port, "protocol", "TCP"));
	}
	if (bl_json_len(ports) == 0)
		bl_buf_add_str(ret, "<none>");
}

static void service_selector(struct json_object *object, const struct bl_view *view,
			     struct bl_buf *ret)
{
	(void)view;
	bl_labels_add(bl_json_at(object, "spec.selector"), ret);
}

static const struct bl_column service_columns[] = {
	{"Name", false, bl_column_name},           {"Type", false, service_type},
	{"Cluster-IP", false, service_cluster_ip}, {"External-IP", false, service_external_ip},
	{"Port(s)", false, service_ports},         {"Age", false, bl_column_age},
	{"Selector", true, service_selector},      {NULL},
};

/* Endpoints */

static void add_host_port(struct bl_short_list *list, const char *ip, int64_t port)
{
	char text[64];

	(void)snprintf(text, sizeof(text), strchr(ip, ':') ? "[%s]:%" PRId64 : "%s:%" PRId64, ip,
		       port);
	bl_short_list_add(list, text);
}

static void add_subset(struct bl_short_list *list, struct json_object *subset)
{
	struct json_object *addresses = bl_json_at(subset, "addresses");
	struct json_object *ports = bl_json_at(subset, "ports");

	for (size_t i = 0; i < bl_json_len(addresses) && bl_json_len(ports) == 0; i++)
		bl_short_list_add(list, bl_json_str_or(bl_json_item(addresses, i), "ip", ""));
	for (size_t p = 0; p < bl_json_len(ports); p++) {
		int64_t port = bl_json_int(bl_json_item(ports, p), "port", 0);

		for (size_t i = 0; i < bl_json_len(addresses); i++)
			add_host_port(list, bl_json_str_or(bl_json_item(addresses, i), "ip", ""),
				      port);
	}
}

static void endpoints_endpoints(struct json_object *object, const struct bl_view *view,
				struct bl_buf *ret)
{
	struct json_object *subsets = bl_json_at(object, "subsets");
	struct bl_short_list list = {.out = ret};

	(void)view;
	if (bl_json_len(subsets) == 0)
		bl_buf_add_str(ret, "<none>");
	for (size_t i = 0; i < bl_json_len(subsets); i++)
		add_subset(&list, bl_json_item(subsets, i));
	bl_short_list_end(&list);
}

static const struct bl_column endpoints_columns[] = {
	{"Name", false, bl_column_name},
	{"Endpoints", false, endpoints_endpoints},
	{"Age", false, bl_column_age},
	{NULL},
};

/* EndpointSlice */

static void slice_address_type(struct json_object *object, const struct bl_view *view,
			       struct bl_buf *ret)
{
	(void)view;
	bl_buf_add_str(ret, bl_json_str_or(object, "addressType", ""));
}

static void slice_ports(struct json_object *object, const struct bl_view *view, struct bl_buf *ret)
{
	struct json_object *ports = bl_json_at(object, "ports");
	struct bl_short_list list = {.out = ret};
	char text[24];

	(void)view;
	for (size_t i = 0; i < bl_json_len(ports); i++) {
		struct json_object *port = bl_json_item(ports, i);
		int64_t number = bl_json_int(port, "port", 0);

		(void)snprintf(text, sizeof(text), "%" PRId64, number);
		bl_short_list_add(&list, number ? text : bl_json_str_or(port, "name", "*"));
	}
	bl_short_list_end(&list);
	if (list.count == 0)
		bl_buf_add_str(ret, "<unset>");
}

static void slice_endpoints(struct json_object *object, const struct bl_view *view,
			    struct bl_buf *ret)
{
	struct json_object *endpoints = bl_json_at(object, "endpoints");
	struct bl_short_list list = {.out = ret};

	(void)view;
	for (size_t i = 0; i < bl_json_len(endpoints); i++) {
		struct json_object *addresses = bl_json_at(bl_json_item(endpoints, i), "addresses");

		for (size_t a = 0; a < bl_json_len(addresses); a++)
			bl_short_list_add(&list,
					  bl_json_str_or(bl_json_item(addresses, a), "", ""));
	}
	bl_short_list_end(&list);
	if (list.count == 0)
		bl_buf_add_str(ret, "<unset>");
}

static const struct bl_column slice_columns[] = {
	{"Name", false, bl_column_name}, {"AddressType", false, slice_address_type},
	{"Ports", false, slice_ports},   {"Endpoints", false, slice_endpoints},
	{"Age", false, bl_column_age},   {NULL},
};

/* Namespace */

static void namespace_status(struct json_object *object, const struct bl_view *view,
			     struct bl_buf *ret)
{
	(void)view;
	bl_buf_add_str(ret, bl_json_str_or(object, "status.phase", "Active"));
}

static const struct bl_column namespace_columns[] = {
	{"Name", false, bl_column_name},
	{"Status", false, namespace_status},
	{"Age", false, bl_column_age},
	{NULL},
};

static void lease_holder(struct json_object *object, const struct bl_view *view, struct bl_buf *ret)
{
	(void)view;
	bl_buf_add_str(ret, bl_json_str_or(object, "spec.holderIdentity", ""));
}

static const struct bl_column lease_columns[] = {
	{"Name", false, bl_column_name},
	{"Holder", false, lease_holder},
	{"Age", false, bl_column_age},
	{NULL},
};

const struct bl_column *bl_columns_of(enum bl_kind kind)
{
	switch (kind) {
	case BL_KIND_SERVICE:
		return service_columns;
	case BL_KIND_POD:
		return bl_columns_pod;
	case BL_KIND_ENDPOINTS:
		return endpoints_columns;
	case BL_KIND_ENDPOINT_SLICE:
		return slice_columns;
	case BL_KIND_NODE:
		return bl_columns_node;
	case BL_KIND_LEASE:
		return lease_columns;
	case BL_KIND_NAMESPACE:
	case BL_KIND_COUNT:
		break;
	}
	return namespace_columns;
}
