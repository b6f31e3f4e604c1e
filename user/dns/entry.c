/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "dns/entry.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct building {
	const struct bl_dns_zone_name *zone;
	const struct bl_service *service;
	struct bl_arena *arena;
	struct bl_dns_entry *entry;
	struct bl_dns_reverse *reverse; /* of the arena */
	size_t reverse_count;
};

struct bl_dns_entry *bl_dns_entry_free(struct bl_dns_entry *entry)
{
	if (entry)
		(void)bl_arena_free(entry->arena); /* holds the entry itself */
	return NULL;
}

static void free_value(struct bl_dns_value *value)
{
	(void)bl_dns_entry_free((struct bl_dns_entry *)value);
}

static const uint8_t *keep(struct bl_arena *arena, const uint8_t *bytes, size_t len)
{
	uint8_t *copy = bl_arena_alloc(arena, len);

	if (copy)
		memcpy(copy, bytes, len);
	return copy;
}

/* "name.namespace.svc.zone", and the key, which begins it. */
static int make_names(struct building *building)
{
	const struct bl_meta *meta = &building->service->object.meta;
	const struct bl_dns_name *services = &building->zone->services;
	struct bl_dns_name name = {0};
	uint8_t key[1 + BL_DNS_NAME_MAX] = {'s'};
	size_t key_len;

	bl_dns_name_add(&name, meta->name);
	bl_dns_name_add(&name, meta->ns);
	if (name.failed)
		return -ENAMETOOLONG;
	key_len = 1 + name.len;
	memcpy(key + 1, name.wire, name.len);
	bl_dns_name_add_wire(&name, services->wire, services->len);
	if (name.failed)
		return -ENAMETOOLONG;
	building->entry->name = keep(building->arena, name.wire, name.len);
	building->entry->value = (struct bl_dns_value){
		.key = keep(building->arena, key, key_len), .key_len = key_len, .free = free_value};
	return building->entry->name && building->entry->value.key ? 0 : -ENOMEM;
}

static void add_address(struct bl_dns_set *a, struct bl_dns_set *aaaa, const struct bl_addr *addr)
{
	if (addr->family == BL_FAMILY_IPV4)
		bl_dns_set_add(a, &addr->ip, 4);
	else
		bl_dns_set_add(aaaa, &addr->ip, 16);
}

static void add_srv(struct bl_dns_set *set, uint16_t port, const uint8_t *target)
{
	uint8_t data[6 + BL_DNS_NAME_MAX + 1] = {0, 0, 0, 100}; /* priority 0, weight 100 */
	size_t len = 0;

	data[4] = (uint8_t)(port >> 8);
	data[5] = (uint8_t)port;
	while (target[len])
		len += target[len] + 1u;
	memcpy(data + 6, target, len + 1);
	bl_dns_set_add(set, data, (uint16_t)(6 + len + 1));
}

static const char *protocol_label(enum bl_protocol protocol)
{
	switch (protocol) {
	case BL_PROTOCOL_UDP:
		return "_udp";
	case BL_PROTOCOL_SCTP:
		return "_sctp";
	case BL_PROTOCOL_TCP:
	case BL_PROTOCOL_UNSET:
		break;
	}
	return "_tcp";
}

static const uint8_t *keep_label(struct bl_arena *arena, const char *text)
{
	struct bl_dns_name label = {0};

	bl_dns_name_add(&label, text);
	return label.failed ? NULL : keep(arena, label.wire, label.len);
}

/* `add` fills the SRV set of the Service port of that number. */
typedef void add_targets_fn(struct building *building, size_t index, const void *from,
			    struct bl_dns_set *set);

