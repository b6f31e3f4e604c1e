/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/reconcile.h"

#include <errno.h>
#include <malloc.h>
#include <string.h>
#include <time.h>

#include "agent/derive.h"
#include "agent/dirty.h"
#include "agent/sweep.h"
#include "agent/task.h"
#include "base/log.h"
#include "model/service.h"
#include "resolve/outside.h"

#define APPLY_SUBJECT "datapath"
#define BACKOFF_FIRST_USEC (1000 * 1000ull)
#define BACKOFF_MAX_USEC (30 * 1000 * 1000ull)
#define CHECK_USEC (60 * 1000 * 1000ull)
#define CHECK_DEADLINE_USEC (30 * 1000 * 1000ull)
/* The maps changed while they were compared: that comparison says nothing. */
#define CHECK_AGAIN_USEC (1000 * 1000ull)
#define CHECK_TRIES 5
/* Refused Services that are tried again after each change; others wait for their own. */
#define RETRY_MAX 256u
/* The first delta goes out in pieces of about so many ops: whole it would take more memory than all
 * objects do. */
#define PIECE_OPS 4096u

const uint64_t bl_sync_bounds_us[BL_SYNC_BUCKETS] = {100,   500,    1000,   5000,
						     20000, 100000, 500000, 2000000};

struct bl_reconcile {
	struct bl_reconcile_config config;
	struct bl_reconcile_stats stats;
	struct bl_store_watch *watch;
	struct bl_dirty dirty;
	struct bl_map
		*refused; /* "ns/name" of Services that the plan could not take, or not whole */
	struct bl_map *affinity; /* "ns/name" of Services with session affinity */
	struct bl_sweep *sweep;
	bool deriving;    /* changes of the store are our own */
	bool full;        /* the next apply is a diff against what the kernel holds */
	bool in_pieces;   /* the maps are new: there is nothing that could be taken away */
	size_t piece_ops; /* that went out in pieces */
	uint64_t pieces_us;
	uint64_t noticed_us; /* when the oldest change that waits was noticed; 0: none */
	uint64_t backoff;
	struct bl_task *compare;
	uint64_t compared_at; /* how many applies there had been */
	unsigned int tries;
	sd_event_source *flush;
	sd_event_source *retry;
	sd_event_source *check;
};

