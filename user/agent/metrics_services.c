/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Metrics of Services: what came to each, and which no endpoint of this node serves. */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "agent/rest.h"

#define NO_LOCAL "beeline_services_without_local_endpoints"

struct port_stats {
	struct bl_service_entry entry;
	struct bl_service_stats stats;
};

static int by_name(const void *a, const void *b)
{
	const struct bl_service_entry *x = &((const struct port_stats *)a)->entry;
	const struct bl_service_entry *y = &((const struct port_stats *)b)->entry;
	int order = strcmp(x->ns, y->ns);

	if (order == 0)
		order = strcmp(x->name, y->name);
	if (order == 0)
		order = (int)ntohs(x->port) - (int)ntohs(y->port);
	return order ? order : (int)x->protocol - (int)y->protocol;
}

/* A port has an entry for each address family; here it is one. Returns how many are left. */
static size_t join_families(struct port_stats *ports, size_t count)
{
	size_t used = 0;

	if (count > 1)
		qsort(ports, count, sizeof(*ports), by_name);
	for (size_t i = 0; i < count; i++) {
		if (used == 0 || by_name(&ports[used - 1], &ports[i]) != 0) {
			ports[used++] = ports[i];
			continue;
		}
		ports[used - 1].stats.connections += ports[i].stats.connections;
		ports[used - 1].stats.refused += ports[i].stats.refused;
	}
	return used;
}

static void add_counter(struct bl_buf *buf, const char *name, const char *help,
			const struct port_stats *ports, size_t count, bool refused)
{
	bl_buf_addf(buf, "# HELP %s %s\n# TYPE %s counter\n", name, help, name);
	for (size_t i = 0; i < count; i++) {
		const struct bl_service_entry *entry = &ports[i].entry;

		/* Names of objects need no escapes. */
		bl_buf_addf(
			buf,
			"%s{namespace=\"%s\",service=\"%s\",port=\"%u\",protocol=\"%s\"} %llu\n",
			name, entry->ns, entry->name, ntohs(entry->port),
			entry->protocol == IPPROTO_UDP ? "UDP" : "TCP",
			(unsigned long long)(refused ? ports[i].stats.refused
						     : ports[i].stats.connections));
	}
}

static void add_ports(const struct bl_agent *agent, struct bl_buf *buf)
{
	uint32_t limit = bl_datapath_limits(agent->datapath).services;
	uint32_t used = bl_plan_counts(agent->plan).services;
	_cleanup_free_ struct port_stats *ports = calloc(used + 1, sizeof(*ports));
	size_t count = 0;

	if (!ports) {
		buf->failed = true;
		return;
	}
	for (uint32_t id = 1; id < limit && count < used; id++) {
		if (bl_plan_service(agent->plan, id, &ports[count].entry) &&
		    bl_datapath_read_service_stats(agent->datapath, id, &ports[count].stats) == 0)
			count++;
	}
	count = join_families(ports, count);
	add_counter(buf, "beeline_service_connections_total",
		    "Connections and first datagrams that got an endpoint.", ports, count, false);
	add_counter(buf, "beeline_service_refused_total",
		    "Those that were refused for want of one.", ports, count, true);
}

static bool uses_local(const struct bl_service_spec *spec)
{
	return spec->internal_traffic_policy == BL_TRAFFIC_POLICY_LOCAL ||
	       spec->external_traffic_policy == BL_TRAFFIC_POLICY_LOCAL;
}

/* As kube-proxy counts them: endpoints exist, but none that the Local policy admits here. */
static void add_without_local(const struct bl_agent *agent, struct bl_buf *buf)
{
	_cleanup_free_ const struct bl_object **items = NULL;
	size_t count = 0;
	unsigned int internal = 0;
	unsigned int external = 0;

	if (bl_store_list(agent->store, BL_KIND_SERVICE, NULL, &items, &count) < 0)
		return;
	for (size_t i = 0; i < count; i++) {
		_cleanup_(bl_resolved_free) struct bl_resolved *resolved = NULL;
		bool is_internal = false;
		bool is_external = false;

		if (!uses_local(&bl_service_of(items[i])->spec) ||
		    bl_resolve(agent->store, bl_node_watch_facts(agent->node),
			       bl_service_of(items[i]), &resolved) < 0)
			continue;
		for (size_t k = 0; k < resolved->port_count; k++) {
			is_internal |= resolved->ports[k].internal_elsewhere;
			is_external |= resolved->ports[k].external_elsewhere;
		}
		internal += is_internal;
		external += is_external;
	}
	bl_buf_addf(buf,
		    "# HELP " NO_LOCAL " Services of policy Local with endpoints, but none here.\n"
		    "# TYPE " NO_LOCAL " gauge\n" NO_LOCAL
		    "{traffic_policy=\"internal\"} %u\n" NO_LOCAL
		    "{traffic_policy=\"external\"} %u\n",
		    internal, external);
}

void bl_own_service_metrics(const struct bl_agent *agent, struct bl_buf *buf)
{
	add_ports(agent, buf);
	add_without_local(agent, buf);
}
