/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How the cluster is followed, for status and metrics. */
#include "agent/rest.h"

#include <json-c/json.h>

static struct json_object *kind_row(const struct bl_source_kind *kind)
{
	struct json_object *json = json_object_new_object();
	const struct {
		const char *name;
		uint64_t value;
	} numbers[] = {
		{"lists", kind->lists},     {"watches", kind->watches}, {"events", kind->events},
		{"retries", kind->retries}, {"refused", kind->refused},
	};

	json_object_object_add(json, "kind",
			       json_object_new_string(bl_kind_info(kind->kind)->plural));
	json_object_object_add(json, "state", json_object_new_string(kind->state));
	json_object_object_add(json, "synced", json_object_new_boolean(kind->synced));
	if (kind->last_event_ms != UINT64_MAX)
		json_object_object_add(json, "lastEventSeconds",
				       json_object_new_int64((int64_t)kind->last_event_ms / 1000));
	if (kind->retry_ms)
		json_object_object_add(json, "retrySeconds",
				       json_object_new_double((double)kind->retry_ms / 1000));
	if (kind->problem)
		json_object_object_add(json, "problem", json_object_new_string(kind->problem));
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		json_object_object_add(json, numbers[i].name,
				       json_object_new_int64((int64_t)numbers[i].value));
	return json;
}

struct json_object *bl_own_source_kinds(const struct bl_source_info *info)
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < info->kind_count; i++)
		json_object_array_add(list, kind_row(&info->kinds[i]));
	return list;
}

struct column {
	const char *name;
	const char *type;
	const char *help;
	uint64_t (*value)(const struct bl_source_kind *kind);
};

static uint64_t value_synced(const struct bl_source_kind *kind)
{
	return kind->synced;
}

static uint64_t value_failing(const struct bl_source_kind *kind)
{
	return kind->problem != NULL;
}

static uint64_t value_lists(const struct bl_source_kind *kind)
{
	return kind->lists;
}

static uint64_t value_watches(const struct bl_source_kind *kind)
{
	return kind->watches;
}

static uint64_t value_events(const struct bl_source_kind *kind)
{
	return kind->events;
}

static uint64_t value_retries(const struct bl_source_kind *kind)
{
	return kind->retries;
}

static uint64_t value_refused(const struct bl_source_kind *kind)
{
	return kind->refused;
}

static const struct column columns[] = {
	{"beeline_cluster_synced", "gauge", "1 once a whole list of this kind has come.",
	 value_synced},
	{"beeline_cluster_failing", "gauge",
	 "1 while this kind cannot be followed; what is in force stays.", value_failing},
	{"beeline_cluster_lists_total", "counter", "Complete lists.", value_lists},
	{"beeline_cluster_watches_total", "counter", "Watches begun.", value_watches},
	{"beeline_cluster_events_total", "counter", "Objects and bookmarks that came.",
	 value_events},
	{"beeline_cluster_retries_total", "counter", "Requests after a failure.", value_retries},
	{"beeline_cluster_refused_total", "counter", "Objects that could not be used.",
	 value_refused},
};

static void add_source(struct bl_buf *buf, const struct bl_source_info *info)
{
	for (size_t i = 0; i < ARRAY_SIZE(columns); i++) {
		const struct column *column = &columns[i];

		bl_buf_addf(buf, "# HELP %s %s\n# TYPE %s %s\n", column->name, column->help,
			    column->name, column->type);
		for (size_t k = 0; k < info->kind_count; k++)
			bl_buf_addf(buf, "%s{kind=\"%s\"} %llu\n", column->name,
				    bl_kind_info(info->kinds[k].kind)->plural,
				    (unsigned long long)column->value(&info->kinds[k]));
	}
	bl_buf_addf(buf, "# HELP beeline_cluster_last_event_seconds Time since something came.\n"
			 "# TYPE beeline_cluster_last_event_seconds gauge\n");
	for (size_t k = 0; k < info->kind_count; k++)
		if (info->kinds[k].last_event_ms != UINT64_MAX)
			bl_buf_addf(buf, "beeline_cluster_last_event_seconds{kind=\"%s\"} %.3f\n",
				    bl_kind_info(info->kinds[k].kind)->plural,
				    (double)info->kinds[k].last_event_ms / 1000);
}

struct json_object *bl_own_cluster_pool(const struct bl_agent *agent)
{
	struct bl_cluster_pool_info info = bl_cluster_pool_info(agent->cluster_pool);
	struct json_object *json = json_object_new_object();

	json_object_object_add(json, "leads", json_object_new_boolean(info.leads));
	json_object_object_add(json, "leader",
			       info.leader ? json_object_new_string(info.leader) : NULL);
	json_object_object_add(json, "owned", json_object_new_int64((int64_t)info.owned));
	json_object_object_add(json, "written", json_object_new_int64((int64_t)info.written));
	json_object_object_add(json, "failed", json_object_new_int64((int64_t)info.failed));
	return json;
}

static void add_pool(struct bl_buf *buf, const struct bl_cluster_pool *pool)
{
	struct bl_cluster_pool_info info = bl_cluster_pool_info(pool);
	const struct {
		const char *name, *type, *help;
		uint64_t value;
	} rows[] = {
		{"beeline_cluster_pool_leads", "gauge",
		 "1 while this agent gives the cluster's load-balancer addresses.", info.leads},
		{"beeline_cluster_pool_owned", "gauge",
		 "Services whose load-balancer addresses this node answers for by a Lease.",
		 info.owned},
		{"beeline_cluster_pool_written_total", "counter",
		 "Load-balancer status of Services written.", info.written},
		{"beeline_cluster_pool_failed_total", "counter",
		 "Writes of load-balancer status that did not succeed.", info.failed},
		{"beeline_cluster_pool_lease_writes_total", "counter", "Writes of Leases sent.",
		 info.lease_writes},
		{"beeline_cluster_pool_lease_renewals_total", "counter",
		 "Of these: of nodes' heartbeats.", info.lease_renewals},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		bl_buf_addf(buf, "# HELP %s %s\n# TYPE %s %s\n%s %llu\n", rows[i].name,
			    rows[i].help, rows[i].name, rows[i].type, rows[i].name,
			    (unsigned long long)rows[i].value);
}

void bl_own_cluster_metrics(const struct bl_agent *agent, struct bl_buf *buf)
{
	if (agent->cluster_pool)
		add_pool(buf, agent->cluster_pool);
	for (size_t i = 0; i < BL_AGENT_SOURCES; i++) {
		struct bl_source_info info;

		if (!agent->sources[i])
			continue;
		info = bl_source_info(agent->sources[i]);
		if (info.kind_count)
			add_source(buf, &info);
	}
}
