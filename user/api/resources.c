/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "api/resources.h"

#include <string.h>

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

static const struct bl_api_resource event_resource = {
	.group = "",
	.group_version = "v1",
	.kind = "Event",
	.plural = "events",
	.singular = "event",
	.short_name = "ev",
	.namespaced = true,
	.read_only = true,
	.type = &bl_type_api_event,
	.help = "what the agent's probes have noticed about a pod, kept in memory alone",
};

/* By their names in each group, as other servers tell them: `get all` follows it. */
#define EVENT BL_KIND_COUNT
static const enum bl_kind order[] = {
	BL_KIND_ENDPOINTS, EVENT,           BL_KIND_NAMESPACE,      BL_KIND_NODE,
	BL_KIND_POD,       BL_KIND_SERVICE, BL_KIND_ENDPOINT_SLICE, BL_KIND_LEASE,
};
_Static_assert(ARRAY_SIZE(order) == BL_KIND_COUNT + 1, "every kind has its place");

bool bl_api_resource(size_t index, struct bl_api_resource *ret)
{
	const struct bl_kind_info *info;
	const struct bl_type *type;
	enum bl_kind kind;
	size_t hint = 0;

	if (index >= ARRAY_SIZE(order))
		return false;
	kind = order[index];
	if (kind == EVENT) {
		*ret = event_resource;
		return true;
	}
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
	static const char *const versions[] = {"v1", "discovery.k8s.io/v1",
					       "coordination.k8s.io/v1"};

	return index < ARRAY_SIZE(versions) ? versions[index] : NULL;
}

/* No struct stands behind these rows: they only tell what an Event has. */
#define ROW(field, kind, text)                                                                     \
	{                                                                                          \
		BL_NAME(field), .type = (kind), .help = (text)                                     \
	}

static const struct bl_field event_source_fields[] = {
	ROW("component", BL_FIELD_STRING, "what noticed it"),
	ROW("host", BL_FIELD_STRING, "the node on which it did"),
};

static const struct bl_type type_event_source = {
	.name = "EventSource",
	.fields = event_source_fields,
	.count = ARRAY_SIZE(event_source_fields),
};

static const struct bl_field event_fields[] = {
	{BL_NAME("metadata"), .type = BL_FIELD_STRUCT, .sub = &bl_type_meta,
	 .help = "name and namespace"},
	{BL_NAME("involvedObject"), .type = BL_FIELD_STRUCT, .sub = &bl_type_target_ref,
	 .help = "the object that it happened to"},
	ROW("reason", BL_FIELD_STRING, "one word for what happened"),
	ROW("message", BL_FIELD_STRING, "what happened, for people"),
	{BL_NAME("source"), .type = BL_FIELD_STRUCT, .sub = &type_event_source,
	 .help = "who tells it"},
	ROW("firstTimestamp", BL_FIELD_TIME, "when it happened first"),
	ROW("lastTimestamp", BL_FIELD_TIME, "when it happened last"),
	{BL_NAME("count"), .type = BL_FIELD_INT, .size = sizeof(int32_t),
	 .help = "how often it happened"},
	ROW("type", BL_FIELD_STRING, "Normal or Warning"),
};

const struct bl_type bl_type_api_event = {
	.name = "Event",
	.fields = event_fields,
	.count = ARRAY_SIZE(event_fields),
};
