/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/balancing.h"

#include <errno.h>
#include <string.h>

#include "agent/pool.h"
#include "base/log.h"
#include "model/codec.h"

#define SETTLE_USEC (10 * 1000ull)
#define RETRY_USEC (2 * 1000 * 1000ull)
#define SUBJECT_ROOM 640

struct bl_balancing {
	struct bl_balancing_config config;
	struct bl_map *without; /* subjects of Services that have a problem */
	struct bl_store_watch *watch;
	sd_event_source *timer;
	bool begun;
};

/* One that is being looked at, and how it will be. */
struct row {
	const struct bl_service *service;
	struct bl_object *next;
};

static void rows_free(struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++)
		bl_object_unref(rows[i].next);
	free(rows);
}

static int by_order(const void *a, const void *b)
{
	return bl_pool_compare(((const struct row *)a)->service, ((const struct row *)b)->service);
}

/* All Services of type LoadBalancer, in the order in which they choose. */
static int list_services(const struct bl_balancing *balancing, struct row **ret, size_t *ret_count)
{
	_cleanup_free_ const struct bl_object **items = NULL;
	struct row *rows;
	size_t count = 0;
	size_t used = 0;
	int r = bl_store_list(balancing->config.store, BL_KIND_SERVICE, NULL, &items, &count);

	if (r < 0)
		return r;
	rows = calloc(count + 1, sizeof(*rows));
	if (!rows)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		if (bl_service_of(items[i])->spec.type == BL_SERVICE_LOAD_BALANCER)
			rows[used++].service = bl_service_of(items[i]);
	if (used > 1)
		qsort(rows, used, sizeof(*rows), by_order);
	*ret = rows;
	*ret_count = used;
	return 0;
}

static void tell(struct bl_balancing *balancing, const struct bl_service *service,
		 const struct bl_err *err)
{
	const struct bl_meta *meta = &service->object.meta;
	char subject[SUBJECT_ROOM];

	(void)snprintf(subject, sizeof(subject), "load-balancer address of service '%s/%s'",
		       meta->ns, meta->name);
	if (!err) {
		if (bl_map_remove_str(balancing->without, subject))
			bl_problems_clear(balancing->config.problems, subject);
		return;
	}
	(void)bl_map_put_str(balancing->without, subject, balancing, NULL); /* else it stays */
	bl_problems_set(balancing->config.problems, subject, BL_SEVERITY_WARNING,
			"service '%s/%s' has no load-balancer address: %s", meta->ns, meta->name,
			err->text);
}

static bool same_text(const char *a, const char *b)
{
	return !a == !b && (!a || !strcmp(a, b));
}

static bool same_addresses(const struct bl_service *a, const struct bl_service *b)
{
	if (a->ingress.count != b->ingress.count)
		return false;
	for (size_t i = 0; i < a->ingress.count; i++)
		if (!same_text(a->ingress.items[i].ip, b->ingress.items[i].ip) ||
		    !same_text(a->ingress.items[i].hostname, b->ingress.items[i].hostname))
			return false;
	return true;
}

/* -ENOMEM; other refusals are told of. */
static int choose(struct bl_balancing *balancing, struct row *row)
{
	struct bl_err err = {0};
	int r = bl_object_clone(&row->service->object, &row->next);

	if (r == 0)
		r = bl_pool_assign(balancing->config.allocations->pool,
				   (struct bl_service *)row->next, &err);
	if (r == -ENOMEM)
		return r;
	tell(balancing, row->service, r < 0 ? &err : NULL);
	return 0;
}

static bool has_address(const struct bl_service *service)
{
	return service->ingress.count > 0 && service->ingress.items[0].ip;
}

/* Somebody else's load balancer may have given a host name, or given none up. */
static void log_move(const struct bl_service *before, const struct bl_service *now)
{
	if (has_address(before) && has_address(now))
		bl_log(BL_LOG_NOTICE,
		       "service '%s/%s': its load-balancer address goes from '%s' to '%s': another "
		       "Service comes before it; spec.loadBalancerIP would have kept it",
		       now->object.meta.ns, now->object.meta.name, before->ingress.items[0].ip,
		       now->ingress.items[0].ip);
}

