/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Endpoints of a Service from pods, EndpointSlices and Endpoints, merged. */
#include "model/endpoints.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/node.h"
#include "resolve/pods.h"
#include "resolve/resolve.h"
#include "resolve/slices_object.h"

#define LABEL_SKIP_MIRROR "endpointslice.kubernetes.io/skip-mirror"

struct gathering {
	const struct bl_store *store;
	const struct bl_local_node *node; /* NULL: nothing is known */
	const struct bl_service *service;
	uint8_t families[2]; /* 0: none; both 0: any */
	bool publish;        /* not-ready addresses count as ready */
	struct bl_arena *arena;
	struct bl_resolved_endpoint *items; /* owned */
	size_t count;
	size_t capacity;
};

struct bl_endpoint_view *bl_endpoint_view_free(struct bl_endpoint_view *view)
{
	if (view)
		(void)bl_arena_free(view->arena); /* holds the view itself */
	return NULL;
}

static bool publishes_not_ready(const struct bl_service *service)
{
	const char *tolerate =
		bl_pairs_get(&service->object.meta.annotations, BL_ANNOTATION_TOLERATE_UNREADY);

	return service->spec.publish_not_ready_addresses == BL_TRUE ||
	       (tolerate && strcmp(tolerate, "true") == 0);
}

static void find_families(const struct bl_service *service, uint8_t families[2])
{
	const struct bl_service_spec *spec = &service->spec;
	struct bl_addr address;

	families[0] = spec->ip_families[0];
	families[1] = spec->ip_families[1];
	for (size_t i = 0; families[0] == 0 && i < spec->cluster_ips.count && i < 2; i++)
		if (bl_addr_parse_lenient(spec->cluster_ips.items[i], &address) == 0)
			families[i] = address.family;
	if (families[0] == 0 && spec->cluster_ip &&
	    bl_addr_parse_lenient(spec->cluster_ip, &address) == 0)
		families[0] = address.family;
}

static bool has_family(const struct gathering *gathering, uint8_t family)
{
	const uint8_t *families = gathering->families;

	return families[0] == 0 || family == families[0] || family == families[1];
}

/* A new endpoint with no ports; NULL when memory is short. */
static struct bl_resolved_endpoint *
add_endpoint(struct gathering *gathering, const struct bl_addr *address, uint16_t **ret_ports)
{
	size_t port_count = gathering->service->spec.ports.count;
	uint16_t *ports;

	if (gathering->count == gathering->capacity) {
		size_t capacity = gathering->capacity ? gathering->capacity * 2 : 16;
		struct bl_resolved_endpoint *items =
			reallocarray(gathering->items, capacity, sizeof(*items));

		if (!items)
			return NULL;
		gathering->items = items;
		gathering->capacity = capacity;
	}
	ports = bl_arena_alloc(gathering->arena, (port_count + 1) * sizeof(*ports));
	if (!ports)
		return NULL;
	gathering->items[gathering->count] =
		(struct bl_resolved_endpoint){.address = *address, .ports = ports};
	*ret_ports = ports;
	return &gathering->items[gathering->count++];
}

static int copy_text(struct gathering *gathering, const char *text, const char **ret)
{
	if (!text || !*text)
		return 0;
	*ret = bl_arena_strdup(gathering->arena, text);
	return *ret ? 0 : -ENOMEM;
}

static const char *zone_of_node(const struct gathering *gathering, const char *name)
{
	const struct bl_object *object;
	const char *zone = NULL;

	if (!name)
		return NULL;
	object = bl_store_find(gathering->store, BL_KIND_NODE, NULL, name);
	if (object)
		zone = bl_pairs_get(&object->meta.labels, BL_LABEL_ZONE);
	if (!object && gathering->node && gathering->node->name &&
	    strcmp(gathering->node->name, name) == 0)
		zone = gathering->node->zone;
	return zone;
}

