/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/probing.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "agent/config.h"
#include "agent/endpoint_probing.h"
#include "agent/probe_events.h"
#include "agent/probe_memory.h"
#include "agent/rest.h"
#include "base/log.h"
#include "beeline/tunables.h"
#include "model/codec.h"
#include "probe/try.h"

#define SAVE_USEC (2 * 1000 * 1000ull)

struct bl_probing {
	struct bl_probing_config config;
	struct bl_store_watch *watch;
	struct bl_prober *prober;
	struct bl_tries *tries;
	struct bl_probe_events events;
	struct bl_probe_memory memory;
	struct bl_map *changed;   /* "ns/pod" whose verdict is another one */
	struct bl_map *endpoints; /* "ns/service" whose manual endpoints may be probed otherwise */
	struct bl_endpoint_probing outside;
	char *cgroup_root;
	char *state_file;
	sd_event_source *timer;  /* the next try */
	sd_event_source *settle; /* what waits to be written into the store */
	sd_event_source *save;
	uint64_t armed_us;
	bool unsaved;
};

struct bl_moment bl_probing_now(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (struct bl_moment){.us = (uint64_t)now.tv_sec * 1000000 +
					(uint64_t)now.tv_nsec / 1000,
				  .s = time(NULL)};
}

static void arm(struct bl_probing *probing)
{
	uint64_t due = bl_prober_due_us(probing->prober);

	if (due == probing->armed_us)
		return;
	probing->armed_us = due;
	if (due == UINT64_MAX) {
		(void)sd_event_source_set_enabled(probing->timer, SD_EVENT_OFF);
		return;
	}
	(void)sd_event_source_set_time(probing->timer, due);
	(void)sd_event_source_set_enabled(probing->timer, SD_EVENT_ONESHOT);
}

static void note(struct bl_probing *probing, struct bl_map *names, const char *ns, const char *name)
{
	char key[BL_PROBED_NAME_MAX];

	(void)snprintf(key, sizeof(key), "%s/%s", ns, name);
	if (bl_map_put_str(names, key, probing, NULL) < 0)
		bl_log(BL_LOG_ERROR, "no memory to follow the probes of '%s'", key);
	(void)sd_event_source_set_enabled(probing->settle, SD_EVENT_ONESHOT);
}

/* What the prober asks of us */

static void on_try_done(enum bl_probe_outcome outcome, const char *text, void *userdata);

static int start_try(struct bl_probe_entry *entry, const struct bl_probe_target *target,
		     void **ret_handle, void *userdata, struct bl_err *err)
{
	struct bl_probing *probing = userdata;
	struct bl_try *try;
	int r = bl_try_start(probing->tries, target, on_try_done, entry, &try, err);

	if (r >= 0)
		*ret_handle = try;
	return r;
}

static void cancel_try(void *handle, void *userdata)
{
	(void)userdata;
	bl_try_cancel(handle);
}

static void on_changed(const struct bl_pod *pod, void *userdata)
{
	struct bl_probing *probing = userdata;
	char service[BL_PROBED_NAME_MAX];

	probing->unsaved = true;
	(void)sd_event_source_set_enabled(probing->save, SD_EVENT_ONESHOT);
	if (!bl_endpoint_probing_address(pod)) {
		note(probing, probing->changed, pod->object.meta.ns, pod->object.meta.name);
		return;
	}
	bl_endpoint_probing_service(pod, service);
	note(probing, probing->endpoints, pod->object.meta.ns, service);
}

