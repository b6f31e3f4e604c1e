/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a Service is to have: worked out beside what is in force, then put in its place. */
#include "resolve/allocate.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "resolve/allocator.h"

#define KUBERNETES "default/kubernetes"

struct request {
	struct bl_allocator *allocator;
	struct bl_service *service;
	struct bl_err *err;
	const struct bl_allocation *old; /* what it has; NULL: nothing */
	struct bl_allocation *next;      /* what it shall have */
	uint8_t families[2];
	size_t family_count;
	enum bl_ip_family_policy policy;
	uint16_t *node_ports; /* of each port; 0: none */
};

static bool wants_cluster_ip(const struct bl_service *service)
{
	return service->spec.type != BL_SERVICE_EXTERNAL_NAME && !bl_service_is_headless(service);
}

static bool may_have_node_ports(const struct bl_service *service)
{
	return service->spec.type == BL_SERVICE_NODE_PORT ||
	       service->spec.type == BL_SERVICE_LOAD_BALANCER;
}

static bool wants_node_ports(const struct bl_service *service)
{
	return service->spec.type == BL_SERVICE_NODE_PORT ||
	       (service->spec.type == BL_SERVICE_LOAD_BALANCER &&
		service->spec.allocate_load_balancer_node_ports != BL_FALSE);
}

static bool wants_health_check_port(const struct bl_service *service)
{
	return service->spec.type == BL_SERVICE_LOAD_BALANCER &&
	       service->spec.external_traffic_policy == BL_TRAFFIC_POLICY_LOCAL;
}

static const char *family_name(uint8_t family)
{
	return family == BL_FAMILY_IPV6 ? "IPv6" : "IPv4";
}

/* The address asked for at a place, or NULL. */
static const char *asked_address(const struct bl_service *service, size_t i)
{
	if (i < service->spec.cluster_ips.count)
		return service->spec.cluster_ips.items[i];
	return i == 0 ? service->spec.cluster_ip : NULL;
}

static size_t asked_count(const struct bl_service *service)
{
	size_t count = 0;

	while (count < 2 && asked_address(service, count))
		count++;
	return count;
}

static int refuse(struct request *request, int code, const char *field, const char *value,
		  const char *why)
{
	return bl_err_set(request->err, code, "service '%s': %s '%s': %s", request->next->name,
			  field, value, why);
}

static int refuse_taken(struct request *request, const char *field, const char *value,
			const char *what, const struct bl_allocation *owner)
{
	return bl_err_set(request->err, -EADDRINUSE,
			  "service '%s': %s '%s': %s is already allocated to '%s'%s",
			  request->next->name, field, value, what, owner ? owner->name : KUBERNETES,
			  owner && !owner->claimed
				  ? ", which has it from the state file until all sources have "
				    "delivered"
				  : "");
}

static void add_family(struct request *request, uint8_t family)
{
	if (family == 0 || request->family_count == 2 ||
	    (request->family_count == 1 && request->families[0] == family))
		return;
	request->families[request->family_count++] = family;
}

/* A Service that only names something needs no addresses, so it may have what the node lacks. */
static bool needs_no_cidr(const struct bl_service *service)
{
	return bl_service_is_headless(service) && service->spec.selector.count == 0;
}

/* Whoever had an address keeps it when the range is moved: clients know it. */
static bool had_address(const struct request *request, const struct bl_addr *address)
{
	for (size_t i = 0; request->old && i < request->old->address_count; i++)
		if (bl_addr_equal(&request->old->addresses[i], address))
			return true;
	return false;
}

static bool had_port(const struct request *request, int32_t number)
{
	for (size_t i = 0; request->old && i < request->old->port_count; i++)
		if (request->old->ports[i].node_port == number)
			return true;
	return request->old && request->old->health_check_port == number;
}

static bool keeps_address(const struct request *request, size_t i)
{
	const char *asked = asked_address(request->service, i);
	struct bl_addr address;

	return asked && bl_addr_parse_lenient(asked, &address) == 0 &&
	       had_address(request, &address);
}

