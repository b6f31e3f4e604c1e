/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Makes everything that an agent owns, in order, runs the loop, and ends it all in reverse. */
#include "agent/agent.h"
#include "agent/bookmarks.h"

#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <time.h>

#include "agent/cluster.h"
#include "agent/events.h"
#include "agent/outside_wiring.h"
#include "agent/rest.h"
#include "agent/state_lock.h"
#include "agent/wiring.h"
#include "base/exit.h"
#include "base/log.h"
#include "model/codec.h"
#include "source/manifests.h"
#include "source/objects.h"

#define SOURCE_MANIFESTS 0
#define SOURCE_API 1
#define SOURCE_CLUSTER 2
#define SETTLE_RETRY_USEC (2 * 1000 * 1000ull)

static uint64_t now_us(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static char *state_path(const struct bl_agent *agent, const char *name)
{
	char *path;

	return asprintf(&path, "%s/%s", agent->settings.config.state_dir, name) < 0 ? NULL : path;
}

static void schedule_settle(struct bl_agent *agent)
{
	(void)sd_event_source_set_time_relative(agent->settle, SETTLE_RETRY_USEC);
	(void)sd_event_source_set_enabled(agent->settle, SD_EVENT_ONESHOT);
}

static bool all_synced(const struct bl_agent *agent)
{
	for (size_t i = 0; i < BL_AGENT_SOURCES; i++)
		if (agent->sources[i] && !agent->synced[i])
			return false;
	return true;
}

static void begin(struct bl_agent *agent)
{
	if (agent->probing) {
		bl_probing_settle(agent->probing); /* what was ready is so from the start */
		bl_probing_forget_unclaimed(agent->probing);
	}
	if (agent->balancing)
		bl_balancing_begin(agent->balancing);
	if (agent->dsr_peers)
		bl_dsr_peers_start(agent->dsr_peers);
	bl_reconcile_begin(agent->reconcile);
}

/* The first full list is complete once it is in the store, not merely delivered. */
static void begin_when_synced(struct bl_agent *agent)
{
	if (!all_synced(agent) || bl_reconcile_stats(agent->reconcile)->begun)
		return;
	if (agent->dns)
		bl_agent_dns_begin(agent->dns);
	bl_allocations_forget_unclaimed(&agent->allocations);
	if (bl_catalog_settle(agent->catalog) < 0) {
		schedule_settle(agent);
		return;
	}
	agent->taken_us = now_us();
	bl_rest_resume_ends(agent);
	begin(agent);
}

static int on_settle(sd_event_source *timer, uint64_t usec, void *userdata)
{
	struct bl_agent *agent = userdata;

	(void)timer;
	(void)usec;
	if (bl_catalog_settle(agent->catalog) < 0)
		schedule_settle(agent);
	else
		begin_when_synced(agent);
	return 0;
}

static void on_report(struct bl_source *source, const char *subject, const struct bl_diag *diag,
		      void *userdata)
{
	struct bl_agent *agent = userdata;

	(void)source;
	bl_problems_set_diag(agent->problems, subject, diag);
}

static double ms(uint64_t from_us, uint64_t to_us)
{
	return (double)(to_us - from_us) / 1000;
}

static void on_ready(void *userdata)
{
	struct bl_agent *agent = userdata;
	const struct bl_reconcile_stats *stats = bl_reconcile_stats(agent->reconcile);
	struct bl_plan_counts counts = bl_plan_counts(agent->plan);

	bl_log(BL_LOG_NOTICE, "ready: %zu services, %u frontends and %u backends in %s maps",
	       bl_store_count(agent->store, BL_KIND_SERVICE), counts.frontends4 + counts.frontends6,
	       counts.backends, bl_datapath_was_adopted(agent->datapath) ? "adopted" : "new");
	/* Not before: the canary frontend of adopted maps leads to the agent before us. */
	if (agent->canary && agent->settings.config.cgroup)
		bl_canary_start(agent->canary, agent->settings.config.cgroup);
	if (agent->announcing)
		bl_announcing_start(agent->announcing);
	if (agent->cluster_pool)
		bl_cluster_pool_begin(agent->cluster_pool);
	bl_log(BL_LOG_INFO,
	       "ready after %.0f ms: maps and programs %.0f, reading %.0f, taking in %.0f, plan "
	       "%.0f, filling maps %.0f",
	       ms(agent->started_us, now_us()), ms(agent->started_us, agent->opened_us),
	       ms(agent->opened_us, agent->read_us), ms(agent->read_us, agent->taken_us),
	       (double)stats->last_plan_us / 1000, (double)stats->last_apply_us / 1000);
	(void)sd_notifyf(0, "READY=1\nSTATUS=%zu services in force",
			 bl_store_count(agent->store, BL_KIND_SERVICE));
}

static void on_first_affinity(void *userdata)
{
	struct bl_agent *agent = userdata;

	if (agent->netns_pods)
		bl_netns_pods_look(agent->netns_pods);
}

static int put_own_node(struct bl_agent *agent)
{
	_cleanup_(bl_object_unref) struct bl_object *node = NULL;
	int r = bl_node_object(bl_node_watch_facts(agent->node), agent->started_s, &node);

	return r < 0 ? r : bl_catalog_put_own(agent->catalog, node);
}

static int put_own_namespace(struct bl_agent *agent, const char *name)
{
	_cleanup_(bl_object_unref) struct bl_object *object = NULL;
	int r;

	if (bl_store_find(agent->store, BL_KIND_NAMESPACE, NULL, name))
		return 0;
	r = bl_catalog_make_namespace(name, &object);
	return r < 0 ? r : bl_catalog_put_own(agent->catalog, object);
}

void bl_agent_put_own(struct bl_agent *agent)
{
	int r = put_own_namespace(agent, "default");

	if (r >= 0)
		r = put_own_namespace(agent, "kube-system");
	if (r >= 0)
		r = put_own_node(agent);
	if (r < 0)
		bl_problems_set(agent->problems, "own objects", BL_SEVERITY_WARNING,
				"cannot make the Node and Namespaces of this node: %s",
				strerror(-r));
	else
		bl_problems_clear(agent->problems, "own objects");
}

static void on_deliver(struct bl_source *source, const struct bl_source_batch *batch,
		       void *userdata)
{
	struct bl_agent *agent = userdata;
	int r;

	if (!agent->read_us)
		agent->read_us = now_us();
	r = bl_catalog_deliver(agent->catalog, batch);
	if (r == -EIO)
		schedule_settle(agent);
	else if (r < 0)
		bl_log(BL_LOG_ERROR,
		       "%s: not all objects could be taken: %s; send SIGHUP to read them again",
		       bl_source_info(source).path, strerror(-r));
	if (batch->removal_count)
		bl_agent_put_own(agent);
	if (!batch->full)
		return;
	for (size_t i = 0; i < BL_AGENT_SOURCES; i++)
		agent->synced[i] |= agent->sources[i] == source;
	begin_when_synced(agent);
}

static void on_addresses(void *userdata)
{
	struct bl_agent *agent = userdata;

	bl_agent_put_own(agent);
	if (agent->dns)
		bl_agent_dns_follow_node(agent->dns);
	bl_reconcile_touch_all(agent->reconcile);
}

static int on_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata)
{
	struct bl_agent *agent = userdata;

	(void)source;
	if (info->ssi_signo == SIGHUP) {
		bl_log(BL_LOG_NOTICE, "SIGHUP: reading every source again");
		for (size_t i = 0; i < BL_AGENT_SOURCES; i++)
			if (agent->sources[i])
				bl_source_rescan(agent->sources[i]);
		if (bl_reconcile_stats(agent->reconcile)->begun)
			bl_reconcile_check(agent->reconcile);
		return 0;
	}
	if (agent->stopping) /* once more: without waiting for anybody */
		return sd_event_exit(agent->loop, 0);
	agent->stopping = true;
	bl_log(BL_LOG_NOTICE, "signal %u: stopping; what is in the maps goes on serving",
	       info->ssi_signo);
	(void)sd_notify(0, "STOPPING=1");
	if (info->ssi_signo != SIGUSR2 && !agent->settings.config.packet.pool_kept &&
	    bl_agent_leave_outside(agent))
		return 0;
	return sd_event_exit(agent->loop, 0);
}

