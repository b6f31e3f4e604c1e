/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <string.h>

#include "probe/prober_parts.h"

/* How a container is */

static uint64_t hash(uint64_t seed, const char *text)
{
	for (; text && *text; text++)
		seed = (seed ^ (uint8_t)*text) * 0x100000001b3ull;
	return (seed ^ 0xff) * 0x100000001b3ull;
}

static uint64_t identity_of(const struct bl_pod *pod, const struct bl_container_status *status)
{
	uint64_t identity = hash(0xcbf29ce484222325ull, pod->object.meta.uid);

	identity = hash(identity, pod->status.pod_ip);
	if (status) {
		identity = hash(identity, status->container_id);
		identity = (identity ^ (uint64_t)status->restart_count) * 0x100000001b3ull;
	}
	return identity;
}

static struct bl_probe_container observe(const struct bl_pod *pod,
					 const struct bl_container *container,
					 const struct bl_container_status *status,
					 const struct bl_moment *now)
{
	const struct bl_container_running *running = status ? status->state.running : NULL;
	bool ended = status && (status->state.terminated || status->state.waiting);
	int64_t since =
		running && running->started_at ? running->started_at : pod->status.start_time;
	uint64_t age_us = since && now->s > since ? (uint64_t)(now->s - since) * 1000000 : 0;

	return (struct bl_probe_container){
		.identity = identity_of(pod, status),
		.started_us = age_us < now->us ? now->us - age_us : 0,
		.running = pod->status.phase == BL_POD_RUNNING && !ended,
		.started = !container->startup_probe,
		.terminating = pod->object.meta.deletion_time != 0,
	};
}

/* Pods */

static struct bl_probe_rule rule_of(enum bl_probe_kind kind, const struct bl_probe *probe)
{
	return (struct bl_probe_rule){
		.kind = kind,
		.initial_delay_s = (uint32_t)probe->initial_delay_s,
		.period_s = probe->period_s < 1 ? 10 : (uint32_t)probe->period_s,
		.success_threshold =
			probe->success_threshold < 1 ? 1 : (uint32_t)probe->success_threshold,
		.failure_threshold =
			probe->failure_threshold < 1 ? 3 : (uint32_t)probe->failure_threshold,
	};
}

static int read_target(struct bl_probe_entry *entry, const struct bl_pod *pod,
		       const struct bl_container *container, const struct bl_probe *probe)
{
	struct bl_err err = {0};
	int r;

	bl_probe_target_done(&entry->target);
	r = bl_probe_target_make(pod, container, probe, &entry->target, &err);
	entry->has_target = r >= 0;
	(void)snprintf(entry->problem, sizeof(entry->problem), "%.*s", BL_PROBE_TEXT - 1,
		       r < 0 ? err.text : "");
	return r == -ENOMEM ? r : 0;
}

static struct bl_probe_entry *add_entry(struct bl_probed_pod *pod,
					struct bl_probed_container *container,
					enum bl_probe_kind kind, const struct bl_probe *probe,
					const struct bl_moment *now)
{
	struct bl_prober *prober = pod->prober;
	const struct bl_prober_ops *ops = prober->config.ops;
	struct bl_probe_entry *entry = calloc(1, sizeof(*entry));
	struct bl_probe_rule rule = rule_of(kind, probe);
	bool good;

	if (!entry)
		return NULL;
	good = container->now.running && ops->was_good &&
	       ops->was_good(bl_pod_of(pod->object), container->name, kind,
			     prober->config.userdata);
	entry->pod = pod;
	entry->container = container;
	entry->rule = rule;
	entry->told = good ? 2 : 0;
	bl_probe_state_init(&entry->state, &container->now, good,
			    bl_probe_first_us(&rule, now->us, prober->config.started_us,
					      ops->random(prober->config.userdata)));
	container->probes[kind] = entry;
	prober->stats.probes++;
	return entry;
}