static int make_ports(struct building *building, add_targets_fn *add, const void *from)
{
	const struct bl_service_ports *wanted = &building->service->spec.ports;
	struct bl_dns_port *ports =
		bl_arena_alloc(building->arena, (wanted->count + 1) * sizeof(*ports));
	int r = ports ? 0 : -ENOMEM;
	size_t count = 0;

	for (size_t i = 0; r == 0 && i < wanted->count; i++) {
		struct bl_dns_port *port = &ports[count];
		struct bl_dns_set set = {0};
		char label[BL_DNS_LABEL_MAX + 1];
		int len;

		/* Only ports that have a name have a record. */
		if (!wanted->items[i].name || !*wanted->items[i].name)
			continue;
		len = snprintf(label, sizeof(label), "_%s", wanted->items[i].name);
		if (len < 0 || (size_t)len >= sizeof(label))
			continue;
		port->name = keep_label(building->arena, label);
		port->protocol =
			keep_label(building->arena, protocol_label(wanted->items[i].protocol));
		add(building, i, from, &set);
		r = bl_dns_set_finish(&set, building->arena, &port->srv);
		if (!port->name || !port->protocol)
			r = -ENOMEM;
		count += r == 0 && port->srv.count > 0;
	}
	building->entry->ports = ports;
	building->entry->port_count = count;
	return r;
}

static void add_reverse(struct building *building, const struct bl_addr *addr, const uint8_t *name)
{
	building->reverse[building->reverse_count++] =
		(struct bl_dns_reverse){.addr = *addr, .name = name};
}

static size_t name_size(const uint8_t *name)
{
	size_t len = 0;

	while (name[len])
		len += name[len] + 1u;
	return len + 1;
}

int bl_dns_reverse_compare(const void *a, const void *b)
{
	const struct bl_dns_reverse *x = a, *y = b;
	int order = bl_addr_compare(&x->addr, &y->addr);
	size_t x_len, y_len;

	if (order)
		return order;
	x_len = name_size(x->name);
	y_len = name_size(y->name);
	if (x_len != y_len)
		return x_len < y_len ? -1 : 1;
	return memcmp(x->name, y->name, x_len);
}

static void finish_reverse(struct building *building)
{
	struct bl_dns_reverse *items = building->reverse;
	size_t kept = 0;

	if (building->reverse_count > 1)
		qsort(items, building->reverse_count, sizeof(*items), bl_dns_reverse_compare);
	for (size_t i = 0; i < building->reverse_count; i++)
		if (kept == 0 || bl_dns_reverse_compare(&items[kept - 1], &items[i]) != 0)
			items[kept++] = items[i];
	building->entry->reverse = items;
	building->entry->reverse_count = kept;
}

/* --- ClusterIP --- */

static void add_own_target(struct building *building, size_t index, const void *from,
			   struct bl_dns_set *set)
{
	(void)from;
	add_srv(set, (uint16_t)building->service->spec.ports.items[index].port,
		building->entry->name);
}

static int make_cluster_ip(struct building *building)
{
	const struct bl_service_spec *spec = &building->service->spec;
	struct bl_dns_entry *entry = building->entry;
	struct bl_dns_set a = {0}, aaaa = {0};
	struct bl_addr addr;
	int r;

	building->reverse = bl_arena_alloc(building->arena, (spec->cluster_ips.count + 1) *
								    sizeof(*building->reverse));
	if (!building->reverse)
		return -ENOMEM;
	for (size_t i = 0; i <= spec->cluster_ips.count; i++) {
		const char *text = i ? spec->cluster_ips.items[i - 1] : spec->cluster_ip;

		/* clusterIP repeats the first of clusterIPs where those are there. */
		if ((i == 0 && spec->cluster_ips.count) || !text ||
		    bl_addr_parse_lenient(text, &addr) < 0)
			continue;
		add_address(&a, &aaaa, &addr);
		add_reverse(building, &addr, entry->name);
	}
	r = bl_dns_set_finish(&a, building->arena, &entry->a);
	if (bl_dns_set_finish(&aaaa, building->arena, &entry->aaaa) < 0)
		r = -ENOMEM;
	finish_reverse(building);
	return r < 0 ? r : make_ports(building, add_own_target, NULL);
}

/* --- headless --- */

struct named_endpoint {
	const struct bl_resolved_endpoint *endpoint;
	const uint8_t *label;
	size_t host; /* index of its host */
};

struct headless {
	struct named_endpoint *items;
	size_t count;
};