static int make_loop(struct bl_agent *agent, struct bl_err *err)
{
	static const int signals[] = {SIGTERM, SIGINT, SIGUSR2, SIGHUP};
	sigset_t mask;
	int r;

	(void)sigemptyset(&mask);
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		(void)sigaddset(&mask, signals[i]);
	(void)sigaddset(&mask, SIGCHLD);
	(void)sigprocmask(SIG_BLOCK, &mask, NULL);
	(void)signal(SIGPIPE, SIG_IGN);
	r = sd_event_new(&agent->loop);
	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(signals); i++)
		r = sd_event_add_signal(agent->loop, NULL, signals[i], on_signal, agent);
	if (r >= 0)
		r = sd_event_add_time_relative(agent->loop, &agent->settle, CLOCK_MONOTONIC, 0, 0,
					       on_settle, agent);
	if (r >= 0)
		r = sd_event_source_set_enabled(agent->settle, SD_EVENT_OFF);
	if (r >= 0)
		r = sd_event_set_watchdog(agent->loop, true);
	return r < 0 ? bl_err_set(err, r, "cannot make an event loop: %s", strerror(-r)) : 0;
}

/* A dry run asks nobody anything. */
static bool probes(const struct bl_agent *agent)
{
	return !agent->settings.config.no_probes && !agent->settings.config.dry_run;
}

