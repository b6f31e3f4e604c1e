/* SPDX-License-Identifier: GPL-3.0-or-later */
/* GET /beeline/v1/flows and /beeline/v1/maglev; the shapes are docs/api.md's. */
#include <arpa/inet.h>
#include <json-c/json.h>
#include <netinet/in.h>
#include <string.h>
#include <time.h>

#include "agent/rest.h"

#define FLOWS_SHOWN 10000u /* of each family */

static struct json_object *endpoint(const void *bytes, uint8_t family, __be16 port)
{
	struct bl_addr address = {.family = family};
	char text[BL_ADDR_TEXT];
	char full[BL_ADDR_TEXT + 16];

	memcpy(address.ip.ipv6, bytes, family == BL_FAMILY_IPV4 ? 4 : 16);
	(void)snprintf(full, sizeof(full), family == BL_FAMILY_IPV6 ? "[%s]:%u" : "%s:%u",
		       bl_addr_format(&address, text), ntohs(port));
	return json_object_new_string(full);
}

static const char *kind_name(uint8_t kind)
{
	static const char *const names[] = {
		[BL_FLOW_LOCAL] = "local",
		[BL_FLOW_REMOTE] = "remote",
		[BL_FLOW_DSR] = "dsr",
		[BL_FLOW_REPLY_LOCAL] = "reply-local",
		[BL_FLOW_REPLY_REMOTE] = "reply-remote",
		[BL_FLOW_REPLY_DSR] = "reply-dsr",
	};

	return kind < ARRAY_SIZE(names) && names[kind] ? names[kind] : "unknown";
}

static const char *state_name(uint8_t state)
{
	static const char *const names[] = {
		[BL_FLOW_NEW] = "new",
		[BL_FLOW_ESTABLISHED] = "established",
		[BL_FLOW_CLOSING] = "closing",
		[BL_FLOW_CLOSED] = "closed",
	};

	return state < ARRAY_SIZE(names) ? names[state] : "unknown";
}

static const char *protocol_name(uint8_t protocol)
{
	return protocol == IPPROTO_UDP ? "UDP" : protocol == IPPROTO_TCP ? "TCP" : "other";
}

static void add_service(struct json_object *json, const struct bl_agent *agent, uint32_t id)
{
	struct bl_service_entry entry;
	bool found = bl_plan_service(agent->plan, id, &entry);

	json_object_object_add(json, "namespace", found ? json_object_new_string(entry.ns) : NULL);
	json_object_object_add(json, "service", found ? json_object_new_string(entry.name) : NULL);
}

/* The backend's, while its id has not gone to another one. */
static uint32_t service_of(const struct bl_agent *agent, const struct bl_flow *flow)
{
	const struct bl_backend *backend = bl_plan_backend(agent->plan, flow->backend_id);

	return backend && backend->generation == flow->backend_generation ? backend->service_id : 0;
}

static struct json_object *flow_json(const struct bl_agent *agent, const struct bl_flow_row *row,
				     uint64_t now_ns)
{
	struct json_object *json = json_object_new_object();
	const struct bl_tuple *from = &row->from;
	const struct bl_tuple *to = &row->to;
	int32_t idle = (int32_t)((uint32_t)(now_ns >> BL_FLOW_TIME_SHIFT) - row->flow.last_seen);
	uint64_t idle_ns = idle > 0 ? (uint64_t)idle << BL_FLOW_TIME_SHIFT : 0;

	add_service(json, agent, service_of(agent, &row->flow));
	json_object_object_add(json, "protocol",
			       json_object_new_string(protocol_name(from->protocol)));
	json_object_object_add(json, "kind", json_object_new_string(kind_name(row->flow.kind)));
	json_object_object_add(json, "state", json_object_new_string(state_name(row->flow.state)));
	json_object_object_add(json, "source",
			       endpoint(&from->source, from->family, from->source_port));
	json_object_object_add(json, "destination",
			       endpoint(&from->destination, from->family, from->destination_port));
	json_object_object_add(json, "newSource",
			       endpoint(&to->source, from->family, to->source_port));
	json_object_object_add(json, "newDestination",
			       endpoint(&to->destination, from->family, to->destination_port));
	json_object_object_add(json, "packets", json_object_new_uint64(row->flow.packets));
	json_object_object_add(json, "bytes", json_object_new_uint64(row->flow.bytes));
	json_object_object_add(json, "idleSeconds", json_object_new_uint64(idle_ns / 1000000000u));
	return json;
}

