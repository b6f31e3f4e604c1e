/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "resolve/endpoints_object.h"

#include <errno.h>
#include <string.h>

#include "model/endpoints.h"

struct packing {
	const struct bl_service *service;
	const struct bl_endpoint_view *view;
	struct bl_endpoints *endpoints;
	bool failed; /* memory was short */
};

static void *take(struct packing *packing, size_t count, size_t size)
{
	void *bytes = bl_arena_alloc(packing->endpoints->object.arena, count * size);

	packing->failed |= !bytes;
	return bytes;
}

static const char *copy_text(struct packing *packing, const char *text)
{
	const char *copy = text ? bl_arena_strdup(packing->endpoints->object.arena, text) : NULL;

	packing->failed |= text && !copy;
	return copy;
}

static uint8_t first_family(const struct packing *packing)
{
	const struct bl_service_spec *spec = &packing->service->spec;
	struct bl_addr address;

	if (spec->ip_families[0] != 0)
		return spec->ip_families[0];
	if (spec->cluster_ip && bl_addr_parse_lenient(spec->cluster_ip, &address) == 0)
		return address.family;
	return packing->view->count > 0 ? packing->view->items[0].address.family : BL_FAMILY_IPV4;
}

static bool has_any_port(const struct packing *packing, const struct bl_resolved_endpoint *endpoint)
{
	if (packing->view->port_count == 0)
		return true; /* a headless Service may have none */
	for (size_t i = 0; i < packing->view->port_count; i++)
		if (endpoint->ports[i] != 0)
			return true;
	return false;
}

static bool is_shown(const struct packing *packing, const struct bl_resolved_endpoint *endpoint)
{
	return endpoint->selected && endpoint->address.family == first_family(packing) &&
	       (endpoint->ready || !endpoint->terminating) && has_any_port(packing, endpoint);
}

static bool same_ports(const struct packing *packing, const struct bl_resolved_endpoint *a,
		       const struct bl_resolved_endpoint *b)
{
	return memcmp(a->ports, b->ports, packing->view->port_count * sizeof(*a->ports)) == 0;
}

static bool is_first_of_subset(const struct packing *packing, size_t index)
{
	const struct bl_resolved_endpoint *items = packing->view->items;

	if (!is_shown(packing, &items[index]))
		return false;
	for (size_t i = 0; i < index; i++)
		if (is_shown(packing, &items[i]) && same_ports(packing, &items[i], &items[index]))
			return false;
	return true;
}

static void add_address(struct packing *packing, const struct bl_resolved_endpoint *endpoint,
			struct bl_endpoint_addresses *addresses)
{
	struct bl_endpoint_address *address = &addresses->items[addresses->count++];
	char text[BL_ADDR_TEXT];

	address->ip = copy_text(packing, bl_addr_format(&endpoint->address, text));
	address->hostname = copy_text(packing, endpoint->hostname);
	address->node_name = copy_text(packing, endpoint->node);
	if (endpoint->pod) {
		address->target.kind = "Pod";
		address->target.ns = packing->endpoints->object.meta.ns;
		address->target.name = copy_text(packing, endpoint->pod);
		address->target.uid = copy_text(packing, endpoint->pod_uid);
	}
}

static void add_ports(struct packing *packing, const struct bl_resolved_endpoint *endpoint,
		      struct bl_endpoint_ports *ports)
{
	const struct bl_service_ports *from = &packing->service->spec.ports;

	for (size_t i = 0; i < packing->view->port_count; i++) {
		if (endpoint->ports[i] == 0)
			continue;
		ports->items[ports->count++] = (struct bl_endpoint_port){
			.name = copy_text(packing, from->items[i].name),
			.protocol = from->items[i].protocol,
			.port = endpoint->ports[i],
			.app_protocol = copy_text(packing, from->items[i].app_protocol),
		};
	}
}

static bool is_in(const struct packing *packing, const struct bl_resolved_endpoint *endpoint,
		  const struct bl_resolved_endpoint *first)
{
	return is_shown(packing, endpoint) && same_ports(packing, endpoint, first);
}

