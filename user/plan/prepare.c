/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The first half of a change: all that can fail. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "plan/change.h"

static struct bl_port_record *find_old_port(const struct bl_service_change *change,
					    const struct bl_resolved_port *port)
{
	for (uint32_t i = 0; change->old && i < change->old->port_count; i++) {
		struct bl_port_record *record = &change->old->ports[i];
		const struct bl_plan_service *service = &change->plan->services[record->service_id];

		if (record->family == port->family && service->protocol == port->protocol &&
		    service->port == htons(port->port))
			return record;
	}
	return NULL;
}

/* Also of none, but not one more than there are: records stay. */
static void *new_array(size_t count, size_t size)
{
	return calloc(count ? count : 1, size);
}

static int begin_ports(struct bl_service_change *change)
{
	const struct bl_resolved *resolved = change->resolved;
	size_t frontend_count = 0;

	change->new = calloc(1, sizeof(*change->new));
	change->ports = calloc(resolved->port_count + 1, sizeof(*change->ports));
	if (!change->new || !change->ports)
		return -ENOMEM;
	change->new->claimed = true;
	if (!change->old) {
		change->new->name = strdup(change->name);
		if (!change->new->name)
			return -ENOMEM;
	}
	change->new->ports = new_array(resolved->port_count, sizeof(*change->new->ports));
	if (!change->new->ports)
		return -ENOMEM;
	for (size_t i = 0; i < resolved->port_count; i++) {
		const struct bl_resolved_port *from = &resolved->ports[i];
		struct bl_port_record *new = &change->new->ports[i];

		new->backend_ids = new_array(from->backend_count, sizeof(*new->backend_ids));
		if (!new->backend_ids)
			return -ENOMEM;
		new->family = from->family;
		new->backend_count = (uint32_t)from->backend_count;
		change->new->port_count++;
		change->ports[i] = (struct bl_port_change){
			.from = from,
			.old = find_old_port(change, from),
			.new = new,
		};
		frontend_count += from->frontend_count;
	}
	change->frontends = calloc(frontend_count + 1, sizeof(*change->frontends));
	change->new->frontends = new_array(frontend_count, sizeof(*change->new->frontends));
	return change->frontends && change->new->frontends ? 0 : -ENOMEM;
}

static int compare_frontend_changes(const void *a, const void *b)
{
	const struct bl_frontend_change *x = a;
	const struct bl_frontend_change *y = b;
	int order = bl_frontend_id_compare(&x->id, &y->id);

	if (order == 0 && x->port != y->port)
		order = x->port < y->port ? -1 : 1;
	return order ? order : (int)x->from->kind - (int)y->from->kind;
}

/* Lists all frontends, sorted, each once: of two ports that want the same one the first has it. */
static void list_frontends(struct bl_service_change *change)
{
	struct bl_frontend_change *list = change->frontends;
	size_t count = 0;
	size_t kept = 0;

	for (size_t i = 0; i < change->resolved->port_count; i++) {
		const struct bl_resolved_port *port = change->ports[i].from;

		for (size_t k = 0; k < port->frontend_count; k++)
			list[count++] = (struct bl_frontend_change){
				.id = bl_frontend_id_make(&port->frontends[k].address,
							  port->frontends[k].port, port->protocol),
				.port = &change->ports[i],
				.from = &port->frontends[k],
			};
	}
	if (count > 1)
		qsort(list, count, sizeof(*list), compare_frontend_changes);
	for (size_t i = 0; i < count; i++)
		if (kept == 0 || bl_frontend_id_compare(&list[kept - 1].id, &list[i].id) != 0)
			list[kept++] = list[i];
	for (size_t i = 0; i < kept; i++)
		change->new->frontends[i] = list[i].id;
	change->new->frontend_count = (uint32_t)kept;
	change->frontend_count = kept;
}

struct bl_table_row *bl_change_find_row(struct bl_plan *plan, const struct bl_frontend_id *id)
{
	int64_t row = bl_table_find(&plan->frontends, id->family, &id->key);

	return row < 0 ? NULL : &plan->frontends.rows[row];
}

/* Whose frontend is it already, if not this Service's? */
static const struct bl_record *find_other_owner(const struct bl_service_change *change,
						const struct bl_frontend_id *id)
{
	const struct bl_table_row *row = bl_change_find_row(change->plan, id);
	const struct bl_record *record;

	if (!row)
		return NULL;
	record = change->plan->services[row->frontend.value.service_id].record;
	return record == change->old ? NULL : record;
}

