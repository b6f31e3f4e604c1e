/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Columns of Pod. The words for its state are those that people know from kubectl; the API has no
 * field for them. */
#include <inttypes.h>
#include <string.h>

#include "api/age.h"
#include "api/columns.h"
#include "base/cleanup.h"
#include "model/decode.h"

struct counts {
	size_t total; /* containers and sidecars */
	size_t ready;
	int64_t restarts;
	int64_t last_restart; /* 0: unknown */
};

static bool is_sidecar(struct json_object *container)
{
	return strcmp(bl_json_str_or(container, "restartPolicy", ""), "Always") == 0;
}

/* The init container of a status, by name. */
static struct json_object *init_container_of(struct json_object *pod, struct json_object *status)
{
	return bl_json_find(bl_json_at(pod, "spec.initContainers"), "name",
			    bl_json_str_or(status, "name", ""));
}

static void count_restarts(struct counts *counts, struct json_object *status)
{
	const char *finished = bl_json_str(status, "lastState.terminated.finishedAt");
	int64_t time;

	counts->restarts += bl_json_int(status, "restartCount", 0);
	if (finished && bl_time_parse(finished, &time) == 0 && time > counts->last_restart)
		counts->last_restart = time;
}

static struct json_object *condition_of(struct json_object *pod, const char *type)
{
	return bl_json_find(bl_json_at(pod, "status.conditions"), "type", type);
}

static bool condition_is_true(struct json_object *pod, const char *type)
{
	return strcmp(bl_json_str_or(condition_of(pod, type), "status", ""), "True") == 0;
}

static void set_text(struct bl_buf *text, const char *prefix, const char *word)
{
	bl_buf_done(text);
	*text = (struct bl_buf){0};
	bl_buf_addf(text, "%s%s", prefix, word);
}

/* Why a container ended: its reason, else its signal, else its exit code. */
static void set_end(struct bl_buf *text, const char *prefix, struct json_object *terminated)
{
	const char *reason = bl_json_str_or(terminated, "reason", NULL);
	int64_t signal = bl_json_int(terminated, "signal", 0);
	char word[48];

	if (signal)
		(void)snprintf(word, sizeof(word), "Signal:%" PRId64, signal);
	else
		(void)snprintf(word, sizeof(word), "ExitCode:%" PRId64,
			       bl_json_int(terminated, "exitCode", 0));
	set_text(text, prefix, reason ? reason : word);
}

/* Sets the reason and returns true while this init container holds the pod up. */
static bool init_container_waits(struct json_object *pod, struct json_object *status, size_t index,
				 struct counts *counts, struct bl_buf *reason)
{
	struct json_object *container = init_container_of(pod, status);
	struct json_object *terminated = bl_json_at(status, "state.terminated");
	const char *waiting = bl_json_str_or(status, "state.waiting.reason", "PodInitializing");
	char progress[48];

	if (terminated && bl_json_int(terminated, "exitCode", 0) == 0)
		return false;
	if (is_sidecar(container) && bl_json_bool(status, "started", false)) {
		counts->ready += bl_json_bool(status, "ready", false);
		return false;
	}
	if (terminated) {
		set_end(reason, "Init:", terminated);
	} else if (strcmp(waiting, "PodInitializing") != 0) {
		set_text(reason, "Init:", waiting);
	} else {
		(void)snprintf(progress, sizeof(progress), "%zu/%zu", index,
			       bl_json_len(bl_json_at(pod, "spec.initContainers")));
		set_text(reason, "Init:", progress);
	}
	return true;
}

static bool read_init_containers(struct json_object *pod, struct counts *counts,
				 struct bl_buf *reason)
{
	struct json_object *containers = bl_json_at(pod, "spec.initContainers");
	struct json_object *statuses = bl_json_at(pod, "status.initContainerStatuses");
	struct counts sidecars = {0};

	for (size_t i = 0; i < bl_json_len(containers); i++)
		counts->total += is_sidecar(bl_json_item(containers, i));
	for (size_t i = 0; i < bl_json_len(statuses); i++) {
		struct json_object *status = bl_json_item(statuses, i);

		count_restarts(counts, status);
		if (is_sidecar(init_container_of(pod, status)))
			count_restarts(&sidecars, status);
		if (init_container_waits(pod, status, i, counts, reason))
			return true;
	}
	/* Once the pod runs, only what still may restart counts. */
	counts->restarts = sidecars.restarts;
	counts->last_restart = sidecars.last_restart;
	return false;
}

static void read_containers(struct json_object *pod, struct counts *counts, struct bl_buf *reason)
{
	struct json_object *statuses = bl_json_at(pod, "status.containerStatuses");
	bool running = false;

	/* kubectl says 0 then; but on a node without a kubelet nobody writes the statuses, and what
	 * the manifest says about the pod is all there is. */
	if (bl_json_len(statuses) == 0 && condition_is_true(pod, "Ready"))
		counts->ready = counts->total;
	for (size_t i = bl_json_len(statuses); i-- > 0;) {
		struct json_object *status = bl_json_item(statuses, i);
		const char *waiting = bl_json_str_or(status, "state.waiting.reason", NULL);
		struct json_object *terminated = bl_json_at(status, "state.terminated");

		count_restarts(counts, status);
		if (waiting) {
			set_text(reason, "", waiting);
		} else if (terminated) {
			set_end(reason, "", terminated);
		} else if (bl_json_bool(status, "ready", false) &&
			   bl_json_at(status, "state.running")) {
			running = true;
			counts->ready++;
		}
	}
	if (running && reason->data && strcmp(reason->data, "Completed") == 0)
		set_text(reason, "", condition_is_true(pod, "Ready") ? "Running" : "NotReady");
}

