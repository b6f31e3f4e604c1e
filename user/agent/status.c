/* SPDX-License-Identifier: GPL-3.0-or-later */
/* GET /beeline/v1/status; the shape is docs/api.md's. */
#include <json-c/json.h>
#include <string.h>
#include <time.h>

#include "agent/rest.h"
#include "base/version.h"
#include "model/service.h"

#define PROBLEMS_SHOWN 200u

static void add_text(struct json_object *json, const char *key, const char *value)
{
	json_object_object_add(json, key, value && value[0] ? json_object_new_string(value) : NULL);
}

static void add_number(struct json_object *json, const char *key, uint64_t value)
{
	json_object_object_add(json, key, json_object_new_uint64(value));
}

static void add_bool(struct json_object *json, const char *key, bool value)
{
	json_object_object_add(json, key, json_object_new_boolean(value));
}

static struct json_object *addresses(const struct bl_local_node *node)
{
	struct json_object *list = json_object_new_array();
	char text[BL_ADDR_TEXT];

	for (size_t i = 0; i < node->address_count; i++)
		json_object_array_add(
			list, json_object_new_string(bl_addr_format(&node->addresses[i], text)));
	return list;
}

static struct json_object *datapath(const struct bl_agent *agent)
{
	struct json_object *json = json_object_new_object(), *list = json_object_new_array();
	const struct bl_program_status *programs = NULL;
	size_t count = 0;

	/* When they cannot be read none is shown: they are not known to be attached. */
	if (bl_datapath_programs(agent->datapath, &programs, &count) < 0)
		count = 0;
	for (size_t i = 0; i < count; i++) {
		struct json_object *item;

		if (!bl_hooks_is_wanted(&agent->settings, &programs[i]))
			continue;
		item = json_object_new_object();
		add_text(item, "name", programs[i].name);
		add_text(item, "hook", programs[i].hook);
		add_bool(item, "attached", programs[i].attached);
		add_number(item, "id", programs[i].id);
		add_number(item, "runCount", programs[i].run_count);
		add_number(item, "runTimeNs", programs[i].run_time_ns);
		json_object_array_add(list, item);
	}
	add_bool(json, "adopted", bl_datapath_was_adopted(agent->datapath));
	add_number(json, "abi", BL_ABI_VERSION);
	add_text(json, "cgroup", agent->settings.config.cgroup);
	add_text(json, "bpffs", agent->settings.config.bpffs);
	json_object_object_add(json, "programs", list);
	return json;
}

static struct json_object *devices(const struct bl_agent *agent)
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < bl_devices_count(agent->devices); i++) {
		const struct bl_device_view *view = bl_devices_get(agent->devices, i);
		struct json_object *item = json_object_new_object();

		add_text(item, "name", view->name);
		add_number(item, "ifindex", view->ifindex);
		add_text(item, "mode", bl_device_mode_name(view->status.mode));
		add_text(item, "reason", view->status.reason);
		json_object_array_add(list, item);
	}
	return list;
}

static struct json_object *announced(const struct bl_agent *agent)
{
	struct json_object *list = json_object_new_array();
	_cleanup_free_ struct bl_announced *items = NULL;
	size_t count = 0;

	/* Without memory for the list the rest of the status is still worth showing. */
	if (agent->announcing && bl_announcing_list(agent->announcing, &items, &count) < 0)
		count = 0;
	for (size_t i = 0; i < count; i++) {
		const uint8_t *mac = items[i].view.holder;
		struct json_object *item = json_object_new_object();
		char text[BL_ADDR_TEXT];

		add_text(item, "address", bl_addr_format(&items[i].view.address, text));
		add_text(item, "namespace", items[i].ns);
		add_text(item, "service", items[i].name);
		add_text(item, "state", bl_claim_state_name(items[i].view.state));
		(void)snprintf(text, sizeof(text), "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1],
			       mac[2], mac[3], mac[4], mac[5]);
		add_text(item, "holder", strcmp(text, "00:00:00:00:00:00") ? text : NULL);
		json_object_array_add(list, item);
	}
	return list;
}

static struct json_object *hooks(const struct bl_agent *agent)
{
	struct json_object *json = json_object_new_object();
	const struct bl_canary_status *status =
		agent->canary ? bl_canary_status(agent->canary) : NULL;

	add_text(json, "state", bl_canary_state_name(status ? status->state : BL_CANARY_UNKNOWN));
	if (!status)
		add_text(json, "reason", "this is a dry run: there are no hooks");
	else
		add_text(json, "reason",
			 status->checked_s || status->reason[0] ? status->reason
								: "not checked yet");
	json_object_object_add(json, "since", bl_rest_time(status ? status->since_s : 0));
	json_object_object_add(json, "checked", bl_rest_time(status ? status->checked_s : 0));
	return json;
}

