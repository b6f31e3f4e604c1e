/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "probe/status.h"

#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "model/schema.h"

#define READY "Ready"
#define CONTAINERS_READY "ContainersReady"

bool bl_container_is_probed(const struct bl_container *container)
{
	return container->readiness_probe || container->startup_probe;
}

bool bl_container_is_sidecar(const struct bl_container *container)
{
	return container->restart_policy && strcmp(container->restart_policy, "Always") == 0;
}

bool bl_pod_is_probed(const struct bl_pod *pod)
{
	for (size_t i = 0; i < pod->spec.containers.count; i++)
		if (bl_container_is_probed(&pod->spec.containers.items[i]))
			return true;
	for (size_t i = 0; i < pod->spec.init_containers.count; i++)
		if (bl_container_is_sidecar(&pod->spec.init_containers.items[i]) &&
		    bl_container_is_probed(&pod->spec.init_containers.items[i]))
			return true;
	return false;
}

static const char *address_of(const struct bl_pod *pod)
{
	if (pod->status.pod_ip && pod->status.pod_ip[0])
		return pod->status.pod_ip;
	return pod->status.pod_ips.count ? pod->status.pod_ips.items[0].ip : NULL;
}

static bool same_text(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "") == 0;
}

/* What goes on from version to version of a pod, while it keeps its address. */
struct completion {
	struct bl_pod *pod;
	const struct bl_pod *old; /* NULL: another pod, or none */
	bool probed;
	bool ready_before; /* what the manifest's own Ready condition says */
	int64_t now_s;
};

/* Conditions */

/* One more item, zeroed. Fields that are kept as text are found by the place of their struct, and
 * move along. NULL: no memory. */
static void *grow_list(struct bl_pod *pod, void *list_at, size_t size)
{
	struct bl_any_list *list = list_at;
	uintptr_t from = (uintptr_t)list->items, len = list->count * size;
	char *items = bl_arena_alloc(pod->object.arena, len + size);

	if (!items)
		return NULL;
	if (len)
		memcpy(items, list->items, len);
	for (const struct bl_kept *at = pod->object.kept; at; at = at->next) {
		struct bl_kept *kept = (struct bl_kept *)at; /* in our own arena */
		uintptr_t base = (uintptr_t)kept->base;

		if (base >= from && base < from + len)
			kept->base = items + (base - from);
	}
	list->items = items;
	list->count++;
	return items + len;
}

static struct bl_condition *add_condition(struct bl_pod *pod, const char *type)
{
	struct bl_condition *condition =
		grow_list(pod, &pod->status.conditions, sizeof(*condition));

	if (condition)
		condition->type = type;
	return condition;
}

static int set_condition(struct bl_pod *pod, const char *type, bool good, const char *reason,
			 const char *message, int64_t now_s, bool *changed)
{
	struct bl_condition *condition =
		(struct bl_condition *)bl_condition_find(&pod->status.conditions, type);
	enum bl_tristate status = good ? BL_TRUE : BL_FALSE;

	if (!condition)
		condition = add_condition(pod, type);
	if (!condition)
		return -ENOMEM;
	if (condition->status == status && same_text(condition->reason, reason) &&
	    same_text(condition->message, message) && condition->last_transition_time)
		return 0;
	if (condition->status != status || !condition->last_transition_time)
		condition->last_transition_time = now_s;
	condition->status = status;
	condition->reason = reason;
	condition->message = message ? bl_arena_strdup(pod->object.arena, message) : NULL;
	*changed = true;
	return message && !condition->message ? -ENOMEM : 0;
}

static bool is_ready(const struct bl_container_statuses *statuses, const char *name)
{
	const struct bl_container_status *status = bl_container_status_find(statuses, name);

	return status && status->ready == BL_TRUE;
}