static int check_families(struct request *request)
{
	if (request->policy == BL_IP_FAMILY_POLICY_REQUIRE_DUAL_STACK && request->family_count < 2)
		return refuse(request, -EINVAL, "spec.ipFamilyPolicy", "RequireDualStack",
			      "this node has one service CIDR only; start the agent with one of "
			      "each family");
	if (request->policy == BL_IP_FAMILY_POLICY_SINGLE_STACK && request->family_count > 1)
		return refuse(request, -EINVAL, "spec.ipFamilyPolicy", "SingleStack",
			      "two families are asked for; name one, or set PreferDualStack");
	for (size_t i = 0; i < request->family_count && !needs_no_cidr(request->service); i++)
		if (!bl_allocator_cidr(request->allocator, request->families[i]) &&
		    !keeps_address(request, i))
			return refuse(request, -EINVAL, "spec.ipFamilies",
				      family_name(request->families[i]),
				      "there is no service CIDR of this family; start the agent "
				      "with one");
	return 0;
}

static int find_families(struct request *request)
{
	const struct bl_service_spec *spec = &request->service->spec;
	const struct bl_allocator_config *config = &request->allocator->config;
	size_t asked = bl_service_is_headless(request->service) ? 0 : asked_count(request->service);
	struct bl_addr address;

	for (size_t i = 0; i < 2; i++)
		add_family(request, spec->ip_families[i]);
	for (size_t i = 0; i < asked; i++) {
		if (bl_addr_parse_lenient(asked_address(request->service, i), &address) < 0)
			return refuse(request, -EINVAL, "spec.clusterIPs",
				      asked_address(request->service, i), "it is no IP address");
		if (i < request->family_count && request->families[i] != address.family)
			return refuse(request, -EINVAL, "spec.clusterIPs",
				      asked_address(request->service, i),
				      "its family is not that of spec.ipFamilies");
		add_family(request, address.family);
	}
	request->policy = spec->ip_family_policy;
	if (request->policy == BL_IP_FAMILY_POLICY_UNSET)
		request->policy = request->family_count == 2
					  ? BL_IP_FAMILY_POLICY_REQUIRE_DUAL_STACK
					  : BL_IP_FAMILY_POLICY_SINGLE_STACK;
	if (request->family_count == 0 && config->service_cidr_count > 0)
		add_family(request, config->service_cidrs[0].addr.family);
	if (request->policy != BL_IP_FAMILY_POLICY_SINGLE_STACK)
		for (size_t i = 0; i < config->service_cidr_count; i++)
			add_family(request, config->service_cidrs[i].addr.family);
	if (request->family_count == 0)
		return refuse(request, -EINVAL, "spec.clusterIP", "",
			      "there is no service CIDR; start the agent with one");
	return check_families(request);
}

static bool is_kubernetes(const struct request *request)
{
	return strcmp(request->next->name, KUBERNETES) == 0;
}

static int take_asked_address(struct request *request, const char *text,
			      const struct bl_addr *address)
{
	const struct bl_allocation *owner = bl_allocator_owner(request->allocator, address);

	if (!bl_allocator_in_range(request->allocator, address) && !had_address(request, address)) {
		const struct bl_prefix *cidr =
			bl_allocator_cidr(request->allocator, address->family);
		char prefix[BL_PREFIX_TEXT] = "none";

		if (cidr)
			(void)bl_prefix_format(cidr, prefix);
		return bl_err_set(request->err, -ERANGE,
				  "service '%s': spec.clusterIPs '%s': provided IP is not in the "
				  "valid range; the range of valid IPs is %s without its first and "
				  "last",
				  request->next->name, text, prefix);
	}
	if ((owner && owner != request->old) ||
	    (!owner && bl_allocator_is_first(request->allocator, address) &&
	     !is_kubernetes(request)))
		return refuse_taken(request, "spec.clusterIPs", text, "provided IP", owner);
	return 0;
}

struct address_search {
	const struct request *request;
	const struct bl_prefix *cidr;
};

/* Number 0 is the first address behind the network's. */
static bool address_is_free(const void *what, uint64_t number)
{
	const struct address_search *search = what;
	struct bl_addr address;

	return number > 0 && bl_addr_add(&search->cidr->addr, number + 1, &address) &&
	       !bl_allocator_owner(search->request->allocator, &address);
}