static int copy_strings(struct gathering *gathering, const struct bl_strings *strings,
			const struct bl_strings **ret)
{
	struct bl_strings *copy;

	if (strings->count == 0)
		return 0;
	copy = bl_arena_alloc(gathering->arena, sizeof(*copy));
	if (!copy)
		return -ENOMEM;
	copy->items = bl_arena_alloc(gathering->arena, strings->count * sizeof(*copy->items));
	if (!copy->items)
		return -ENOMEM;
	for (; copy->count < strings->count; copy->count++) {
		copy->items[copy->count] =
			bl_arena_strdup(gathering->arena, strings->items[copy->count]);
		if (!copy->items[copy->count])
			return -ENOMEM;
	}
	*ret = copy;
	return 0;
}

/* The hints that the EndpointSlice controller would give for trafficDistribution. Those of the
 * annotation service.kubernetes.io/topology-mode: Auto depend on the processors of all nodes of
 * each zone, so they count where slices bring them, and are not computed for pods. */
static int hint_endpoint(struct gathering *gathering, struct bl_resolved_endpoint *endpoint)
{
	enum bl_traffic_distribution wanted = gathering->service->spec.traffic_distribution;
	int r = 0;

	if (wanted == BL_TRAFFIC_DISTRIBUTION_UNSET)
		return 0;
	if (endpoint->zone) {
		const struct bl_strings zone = {.items = &endpoint->zone, .count = 1};

		r = copy_strings(gathering, &zone, &endpoint->hint_zones);
	}
	if (r == 0 && endpoint->node && wanted == BL_TRAFFIC_DISTRIBUTION_PREFER_SAME_NODE) {
		const struct bl_strings node = {.items = &endpoint->node, .count = 1};

		r = copy_strings(gathering, &node, &endpoint->hint_nodes);
	}
	return r;
}

static int add_pod_address(struct gathering *gathering, const struct bl_pod *pod,
			   const struct bl_pod_state *state, const struct bl_addr *address)
{
	const struct bl_service_spec *spec = &gathering->service->spec;
	const char *service_name = gathering->service->object.meta.name;
	const char *subdomain = pod->spec.subdomain;
	struct bl_resolved_endpoint *endpoint;
	uint16_t *ports;
	int r;

	endpoint = add_endpoint(gathering, address, &ports);
	if (!endpoint)
		return -ENOMEM;
	for (size_t i = 0; i < spec->ports.count; i++)
		ports[i] = bl_pod_target_port(pod, &spec->ports.items[i]);
	endpoint->ready = state->ready || gathering->publish;
	endpoint->serving = state->serving;
	endpoint->terminating = state->terminating;
	endpoint->selected = true;
	r = copy_text(gathering, pod->spec.node_name, &endpoint->node);
	if (r == 0)
		r = copy_text(gathering, pod->object.meta.name, &endpoint->pod);
	if (r == 0)
		r = copy_text(gathering, pod->object.meta.uid, &endpoint->pod_uid);
	if (r == 0 && subdomain && strcmp(subdomain, service_name) == 0)
		r = copy_text(gathering, pod->spec.hostname, &endpoint->hostname);
	if (r == 0)
		r = copy_text(gathering, zone_of_node(gathering, endpoint->node), &endpoint->zone);
	return r < 0 ? r : hint_endpoint(gathering, endpoint);
}

static int gather_pods(struct gathering *gathering)
{
	static const uint8_t families[] = {BL_FAMILY_IPV4, BL_FAMILY_IPV6};
	const struct bl_service *service = gathering->service;
	_cleanup_free_ const struct bl_object **pods = NULL;
	size_t count = 0;
	int r;

	r = bl_store_pods_matching(gathering->store, service->object.meta.ns,
				   &service->spec.selector, &pods, &count);
	for (size_t i = 0; r == 0 && i < count; i++) {
		const struct bl_pod *pod = bl_pod_of(pods[i]);
		struct bl_pod_state state = bl_pod_state_of(pod);
		struct bl_addr address;

		for (size_t f = 0; r == 0 && !state.finished && f < ARRAY_SIZE(families); f++)
			if (has_family(gathering, families[f]) &&
			    bl_pod_address(pod, families[f], &address))
				r = add_pod_address(gathering, pod, &state, &address);
	}
	return r;
}

