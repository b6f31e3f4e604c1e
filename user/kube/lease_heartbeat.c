/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "kube/lease_heartbeat.h"

#include <errno.h>
#include <string.h>

#include "base/map.h"
#include "kube/fetch.h"

int bl_heartbeat_init(struct bl_heartbeat *heartbeat, const char *ns, const char *identity,
		      const struct bl_lease_times *times, uint64_t seed)
{
	*heartbeat = (struct bl_heartbeat){
		.ns = ns, .identity = identity, .times = *times, .seed = seed};
	if (strlen(identity) > BL_LEASE_NODE_MAX)
		return -ENAMETOOLONG;
	(void)snprintf(heartbeat->name, sizeof(heartbeat->name), BL_LEASE_HEARTBEAT "%s", identity);
	return 0;
}

bool bl_heartbeat_is_held(const struct bl_heartbeat *heartbeat, uint64_t now_ms)
{
	return heartbeat->held && !heartbeat->leaving &&
	       now_ms < heartbeat->held_ms + heartbeat->times.deadline_ms;
}

bool bl_heartbeat_has_left(const struct bl_heartbeat *heartbeat)
{
	return heartbeat->leaving && !heartbeat->act && !heartbeat->held;
}

static uint64_t draw_term(struct bl_heartbeat *heartbeat)
{
	heartbeat->drawn++;
	return bl_map_hash(heartbeat->seed, &heartbeat->drawn, sizeof(heartbeat->drawn)) | 1;
}

static enum bl_lease_act choose(const struct bl_heartbeat *heartbeat, uint64_t now_ms)
{
	if (heartbeat->act || now_ms < heartbeat->next_ms)
		return BL_LEASE_NOTHING;
	if (heartbeat->leaving ? !heartbeat->held : !heartbeat->wanted)
		return heartbeat->probes && !heartbeat->leaving ? BL_LEASE_LOOK : BL_LEASE_NOTHING;
	if (!heartbeat->is_known)
		return BL_LEASE_LOOK;
	if (heartbeat->leaving && !heartbeat->is_ours)
		return BL_LEASE_NOTHING;
	return heartbeat->exists ? BL_LEASE_UPDATE : BL_LEASE_CREATE;
}

static void write_body(struct bl_heartbeat *heartbeat, uint64_t now_us, struct bl_buf *ret)
{
	bool goes_on = heartbeat->is_ours && heartbeat->term;
	char now[BL_KUBE_TIME_TEXT];
	struct bl_lease_body body = {
		.act = heartbeat->act,
		.name = heartbeat->name,
		.ns = heartbeat->ns,
		.version = heartbeat->version,
		.holder = heartbeat->leaving ? NULL : heartbeat->identity,
		.term = goes_on ? heartbeat->term : draw_term(heartbeat),
		.acquired = goes_on && heartbeat->acquired[0] ? heartbeat->acquired : now,
		.renewed = now,
		.duration_ms = heartbeat->times.duration_ms,
		.transitions = heartbeat->transitions + (heartbeat->exists && !goes_on ? 1 : 0),
	};

	(void)bl_kube_time_format(now_us, now);
	bl_lease_write(&body, ret);
}

enum bl_lease_act bl_heartbeat_turn(struct bl_heartbeat *heartbeat, uint64_t now_ms,
				    uint64_t now_us, struct bl_buf *ret_body)
{
	enum bl_lease_act act = choose(heartbeat, now_ms);

	if (act == BL_LEASE_NOTHING)
		return act;
	heartbeat->act = act;
	heartbeat->next_ms = now_ms + heartbeat->times.retry_ms;
	if (act == BL_LEASE_LOOK)
		return act;
	heartbeat->tried_ms = now_ms;
	write_body(heartbeat, now_us, ret_body);
	return act;
}

static void take(struct bl_heartbeat *heartbeat, const struct bl_lease_object *lease)
{
	struct bl_lease_seen seen;

	heartbeat->is_known = true;
	heartbeat->exists = lease != NULL;
	heartbeat->is_ours = false;
	if (lease) {
		seen = bl_lease_read(lease);
		heartbeat->is_ours = !strcmp(seen.holder, heartbeat->identity);
		heartbeat->term = seen.term;
		heartbeat->version = seen.version;
		heartbeat->transitions = seen.transitions;
		(void)snprintf(heartbeat->acquired, sizeof(heartbeat->acquired), "%s",
			       seen.acquired);
	}
	if (!heartbeat->is_ours)
		heartbeat->held = false;
}

void bl_heartbeat_done(struct bl_heartbeat *heartbeat, int status,
		       const struct bl_lease_object *lease, uint64_t now_ms)
{
	enum bl_lease_act act = heartbeat->act;

	heartbeat->act = BL_LEASE_NOTHING;
	/* Without an answer again soon: time is running. */
	if (!status)
		heartbeat->next_ms = now_ms + heartbeat->times.retry_ms / 2;
	if (act == BL_LEASE_LOOK) {
		if (status != 200)
			return;
		take(heartbeat, lease);
		heartbeat->next_ms = now_ms;
		return;
	}
	if ((status == 200 || status == 201) && lease) {
		take(heartbeat, lease);
		heartbeat->held = heartbeat->is_ours;
		if (heartbeat->held)
			heartbeat->held_ms = heartbeat->tried_ms;
		return;
	}
	/* What it is now has to be asked for: somebody freed what we had, or removed it, or the
	 * answer to a good write was lost. */
	if (status == 409 || status == 404) {
		heartbeat->is_known = false;
		heartbeat->next_ms = now_ms;
	}
}

uint64_t bl_heartbeat_due(const struct bl_heartbeat *heartbeat, uint64_t now_ms)
{
	bool waits =
		!heartbeat->act &&
		(heartbeat->leaving ? heartbeat->held : heartbeat->wanted || heartbeat->probes);
	uint64_t due = waits ? heartbeat->next_ms : UINT64_MAX;
	uint64_t lost = heartbeat->held_ms + heartbeat->times.deadline_ms;

	if (bl_heartbeat_is_held(heartbeat, now_ms) && lost < due)
		due = lost;
	return due;
}
