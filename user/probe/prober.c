/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "probe/prober.h"

#include <errno.h>
#include <string.h>

#include "probe/prober_parts.h"

#define PARALLEL_MAX 512
#define TRIES_MAX 3 /* in a row, when a try cannot be made */

int bl_prober_new(const struct bl_prober_config *config, struct bl_prober **ret)
{
	_cleanup_(bl_prober_free) struct bl_prober *prober = calloc(1, sizeof(*prober));
	int r;

	if (!prober)
		return -ENOMEM;
	prober->config = *config;
	if (!prober->config.parallel_max)
		prober->config.parallel_max = PARALLEL_MAX;
	r = bl_map_new(&prober->pods);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(prober);
	return 0;
}

void bl_probe_entry_stop(struct bl_probe_entry *entry)
{
	struct bl_prober *prober = entry->pod->prober;

	if (!entry->under_way)
		return;
	entry->under_way = false;
	prober->stats.under_way--;
	prober->config.ops->cancel(entry->handle, prober->config.userdata);
	entry->handle = NULL;
}

void bl_probe_entry_free(struct bl_probe_entry *entry)
{
	struct bl_prober *prober;

	if (!entry)
		return;
	prober = entry->pod->prober;
	bl_probe_entry_stop(entry);
	bl_heap_remove(&prober->heap, &entry->item);
	bl_probe_target_done(&entry->target);
	prober->stats.probes--;
	free(entry);
}

void bl_probed_container_free(struct bl_probed_container *container)
{
	for (size_t kind = 0; kind < BL_PROBE_KIND_COUNT; kind++)
		bl_probe_entry_free(container->probes[kind]);
	free(container->name);
	free(container);
}

static void free_pod(struct bl_probed_pod *pod)
{
	for (size_t i = 0; i < pod->count; i++)
		bl_probed_container_free(pod->containers[i]);
	free(pod->containers);
	free(pod->verdicts);
	bl_object_unref(pod->object);
	free(pod);
}

struct bl_prober *bl_prober_free(struct bl_prober *prober)
{
	size_t cursor = 0;
	void *pod;

	if (!prober)
		return NULL;
	while (prober->pods && bl_map_next(prober->pods, &cursor, NULL, NULL, &pod))
		free_pod(pod);
	bl_map_free(prober->pods);
	bl_heap_done(&prober->heap);
	free(prober);
	return NULL;
}

static const char *key_of(const char *ns, const char *name, char buffer[static 600])
{
	(void)snprintf(buffer, 600, "%s/%s", ns ? ns : "", name);
	return buffer;
}

void bl_prober_remove(struct bl_prober *prober, const char *ns, const char *name)
{
	char key[600];
	struct bl_probed_pod *pod = bl_map_remove_str(prober->pods, key_of(ns, name, key));

	if (pod)
		free_pod(pod);
}

/* What it makes of its probes. */
static struct bl_container_verdict verdict_of(const struct bl_probed_container *container)
{
	const struct bl_probe_entry *readiness = container->probes[BL_PROBE_READINESS];
	const struct bl_probe_entry *startup = container->probes[BL_PROBE_STARTUP];
	bool started = container->now.running && (!startup || startup->state.good);

	return (struct bl_container_verdict){
		.name = container->name,
		.started = started,
		.ready = started && (!readiness || readiness->state.good),
	};
}

void bl_probe_entry_report(struct bl_probe_entry *entry, bool good, bool warning, const char *text)
{
	struct bl_prober *prober = entry->pod->prober;
	const struct bl_probe_report what = {
		.pod = bl_pod_of(entry->pod->object),
		.container = entry->container->name,
		.kind = entry->rule.kind,
		.good = good,
		.warning = warning,
		.run = entry->state.run,
		.text = text,
	};

	entry->told = good ? 2 : 1;
	prober->config.ops->report(&what, prober->config.userdata);
}

int bl_probe_entry_schedule(struct bl_probe_entry *entry)
{
	return bl_heap_put(&entry->pod->prober->heap, &entry->item, entry->state.tick);
}

/* Pods */