static uint64_t now_us(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static void schedule(struct bl_reconcile *reconcile)
{
	if (!reconcile->noticed_us)
		reconcile->noticed_us = now_us();
	if (reconcile->stats.begun)
		(void)sd_event_source_set_enabled(reconcile->flush, SD_EVENT_ONESHOT);
}

static void on_event(const struct bl_event *event, void *userdata)
{
	struct bl_reconcile *reconcile = userdata;

	if (reconcile->deriving)
		return;
	bl_dirty_note(&reconcile->dirty, reconcile->config.store, event);
	if (event->object->kind == BL_KIND_NODE &&
	    bl_node_watch_set_zone(reconcile->config.node, reconcile->config.store))
		reconcile->dirty.all = true;
	if (!bl_dirty_is_empty(&reconcile->dirty))
		schedule(reconcile);
}

/* "ns/name" cut in two in place. */
static const char *split(char *full)
{
	char *slash = strchr(full, '/');

	*slash = '\0';
	return slash + 1;
}

/* `code` is bl_plan_put()'s; 0: all is in force. */
static void note_refused(struct bl_reconcile *reconcile, const char *ns, const char *name, int code,
			 const struct bl_err *err)
{
	char key[600], subject[640];

	(void)snprintf(key, sizeof(key), "%s/%s", ns, name);
	(void)snprintf(subject, sizeof(subject), "maps: service '%s'", key);
	if (code == 0) {
		if (bl_map_remove_str(reconcile->refused, key))
			bl_problems_clear(reconcile->config.problems, subject);
		return;
	}
	(void)bl_map_put_str(reconcile->refused, key, reconcile, NULL); /* else no retry */
	bl_problems_set(reconcile->config.problems, subject, BL_SEVERITY_ERROR,
			"service '%s' is %s: %s", key,
			code < 0 ? "not in force" : "in force in part", err->text);
}

bool bl_reconcile_uses_affinity(const struct bl_reconcile *reconcile)
{
	return bl_map_count(reconcile->affinity) > 0;
}

static void note_affinity(struct bl_reconcile *reconcile, const char *ns, const char *name,
			  const struct bl_service *service)
{
	char key[600];
	bool first;

	(void)snprintf(key, sizeof(key), "%s/%s", ns, name);
	if (!service || service->spec.session_affinity != BL_SESSION_AFFINITY_CLIENT_IP) {
		bl_map_remove_str(reconcile->affinity, key);
		return;
	}
	first = !bl_reconcile_uses_affinity(reconcile);
	(void)bl_map_put_str(reconcile->affinity, key, reconcile, NULL);
	if (first && reconcile->config.first_affinity)
		reconcile->config.first_affinity(reconcile->config.userdata);
}

static int put_service(struct bl_reconcile *reconcile, const struct bl_service *service,
		       struct bl_delta *delta)
{
	const struct bl_meta *meta = &service->object.meta;
	_cleanup_(bl_resolved_free) struct bl_resolved *resolved = NULL;
	struct bl_err err = {0};
	int r;

	r = bl_resolve(reconcile->config.store, bl_node_watch_facts(reconcile->config.node),
		       service, &resolved);
	if (r >= 0)
		r = bl_plan_put(reconcile->config.plan, resolved, delta, &err);
	if (r < 0 && !err.text[0])
		(void)bl_err_set(&err, r, "cannot resolve it: %s", strerror(-r));
	note_refused(reconcile, meta->ns, meta->name, r, &err);
	return r;
}

/* In a cluster the endpoints are the controllers' business. */
static void derive(struct bl_reconcile *reconcile, const char *ns, const char *name)
{
	const struct bl_reconcile_config *config = &reconcile->config;

	if (bl_node_watch_facts(config->node)->slices_only)
		return;
	bl_derive_endpoints(config->catalog, config->store, ns, name);
	if (config->slices)
		bl_derive_slices(config->catalog, config->store, ns, name);
}

/* One Service by name, which may be gone. True when it must be tried again. */
static bool update_service(struct bl_reconcile *reconcile, const char *ns, const char *name,
			   bool remove_only, struct bl_delta *delta)
{
	const struct bl_object *object =
		bl_store_find(reconcile->config.store, BL_KIND_SERVICE, ns, name);
	const struct bl_service *service = object ? bl_service_of(object) : NULL;

	if (!service && remove_only) {
		if (bl_plan_remove(reconcile->config.plan, ns, name, delta) < 0)
			reconcile->full = true;
		note_refused(reconcile, ns, name, 0, NULL);
		note_affinity(reconcile, ns, name, NULL);
		derive(reconcile, ns, name);
	}
	if (!service || remove_only)
		return false;
	note_affinity(reconcile, ns, name, service);
	derive(reconcile, ns, name);
	return put_service(reconcile, service, delta) != 0;
}

static void add_refused(struct bl_reconcile *reconcile)
{
	const void *key;
	size_t cursor = 0, len, added = 0;

	while (added++ < RETRY_MAX && bl_map_next(reconcile->refused, &cursor, &key, &len, NULL)) {
		char name[600];

		(void)snprintf(name, sizeof(name), "%.*s", (int)len, (const char *)key);
		bl_dirty_add(&reconcile->dirty, name, split(name));
	}
}

/* Every Service's ops are in safe order, so they may also go out before those of the next. After a
 * failure the rest is left to the diff that follows. */
static void apply_piece(struct bl_reconcile *reconcile, struct bl_delta *delta)
{
	uint64_t started = now_us();

	if (!reconcile->in_pieces || delta->count < PIECE_OPS)
		return;
	if (bl_datapath_apply(reconcile->config.datapath, delta, NULL) < 0) {
		reconcile->in_pieces = false;
		reconcile->full = true;
		return;
	}
	reconcile->piece_ops += delta->count;
	reconcile->pieces_us += now_us() - started;
	bl_delta_done(delta);
}

static bool claims_addresses(const struct bl_reconcile *reconcile, const char *ns, const char *name)
{
	const struct bl_object *service =
		bl_store_find(reconcile->config.store, BL_KIND_SERVICE, ns, name);

	return service && bl_outside_claims_addresses(bl_service_of(service));
}

/* Removals first, so that addresses are free for their next owner, and those that claim addresses
 * last, so that they get none that was given to another; what was refused once more at the end,
 * since its address may have been given up by a Service later in the alphabet. */
static void update_names(struct bl_reconcile *reconcile, char **names, size_t count,
			 struct bl_delta *delta)
{
	size_t failed = 0;

	for (size_t i = 0; i < count; i++) {
		const char *name = split(names[i]);

		(void)update_service(reconcile, names[i], name, true, delta);
	}
	for (size_t k = 0; k < 2 * count; k++) {
		size_t i = k % count;
		const char *name = names[i] + strlen(names[i]) + 1;

		if (claims_addresses(reconcile, names[i], name) != (k >= count))
			continue;
		if (update_service(reconcile, names[i], name, false, delta))
			failed++;
		apply_piece(reconcile, delta);
	}
	for (size_t i = 0; failed && failed < count && i < count; i++) {
		const char *name = names[i] + strlen(names[i]) + 1;
		char key[600];

		(void)snprintf(key, sizeof(key), "%s/%s", names[i], name);
		if (bl_map_get_str(reconcile->refused, key))
			(void)update_service(reconcile, names[i], name, false, delta);
	}
}

static int update_plan(struct bl_reconcile *reconcile, struct bl_delta *delta)
{
	char **names = NULL;
	size_t count = 0;
	int r;

	add_refused(reconcile);
	r = bl_dirty_take(&reconcile->dirty, reconcile->config.store, &names, &count);
	if (r < 0)
		return r;
	reconcile->deriving = true;
	update_names(reconcile, names, count, delta);
	reconcile->deriving = false;
	for (size_t i = 0; i < count; i++)
		free(names[i]);
	free(names);
	return 0;
}

/* The ops that make the kernel equal the plan, whatever it holds. */
static int full_diff(struct bl_reconcile *reconcile, struct bl_delta *delta, struct bl_err *err)
{
	_cleanup_(bl_plan_rows_done) struct bl_plan_rows rows = {0};
	int r = bl_datapath_read(reconcile->config.datapath, &rows, err);

	if (r < 0)
		return r;
	r = bl_plan_diff(reconcile->config.plan, &rows, delta);
	return r < 0 ? bl_err_set(err, r, "cannot compare plan and maps: %s", strerror(-r)) : 0;
}

static void count_time(struct bl_reconcile_stats *stats, uint64_t us)
{
	size_t i = 0;

	while (i < BL_SYNC_BUCKETS && us > bl_sync_bounds_us[i])
		i++;
	stats->buckets[i]++;
	stats->total_us += us;
	stats->last_us = us;
}

static void note_success(struct bl_reconcile *reconcile, const struct bl_delta *delta)
{
	struct bl_reconcile_stats *stats = &reconcile->stats;

	stats->applies++;
	stats->last_ops = delta->count + reconcile->piece_ops;
	stats->last_apply_s = time(NULL);
	stats->error[0] = '\0';
	stats->behind = false;
	reconcile->full = false;
	reconcile->backoff = BACKOFF_FIRST_USEC;
	bl_problems_clear(reconcile->config.problems, APPLY_SUBJECT);
	if (delta->backends_left)
		bl_sweep_request(reconcile->sweep);
	if (!stats->ready) {
		stats->ready = true;
		reconcile->config.ready(reconcile->config.userdata);
	}
}

static void note_failure(struct bl_reconcile *reconcile, const struct bl_err *err)
{
	struct bl_reconcile_stats *stats = &reconcile->stats;

	stats->failures++;
	stats->behind = true;
	stats->last_apply_s = time(NULL);
	(void)snprintf(stats->error, sizeof(stats->error), "%s", err->text);
	bl_problems_set(reconcile->config.problems, APPLY_SUBJECT, BL_SEVERITY_ERROR,
			"cannot bring the maps up to date: %s; what they held goes on serving",
			err->text);
	reconcile->full = true;
	(void)sd_event_source_set_time_relative(reconcile->retry, reconcile->backoff);
	(void)sd_event_source_set_enabled(reconcile->retry, SD_EVENT_ONESHOT);
	reconcile->backoff *= 2;
	if (reconcile->backoff > BACKOFF_MAX_USEC)
		reconcile->backoff = BACKOFF_MAX_USEC;
}

/* Brings the plan up to date and the maps after it; `delta` may hold ops of the plan that are due
 * already. `force_full`: even while an apply that failed
 * waits for its time, this one is tried. */
static void flush(struct bl_reconcile *reconcile, struct bl_delta *delta, bool force_full)
{
	_cleanup_(bl_delta_done) struct bl_delta repair = BL_DELTA_INIT;
	const struct bl_delta *used = delta;
	uint64_t begun = now_us(), planned;
	uint64_t started = reconcile->noticed_us ? reconcile->noticed_us : begun;
	struct bl_err err = {0};
	int r = update_plan(reconcile, delta);

	reconcile->noticed_us = 0;
	planned = now_us();
	if (r < 0)
		(void)bl_err_set(&err, r, "cannot make the plan: %s", strerror(-r));
	if (r >= 0 && reconcile->stats.behind && !force_full)
		return; /* the back-off's turn */
	if (r >= 0 && reconcile->full) {
		r = full_diff(reconcile, &repair, &err);
		/* What the plan knows to have left may be news to the sockets even when the rows
		 * are equal by now. */
		repair.backends_left |= delta->backends_left;
		used = &repair;
	}
	if (r >= 0)
		r = bl_datapath_apply(reconcile->config.datapath, used, &err);
	if (r < 0) {
		note_failure(reconcile, &err);
		return;
	}
	reconcile->stats.last_plan_us = planned - begun - reconcile->pieces_us;
	reconcile->stats.last_apply_us = now_us() - planned + reconcile->pieces_us;
	count_time(&reconcile->stats, now_us() - started);
	note_success(reconcile, used);
}

static int on_flush(sd_event_source *source, void *userdata)
{
	_cleanup_(bl_delta_done) struct bl_delta delta = BL_DELTA_INIT;

	(void)source;
	flush(userdata, &delta, false);
	return 0;
}

static int on_retry(sd_event_source *source, uint64_t usec, void *userdata)
{
	_cleanup_(bl_delta_done) struct bl_delta delta = BL_DELTA_INIT;

	(void)source;
	(void)usec;
	flush(userdata, &delta, true);
	return 0;
}

/* Somebody else may have written to the maps, or we were wrong. */
static void self_check(struct bl_reconcile *reconcile)
{
	_cleanup_(bl_delta_done) struct bl_delta delta = BL_DELTA_INIT;
	struct bl_err err = {0};
	int r = full_diff(reconcile, &delta, &err);

	reconcile->stats.last_check_s = time(NULL);
	if (r >= 0 && !delta.count)
		return;
	if (r >= 0) {
		reconcile->stats.drifts++;
		bl_log(BL_LOG_WARNING,
		       "the maps differ from the plan in %zu rows; writing them anew", delta.count);
		r = bl_datapath_apply(reconcile->config.datapath, &delta, &err);
	}
	if (r < 0)
		note_failure(reconcile, &err);
	else
		note_success(reconcile, &delta);
}

static void arm_check(struct bl_reconcile *reconcile, uint64_t delay)
{
	(void)sd_event_source_set_time_relative(reconcile->check, delay);
	(void)sd_event_source_set_enabled(reconcile->check, SD_EVENT_ONESHOT);
}

/* In a child, since it reads whole maps. */
static void compare(void *userdata, struct bl_task_result *ret)
{
	_cleanup_(bl_delta_done) struct bl_delta delta = BL_DELTA_INIT;

	ret->code = full_diff(userdata, &delta, &ret->err);
	ret->number = delta.count;
}

static void on_compared(const struct bl_task_result *result, void *userdata)
{
	struct bl_reconcile *reconcile = userdata;
	bool equal = result->code >= 0 && !result->number;

	if (equal) {
		reconcile->stats.last_check_s = time(NULL);
	} else if (reconcile->stats.behind) {
		reconcile->tries = 0; /* the retry compares for itself */
	} else if (reconcile->compared_at != reconcile->stats.applies &&
		   ++reconcile->tries < CHECK_TRIES) {
		arm_check(reconcile, CHECK_AGAIN_USEC);
		return;
	} else {
		self_check(reconcile);
	}
	reconcile->tries = 0;
	arm_check(reconcile, CHECK_USEC);
}

void bl_reconcile_check(struct bl_reconcile *reconcile)
{
	reconcile->compared_at = reconcile->stats.applies;
	bl_task_start(reconcile->compare);
}

static int on_check(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct bl_reconcile *reconcile = userdata;

	(void)source;
	(void)usec;
	if (reconcile->stats.behind || !reconcile->stats.begun)
		arm_check(reconcile, CHECK_USEC);
	else
		bl_reconcile_check(reconcile);
	return 0;
}

void bl_reconcile_touch_all(struct bl_reconcile *reconcile)
{
	reconcile->dirty.all = true;
	schedule(reconcile);
}

/* What the first delta holds beside the Services. */
static void begin_plan(struct bl_reconcile *reconcile, struct bl_delta *delta)
{
	const struct bl_canary_frontend *canary = &reconcile->config.canary;
	struct bl_err err = {0};

	if (canary->address.family &&
	    bl_plan_put_canary(reconcile->config.plan, &canary->address, canary->port,
			       &canary->backend, canary->backend_port, delta, &err) < 0)
		bl_problems_set(reconcile->config.problems, "canary", BL_SEVERITY_WARNING,
				"it cannot be proved that the hooks are in force: %s", err.text);
	if (!bl_datapath_was_adopted(reconcile->config.datapath))
		return;
	/* Rows are claimed by putting their Services; what nobody claims goes. Rows may also have
	 * been damaged while nobody looked, so that only a diff against the kernel is safe. */
	reconcile->dirty.all = true;
	if (update_plan(reconcile, delta) < 0)
		reconcile->dirty.all = true; /* no memory: the flush that follows tries again */
	else if (bl_plan_remove_unclaimed(reconcile->config.plan, delta) < 0)
		bl_log(BL_LOG_ERROR, "no memory to remove what no source brought");
	reconcile->full = true;
}

static void first_flush(struct bl_reconcile *reconcile)
{
	_cleanup_(bl_delta_done) struct bl_delta delta = BL_DELTA_INIT;

	reconcile->in_pieces = !bl_datapath_was_adopted(reconcile->config.datapath);
	begin_plan(reconcile, &delta);
	flush(reconcile, &delta, true);
	reconcile->in_pieces = false;
	reconcile->piece_ops = 0;
	reconcile->pieces_us = 0;
}

void bl_reconcile_begin(struct bl_reconcile *reconcile)
{
	if (reconcile->stats.begun)
		return;
	reconcile->stats.begun = true;
	if (!reconcile->noticed_us)
		reconcile->noticed_us = now_us();
	first_flush(reconcile);
	/* Reading everything took far more memory than keeping it does. */
	(void)malloc_trim(0);
}

const struct bl_reconcile_stats *bl_reconcile_stats(const struct bl_reconcile *reconcile)
{
	struct bl_reconcile_stats *stats = (struct bl_reconcile_stats *)&reconcile->stats;

	bl_sweep_stats(reconcile->sweep, &stats->last_sweep_s, &stats->sweeps, &stats->destroyed,
		       &stats->sweep_us);
	return &reconcile->stats;
}

static int add_sources(struct bl_reconcile *reconcile)
{
	sd_event *loop = reconcile->config.loop;
	int r;

	r = sd_event_add_defer(loop, &reconcile->flush, on_flush, reconcile);
	if (r >= 0)
		r = sd_event_source_set_enabled(reconcile->flush, SD_EVENT_OFF);
	/* After the sources, so that what turned up in one turn goes into one delta. */
	if (r >= 0)
		r = sd_event_source_set_priority(reconcile->flush, SD_EVENT_PRIORITY_NORMAL + 10);
	if (r >= 0)
		r = sd_event_add_time_relative(loop, &reconcile->retry, CLOCK_MONOTONIC, 0, 0,
					       on_retry, reconcile);
	if (r >= 0)
		r = sd_event_source_set_enabled(reconcile->retry, SD_EVENT_OFF);
	if (r >= 0)
		r = sd_event_add_time_relative(loop, &reconcile->check, CLOCK_MONOTONIC, CHECK_USEC,
					       0, on_check, reconcile);
	return r;
}

int bl_reconcile_new(const struct bl_reconcile_config *config, struct bl_reconcile **ret)
{
	_cleanup_(bl_reconcile_free) struct bl_reconcile *reconcile = calloc(1, sizeof(*reconcile));
	int r;

	if (!reconcile)
		return -ENOMEM;
	reconcile->config = *config;
	reconcile->backoff = BACKOFF_FIRST_USEC;
	r = bl_dirty_init(&reconcile->dirty);
	if (r >= 0)
		r = bl_map_new(&reconcile->refused);
	if (r >= 0)
		r = bl_map_new(&reconcile->affinity);
	if (r >= 0)
		r = bl_sweep_new(config->loop, config->datapath, config->problems,
				 &reconcile->sweep);
	if (r >= 0)
		r = bl_task_new(config->loop, compare, on_compared, reconcile, CHECK_DEADLINE_USEC,
				&reconcile->compare);
	if (r >= 0)
		r = add_sources(reconcile);
	if (r >= 0)
		r = bl_store_watch_add(config->store, on_event, reconcile, &reconcile->watch);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(reconcile);
	return 0;
}

struct bl_reconcile *bl_reconcile_free(struct bl_reconcile *reconcile)
{
	if (!reconcile)
		return NULL;
	if (reconcile->watch)
		bl_store_watch_remove(reconcile->config.store, reconcile->watch);
	sd_event_source_disable_unref(reconcile->flush);
	sd_event_source_disable_unref(reconcile->retry);
	sd_event_source_disable_unref(reconcile->check);
	bl_task_free(reconcile->compare);
	bl_sweep_free(reconcile->sweep);
	bl_map_free(reconcile->affinity);
	bl_map_free(reconcile->refused);
	bl_dirty_done(&reconcile->dirty);
	free(reconcile);
	return NULL;
}