void bl_own_flows(struct bl_agent *agent, struct bl_reply *reply)
{
	_cleanup_free_ struct bl_flow_row *rows = NULL;
	struct json_object *list;
	struct bl_err err = {0};
	struct timespec now;
	size_t count = 0;

	if (bl_datapath_read_flows(agent->datapath, FLOWS_SHOWN, &rows, &count, &err) < 0) {
		bl_rest_error(reply, 500, NULL, "%s", err.text);
		return;
	}
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	list = json_object_new_array();
	for (size_t i = 0; i < count; i++)
		json_object_array_add(list, flow_json(agent, &rows[i],
						      (uint64_t)now.tv_sec * 1000000000u +
							      (uint64_t)now.tv_nsec));
	bl_rest_json(reply, 200, list);
}

static int by_id(const void *a, const void *b)
{
	uint32_t x = ((const struct bl_maglev_entry *)a)->backend_id;
	uint32_t y = ((const struct bl_maglev_entry *)b)->backend_id;

	return (x > y) - (x < y);
}

static struct json_object *share_json(const struct bl_agent *agent, uint32_t id, uint32_t entries)
{
	const struct bl_backend *backend = bl_plan_backend(agent->plan, id);
	struct json_object *json = json_object_new_object();

	json_object_object_add(json, "address",
			       backend ? endpoint(&backend->address, backend->family, backend->port)
				       : NULL);
	json_object_object_add(json, "weight",
			       json_object_new_int(backend ? (int)backend->weight : 0));
	json_object_object_add(json, "entries", json_object_new_int64(entries));
	return json;
}

/* NULL: no memory. */
static struct json_object *shares_json(const struct bl_agent *agent,
				       const struct bl_plan_table *table)
{
	_cleanup_free_ struct bl_maglev_entry *sorted = calloc(table->count + 1, sizeof(*sorted));
	struct json_object *list = sorted ? json_object_new_array() : NULL;
	uint32_t run = 0;

	if (!list)
		return NULL;
	if (table->count > 0)
		memcpy(sorted, table->entries, table->count * sizeof(*sorted));
	if (table->count > 1)
		qsort(sorted, table->count, sizeof(*sorted), by_id);
	for (uint32_t i = 0; i < table->count; i++) {
		run++;
		if (i + 1 < table->count && sorted[i + 1].backend_id == sorted[i].backend_id)
			continue;
		json_object_array_add(list, share_json(agent, sorted[i].backend_id, run));
		run = 0;
	}
	return list;
}

static struct json_object *table_json(const struct bl_agent *agent, uint32_t service_id,
				      const struct bl_service_entry *entry)
{
	struct bl_plan_table table = bl_plan_maglev(agent->plan, service_id);
	struct json_object *json = json_object_new_object();

	json_object_object_add(json, "port", json_object_new_int(ntohs(entry->port)));
	json_object_object_add(json, "protocol",
			       json_object_new_string(protocol_name(entry->protocol)));
	json_object_object_add(json, "algorithm",
			       json_object_new_string(table.count > 0 ? "maglev" : "random"));
	json_object_object_add(json, "size", json_object_new_int64(table.count));
	json_object_object_add(json, "backends", shares_json(agent, &table));
	return json;
}

void bl_own_maglev(struct bl_agent *agent, const struct bl_request *request, struct bl_reply *reply)
{
	const char *ns = bl_request_query(request, "namespace");
	const char *name = bl_request_query(request, "service");
	uint32_t limit = bl_datapath_limits(agent->datapath).services;
	struct bl_rest_target target = {.kind = BL_KIND_SERVICE};
	struct json_object *list;

	if (!ns || !ns[0])
		ns = "default";
	if (!name || !name[0]) {
		bl_rest_error(reply, 400, NULL, "expected the name of a service");
		return;
	}
	(void)snprintf(target.name, sizeof(target.name), "%s", name);
	if (!bl_store_find(agent->store, BL_KIND_SERVICE, ns, name)) {
		bl_rest_error(reply, 404, &target, "services \"%.200s\" not found", name);
		return;
	}
	list = json_object_new_array();
	for (uint32_t id = 1; id < limit; id++) {
		struct bl_service_entry entry;

		if (bl_plan_service(agent->plan, id, &entry) && !strcmp(entry.ns, ns) &&
		    !strcmp(entry.name, name))
			json_object_array_add(list, table_json(agent, id, &entry));
	}
	bl_rest_json(reply, 200, list);
}