static bool names_equal(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "") == 0;
}

/* The number that a slice or a subset gives to a Service port: same name, same protocol. */
static uint16_t find_port(const struct bl_endpoint_ports *ports,
			  const struct bl_service_port *wanted)
{
	enum bl_protocol protocol = wanted->protocol ? wanted->protocol : BL_PROTOCOL_TCP;

	for (size_t i = 0; i < ports->count; i++) {
		const struct bl_endpoint_port *port = &ports->items[i];
		enum bl_protocol spoken = port->protocol ? port->protocol : BL_PROTOCOL_TCP;

		if (spoken == protocol && names_equal(port->name, wanted->name))
			return (uint16_t)port->port;
	}
	return 0;
}

static void fill_ports(const struct gathering *gathering, const struct bl_endpoint_ports *from,
		       uint16_t *ports)
{
	const struct bl_service_ports *wanted = &gathering->service->spec.ports;

	for (size_t i = 0; i < wanted->count; i++)
		ports[i] = find_port(from, &wanted->items[i]);
}

/* The name of the target (which may be NULL) when it is a pod. */
static int copy_pod(struct gathering *gathering, const struct bl_target_ref *target,
		    struct bl_resolved_endpoint *endpoint)
{
	if (!target || !target->kind || strcmp(target->kind, "Pod") != 0)
		return 0;
	return copy_text(gathering, target->name, &endpoint->pod);
}

static int add_slice_endpoint(struct gathering *gathering, const struct bl_endpoint_slice *slice,
			      const struct bl_slice_endpoint *from, const struct bl_addr *address)
{
	struct bl_resolved_endpoint *endpoint;
	uint16_t *ports;
	int r;

	endpoint = add_endpoint(gathering, address, &ports);
	if (!endpoint)
		return -ENOMEM;
	fill_ports(gathering, &slice->ports, ports);
	endpoint->sliced = true;
	endpoint->ready = from->ready != BL_FALSE;
	endpoint->serving = from->serving == BL_UNSET ? endpoint->ready : from->serving == BL_TRUE;
	endpoint->terminating = from->terminating == BL_TRUE;
	r = copy_text(gathering, from->hostname, &endpoint->hostname);
	if (r == 0)
		r = copy_text(gathering, from->node_name, &endpoint->node);
	if (r == 0)
		r = copy_text(gathering,
			      from->zone ? from->zone : zone_of_node(gathering, endpoint->node),
			      &endpoint->zone);
	if (r == 0)
		r = copy_pod(gathering, from->target, endpoint);
	if (r == 0 && from->hints)
		r = copy_strings(gathering, &from->hints->zones, &endpoint->hint_zones);
	if (r == 0 && from->hints)
		r = copy_strings(gathering, &from->hints->nodes, &endpoint->hint_nodes);
	return r;
}

/* Is it the address of one of the first `count` endpoints, which come from pods? */
static bool is_known(const struct gathering *gathering, size_t count, const struct bl_addr *address)
{
	for (size_t i = 0; i < count; i++)
		if (bl_addr_equal(&gathering->items[i].address, address))
			return true;
	return false;
}

static bool slice_speaks(const struct bl_endpoint_slice *slice, uint8_t family)
{
	switch (slice->address_type) {
	case BL_ADDRESS_TYPE_IPV4:
		return family == BL_FAMILY_IPV4;
	case BL_ADDRESS_TYPE_IPV6:
		return family == BL_FAMILY_IPV6;
	case BL_ADDRESS_TYPE_UNSET:
		return true;
	case BL_ADDRESS_TYPE_FQDN:
		return false;
	}
	return false;
}

/* Slices that are made of the pods and Endpoints that are known here say nothing new, and it too
 * late. */
static bool is_made_of_the_rest(const struct gathering *gathering,
				const struct bl_endpoint_slice *slice)
{
	const char *manager = bl_pairs_get(&slice->object.meta.labels, BL_LABEL_MANAGED_BY);
	bool slices_only = gathering->node && gathering->node->slices_only;

	return !slices_only && manager && strcmp(manager, BL_SLICES_MANAGER) == 0;
}

