/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/cluster_pool.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "agent/cluster_events.h"
#include "agent/pool.h"
#include "agent/pool_survey.h"
#include "agent/status_write.h"
#include "base/log.h"
#include "base/map.h"
#include "kube/leases.h"
#include "model/codec.h"

#define LEADER_LEASE "beeline-pool"
#define SERVICE_LEASE "beeline-lb."
#define LEASE_ROOM 160 /* "beeline-lb." and two names of 63 letters */
#define SUBJECT_ROOM 640
#define SURVEY_SUBJECT "addresses of the load-balancer pool"
#define LEASE_SUBJECT "leases of the load-balancer pool"
#define WRITES_MAX 16
#define SETTLE_USEC (50 * 1000ull)
#define RETRY_USEC (2 * 1000 * 1000ull)
#define SEEN_MS 5000  /* in which what was written comes back as an event */
#define RETRY_MS 2000 /* after a failure, and doubled with each */
#define RETRY_DOUBLINGS 5
#define SWEEP_USEC (60 * 1000 * 1000ull)

struct bl_cluster_pool {
	struct bl_cluster_pool_config config;
	struct bl_leases *leases;
	struct bl_cluster_events *events;
	struct bl_store_watch *watch;
	sd_event_source *timer;
	sd_event_source *sweep;        /* on while this agent leads */
	struct bl_pool *pool;          /* only while this agent leads */
	struct bl_pool_survey *survey; /* of what was given before; nothing is given meanwhile */
	bool surveyed;
	struct bl_map *writes;  /* "ns/name" -> struct writing, owned */
	struct bl_map *without; /* subjects of Services without an address */
	size_t writes_now;
	bool begun;
	bool left;
	bool forbidden;
	bool unseen; /* something waits: to come back, or to be tried again */
	uint64_t written, failed;
};

struct writing { /* of one Service: under way, done and not seen yet, or to be tried again */
	struct bl_cluster_pool *owner;
	struct bl_status_write *write; /* NULL: not under way */
	uint64_t wait_ms;              /* nothing is written before */
	unsigned int failures;         /* in a row */
	char name[SUBJECT_ROOM];
	char address[BL_ADDR_TEXT]; /* the first, for the log */
};

static uint64_t now_ms(const struct bl_cluster_pool *pool)
{
	uint64_t now = 0;

	(void)sd_event_now(pool->config.loop, CLOCK_MONOTONIC, &now);
	return now / 1000;
}

static void again_in(struct bl_cluster_pool *pool, uint64_t usec)
{
	(void)sd_event_source_set_time_relative(pool->timer, usec);
	(void)sd_event_source_set_enabled(pool->timer, SD_EVENT_ONESHOT);
}

/* Writes */

static struct writing *writing_free(struct writing *writing)
{
	if (!writing)
		return NULL;
	(void)bl_status_write_cancel(writing->write);
	free(writing);
	return NULL;
}

static void drop_writes(struct bl_cluster_pool *pool)
{
	size_t cursor = 0;
	void *value;

	while (bl_map_next(pool->writes, &cursor, NULL, NULL, &value))
		(void)writing_free(value);
	bl_map_clear(pool->writes);
	pool->writes_now = 0;
}

static void say_forbidden(struct bl_cluster_pool *pool, const char *words)
{
	pool->forbidden = true;
	bl_problems_set(pool->config.problems, LEASE_SUBJECT " status", BL_SEVERITY_ERROR,
			"cannot write load-balancer addresses into the status of Services: %s; a "
			"ClusterRole must give the agent the verb 'get' on resource 'services' and "
			"'patch' on resource 'services/status' in the core API group",
			words);
}

static const struct bl_service *find_service(const struct bl_cluster_pool *pool, const char *name)
{
	const char *slash = strchr(name, '/');
	char ns[SUBJECT_ROOM];
	const struct bl_object *found;

	(void)snprintf(ns, sizeof(ns), "%.*s", (int)(slash - name), name);
	found = bl_store_find(pool->config.store, BL_KIND_SERVICE, ns, slash + 1);
	return found ? bl_service_of(found) : NULL;
}

