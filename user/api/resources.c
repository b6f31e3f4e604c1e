/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "api/resources.h"

#include <string.h>

#include "api/event.h"
#include "base/cleanup.h"

static const struct {
	const char *help;
	const char *category;
} extras[BL_KIND_COUNT] = {
	[BL_KIND_SERVICE] = {"a name and addresses behind which pods, or endpoints written by "
			     "hand, answer",
			     "all"},
	[BL_KIND_POD] = {"containers that somebody else runs; Services find them by their labels",
			 "all"},
	[BL_KIND_ENDPOINTS] = {"addresses and ports that a Service leads to"},
	[BL_KIND_ENDPOINT_SLICE] = {"some of the addresses and ports that a Service leads to"},
	[BL_KIND_NODE] = {"a machine that serves pods, and its addresses"},
	[BL_KIND_NAMESPACE] = {"a scope for names"},
	[BL_KIND_LEASE] = {"who of several does something, and until when"},
};

#define EVENT_HELP "what was noticed about an object, kept in memory alone and for an hour"

static const struct bl_api_resource event_resources[] = {
	{
		.group = "",
		.group_version = "v1",
		.kind = "Event",
		.plural = "events",
		.singular = "event",
		.short_name = "ev",
		.namespaced = true,
		.type = &bl_type_api_event,
		.help = EVENT_HELP,
	},
	{
		.group = "events.k8s.io",
		.group_version = BL_EVENT_GROUP,
		.kind = "Event",
		.plural = "events",
		.singular = "event",
		.short_name = "ev",
		.namespaced = true,
		.type = &bl_type_group_event,
		.help = EVENT_HELP,
	},
};

/* By their names in each group, as other servers tell them: `get all` follows it. */
#define EVENT BL_KIND_COUNT
#define GROUP_EVENT (BL_KIND_COUNT + 1)
static const int order[] = {
	BL_KIND_ENDPOINTS, EVENT,       BL_KIND_NAMESPACE,      BL_KIND_NODE,  BL_KIND_POD,
	BL_KIND_SERVICE,   GROUP_EVENT, BL_KIND_ENDPOINT_SLICE, BL_KIND_LEASE,
};
_Static_assert(ARRAY_SIZE(order) == BL_KIND_COUNT + 2, "every kind has its place");

bool bl_api_resource(size_t index, struct bl_api_resource *ret)
{
	const struct bl_kind_info *info;
	const struct bl_type *type;
	enum bl_kind kind;
	size_t hint = 0;

	if (index >= ARRAY_SIZE(order))
		return false;
	if (order[index] >= EVENT) {
		*ret = event_resources[order[index] - EVENT];
		return true;
	}
	kind = (enum bl_kind)order[index];
	info = bl_kind_info(kind);
	type = bl_type_of(kind);
	*ret = (struct bl_api_resource){
		.group = info->group,
		.group_version = info->api_version,
		.kind = info->kind,
		.plural = info->plural,
		.singular = info->singular,
		.short_name = info->short_name,
		.category = extras[kind].category,
		.namespaced = info->namespaced,
		.has_status = bl_type_find(type, "status", strlen("status"), &hint),
		.type = type,
		.help = extras[kind].help,
	};
	return true;
}

const char *bl_api_group_version(size_t index)
{
	static const char *const versions[] = {"v1", BL_EVENT_GROUP, "discovery.k8s.io/v1",
					       "coordination.k8s.io/v1"};

	return index < ARRAY_SIZE(versions) ? versions[index] : NULL;
}
