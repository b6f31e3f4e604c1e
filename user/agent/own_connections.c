/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/rest.h"

#include <json-c/json.h>
#include <netinet/in.h>
#include <string.h>

#include "model/service.h"

struct entry {
	uint32_t id;
	struct bl_service_entry service;
};

struct owned_backend {
	uint32_t service_id;
	uint32_t id;
	const struct bl_backend *backend;
};

struct rows {
	struct entry *entries;
	size_t count;
	struct owned_backend *backends; /* sorted by service and id */
	size_t backend_count;
};

static bool wanted(const struct bl_service_entry *service, const char *ns, const char *name)
{
	return (!ns || !ns[0] || !strcmp(service->ns, ns)) &&
	       (!name || !name[0] || !strcmp(service->name, name));
}

static int by_service(const void *a, const void *b)
{
	const struct bl_service_entry *x = &((const struct entry *)a)->service;
	const struct bl_service_entry *y = &((const struct entry *)b)->service;
	int r = strcmp(x->ns, y->ns);

	if (!r)
		r = strcmp(x->name, y->name);
	if (!r)
		r = (int)ntohs(x->port) - (int)ntohs(y->port);
	return r ? r : (int)x->protocol - (int)y->protocol;
}

static int by_owner(const void *a, const void *b)
{
	const struct owned_backend *x = a, *y = b;

	if (x->service_id != y->service_id)
		return x->service_id < y->service_id ? -1 : 1;
	return x->id < y->id ? -1 : x->id > y->id;
}

static bool collect(const struct bl_agent *agent, const char *ns, const char *name,
		    struct rows *rows)
{
	struct bl_plan_limits limits = bl_datapath_limits(agent->datapath);
	struct bl_plan_counts counts = bl_plan_counts(agent->plan);

	rows->entries = calloc(counts.services + 1, sizeof(*rows->entries));
	rows->backends = calloc(counts.backend_end + 1, sizeof(*rows->backends));
	if (!rows->entries || !rows->backends)
		return false;
	for (uint32_t id = 1; id < limits.services && rows->count < counts.services; id++) {
		struct entry *entry = &rows->entries[rows->count];

		entry->id = id;
		if (bl_plan_service(agent->plan, id, &entry->service) &&
		    wanted(&entry->service, ns, name))
			rows->count++;
	}
	/* Those that are gone may still have connections, and stand among the others. */
	for (uint32_t id = 1; id < counts.backend_end; id++) {
		const struct bl_backend *backend = bl_plan_backend(agent->plan, id);

		if (backend)
			rows->backends[rows->backend_count++] =
				(struct owned_backend){backend->service_id, id, backend};
	}
	qsort(rows->entries, rows->count, sizeof(*rows->entries), by_service);
	qsort(rows->backends, rows->backend_count, sizeof(*rows->backends), by_owner);
	return true;
}

static void rows_done(struct rows *rows)
{
	free(rows->entries);
	free(rows->backends);
}

static const char *state_name(uint8_t state)
{
	return state == BL_BACKEND_READY         ? "ready"
	       : state == BL_BACKEND_TERMINATING ? "terminating"
						 : "gone";
}

static struct json_object *text_or_null(const char *text)
{
	return text && text[0] ? json_object_new_string(text) : NULL;
}

/* Name of the pod behind an address, from the endpoints of the Service. */
static const char *pod_of(const struct bl_endpoint_view *view, const struct bl_addr *address)
{
	for (size_t i = 0; view && i < view->count; i++)
		if (bl_addr_equal(&view->items[i].address, address))
			return view->items[i].pod;
	return NULL;
}

static uint64_t live_of(const struct bl_backend_stats *stats)
{
	return stats->connections > stats->released ? stats->connections - stats->released : 0;
}

static struct json_object *backend_json(struct bl_agent *agent, const struct owned_backend *owned,
					const struct bl_endpoint_view *view)
{
	struct bl_addr address = {.ip = owned->backend->address, .family = owned->backend->family};
	struct json_object *json = json_object_new_object();
	struct bl_backend_stats stats = {0};
	char text[BL_ADDR_TEXT];
	uint64_t live;

	/* No counters are zero counters: the row is still worth showing. */
	(void)bl_datapath_read_backend_stats(agent->datapath, owned->id, 1, &stats);
	live = live_of(&stats);
	json_object_object_add(json, "address",
			       json_object_new_string(bl_addr_format(&address, text)));
	json_object_object_add(json, "port", json_object_new_int(ntohs(owned->backend->port)));
	json_object_object_add(json, "state",
			       json_object_new_string(state_name(owned->backend->state)));
	json_object_object_add(json, "pod", text_or_null(pod_of(view, &address)));
	json_object_object_add(json, "connections", json_object_new_uint64(stats.connections));
	json_object_object_add(json, "live", json_object_new_uint64(live));
	return json;
}