static void tell_written(const struct writing *writing)
{
	const struct bl_cluster_pool *pool = writing->owner;
	const struct bl_service *service = find_service(pool, writing->name);

	bl_log(BL_LOG_INFO, "service '%s': its load-balancer address is '%s' now", writing->name,
	       writing->address);
	if (service)
		bl_cluster_events_send(pool->events, service, BL_CLUSTER_EVENT_ADDRESS,
				       "the load-balancer address is %s", writing->address);
}

static void on_written(enum bl_status_write_end end, const char *words, void *userdata)
{
	struct writing *writing = userdata;
	struct bl_cluster_pool *pool = writing->owner;
	bool good = end == BL_STATUS_WRITTEN || end == BL_STATUS_NOT_NEEDED;

	writing->write = NULL;
	writing->wait_ms = now_ms(pool) + (good ? SEEN_MS : RETRY_MS << writing->failures);
	if (good)
		writing->failures = 0;
	else if (writing->failures < RETRY_DOUBLINGS)
		writing->failures++;
	pool->writes_now--;
	if (good && pool->forbidden) {
		pool->forbidden = false;
		bl_problems_clear(pool->config.problems, LEASE_SUBJECT " status");
	}
	pool->written += end == BL_STATUS_WRITTEN;
	pool->failed += !good;
	if (end == BL_STATUS_WRITTEN)
		tell_written(writing);
	if (end == BL_STATUS_FORBIDDEN)
		say_forbidden(pool, words);
	else if (end == BL_STATUS_FAILED)
		bl_log(BL_LOG_WARNING,
		       "service '%s': cannot write its load-balancer address: %s; trying again",
		       writing->name, words);
	again_in(pool, good ? SETTLE_USEC : RETRY_USEC);
}

static struct writing *make_writing(struct bl_cluster_pool *pool, const char *name)
{
	struct writing *writing = calloc(1, sizeof(*writing));

	if (!writing)
		return NULL;
	writing->owner = pool;
	(void)snprintf(writing->name, sizeof(writing->name), "%s", name);
	if (bl_map_put_str(pool->writes, writing->name, writing, NULL) < 0)
		return writing_free(writing);
	return writing;
}

static int write_status(struct bl_cluster_pool *pool, const struct bl_service *now,
			const struct bl_service *next, const char *name)
{
	struct writing *writing = bl_map_get_str(pool->writes, name);
	int r;

	if (pool->writes_now >= WRITES_MAX)
		return 0; /* the end of one looks at all again */
	if (!writing)
		writing = make_writing(pool, name);
	if (!writing)
		return -ENOMEM;
	(void)snprintf(writing->address, sizeof(writing->address), "%s",
		       next->ingress.count ? next->ingress.items[0].ip : "none");
	r = bl_status_write_start(pool->config.client, now, next, on_written, writing,
				  &writing->write);
	if (r == 0)
		pool->writes_now++;
	return r;
}

/* Is its status on the way, written and not come back yet, or not to be tried again yet? */
static bool is_being_written(struct bl_cluster_pool *pool, const char *name, bool as_wanted)
{
	struct writing *writing = bl_map_get_str(pool->writes, name);

	if (!writing)
		return false;
	if (writing->write)
		return true;
	if (!as_wanted && now_ms(pool) < writing->wait_ms) {
		pool->unseen = true;
		return true;
	}
	if (as_wanted) {
		(void)bl_map_remove_str(pool->writes, name);
		(void)writing_free(writing);
	}
	return false;
}

/* The Service has changed: whatever was written is seen, or is another's by now. */
static void forget_written(struct bl_cluster_pool *pool, const char *name)
{
	struct writing *writing = bl_map_get_str(pool->writes, name);

	if (!writing || writing->write)
		return;
	(void)bl_map_remove_str(pool->writes, name);
	(void)writing_free(writing);
}

