/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "probe/prober.h"

#include <errno.h>
#include <string.h>

#include "base/map.h"
#include "probe/heap.h"

#define PARALLEL_MAX 512
#define TRIES_MAX 3 /* in a row, when a try cannot be made */
#define TEXT_MAX 160

struct probed_container {
	char *name;
	struct bl_probe_container now; /* how it is */
	struct bl_probe_entry *probes[BL_PROBE_KIND_COUNT];
	bool seen; /* by the version of the pod that is being read */
};

struct probed_pod {
	struct bl_prober *prober;
	struct bl_object *object; /* a reference */
	struct probed_container **containers;
	size_t count;
	struct bl_container_verdict *verdicts; /* room for all of them */
};

struct bl_probe_entry {
	struct bl_heap_item item; /* first: what is in the heap is an entry */
	struct probed_pod *pod;
	struct probed_container *container;
	struct bl_probe_rule rule;
	struct bl_probe_state state;
	struct bl_probe_target target;
	bool has_target;
	char problem[TEXT_MAX]; /* why there is no target */
	void *handle;           /* of the try under way */
	bool under_way;
	uint8_t errors; /* tries in a row that could not be made */
	uint8_t told;   /* what was reported last: 0 nothing, 1 not good, 2 good */
	uint64_t last_us;
	char text[TEXT_MAX];
};

struct bl_prober {
	struct bl_prober_config config;
	struct bl_map *pods; /* "ns/name" -> struct probed_pod */
	struct bl_heap heap;
	struct bl_prober_stats stats;
};

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

static void stop_try(struct bl_prober *prober, struct bl_probe_entry *entry)
{
	if (!entry->under_way)
		return;
	entry->under_way = false;
	prober->stats.under_way--;
	prober->config.ops->cancel(entry->handle, prober->config.userdata);
	entry->handle = NULL;
}

static void free_entry(struct bl_prober *prober, struct bl_probe_entry *entry)
{
	if (!entry)
		return;
	stop_try(prober, entry);
	bl_heap_remove(&prober->heap, &entry->item);
	bl_probe_target_done(&entry->target);
	prober->stats.probes--;
	free(entry);
}

static void free_container(struct bl_prober *prober, struct probed_container *container)
{
	for (size_t kind = 0; kind < BL_PROBE_KIND_COUNT; kind++)
		free_entry(prober, container->probes[kind]);
	free(container->name);
	free(container);
}

static void free_pod(struct bl_prober *prober, struct probed_pod *pod)
{
	for (size_t i = 0; i < pod->count; i++)
		free_container(prober, pod->containers[i]);
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
		free_pod(prober, pod);
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
	struct probed_pod *pod = bl_map_remove_str(prober->pods, key_of(ns, name, key));

	if (pod)
		free_pod(prober, pod);
}

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

/* What it makes of its probes. */
static struct bl_container_verdict verdict_of(const struct probed_container *container)
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

static void report(struct bl_probe_entry *entry, bool good, bool warning, const char *text)
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

static int schedule(struct bl_probe_entry *entry)
{
	return bl_heap_put(&entry->pod->prober->heap, &entry->item, entry->state.tick);
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
	(void)snprintf(entry->problem, sizeof(entry->problem), "%.*s", TEXT_MAX - 1,
		       r < 0 ? err.text : "");
	return r == -ENOMEM ? r : 0;
}