static void on_noticed(const char *ns, const char *name, void *userdata)
{
	bl_rest_event_noticed(userdata, ns, name);
}

static int make_probing(struct bl_agent *agent, struct bl_err *err)
{
	_cleanup_free_ char *path = state_path(agent, "probes");
	const struct bl_probing_config config = {
		.loop = agent->loop,
		.store = agent->store,
		.catalog = agent->catalog,
		.problems = agent->problems,
		.node_name = bl_node_watch_facts(agent->node)->name,
		.cri_socket = agent->settings.config.cri_socket,
		.endpoints_only = bl_cluster_is_followed(&agent->settings.config),
		.noticed = on_noticed,
		.userdata = agent,
		.state_file = path,
	};
	const struct bl_termination_config termination = {
		.loop = agent->loop, .store = agent->store, .catalog = agent->catalog};

	if (!probes(agent))
		return 0;
	if (!path ||
	    (!config.endpoints_only && bl_termination_new(&termination, &agent->termination) < 0))
		return bl_err_set(err, -ENOMEM, "no memory");
	return bl_probing_new(&config, &agent->probing, err);
}

static int make_objects(struct bl_agent *agent, struct bl_err *err)
{
	_cleanup_free_ char *path = state_path(agent, "allocations.json");
	struct bl_catalog_config config = {.allocations = &agent->allocations};
	int r;

	r = path ? bl_store_new(&agent->store) : -ENOMEM;
	if (r >= 0)
		/* Versions go up over restarts, so that a client of the last run is told to list
		 * again instead of missing changes. */
		bl_store_set_version(agent->store, (uint64_t)time(NULL) * 1000);
	if (r >= 0)
		r = bl_watches_new(agent->store, &agent->watches);
	if (r >= 0)
		r = bl_events_new(agent->store, agent->watches, &agent->events);
	if (r >= 0)
		r = bl_bookmarks_start(agent->loop, agent->watches, &agent->bookmarks);
	if (r >= 0)
		r = bl_settings_allocator(&agent->settings, NULL, NULL, &agent->allocator);
	if (r < 0)
		return bl_err_set(err, r, "cannot make the store: %s", strerror(-r));
	r = bl_allocations_open(&agent->allocations, agent->allocator, path, err);
	if (r == 0)
		r = bl_agent_make_pool(agent, err);
	if (r < 0)
		return r;
	config.store = agent->store;
	config.problems = agent->problems;
	config.node_name = bl_node_watch_facts(agent->node)->name;
	config.read_only = bl_cluster_is_followed(&agent->settings.config);
	config.probing = probes(agent) && !config.read_only; /* a cluster has kubelets */
	r = bl_catalog_new(&config, &agent->catalog);
	if (r >= 0)
		r = bl_agent_make_balancing(agent);
	if (r >= 0)
		r = bl_annotations_new(agent->store, agent->problems, &agent->annotations);
	return r < 0 ? bl_err_set(err, r, "no memory") : 0;
}