/* Addresses */

static void tell(struct bl_cluster_pool *pool, const char *name, const struct bl_err *err)
{
	char subject[SUBJECT_ROOM + 64];
	const struct bl_service *service;

	(void)snprintf(subject, sizeof(subject), "load-balancer address of service '%s'", name);
	if (!err) {
		if (bl_map_remove_str(pool->without, subject))
			bl_problems_clear(pool->config.problems, subject);
		return;
	}
	service = bl_map_get_str(pool->without, subject) ? NULL : find_service(pool, name);
	if (service)
		bl_cluster_events_send(pool->events, service, BL_CLUSTER_EVENT_NO_ADDRESS,
				       "no load-balancer address: %s", err->text);
	(void)bl_map_put_str(pool->without, subject, pool, NULL);
	bl_problems_set(pool->config.problems, subject, BL_SEVERITY_WARNING,
			"service '%s' has no load-balancer address: %s", name, err->text);
}

/* It is none of type LoadBalancer any more, and has an address of ours left over. */
static bool is_left_over(const struct bl_cluster_pool *pool, const struct bl_service *service)
{
	if (service->spec.type == BL_SERVICE_LOAD_BALANCER)
		return false;
	for (size_t i = 0; i < service->ingress.count; i++) {
		const char *ip = service->ingress.items[i].ip;
		struct bl_addr address;
		bool ours = false;

		if (!ip || bl_addr_parse_lenient(ip, &address) < 0)
			return false;
		for (size_t k = 0; k < pool->config.prefix_count; k++)
			ours |= bl_prefix_contains(&pool->config.prefixes[k], &address);
		if (!ours)
			return false;
	}
	return true;
}

static int deal_one(struct bl_cluster_pool *pool, const struct bl_service *service)
{
	_cleanup_(bl_object_unref) struct bl_object *next = NULL;
	char name[SUBJECT_ROOM];
	struct bl_err err = {0};
	int r = bl_object_clone(&service->object, &next);

	if (r < 0)
		return r;
	(void)snprintf(name, sizeof(name), "%s/%s", service->object.meta.ns,
		       service->object.meta.name);
	r = bl_pool_assign(pool->pool, (struct bl_service *)next, &err);
	if (r == -ENOMEM)
		return r;
	if (is_left_over(pool, service))
		((struct bl_service *)next)->ingress.count = 0;
	tell(pool, name, r < 0 && service->spec.type == BL_SERVICE_LOAD_BALANCER ? &err : NULL);
	if (is_being_written(pool, name, bl_same_ingress(service, bl_service_of(next))) ||
	    bl_same_ingress(service, bl_service_of(next)))
		return 0;
	return write_status(pool, service, bl_service_of(next), name);
}

static int deal(struct bl_cluster_pool *pool)
{
	_cleanup_free_ const struct bl_object **items = NULL;
	_cleanup_free_ const struct bl_service **services = NULL;
	size_t count = 0, used = 0;
	int first = 0;
	int r = bl_store_list(pool->config.store, BL_KIND_SERVICE, NULL, &items, &count);

	if (r < 0)
		return r;
	services = calloc(count + 1, sizeof(struct bl_service *));
	if (!services)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		const struct bl_service *service = bl_service_of(items[i]);

		if (service->spec.type == BL_SERVICE_LOAD_BALANCER || service->ingress.count)
			services[used++] = service;
	}
	bl_pool_sort(services, used);
	pool->unseen = false;
	for (size_t i = 0; i < used; i++) {
		r = deal_one(pool, services[i]);
		first = r < 0 ? r : first;
	}
	if (pool->unseen)
		again_in(pool, RETRY_USEC);
	return first;
}

