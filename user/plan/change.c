/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One Service's change of a plan. First everything that can fail (checks, memory, ids, slots), with
 * nothing changed; then the change itself, step by step in the order in which the rows must be
 * written, each step over all ports.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "plan/state.h"

#define CANARY_NS "kube-system"
#define CANARY_NAME "beeline-canary"

enum set {
	SET_INTERNAL,
	SET_CLUSTER,
	SET_EXTERNAL,
	SET_COUNT,
};
_Static_assert((int)SET_COUNT == BL_PORT_RANGES, "a port has a range for each set");

struct port_change {
	const struct bl_resolved_port *from;
	struct bl_port_record *old; /* of the same port, protocol and family; NULL: none */
	struct bl_port_record *new;
	struct bl_slot_range sets[SET_COUNT];
	bool taken[SET_COUNT]; /* the range is new and must be filled */
	struct bl_slot *slots[SET_COUNT];
	struct bl_service_entry *entry;
};

/* A frontend with the port that it leads to. */
struct frontend_change {
	struct bl_frontend_id id;
	const struct port_change *port;
	const struct bl_resolved_frontend *from;
};

struct change {
	struct bl_plan *plan;
	const struct bl_resolved *resolved;
	struct bl_delta *delta;
	struct bl_err *err;
	char name[BL_RECORD_NAME];
	struct bl_record *old; /* NULL: none */
	struct bl_record *new;
	struct port_change *ports;
	struct frontend_change *frontends;
	size_t frontend_count;
	uint16_t more_flags; /* of every frontend */
};

static void change_done(struct change *change)
{
	free(change->ports);
	free(change->frontends);
	(void)bl_record_free(change->new);
}
#define _cleanup_change_ __attribute__((cleanup(change_done)))

static struct bl_port_record *find_old_port(const struct change *change,
					    const struct bl_resolved_port *port)
{
	for (uint32_t i = 0; change->old && i < change->old->port_count; i++) {
		struct bl_port_record *record = &change->old->ports[i];
		const struct bl_service_entry *entry = &change->plan->services[record->service_id];

		if (record->family == port->family && entry->protocol == port->protocol &&
		    entry->port == htons(port->port))
			return record;
	}
	return NULL;
}

static int begin_ports(struct change *change)
{
	const struct bl_resolved *resolved = change->resolved;
	size_t frontend_count = 0;

	change->new = calloc(1, sizeof(*change->new));
	change->ports = calloc(resolved->port_count + 1, sizeof(*change->ports));
	if (!change->new || !change->ports)
		return -ENOMEM;
	change->new->claimed = true;
	change->new->ports = calloc(resolved->port_count + 1, sizeof(*change->new->ports));
	if (!change->new->ports)
		return -ENOMEM;
	for (size_t i = 0; i < resolved->port_count; i++) {
		const struct bl_resolved_port *from = &resolved->ports[i];
		struct bl_port_record *new = &change->new->ports[i];

		new->backend_ids = calloc(from->backend_count + 1, sizeof(*new->backend_ids));
		if (!new->backend_ids)
			return -ENOMEM;
		new->family = from->family;
		new->backend_count = (uint32_t)from->backend_count;
		change->new->port_count++;
		change->ports[i] = (struct port_change){
			.from = from,
			.old = find_old_port(change, from),
			.new = new,
		};
		frontend_count += from->frontend_count;
	}
	change->frontends = calloc(frontend_count + 1, sizeof(*change->frontends));
	change->new->frontends = calloc(frontend_count + 1, sizeof(*change->new->frontends));
	return change->frontends && change->new->frontends ? 0 : -ENOMEM;
}

static int compare_frontend_changes(const void *a, const void *b)
{
	const struct frontend_change *x = a;
	const struct frontend_change *y = b;
	int order = bl_frontend_id_compare(&x->id, &y->id);

	if (order == 0 && x->port != y->port)
		order = x->port < y->port ? -1 : 1;
	return order ? order : (int)x->from->kind - (int)y->from->kind;
}