static int adopt(struct bl_agent *agent, struct bl_err *err)
{
	_cleanup_(bl_plan_rows_done) struct bl_plan_rows rows = {0};
	int r = bl_datapath_read(agent->datapath, &rows, err);

	return r < 0 ? r : bl_plan_adopt(agent->plan, &rows, err);
}

/* What the packet path must hold before the first packet, whatever the objects are: the SNAT pool,
 * and all there is to its maps when they are new beside maps that are not. */
static int write_packet(struct bl_agent *agent, struct bl_err *err)
{
	_cleanup_(bl_plan_rows_done) struct bl_plan_rows rows = {0};
	_cleanup_(bl_delta_done) struct bl_delta delta = BL_DELTA_INIT;
	int r = bl_datapath_read(agent->datapath, &rows, err);

	if (r == 0)
		r = bl_plan_diff(agent->plan, &rows, &delta);
	return r < 0 ? r : bl_datapath_apply(agent->datapath, &delta, err);
}

/* Adopted maps keep their sizes, whatever an option or a new version says. */
static void tell_sizes(const struct bl_plan_limits *are, const struct bl_plan_limits *wanted)
{
	const struct {
		const char *what;
		uint32_t are, wanted;
	} rows[] = {
		{"frontends", are->frontends, wanted->frontends},
		{"slots", are->slots, wanted->slots},
		{"backends", are->backends, wanted->backends},
		{"services", are->services, wanted->services},
		{"entries of Maglev tables", are->maglev, wanted->maglev},
		{"source ranges", are->sources, wanted->sources},
		{"backends of direct server return", are->dsr_backends, wanted->dsr_backends},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].are < rows[i].wanted || rows[i].are - rows[i].wanted >= BL_STATS_BLOCK)
			bl_log(BL_LOG_WARNING,
			       "the adopted maps have room for %u %s, new ones would have it for "
			       "%u: to get that run 'beeline unload', which stops Services, and "
			       "start the agent",
			       rows[i].are, rows[i].what, rows[i].wanted);
}

static int make_datapath(struct bl_agent *agent, struct bl_err *err)
{
	struct bl_datapath_config config = bl_settings_datapath(&agent->settings);
	struct bl_plan_limits limits;
	int r;

	r = agent->settings.config.dry_run ? bl_datapath_open_fake(&config, &agent->datapath)
					   : bl_datapath_open(&config, &agent->datapath, err);
	if (r < 0)
		return err->code ? r
				 : bl_err_set(err, r, "cannot open the datapath: %s", strerror(-r));
	limits = bl_datapath_limits(agent->datapath);
	r = bl_plan_new(&limits, &agent->plan);
	if (r < 0)
		return bl_err_set(err, r, "no memory for the plan");
	bl_settings_plan(&agent->settings, agent->plan);
	if (bl_datapath_was_adopted(agent->datapath)) {
		tell_sizes(&limits, &config.limits);
		r = adopt(agent, err);
	}
	return r < 0 || !bl_datapath_has_packet(agent->datapath) ? r : write_packet(agent, err);
}

