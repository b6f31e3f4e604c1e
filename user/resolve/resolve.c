/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "resolve/resolve.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "resolve/choose.h"
#include "resolve/outside.h"

#define DEFAULT_AFFINITY_TIMEOUT_S 10800u
#define DEFAULT_WEIGHT 100u

const char *bl_frontend_kind_name(enum bl_frontend_kind kind)
{
	static const char *const names[] = {
		[BL_FRONTEND_CLUSTER_IP] = "ClusterIP",
		[BL_FRONTEND_NODE_PORT] = "NodePort",
		[BL_FRONTEND_LOAD_BALANCER_IP] = "LoadBalancerIP",
		[BL_FRONTEND_EXTERNAL_IP] = "ExternalIP",
	};

	_Static_assert(ARRAY_SIZE(names) == BL_FRONTEND_KIND_COUNT, "every kind has a name");
	return (unsigned int)kind < ARRAY_SIZE(names) ? names[kind] : "unknown";
}

struct bl_resolved *bl_resolved_free(struct bl_resolved *resolved)
{
	if (resolved)
		(void)bl_arena_free(resolved->arena); /* holds all, `resolved` included */
	return NULL;
}

struct resolving {
	const struct bl_local_node *node;
	const struct bl_service *service;
	const struct bl_endpoint_view *view;
	struct bl_resolved *resolved;
	struct bl_choice *choices; /* room for all endpoints of the view */
	struct bl_outside outside;
};

static bool is_node_address(const struct bl_local_node *node, const struct bl_addr *address)
{
	for (size_t i = 0; i < node->address_count; i++)
		if (bl_addr_equal(&node->addresses[i], address))
			return true;
	return false;
}

/* Most frontends that a port can have in one family. */
static size_t frontend_room(const struct resolving *resolving)
{
	const struct bl_service *service = resolving->service;

	return 2 + service->spec.cluster_ips.count + service->spec.external_ips.count +
	       service->ingress.count + resolving->node->address_count;
}

static void add_frontend(const struct resolving *resolving, struct bl_resolved_port *port,
			 const struct bl_addr *address, uint16_t number, enum bl_frontend_kind kind)
{
	struct bl_resolved_frontend *frontend;

	if (address->family != port->family || number == 0)
		return;
	for (size_t i = 0; i < port->frontend_count; i++)
		if (port->frontends[i].port == number &&
		    bl_addr_equal(&port->frontends[i].address, address))
			return;
	frontend = &port->frontends[port->frontend_count++];
	frontend->address = *address;
	frontend->port = number;
	frontend->kind = kind;
	frontend->is_virtual = kind != BL_FRONTEND_NODE_PORT && !bl_addr_is_loopback(address) &&
			       !is_node_address(resolving->node, address);
	frontend->internal_only =
		bl_addr_is_loopback(address) ||
		(kind == BL_FRONTEND_CLUSTER_IP && !resolving->node->outside.cluster_ips);
	frontend->check_sources = bl_outside_checks(&resolving->outside, kind);
}

static void add_frontend_text(const struct resolving *resolving, struct bl_resolved_port *port,
			      const char *text, enum bl_frontend_kind kind)
{
	struct bl_addr address;

	if (text && bl_addr_parse_lenient(text, &address) == 0)
		add_frontend(resolving, port, &address, port->port, kind);
}

/* A load balancer of mode Proxy wants its traffic to come in through itself (KEP-1860). */
static bool is_vip(const struct bl_load_balancer_ingress *ingress)
{
	return !ingress->ip_mode || strcmp(ingress->ip_mode, "Proxy") != 0;
}

static int add_frontends(const struct resolving *resolving, const struct bl_service_port *from,
			 struct bl_resolved_port *port)
{
	const struct bl_service *service = resolving->service;
	const struct bl_service_spec *spec = &service->spec;