static void add_backends(struct bl_agent *agent, const struct rows *rows, const struct entry *entry,
			 const struct bl_endpoint_view *view, struct json_object *list)
{
	size_t low = 0, high = rows->backend_count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (rows->backends[middle].service_id < entry->id)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < rows->backend_count && rows->backends[low].service_id == entry->id; low++)
		json_object_array_add(list, backend_json(agent, &rows->backends[low], view));
}

static struct json_object *backends_json(struct bl_agent *agent, const struct rows *rows,
					 const struct entry *entries, size_t count)
{
	const struct bl_object *object = bl_store_find(agent->store, BL_KIND_SERVICE,
						       entries->service.ns, entries->service.name);
	_cleanup_(bl_endpoint_view_free) struct bl_endpoint_view *view = NULL;
	struct json_object *list = json_object_new_array();

	if (object) /* without it there are no names of pods */
		(void)bl_resolve_endpoints(agent->store, bl_service_of(object), &view);
	for (size_t i = 0; i < count; i++)
		add_backends(agent, rows, &entries[i], view, list);
	return list;
}

/* One port of a Service, which has an entry for each address family. */
static struct json_object *port_json(struct bl_agent *agent, const struct rows *rows,
				     const struct entry *entries, size_t count, bool backends)
{
	const struct bl_service_entry *service = &entries->service;
	struct json_object *json = json_object_new_object();
	struct bl_service_stats stats = {0};

	for (size_t i = 0; i < count; i++) {
		struct bl_service_stats more = {0};

		(void)bl_datapath_read_service_stats(agent->datapath, entries[i].id, &more);
		stats.connections += more.connections;
		stats.refused += more.refused;
	}
	json_object_object_add(json, "namespace", json_object_new_string(service->ns));
	json_object_object_add(json, "service", json_object_new_string(service->name));
	json_object_object_add(json, "portName", text_or_null(service->port_name));
	json_object_object_add(json, "port", json_object_new_int(ntohs(service->port)));
	json_object_object_add(
		json, "protocol",
		json_object_new_string(service->protocol == IPPROTO_UDP ? "UDP" : "TCP"));
	json_object_object_add(json, "connections", json_object_new_uint64(stats.connections));
	json_object_object_add(json, "refused", json_object_new_uint64(stats.refused));
	if (backends)
		json_object_object_add(json, "backends",
				       backends_json(agent, rows, entries, count));
	return json;
}

struct json_object *bl_connections_json(struct bl_agent *agent, const char *ns, const char *name,
					bool backends)
{
	struct json_object *list = NULL;
	struct rows rows = {0};

	if (collect(agent, ns, name, &rows))
		list = json_object_new_array();
	for (size_t i = 0, next; list && i < rows.count; i = next) {
		for (next = i + 1; next < rows.count; next++)
			if (by_service(&rows.entries[i], &rows.entries[next]) != 0)
				break;
		json_object_array_add(
			list, port_json(agent, &rows, &rows.entries[i], next - i, backends));
	}
	rows_done(&rows);
	return list;
}

void bl_own_connections(struct bl_agent *agent, const struct bl_request *request,
			struct bl_reply *reply)
{
	struct json_object *list =
		bl_connections_json(agent, bl_request_query(request, "namespace"),
				    bl_request_query(request, "service"), true);

	if (list)
		bl_rest_json(reply, 200, list);
	else
		bl_rest_error(reply, 500, NULL, "no memory for the list");
}

/* Adds to what stands under an address already. */
static void add_live(struct json_object *json, const struct bl_backend *backend, uint64_t live)
{
	struct bl_addr address = {.ip = backend->address, .family = backend->family};
	char text[BL_ADDR_TEXT];
	struct json_object *known;

	bl_addr_format(&address, text);
	if (json_object_object_get_ex(json, text, &known))
		live += json_object_get_uint64(known);
	json_object_object_add(json, text, json_object_new_uint64(live));
}

void bl_own_live(struct bl_agent *agent, struct bl_reply *reply)
{
	uint32_t end = bl_plan_counts(agent->plan).backend_end;
	_cleanup_free_ struct bl_backend_stats *stats = calloc(end + 1, sizeof(*stats));
	struct json_object *json;

	if (!stats || bl_datapath_read_backend_stats(agent->datapath, 0, end, stats) < 0) {
		bl_rest_error(reply, 500, NULL, "cannot read the counters of backends");
		return;
	}
	json = json_object_new_object();
	for (uint32_t id = 1; id < end; id++) {
		const struct bl_backend *backend = bl_plan_backend(agent->plan, id);

		if (backend && live_of(&stats[id]))
			add_live(json, backend, live_of(&stats[id]));
	}
	bl_rest_json(reply, 200, json);
}