static int make_canary(struct bl_agent *agent, struct bl_canary_frontend *ret, struct bl_err *err)
{
	const struct bl_agent_config *config = &agent->settings.config;

	if (config->dry_run)
		return 0;
	ret->address = config->canary;
	ret->port = config->canary_port;
	return bl_canary_new(agent->loop, &config->canary, config->canary_port, &agent->canary,
			     &ret->backend, &ret->backend_port, err);
}

static const struct bl_local_node *node_facts(void *userdata)
{
	return bl_node_watch_facts(((const struct bl_agent *)userdata)->node);
}

static bool is_healthy(void *userdata)
{
	const struct bl_agent *agent = userdata;
	const struct bl_reconcile_stats *stats = bl_reconcile_stats(agent->reconcile);

	return stats->ready && !stats->behind;
}

static int make_health_check(struct bl_agent *agent, struct bl_err *err)
{
	const struct bl_health_check_config config = {
		.loop = agent->loop,
		.store = agent->store,
		.problems = agent->problems,
		.node = node_facts,
		.healthy = is_healthy,
		.userdata = agent,
	};
	int r = agent->settings.config.dry_run ? 0
					       : bl_health_check_new(&config, &agent->health_check);

	return r < 0 ? bl_err_set(err, r, "cannot make health checks: %s", strerror(-r)) : 0;
}

static int make_control(struct bl_agent *agent, struct bl_err *err)
{
	struct bl_reconcile_config config = {
		.loop = agent->loop,
		.store = agent->store,
		.catalog = agent->catalog,
		.problems = agent->problems,
		.node = agent->node,
		.plan = agent->plan,
		.datapath = agent->datapath,
		/* They cost memory, and only kubectl and agents that follow this one read them.
		 */
		.slices = agent->settings.config.api_listen_count > 0,
		.first_affinity = on_first_affinity,
		.ready = on_ready,
		.userdata = agent,
	};
	struct bl_netns_pods_config netns = {
		.loop = agent->loop,
		.store = agent->store,
		.datapath = agent->datapath,
		.node = agent->node,
		.problems = agent->problems,
	};
	const struct bl_hooks_config hooks = {
		.loop = agent->loop,
		.settings = &agent->settings,
		.datapath = agent->datapath,
		.problems = agent->problems,
	};
	int r = make_canary(agent, &config.canary, err);

	if (r < 0)
		return r;
	if (!agent->settings.config.dry_run)
		r = bl_hooks_new(&hooks, &agent->hooks);
	if (r >= 0)
		r = bl_reconcile_new(&config, &agent->reconcile);
	netns.reconcile = agent->reconcile;
	if (r >= 0)
		r = bl_netns_pods_new(&netns, &agent->netns_pods);
	if (r < 0)
		return bl_err_set(err, r, "cannot follow the objects: %s", strerror(-r));
	r = bl_node_watch_start(agent->node, agent->loop, on_addresses, agent, err);
	if (r < 0)
		return r;
	bl_agent_put_own(agent);
	return 0;
}

static int make_dns(struct bl_agent *agent, struct bl_err *err)
{
	const struct bl_agent_config *config = &agent->settings.config;
	struct bl_agent_dns_deps deps = {
		.loop = agent->loop,
		.store = agent->store,
		.allocator = agent->allocator,
		.catalog = agent->catalog,
		.problems = agent->problems,
		.node = agent->node,
		.service_cidrs = config->service_cidrs,
		.service_cidr_count = config->service_cidr_count,
		.mark = bl_settings_datapath(&agent->settings).probe_mark,
		.no_service = bl_cluster_is_followed(config),
	};

	/* Marks take a privilege that a dry run does without. */
	if (config->dry_run)
		deps.mark = 0;
	return config->dns.enabled ? bl_agent_dns_new(&config->dns, &deps, &agent->dns, err) : 0;
}