/* Lists all frontends, sorted, each once: of two ports that want the same one the first has it. */
static void list_frontends(struct change *change)
{
	struct frontend_change *list = change->frontends;
	size_t count = 0;
	size_t kept = 0;

	for (size_t i = 0; i < change->resolved->port_count; i++) {
		const struct bl_resolved_port *port = change->ports[i].from;

		for (size_t k = 0; k < port->frontend_count; k++)
			list[count++] = (struct frontend_change){
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

static struct bl_table_row *find_row(struct bl_plan *plan, const struct bl_frontend_id *id)
{
	int64_t row = bl_table_find(&plan->frontends, id->family, &id->key);

	return row < 0 ? NULL : &plan->frontends.rows[row];
}

/* Whose frontend is it already, if not this Service's? */
static const struct bl_service_entry *find_other_owner(const struct change *change,
						       const struct bl_frontend_id *id)
{
	const struct bl_table_row *row = find_row(change->plan, id);
	const struct bl_service_entry *entry;

	if (!row)
		return NULL;
	entry = &change->plan->services[row->frontend.value.service_id];
	if (strcmp(entry->ns, change->resolved->ns) == 0 &&
	    strcmp(entry->name, change->resolved->name) == 0)
		return NULL;
	return entry;
}

static int refuse_frontend(struct change *change, const struct frontend_change *frontend,
			   const struct bl_service_entry *owner)
{
	char address[BL_ADDR_TEXT];

	return bl_err_set(change->err, -EEXIST,
			  "frontend '%s' port %u/%s of service '%s' belongs to service '%s/%s' "
			  "already; give one of them another address or port",
			  bl_addr_format(&frontend->from->address, address), frontend->from->port,
			  frontend->id.key.protocol == IPPROTO_UDP ? "udp" : "tcp", change->name,
			  owner->ns, owner->name);
}

/* A Service that was adopted and that nobody has brought again yields to one that is there. */
static int check_owners(struct change *change)
{
	for (size_t i = 0; i < change->frontend_count; i++) {
		const struct frontend_change *frontend = &change->frontends[i];
		const struct bl_service_entry *owner = find_other_owner(change, &frontend->id);
		const struct bl_record *record;
		char name[BL_RECORD_NAME];
		struct bl_service_entry entry;
		int r;

		if (!owner)
			continue;
		if (!bl_record_name(owner->ns, owner->name, name))
			return -EINVAL;
		record = bl_map_get_str(change->plan->records, name);
		if (!record || record->claimed)
			return refuse_frontend(change, frontend, owner);
		entry = *owner;
		r = bl_plan_remove(change->plan, entry.ns, entry.name, change->delta);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Needs of a change, counted before anything is changed. */
struct needs {
	uint32_t frontends[2]; /* rows in the maps, IPv4 and IPv6 */
	uint32_t rows;
	uint32_t backends;
	uint32_t services;
	uint32_t old_backends;
	uint32_t ops;
};

static void count_frontends(const struct change *change, struct needs *needs)
{
	struct bl_frontend_id last_address = {0};

	for (size_t i = 0; i < change->frontend_count; i++) {
		const struct frontend_change *frontend = &change->frontends[i];
		struct bl_frontend_id address = bl_frontend_id_address(&frontend->id);
		const struct bl_table_row *row;
		size_t family = bl_family_index(frontend->id.family);

		if (!find_row(change->plan, &frontend->id)) {
			needs->frontends[family]++;
			needs->rows++;
		}
		if (bl_frontend_id_compare(&address, &last_address) == 0)
			continue;
		last_address = address;
		row = find_row(change->plan, &address);
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
static void keep_backend_ids(const struct change *change, struct port_change *port,
			     struct needs *needs)
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

static void count_needs(struct change *change, struct needs *needs)
{
	uint32_t old_frontends = 0;
	uint32_t old_ports = 0;
	uint32_t new_backends = 0;

	count_frontends(change, needs);
	for (size_t i = 0; i < change->resolved->port_count; i++) {
		struct port_change *port = &change->ports[i];

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
	needs->ops = new_backends + needs->old_backends +
		     (uint32_t)change->resolved->port_count * (SET_COUNT + 1) + old_ports +
		     5 * ((uint32_t)change->frontend_count + old_frontends);
}

static int refuse_full(struct change *change, const char *map, uint32_t size)
{
	return bl_err_set(change->err, -ENOSPC,
			  "map '%s' of %u entries has no room for service '%s'; start with larger "
			  "maps or remove services",
			  map, size, change->name);
}

static int check_limits(struct change *change, const struct needs *needs)
{
	const struct bl_plan *plan = change->plan;

	if (needs->frontends[0] > plan->limits.frontends - plan->mapped[0])
		return refuse_full(change, BL_MAP_FRONTENDS4, plan->limits.frontends);
	if (needs->frontends[1] > plan->limits.frontends - plan->mapped[1])
		return refuse_full(change, BL_MAP_FRONTENDS6, plan->limits.frontends);
	if (!bl_ids_has(&plan->backend_ids, needs->backends))
		return refuse_full(change, BL_MAP_BACKENDS, plan->limits.backends);
	if (!bl_ids_has(&plan->service_ids, needs->services))
		return refuse_full(change, BL_MAP_SERVICES, plan->limits.services);
	return 0;
}

static uint32_t lesser(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static int reserve(struct change *change, const struct needs *needs)
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
				      (old_ports + change->resolved->port_count) * SET_COUNT);
	if (r == 0)
		r = bl_delta_reserve(change->delta, needs->ops);
	for (size_t i = 0; r == 0 && i < change->resolved->port_count; i++) {
		change->ports[i].entry =
			bl_arena_alloc(change->delta->arena, sizeof(*change->ports[i].entry));
		r = change->ports[i].entry ? 0 : -ENOMEM;
	}
	return r;
}

static bool is_member(const struct bl_resolved_backend *backend, enum set set)
{
	switch (set) {
	case SET_INTERNAL:
		return backend->internal;
	case SET_CLUSTER:
		return backend->cluster;
	case SET_EXTERNAL:
		return backend->external;
	case SET_COUNT:
		break;
	}
	return false;
}

static bool is_set_used(const struct bl_resolved_port *port, enum set set)
{
	for (size_t i = 0; i < port->frontend_count; i++)
		if ((port->frontends[i].kind == BL_FRONTEND_CLUSTER_IP) == (set == SET_INTERNAL))
			return true;
	return false;
}

static bool sets_equal(const struct bl_resolved_port *port, enum set a, enum set b)
{
	for (size_t i = 0; i < port->backend_count; i++)
		if (is_member(&port->backends[i], a) != is_member(&port->backends[i], b))
			return false;
	return true;
}

static uint32_t count_members(const struct bl_resolved_port *port, enum set set)
{
	uint32_t count = 0;

	for (size_t i = 0; i < port->backend_count; i++)
		count += is_member(&port->backends[i], set);
	return count;
}

/* Do the slots of a range name exactly this set? A new backend, whose id is 0 yet, is in none. */
static bool range_holds(const struct bl_plan *plan, const struct port_change *port, enum set set,
			const struct bl_slot_range *range)
{
	uint32_t at = 0;

	for (uint32_t i = 0; i < port->new->backend_count; i++) {
		if (!is_member(&port->from->backends[i], set))
			continue;
		if (at == range->count || port->new->backend_ids[i] == 0 ||
		    plan->slots[range->first + at].backend_id != port->new->backend_ids[i])
			return false;
		at++;
	}
	return at == range->count;
}

static bool reuse_range(const struct change *change, struct port_change *port, enum set set)
{
	for (enum set other = SET_INTERNAL; other < set; other++) {
		if (is_set_used(port->from, other) && sets_equal(port->from, set, other)) {
			port->sets[set] = port->sets[other];
			return true;
		}
	}
	for (uint8_t i = 0; port->old && i < port->old->range_count; i++) {
		if (range_holds(change->plan, port, set, &port->old->ranges[i])) {
			port->sets[set] = port->old->ranges[i];
			port->new->ranges[port->new->range_count++] = port->sets[set];
			return true;
		}
	}
	return false;
}

static int take_range(struct change *change, struct port_change *port, enum set set)
{
	uint32_t count = count_members(port->from, set);
	uint32_t first;
	int r;

	if (!is_set_used(port->from, set) || count == 0 || reuse_range(change, port, set))
		return 0;
	port->slots[set] = bl_arena_alloc(change->delta->arena, count * sizeof(*port->slots[set]));
	if (!port->slots[set])
		return -ENOMEM;
	r = bl_ranges_take(&change->plan->ranges, count, &first);
	if (r < 0)
		return refuse_full(change, BL_MAP_SLOTS, change->plan->limits.slots);
	port->sets[set] = (struct bl_slot_range){.first = first, .count = count};
	port->taken[set] = true;
	port->new->ranges[port->new->range_count++] = port->sets[set];
	return 0;
}

static void give_back_ranges(struct change *change)
{
	for (size_t i = 0; i < change->resolved->port_count; i++)
		for (enum set set = SET_INTERNAL; set < SET_COUNT; set++)
			if (change->ports[i].taken[set])
				bl_ranges_give_back(&change->plan->ranges,
						    change->ports[i].sets[set]);
}

static int take_ranges(struct change *change)
{
	struct bl_plan *plan = change->plan;
	int r = 0;

	for (size_t i = 0; r == 0 && i < change->resolved->port_count; i++)
		for (enum set set = SET_INTERNAL; r == 0 && set < SET_COUNT; set++)
			r = take_range(change, &change->ports[i], set);
	if (r == 0)
		r = bl_plan_grow((void **)&plan->slots, &plan->slot_capacity, plan->ranges.end,
				 sizeof(*plan->slots));
	/* The last step that can fail: the place in the table of records. */
	if (r == 0 && !change->old)
		r = bl_map_put_str(plan->records, change->name, change->new, NULL);
	if (r < 0)
		give_back_ranges(change);
	return r;
}

static uint8_t zone_number(struct bl_plan *plan, const char *zone)
{
	char **zones;
	char *copy;

	if (!zone)
		return 0;
	for (size_t i = 0; i < plan->zone_count; i++)
		if (strcmp(plan->zones[i], zone) == 0)
			return (uint8_t)(i + 1);
	if (plan->zone_count == UINT8_MAX)
		return 0;
	/* A zone without a number is an unknown one: nothing to fail for. */
	zones = reallocarray(plan->zones, plan->zone_count + 1, sizeof(*zones));
	if (!zones)
		return 0;
	plan->zones = zones;
	copy = strdup(zone);
	if (!copy)
		return 0;
	zones[plan->zone_count++] = copy;
	return (uint8_t)plan->zone_count;
}

static void set_backend(struct change *change, const struct port_change *port, uint32_t i)
{
	const struct bl_resolved_backend *from = &port->from->backends[i];
	uint32_t id = port->new->backend_ids[i];
	struct bl_backend *row;
	struct bl_backend wanted = {
		.address = from->address.ip,
		.port = htons(from->port),
		.family = from->address.family,
		.state = from->state,
		.service_id = port->new->service_id,
		.weight = from->weight,
		.zone = zone_number(change->plan, from->zone),
	};

	if (id == 0) {
		id = bl_ids_take(&change->plan->backend_ids);
		port->new->backend_ids[i] = id;
		wanted.generation = change->plan->backends[id].generation + 1;
	} else {
		wanted.generation = change->plan->backends[id].generation;
	}
	row = &change->plan->backends[id];
	if (memcmp(row, &wanted, sizeof(wanted)) == 0)
		return;
	*row = wanted;
	bl_delta_add(change->delta, BL_OP_SET_BACKEND, id, 1)->backend = wanted;
}

static void set_backends(struct change *change)
{
	for (size_t i = 0; i < change->resolved->port_count; i++) {
		struct port_change *port = &change->ports[i];

		port->new->service_id =
			port->old ? port->old->service_id : bl_ids_take(&change->plan->service_ids);
		for (uint32_t k = 0; k < port->new->backend_count; k++)
			set_backend(change, port, k);
	}
}

static void set_slot_range(struct change *change, const struct port_change *port, enum set set)
{
	struct bl_slot_range range = port->sets[set];
	uint32_t at = 0;

	for (uint32_t i = 0; i < port->new->backend_count; i++)
		if (is_member(&port->from->backends[i], set))
			port->slots[set][at++].backend_id = port->new->backend_ids[i];
	memcpy(&change->plan->slots[range.first], port->slots[set],
	       range.count * sizeof(*port->slots[set]));
	bl_delta_add(change->delta, BL_OP_SET_SLOTS, range.first, range.count)->slots =
		port->slots[set];
}

static void set_slots(struct change *change)
{
	for (size_t i = 0; i < change->resolved->port_count; i++)
		for (enum set set = SET_INTERNAL; set < SET_COUNT; set++)
			if (change->ports[i].taken[set])
				set_slot_range(change, &change->ports[i], set);
}

/* The names are checked or may be cut short, as that of a port is. */
static void copy_name(char *to, size_t size, const char *from)
{
	size_t len = from ? strnlen(from, size - 1) : 0;

	memset(to, 0, size);
	if (len > 0)
		memcpy(to, from, len);
}

static void set_services(struct change *change)
{
	for (size_t i = 0; i < change->resolved->port_count; i++) {
		const struct port_change *port = &change->ports[i];
		uint32_t id = port->new->service_id;
		struct bl_service_entry *entry = port->entry;

		copy_name(entry->ns, sizeof(entry->ns), change->resolved->ns);
		copy_name(entry->name, sizeof(entry->name), change->resolved->name);
		copy_name(entry->port_name, sizeof(entry->port_name), port->from->name);
		entry->port = htons(port->from->port);
		entry->protocol = port->from->protocol;
		entry->in_use = 1;
		if (memcmp(&change->plan->services[id], entry, sizeof(*entry)) == 0)
			continue;
		change->plan->services[id] = *entry;
		bl_delta_add(change->delta, BL_OP_SET_SERVICE, id, 1)->service = entry;
	}
}

static void write_filter_word(struct change *change, const struct bl_table_row *row)
{
	uint32_t word = bl_plan_filter_word(&row->frontend);

	bl_delta_add(change->delta, BL_OP_SET_FILTER, word, 1)->filter = change->plan->filter[word];
}

static struct bl_table_row *find_or_add_row(struct bl_plan *plan, const struct bl_frontend_id *id)
{
	struct bl_table_row *row = find_row(plan, id);
	const struct bl_frontend_row empty = {.family = id->family, .key = id->key};

	return row ? row : &plan->frontends.rows[bl_table_add(&plan->frontends, &empty)];
}

/* Enters the frontends, still without a value, and makes the filter let their addresses through. */
static void open_filter(struct change *change)
{
	struct bl_plan *plan = change->plan;

	for (size_t i = 0; i < change->frontend_count; i++) {
		const struct frontend_change *frontend = &change->frontends[i];
		struct bl_frontend_id id = bl_frontend_id_address(&frontend->id);
		bool is_new = !find_row(plan, &frontend->id);
		bool was_virtual = find_or_add_row(plan, &frontend->id)->frontend.value.flags &
				   BL_FRONTEND_F_VIRTUAL;
		struct bl_table_row *address = find_or_add_row(plan, &id);

		address->users += is_new;
		if (frontend->from->is_virtual && !was_virtual)
			address->virtual_users++;
		else if (!frontend->from->is_virtual && was_virtual)
			address->virtual_users--;
		if (is_new)
			plan->mapped[bl_family_index(id.family)]++;
		if (bl_plan_filter_add(plan, address))
			write_filter_word(change, address);
	}
}

static uint16_t frontend_flags(const struct change *change, const struct frontend_change *frontend)
{
	const struct bl_resolved_port *port = frontend->port->from;
	bool is_cluster_ip = frontend->from->kind == BL_FRONTEND_CLUSTER_IP;
	bool external_elsewhere =
		is_cluster_ip ? port->internal_elsewhere : port->external_elsewhere;
	uint16_t flags = change->more_flags;

	if (frontend->from->is_virtual)
		flags |= BL_FRONTEND_F_VIRTUAL;
	if (bl_addr_is_loopback(&frontend->from->address))
		flags |= BL_FRONTEND_F_HOST_ONLY;
	if (port->affinity_timeout_s > 0)
		flags |= BL_FRONTEND_F_AFFINITY;
	if (is_cluster_ip && port->internal_elsewhere)
		flags |= BL_FRONTEND_F_INTERNAL_ELSEWHERE;
	if (external_elsewhere)
		flags |= BL_FRONTEND_F_EXTERNAL_ELSEWHERE;
	if (frontend->from->kind == BL_FRONTEND_NODE_PORT)
		flags |= BL_FRONTEND_F_NODE_PORT;
	return flags;
}

/* Whoever reaches a ClusterIP from outside is treated as in the cluster, as kube-proxy does. */
static struct bl_frontend frontend_value(const struct change *change,
					 const struct frontend_change *frontend)
{
	const struct port_change *port = frontend->port;
	bool is_cluster_ip = frontend->from->kind == BL_FRONTEND_CLUSTER_IP;

	return (struct bl_frontend){
		.service_id = port->new->service_id,
		.flags = frontend_flags(change, frontend),
		.algorithm = BL_ALGORITHM_RANDOM,
		.internal = port->sets[is_cluster_ip ? SET_INTERNAL : SET_CLUSTER],
		.external = port->sets[is_cluster_ip ? SET_INTERNAL : SET_EXTERNAL],
		.affinity_timeout_s = port->from->affinity_timeout_s,
	};
}

static void set_row(struct change *change, struct bl_table_row *row,
		    const struct bl_frontend *value)
{
	if (memcmp(&row->frontend.value, value, sizeof(*value)) == 0)
		return;
	row->frontend.value = *value;
	bl_delta_add_frontend(change->delta, BL_OP_SET_FRONTEND, &row->frontend);
}

static void set_frontends(struct change *change)
{
	const struct bl_frontend address_value = {.flags = BL_FRONTEND_F_VIRTUAL};
	struct bl_plan *plan = change->plan;

	for (size_t i = 0; i < change->frontend_count; i++) {
		const struct frontend_change *frontend = &change->frontends[i];
		struct bl_frontend_id id = bl_frontend_id_address(&frontend->id);
		struct bl_frontend value = frontend_value(change, frontend);
		struct bl_table_row *address = find_row(plan, &id);

		set_row(change, find_row(plan, &frontend->id), &value);
		if (address->virtual_users == 0)
			continue;
		if (address->frontend.value.flags == 0)
			plan->mapped[bl_family_index(id.family)]++;
		set_row(change, address, &address_value);
	}
}

static void delete_address(struct change *change, const struct bl_frontend_id *id)
{
	struct bl_table_row *address = find_row(change->plan, id);

	if (!address || address->virtual_users > 0 || address->frontend.value.flags == 0)
		return;
	bl_delta_add_frontend(change->delta, BL_OP_DELETE_FRONTEND, &address->frontend);
	address->frontend.value = (struct bl_frontend){0};
	change->plan->mapped[bl_family_index(id->family)]--;
}

static void delete_frontend(struct change *change, const struct bl_frontend_id *id)
{
	struct bl_plan *plan = change->plan;
	struct bl_frontend_id address_id = bl_frontend_id_address(id);
	struct bl_table_row *row = find_row(plan, id);
	struct bl_table_row *address = find_row(plan, &address_id);

	bl_delta_add_frontend(change->delta, BL_OP_DELETE_FRONTEND, &row->frontend);
	address->users--;
	if (row->frontend.value.flags & BL_FRONTEND_F_VIRTUAL)
		address->virtual_users--;
	plan->mapped[bl_family_index(id->family)]--;
	bl_table_remove(&plan->frontends, (uint32_t)(row - plan->frontends.rows));
}

static bool is_kept(const struct change *change, const struct bl_frontend_id *id)
{
	return bsearch(id, change->new->frontends, change->new->frontend_count, sizeof(*id),
		       bl_frontend_id_compare) != NULL;
}

static void delete_frontends(struct change *change)
{
	for (uint32_t i = 0; change->old && i < change->old->frontend_count; i++) {
		const struct bl_frontend_id *id = &change->old->frontends[i];
		struct bl_frontend_id address = bl_frontend_id_address(id);

		if (!is_kept(change, id))
			delete_frontend(change, id);
		/* Also of a frontend that stays: its address may be the node's own now. */
		delete_address(change, &address);
	}
}

static void close_filter(struct change *change)
{
	struct bl_plan *plan = change->plan;

	for (uint32_t i = 0; change->old && i < change->old->frontend_count; i++) {
		struct bl_frontend_id id = bl_frontend_id_address(&change->old->frontends[i]);
		struct bl_table_row *address = find_row(plan, &id);

		if (!address)
			continue;
		if (bl_plan_filter_remove(plan, address))
			write_filter_word(change, address);
		if (address->users == 0)
			bl_table_remove(&plan->frontends,
					(uint32_t)(address - plan->frontends.rows));
	}
}

static const struct bl_port_record *find_new_port(const struct change *change, uint32_t service_id)
{
	for (uint32_t i = 0; i < change->new->port_count; i++)
		if (change->new->ports[i].service_id == service_id)
			return &change->new->ports[i];
	return NULL;
}

/* Both lists are sorted by address and port. */
static void retire_backends(struct change *change, const struct bl_port_record *old,
			    const struct bl_port_record *new)
{
	struct bl_plan *plan = change->plan;
	uint32_t at = 0;

	for (uint32_t i = 0; i < old->backend_count; i++) {
		uint32_t id = old->backend_ids[i];
		uint32_t seen = at;

		while (new &&seen < new->backend_count &&new->backend_ids[seen] != id)
			seen++;
		if (new &&seen < new->backend_count) {
			at = seen + 1;
			continue;
		}
		plan->backends[id].state = BL_BACKEND_GONE;
		bl_delta_add(change->delta, BL_OP_SET_BACKEND, id, 1)->backend = plan->backends[id];
		bl_ids_release(&plan->backend_ids, id);
		change->delta->backends_left = true;
	}
}

static bool has_range(const struct bl_port_record *port, const struct bl_slot_range *range)
{
	for (uint8_t i = 0; port && i < port->range_count; i++)
		if (port->ranges[i].first == range->first)
			return true;
	return false;
}

/* What is left of the old ports once no frontend leads to it. */
static void retire_ports(struct change *change)
{
	struct bl_plan *plan = change->plan;

	for (uint32_t i = 0; change->old && i < change->old->port_count; i++) {
		const struct bl_port_record *old = &change->old->ports[i];
		const struct bl_port_record *new = find_new_port(change, old->service_id);

		retire_backends(change, old, new);
		for (uint8_t k = 0; k < old->range_count; k++)
			if (!has_range(new, &old->ranges[k]))
				bl_ranges_release(&plan->ranges, old->ranges[k]);
	}
}

/* Entries of array windows are cleared with zeros that live as long as the program. */
static void clear_services(struct change *change)
{
	static struct bl_service_entry nobody;
	struct bl_plan *plan = change->plan;

	for (uint32_t i = 0; change->old && i < change->old->port_count; i++) {
		uint32_t id = change->old->ports[i].service_id;

		if (find_new_port(change, id))
			continue;
		plan->services[id] = nobody;
		bl_delta_add(change->delta, BL_OP_SET_SERVICE, id, 1)->service = &nobody;
		bl_ids_release(&plan->service_ids, id);
	}
}

/* The new record takes the place of the old one, which is kept in `new` to be freed. */
static void keep_record(struct change *change)
{
	struct bl_record swap;

	if (!change->old) {
		change->new = NULL; /* the map's already */
		return;
	}
	swap = *change->old;
	*change->old = *change->new;
	*change->new = swap;
	if (change->old->port_count == 0)
		(void)bl_record_free(bl_map_remove_str(change->plan->records, change->name));
}

static int prepare(struct change *change)
{
	struct needs needs = {0};
	int r;

	r = begin_ports(change);
	if (r < 0)
		return r;
	list_frontends(change);
	r = check_owners(change);
	if (r < 0)
		return r;
	count_needs(change, &needs);
	r = check_limits(change, &needs);
	if (r == 0)
		r = reserve(change, &needs);
	return r < 0 ? r : take_ranges(change);
}

static int put_service(struct bl_plan *plan, const struct bl_resolved *resolved,
		       uint16_t more_flags, struct bl_delta *delta, struct bl_err *err)
{
	_cleanup_change_ struct change change = {
		.plan = plan,
		.resolved = resolved,
		.delta = delta,
		.err = err,
		.more_flags = more_flags,
	};
	int r;

	if (!bl_record_name(resolved->ns, resolved->name, change.name))
		return bl_err_set(
			err, -ENAMETOOLONG,
			"name of service '%s/%s' is too long: a namespace and a name have "
			"at most %d characters",
			resolved->ns, resolved->name, BL_NAME_MAX - 1);
	change.old = bl_map_get_str(plan->records, change.name);
	if (!change.old && resolved->port_count == 0)
		return 0;
	r = prepare(&change);
	if (r < 0)
		return r == -ENOMEM ? bl_err_set(err, r, "cannot plan service '%s': no memory",
						 change.name)
				    : r;
	set_backends(&change);
	set_slots(&change);
	set_services(&change);
	open_filter(&change);
	set_frontends(&change);
	delete_frontends(&change);
	close_filter(&change);
	retire_ports(&change);
	clear_services(&change);
	keep_record(&change);
	return 0;
}

int bl_plan_put(struct bl_plan *plan, const struct bl_resolved *resolved, struct bl_delta *delta,
		struct bl_err *err)
{
	return put_service(plan, resolved, 0, delta, err);
}

int bl_plan_remove(struct bl_plan *plan, const char *ns, const char *name, struct bl_delta *delta)
{
	const struct bl_resolved nothing = {.ns = ns, .name = name};

	return put_service(plan, &nothing, 0, delta, NULL);
}

int bl_plan_put_canary(struct bl_plan *plan, const struct bl_addr *address, uint16_t port,
		       const struct bl_addr *backend, uint16_t backend_port, struct bl_delta *delta,
		       struct bl_err *err)
{
	struct bl_resolved_frontend frontend = {
		.address = *address,
		.port = port,
		.kind = BL_FRONTEND_CLUSTER_IP,
	};
	struct bl_resolved_backend answer = {
		.address = *backend,
		.port = backend_port,
		.state = BL_BACKEND_READY,
		.weight = 100,
		.internal = true,
	};
	struct bl_resolved_port resolved_port = {
		.protocol = IPPROTO_TCP,
		.family = address->family,
		.port = port,
		.frontends = &frontend,
		.frontend_count = 1,
		.backends = &answer,
		.backend_count = 1,
	};
	const struct bl_resolved resolved = {
		.ns = CANARY_NS,
		.name = CANARY_NAME,
		.ports = &resolved_port,
		.port_count = 1,
	};

	return put_service(plan, &resolved, BL_FRONTEND_F_CANARY, delta, err);
}

static int compare_ids(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a;
	uint32_t y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

int bl_plan_remove_unclaimed(struct bl_plan *plan, struct bl_delta *delta)
{
	_cleanup_free_ uint32_t *ids = calloc(bl_map_count(plan->records) + 1, sizeof(*ids));
	size_t cursor = 0;
	size_t count = 0;
	void *value;
	int r = 0;

	if (!ids)
		return -ENOMEM;
	while (bl_map_next(plan->records, &cursor, NULL, NULL, &value)) {
		const struct bl_record *record = value;

		if (!record->claimed)
			ids[count++] = record->ports[0].service_id;
	}
	/* In an order that does not hang on where the map keeps them. */
	if (count > 1)
		qsort(ids, count, sizeof(*ids), compare_ids);
	for (size_t i = 0; r == 0 && i < count; i++) {
		const struct bl_service_entry entry = plan->services[ids[i]];

		r = bl_plan_remove(plan, entry.ns, entry.name, delta);
	}
	return r;
}