static bool waits_for_gates(struct json_object *pod)
{
	struct json_object *scheduled = condition_of(pod, "PodScheduled");

	return strcmp(bl_json_str_or(scheduled, "reason", ""), "SchedulingGated") == 0;
}

/* Counts and the word for the state. */
static void read_pod(struct json_object *pod, struct counts *counts, struct bl_buf *reason)
{
	bool unreachable = strcmp(bl_json_str_or(pod, "status.reason", ""), "NodeLost") == 0;

	*counts = (struct counts){.total = bl_json_len(bl_json_at(pod, "spec.containers"))};
	set_text(reason, "",
		 bl_json_str_or(pod, "status.reason", bl_json_str_or(pod, "status.phase", "")));
	if (waits_for_gates(pod))
		set_text(reason, "", "SchedulingGated");
	if (!read_init_containers(pod, counts, reason))
		read_containers(pod, counts, reason);
	if (bl_json_str(pod, "metadata.deletionTimestamp"))
		set_text(reason, "", unreachable ? "Unknown" : "Terminating");
}

void bl_pod_status_add(struct json_object *pod, struct bl_buf *ret)
{
	_cleanup_(bl_buf_done) struct bl_buf reason = {0};
	struct counts counts;

	read_pod(pod, &counts, &reason);
	bl_buf_add_str(ret, reason.data ? reason.data : "");
}

static void pod_status(struct json_object *object, const struct bl_view *view, struct bl_buf *ret)
{
	(void)view;
	bl_pod_status_add(object, ret);
}

static void pod_ready(struct json_object *object, const struct bl_view *view, struct bl_buf *ret)
{
	_cleanup_(bl_buf_done) struct bl_buf reason = {0};
	struct counts counts;

	(void)view;
	read_pod(object, &counts, &reason);
	bl_buf_addf(ret, "%zu/%zu", counts.ready, counts.total);
}

static void pod_restarts(struct json_object *object, const struct bl_view *view, struct bl_buf *ret)
{
	_cleanup_(bl_buf_done) struct bl_buf reason = {0};
	struct counts counts;

	read_pod(object, &counts, &reason);
	bl_buf_addf(ret, "%" PRId64, counts.restarts);
	if (counts.restarts && counts.last_restart) {
		bl_buf_add_str(ret, " (");
		bl_duration_add(view->now - counts.last_restart, ret);
		bl_buf_add_str(ret, " ago)");
	}
}

static void pod_ip(struct json_object *object, const struct bl_view *view, struct bl_buf *ret)
{
	(void)view;
	bl_buf_add_str(ret, bl_json_str_or(object, "status.podIPs.0.ip",
					   bl_json_str_or(object, "status.podIP", "<none>")));
}

static void pod_node(struct json_object *object, const struct bl_view *view, struct bl_buf *ret)
{
	(void)view;
	bl_buf_add_str(ret, bl_json_str_or(object, "spec.nodeName", "<none>"));
}

static void pod_nominated(struct json_object *object, const struct bl_view *view,
			  struct bl_buf *ret)
{
	(void)view;
	bl_buf_add_str(ret, bl_json_str_or(object, "status.nominatedNodeName", "<none>"));
}

static void pod_gates(struct json_object *object, const struct bl_view *view, struct bl_buf *ret)
{
	struct json_object *gates = bl_json_at(object, "spec.readinessGates");
	size_t met = 0;

	(void)view;
	for (size_t i = 0; i < bl_json_len(gates); i++)
		met += condition_is_true(
			object, bl_json_str_or(bl_json_item(gates, i), "conditionType", ""));
	if (bl_json_len(gates))
		bl_buf_addf(ret, "%zu/%zu", met, bl_json_len(gates));
	else
		bl_buf_add_str(ret, "<none>");
}

static int64_t live_at(const struct bl_view *view, const char *address)
{
	struct json_object *count;

	return address && json_object_object_get_ex(view->live, address, &count)
		       ? json_object_get_int64(count)
		       : 0;
}

/* Of this node's sockets, through Services. Pods in the network of their node share its address, so
 * that nothing is known of one of them. */
static void pod_connections(struct json_object *object, const struct bl_view *view,
			    struct bl_buf *ret)
{
	struct json_object *ips = bl_json_at(object, "status.podIPs");
	int64_t live = 0;

	if (!view->live || json_object_get_boolean(bl_json_at(object, "spec.hostNetwork"))) {
		bl_buf_add_str(ret, "<unknown>");
		return;
	}
	for (size_t i = 0; i < bl_json_len(ips); i++)
		live += live_at(view, bl_json_str_or(bl_json_item(ips, i), "ip", NULL));
	if (!bl_json_len(ips))
		live = live_at(view, bl_json_str_or(object, "status.podIP", NULL));
	bl_buf_addf(ret, "%lld", (long long)live);
}

const struct bl_column bl_columns_pod[] = {
	{"Name", false, bl_column_name},
	{"Ready", false, pod_ready},
	{"Status", false, pod_status},
	{"Restarts", false, pod_restarts},
	{"Age", false, bl_column_age},
	{"IP", true, pod_ip},
	{"Node", true, pod_node},
	{"Nominated Node", true, pod_nominated},
	{"Readiness Gates", true, pod_gates},
	{"Connections", true, pod_connections, .ours = true},
	{NULL},
};