static int start_sources(struct bl_agent *agent, struct bl_err *err)
{
	const struct bl_source_handler handler = {
		.deliver = on_deliver, .report = on_report, .userdata = agent};
	_cleanup_free_ char *path = state_path(agent, "objects");
	bool cluster = bl_cluster_is_followed(&agent->settings.config);
	int r = path ? 0 : -ENOMEM;

	if (r >= 0 && cluster)
		r = bl_cluster_make_source(agent, &handler, &agent->sources[SOURCE_CLUSTER]);
	if (r >= 0 && agent->settings.config.manifests)
		r = bl_manifests_new(agent->settings.config.manifests, &handler,
				     &agent->sources[SOURCE_MANIFESTS]);
	if (r >= 0 && !cluster)
		r = bl_objects_new(path, &handler, &agent->sources[SOURCE_API]);
	if (r < 0)
		return bl_err_set(err, r, "no memory");
	bl_catalog_set_objects(agent->catalog, agent->sources[SOURCE_API]);
	/* Manifests first: what they hide of the API's is then never in force. */
	for (size_t i = 0; r >= 0 && i < BL_AGENT_SOURCES; i++)
		if (agent->sources[i])
			r = bl_source_start(agent->sources[i], agent->loop, err);
	return r;
}

static int make_servers(struct bl_agent *agent, struct bl_err *err)
{
	const struct bl_agent_config *config = &agent->settings.config;
	int r = bl_server_new(agent->loop, config->socket, bl_rest_handle, agent, &agent->server,
			      err);

	for (size_t i = 0; r >= 0 && i < config->api_listen_count; i++)
		r = bl_server_new_tcp(agent->loop, &config->api_listen[i].addr,
				      config->api_listen[i].port, BL_SERVER_NO_PAGES,
				      bl_rest_handle, agent, &agent->api_ports[i], err);
	for (size_t i = 0; r >= 0 && i < config->health_listen_count; i++)
		r = bl_server_new_tcp(agent->loop, &config->health_listen[i].addr,
				      config->health_listen[i].port, BL_SERVER_OPEN,
				      bl_rest_handle_health, agent, &agent->health_ports[i], err);
	return r;
}

/* What takes much memory for a moment, such as the text of a long list, gives it back at once. */
#define LARGE_BYTES (256 * 1024)

static int make_agent(struct bl_agent *agent, const struct bl_agent_config *config,
		      struct bl_err *err)
{
	int r;

	(void)mallopt(M_MMAP_THRESHOLD, LARGE_BYTES); /* or it grows up to 32 MiB */
	(void)mallopt(M_TRIM_THRESHOLD, LARGE_BYTES);
	agent->started_us = now_us();
	agent->started_s = time(NULL);
	r = bl_problems_new(&agent->problems);
	if (r >= 0)
		r = bl_node_watch_new(config->node_name, &agent->node, err);
	if (r >= 0) {
		struct bl_outside_policy policy = bl_settings_outside(&agent->settings);

		bl_node_watch_set_outside(agent->node, &policy);
		bl_node_watch_set_slices_only(agent->node,
					      bl_cluster_is_followed(&agent->settings.config));
	}
	if (r >= 0)
		r = bl_state_lock(agent->settings.config.state_dir, true, &agent->lock_fd, err);
	if (r >= 0)
		r = make_loop(agent, err);
	if (r >= 0)
		r = bl_cluster_open(agent, err);
	if (r >= 0)
		r = make_objects(agent, err);
	/* The socket before the datapath: who finds another agent there must not touch its maps. */
	if (r >= 0)
		r = make_servers(agent, err);
	if (r >= 0)
		r = make_datapath(agent, err);
	agent->opened_us = now_us();
	if (r >= 0)
		r = make_control(agent, err);
	if (r >= 0)
		r = bl_agent_make_outside(agent, err);
	if (r >= 0)
		r = make_health_check(agent, err);
	if (r >= 0)
		r = make_probing(agent, err);
	if (r >= 0)
		r = make_dns(agent, err);
	if (r >= 0)
		r = start_sources(agent, err);
	return r;
}