/* One complete line, and one event, for each result that comes into force. */
static void on_report(const struct bl_probe_report *report, void *userdata)
{
	struct bl_probing *probing = userdata;
	const struct bl_meta *meta = &report->pod->object.meta;
	const char *kind = report->kind == BL_PROBE_STARTUP ? "Startup" : "Readiness";
	const char *address = bl_endpoint_probing_address(report->pod);
	char message[BL_PROBE_EVENT_TEXT], service[BL_PROBED_NAME_MAX];

	if (report->good && !report->warning)
		(void)snprintf(message, sizeof(message), "%s probe succeeded", kind);
	else
		(void)snprintf(message, sizeof(message), "%s probe %s: %s", kind,
			       report->good ? "warning" : "failed", report->text);
	if (address) {
		bl_endpoint_probing_service(report->pod, service);
		bl_log(report->good ? BL_LOG_NOTICE : BL_LOG_WARNING,
		       "endpoint '%s' of service '%s/%s': %s%s%s", address, meta->ns, service,
		       report->good ? "answers" : "does not serve", report->text[0] ? ": " : "",
		       report->text);
		return;
	}
	bl_log(report->good ? BL_LOG_NOTICE : BL_LOG_WARNING, "pod '%s/%s', container '%s': %s %s",
	       meta->ns, meta->name, report->container,
	       report->kind == BL_PROBE_STARTUP
		       ? (report->good ? "has started;" : "has not started;")
	       : report->good ? "is ready;"
			      : "is not ready;",
	       message);
	bl_probe_events_add(&probing->events, meta->ns, meta->name,
			    !report->good || report->warning,
			    report->warning ? "ProbeWarning"
			    : report->good  ? "Healthy"
					    : "Unhealthy",
			    message, time(NULL));
	if (probing->config.noticed)
		probing->config.noticed(meta->ns, meta->name, probing->config.userdata);
}

static bool was_good(const struct bl_pod *pod, const char *container, enum bl_probe_kind kind,
		     void *userdata)
{
	struct bl_probing *probing = userdata;

	/* Manual endpoints serve until they are known not to. */
	return bl_endpoint_probing_address(pod) ||
	       bl_probe_memory_claim(&probing->memory, pod, container, kind);
}

static uint32_t draw(void *userdata)
{
	uint32_t value = 0;

	(void)userdata;
	(void)!getrandom(&value, sizeof(value), 0); /* zero is as good a number */
	return value;
}

static const struct bl_prober_ops prober_ops = {
	.start = start_try,
	.cancel = cancel_try,
	.changed = on_changed,
	.report = on_report,
	.was_good = was_good,
	.random = draw,
};

static void on_try_done(enum bl_probe_outcome outcome, const char *text, void *userdata)
{
	struct bl_probing *probing = bl_probe_entry_owner(userdata);

	bl_prober_end(userdata, outcome, text, bl_probing_now().us);
	arm(probing);
}

static int on_timer(sd_event_source *timer, uint64_t usec, void *userdata)
{
	struct bl_probing *probing = userdata;

	(void)timer;
	(void)usec;
	probing->armed_us = UINT64_MAX;
	bl_prober_run(probing->prober, bl_probing_now().us);
	arm(probing);
	return 0;
}

/* What the store says */

static bool is_ours(const struct bl_probing *probing, const struct bl_pod *pod)
{
	return pod->spec.node_name && strcmp(pod->spec.node_name, probing->config.node_name) == 0 &&
	       pod->status.phase != BL_POD_SUCCEEDED && pod->status.phase != BL_POD_FAILED;
}

static void note_pod(struct bl_probing *probing, const struct bl_event *event)
{
	const struct bl_pod *pod = bl_pod_of(event->object);
	const struct bl_moment now = bl_probing_now();
	bool gone = event->change == BL_CHANGE_DELETED;

	if (gone)
		bl_probe_events_forget(&probing->events, pod->object.meta.ns,
				       pod->object.meta.name);
	if (gone || !is_ours(probing, pod))
		bl_prober_remove(probing->prober, pod->object.meta.ns, pod->object.meta.name);
	else if (bl_prober_put(probing->prober, pod, &now) < 0)
		bl_log(BL_LOG_ERROR, "no memory for the probes of pod '%s/%s'", pod->object.meta.ns,
		       pod->object.meta.name);
	arm(probing);
}

static void on_event(const struct bl_event *event, void *userdata)
{
	struct bl_probing *probing = userdata;
	const char *service;

	if (event->object->kind == BL_KIND_POD && !probing->config.endpoints_only)
		note_pod(probing, event);
	service = bl_endpoint_probing_concerns(&probing->outside, event);
	if (service)
		note(probing, probing->endpoints, event->object->meta.ns, service);
}

static void write_pod(struct bl_probing *probing, const char *ns, const char *name)
{
	const struct bl_object *old = bl_store_find(probing->config.store, BL_KIND_POD, ns, name);
	_cleanup_(bl_object_unref) struct bl_object *object = NULL;
	const struct bl_container_verdict *verdicts;
	bool changed = false;
	size_t count;
	int r;

	if (!old || !bl_prober_verdicts(probing->prober, ns, name, &verdicts, &count))
		return;
	r = bl_object_clone(old, &object);
	if (r >= 0)
		r = bl_pod_status_apply((struct bl_pod *)object, verdicts, count, time(NULL),
					&changed);
	if (r >= 0 && changed)
		r = bl_catalog_put_status(probing->config.catalog, object);
	if (r < 0)
		bl_log(BL_LOG_ERROR, "cannot write the status of pod '%s/%s': %s", ns, name,
		       strerror(-r));
}

