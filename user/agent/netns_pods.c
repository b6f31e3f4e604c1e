/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/netns_pods.h"

#include <errno.h>
#include <string.h>
#include <sys/inotify.h>
#include <time.h>

#include "base/map.h"
#include "datapath/netns.h"
#include "model/pod.h"

#define SETTLE_USEC (100 * 1000ull)
/* Pods may come and go all the time: a look is not put off for longer, and takes at most one part
 * in SHARE of the time. */
#define SETTLE_MAX_USEC (500 * 1000ull)
#define SHARE 20u
#define PERIOD_USEC (10 * 1000 * 1000ull)
#define NETNS_FOLDER "/run/netns"

struct bl_netns_pods {
	struct bl_netns_pods_config config;
	struct bl_store_watch *watch;
	sd_event_source *timer;
	sd_event_source *inotify;
	size_t written;      /* rows in the map */
	uint64_t first_usec; /* when the oldest change that waits came; 0: none */
	uint64_t not_before; /* CLOCK_MONOTONIC */
};

/* Addresses of this node's pods that have a namespace of their own. */
static int add_pod(struct bl_map *pods, const struct bl_object *object, const char *node)
{
	const struct bl_pod *pod = bl_pod_of(object);
	size_t count = pod->status.pod_ips.count;

	if (pod->spec.host_network == BL_TRUE || !pod->spec.node_name ||
	    strcmp(pod->spec.node_name, node))
		return 0;
	for (size_t i = 0; i < count + 1; i++) {
		const char *ip = i < count ? pod->status.pod_ips.items[i].ip : pod->status.pod_ip;
		struct bl_addr address;
		int r;

		if (!ip || bl_addr_parse(ip, &address) < 0)
			continue;
		r = bl_map_put(pods, &address, sizeof(address), (void *)object, NULL);
		if (r < 0)
			return r;
	}
	return 0;
}

static int collect_pods(const struct bl_netns_pods *netns_pods, struct bl_map *pods)
{
	const char *node = bl_node_watch_facts(netns_pods->config.node)->name;
	_cleanup_free_ const struct bl_object **items = NULL;
	size_t count = 0;
	int r = bl_store_list(netns_pods->config.store, BL_KIND_POD, NULL, &items, &count);

	for (size_t i = 0; r >= 0 && i < count; i++)
		r = add_pod(pods, items[i], node);
	return r;
}

/* True when the namespace holds an address of a pod. */
static bool look_into(const struct bl_netns *netns, const struct bl_map *pods,
		      struct bl_netns_pod_row *row)
{
	_cleanup_free_ struct bl_addr *addresses = NULL;
	size_t count = 0;
	bool found = false;

	*row = (struct bl_netns_pod_row){0};
	if (bl_netns_addresses_of(netns->fd, &addresses, &count) < 0)
		return false; /* it went away */
	for (size_t i = 0; i < count; i++) {
		if (!bl_map_get(pods, &addresses[i], sizeof(addresses[i])))
			continue;
		if (addresses[i].family == BL_FAMILY_IPV4)
			row->pod.ipv4 = addresses[i].ip;
		else
			row->pod.ipv6 = addresses[i].ip;
		found = true;
	}
	return found && bl_netns_cookie(netns->fd, &row->cookie) >= 0;
}

static int refresh(struct bl_netns_pods *netns_pods, struct bl_err *err)
{
	_cleanup_(bl_netns_list_done) struct bl_netns_list list = {0};
	_cleanup_(bl_map_free) struct bl_map *pods = NULL;
	_cleanup_free_ struct bl_netns_pod_row *rows = NULL;
	size_t used = 0;
	int r = bl_map_new(&pods);

	if (r >= 0)
		r = collect_pods(netns_pods, pods);
	if (r >= 0 && bl_map_count(pods))
		r = bl_netns_list(&list);
	if (r < 0)
		return bl_err_set(err, r, "cannot list network namespaces: %s", strerror(-r));
	rows = calloc(list.count + 1, sizeof(*rows));
	if (!rows)
		return bl_err_set(err, -ENOMEM, "no memory");
	for (size_t i = 0; i < list.count && used < BL_NETNS_PODS_MAX; i++)
		if (look_into(&list.items[i], pods, &rows[used]))
			used++;
	if (!used && !netns_pods->written)
		return 0;
	r = bl_datapath_set_netns_pods(netns_pods->config.datapath, rows, used, err);
	if (r >= 0)
		netns_pods->written = used;
	return r;
}