static struct bl_probed_pod *add_pod(struct bl_prober *prober, const char *key)
{
	struct bl_probed_pod *pod = calloc(1, sizeof(*pod));

	if (pod && bl_map_put_str(prober->pods, key, pod, NULL) < 0) {
		free(pod);
		return NULL;
	}
	if (pod)
		pod->prober = prober;
	return pod;
}

/* Is what the pod says what the probes say? */
static bool is_settled(const struct bl_probed_pod *pod)
{
	const struct bl_pod *object = bl_pod_of(pod->object);

	for (size_t i = 0; i < pod->count; i++) {
		struct bl_container_verdict verdict = verdict_of(pod->containers[i]);
		const struct bl_container_status *status =
			bl_container_status_find(&object->status.container_statuses, verdict.name);

		if (!status)
			status = bl_container_status_find(&object->status.init_container_statuses,
							  verdict.name);
		/* A pod that has no place for it, such as one that stands for an endpoint, does
		 * not want to know. */
		if (status && ((status->ready == BL_TRUE) != verdict.ready ||
			       (status->started == BL_TRUE) != verdict.started))
			return false;
	}
	return true;
}

int bl_prober_put(struct bl_prober *prober, const struct bl_pod *from, const struct bl_moment *now)
{
	const struct bl_meta *meta = &from->object.meta;
	char key[600];
	struct bl_probed_pod *pod = bl_map_get_str(prober->pods, key_of(meta->ns, meta->name, key));
	int r;

	if (!bl_pod_is_probed(from)) {
		bl_prober_remove(prober, meta->ns, meta->name);
		return 0;
	}
	if (!pod)
		pod = add_pod(prober, key);
	if (!pod)
		return -ENOMEM;
	bl_object_unref(pod->object);
	pod->object = bl_object_ref((struct bl_object *)&from->object);
	r = bl_probed_pod_update(pod, now);
	if (r >= 0 && !is_settled(pod))
		prober->config.ops->changed(from, prober->config.userdata);
	return r;
}

/* Tries */

uint64_t bl_prober_due_us(const struct bl_prober *prober)
{
	const struct bl_heap_item *first = bl_heap_first(&prober->heap);

	if (!first || prober->stats.under_way >= prober->config.parallel_max)
		return UINT64_MAX;
	return first->time;
}

/* A try could not be made. True when the next one may follow at once. */
static bool note_error(struct bl_probe_entry *entry, const char *text)
{
	entry->pod->prober->stats.errors++;
	(void)snprintf(entry->text, sizeof(entry->text), "cannot probe: %.*s", BL_PROBE_TEXT - 15,
		       text);
	return ++entry->errors < TRIES_MAX;
}

static void start_try(struct bl_probe_entry *entry)
{
	struct bl_prober *prober = entry->pod->prober;
	struct bl_err err = {0};
	int r;

	if (!entry->has_target) {
		(void)note_error(entry, entry->problem);
		return;
	}
	do {
		r = prober->config.ops->start(entry, &entry->target, &entry->handle,
					      prober->config.userdata, &err);
		if (r >= 0) {
			entry->under_way = true;
			prober->stats.under_way++;
			return;
		}
	} while (note_error(entry, err.text));
}

static void note_late(struct bl_prober *prober, uint64_t late_us)
{
	prober->stats.tries++;
	prober->stats.late_us += late_us;
	if (late_us > prober->stats.late_max_us)
		prober->stats.late_max_us = late_us;
}

void bl_prober_run(struct bl_prober *prober, uint64_t now_us)
{
	while (bl_prober_due_us(prober) <= now_us) {
		struct bl_probe_entry *entry = (void *)bl_heap_first(&prober->heap);
		uint64_t due = entry->item.time;
		bool wanted = bl_probe_state_tick(&entry->state, &entry->rule,
						  &entry->container->now, now_us);

		(void)bl_probe_entry_schedule(entry); /* it is in the heap: no memory is needed */
		if (!wanted || entry->under_way)
			continue;
		note_late(prober, now_us - due);
		entry->errors = 0;
		start_try(entry);
	}
}

