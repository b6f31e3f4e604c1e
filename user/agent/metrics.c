/* SPDX-License-Identifier: GPL-3.0-or-later */
/* GET /metrics: Prometheus' text format, version 0.0.4. */
#include "agent/rest.h"
#include "base/version.h"

static void head(struct bl_buf *buf, const char *name, const char *type, const char *help)
{
	bl_buf_addf(buf, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void single(struct bl_buf *buf, const char *name, const char *type, const char *help,
		   uint64_t value)
{
	head(buf, name, type, help);
	bl_buf_addf(buf, "%s %llu\n", name, (unsigned long long)value);
}

static void add_agent(struct bl_buf *buf, const struct bl_agent *agent,
		      const struct bl_reconcile_stats *stats)
{
	head(buf, "beeline_agent_info", "gauge", "Version and node of the agent.");
	/* A node's name was checked to be a DNS name: nothing to escape. */
	bl_buf_addf(buf, "beeline_agent_info{version=\"%s\",node=\"%s\"} 1\n", bl_version,
		    bl_node_watch_facts(agent->node)->name);
	single(buf, "beeline_agent_start_time_seconds", "gauge",
	       "When the agent started, in seconds since the epoch.", (uint64_t)agent->started_s);
	single(buf, "beeline_ready", "gauge", "1 once the maps have held the plan.", stats->ready);
	single(buf, "beeline_problems", "gauge", "Problems of severity error right now.",
	       bl_problems_errors(agent->problems));
	single(buf, "beeline_watches", "gauge", "Open watches of the API.",
	       bl_watches_count(agent->watches));
}

static void add_hooks(struct bl_buf *buf, const struct bl_agent *agent)
{
	const struct bl_canary_status *status =
		agent->canary ? bl_canary_status(agent->canary) : NULL;

	if (!status || status->state == BL_CANARY_UNKNOWN)
		return; /* absent: unknown */
	single(buf, "beeline_hooks_in_force", "gauge",
	       "1 when the last canary connection went through the hooks.",
	       status->state == BL_CANARY_IN_FORCE);
}

static void add_reasons(struct bl_buf *buf, const struct bl_agent *agent)
{
	uint64_t values[BL_REASON_COUNT] = {0};

	if (bl_datapath_read_reasons(agent->datapath, values) < 0)
		return;
	head(buf, "beeline_reasons_total", "counter", "What the hooks decided, by reason.");
#define ROW(name, number, label, text)                                                             \
	bl_buf_addf(buf, "beeline_reasons_total{reason=\"%s\"} %llu\n", label,                     \
		    (unsigned long long)values[BL_REASON_##name]);
	BL_REASONS(ROW)
#undef ROW
}

static void add_objects(struct bl_buf *buf, const struct bl_agent *agent)
{
	head(buf, "beeline_objects", "gauge", "Objects in force, by kind.");
	for (int kind = 0; kind < BL_KIND_COUNT; kind++)
		bl_buf_addf(buf, "beeline_objects{kind=\"%s\"} %zu\n",
			    bl_kind_info((enum bl_kind)kind)->plural,
			    bl_store_count(agent->store, (enum bl_kind)kind));
}

static void add_maps(struct bl_buf *buf, const struct bl_agent *agent)
{
	struct bl_plan_limits limits = bl_datapath_limits(agent->datapath);
	struct bl_plan_counts used = bl_plan_counts(agent->plan);
	const struct {
		const char *map;
		uint32_t used;
		uint32_t limit;
	} rows[] = {
		{BL_MAP_FRONTENDS4, used.frontends4, limits.frontends},
		{BL_MAP_FRONTENDS6, used.frontends6, limits.frontends},
		{BL_MAP_SLOTS, used.slots, limits.slots},
		{BL_MAP_BACKENDS, used.backends, limits.backends},
		{BL_MAP_SERVICES, used.services, limits.services},
	};

	head(buf, "beeline_map_entries", "gauge", "Entries in use, by map.");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		bl_buf_addf(buf, "beeline_map_entries{map=\"%s\"} %u\n", rows[i].map, rows[i].used);
	head(buf, "beeline_map_limit", "gauge", "Entries that a map has room for.");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		bl_buf_addf(buf, "beeline_map_limit{map=\"%s\"} %u\n", rows[i].map, rows[i].limit);
}

static void add_sync(struct bl_buf *buf, const struct bl_reconcile_stats *stats)
{
	static const char name[] = "beeline_sync_duration_seconds";
	uint64_t sum = 0;

	head(buf, name, "histogram", "From a change that was noticed to the maps.");
	for (size_t i = 0; i < BL_SYNC_BUCKETS; i++) {
		sum += stats->buckets[i];
		bl_buf_addf(buf, "%s_bucket{le=\"%g\"} %llu\n", name,
			    (double)bl_sync_bounds_us[i] / 1e6, (unsigned long long)sum);
	}
	sum += stats->buckets[BL_SYNC_BUCKETS];
	bl_buf_addf(buf, "%s_bucket{le=\"+Inf\"} %llu\n", name, (unsigned long long)sum);
	bl_buf_addf(buf, "%s_sum %.6f\n", name, (double)stats->total_us / 1e6);
	bl_buf_addf(buf, "%s_count %llu\n", name, (unsigned long long)sum);
	single(buf, "beeline_last_sync_timestamp_seconds", "gauge",
	       "When the maps were last brought up to date.", (uint64_t)stats->last_apply_s);
	single(buf, "beeline_sync_failures_total", "counter", "Times that this failed.",
	       stats->failures);
	single(buf, "beeline_map_drifts_total", "counter",
	       "Times that the self-check found rows that the plan does not have.", stats->drifts);
}

static void add_sweeps(struct bl_buf *buf, const struct bl_reconcile_stats *stats)
{
	single(buf, "beeline_socket_sweeps_total", "counter",
	       "Searches for connected UDP sockets whose backend left.", stats->sweeps);
	single(buf, "beeline_sockets_destroyed_total", "counter",
	       "Connected UDP sockets that were cut off so that they dial again.",
	       stats->destroyed);
	head(buf, "beeline_socket_sweep_last_duration_seconds", "gauge",
	     "How long the last search took.");
	bl_buf_addf(buf, "beeline_socket_sweep_last_duration_seconds %.6f\n",
		    (double)stats->sweep_us / 1e6);
}

void bl_metrics_reply(struct bl_agent *agent, struct bl_reply *reply)
{
	const struct bl_reconcile_stats *stats = bl_reconcile_stats(agent->reconcile);
	struct bl_buf *buf = &reply->body;

	add_agent(buf, agent, stats);
	add_hooks(buf, agent);
	add_objects(buf, agent);
	add_maps(buf, agent);
	add_reasons(buf, agent);
	add_sync(buf, stats);
	add_sweeps(buf, stats);
	bl_own_service_metrics(agent, buf);
	bl_own_dns_metrics(agent, buf);
	bl_own_cluster_metrics(agent, buf);
	reply->content_type = "text/plain; version=0.0.4; charset=utf-8";
}
