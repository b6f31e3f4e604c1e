/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "resolve/slices_object.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/endpoints.h"

#define LABELS 2
#define NAME_SIZE 300

/* What goes into one slice. */
struct slicing {
	const struct bl_service *service;
	const struct bl_endpoint_view *view;
	bool *is_taken;     /* endpoints that are in a slice, or in none */
	const size_t *ones; /* of the slice: places in the view */
	size_t count;
	size_t numbers[2]; /* slices of each family so far */
};

/* One slice while it is made. */
struct packing {
	const struct slicing *slicing;
	struct bl_endpoint_slice *slice;
	bool failed; /* memory was short */
};

static void *take(struct packing *packing, size_t count, size_t size)
{
	void *bytes = bl_arena_alloc(packing->slice->object.arena, count * size);

	packing->failed |= !bytes;
	return bytes;
}

static const char *copy_text(struct packing *packing, const char *text)
{
	const char *copy = text ? bl_arena_strdup(packing->slice->object.arena, text) : NULL;

	packing->failed |= text && !copy;
	return copy;
}

static enum bl_tristate tristate(bool value)
{
	return value ? BL_TRUE : BL_FALSE;
}

/* What an endpoint points to until it is packed. */
struct parts {
	struct bl_target_ref target;
	struct bl_endpoint_hints hints;
	const char *address;
	char text[BL_ADDR_TEXT];
};

static void make_endpoint(const struct packing *packing, const struct bl_resolved_endpoint *from,
			  struct parts *parts, struct bl_slice_endpoint *ret)
{
	parts->address = bl_addr_format(&from->address, parts->text);
	*ret = (struct bl_slice_endpoint){
		.addresses = {&parts->address, 1},
		.ready = tristate(from->ready),
		.serving = tristate(from->serving),
		.terminating = tristate(from->terminating),
		.hostname = from->hostname,
		.node_name = from->node,
		.zone = from->zone,
	};
	if (from->pod) {
		parts->target = (struct bl_target_ref){
			.kind = "Pod",
			.ns = packing->slice->object.meta.ns,
			.name = from->pod,
			.uid = from->pod_uid,
		};
		ret->target = &parts->target;
	}
	if (from->hint_zones)
		parts->hints.zones = *from->hint_zones;
	if (from->hint_nodes)
		parts->hints.nodes = *from->hint_nodes;
	if (from->hint_zones || from->hint_nodes)
		ret->hints = &parts->hints;
}

static void add_endpoints(struct packing *packing)
{
	const struct slicing *slicing = packing->slicing;
	_cleanup_free_ struct parts *parts = calloc(slicing->count, sizeof(*parts));
	_cleanup_free_ struct bl_slice_endpoint *items = calloc(slicing->count, sizeof(*items));

	packing->failed |= !parts || !items;
	for (size_t i = 0; i < slicing->count && !packing->failed; i++)
		make_endpoint(packing, &slicing->view->items[slicing->ones[i]], &parts[i],
			      &items[i]);
	if (!packing->failed)
		packing->failed =
			bl_slice_endpoints_pack(items, slicing->count, packing->slice->object.arena,
						&packing->slice->endpoints) < 0;
}

static void add_ports(struct packing *packing, const uint16_t *ports)
{
	const struct bl_service_ports *from = &packing->slicing->service->spec.ports;
	struct bl_endpoint_ports *to = &packing->slice->ports;

	to->items = take(packing, from->count, sizeof(*to->items));
	for (size_t i = 0; i < from->count && !packing->failed; i++) {
		if (ports[i] == 0)
			continue;
		to->items[to->count++] = (struct bl_endpoint_port){
			.name = copy_text(packing, from->items[i].name ? from->items[i].name : ""),
			.protocol = from->items[i].protocol,
			.port = ports[i],
			.app_protocol = copy_text(packing, from->items[i].app_protocol),
		};
	}
}

static void add_meta(struct packing *packing, const char *name)
{
	const struct bl_meta *service = &packing->slicing->service->object.meta;
	struct bl_meta *meta = &packing->slice->object.meta;

	meta->name = copy_text(packing, name);
	meta->ns = copy_text(packing, service->ns);
	meta->creation_time = service->creation_time;
	meta->labels.items = take(packing, LABELS, sizeof(*meta->labels.items));
	meta->owners.items = take(packing, 1, sizeof(*meta->owners.items));
	if (packing->failed)
		return;
	meta->labels.items[0] = (struct bl_pair){BL_LABEL_MANAGED_BY, BL_SLICES_MANAGER};
	meta->labels.items[1] =
		(struct bl_pair){BL_LABEL_SERVICE_NAME, copy_text(packing, service->name)};
	meta->labels.count = LABELS;
	meta->owners.items[0] = (struct bl_owner){
		.api_version = "v1",
		.kind = "Service",
		.name = meta->labels.items[1].value,
		.uid = copy_text(packing, service->uid),
	};
	meta->owners.count = 1;
}