/* A startup probe succeeded: the readiness probe need not wait for its own time. */
static void wake_readiness(struct bl_probed_container *container, uint64_t now_us)
{
	struct bl_probe_entry *readiness = container->probes[BL_PROBE_READINESS];

	if (!readiness || readiness->under_way)
		return;
	readiness->state.tick = now_us;
	(void)bl_probe_entry_schedule(readiness);
}

void bl_prober_end(struct bl_probe_entry *entry, enum bl_probe_outcome outcome, const char *text,
		   uint64_t now_us)
{
	struct bl_prober *prober = entry->pod->prober;
	struct bl_probed_container *container = entry->container;
	struct bl_container_verdict before = verdict_of(container), after;
	bool good = outcome == BL_PROBE_SUCCESS || outcome == BL_PROBE_WARNING;

	entry->under_way = false;
	entry->handle = NULL;
	entry->last_us = now_us;
	prober->stats.under_way--;
	if (outcome == BL_PROBE_ERROR) {
		if (note_error(entry, text))
			start_try(entry);
		return;
	}
	(void)snprintf(entry->text, sizeof(entry->text), "%.*s", BL_PROBE_TEXT - 1, text);
	prober->stats.failures += !good;
	(void)bl_probe_state_note(&entry->state, &entry->rule, outcome);
	if (entry->state.good == good && entry->told != (good ? 2 : 1) &&
	    entry->state.run >=
		    (good ? entry->rule.success_threshold : entry->rule.failure_threshold))
		bl_probe_entry_report(entry, good, outcome == BL_PROBE_WARNING, text);
	if (entry->rule.kind == BL_PROBE_STARTUP) {
		container->now.started = entry->state.good;
		if (good && container->now.started)
			wake_readiness(container, now_us);
	}
	after = verdict_of(container);
	if (after.ready != before.ready || after.started != before.started)
		prober->config.ops->changed(bl_pod_of(entry->pod->object), prober->config.userdata);
}

void *bl_probe_entry_owner(const struct bl_probe_entry *entry)
{
	return entry->pod->prober->config.userdata;
}

/* What there is */

bool bl_prober_verdicts(struct bl_prober *prober, const char *ns, const char *name,
			const struct bl_container_verdict **ret, size_t *ret_count)
{
	char key[600];
	struct bl_probed_pod *pod = bl_map_get_str(prober->pods, key_of(ns, name, key));

	if (!pod)
		return false;
	for (size_t i = 0; i < pod->count; i++)
		pod->verdicts[i] = verdict_of(pod->containers[i]);
	*ret = pod->verdicts;
	*ret_count = pod->count;
	return true;
}

static void each_of_pod(const struct bl_probed_pod *pod, bl_probe_row_fn *fn, void *userdata)
{
	for (size_t i = 0; i < pod->count; i++) {
		for (size_t kind = 0; kind < BL_PROBE_KIND_COUNT; kind++) {
			const struct bl_probe_entry *entry = pod->containers[i]->probes[kind];

			if (!entry)
				continue;
			fn(&(struct bl_probe_row){.pod = bl_pod_of(pod->object),
						  .container = pod->containers[i]->name,
						  .kind = (enum bl_probe_kind)kind,
						  .action = entry->target.action,
						  .good = entry->state.good,
						  .tried = entry->state.run > 0,
						  .run = entry->state.run,
						  .last_us = entry->last_us,
						  .text = entry->text},
			   userdata);
		}
	}
}

void bl_prober_each(const struct bl_prober *prober, const char *ns, const char *name,
		    bl_probe_row_fn *fn, void *userdata)
{
	char key[600];
	size_t cursor = 0;
	void *pod;

	if (ns) {
		pod = bl_map_get_str(prober->pods, key_of(ns, name, key));
		if (pod)
			each_of_pod(pod, fn, userdata);
		return;
	}
	while (bl_map_next(prober->pods, &cursor, NULL, NULL, &pod))
		each_of_pod(pod, fn, userdata);
}

struct bl_prober_stats bl_prober_stats(const struct bl_prober *prober)
{
	return prober->stats;
}