static int pick_address(struct request *request, uint8_t family, struct bl_addr *ret)
{
	const struct bl_prefix *cidr = bl_allocator_cidr(request->allocator, family);
	const struct address_search search = {.request = request, .cidr = cidr};
	uint64_t usable = bl_prefix_usable(cidr);
	unsigned int host_bits = bl_addr_bits(&cidr->addr) - cidr->bits;
	uint64_t number;
	char text[BL_PREFIX_TEXT];
	int r;

	if (is_kubernetes(request) && usable > 0 && bl_addr_add(&cidr->addr, 1, ret) &&
	    !bl_allocator_owner(request->allocator, ret))
		return 0;
	r = bl_allocator_pick(&request->allocator->config,
			      bl_address_band(host_bits > 32 ? UINT32_MAX : 1ull << host_bits),
			      usable, address_is_free, &search, &number);
	if (r < 0)
		return refuse(request, r, "service CIDR", bl_prefix_format(cidr, text),
			      "all addresses are allocated; remove services or use a larger "
			      "range");
	return bl_addr_add(&cidr->addr, number + 1, ret) ? 0 : -ENOSPC;
}

static bool find_old_address(const struct request *request, uint8_t family, struct bl_addr *ret)
{
	for (size_t i = 0; request->old && i < request->old->address_count; i++) {
		if (request->old->addresses[i].family == family &&
		    bl_allocator_in_range(request->allocator, &request->old->addresses[i])) {
			*ret = request->old->addresses[i];
			return true;
		}
	}
	return false;
}

static int find_addresses(struct request *request)
{
	struct bl_allocation *next = request->next;

	for (size_t i = 0; i < request->family_count; i++) {
		const char *asked = asked_address(request->service, i);
		struct bl_addr address;
		int r = 0;

		if (asked && bl_addr_parse_lenient(asked, &address) == 0)
			r = take_asked_address(request, asked, &address);
		else if (!find_old_address(request, request->families[i], &address))
			r = pick_address(request, request->families[i], &address);
		if (r < 0)
			return r;
		next->addresses[next->address_count++] = address;
	}
	return 0;
}

static uint8_t protocol_of(const struct bl_service_port *port)
{
	return port->protocol ? (uint8_t)port->protocol : BL_PROTOCOL_TCP;
}

static bool has_node_port(const struct request *request, uint16_t number)
{
	for (size_t i = 0; i < request->service->spec.ports.count; i++)
		if (request->node_ports[i] == number)
			return true;
	return number == request->next->health_check_port;
}

static bool is_foreign(const struct request *request, uint16_t number)
{
	const struct bl_allocation *owner = bl_allocator_port_owner(request->allocator, number);

	return owner && owner != request->old;
}

static bool is_in_port_range(const struct request *request, int32_t number)
{
	const struct bl_allocator_config *config = &request->allocator->config;

	return number >= config->node_port_first && number <= config->node_port_last;
}

static int take_asked_port(struct request *request, const char *field, int32_t number)
{
	const struct bl_allocator_config *config = &request->allocator->config;
	char text[16];

	(void)snprintf(text, sizeof(text), "%d", number);
	if (!is_in_port_range(request, number) && !had_port(request, number))
		return bl_err_set(request->err, -ERANGE,
				  "service '%s': %s '%s': provided port is not in the valid range; "
				  "the range of valid ports is %u-%u",
				  request->next->name, field, text, config->node_port_first,
				  config->node_port_last);
	if (is_foreign(request, (uint16_t)number))
		return refuse_taken(request, field, text, "provided port",
				    bl_allocator_port_owner(request->allocator, (uint16_t)number));
	return 0;
}

/* One number may serve several protocols of one Service, but each of them once. */
static bool is_taken_by_sibling(const struct request *request, size_t i, uint16_t number)
{
	const struct bl_service_ports *ports = &request->service->spec.ports;

	for (size_t k = 0; k < ports->count; k++)
		if (k != i && request->node_ports[k] == number &&
		    protocol_of(&ports->items[k]) == protocol_of(&ports->items[i]))
			return true;
	return false;
}

static int take_asked_ports(struct request *request)
{
	const struct bl_service_ports *ports = &request->service->spec.ports;

	for (size_t i = 0; i < ports->count; i++) {
		int32_t number = ports->items[i].node_port;
		char field[48];
		char text[16];
		int r;

		if (number == 0)
			continue;
		(void)snprintf(field, sizeof(field), "spec.ports[%zu].nodePort", i);
		r = take_asked_port(request, field, number);
		if (r < 0)
			return r;
		(void)snprintf(text, sizeof(text), "%d", number);
		if (is_taken_by_sibling(request, i, (uint16_t)number))
			return refuse(request, -EADDRINUSE, field, text,
				      "another port of this service has it for the same protocol");
		request->node_ports[i] = (uint16_t)number;
	}
	return 0;
}