	port->frontends = bl_arena_alloc(resolving->resolved->arena,
					 frontend_room(resolving) * sizeof(*port->frontends));
	if (!port->frontends)
		return -ENOMEM;
	add_frontend_text(resolving, port, spec->cluster_ip, BL_FRONTEND_CLUSTER_IP);
	for (size_t i = 0; i < spec->cluster_ips.count; i++)
		add_frontend_text(resolving, port, spec->cluster_ips.items[i],
				  BL_FRONTEND_CLUSTER_IP);
	if (spec->type == BL_SERVICE_NODE_PORT || spec->type == BL_SERVICE_LOAD_BALANCER)
		for (size_t i = 0; i < resolving->node->address_count; i++)
			if (bl_outside_has_node_ports(&resolving->node->outside,
						      &resolving->node->addresses[i]))
				add_frontend(resolving, port, &resolving->node->addresses[i],
					     (uint16_t)from->node_port, BL_FRONTEND_NODE_PORT);
	for (size_t i = 0; spec->type == BL_SERVICE_LOAD_BALANCER && i < service->ingress.count;
	     i++)
		if (is_vip(&service->ingress.items[i]))
			add_frontend_text(resolving, port, service->ingress.items[i].ip,
					  BL_FRONTEND_LOAD_BALANCER_IP);
	for (size_t i = 0; i < spec->external_ips.count; i++)
		add_frontend_text(resolving, port, spec->external_ips.items[i],
				  BL_FRONTEND_EXTERNAL_IP);
	return 0;
}

/* An endpoint may be there with two sets of ports that share this one: the better state counts. */
static bool improve_choice(struct bl_choice *choices, size_t count,
			   const struct bl_resolved_endpoint *endpoint, uint16_t port)
{
	for (size_t i = count; i > 0; i--) {
		struct bl_choice *choice = &choices[i - 1];

		if (!bl_addr_equal(&choice->endpoint->address, &endpoint->address))
			return false;
		if (choice->port != port)
			continue;
		if ((!choice->endpoint->ready && endpoint->ready) ||
		    (!choice->endpoint->serving && endpoint->serving))
			choice->endpoint = endpoint;
		return true;
	}
	return false;
}

static int compare_choices(const void *a, const void *b)
{
	const struct bl_choice *x = a;
	const struct bl_choice *y = b;
	int order = bl_addr_compare(&x->endpoint->address, &y->endpoint->address);

	return order ? order : (int)x->port - (int)y->port;
}

/* The endpoints of one port and family, sorted, each once. */
static size_t list_choices(const struct resolving *resolving, size_t port_index, uint8_t family)
{
	const struct bl_endpoint_view *view = resolving->view;
	struct bl_choice *choices = resolving->choices;
	size_t count = 0;

	for (size_t i = 0; i < view->count; i++) {
		const struct bl_resolved_endpoint *endpoint = &view->items[i];
		uint16_t port = endpoint->ports[port_index];

		if (endpoint->address.family != family || port == 0 ||
		    improve_choice(choices, count, endpoint, port))
			continue;
		choices[count++] = (struct bl_choice){.endpoint = endpoint, .port = port};
	}
	if (count > 1)
		qsort(choices, count, sizeof(*choices), compare_choices);
	return count;
}

static bool is_reachable_from_outside(const struct bl_resolved_port *port,
				      const struct bl_service *service,
				      const struct bl_service_port *from)
{
	const struct bl_service_spec *spec = &service->spec;

	/* A NodePort counts even on a node that has no address for it. */
	if ((spec->type == BL_SERVICE_NODE_PORT || spec->type == BL_SERVICE_LOAD_BALANCER) &&
	    from->node_port != 0)
		return true;
	for (size_t i = 0; i < port->frontend_count; i++)
		if (port->frontends[i].kind != BL_FRONTEND_CLUSTER_IP)
			return true;
	return false;
}

static int copy_optional(struct bl_arena *arena, const char *text, const char **ret)
{
	if (!text)
		return 0;
	*ret = bl_arena_strdup(arena, text);
	return *ret ? 0 : -ENOMEM;
}

static bool is_local(const struct bl_local_node *node, const struct bl_resolved_endpoint *endpoint)
{
	if (endpoint->node && node->name[0] != '\0' && strcmp(endpoint->node, node->name) == 0)
		return true;
	return is_node_address(node, &endpoint->address);
}

