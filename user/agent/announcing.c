/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/announcing.h"

#include <errno.h>
#include <string.h>

#include "agent/health_check.h"
#include "base/log.h"

#define SUBJECT "announcements"
#define SETTLE_USEC (20 * 1000ull)
#define RETRY_USEC (2 * 1000 * 1000ull)
#define LABEL_EXCLUDE "node.kubernetes.io/exclude-from-external-load-balancers"

struct bl_announcing {
	struct bl_announcing_config config;
	struct bl_announcer *announcer;
	struct bl_store_watch *watch;
	sd_event_source *timer;
	bool started;
	bool left;
	struct bl_announcing_owner owner; /* without `say`: the link */
};

static bool in_pool(const struct bl_announcing *announcing, const struct bl_addr *address)
{
	for (size_t i = 0; i < announcing->config.prefix_count; i++)
		if (bl_prefix_contains(&announcing->config.prefixes[i], address))
			return true;
	return false;
}

/* One entry of a Service's status; false when there is nothing to announce. */
static bool read_ingress(const struct bl_announcing *announcing, const struct bl_service *service,
			 size_t index, struct bl_addr *ret)
{
	const struct bl_load_balancer_ingress *item = &service->ingress.items[index];

	if (service->spec.type != BL_SERVICE_LOAD_BALANCER || !item->ip ||
	    bl_addr_parse_lenient(item->ip, ret) < 0)
		return false;
	return in_pool(announcing, ret);
}

/* Should load balancers send anything to this node? */
static bool is_in_use(const struct bl_announcing *announcing)
{
	const char *name = bl_node_watch_facts(announcing->config.node)->name;
	const struct bl_object *node =
		bl_store_find(announcing->config.store, BL_KIND_NODE, NULL, name);

	return !(node && bl_pairs_get(&node->meta.labels, LABEL_EXCLUDE)) &&
	       !bl_health_check_leaving(announcing->config.store, name);
}

static bool could_serve(const struct bl_announcing *announcing, const struct bl_service *service)
{
	bool serves = false;

	if (bl_pairs_get(&service->object.meta.labels, BL_LABEL_SERVICE_PROXY_NAME))
		return false;
	if (service->spec.external_traffic_policy != BL_TRAFFIC_POLICY_LOCAL)
		return true;
	return bl_health_check_serves(announcing->config.store,
				      bl_node_watch_facts(announcing->config.node), service,
				      &serves) == 0 &&
	       serves;
}

static int put_service(struct bl_announcing *announcing, const struct bl_service *service,
		       bool in_use)
{
	bool known = false;
	bool wanted = false;
	int first = 0;

	for (size_t i = 0; i < service->ingress.count; i++) {
		enum bl_claim_say say = BL_CLAIM_BY_LINK;
		struct bl_addr address;
		int r;

		if (!read_ingress(announcing, service, i, &address))
			continue;
		if (!known)
			wanted = in_use && could_serve(announcing, service);
		known = true;
		if (announcing->owner.say)
			say = announcing->owner.say(&address, service, wanted,
						    announcing->owner.userdata);
		r = bl_announcer_put(announcing->announcer, &address, wanted, say);
		if (r < 0)
			first = r;
	}
	return first;
}

static int put_devices(struct bl_announcing *announcing, struct bl_err *err)
{
	const struct bl_devices *devices = announcing->config.devices;
	size_t count = bl_devices_count(devices);
	_cleanup_free_ uint32_t *ifindexes = calloc(count + 1, sizeof(*ifindexes));
	size_t used = 0;

	if (!ifindexes)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		if (bl_devices_get(devices, i)->status.mode != BL_DEVICE_NONE)
			ifindexes[used++] = bl_devices_get(devices, i)->ifindex;
	return bl_announcer_set_devices(announcing->announcer, ifindexes, used, err);
}

static int sync_all(struct bl_announcing *announcing, struct bl_err *err)
{
	_cleanup_free_ const struct bl_object **items = NULL;
	size_t count = 0;
	int first = put_devices(announcing, err);
	bool in_use = !announcing->left && is_in_use(announcing) &&
		      bl_announcer_has_link(announcing->announcer);
	int r = bl_store_list(announcing->config.store, BL_KIND_SERVICE, NULL, &items, &count);

	if (r < 0)
		return r;
	bl_announcer_begin(announcing->announcer);
	if (announcing->owner.begin)
		announcing->owner.begin(announcing->owner.userdata);
	for (size_t i = 0; i < count; i++) {
		r = put_service(announcing, bl_service_of(items[i]), in_use);
		if (r < 0)
			first = r;
	}
	if (announcing->owner.end)
		announcing->owner.end(announcing->owner.userdata);
	bl_announcer_end(announcing->announcer);
	return first;
}

static void set_timer(struct bl_announcing *announcing, uint64_t usec)
{
	(void)sd_event_source_set_time_relative(announcing->timer, usec);
	(void)sd_event_source_set_enabled(announcing->timer, SD_EVENT_ONESHOT);
}

static int on_timer(sd_event_source *timer, uint64_t usec, void *userdata)
{
	struct bl_announcing *announcing = userdata;
	struct bl_err err = {0};
	int r = sync_all(announcing, &err);

	(void)timer;
	(void)usec;
	if (r == 0) {
		bl_problems_clear(announcing->config.problems, SUBJECT);
		return 0;
	}
	bl_problems_set(announcing->config.problems, SUBJECT, BL_SEVERITY_ERROR,
			"not every load-balancer address is announced: %s",
			err.text[0] ? err.text : strerror(-r));
	set_timer(announcing, RETRY_USEC);
	return 0;
}