static uint64_t now_usec(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static void arm(struct bl_netns_pods *netns_pods, uint64_t at)
{
	(void)sd_event_source_set_time(netns_pods->timer, at);
	(void)sd_event_source_set_enabled(netns_pods->timer, SD_EVENT_ONESHOT);
}

/* Waits for the last of several changes, but not for ever. */
static void schedule(struct bl_netns_pods *netns_pods)
{
	uint64_t now = now_usec(), at = now + SETTLE_USEC;

	if (!netns_pods->first_usec)
		netns_pods->first_usec = now;
	if (at > netns_pods->first_usec + SETTLE_MAX_USEC)
		at = netns_pods->first_usec + SETTLE_MAX_USEC;
	arm(netns_pods, at > netns_pods->not_before ? at : netns_pods->not_before);
}

void bl_netns_pods_look(struct bl_netns_pods *netns_pods)
{
	struct bl_err err = {0};

	if (refresh(netns_pods, &err) < 0)
		bl_problems_set(netns_pods->config.problems, "session affinity",
				BL_SEVERITY_WARNING,
				"clients are told apart by network namespace only: %s", err.text);
	else
		bl_problems_clear(netns_pods->config.problems, "session affinity");
}

static int on_timer(sd_event_source *timer, uint64_t usec, void *userdata)
{
	struct bl_netns_pods *netns_pods = userdata;
	uint64_t start = now_usec(), end;

	(void)timer;
	(void)usec;
	netns_pods->first_usec = 0;
	if (bl_reconcile_uses_affinity(netns_pods->config.reconcile))
		bl_netns_pods_look(netns_pods);
	end = now_usec();
	netns_pods->not_before = end + (end - start) * SHARE;
	arm(netns_pods, end + PERIOD_USEC);
	return 0;
}

static void on_event(const struct bl_event *event, void *userdata)
{
	if (event->object->kind == BL_KIND_POD || event->object->kind == BL_KIND_SERVICE)
		if (bl_reconcile_uses_affinity(
			    ((struct bl_netns_pods *)userdata)->config.reconcile) ||
		    event->object->kind == BL_KIND_SERVICE)
			schedule(userdata);
}

static int on_inotify(sd_event_source *source, const struct inotify_event *event, void *userdata)
{
	(void)source;
	(void)event;
	schedule(userdata);
	return 0;
}

int bl_netns_pods_new(const struct bl_netns_pods_config *config, struct bl_netns_pods **ret)
{
	_cleanup_(bl_netns_pods_free) struct bl_netns_pods *netns_pods =
		calloc(1, sizeof(*netns_pods));
	int r;

	if (!netns_pods)
		return -ENOMEM;
	netns_pods->config = *config;
	r = sd_event_add_time_relative(config->loop, &netns_pods->timer, CLOCK_MONOTONIC,
				       PERIOD_USEC, 0, on_timer, netns_pods);
	if (r >= 0)
		r = bl_store_watch_add(config->store, on_event, netns_pods, &netns_pods->watch);
	if (r < 0)
		return r;
	/* A node without named namespaces has no such folder; the timer finds the others. */
	(void)sd_event_add_inotify(config->loop, &netns_pods->inotify, NETNS_FOLDER,
				   IN_CREATE | IN_DELETE | IN_ONLYDIR, on_inotify, netns_pods);
	*ret = TAKE_PTR(netns_pods);
	return 0;
}

struct bl_netns_pods *bl_netns_pods_free(struct bl_netns_pods *netns_pods)
{
	if (!netns_pods)
		return NULL;
	if (netns_pods->watch)
		bl_store_watch_remove(netns_pods->config.store, netns_pods->watch);
	sd_event_source_disable_unref(netns_pods->timer);
	sd_event_source_disable_unref(netns_pods->inotify);
	free(netns_pods);
	return NULL;
}