static int gather_slice(struct gathering *gathering, const struct bl_endpoint_slice *slice,
			size_t pod_count)
{
	struct bl_endpoint_cursor cursor = {.list = &slice->endpoints};
	int r = 0;

	/* What the label keeps from proxies, the names of headless Services are made of. */
	if (bl_pairs_get(&slice->object.meta.labels, BL_LABEL_HEADLESS) &&
	    !bl_service_is_headless(gathering->service))
		return 0;
	if (is_made_of_the_rest(gathering, slice))
		return 0;
	while (r == 0 && bl_endpoint_next(&cursor)) {
		const struct bl_slice_endpoint *endpoint = &cursor.endpoint;
		struct bl_addr address;

		if (endpoint->addresses.count == 0 ||
		    bl_addr_parse_lenient(endpoint->addresses.items[0], &address) < 0 ||
		    !slice_speaks(slice, address.family) ||
		    !has_family(gathering, address.family) ||
		    is_known(gathering, pod_count, &address))
			continue;
		r = add_slice_endpoint(gathering, slice, endpoint, &address);
	}
	return r;
}

static int gather_slices(struct gathering *gathering)
{
	const struct bl_meta *meta = &gathering->service->object.meta;
	_cleanup_free_ const struct bl_object **slices = NULL;
	size_t pod_count = gathering->count;
	size_t count = 0;
	int r;

	r = bl_store_slices_of(gathering->store, meta->ns, meta->name, &slices, &count);
	for (size_t i = 0; r == 0 && i < count; i++)
		r = gather_slice(gathering, bl_endpoint_slice_of(slices[i]), pod_count);
	return r;
}

static int add_subset_addresses(struct gathering *gathering,
				const struct bl_endpoint_subset *subset,
				const struct bl_endpoint_addresses *addresses, bool ready)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < addresses->count; i++) {
		const struct bl_endpoint_address *from = &addresses->items[i];
		struct bl_resolved_endpoint *endpoint;
		struct bl_addr address;
		uint16_t *ports;

		if (!from->ip || bl_addr_parse_lenient(from->ip, &address) < 0 ||
		    !has_family(gathering, address.family))
			continue;
		endpoint = add_endpoint(gathering, &address, &ports);
		if (!endpoint)
			return -ENOMEM;
		fill_ports(gathering, &subset->ports, ports);
		endpoint->ready = ready;
		endpoint->serving = ready;
		r = copy_text(gathering, from->hostname, &endpoint->hostname);
		if (r == 0)
			r = copy_text(gathering, from->node_name, &endpoint->node);
		if (r == 0)
			r = copy_text(gathering, zone_of_node(gathering, endpoint->node),
				      &endpoint->zone);
		if (r == 0)
			r = copy_pod(gathering, &from->target, endpoint);
	}
	return r;
}

static int gather_endpoints_object(struct gathering *gathering)
{
	const struct bl_meta *meta = &gathering->service->object.meta;
	const struct bl_object *object =
		bl_store_find(gathering->store, BL_KIND_ENDPOINTS, meta->ns, meta->name);
	const struct bl_endpoint_subsets *subsets;
	const char *skip;
	int r = 0;

	if (!object)
		return 0;
	skip = bl_pairs_get(&object->meta.labels, LABEL_SKIP_MIRROR);
	if ((skip && strcmp(skip, "true") == 0) ||
	    bl_pairs_get(&object->meta.labels, BL_LABEL_HEADLESS))
		return 0;
	subsets = &bl_endpoints_of(object)->subsets;
	for (size_t i = 0; r == 0 && i < subsets->count; i++) {
		const struct bl_endpoint_subset *subset = &subsets->items[i];

		r = add_subset_addresses(gathering, subset, &subset->addresses, true);
		if (r == 0)
			r = add_subset_addresses(gathering, subset, &subset->not_ready_addresses,
						 gathering->publish);
	}
	return r;
}

