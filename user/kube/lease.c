/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "kube/lease.h"

#include <inttypes.h>
#include <json-c/json.h>
#include <string.h>

#include "base/cleanup.h"
#include "kube/fetch.h"

#define DURATION_MAX_MS (3600u * 1000u) /* nobody keeps a Lease for longer without a word */

const struct bl_lease_times bl_lease_times_default = {
	.duration_ms = 15000,
	.deadline_ms = 10000,
	.retry_ms = 2000,
};

static void copy(char *to, size_t size, const char *from)
{
	/* Text that would need escapes where it is written again is nothing that we wrote. */
	(void)snprintf(to, size, "%s", from && !strpbrk(from, "\"\\\n") ? from : "");
}

static bool is_ours(const struct bl_lease *lease)
{
	return lease->exists && !strcmp(lease->holder, lease->identity);
}

bool bl_lease_is_held(const struct bl_lease *lease, uint64_t now_ms)
{
	return lease->held && now_ms < lease->held_ms + lease->times.deadline_ms;
}

/* Is somebody else in possession? */
static bool is_taken(const struct bl_lease *lease, uint64_t now_ms)
{
	return lease->exists && lease->holder[0] && !is_ours(lease) &&
	       now_ms < lease->changed_ms + lease->holder_duration_ms;
}

static int64_t number_at(struct json_object *spec, const char *name, int64_t other)
{
	struct json_object *value;

	if (!json_object_object_get_ex(spec, name, &value) ||
	    !json_object_is_type(value, json_type_int))
		return other;
	return json_object_get_int64(value);
}

void bl_lease_saw(struct bl_lease *lease, struct json_object *object, uint64_t now_ms)
{
	const char *version = bl_kube_json_text(object, "metadata.resourceVersion");
	const char *renewed = bl_kube_json_text(object, "spec.renewTime");
	const char *holder = bl_kube_json_text(object, "spec.holderIdentity");
	struct json_object *spec = NULL;
	int64_t seconds;

	lease->is_known = true;
	lease->next_ms = now_ms;
	if (!object) {
		lease->exists = false;
		lease->held = false;
		return;
	}
	holder = holder ? holder : "";
	renewed = renewed ? renewed : "";
	/* Only what its holder does counts as a sign of life, not somebody's label. */
	if (!lease->exists || strcmp(lease->holder, holder) != 0 ||
	    strcmp(lease->renewed, renewed) != 0)
		lease->changed_ms = now_ms;
	lease->exists = true;
	(void)json_object_object_get_ex(object, "spec", &spec);
	seconds = number_at(spec, "leaseDurationSeconds", (int64_t)lease->times.duration_ms / 1000);
	lease->holder_duration_ms = seconds > 0 && seconds < DURATION_MAX_MS / 1000
					    ? (uint64_t)seconds * 1000
					    : DURATION_MAX_MS;
	lease->transitions = number_at(spec, "leaseTransitions", 0);
	copy(lease->holder, sizeof(lease->holder), holder);
	copy(lease->renewed, sizeof(lease->renewed), renewed);
	copy(lease->acquired, sizeof(lease->acquired),
	     bl_kube_json_text(object, "spec.acquireTime"));
	copy(lease->version, sizeof(lease->version), version);
	if (!is_ours(lease))
		lease->held = false;
	if (is_taken(lease, now_ms))
		lease->next_ms = now_ms + lease->times.retry_ms;
}

enum bl_lease_act bl_lease_turn(struct bl_lease *lease, uint64_t now_ms)
{
	if (lease->writing || now_ms < lease->next_ms || (!lease->wanted && !lease->held))
		return BL_LEASE_NOTHING;
	if (!lease->is_known || is_taken(lease, now_ms)) {
		lease->next_ms = now_ms + lease->times.retry_ms;
		return BL_LEASE_LOOK;
	}
	lease->next_ms = now_ms + lease->times.retry_ms;
	lease->tried_ms = now_ms;
	lease->writing = true;
	lease->deleting = !lease->wanted;
	if (lease->deleting)
		return BL_LEASE_DELETE;
	return lease->exists ? BL_LEASE_UPDATE : BL_LEASE_CREATE;
}

uint64_t bl_lease_due(const struct bl_lease *lease, uint64_t now_ms)
{
	bool waits = !lease->writing && (lease->wanted || lease->held);
	uint64_t due = waits ? lease->next_ms : UINT64_MAX;
	uint64_t lost = lease->held_ms + lease->times.deadline_ms;

	if (bl_lease_is_held(lease, now_ms) && lost < due)
		due = lost;
	return due;
}

void bl_lease_wrote(struct bl_lease *lease, int status, struct json_object *object, uint64_t now_ms)
{
	lease->writing = false;
	if (status == 200 && lease->deleting) {
		lease->deleting = false;
		bl_lease_saw(lease, NULL, now_ms);
		return;
	}
	lease->deleting = false;
	if ((status == 200 || status == 201) && object) {
		bl_lease_saw(lease, object, now_ms);
		lease->next_ms = lease->tried_ms + lease->times.retry_ms;
		lease->held = is_ours(lease);
		if (lease->held)
			lease->held_ms = lease->tried_ms;
		return;
	}
	/* Somebody was faster, or it was removed: what it is now says the next look. Whoever held
	 * it may still act until its time is over, as nobody else can have it before. */
	if (status == 409 || status == 404) {
		lease->is_known = false;
		lease->next_ms = now_ms;
	}
}

void bl_lease_write(const struct bl_lease *lease, enum bl_lease_act act, uint64_t now_us,
		    struct bl_buf *ret)
{
	bool ours = is_ours(lease);
	int64_t transitions = lease->transitions + (lease->exists && !ours ? 1 : 0);
	char now[BL_KUBE_TIME_TEXT];

	if (act == BL_LEASE_DELETE) {
		bl_buf_addf(ret,
			    "{\"apiVersion\":\"v1\",\"kind\":\"DeleteOptions\",\"preconditions\":{"
			    "\"resourceVersion\":\"%s\"}}",
			    lease->version);
		return;
	}
	(void)bl_kube_time_format(now_us, now);
	bl_buf_addf(ret,
		    "{\"apiVersion\":\"coordination.k8s.io/v1\",\"kind\":\"Lease\",\"metadata\":{"
		    "\"name\":\"%s\",\"namespace\":\"%s\",\"labels\":{"
		    "\"app.kubernetes.io/managed-by\":\"beeline\"}",
		    lease->name, lease->ns);
	if (act == BL_LEASE_UPDATE)
		bl_buf_addf(ret, ",\"resourceVersion\":\"%s\"", lease->version);
	bl_buf_addf(ret,
		    "},\"spec\":{\"holderIdentity\":\"%s\",\"leaseDurationSeconds\":%" PRIu64
		    ",\"acquireTime\":\"%s\",\"renewTime\":\"%s\",\"leaseTransitions\":%" PRId64
		    "}}",
		    lease->identity, lease->times.duration_ms / 1000,
		    ours && lease->acquired[0] ? lease->acquired : now, now, transitions);
}