static void on_surveyed(const char *words, void *userdata)
{
	struct bl_cluster_pool *pool = userdata;

	pool->survey = NULL;
	pool->surveyed = words == NULL;
	if (pool->surveyed)
		bl_problems_clear(pool->config.problems, SURVEY_SUBJECT);
	else
		bl_problems_set(pool->config.problems, SURVEY_SUBJECT, BL_SEVERITY_WARNING,
				"no load-balancer addresses are given before all that were given "
				"are known: cannot list Services: %s",
				words);
	again_in(pool, pool->surveyed ? 0 : RETRY_USEC);
}

static int start_to_lead(struct bl_cluster_pool *pool)
{
	struct bl_err err = {0};
	int r = bl_pool_new(pool->config.prefixes, pool->config.prefix_count, &pool->pool, &err);

	if (r < 0) {
		bl_log(BL_LOG_ERROR, "cannot give load-balancer addresses: %s", err.text);
		return r;
	}
	bl_log(BL_LOG_NOTICE, "this agent gives the cluster's load-balancer addresses");
	(void)sd_event_source_set_time_relative(pool->sweep, SWEEP_USEC);
	(void)sd_event_source_set_enabled(pool->sweep, SD_EVENT_ONESHOT);
	return 0;
}

static void clear_problems(struct bl_cluster_pool *pool)
{
	size_t cursor = 0, len;
	const void *key;

	while (bl_map_next(pool->without, &cursor, &key, &len, NULL)) {
		char subject[SUBJECT_ROOM + 64];

		(void)snprintf(subject, sizeof(subject), "%.*s", (int)len, (const char *)key);
		bl_problems_clear(pool->config.problems, subject);
	}
	bl_map_clear(pool->without);
}

static void stop_leading(struct bl_cluster_pool *pool)
{
	drop_writes(pool);
	clear_problems(pool);
	bl_problems_clear(pool->config.problems, SURVEY_SUBJECT);
	pool->survey = bl_pool_survey_cancel(pool->survey);
	pool->surveyed = false;
	(void)sd_event_source_set_enabled(pool->sweep, SD_EVENT_OFF);
	pool->pool = bl_pool_free(pool->pool);
	bl_log(BL_LOG_NOTICE, "this agent gives no load-balancer addresses any more");
}

static bool leads(const struct bl_cluster_pool *pool)
{
	return !pool->left && bl_leases_standing(pool->leases, LEADER_LEASE) == BL_LEASE_HELD;
}

/* What follows from the Lease now. */
static int lead(struct bl_cluster_pool *pool)
{
	bool now = leads(pool);

	if (!now && pool->pool)
		stop_leading(pool);
	if (!now)
		return 0;
	if (!pool->pool && start_to_lead(pool) < 0)
		return -ENOMEM;
	if (pool->surveyed)
		return deal(pool);
	return pool->survey ? 0
			    : bl_pool_survey_start(pool->config.client, pool->pool, on_surveyed,
						   pool, &pool->survey);
}

/* Leases of Services that are there are somebody's, or will be. */
static bool is_needed(const char *name, void *userdata)
{
	const struct bl_cluster_pool *pool = userdata;
	char ns[LEASE_ROOM];
	const char *dot;

	if (strncmp(name, SERVICE_LEASE, strlen(SERVICE_LEASE)) != 0)
		return true;
	name += strlen(SERVICE_LEASE);
	dot = strchr(name, '.');
	if (!dot)
		return true;
	(void)snprintf(ns, sizeof(ns), "%.*s", (int)(dot - name), name);
	return bl_store_find(pool->config.store, BL_KIND_SERVICE, ns, dot + 1) != NULL;
}

static int on_sweep(sd_event_source *timer, uint64_t usec, void *userdata)
{
	struct bl_cluster_pool *pool = userdata;

	(void)usec;
	bl_leases_sweep(pool->leases, is_needed, pool);
	(void)sd_event_source_set_time_relative(timer, SWEEP_USEC);
	(void)sd_event_source_set_enabled(timer, SD_EVENT_ONESHOT);
	return 0;
}

static int on_timer(sd_event_source *timer, uint64_t usec, void *userdata)
{
	struct bl_cluster_pool *pool = userdata;

	(void)timer;
	(void)usec;
	if (lead(pool) < 0)
		again_in(pool, RETRY_USEC);
	return 0;
}