static int compare_ports(const struct bl_resolved_endpoint *a, const struct bl_resolved_endpoint *b,
			 size_t port_count)
{
	for (size_t i = 0; i < port_count; i++)
		if (a->ports[i] != b->ports[i])
			return a->ports[i] < b->ports[i] ? -1 : 1;
	return 0;
}

/* What two sources say about one endpoint differently: the better state first. */
static int state_rank(const struct bl_resolved_endpoint *endpoint)
{
	return endpoint->ready * 8 + endpoint->serving * 4 + !endpoint->terminating * 2 +
	       (endpoint->node != NULL);
}

static int compare_endpoints(const void *a, const void *b, void *port_count)
{
	const struct bl_resolved_endpoint *x = a;
	const struct bl_resolved_endpoint *y = b;
	int order = bl_addr_compare(&x->address, &y->address);

	if (order == 0)
		order = compare_ports(x, y, *(const size_t *)port_count);
	if (order == 0)
		order = state_rank(y) - state_rank(x);
	if (order == 0)
		order = strcmp(x->node ? x->node : "", y->node ? y->node : "");
	return order ? order : strcmp(x->pod ? x->pod : "", y->pod ? y->pod : "");
}

/* Sorts and drops what is there twice. */
static void merge_endpoints(struct gathering *gathering)
{
	size_t port_count = gathering->service->spec.ports.count;
	struct bl_resolved_endpoint *items = gathering->items;
	size_t kept = 0;

	if (gathering->count > 1)
		qsort_r(items, gathering->count, sizeof(*items), compare_endpoints, &port_count);
	for (size_t i = 0; i < gathering->count; i++) {
		if (kept > 0 && bl_addr_equal(&items[kept - 1].address, &items[i].address) &&
		    compare_ports(&items[kept - 1], &items[i], port_count) == 0)
			continue;
		items[kept++] = items[i];
	}
	gathering->count = kept;
}

static int gather(struct gathering *gathering)
{
	bool slices_only = gathering->node && gathering->node->slices_only;
	bool has_selector = gathering->service->spec.selector.count > 0;
	int r = 0;

	if (has_selector && !slices_only)
		r = gather_pods(gathering);
	if (r == 0)
		r = gather_slices(gathering);
	if (r == 0 && !has_selector && !slices_only)
		r = gather_endpoints_object(gathering);
	if (r == 0)
		merge_endpoints(gathering);
	return r;
}

static int make_view(struct gathering *gathering, struct bl_endpoint_view **ret)
{
	struct bl_endpoint_view *view = bl_arena_alloc(gathering->arena, sizeof(*view));
	size_t size = gathering->count * sizeof(*gathering->items);

	if (!view)
		return -ENOMEM;
	view->items = bl_arena_alloc(gathering->arena, size + 1);
	if (!view->items)
		return -ENOMEM;
	if (size > 0)
		memcpy(view->items, gathering->items, size);
	view->count = gathering->count;
	view->port_count = gathering->service->spec.ports.count;
	view->arena = gathering->arena;
	*ret = view;
	return 0;
}

int bl_resolve_endpoints_on(const struct bl_store *store, const struct bl_local_node *node,
			    const struct bl_service *service, struct bl_endpoint_view **ret)
{
	_cleanup_(bl_arena_free) struct bl_arena *arena = NULL;
	struct gathering gathering = {.store = store, .node = node, .service = service};
	int r;

	r = bl_arena_new(&arena);
	if (r < 0)
		return r;
	gathering.arena = arena;
	gathering.publish = publishes_not_ready(service);
	find_families(service, gathering.families);
	r = gather(&gathering);
	if (r == 0)
		r = make_view(&gathering, ret);
	free(gathering.items);
	if (r == 0)
		(void)TAKE_PTR(arena); /* the view's from here on */
	return r;
}

int bl_resolve_endpoints(const struct bl_store *store, const struct bl_service *service,
			 struct bl_endpoint_view **ret)
{
	return bl_resolve_endpoints_on(store, NULL, service, ret);
}