static int refuse_frontend(struct bl_service_change *change,
			   const struct bl_frontend_change *frontend, const char *owner)
{
	char address[BL_ADDR_TEXT];

	return bl_err_set(change->err, -EEXIST,
			  "frontend '%s' port %u/%s of service '%s' belongs to service '%s' "
			  "already; give one of them another address or port",
			  bl_addr_format(&frontend->from->address, address), frontend->from->port,
			  frontend->id.key.protocol == IPPROTO_UDP ? "udp" : "tcp", change->name,
			  owner);
}

/* Anybody may write any address there, so that cannot take a Service down that others wrote. */
static bool is_claim(const struct bl_resolved_frontend *frontend)
{
	return frontend->kind == BL_FRONTEND_EXTERNAL_IP ||
	       frontend->kind == BL_FRONTEND_LOAD_BALANCER_IP;
}

/*
 * Frontends that other Services have: an external or load-balancer IP is left out, and the reason
 * is that of the first; any other refuses the Service. A Service that was adopted and that nobody
 * has brought again yields to the latter kind alone, since its own turn may come yet. 1: some were
 * left out.
 */
static int settle_owners(struct bl_service_change *change)
{
	size_t kept = 0;

	for (size_t i = 0; i < change->frontend_count; i++) {
		const struct bl_frontend_change *frontend = &change->frontends[i];
		const struct bl_record *owner = find_other_owner(change, &frontend->id);
		struct bl_service_entry entry = {0};
		int r;

		if (owner && is_claim(frontend->from)) {
			if (kept == i)
				(void)refuse_frontend(change, frontend, owner->name);
			continue;
		}
		if (owner && owner->claimed)
			return refuse_frontend(change, frontend, owner->name);
		if (owner) {
			(void)bl_plan_service(change->plan, owner->ports[0].service_id, &entry);
			r = bl_plan_remove(change->plan, entry.ns, entry.name, change->delta);
			if (r < 0)
				return r;
		}
		change->new->frontends[kept] = frontend->id;
		change->frontends[kept++] = *frontend;
	}
	if (kept == change->frontend_count)
		return 0;
	change->frontend_count = kept;
	change->new->frontend_count = (uint32_t)kept;
	return 1;
}

static void count_frontends(const struct bl_service_change *change, struct bl_change_needs *needs)
{
	struct bl_frontend_id last_address = {0};

	for (size_t i = 0; i < change->frontend_count; i++) {
		const struct bl_frontend_change *frontend = &change->frontends[i];
		struct bl_frontend_id address = bl_frontend_id_address(&frontend->id);
		const struct bl_table_row *row;
		size_t family = bl_family_index(frontend->id.family);

		if (!bl_change_find_row(change->plan, &frontend->id)) {
			needs->frontends[family]++;
			needs->rows++;
		}
		if (bl_frontend_id_compare(&address, &last_address) == 0)
			continue;
		last_address = address;
		row = bl_change_find_row(change->plan, &address);
		needs->rows += !row;
		if (frontend->from->is_virtual && (!row || row->virtual_users == 0))
			needs->frontends[family]++;
	}
}

static int compare_backend(const struct bl_backend *row, const struct bl_resolved_backend *backend)
{
	int order = memcmp(row->address.ipv6, backend->address.ip.ipv6, sizeof(row->address.ipv6));

	return order ? order : (int)ntohs(row->port) - (int)backend->port;
}

/* Gives the new port the ids of backends that stay; new ones keep 0. Both sides are sorted. */
static void keep_backend_ids(const struct bl_service_change *change, struct bl_port_change *port,
			     struct bl_change_needs *needs)
{
	uint32_t old_count = port->old ? port->old->backend_count : 0;
	uint32_t at = 0;

	for (uint32_t i = 0; i < port->new->backend_count; i++) {
		int order = 1;

		while (at < old_count) {
			uint32_t id = port->old->backend_ids[at];

			order = compare_backend(&change->plan->backends[id],
						&port->from->backends[i]);
			if (order >= 0)
				break;
			at++;
		}
		if (at < old_count && order == 0)
			port->new->backend_ids[i] = port->old->backend_ids[at++];
		else
			needs->backends++;
	}
}