static uint16_t old_node_port(const struct request *request, const struct bl_service_port *port)
{
	for (size_t i = 0; request->old && i < request->old->port_count; i++) {
		const struct bl_port_allocation *old = &request->old->ports[i];

		if (old->port == port->port && old->protocol == protocol_of(port) &&
		    is_in_port_range(request, old->node_port))
			return old->node_port;
	}
	return 0;
}

/* The number that the same port has for another protocol. */
static uint16_t sibling_node_port(const struct request *request, size_t i)
{
	const struct bl_service_ports *ports = &request->service->spec.ports;

	for (size_t k = 0; k < ports->count; k++) {
		uint16_t number = request->node_ports[k];

		if (number != 0 && ports->items[k].port == ports->items[i].port &&
		    !is_taken_by_sibling(request, i, number))
			return number;
	}
	return 0;
}

static bool port_is_free(const void *what, uint64_t number)
{
	const struct request *request = what;
	uint16_t port = (uint16_t)(request->allocator->config.node_port_first + number);

	return !bl_allocator_port_owner(request->allocator, port) && !has_node_port(request, port);
}

static int pick_port(struct request *request, uint16_t *ret)
{
	const struct bl_allocator_config *config = &request->allocator->config;
	uint64_t size = (uint64_t)config->node_port_last - config->node_port_first + 1;
	uint64_t number;
	char text[16];

	(void)snprintf(text, sizeof(text), "%u-%u", config->node_port_first,
		       config->node_port_last);
	if (bl_allocator_pick(config, bl_node_port_band(size), size, port_is_free, request,
			      &number) < 0)
		return refuse(request, -ENOSPC, "node port range", text,
			      "all ports are allocated; remove services or use a larger range");
	*ret = (uint16_t)(config->node_port_first + number);
	return 0;
}

static int find_node_ports(struct request *request)
{
	const struct bl_service_ports *ports = &request->service->spec.ports;
	int r;

	r = take_asked_ports(request);
	if (r < 0 || !wants_node_ports(request->service))
		return r;
	/* First what it had, so that no new port takes the number of an old one. */
	for (size_t i = 0; i < ports->count; i++) {
		uint16_t number = old_node_port(request, &ports->items[i]);

		if (request->node_ports[i] == 0 && number != 0 &&
		    !is_taken_by_sibling(request, i, number))
			request->node_ports[i] = number;
	}
	for (size_t i = 0; r == 0 && i < ports->count; i++) {
		if (request->node_ports[i] == 0)
			request->node_ports[i] = sibling_node_port(request, i);
		if (request->node_ports[i] == 0)
			r = pick_port(request, &request->node_ports[i]);
	}
	return r;
}

static int find_health_check_port(struct request *request)
{
	int32_t asked = request->service->spec.health_check_node_port;
	uint16_t old = request->old ? request->old->health_check_port : 0;
	char text[16];
	int r;

	if (asked != 0) {
		r = take_asked_port(request, "spec.healthCheckNodePort", asked);
		if (r < 0)
			return r;
		(void)snprintf(text, sizeof(text), "%d", asked);
		if (has_node_port(request, (uint16_t)asked))
			return refuse(request, -EADDRINUSE, "spec.healthCheckNodePort", text,
				      "a port of this service has it as its nodePort");
		request->next->health_check_port = (uint16_t)asked;
		return 0;
	}
	if (old != 0 && is_in_port_range(request, old) && !has_node_port(request, old)) {
		request->next->health_check_port = old;
		return 0;
	}
	return pick_port(request, &request->next->health_check_port);
}

static int list_ports(struct request *request)
{
	const struct bl_service_ports *ports = &request->service->spec.ports;
	struct bl_allocation *next = request->next;
	size_t count = 0;

	for (size_t i = 0; i < ports->count; i++)
		count += request->node_ports[i] != 0;
	next->ports = count > 0 ? calloc(count, sizeof(*next->ports)) : NULL;
	if (count > 0 && !next->ports)
		return -ENOMEM;
	for (size_t i = 0; i < ports->count; i++) {
		if (request->node_ports[i] == 0)
			continue;
		next->ports[next->port_count++] = (struct bl_port_allocation){
			.port = (uint16_t)ports->items[i].port,
			.protocol = protocol_of(&ports->items[i]),
			.node_port = request->node_ports[i],
		};
	}
	return 0;
}