static void settle_endpoints(struct bl_probing *probing, const char *ns, const char *name)
{
	bl_endpoint_probing_settle(&probing->outside, ns, name);
}

/* Names of a map, another one of which is filled meanwhile: what is written brings new ones. */
static void drain(struct bl_probing *probing, struct bl_map **names_at,
		  void (*fn)(struct bl_probing *probing, const char *ns, const char *name))
{
	_cleanup_(bl_map_free) struct bl_map *names = NULL;
	struct bl_map *fresh;
	size_t cursor = 0, len;
	const void *key;

	if (!bl_map_count(*names_at))
		return;
	if (bl_map_new(&fresh) < 0) {
		(void)sd_event_source_set_enabled(probing->settle, SD_EVENT_ONESHOT);
		return;
	}
	names = *names_at;
	*names_at = fresh;
	while (bl_map_next(names, &cursor, &key, &len, NULL)) {
		char full[BL_PROBED_NAME_MAX], *slash;

		(void)snprintf(full, sizeof(full), "%.*s", (int)len, (const char *)key);
		slash = strchr(full, '/');
		*slash = '\0';
		fn(probing, full, slash + 1);
	}
}

void bl_probing_settle(struct bl_probing *probing)
{
	drain(probing, &probing->endpoints, settle_endpoints);
	drain(probing, &probing->changed, write_pod);
	arm(probing);
}

static int on_settle(sd_event_source *source, void *userdata)
{
	(void)source;
	bl_probing_settle(userdata);
	return 0;
}

/* What is kept over a restart */

static void remember(const struct bl_probe_row *row, void *userdata)
{
	if (row->good && !bl_endpoint_probing_address(row->pod))
		bl_probe_memory_add(userdata, row->pod, row->container, row->kind);
}

static void save(struct bl_probing *probing)
{
	_cleanup_(bl_buf_done) struct bl_buf text = {0};
	int r;

	if (!probing->unsaved || !probing->state_file)
		return;
	bl_prober_each(probing->prober, NULL, NULL, remember, &text);
	r = text.failed ? -ENOMEM
			: bl_write_file_atomic(probing->state_file, text.data ? text.data : "",
					       text.len, 0600);
	if (r < 0)
		bl_problems_set(probing->config.problems, "probes", BL_SEVERITY_WARNING,
				"cannot write '%s': %s; when the agent starts anew, pods wait for "
				"their probes",
				probing->state_file, strerror(-r));
	else
		bl_problems_clear(probing->config.problems, "probes");
	probing->unsaved = r < 0;
}

static int on_save(sd_event_source *timer, uint64_t usec, void *userdata)
{
	(void)usec;
	save(userdata);
	return sd_event_source_set_time_relative(timer, SAVE_USEC);
}

void bl_probing_forget_unclaimed(struct bl_probing *probing)
{
	bl_probe_memory_done(&probing->memory);
}

/* What people see */

static void add_row(const struct bl_probe_row *row, void *userdata)
{
	struct json_object *json = json_object_new_object();
	const struct bl_moment now = bl_probing_now();

	json_object_object_add(json, "container", json_object_new_string(row->container));
	json_object_object_add(json, "kind", json_object_new_string(bl_probe_kind_name(row->kind)));
	json_object_object_add(json, "action",
			       json_object_new_string(bl_probe_action_name(row->action)));
	json_object_object_add(json, "good", json_object_new_boolean(row->good));
	json_object_object_add(json, "run", json_object_new_int64(row->run));
	json_object_object_add(
		json, "last",
		row->last_us ? bl_rest_time(now.s - (int64_t)((now.us - row->last_us) / 1000000))
			     : NULL);
	json_object_object_add(json, "message",
			       row->text[0] ? json_object_new_string(row->text) : NULL);
	json_object_array_add(userdata, json);
}