static int put_rows(struct bl_balancing *balancing, struct row *rows, size_t count)
{
	int first = 0;

	for (size_t i = 0; i < count; i++) {
		const struct bl_service *next = bl_service_of(rows[i].next);
		int r;

		if (same_addresses(rows[i].service, next))
			continue;
		log_move(rows[i].service, next);
		r = bl_catalog_put_status(balancing->config.catalog, rows[i].next);
		if (r < 0)
			first = r;
	}
	return first;
}

/* Forgets what was told about Services that are gone or of another type. */
static void forget_others(struct bl_balancing *balancing, const struct row *rows, size_t count)
{
	_cleanup_(bl_map_free) struct bl_map *there = NULL;
	size_t cursor = 0;
	const void *key;
	size_t len;

	if (!bl_map_count(balancing->without) || bl_map_new(&there) < 0)
		return;
	for (size_t i = 0; i < count; i++) {
		const struct bl_meta *meta = &rows[i].service->object.meta;
		char subject[SUBJECT_ROOM];

		(void)snprintf(subject, sizeof(subject), "load-balancer address of service '%s/%s'",
			       meta->ns, meta->name);
		(void)bl_map_put_str(there, subject, balancing, NULL);
	}
	while (bl_map_next(balancing->without, &cursor, &key, &len, NULL)) {
		char subject[SUBJECT_ROOM];

		if (bl_map_get(there, key, len))
			continue;
		(void)snprintf(subject, sizeof(subject), "%.*s", (int)len, (const char *)key);
		(void)bl_map_remove_str(balancing->without, subject);
		bl_problems_clear(balancing->config.problems, subject);
		cursor = 0;
	}
}

static int deal(struct bl_balancing *balancing)
{
	struct bl_allocations *allocations = balancing->config.allocations;
	struct bl_err err = {0};
	struct row *rows;
	size_t count = 0;
	int r = list_services(balancing, &rows, &count);

	if (r < 0)
		return r;
	forget_others(balancing, rows, count);
	bl_pool_deal(allocations->pool);
	for (size_t i = 0; r == 0 && i < count; i++)
		r = choose(balancing, &rows[i]);
	bl_pool_dealt(allocations->pool);
	if (r == 0) /* reported by the catalog, which cannot go on without it either */
		r = bl_allocations_save(allocations, &err);
	if (r == 0)
		r = put_rows(balancing, rows, count);
	rows_free(rows, count);
	return r;
}

static void set_timer(struct bl_balancing *balancing, uint64_t usec)
{
	(void)sd_event_source_set_time_relative(balancing->timer, usec);
	(void)sd_event_source_set_enabled(balancing->timer, SD_EVENT_ONESHOT);
}

static int on_timer(sd_event_source *timer, uint64_t usec, void *userdata)
{
	struct bl_balancing *balancing = userdata;

	(void)timer;
	(void)usec;
	if (deal(balancing) < 0)
		set_timer(balancing, RETRY_USEC);
	return 0;
}

static void on_store(const struct bl_event *event, void *userdata)
{
	struct bl_balancing *balancing = userdata;

	if (event->object->kind == BL_KIND_SERVICE && balancing->begun)
		set_timer(balancing, SETTLE_USEC);
}

void bl_balancing_begin(struct bl_balancing *balancing)
{
	balancing->begun = true;
	if (deal(balancing) < 0)
		set_timer(balancing, RETRY_USEC);
}

int bl_balancing_new(const struct bl_balancing_config *config, struct bl_balancing **ret)
{
	_cleanup_(bl_balancing_free) struct bl_balancing *balancing = calloc(1, sizeof(*balancing));
	int r;

	if (!balancing)
		return -ENOMEM;
	balancing->config = *config;
	r = bl_map_new(&balancing->without);
	if (r == 0)
		r = sd_event_add_time_relative(config->loop, &balancing->timer, CLOCK_MONOTONIC, 0,
					       0, on_timer, balancing);
	if (r >= 0)
		r = sd_event_source_set_enabled(balancing->timer, SD_EVENT_OFF);
	if (r >= 0)
		r = bl_store_watch_add(config->store, on_store, balancing, &balancing->watch);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(balancing);
	return 0;
}

struct bl_balancing *bl_balancing_free(struct bl_balancing *balancing)
{
	if (!balancing)
		return NULL;
	if (balancing->watch)
		bl_store_watch_remove(balancing->config.store, balancing->watch);
	sd_event_source_disable_unref(balancing->timer);
	(void)bl_map_free(balancing->without);
	free(balancing);
	return NULL;
}