static void on_store(const struct bl_event *event, void *userdata)
{
	struct bl_cluster_pool *pool = userdata;
	const struct bl_meta *meta = &event->object->meta;

	char name[SUBJECT_ROOM];

	if (event->object->kind != BL_KIND_SERVICE || !pool->begun)
		return;
	(void)snprintf(name, sizeof(name), "%s/%s", meta->ns, meta->name);
	forget_written(pool, name);
	if (event->change == BL_CHANGE_DELETED && pool->survey)
		bl_pool_survey_skip(pool->survey, name);
	if (event->change == BL_CHANGE_DELETED && pool->pool) {
		bl_pool_release(pool->pool, meta->ns, meta->name);
		tell(pool, name, NULL);
	}
	again_in(pool, SETTLE_USEC);
}

/* Who answers for an address */

static void write_lease_name(const struct bl_service *service, char name[static LEASE_ROOM])
{
	(void)snprintf(name, LEASE_ROOM, SERVICE_LEASE "%s.%s", service->object.meta.ns,
		       service->object.meta.name);
}

static void begin_claims(void *userdata)
{
	struct bl_cluster_pool *pool = userdata;

	bl_leases_begin(pool->leases);
	if (pool->begun)
		(void)bl_leases_want(pool->leases, LEADER_LEASE, true);
}

static enum bl_claim_say say_who(const struct bl_addr *address, const struct bl_service *service,
				 bool could_serve, void *userdata)
{
	struct bl_cluster_pool *pool = userdata;
	char name[LEASE_ROOM];

	(void)address;
	if (pool->left)
		return BL_CLAIM_ELSEWHERE;
	write_lease_name(service, name);
	if (could_serve && pool->begun)
		(void)bl_leases_want(pool->leases, name, true);
	switch (bl_leases_standing(pool->leases, name)) {
	case BL_LEASE_HELD:
		return BL_CLAIM_HERE;
	case BL_LEASE_LAPSED: /* not given up before another is known to have it */
	case BL_LEASE_UNKNOWN:
		return BL_CLAIM_BY_LINK;
	case BL_LEASE_FREE:
	case BL_LEASE_TAKEN:
		break;
	}
	return BL_CLAIM_ELSEWHERE;
}

static bool may_act(void *userdata)
{
	const struct bl_cluster_pool *pool = userdata;

	return !pool->left && bl_leases_may_act(pool->leases);
}

static void end_claims(void *userdata)
{
	struct bl_cluster_pool *pool = userdata;

	bl_leases_end(pool->leases);
}

/* Leases */

static void on_leases(void *userdata)
{
	struct bl_cluster_pool *pool = userdata;

	again_in(pool, 0);
	if (pool->config.announcing)
		bl_announcing_renew(pool->config.announcing);
}

static void on_lease_problem(const char *text, void *userdata)
{
	struct bl_cluster_pool *pool = userdata;

	if (text)
		bl_problems_set(pool->config.problems, LEASE_SUBJECT, BL_SEVERITY_WARNING, "%s",
				text);
	else
		bl_problems_clear(pool->config.problems, LEASE_SUBJECT);
}

void bl_cluster_pool_begin(struct bl_cluster_pool *pool)
{
	pool->begun = true;
	(void)bl_leases_want(pool->leases, LEADER_LEASE, true);
	if (pool->config.announcing)
		bl_announcing_renew(pool->config.announcing);
}

void bl_cluster_pool_leave(struct bl_cluster_pool *pool, void (*left)(void *userdata),
			   void *userdata)
{
	pool->left = true;
	if (pool->pool)
		stop_leading(pool);
	bl_leases_leave(pool->leases, left, userdata);
}