static void add_use(struct json_object *json, const char *key, uint32_t used, uint32_t limit)
{
	struct json_object *item = json_object_new_object();

	add_number(item, "used", used);
	add_number(item, "limit", limit);
	json_object_object_add(json, key, item);
}

static struct json_object *counts(const struct bl_agent *agent)
{
	struct json_object *json = json_object_new_object(), *objects = json_object_new_object();
	struct bl_plan_limits limits = bl_datapath_limits(agent->datapath);
	struct bl_plan_counts used = bl_plan_counts(agent->plan);

	for (int kind = 0; kind < BL_KIND_COUNT; kind++)
		add_number(objects, bl_kind_info((enum bl_kind)kind)->plural,
			   bl_store_count(agent->store, (enum bl_kind)kind));
	json_object_object_add(json, "objects", objects);
	add_use(json, "frontends4", used.frontends4, limits.frontends);
	add_use(json, "frontends6", used.frontends6, limits.frontends);
	add_use(json, "slots", used.slots, limits.slots);
	add_use(json, "backends", used.backends, limits.backends);
	add_use(json, "services", used.services, limits.services);
	add_use(json, "maglev", used.maglev, limits.maglev);
	add_use(json, "sources", used.sources, 2 * limits.sources);
	add_use(json, "dsrBackends", used.dsr_backends, limits.dsr_backends);
	return json;
}

/* Counted from the objects, which hold what was allocated. */
static void count_allocations(const struct bl_agent *agent, uint64_t *ret_ips, uint64_t *ret_ports)
{
	_cleanup_free_ const struct bl_object **items = NULL;
	size_t count = 0;

	*ret_ips = *ret_ports = 0;
	if (bl_store_list(agent->store, BL_KIND_SERVICE, NULL, &items, &count) < 0)
		return;
	for (size_t i = 0; i < count; i++) {
		const struct bl_service_spec *spec = &bl_service_of(items[i])->spec;

		if (spec->cluster_ip && !bl_service_is_headless(bl_service_of(items[i])))
			*ret_ips += spec->cluster_ips.count ? spec->cluster_ips.count : 1;
		for (size_t k = 0; k < spec->ports.count; k++)
			*ret_ports += spec->ports.items[k].node_port > 0;
		*ret_ports += spec->health_check_node_port > 0;
	}
}

static struct json_object *allocations(const struct bl_agent *agent)
{
	const struct bl_agent_config *config = &agent->settings.config;
	struct json_object *json = json_object_new_object(), *list = json_object_new_array();
	char text[BL_PREFIX_TEXT];
	uint64_t ips, ports;

	for (size_t i = 0; i < config->service_cidr_count; i++)
		json_object_array_add(list, json_object_new_string(bl_prefix_format(
						    &config->service_cidrs[i], text)));
	count_allocations(agent, &ips, &ports);
	json_object_object_add(json, "serviceCIDRs", list);
	add_number(json, "clusterIPs", ips);
	add_number(json, "nodePorts", ports);
	(void)snprintf(text, sizeof(text), "%u-%u", config->node_port_first,
		       config->node_port_last);
	add_text(json, "nodePortRange", text);
	return json;
}

static struct json_object *sources(const struct bl_agent *agent)
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < BL_AGENT_SOURCES; i++) {
		struct json_object *item;
		struct bl_source_info info;

		if (!agent->sources[i])
			continue;
		info = bl_source_info(agent->sources[i]);
		item = json_object_new_object();
		add_text(item, "name", info.name);
		add_text(item, "path", info.path);
		add_bool(item, "synced", info.synced);
		add_number(item, "files", info.files);
		add_number(item, "objects", info.objects);
		add_number(item, "problems", info.problems);
		if (info.kind_count)
			json_object_object_add(item, "kinds", bl_own_source_kinds(&info));
		json_object_array_add(list, item);
	}
	return list;
}

static struct json_object *problems(const struct bl_agent *agent)
{
	struct json_object *list = json_object_new_array();
	_cleanup_free_ struct bl_problem_line *lines = NULL;
	size_t count = 0;

	if (bl_problems_list(agent->problems, PROBLEMS_SHOWN, &lines, &count) < 0)
		return list; /* problemCount still tells */
	for (size_t i = 0; i < count; i++) {
		struct json_object *item = json_object_new_object();

		add_text(item, "subject", lines[i].subject);
		add_text(item, "severity",
			 lines[i].severity == BL_SEVERITY_ERROR ? "error" : "warning");
		add_text(item, "message", lines[i].text);
		json_object_object_add(item, "since", bl_rest_time(lines[i].since_s));
		json_object_array_add(list, item);
	}
	return list;
}

static struct json_object *last_apply(const struct bl_reconcile_stats *stats)
{
	struct json_object *json = json_object_new_object();