static int compare_labels(const uint8_t *a, const uint8_t *b)
{
	return a[0] != b[0] ? (a[0] < b[0] ? -1 : 1) : memcmp(a + 1, b + 1, a[0]);
}

static int compare_named(const void *a, const void *b)
{
	const struct named_endpoint *x = a, *y = b;
	int order = compare_labels(x->label, y->label);

	if (order == 0)
		order = bl_addr_compare(&x->endpoint->address, &y->endpoint->address);
	return order ? order : (x->endpoint > y->endpoint) - (x->endpoint < y->endpoint);
}

static const uint8_t *label_of(struct building *building, const struct bl_resolved_endpoint *from)
{
	struct bl_dns_name label = {0};

	if (from->hostname && *from->hostname)
		bl_dns_name_add(&label, from->hostname);
	if (label.failed || label.len == 0) {
		label = (struct bl_dns_name){0};
		bl_dns_name_add_dashed(&label, &from->address);
	}
	return keep(building->arena, label.wire, label.len);
}

/* The ready endpoints with their labels, those of one name together. */
static int name_endpoints(struct building *building, const struct bl_endpoint_view *view,
			  struct headless *ret)
{
	struct headless list = {0};

	list.items = bl_arena_alloc(building->arena, (view->count + 1) * sizeof(*list.items));
	if (!list.items)
		return -ENOMEM;
	for (size_t i = 0; i < view->count; i++) {
		struct named_endpoint *item = &list.items[list.count];

		if (!view->items[i].ready)
			continue;
		item->endpoint = &view->items[i];
		item->label = label_of(building, item->endpoint);
		if (!item->label)
			return -ENOMEM;
		list.count++;
	}
	if (list.count > 1)
		qsort(list.items, list.count, sizeof(*list.items), compare_named);
	*ret = list;
	return 0;
}

static int host_name(struct building *building, const uint8_t *label, const uint8_t **ret)
{
	struct bl_dns_name name = {0};

	bl_dns_name_add_wire(&name, label, label[0] + 1u);
	bl_dns_name_add_wire(&name, building->entry->name, name_size(building->entry->name));
	if (name.failed)
		return -ENAMETOOLONG;
	*ret = keep(building->arena, name.wire, name.len);
	return *ret ? 0 : -ENOMEM;
}

/* One host of the endpoints from `first` on that share a label; `ret_end` is behind them. */
static int make_host(struct building *building, struct headless *list, size_t first, size_t index,
		     struct bl_dns_host *host, size_t *ret_end)
{
	struct bl_dns_set a = {0}, aaaa = {0};
	size_t end = first;
	int r;

	host->label = list->items[first].label;
	r = host_name(building, host->label, &host->name);
	if (r < 0)
		return r;
	for (; end < list->count && compare_labels(list->items[end].label, host->label) == 0;
	     end++) {
		const struct bl_addr *addr = &list->items[end].endpoint->address;

		list->items[end].host = index;
		/* One address with different ports is there several times. */
		if (end > first && bl_addr_equal(addr, &list->items[end - 1].endpoint->address))
			continue;
		add_address(&a, &aaaa, addr);
		add_reverse(building, addr, host->name);
	}
	r = bl_dns_set_finish(&a, building->arena, &host->a);
	if (bl_dns_set_finish(&aaaa, building->arena, &host->aaaa) < 0)
		r = -ENOMEM;
	*ret_end = end;
	return r;
}

static int make_hosts(struct building *building, struct headless *list)
{
	struct bl_dns_host *hosts =
		bl_arena_alloc(building->arena, (list->count + 1) * sizeof(*hosts));
	size_t count = 0;
	int r = hosts ? 0 : -ENOMEM;

	for (size_t i = 0; r == 0 && i < list->count; count++)
		r = make_host(building, list, i, count, &hosts[count], &i);
	building->entry->hosts = hosts;
	building->entry->host_count = count;
	return r;
}

static void add_host_targets(struct building *building, size_t index, const void *from,
			     struct bl_dns_set *set)
{
	const struct headless *list = from;