static int make_backend(const struct resolving *resolving, const struct bl_choice *choice,
			struct bl_resolved_backend *ret)
{
	struct bl_arena *arena = resolving->resolved->arena;
	const struct bl_resolved_endpoint *endpoint = choice->endpoint;
	int r;

	ret->address = endpoint->address;
	ret->port = choice->port;
	ret->state = endpoint->ready ? BL_BACKEND_READY : BL_BACKEND_TERMINATING;
	ret->weight = DEFAULT_WEIGHT;
	ret->local = is_local(resolving->node, endpoint);
	ret->internal = choice->internal;
	ret->cluster = choice->cluster;
	ret->external = choice->external;
	r = copy_optional(arena, endpoint->zone, &ret->zone);
	if (r == 0)
		r = copy_optional(arena, endpoint->node, &ret->node);
	if (r == 0)
		r = copy_optional(arena, endpoint->pod, &ret->pod);
	return r;
}

static int add_backends(const struct resolving *resolving, size_t count,
			struct bl_resolved_port *port)
{
	port->backends =
		bl_arena_alloc(resolving->resolved->arena, (count + 1) * sizeof(*port->backends));
	if (!port->backends)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		const struct bl_choice *choice = &resolving->choices[i];
		int r;

		if (!choice->endpoint->ready && !choice->endpoint->serving)
			continue;
		r = make_backend(resolving, choice, &port->backends[port->backend_count]);
		if (r < 0)
			return r;
		port->backend_count++;
	}
	return 0;
}

static uint32_t affinity_timeout(const struct bl_service_spec *spec)
{
	if (spec->session_affinity != BL_SESSION_AFFINITY_CLIENT_IP)
		return 0;
	return spec->affinity_timeout_s > 0 ? (uint32_t)spec->affinity_timeout_s
					    : DEFAULT_AFFINITY_TIMEOUT_S;
}

static int resolve_port(const struct resolving *resolving, size_t port_index, uint8_t family,
			struct bl_resolved_port *ret)
{
	const struct bl_service_spec *spec = &resolving->service->spec;
	const struct bl_service_port *from = &spec->ports.items[port_index];
	struct bl_choice_policy policy = {
		.node = resolving->node->name,
		.zone = resolving->node->zone,
		.internal_local = spec->internal_traffic_policy == BL_TRAFFIC_POLICY_LOCAL,
		.external_local = spec->external_traffic_policy == BL_TRAFFIC_POLICY_LOCAL,
	};
	struct bl_choice_summary summary;
	size_t count;
	int r;

	*ret = (struct bl_resolved_port){
		.protocol = from->protocol == BL_PROTOCOL_UDP ? IPPROTO_UDP : IPPROTO_TCP,
		.family = family,
		.port = (uint16_t)from->port,
		.affinity_timeout_s = affinity_timeout(spec),
		.maglev = resolving->outside.maglev,
		.dsr = resolving->outside.dsr,
	};
	r = copy_optional(resolving->resolved->arena, from->name, &ret->name);
	if (r == 0)
		r = add_frontends(resolving, from, ret);
	if (r == 0)
		r = bl_outside_sources(&resolving->outside, resolving->resolved->arena, family,
				       &ret->sources, &ret->source_count);
	if (r < 0)
		return r;
	policy.reachable_from_outside = is_reachable_from_outside(ret, resolving->service, from);
	count = list_choices(resolving, port_index, family);
	summary = bl_choose(&policy, resolving->choices, count);
	ret->internal_elsewhere = summary.internal_elsewhere;
	ret->external_elsewhere = summary.external_elsewhere;
	return add_backends(resolving, count, ret);
}

static int compare_resolved_ports(const void *a, const void *b)
{
	const struct bl_resolved_port *x = a;
	const struct bl_resolved_port *y = b;

	if (x->port != y->port)
		return (int)x->port - (int)y->port;
	if (x->protocol != y->protocol)
		return (int)x->protocol - (int)y->protocol;
	return (int)x->family - (int)y->family;
}

/* Families in which the Service has a ClusterIP; like kube-proxy, the others are not served. */
static bool serves_family(const struct bl_service_spec *spec, uint8_t family)
{
	struct bl_addr address;

	if (spec->cluster_ip && bl_addr_parse_lenient(spec->cluster_ip, &address) == 0 &&
	    address.family == family)
		return true;
	for (size_t i = 0; i < spec->cluster_ips.count; i++)
		if (bl_addr_parse_lenient(spec->cluster_ips.items[i], &address) == 0 &&
		    address.family == family)
			return true;
	return false;
}