static void agent_done(struct bl_agent *agent)
{
	for (size_t i = 0; i < BL_AGENT_API_LISTEN_MAX; i++)
		agent->api_ports[i] = bl_server_free(agent->api_ports[i]);
	for (size_t i = 0; i < BL_AGENT_HEALTH_LISTEN_MAX; i++)
		agent->health_ports[i] = bl_server_free(agent->health_ports[i]);
	agent->server = bl_server_free(agent->server);
	for (size_t i = 0; i < BL_AGENT_SOURCES; i++)
		agent->sources[i] = bl_source_free(agent->sources[i]);
	bl_cluster_pool_free(agent->cluster_pool);
	bl_kube_client_free(agent->kube);
	bl_health_check_free(agent->health_check);
	bl_announcing_free(agent->announcing);
	bl_drops_free(agent->drops);
	bl_dsr_peers_free(agent->dsr_peers);
	bl_balancing_free(agent->balancing);
	bl_devices_free(agent->devices);
	bl_agent_dns_free(agent->dns);
	bl_probing_free(agent->probing);
	bl_termination_free(agent->termination);
	bl_netns_pods_free(agent->netns_pods);
	bl_reconcile_free(agent->reconcile);
	bl_hooks_free(agent->hooks);
	bl_canary_free(agent->canary);
	bl_node_watch_free(agent->node);
	bl_annotations_free(agent->annotations);
	bl_catalog_free(agent->catalog);
	sd_event_source_disable_unref(agent->bookmarks);
	bl_events_free(agent->events);
	bl_watches_free(agent->watches);
	bl_plan_free(agent->plan);
	bl_datapath_close(agent->datapath);
	bl_allocations_done(&agent->allocations);
	bl_allocator_free(agent->allocator);
	bl_pool_free(agent->pool);
	bl_store_free(agent->store);
	bl_problems_free(agent->problems);
	sd_event_source_disable_unref(agent->settle);
	sd_event_unref(agent->loop);
	bl_close_p(&agent->lock_fd);
	bl_settings_done(&agent->settings);
}

int bl_agent_run(const struct bl_agent_config *config)
{
	struct bl_agent agent = {.lock_fd = -1};
	struct bl_err err = {0};
	int r = bl_settings_init(&agent.settings, config, &err);

	if (r < 0) {
		bl_log(BL_LOG_ERROR, "%s", err.text[0] ? err.text : strerror(-r));
		return BL_EXIT_USAGE;
	}
	if (bl_settings_idle_option(&agent.settings))
		bl_log(BL_LOG_WARNING, "option '--%s' has no effect without '--device'",
		       bl_settings_idle_option(&agent.settings));
	r = make_agent(&agent, config, &err);
	if (r < 0) {
		bl_log(BL_LOG_ERROR, "%s", err.text[0] ? err.text : strerror(-r));
		agent_done(&agent);
		return r == -EPERM || r == -EACCES ? BL_EXIT_NEEDS_PRIVILEGE : BL_EXIT_FAILURE;
	}
	bl_log(BL_LOG_INFO, "agent of node '%s' serves '%s'", bl_node_watch_facts(agent.node)->name,
	       agent.settings.config.socket);
	r = sd_event_loop(agent.loop);
	if (r < 0)
		bl_log(BL_LOG_ERROR, "the event loop failed: %s", strerror(-r));
	agent_done(&agent);
	return r < 0 ? BL_EXIT_FAILURE : BL_EXIT_OK;
}
