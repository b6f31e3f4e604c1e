/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/drops.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LOOK_USEC (10 * 1000 * 1000ull)

static const struct {
	enum bl_reason reason;
	const char *label; /* as `status` has it */
	const char *advice;
} rows[] = {
	{BL_REASON_DSR_STRANGER, "dsr_stranger",
	 "encapsulated packets come from nodes that are not known: name their network with "
	 "--dsr-peer, or have Node objects with their addresses"},
	{BL_REASON_NO_SNAT_PORT, "no_snat_port",
	 "no port of --snat-ports is free towards a backend on another node: widen the range"},
	{BL_REASON_NO_SNAT_ADDRESS, "no_snat_address",
	 "this node has no address of the client's family to send on from: give one to a device of "
	 "--device"},
	{BL_REASON_NO_ROUTE, "no_route",
	 "the route to a backend or client is missing or forbids ('ip route get ADDRESS')"},
	{BL_REASON_FLOW_LIMIT, "flow_limit",
	 "more new connections come than are admitted: a flood, or work for more CPUs "
	 "('ethtool -L')"},
};

struct bl_drops {
	struct bl_drops_config config;
	sd_event_source *timer;
	bool looked;
	uint64_t before[ARRAY_SIZE(rows)];
	int64_t last_s[ARRAY_SIZE(rows)]; /* when it was last dropped for this; 0: no problem */
};

static void look_at(struct bl_drops *drops, size_t i, uint64_t count, int64_t now_s)
{
	char subject[64];

	(void)snprintf(subject, sizeof(subject), "dropped packets: %s", rows[i].label);
	/* Fewer: the maps were made anew. */
	if (drops->looked && count > drops->before[i]) {
		drops->last_s[i] = now_s;
		bl_problems_set(drops->config.problems, subject, BL_SEVERITY_WARNING,
				"packets of clients outside are dropped (%s): %s", rows[i].label,
				rows[i].advice);
	} else if (drops->last_s[i] && now_s - drops->last_s[i] >= BL_DROPS_QUIET_S) {
		drops->last_s[i] = 0;
		bl_problems_clear(drops->config.problems, subject);
	}
	drops->before[i] = count;
}

void bl_drops_look(struct bl_drops *drops, const uint64_t counts[BL_REASON_COUNT], int64_t now_s)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		look_at(drops, i, counts[rows[i].reason], now_s);
	drops->looked = true;
}

static void look(struct bl_drops *drops)
{
	uint64_t counts[BL_REASON_COUNT] = {0};
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	if (bl_datapath_read_reasons(drops->config.datapath, counts) >= 0)
		bl_drops_look(drops, counts, now.tv_sec);
}

static int on_timer(sd_event_source *timer, uint64_t usec, void *userdata)
{
	(void)usec;
	look(userdata);
	(void)sd_event_source_set_time_relative(timer, LOOK_USEC);
	(void)sd_event_source_set_enabled(timer, SD_EVENT_ONESHOT);
	return 0;
}

int bl_drops_new(const struct bl_drops_config *config, struct bl_drops **ret)
{
	_cleanup_(bl_drops_free) struct bl_drops *drops = calloc(1, sizeof(*drops));
	int r;

	if (!drops)
		return -ENOMEM;
	drops->config = *config;
	r = sd_event_add_time_relative(config->loop, &drops->timer, CLOCK_MONOTONIC, LOOK_USEC, 0,
				       on_timer, drops);
	if (r < 0)
		return r;
	look(drops);
	*ret = TAKE_PTR(drops);
	return 0;
}

struct bl_drops *bl_drops_free(struct bl_drops *drops)
{
	if (!drops)
		return NULL;
	sd_event_source_disable_unref(drops->timer);
	free(drops);
	return NULL;
}