static int make_leases(struct bl_cluster_pool *pool)
{
	const struct bl_leases_config config = {
		.loop = pool->config.loop,
		.client = pool->config.client,
		.ns = pool->config.lease_ns,
		.identity = pool->config.node_name,
		.times = bl_lease_times_of(pool->config.lease_duration_ms),
		.changed = on_leases,
		.problem = on_lease_problem,
		.userdata = pool,
	};

	return bl_leases_new(&config, &pool->leases);
}

int bl_cluster_pool_new(const struct bl_cluster_pool_config *config, struct bl_cluster_pool **ret,
			struct bl_err *err)
{
	_cleanup_(bl_cluster_pool_free) struct bl_cluster_pool *pool = calloc(1, sizeof(*pool));
	const struct bl_announcing_owner owner = {.begin = begin_claims,
						  .say = say_who,
						  .end = end_claims,
						  .may_act = may_act,
						  .userdata = pool};
	struct bl_pool *trial = NULL;
	int r = bl_pool_new(config->prefixes, config->prefix_count, &trial, err);

	(void)bl_pool_free(trial);
	if (r < 0)
		return r;
	if (!pool)
		return bl_err_set(err, -ENOMEM, "no memory");
	pool->config = *config;
	r = bl_map_new_borrowing(&pool->writes);
	if (r == 0)
		r = bl_map_new(&pool->without);
	if (r == 0)
		r = sd_event_add_time_relative(config->loop, &pool->timer, CLOCK_MONOTONIC, 0, 0,
					       on_timer, pool);
	if (r >= 0)
		r = sd_event_source_set_enabled(pool->timer, SD_EVENT_OFF);
	if (r >= 0)
		r = sd_event_add_time_relative(config->loop, &pool->sweep, CLOCK_MONOTONIC, 0, 0,
					       on_sweep, pool);
	if (r >= 0)
		r = sd_event_source_set_enabled(pool->sweep, SD_EVENT_OFF);
	if (r >= 0)
		r = bl_cluster_events_new(config->client, config->node_name, &pool->events);
	if (r >= 0)
		r = make_leases(pool);
	if (r >= 0)
		r = bl_store_watch_add(config->store, on_store, pool, &pool->watch);
	if (r == -ENAMETOOLONG)
		return bl_err_set(err, r,
				  "the name of this node is too long for a Lease: %zu characters, "
				  "expected at most %zu",
				  strlen(config->node_name), BL_LEASE_NODE_MAX);
	if (r < 0)
		return bl_err_set(err, r, "cannot keep the pool of a cluster: %s", strerror(-r));
	if (config->announcing)
		bl_announcing_set_owner(config->announcing, &owner);
	*ret = TAKE_PTR(pool);
	return 0;
}

struct bl_cluster_pool *bl_cluster_pool_free(struct bl_cluster_pool *pool)
{
	if (!pool)
		return NULL;
	if (pool->config.announcing)
		bl_announcing_set_owner(pool->config.announcing, NULL);
	if (pool->watch)
		bl_store_watch_remove(pool->config.store, pool->watch);
	if (pool->writes)
		drop_writes(pool);
	(void)bl_map_free(pool->writes);
	(void)bl_map_free(pool->without);
	(void)bl_pool_survey_cancel(pool->survey);
	(void)bl_leases_free(pool->leases);
	(void)bl_cluster_events_free(pool->events);
	sd_event_source_disable_unref(pool->timer);
	sd_event_source_disable_unref(pool->sweep);
	(void)bl_pool_free(pool->pool);
	free(pool);
	return NULL;
}

struct bl_cluster_pool_info bl_cluster_pool_info(const struct bl_cluster_pool *pool)
{
	size_t held = bl_leases_held_count(pool->leases);
	bool now = leads(pool);
	struct bl_leases_info leases = bl_leases_info(pool->leases);

	return (struct bl_cluster_pool_info){
		.leads = now,
		.leader = bl_leases_holder(pool->leases, LEADER_LEASE),
		.owned = held - (now && held ? 1 : 0),
		.written = pool->written,
		.failed = pool->failed,
		.lease_writes = leases.writes,
		.lease_renewals = leases.renewals,
	};
}