/* One probe of the version that is being read; NULL: it has none of this kind. */
static int update_entry(struct bl_probed_pod *pod, struct bl_probed_container *container,
			const struct bl_container *from, enum bl_probe_kind kind,
			const struct bl_probe *probe, const struct bl_moment *now)
{
	struct bl_probe_entry *entry = container->probes[kind];
	int r;

	if (!probe) {
		bl_probe_entry_free(entry);
		container->probes[kind] = NULL;
		return 0;
	}
	if (!entry)
		entry = add_entry(pod, container, kind, probe, now);
	if (!entry)
		return -ENOMEM;
	entry->rule = rule_of(kind, probe);
	r = read_target(entry, bl_pod_of(pod->object), from, probe);
	if (r < 0)
		return r;
	if (entry->state.identity != container->now.identity)
		bl_probe_entry_stop(entry); /* it asks a container that is gone */
	if (bl_probe_state_observe(&entry->state, &entry->rule, &container->now, now->us))
		bl_probe_entry_report(entry, false, false,
				      container->now.running ? "the container was started anew"
							     : "the container does not run");
	if (!container->now.running || entry->state.run == 0)
		entry->told = entry->state.good ? entry->told : 0;
	return bl_probe_entry_schedule(entry);
}

static struct bl_probed_container *find_container(const struct bl_probed_pod *pod, const char *name)
{
	for (size_t i = 0; i < pod->count; i++)
		if (strcmp(pod->containers[i]->name, name) == 0)
			return pod->containers[i];
	return NULL;
}

static struct bl_probed_container *add_container(struct bl_probed_pod *pod, const char *name)
{
	struct bl_probed_container *container = calloc(1, sizeof(*container));
	struct bl_probed_container **containers =
		reallocarray(pod->containers, pod->count + 1, sizeof(struct bl_probed_container *));
	struct bl_container_verdict *verdicts;

	if (containers)
		pod->containers = containers;
	verdicts = reallocarray(pod->verdicts, pod->count + 1, sizeof(*verdicts));
	if (verdicts)
		pod->verdicts = verdicts;
	if (container)
		container->name = strdup(name);
	if (!container || !containers || !verdicts || !container->name) {
		if (container)
			free(container->name);
		free(container);
		return NULL;
	}
	pod->containers[pod->count++] = container;
	return container;
}

static int update_container(struct bl_probed_pod *pod, const struct bl_container *from,
			    const struct bl_container_statuses *statuses,
			    const struct bl_moment *now)
{
	const struct bl_container_status *status = bl_container_status_find(statuses, from->name);
	struct bl_probed_container *container = find_container(pod, from->name);
	struct bl_probe_container seen;
	int r;

	if (!bl_container_is_probed(from))
		return 0;
	if (!container)
		container = add_container(pod, from->name);
	if (!container)
		return -ENOMEM;
	container->seen = true;
	seen = observe(bl_pod_of(pod->object), from, status, now);
	/* The start is known to the second only and read anew each time: the first word counts. */
	if (container->now.identity == seen.identity && container->now.started_us)
		seen.started_us = container->now.started_us;
	container->now = seen;
	r = update_entry(pod, container, from, BL_PROBE_STARTUP, from->startup_probe, now);
	if (container->probes[BL_PROBE_STARTUP])
		container->now.started = container->probes[BL_PROBE_STARTUP]->state.good;
	if (r >= 0)
		r = update_entry(pod, container, from, BL_PROBE_READINESS, from->readiness_probe,
				 now);
	return r;
}

int bl_probed_pod_update(struct bl_probed_pod *pod, const struct bl_moment *now)
{
	const struct bl_pod *from = bl_pod_of(pod->object);
	int r = 0;

	for (size_t i = 0; i < pod->count; i++)
		pod->containers[i]->seen = false;
	for (size_t i = 0; r >= 0 && i < from->spec.containers.count; i++)
		r = update_container(pod, &from->spec.containers.items[i],
				     &from->status.container_statuses, now);
	for (size_t i = 0; r >= 0 && i < from->spec.init_containers.count; i++)
		if (bl_container_is_sidecar(&from->spec.init_containers.items[i]))
			r = update_container(pod, &from->spec.init_containers.items[i],
					     &from->status.init_container_statuses, now);
	for (size_t i = 0; i < pod->count;) {
		if (pod->containers[i]->seen) {
			i++;
			continue;
		}
		bl_probed_container_free(pod->containers[i]);
		pod->containers[i] = pod->containers[--pod->count];
	}
	return r;
}