/* All endpoints with the ports of this one; the view is sorted, and so is the subset. */
static void add_subset(struct packing *packing, const struct bl_resolved_endpoint *first)
{
	const struct bl_endpoint_view *view = packing->view;
	size_t ready = 0, not_ready = 0;
	struct bl_endpoint_subsets *subsets = &packing->endpoints->subsets;
	struct bl_endpoint_subset *subset = &subsets->items[subsets->count++];

	for (size_t i = 0; i < view->count; i++)
		if (is_in(packing, &view->items[i], first))
			*(view->items[i].ready ? &ready : &not_ready) += 1;
	subset->addresses.items = take(packing, ready, sizeof(*subset->addresses.items));
	subset->not_ready_addresses.items =
		take(packing, not_ready, sizeof(*subset->not_ready_addresses.items));
	subset->ports.items = take(packing, view->port_count, sizeof(*subset->ports.items));
	if (packing->failed)
		return;
	for (size_t i = 0; i < view->count; i++) {
		const struct bl_resolved_endpoint *endpoint = &view->items[i];

		if (is_in(packing, endpoint, first))
			add_address(packing, endpoint,
				    endpoint->ready ? &subset->addresses
						    : &subset->not_ready_addresses);
	}
	add_ports(packing, first, &subset->ports);
}

static void pack_subsets(struct packing *packing)
{
	size_t count = 0;

	for (size_t i = 0; i < packing->view->count; i++)
		count += is_first_of_subset(packing, i);
	packing->endpoints->subsets.items =
		take(packing, count, sizeof(*packing->endpoints->subsets.items));
	for (size_t i = 0; i < packing->view->count && !packing->failed; i++)
		if (is_first_of_subset(packing, i))
			add_subset(packing, &packing->view->items[i]);
}

/* The Service's labels and the one that names the maker, sorted by key. */
static void add_labels(struct packing *packing)
{
	const struct bl_pairs *from = &packing->service->object.meta.labels;
	struct bl_pairs *labels = &packing->endpoints->object.meta.labels;
	const struct bl_pair own = {BL_LABEL_ENDPOINTS_MANAGED_BY, BL_ENDPOINTS_MANAGER};
	bool added = false;

	labels->items = take(packing, from->count + 1, sizeof(*labels->items));
	if (packing->failed)
		return;
	for (size_t i = 0; i < from->count; i++) {
		int order = strcmp(from->items[i].key, own.key);

		if (order > 0 && !added) {
			labels->items[labels->count++] = own;
			added = true;
		}
		if (order != 0)
			labels->items[labels->count++] = (struct bl_pair){
				.key = copy_text(packing, from->items[i].key),
				.value = copy_text(packing, from->items[i].value),
			};
	}
	if (!added)
		labels->items[labels->count++] = own;
}

/* The object in `arena`, which owns it from then on. */
static int pack(const struct bl_service *service, const struct bl_endpoint_view *view,
		struct bl_arena *arena, struct bl_object **ret)
{
	struct packing packing = {.service = service, .view = view};
	struct bl_object *object;

	packing.endpoints = bl_arena_alloc(arena, sizeof(*packing.endpoints));
	if (!packing.endpoints)
		return -ENOMEM;
	object = &packing.endpoints->object;
	object->kind = BL_KIND_ENDPOINTS;
	object->refs = 1;
	object->arena = arena;
	object->meta.name = copy_text(&packing, service->object.meta.name);
	object->meta.ns = copy_text(&packing, service->object.meta.ns);
	object->meta.creation_time = service->object.meta.creation_time;
	add_labels(&packing);
	if (!packing.failed)
		pack_subsets(&packing);
	if (packing.failed)
		return -ENOMEM;
	*ret = object;
	return 0;
}

int bl_endpoints_object(const struct bl_store *store, const struct bl_service *service,
			struct bl_object **ret)
{
	_cleanup_(bl_endpoint_view_free) struct bl_endpoint_view *view = NULL;
	_cleanup_(bl_arena_free) struct bl_arena *scratch = NULL;
	_cleanup_(bl_arena_free) struct bl_arena *arena = NULL;
	struct bl_object *object = NULL;
	int r;

	r = bl_resolve_endpoints(store, service, &view);
	if (r == 0)
		r = bl_arena_new(&scratch);
	if (r == 0)
		r = pack(service, view, scratch, &object);
	/* Once more, now that the size is known: there may be as many as there are Services. */
	if (r == 0)
		r = bl_arena_new_sized(bl_arena_used(scratch) + BL_UID_TEXT, &arena);
	if (r == 0)
		r = pack(service, view, arena, &object);
	if (r < 0)
		return r;
	(void)TAKE_PTR(arena); /* the object's from here on */
	*ret = object;
	return 0;
}