/* The object in `arena`, which owns it from then on. */
static int pack(const struct slicing *slicing, const char *name, struct bl_arena *arena,
		struct bl_object **ret)
{
	const struct bl_resolved_endpoint *items = slicing->view->items;
	struct packing packing = {.slicing = slicing};
	struct bl_endpoint_slice *slice = bl_arena_alloc(arena, sizeof(*slice));

	if (!slice)
		return -ENOMEM;
	packing.slice = slice;
	slice->object.kind = BL_KIND_ENDPOINT_SLICE;
	slice->object.refs = 1;
	slice->object.arena = arena;
	slice->address_type = items[slicing->ones[0]].address.family == BL_FAMILY_IPV6
				      ? BL_ADDRESS_TYPE_IPV6
				      : BL_ADDRESS_TYPE_IPV4;
	add_meta(&packing, name);
	add_ports(&packing, items[slicing->ones[0]].ports);
	add_endpoints(&packing);
	if (packing.failed)
		return -ENOMEM;
	*ret = &slice->object;
	return 0;
}

static int append(struct bl_object_list *list, struct bl_object *object)
{
	struct bl_object **items =
		reallocarray(list->items, list->count + 1, sizeof(struct bl_object *));

	if (!items)
		return -ENOMEM;
	list->items = items;
	list->items[list->count++] = object;
	return 0;
}

static int add_slice(struct slicing *slicing, struct bl_object_list *list)
{
	bool is_ipv6 = slicing->view->items[slicing->ones[0]].address.family == BL_FAMILY_IPV6;
	_cleanup_(bl_arena_free) struct bl_arena *scratch = NULL;
	_cleanup_(bl_arena_free) struct bl_arena *arena = NULL;
	struct bl_object *object = NULL;
	char name[NAME_SIZE];
	int r;

	(void)snprintf(name, sizeof(name), "%s-%s-%zu", slicing->service->object.meta.name,
		       is_ipv6 ? "ipv6" : "ipv4", ++slicing->numbers[is_ipv6]);
	r = bl_arena_new(&scratch);
	if (r == 0)
		r = pack(slicing, name, scratch, &object);
	/* Once more, now that the size is known: there may be very many. */
	if (r == 0)
		r = bl_arena_new_sized(bl_arena_used(scratch) + BL_UID_TEXT, &arena);
	if (r == 0)
		r = pack(slicing, name, arena, &object);
	if (r == 0)
		r = append(list, object);
	if (r == 0)
		(void)TAKE_PTR(arena); /* the object's from here on */
	return r;
}

static bool is_alike(const struct bl_endpoint_view *view, size_t a, size_t b)
{
	const struct bl_resolved_endpoint *x = &view->items[a], *y = &view->items[b];

	return x->address.family == y->address.family &&
	       memcmp(x->ports, y->ports, view->port_count * sizeof(*x->ports)) == 0;
}

static bool has_any_port(const struct bl_endpoint_view *view, size_t index)
{
	bool any = view->port_count == 0; /* a headless Service may have none */

	for (size_t i = 0; i < view->port_count; i++)
		any = any || view->items[index].ports[i] != 0;
	return any;
}

/* The first endpoint that is in no slice yet, and those like it, in slices. */
static int add_group(struct slicing *slicing, size_t first, struct bl_object_list *list)
{
	const struct bl_endpoint_view *view = slicing->view;
	size_t ones[BL_SLICE_ENDPOINTS_MAX];
	int r = 0;

	slicing->ones = ones;
	slicing->count = 0;
	for (size_t i = first; i < view->count && r == 0; i++) {
		if (slicing->is_taken[i] || !is_alike(view, first, i))
			continue;
		slicing->is_taken[i] = true;
		ones[slicing->count++] = i;
		if (slicing->count < BL_SLICE_ENDPOINTS_MAX)
			continue;
		r = add_slice(slicing, list);
		slicing->count = 0;
	}
	return r == 0 && slicing->count ? add_slice(slicing, list) : r;
}

int bl_slices_objects(const struct bl_store *store, const struct bl_service *service,
		      struct bl_object_list *ret)
{
	_cleanup_(bl_endpoint_view_free) struct bl_endpoint_view *view = NULL;
	_cleanup_(bl_object_list_done) struct bl_object_list list = {0};
	_cleanup_free_ bool *is_taken = NULL;
	struct slicing slicing = {.service = service};
	int r;

	r = bl_resolve_endpoints(store, service, &view);
	if (r < 0)
		return r;
	is_taken = calloc(view->count + 1, sizeof(*is_taken));
	if (!is_taken)
		return -ENOMEM;
	slicing.view = view;
	slicing.is_taken = is_taken;
	for (size_t i = 0; i < view->count; i++)
		is_taken[i] = view->items[i].sliced || !has_any_port(view, i);
	for (size_t i = 0; i < view->count && r == 0; i++)
		if (!is_taken[i])
			r = add_group(&slicing, i, &list);
	if (r < 0)
		return r;
	*ret = list;
	list = (struct bl_object_list){0};
	return 0;
}