	for (size_t i = 0; i < list->count; i++) {
		const struct named_endpoint *item = &list->items[i], *before = item - 1;
		uint16_t port = item->endpoint->ports[index];

		/* Several addresses of one host with the same port are one target. */
		if (port == 0 ||
		    (i > 0 && before->host == item->host && before->endpoint->ports[index] == port))
			continue;
		add_srv(set, port, building->entry->hosts[item->host].name);
	}
}

static int make_headless(struct building *building, const struct bl_endpoint_view *view)
{
	struct bl_dns_set a = {0}, aaaa = {0};
	struct headless list = {0};
	int r = name_endpoints(building, view, &list);

	if (r < 0)
		return r;
	building->reverse =
		bl_arena_alloc(building->arena, (list.count + 1) * sizeof(*building->reverse));
	r = building->reverse ? make_hosts(building, &list) : -ENOMEM;
	if (r < 0)
		return r;
	for (size_t i = 0; i < view->count; i++)
		if (view->items[i].ready &&
		    (i == 0 || !view->items[i - 1].ready ||
		     !bl_addr_equal(&view->items[i].address, &view->items[i - 1].address)))
			add_address(&a, &aaaa, &view->items[i].address);
	r = bl_dns_set_finish(&a, building->arena, &building->entry->a);
	if (bl_dns_set_finish(&aaaa, building->arena, &building->entry->aaaa) < 0)
		r = -ENOMEM;
	finish_reverse(building);
	return r < 0 ? r : make_ports(building, add_host_targets, &list);
}

const struct bl_dns_host *bl_dns_entry_host(const struct bl_dns_entry *entry, const uint8_t *label)
{
	size_t low = 0, high = entry->host_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = compare_labels(label, entry->hosts[middle].label);

		if (order == 0)
			return &entry->hosts[middle];
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

/* --- ExternalName --- */

static int make_alias(struct building *building)
{
	struct bl_dns_set set = {0};
	struct bl_dns_name target = {0};

	bl_dns_name_add_text(&target, building->service->spec.external_name);
	if (bl_dns_name_finish(&target) < 0)
		return -ENAMETOOLONG;
	bl_dns_set_add(&set, target.wire, (uint16_t)target.len);
	return bl_dns_set_finish(&set, building->arena, &building->entry->cname);
}

static int fill(struct building *building, const struct bl_store *store,
		const struct bl_local_node *node)
{
	_cleanup_(bl_endpoint_view_free) struct bl_endpoint_view *view = NULL;
	const struct bl_service *service = building->service;
	int r;

	if (service->spec.type == BL_SERVICE_EXTERNAL_NAME) {
		building->entry->kind = BL_DNS_ALIAS;
		return service->spec.external_name ? make_alias(building) : 0;
	}
	if (!bl_service_is_headless(service)) {
		building->entry->kind = BL_DNS_ADDRESS;
		return make_cluster_ip(building);
	}
	building->entry->kind = BL_DNS_HEADLESS;
	r = bl_resolve_endpoints_on(store, node, service, &view);
	return r < 0 ? r : make_headless(building, view);
}

int bl_dns_entry_new(const struct bl_dns_zone_name *zone, const struct bl_store *store,
		     const struct bl_local_node *node, const struct bl_service *service,
		     struct bl_dns_entry **ret)
{
	_cleanup_(bl_arena_free) struct bl_arena *arena = NULL;
	struct building building = {.zone = zone, .service = service};
	struct bl_dns_entry *entry;
	int r = bl_arena_new(&arena);

	if (r < 0)
		return r;
	entry = bl_arena_alloc(arena, sizeof(*entry));
	if (!entry)
		return -ENOMEM;
	entry->arena = arena;
	building.arena = arena;
	building.entry = entry;
	r = make_names(&building);
	if (r == 0)
		r = fill(&building, store, node);
	if (r < 0)
		return r;
	if (!entry->a.count && !entry->aaaa.count && !entry->cname.count) {
		*ret = NULL;
		return 0;
	}
	(void)TAKE_PTR(arena);
	*ret = entry;
	return 0;
}