struct json_object *bl_probing_json(const struct bl_probing *probing, const char *ns,
				    const char *name)
{
	struct json_object *json = json_object_new_object(), *rows = json_object_new_array();

	bl_prober_each(probing->prober, ns, name, add_row, rows);
	json_object_object_add(json, "probes", rows);
	json_object_object_add(json, "events", bl_probe_events_json(&probing->events, ns, name));
	return json;
}

struct json_object *bl_probing_events(const struct bl_probing *probing, const char *ns,
				      const char *name)
{
	return bl_probe_events_json(&probing->events, ns, name);
}

struct bl_prober_stats bl_probing_stats(const struct bl_probing *probing)
{
	return bl_prober_stats(probing->prober);
}

/* Beginning and end */

static int make_maps(struct bl_probing *probing)
{
	int r = bl_map_new(&probing->changed);

	if (r >= 0)
		r = bl_map_new(&probing->endpoints);
	if (r >= 0)
		r = bl_endpoint_probing_init(&probing->outside);
	if (r >= 0)
		r = bl_probe_events_init(&probing->events);
	if (r >= 0 && probing->state_file)
		r = bl_probe_memory_open(&probing->memory, probing->state_file);
	return r;
}

static int make_sources(struct bl_probing *probing)
{
	sd_event *loop = probing->config.loop;
	int r = sd_event_add_time(loop, &probing->timer, CLOCK_MONOTONIC, 0, 1000, on_timer,
				  probing);

	if (r >= 0)
		r = sd_event_source_set_enabled(probing->timer, SD_EVENT_OFF);
	if (r >= 0)
		r = sd_event_add_defer(loop, &probing->settle, on_settle, probing);
	if (r >= 0)
		r = sd_event_source_set_enabled(probing->settle, SD_EVENT_OFF);
	if (r >= 0)
		r = sd_event_add_time_relative(loop, &probing->save, CLOCK_MONOTONIC, SAVE_USEC, 0,
					       on_save, probing);
	if (r >= 0)
		r = sd_event_source_set_enabled(probing->save, SD_EVENT_OFF);
	return r;
}

int bl_probing_new(const struct bl_probing_config *config, struct bl_probing **ret,
		   struct bl_err *err)
{
	_cleanup_(bl_probing_free) struct bl_probing *probing = calloc(1, sizeof(*probing));
	struct bl_prober_config prober = {.ops = &prober_ops, .started_us = bl_probing_now().us};
	struct bl_tries_config tries = {.loop = config->loop,
					.mark = BL_PROBE_MARK_DEFAULT,
					.cri_socket = config->cri_socket};
	int r;

	if (!probing)
		return bl_err_set(err, -ENOMEM, "no memory");
	probing->config = *config;
	probing->outside = (struct bl_endpoint_probing){.store = config->store,
							.catalog = config->catalog,
							.problems = config->problems,
							.slices_only = config->endpoints_only};
	if (config->state_file && !(probing->state_file = strdup(config->state_file)))
		return bl_err_set(err, -ENOMEM, "no memory");
	probing->armed_us = UINT64_MAX;
	probing->cgroup_root = bl_settings_find_cgroup();
	tries.cgroup_root = probing->cgroup_root;
	prober.userdata = probing;
	r = make_maps(probing);
	if (r >= 0)
		r = bl_prober_new(&prober, &probing->prober);
	probing->outside.prober = probing->prober;
	if (r >= 0)
		r = make_sources(probing);
	if (r >= 0)
		r = bl_store_watch_add(config->store, on_event, probing, &probing->watch);
	if (r < 0)
		return bl_err_set(err, r, "cannot set up probes: %s", strerror(-r));
	r = bl_tries_new(&tries, &probing->tries, err);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(probing);
	return 0;
}

struct bl_probing *bl_probing_free(struct bl_probing *probing)
{
	if (!probing)
		return NULL;
	if (probing->watch)
		bl_store_watch_remove(probing->config.store, probing->watch);
	if (probing->prober)
		save(probing);
	bl_prober_free(probing->prober);
	bl_tries_free(probing->tries);
	bl_endpoint_probing_done(&probing->outside);
	bl_map_free(probing->endpoints);
	bl_map_free(probing->changed);
	bl_probe_events_done(&probing->events);
	bl_probe_memory_done(&probing->memory);
	sd_event_source_disable_unref(probing->timer);
	sd_event_source_disable_unref(probing->settle);
	sd_event_source_disable_unref(probing->save);
	free(probing->cgroup_root);
	free(probing->state_file);
	free(probing);
	return NULL;
}