static struct bl_probe_entry *add_entry(struct probed_pod *pod, struct probed_container *container,
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
static int update_entry(struct probed_pod *pod, struct probed_container *container,
			const struct bl_container *from, enum bl_probe_kind kind,
			const struct bl_probe *probe, const struct bl_moment *now)
{
	struct bl_probe_entry *entry = container->probes[kind];
	int r;

	if (!probe) {
		free_entry(pod->prober, entry);
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
		stop_try(pod->prober, entry); /* it asks a container that is gone */
	if (bl_probe_state_observe(&entry->state, &entry->rule, &container->now, now->us))
		report(entry, false, false,
		       container->now.running ? "the container was started anew"
					      : "the container does not run");
	if (!container->now.running || entry->state.run == 0)
		entry->told = entry->state.good ? entry->told : 0;
	return schedule(entry);
}

static struct probed_container *find_container(const struct probed_pod *pod, const char *name)
{
	for (size_t i = 0; i < pod->count; i++)
		if (strcmp(pod->containers[i]->name, name) == 0)
			return pod->containers[i];
	return NULL;
}

static struct probed_container *add_container(struct probed_pod *pod, const char *name)
{
	struct probed_container *container = calloc(1, sizeof(*container));
	struct probed_container **containers =
		reallocarray(pod->containers, pod->count + 1, sizeof(struct probed_container *));
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

static int update_container(struct probed_pod *pod, const struct bl_container *from,
			    const struct bl_container_statuses *statuses,
			    const struct bl_moment *now)
{
	const struct bl_container_status *status = bl_container_status_find(statuses, from->name);
	struct probed_container *container = find_container(pod, from->name);
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

static int update_containers(struct probed_pod *pod, const struct bl_moment *now)
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
		free_container(pod->prober, pod->containers[i]);
		pod->containers[i] = pod->containers[--pod->count];
	}
	return r;
}

static struct probed_pod *add_pod(struct bl_prober *prober, const char *key)
{
	struct probed_pod *pod = calloc(1, sizeof(*pod));

	if (pod && bl_map_put_str(prober->pods, key, pod, NULL) < 0) {
		free(pod);
		return NULL;
	}
	if (pod)
		pod->prober = prober;
	return pod;
}

/* Is what the pod says what the probes say? */
static bool is_settled(const struct probed_pod *pod)
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
	struct probed_pod *pod = bl_map_get_str(prober->pods, key_of(meta->ns, meta->name, key));
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
	r = update_containers(pod, now);
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
	(void)snprintf(entry->text, sizeof(entry->text), "cannot probe: %.*s", TEXT_MAX - 15, text);
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

		(void)schedule(entry); /* it is in the heap: no memory is needed */
		if (!wanted || entry->under_way)
			continue;
		note_late(prober, now_us - due);
		entry->errors = 0;
		start_try(entry);
	}
}

/* A startup probe succeeded: the readiness probe need not wait for its own time. */
static void wake_readiness(struct probed_container *container, uint64_t now_us)
{
	struct bl_probe_entry *readiness = container->probes[BL_PROBE_READINESS];

	if (!readiness || readiness->under_way)
		return;
	readiness->state.tick = now_us;
	(void)schedule(readiness);
}

void bl_prober_end(struct bl_probe_entry *entry, enum bl_probe_outcome outcome, const char *text,
		   uint64_t now_us)
{
	struct bl_prober *prober = entry->pod->prober;
	struct probed_container *container = entry->container;
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
	(void)snprintf(entry->text, sizeof(entry->text), "%.*s", TEXT_MAX - 1, text);
	prober->stats.failures += !good;
	(void)bl_probe_state_note(&entry->state, &entry->rule, outcome);
	if (entry->state.good == good && entry->told != (good ? 2 : 1) &&
	    entry->state.run >=
		    (good ? entry->rule.success_threshold : entry->rule.failure_threshold))
		report(entry, good, outcome == BL_PROBE_WARNING, text);
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
	struct probed_pod *pod = bl_map_get_str(prober->pods, key_of(ns, name, key));

	if (!pod)
		return false;
	for (size_t i = 0; i < pod->count; i++)
		pod->verdicts[i] = verdict_of(pod->containers[i]);
	*ret = pod->verdicts;
	*ret_count = pod->count;
	return true;
}

static void each_of_pod(const struct probed_pod *pod, bl_probe_row_fn *fn, void *userdata)
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