/* "containers with unready status: [a b]", empty when all are ready. */
static void list_unready(const struct bl_pod *pod, struct bl_buf *ret)
{
	size_t count = 0;

	for (size_t i = 0; i < pod->spec.containers.count; i++) {
		const char *name = pod->spec.containers.items[i].name;

		if (!is_ready(&pod->status.container_statuses, name))
			bl_buf_addf(ret, "%s%s",
				    count++ ? " " : "containers with unready status: [", name);
	}
	for (size_t i = 0; i < pod->spec.init_containers.count; i++) {
		const struct bl_container *container = &pod->spec.init_containers.items[i];

		if (bl_container_is_sidecar(container) &&
		    !is_ready(&pod->status.init_container_statuses, container->name))
			bl_buf_addf(ret, "%s%s",
				    count++ ? " " : "containers with unready status: [",
				    container->name);
	}
	if (count)
		bl_buf_add_str(ret, "]");
}

static void list_closed_gates(const struct bl_pod *pod, struct bl_buf *ret)
{
	for (size_t i = 0; i < pod->spec.readiness_gates.count; i++) {
		const char *gate = pod->spec.readiness_gates.items[i];
		const struct bl_condition *condition =
			bl_condition_find(&pod->status.conditions, gate);

		if (condition && condition->status == BL_TRUE)
			continue;
		bl_buf_addf(ret, "%scondition of readiness gate '%s' is %s", ret->len ? ", " : "",
			    gate, condition ? "not True" : "not there");
	}
}

static int set_conditions(struct bl_pod *pod, int64_t now_s, bool *changed)
{
	_cleanup_(bl_buf_done) struct bl_buf unready = {0};
	_cleanup_(bl_buf_done) struct bl_buf gates = {0};
	int r;

	list_unready(pod, &unready);
	list_closed_gates(pod, &gates);
	if (unready.failed || gates.failed)
		return -ENOMEM;
	r = set_condition(pod, CONTAINERS_READY, !unready.len,
			  unready.len ? "ContainersNotReady" : NULL, unready.data, now_s, changed);
	if (r < 0)
		return r;
	return set_condition(pod, READY, !unready.len && !gates.len,
			     unready.len ? "ContainersNotReady"
			     : gates.len ? "ReadinessGatesNotReady"
					 : NULL,
			     unready.len ? unready.data : gates.data, now_s, changed);
}

/* Statuses of containers */

static const struct bl_container *container_named(const struct bl_containers *containers,
						  const char *name)
{
	for (size_t i = 0; i < containers->count; i++)
		if (same_text(containers->items[i].name, name))
			return &containers->items[i];
	return NULL;
}

static int make_status(const struct completion *completion, const struct bl_container *container,
		       const struct bl_container_status *before,
		       struct bl_container_statuses *statuses, struct bl_container_status **ret)
{
	struct bl_pod *pod = completion->pod;
	struct bl_container_status *status = grow_list(pod, statuses, sizeof(*status));
	struct bl_container_running *running = bl_arena_alloc(pod->object.arena, sizeof(*running));

	if (!status || !running)
		return -ENOMEM;
	running->started_at = before && before->state.running ? before->state.running->started_at
							      : pod->status.start_time;
	*status = (struct bl_container_status){
		.name = container->name,
		.image = container->image,
		.state = {.running = running},
		.ready = completion->ready_before ? BL_TRUE : BL_FALSE,
		.started = BL_TRUE,
		.restart_count = before ? before->restart_count : 0,
	};
	*ret = status;
	return 0;
}

static int complete_container(const struct completion *completion,
			      const struct bl_container *container,
			      const struct bl_containers *old_containers,
			      const struct bl_container_statuses *old_statuses,
			      struct bl_container_statuses *statuses)
{
	const struct bl_container *old =
		old_containers ? container_named(old_containers, container->name) : NULL;
	const struct bl_container_status *before =
		old_statuses ? bl_container_status_find(old_statuses, container->name) : NULL;
	struct bl_container_status *status = bl_container_status_find(statuses, container->name);
	int r;

	if (!status) {
		r = make_status(completion, container, before, statuses, &status);
		if (r < 0)
			return r;
	}
	if (completion->probed && bl_container_is_probed(container)) {
		bool same = before && old && bl_container_is_probed(old) &&
			    same_text(before->container_id, status->container_id);

		status->started = same                       ? before->started
				  : container->startup_probe ? BL_FALSE
							     : BL_TRUE;
		status->ready = same ? before->ready : BL_FALSE;
	} else if (completion->probed && old && bl_container_is_probed(old)) {
		status->ready = BL_TRUE; /* its probes were taken away */
		status->started = BL_TRUE;
	}
	if (status->ready == BL_UNSET)
		status->ready = BL_TRUE;
	return 0;
}

