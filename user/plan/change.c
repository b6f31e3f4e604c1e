/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "plan/change.h"

#define CANARY_NS "kube-system"
#define CANARY_NAME "beeline-canary"
static void change_done(struct bl_service_change *change)
{
	free(change->ports);
	free(change->frontends);
	(void)bl_record_free(change->new);
}
#define _cleanup_change_ __attribute__((cleanup(change_done)))

static int put_service(struct bl_plan *plan, const struct bl_resolved *resolved,
		       uint16_t more_flags, struct bl_delta *delta, struct bl_err *err)
{
	_cleanup_change_ struct bl_service_change change = {
		.plan = plan,
		.resolved = resolved,
		.delta = delta,
		.err = err,
		.more_flags = more_flags,
	};
	int r;

	if (!bl_record_name(resolved->ns, resolved->name, change.name))
		return bl_err_set(
			err, -ENAMETOOLONG,
			"name of service '%s/%s' is too long: a namespace and a name have "
			"at most %d characters",
			resolved->ns, resolved->name, BL_NAME_MAX - 1);
	change.old = bl_map_get_str(plan->records, change.name);
	if (!change.old && resolved->port_count == 0)
		return 0;
	r = bl_change_prepare(&change);
	if (r < 0)
		return r == -ENOMEM ? bl_err_set(err, r, "cannot plan service '%s': no memory",
						 change.name)
				    : r;
	bl_change_commit(&change);
	bl_change_retire(&change);
	return r;
}

int bl_plan_put(struct bl_plan *plan, const struct bl_resolved *resolved, struct bl_delta *delta,
		struct bl_err *err)
{
	return put_service(plan, resolved, 0, delta, err);
}

int bl_plan_remove(struct bl_plan *plan, const char *ns, const char *name, struct bl_delta *delta)
{
	const struct bl_resolved nothing = {.ns = ns, .name = name};

	return put_service(plan, &nothing, 0, delta, NULL);
}

int bl_plan_put_canary(struct bl_plan *plan, const struct bl_addr *address, uint16_t port,
		       const struct bl_addr *backend, uint16_t backend_port, struct bl_delta *delta,
		       struct bl_err *err)
{
	struct bl_resolved_frontend frontend = {
		.address = *address,
		.port = port,
		.kind = BL_FRONTEND_CLUSTER_IP,
		.internal_only = true,
	};
	struct bl_resolved_backend answer = {
		.address = *backend,
		.port = backend_port,
		.state = BL_BACKEND_READY,
		.weight = 100,
		.internal = true,
	};
	struct bl_resolved_port resolved_port = {
		.protocol = IPPROTO_TCP,
		.family = address->family,
		.port = port,
		.frontends = &frontend,
		.frontend_count = 1,
		.backends = &answer,
		.backend_count = 1,
	};
	const struct bl_resolved resolved = {
		.ns = CANARY_NS,
		.name = CANARY_NAME,
		.ports = &resolved_port,
		.port_count = 1,
	};

	return put_service(plan, &resolved, BL_FRONTEND_F_CANARY, delta, err);
}

static int compare_ids(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a;
	uint32_t y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

int bl_plan_remove_unclaimed(struct bl_plan *plan, struct bl_delta *delta)
{
	_cleanup_free_ uint32_t *ids = calloc(bl_map_count(plan->records) + 1, sizeof(*ids));
	size_t cursor = 0;
	size_t count = 0;
	void *value;
	int r = 0;

	if (!ids)
		return -ENOMEM;
	while (bl_map_next(plan->records, &cursor, NULL, NULL, &value)) {
		const struct bl_record *record = value;

		if (!record->claimed)
			ids[count++] = record->ports[0].service_id;
	}
	/* In an order that does not hang on where the map keeps them. */
	if (count > 1)
		qsort(ids, count, sizeof(*ids), compare_ids);
	for (size_t i = 0; r == 0 && i < count; i++) {
		struct bl_service_entry entry;

		if (!bl_plan_service(plan, ids[i], &entry))
			continue;
		r = bl_plan_remove(plan, entry.ns, entry.name, delta);
	}
	return r;
}
