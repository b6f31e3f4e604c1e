/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "model/object.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "model/pod.h"
#include "model/words.h"

struct bl_object *bl_object_ref(struct bl_object *object)
{
	assert(object && object->refs > 0);
	object->refs++;
	return object;
}

struct bl_object *bl_object_unref(struct bl_object *object)
{
	if (!object)
		return NULL;
	assert(object->refs > 0);
	if (--object->refs == 0) {
		(void)bl_word_page_unref(object->words);
		bl_arena_free(object->arena);
	}
	return NULL;
}

static const struct bl_kind_info kinds[] = {
	[BL_KIND_SERVICE] =
		{
			.kind = "Service",
			.api_version = "v1",
			.group = "",
			.plural = "services",
			.singular = "service",
			.short_name = "svc",
			.namespaced = true,
		},
	[BL_KIND_POD] =
		{
			.kind = "Pod",
			.api_version = "v1",
			.group = "",
			.plural = "pods",
			.singular = "pod",
			.short_name = "po",
			.namespaced = true,
		},
	[BL_KIND_ENDPOINTS] =
		{
			.kind = "Endpoints",
			.api_version = "v1",
			.group = "",
			.plural = "endpoints",
			.singular = "endpoints",
			.short_name = "ep",
			.namespaced = true,
		},
	[BL_KIND_ENDPOINT_SLICE] =
		{
			.kind = "EndpointSlice",
			.api_version = "discovery.k8s.io/v1",
			.group = "discovery.k8s.io",
			.plural = "endpointslices",
			.singular = "endpointslice",
			.namespaced = true,
		},
	[BL_KIND_NODE] =
		{
			.kind = "Node",
			.api_version = "v1",
			.group = "",
			.plural = "nodes",
			.singular = "node",
			.short_name = "no",
		},
	[BL_KIND_NAMESPACE] =
		{
			.kind = "Namespace",
			.api_version = "v1",
			.group = "",
			.plural = "namespaces",
			.singular = "namespace",
			.short_name = "ns",
		},
	[BL_KIND_LEASE] =
		{
			.kind = "Lease",
			.api_version = "coordination.k8s.io/v1",
			.group = "coordination.k8s.io",
			.plural = "leases",
			.singular = "lease",
			.namespaced = true,
		},
};
_Static_assert(ARRAY_SIZE(kinds) == BL_KIND_COUNT, "a row for each kind");

const struct bl_kind_info *bl_kind_info(enum bl_kind kind)
{
	assert(kind < BL_KIND_COUNT);
	return &kinds[kind];
}

int bl_kind_from_word(const char *word, enum bl_kind *ret)
{
	for (int kind = 0; kind < BL_KIND_COUNT; kind++) {
		const struct bl_kind_info *info = &kinds[kind];

		if (strcasecmp(word, info->plural) == 0 || strcasecmp(word, info->singular) == 0 ||
		    (info->short_name && strcasecmp(word, info->short_name) == 0)) {
			*ret = (enum bl_kind)kind;
			return 0;
		}
	}
	return -ENOENT;
}

const char *bl_pairs_get(const struct bl_pairs *pairs, const char *key)
{
	size_t low = 0, high = pairs->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(key, pairs->items[middle].key);

		if (order == 0)
			return pairs->items[middle].value;
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

bool bl_pairs_match(const struct bl_pairs *selector, const struct bl_pairs *labels)
{
	for (size_t i = 0; i < selector->count; i++) {
		const char *value = bl_pairs_get(labels, selector->items[i].key);

		if (!value || strcmp(value, selector->items[i].value) != 0)
			return false;
	}
	return selector->count > 0;
}

struct bl_container_status *bl_container_status_find(const struct bl_container_statuses *statuses,
						     const char *name)
{
	for (size_t i = 0; i < statuses->count; i++) {
		if (statuses->items[i].name && strcmp(statuses->items[i].name, name) == 0)
			return &statuses->items[i];
	}
	return NULL;
}

const struct bl_condition *bl_condition_find(const struct bl_conditions *conditions,
					     const char *type)
{
	for (size_t i = 0; i < conditions->count; i++) {
		if (conditions->items[i].type && strcmp(conditions->items[i].type, type) == 0)
			return &conditions->items[i];
	}
	return NULL;
}

void bl_object_list_done(struct bl_object_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		bl_object_unref(list->items[i]);
	free(list->items);
	*list = (struct bl_object_list){0};
}

int bl_object_list_add_take(struct bl_object_list *list, struct bl_object *object)
{
	/* Capacity is the next power of two, so it need not be kept. */
	if ((list->count & (list->count - 1)) == 0) {
		size_t capacity = list->count == 0 ? 1 : list->count * 2;
		struct bl_object **grown =
			reallocarray(list->items, capacity, sizeof(struct bl_object *));
		if (!grown) {
			bl_object_unref(object);
			return -ENOMEM;
		}
		list->items = grown;
	}
	list->items[list->count++] = object;
	return 0;
}