static void count_needs(struct bl_service_change *change, struct bl_change_needs *needs)
{
	uint32_t old_frontends = 0;
	uint32_t old_ports = 0;
	uint32_t new_backends = 0;

	count_frontends(change, needs);
	for (size_t i = 0; i < change->resolved->port_count; i++) {
		struct bl_port_change *port = &change->ports[i];

		keep_backend_ids(change, port, needs);
		needs->services += !port->old;
		new_backends += port->new->backend_count;
	}
	if (change->old) {
		old_frontends = change->old->frontend_count;
		old_ports = change->old->port_count;
		for (uint32_t i = 0; i < old_ports; i++)
			needs->old_backends += change->old->ports[i].backend_count;
	}
	/* Most: each frontend with an address entry and a filter word, each way. */
	needs->ops += new_backends + needs->old_backends +
		      (uint32_t)change->resolved->port_count * (2 * BL_SET_COUNT + 1) + old_ports +
		      5 * ((uint32_t)change->frontend_count + old_frontends);
}

int bl_change_refuse_full(struct bl_service_change *change, const char *map, uint32_t size)
{
	return bl_err_set(change->err, -ENOSPC,
			  "map '%s' of %u entries has no room for service '%s'; start with larger "
			  "maps or remove services",
			  map, size, change->name);
}

static int check_limits(struct bl_service_change *change, const struct bl_change_needs *needs)
{
	const struct bl_plan *plan = change->plan;

	if (needs->frontends[0] > plan->limits.frontends - plan->mapped[0])
		return bl_change_refuse_full(change, BL_MAP_FRONTENDS4, plan->limits.frontends);
	if (needs->frontends[1] > plan->limits.frontends - plan->mapped[1])
		return bl_change_refuse_full(change, BL_MAP_FRONTENDS6, plan->limits.frontends);
	if (!bl_ids_has(&plan->backend_ids, needs->backends))
		return bl_change_refuse_full(change, BL_MAP_BACKENDS, plan->limits.backends);
	if (!bl_ids_has(&plan->service_ids, needs->services))
		return bl_change_refuse_full(change, BL_MAP_SERVICES, plan->limits.services);
	for (enum bl_packet_table i = 0; i < BL_PACKET_TABLE_COUNT; i++)
		if (needs->packet_rows[i] > 0 &&
		    needs->packet_rows[i] + plan->packet_counts[i] > bl_packet_limit(plan, i))
			return bl_change_refuse_full(change, bl_packet_table_names[i],
						     bl_packet_limit(plan, i));
	return 0;
}

static uint32_t lesser(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static int reserve(struct bl_service_change *change, const struct bl_change_needs *needs)
{
	struct bl_plan *plan = change->plan;
	uint32_t backends = lesser(plan->backend_ids.next + needs->backends, plan->limits.backends);
	uint32_t services = lesser(plan->service_ids.next + needs->services, plan->limits.services);
	uint32_t old_ports = change->old ? change->old->port_count : 0;
	int r;

	r = bl_table_reserve(&plan->frontends, needs->rows);
	if (r == 0)
		r = bl_ids_reserve(&plan->backend_ids, needs->old_backends);
	if (r == 0)
		r = bl_ids_reserve(&plan->service_ids, old_ports);
	if (r == 0)
		r = bl_plan_grow((void **)&plan->backends, &plan->backend_capacity, backends,
				 sizeof(*plan->backends));
	if (r == 0)
		r = bl_plan_grow((void **)&plan->services, &plan->service_capacity, services,
				 sizeof(*plan->services));
	if (r == 0)
		r = bl_ranges_reserve(&plan->ranges,
				      (old_ports + change->resolved->port_count) * BL_SET_COUNT);
	if (r == 0)
		r = bl_ranges_reserve(&plan->tables,
				      (old_ports + change->resolved->port_count) * BL_SET_COUNT);
	if (r == 0)
		r = bl_delta_reserve(change->delta, needs->ops);
	for (size_t i = 0; r == 0 && i < change->resolved->port_count; i++) {
		change->ports[i].entry =
			bl_arena_alloc(change->delta->arena, sizeof(*change->ports[i].entry));
		r = change->ports[i].entry ? 0 : -ENOMEM;
	}
	return r;
}

int bl_change_prepare(struct bl_service_change *change)
{
	struct bl_change_needs needs = {0};
	int left_out;
	int r;

	r = begin_ports(change);
	if (r < 0)
		return r;
	list_frontends(change);
	left_out = settle_owners(change);
	if (left_out < 0)
		return left_out;
	count_needs(change, &needs);
	r = bl_change_list_outside(change, &needs);
	if (r == 0)
		r = check_limits(change, &needs);
	if (r == 0)
		r = reserve(change, &needs);
	if (r == 0)
		r = bl_change_take_ranges(change);
	return r < 0 ? r : left_out;
}