static int resolve_ports(const struct resolving *resolving)
{
	static const uint8_t families[] = {BL_FAMILY_IPV4, BL_FAMILY_IPV6};
	const struct bl_service_spec *spec = &resolving->service->spec;
	struct bl_resolved *resolved = resolving->resolved;

	resolved->ports = bl_arena_alloc(resolved->arena,
					 (2 * spec->ports.count + 1) * sizeof(*resolved->ports));
	if (!resolved->ports)
		return -ENOMEM;
	for (size_t f = 0; f < ARRAY_SIZE(families); f++) {
		for (size_t i = 0; serves_family(spec, families[f]) && i < spec->ports.count; i++) {
			int r;

			if (spec->ports.items[i].protocol == BL_PROTOCOL_SCTP)
				continue;
			r = resolve_port(resolving, i, families[f],
					 &resolved->ports[resolved->port_count]);
			if (r < 0)
				return r;
			resolved->port_count++;
		}
	}
	if (resolved->port_count > 1)
		qsort(resolved->ports, resolved->port_count, sizeof(*resolved->ports),
		      compare_resolved_ports);
	if (resolved->port_count == 0)
		resolved->skipped = "it has no TCP or UDP port";
	return 0;
}

/* Why this Service has no frontends, or NULL. */
static const char *reason_to_skip(const struct bl_service *service)
{
	const struct bl_service_spec *spec = &service->spec;

	if (bl_pairs_get(&service->object.meta.labels, BL_LABEL_SERVICE_PROXY_NAME))
		return "its label '" BL_LABEL_SERVICE_PROXY_NAME "' names another proxy";
	if (bl_pairs_get(&service->object.meta.labels, BL_LABEL_HEADLESS))
		return "its label '" BL_LABEL_HEADLESS "' keeps it from proxies";
	if (spec->type == BL_SERVICE_EXTERNAL_NAME)
		return "it is of type ExternalName";
	if (bl_service_is_headless(service))
		return "it is headless";
	if (!serves_family(spec, BL_FAMILY_IPV4) && !serves_family(spec, BL_FAMILY_IPV6))
		return "it has no cluster IP";
	return NULL;
}

static int resolve_into(const struct bl_store *store, struct resolving *resolving)
{
	_cleanup_(bl_endpoint_view_free) struct bl_endpoint_view *view = NULL;
	_cleanup_free_ struct bl_choice *choices = NULL;
	int r;

	r = bl_resolve_endpoints_on(store, resolving->node, resolving->service, &view);
	if (r < 0)
		return r;
	choices = calloc(view->count + 1, sizeof(*choices));
	if (!choices)
		return -ENOMEM;
	resolving->view = view;
	resolving->choices = choices;
	resolving->outside = bl_outside_of(&resolving->node->outside, resolving->service);
	return resolve_ports(resolving);
}

int bl_resolve(const struct bl_store *store, const struct bl_local_node *node,
	       const struct bl_service *service, struct bl_resolved **ret)
{
	_cleanup_(bl_arena_free) struct bl_arena *arena = NULL;
	struct resolving resolving = {.node = node, .service = service};
	struct bl_resolved *resolved;
	int r;

	r = bl_arena_new(&arena);
	if (r < 0)
		return r;
	resolved = bl_arena_alloc(arena, sizeof(*resolved));
	if (!resolved)
		return -ENOMEM;
	resolved->arena = arena;
	resolving.resolved = resolved;
	r = copy_optional(arena, service->object.meta.ns, &resolved->ns);
	if (r == 0)
		r = copy_optional(arena, service->object.meta.name, &resolved->name);
	resolved->skipped = reason_to_skip(service);
	if (r == 0 && !resolved->skipped)
		r = resolve_into(store, &resolving);
	if (r < 0)
		return r;
	(void)TAKE_PTR(arena); /* `resolved` lives in it */
	*ret = resolved;
	return 0;
}