void bl_announcing_renew(struct bl_announcing *announcing)
{
	if (announcing->started)
		set_timer(announcing, SETTLE_USEC);
}

void bl_announcing_start(struct bl_announcing *announcing)
{
	announcing->started = true;
	set_timer(announcing, 0);
}

void bl_announcing_leave(struct bl_announcing *announcing)
{
	struct bl_err err = {0};

	if (!announcing->started || announcing->left)
		return;
	announcing->left = true;
	(void)sync_all(announcing, &err); /* what fails ends with this process */
}

void bl_announcing_set_owner(struct bl_announcing *announcing,
			     const struct bl_announcing_owner *owner)
{
	announcing->owner = owner ? *owner : (struct bl_announcing_owner){0};
	bl_announcer_set_guard(announcing->announcer, announcing->owner.may_act,
			       announcing->owner.userdata);
	bl_announcing_renew(announcing);
}

static void on_store(const struct bl_event *event, void *userdata)
{
	const struct bl_announcing *announcing = userdata;

	switch (event->object->kind) {
	case BL_KIND_SERVICE:
	case BL_KIND_POD:
	case BL_KIND_ENDPOINTS:
	case BL_KIND_ENDPOINT_SLICE:
		bl_announcing_renew(userdata);
		break;
	case BL_KIND_NODE:
		/* Of others there may be thousands. */
		if (!strcmp(event->object->meta.name,
			    bl_node_watch_facts(announcing->config.node)->name))
			bl_announcing_renew(userdata);
		break;
	default:
		break;
	}
}

static void on_changed(const struct bl_announcer_view *before, const struct bl_announcer_view *now,
		       void *userdata)
{
	char text[BL_ADDR_TEXT];
	const uint8_t *mac = now->holder;

	(void)userdata;
	(void)bl_addr_format(&now->address, text);
	if (now->state == BL_CLAIM_OWNED)
		bl_log(BL_LOG_NOTICE, "load-balancer address '%s': answered by this node", text);
	else if (before->state == BL_CLAIM_OWNED && now->state == BL_CLAIM_LISTENING)
		bl_log(BL_LOG_NOTICE,
		       "load-balancer address '%s': left to %02x:%02x:%02x:%02x:%02x:%02x", text,
		       mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
	else if (before->state == BL_CLAIM_OWNED)
		bl_log(BL_LOG_NOTICE, "load-balancer address '%s': given up by this node", text);
}

static int by_address(const void *a, const void *b)
{
	const struct bl_announced *x = a;
	const struct bl_announced *y = b;

	return bl_addr_compare(&x->view.address, &y->view.address);
}

static size_t count_ingresses(const struct bl_object *const *items, size_t count)
{
	size_t sum = 0;

	for (size_t i = 0; i < count; i++)
		sum += bl_service_of(items[i])->ingress.count;
	return sum;
}

int bl_announcing_list(const struct bl_announcing *announcing, struct bl_announced **ret,
		       size_t *ret_count)
{
	_cleanup_free_ const struct bl_object **items = NULL;
	_cleanup_free_ struct bl_announced *list = NULL;
	size_t count = 0;
	size_t used = 0;
	int r = bl_store_list(announcing->config.store, BL_KIND_SERVICE, NULL, &items, &count);

	if (r < 0)
		return r;
	list = calloc(count_ingresses(items, count) + 1, sizeof(*list));
	if (!list)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		const struct bl_service *service = bl_service_of(items[i]);

		for (size_t k = 0; k < service->ingress.count; k++) {
			struct bl_addr address;

			if (!read_ingress(announcing, service, k, &address) ||
			    bl_announcer_find(announcing->announcer, &address, &list[used].view) <
				    0)
				continue;
			list[used].ns = items[i]->meta.ns;
			list[used++].name = items[i]->meta.name;
		}
	}
	if (used > 1)
		qsort(list, used, sizeof(*list), by_address);
	*ret = TAKE_PTR(list);
	*ret_count = used;
	return 0;
}

int bl_announcing_new(const struct bl_announcing_config *config, struct bl_announcing **ret)
{
	_cleanup_(bl_announcing_free) struct bl_announcing *announcing =
		calloc(1, sizeof(*announcing));
	int r;

	if (!announcing)
		return -ENOMEM;
	announcing->config = *config;
	r = bl_announcer_new(config->loop, config->interval_us, on_changed, announcing,
			     &announcing->announcer);
	if (r == 0)
		r = sd_event_add_time_relative(config->loop, &announcing->timer, CLOCK_MONOTONIC, 0,
					       0, on_timer, announcing);
	if (r >= 0)
		r = sd_event_source_set_enabled(announcing->timer, SD_EVENT_OFF);
	if (r >= 0)
		r = bl_store_watch_add(config->store, on_store, announcing, &announcing->watch);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(announcing);
	return 0;
}

struct bl_announcing *bl_announcing_free(struct bl_announcing *announcing)
{
	if (!announcing)
		return NULL;
	if (announcing->watch)
		bl_store_watch_remove(announcing->config.store, announcing->watch);
	sd_event_source_disable_unref(announcing->timer);
	bl_announcer_free(announcing->announcer);
	free(announcing);
	return NULL;
}