static int work_out(struct request *request)
{
	int r = 0;

	if (request->service->spec.type != BL_SERVICE_EXTERNAL_NAME)
		r = find_families(request);
	if (r == 0 && wants_cluster_ip(request->service))
		r = find_addresses(request);
	if (r == 0 && may_have_node_ports(request->service))
		r = find_node_ports(request);
	if (r == 0 && wants_health_check_port(request->service))
		r = find_health_check_port(request);
	return r < 0 ? r : list_ports(request);
}

/* The text of an address as usual: what was asked for, or in the object's own memory. */
static const char *make_text(const struct request *request, size_t i)
{
	const char *asked = asked_address(request->service, i);
	char text[BL_ADDR_TEXT];

	(void)bl_addr_format(&request->next->addresses[i], text);
	return asked && strcmp(asked, text) == 0
		       ? asked
		       : bl_arena_strdup(request->service->object.arena, text);
}

/* Texts of the addresses, or room for that of a headless Service; before anything is committed. */
static int make_texts(const struct request *request, struct bl_strings *ret)
{
	size_t count = request->next->address_count;

	ret->items = bl_arena_alloc(request->service->object.arena,
				    (count > 1 ? count : 1) * sizeof(*ret->items));
	if (!ret->items)
		return -ENOMEM;
	for (; ret->count < count; ret->count++) {
		ret->items[ret->count] = make_text(request, ret->count);
		if (!ret->items[ret->count])
			return -ENOMEM;
	}
	return 0;
}

static void fill_service(const struct request *request, const struct bl_strings *texts,
			 uint16_t health_check_port)
{
	struct bl_service_spec *spec = &request->service->spec;

	spec->ip_families[0] = request->families[0];
	spec->ip_families[1] = request->families[1];
	spec->ip_family_policy =
		request->family_count > 0 ? request->policy : BL_IP_FAMILY_POLICY_UNSET;
	if (!bl_service_is_headless(request->service)) {
		spec->cluster_ips = *texts;
		spec->cluster_ip = texts->count > 0 ? texts->items[0] : NULL;
	} else if (spec->cluster_ips.count == 0) {
		texts->items[0] = spec->cluster_ip;
		spec->cluster_ips = (struct bl_strings){.items = texts->items, .count = 1};
	}
	for (size_t i = 0; i < spec->ports.count; i++)
		spec->ports.items[i].node_port = request->node_ports[i];
	spec->health_check_node_port = health_check_port;
}

int bl_allocate(struct bl_allocator *allocator, struct bl_service *service, struct bl_err *err)
{
	_cleanup_(bl_allocation_free) struct bl_allocation *next = NULL;
	_cleanup_free_ uint16_t *node_ports = NULL;
	struct request request = {.allocator = allocator, .service = service, .err = err};
	struct bl_strings texts = {0};
	char name[2 * BL_NAME_MAX];
	uint16_t health_check_port;
	int r;

	(void)snprintf(name, sizeof(name), "%s/%s", service->object.meta.ns,
		       service->object.meta.name);
	node_ports = calloc(service->spec.ports.count + 1, sizeof(*node_ports));
	if (!node_ports || bl_allocation_new(name, &next) < 0)
		return bl_err_set(err, -ENOMEM, "service '%s': no memory", name);
	next->claimed = true;
	request.old = bl_map_get_str(allocator->allocations, name);
	request.next = next;
	request.node_ports = node_ports;
	r = work_out(&request);
	if (r == 0)
		r = make_texts(&request, &texts);
	if (r < 0)
		return r == -ENOMEM ? bl_err_set(err, r, "service '%s': no memory", name) : r;
	health_check_port = next->health_check_port;
	r = bl_allocator_commit(allocator, next);
	if (r < 0)
		return bl_err_set(err, r, "service '%s': no memory", name);
	(void)TAKE_PTR(next);
	fill_service(&request, &texts, health_check_port);
	return 0;
}
