/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/dsr_peers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "model/node.h"

#define SUBJECT "direct server return"
#define SETTLE_USEC (50 * 1000ull)
#define RETRY_USEC (2 * 1000 * 1000ull)

struct bl_dsr_peers {
	struct bl_dsr_peers_config config;
	char *node_name;
	struct bl_store_watch *watch;
	sd_event_source *timer;
	bool started;
};

/* Host names, which may look like addresses, are none. */
static bool read_address(const struct bl_node_address *item, struct bl_prefix *ret)
{
	if (!item->type || !item->address ||
	    (strcmp(item->type, "InternalIP") != 0 && strcmp(item->type, "ExternalIP") != 0) ||
	    bl_addr_parse_lenient(item->address, &ret->addr) < 0 ||
	    bl_addr_is_loopback(&ret->addr) || bl_addr_is_unspecified(&ret->addr))
		return false;
	ret->bits = (uint8_t)bl_addr_bits(&ret->addr);
	return true;
}

/* The peers that the store and the options make; the array is the caller's. */
static int list_peers(const struct bl_dsr_peers *peers, struct bl_prefix **ret, size_t *ret_count)
{
	_cleanup_free_ const struct bl_object **nodes = NULL;
	_cleanup_free_ struct bl_prefix *list = NULL;
	size_t node_count = 0, room = peers->config.network_count, used = 0;
	int r = bl_store_list(peers->config.store, BL_KIND_NODE, NULL, &nodes, &node_count);

	for (size_t i = 0; r == 0 && i < node_count; i++)
		room += bl_node_of(nodes[i])->addresses.count;
	list = r == 0 ? calloc(room + 1, sizeof(*list)) : NULL;
	if (!list)
		return r < 0 ? r : -ENOMEM;
	for (size_t i = 0; i < peers->config.network_count; i++)
		list[used++] = peers->config.networks[i];
	for (size_t i = 0; i < node_count; i++) {
		const struct bl_node_addresses *addresses = &bl_node_of(nodes[i])->addresses;

		if (strcmp(nodes[i]->meta.name, peers->node_name) == 0)
			continue;
		for (size_t k = 0; k < addresses->count; k++)
			used += read_address(&addresses->items[k], &list[used]);
	}
	*ret = TAKE_PTR(list);
	*ret_count = used;
	return 0;
}

static void set_timer(struct bl_dsr_peers *peers, uint64_t usec)
{
	(void)sd_event_source_set_time_relative(peers->timer, usec);
	(void)sd_event_source_set_enabled(peers->timer, SD_EVENT_ONESHOT);
}

static void write_peers(struct bl_dsr_peers *peers)
{
	_cleanup_free_ struct bl_prefix *list = NULL;
	struct bl_err err = {0};
	size_t count = 0;
	int r = list_peers(peers, &list, &count);

	if (r == 0)
		r = bl_datapath_set_dsr_peers(peers->config.datapath, list, count, &err);
	if (r == 0) {
		bl_problems_clear(peers->config.problems, SUBJECT);
		return;
	}
	bl_problems_set(peers->config.problems, SUBJECT, BL_SEVERITY_ERROR,
			"encapsulated packets of some nodes are not taken: %s",
			err.text[0] ? err.text : strerror(-r));
	set_timer(peers, RETRY_USEC);
}

static int on_timer(sd_event_source *timer, uint64_t usec, void *userdata)
{
	(void)timer;
	(void)usec;
	write_peers(userdata);
	return 0;
}

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

/* Most changes of Nodes are of their conditions. */
static bool same_addresses(const struct bl_object *a, const struct bl_object *b)
{
	const struct bl_node_addresses *one = &bl_node_of(a)->addresses;
	const struct bl_node_addresses *two = &bl_node_of(b)->addresses;

	if (one->count != two->count)
		return false;
	for (size_t i = 0; i < one->count; i++)
		if (!same_text(one->items[i].type, two->items[i].type) ||
		    !same_text(one->items[i].address, two->items[i].address))
			return false;
	return true;
}

static void on_event(const struct bl_event *event, void *userdata)
{
	struct bl_dsr_peers *peers = userdata;

	if (!peers->started || event->object->kind != BL_KIND_NODE)
		return;
	if (event->change == BL_CHANGE_MODIFIED && same_addresses(event->old, event->object))
		return;
	set_timer(peers, SETTLE_USEC);
}

void bl_dsr_peers_start(struct bl_dsr_peers *peers)
{
	peers->started = true;
	write_peers(peers);
}

int bl_dsr_peers_new(const struct bl_dsr_peers_config *config, struct bl_dsr_peers **ret)
{
	_cleanup_(bl_dsr_peers_free) struct bl_dsr_peers *peers = calloc(1, sizeof(*peers));
	int r;

	if (!peers)
		return -ENOMEM;
	peers->config = *config;
	peers->node_name = strdup(config->node_name);
	if (!peers->node_name)
		return -ENOMEM;
	r = sd_event_add_time_relative(config->loop, &peers->timer, CLOCK_MONOTONIC, 0, 0, on_timer,
				       peers);
	if (r >= 0)
		r = sd_event_source_set_enabled(peers->timer, SD_EVENT_OFF);
	if (r >= 0)
		r = bl_store_watch_add(config->store, on_event, peers, &peers->watch);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(peers);
	return 0;
}

struct bl_dsr_peers *bl_dsr_peers_free(struct bl_dsr_peers *peers)
{
	if (!peers)
		return NULL;
	if (peers->watch)
		bl_store_watch_remove(peers->config.store, peers->watch);
	sd_event_source_disable_unref(peers->timer);
	free(peers->node_name);
	free(peers);
	return NULL;
}