static int complete_statuses(const struct completion *completion)
{
	struct bl_pod *pod = completion->pod;
	const struct bl_pod *old = completion->old;

	for (size_t i = 0; i < pod->spec.containers.count; i++) {
		int r = complete_container(completion, &pod->spec.containers.items[i],
					   old ? &old->spec.containers : NULL,
					   old ? &old->status.container_statuses : NULL,
					   &pod->status.container_statuses);

		if (r < 0)
			return r;
	}
	for (size_t i = 0; i < pod->spec.init_containers.count; i++) {
		int r;

		if (!bl_container_is_sidecar(&pod->spec.init_containers.items[i]))
			continue;
		r = complete_container(completion, &pod->spec.init_containers.items[i],
				       old ? &old->spec.init_containers : NULL,
				       old ? &old->status.init_container_statuses : NULL,
				       &pod->status.init_container_statuses);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Times of conditions go on while their status stays. */
static void keep_times(struct bl_pod *pod, const struct bl_pod *old)
{
	for (size_t i = 0; i < pod->status.conditions.count; i++) {
		struct bl_condition *condition = &pod->status.conditions.items[i];
		const struct bl_condition *before =
			bl_condition_find(&old->status.conditions, condition->type);

		if (before && before->status == condition->status && before->last_transition_time)
			condition->last_transition_time = before->last_transition_time;
	}
}

int bl_pod_status_complete(struct bl_pod *pod, const struct bl_pod *old, bool probed, int64_t now_s)
{
	const struct bl_condition *given = bl_condition_find(&pod->status.conditions, READY);
	const char *address = address_of(pod);
	struct completion completion = {.pod = pod, .probed = probed, .now_s = now_s};
	bool decided, changed = false;
	int r;

	/* Nobody has run it yet; once it has an address somebody does. */
	if (!address && pod->status.phase == BL_POD_PHASE_UNSET)
		pod->status.phase = BL_POD_PENDING;
	else if (address && pod->status.phase == BL_POD_PENDING && old && !address_of(old))
		pod->status.phase = BL_POD_PHASE_UNSET;
	if (!address ||
	    (pod->status.phase != BL_POD_PHASE_UNSET && pod->status.phase != BL_POD_RUNNING))
		return 0;
	if (old && same_text(address_of(old), address))
		completion.old = old;
	completion.ready_before = !given || given->status == BL_TRUE;
	decided = !given || pod->spec.readiness_gates.count || (probed && bl_pod_is_probed(pod)) ||
		  (probed && completion.old && bl_pod_is_probed(completion.old));
	pod->status.phase = BL_POD_RUNNING;
	if (!pod->status.start_time)
		pod->status.start_time = completion.old && completion.old->status.start_time
						 ? completion.old->status.start_time
						 : now_s;
	r = complete_statuses(&completion);
	if (r >= 0 && decided)
		r = set_conditions(pod, now_s, &changed);
	if (r >= 0 && completion.old)
		keep_times(pod, completion.old);
	return r;
}

int bl_pod_status_apply(struct bl_pod *pod, const struct bl_container_verdict *verdicts,
			size_t count, int64_t now_s, bool *ret_changed)
{
	bool changed = false;
	int r;

	for (size_t i = 0; i < count; i++) {
		const struct bl_container_verdict *verdict = &verdicts[i];
		enum bl_tristate ready = verdict->ready ? BL_TRUE : BL_FALSE;
		enum bl_tristate started = verdict->started ? BL_TRUE : BL_FALSE;
		struct bl_container_status *status =
			bl_container_status_find(&pod->status.container_statuses, verdict->name);

		if (!status)
			status = bl_container_status_find(&pod->status.init_container_statuses,
							  verdict->name);
		if (!status || (status->ready == ready && status->started == started))
			continue;
		status->ready = ready;
		status->started = started;
		changed = true;
	}
	r = set_conditions(pod, now_s, &changed);
	if (r >= 0)
		*ret_changed = changed;
	return r;
}