	json_object_object_add(json, "time", bl_rest_time(stats->last_apply_s));
	add_bool(json, "ok", !stats->behind);
	add_text(json, "message", stats->error);
	add_number(json, "ops", stats->last_ops);
	add_number(json, "durationUs", stats->last_us);
	add_number(json, "count", stats->applies);
	add_number(json, "failures", stats->failures);
	return json;
}

static void add_checks(struct json_object *json, const struct bl_reconcile_stats *stats)
{
	struct json_object *check = json_object_new_object(), *sweep = json_object_new_object();

	json_object_object_add(check, "time", bl_rest_time(stats->last_check_s));
	add_number(check, "drifts", stats->drifts);
	json_object_object_add(json, "selfCheck", check);
	json_object_object_add(sweep, "time", bl_rest_time(stats->last_sweep_s));
	add_number(sweep, "count", stats->sweeps);
	add_number(sweep, "destroyed", stats->destroyed);
	add_number(sweep, "durationUs", stats->sweep_us);
	json_object_object_add(json, "sweep", sweep);
}

static struct json_object *reasons(const struct bl_agent *agent)
{
	static const struct {
		enum bl_reason number;
		const char *label;
	} rows[] = {
#define ROW(name, number, label, text) {BL_REASON_##name, label},
		BL_REASONS(ROW)
#undef ROW
	};
	struct json_object *json = json_object_new_object();
	uint64_t values[BL_REASON_COUNT] = {0};

	(void)bl_datapath_read_reasons(agent->datapath, values); /* zeros where there are none */
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		add_number(json, rows[i].label, values[rows[i].number]);
	return json;
}

static uint64_t uptime_s(const struct bl_agent *agent)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec - agent->started_us / 1000000;
}

static void add_identity(struct json_object *json, const struct bl_agent *agent, bool ready)
{
	const struct bl_local_node *node = bl_node_watch_facts(agent->node);

	add_text(json, "version", bl_version);
	add_text(json, "node", node->name);
	add_text(json, "zone", node->zone);
	add_number(json, "pid", (uint64_t)getpid());
	json_object_object_add(json, "started", bl_rest_time(agent->started_s));
	add_number(json, "uptimeSeconds", uptime_s(agent));
	add_text(json, "state", ready ? "ready" : "starting");
	add_bool(json, "dryRun", agent->settings.config.dry_run);
	json_object_object_add(json, "addresses", addresses(node));
}

static struct json_object *probes(const struct bl_agent *agent)
{
	struct json_object *json = json_object_new_object();
	struct bl_prober_stats stats = {0};

	if (agent->probing)
		stats = bl_probing_stats(agent->probing);
	add_bool(json, "enabled", agent->probing != NULL);
	add_number(json, "count", stats.probes);
	add_number(json, "underWay", stats.under_way);
	add_number(json, "tries", stats.tries);
	add_number(json, "failures", stats.failures);
	add_number(json, "errors", stats.errors);
	add_number(json, "meanDelayUs", stats.tries ? stats.late_us / stats.tries : 0);
	add_number(json, "maxDelayUs", stats.late_max_us);
	return json;
}

/* Reading every backend's counters takes a while, so they come to who asks for them. */
static void add_services(struct json_object *json, struct bl_agent *agent,
			 const struct bl_request *request)
{
	const char *counters = bl_request_query(request, "counters");
	bool all = counters && !strcmp(counters, "all");

	if (all || (counters && !strcmp(counters, "services")))
		json_object_object_add(json, "services",
				       bl_connections_json(agent, NULL, NULL, all));
}

void bl_status_reply(struct bl_agent *agent, const struct bl_request *request,
		     struct bl_reply *reply)
{
	const struct bl_reconcile_stats *stats = bl_reconcile_stats(agent->reconcile);
	struct json_object *json = json_object_new_object();

	add_identity(json, agent, stats->ready);
	json_object_object_add(json, "datapath", datapath(agent));
	json_object_object_add(json, "devices", devices(agent));
	json_object_object_add(json, "announced", announced(agent));
	if (agent->cluster_pool)
		json_object_object_add(json, "clusterPool", bl_own_cluster_pool(agent));
	json_object_object_add(json, "hooks", hooks(agent));
	json_object_object_add(json, "counts", counts(agent));
	json_object_object_add(json, "allocations", allocations(agent));
	json_object_object_add(json, "sources", sources(agent));
	json_object_object_add(json, "problems", problems(agent));
	add_number(json, "problemCount", bl_problems_count(agent->problems));
	json_object_object_add(json, "lastApply", last_apply(stats));
	add_checks(json, stats);
	json_object_object_add(json, "probes", probes(agent));
	json_object_object_add(json, "reasons", reasons(agent));
	add_services(json, agent, request);
	bl_rest_json(reply, 200, json);
}
