/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A look at the flows while they come and go. */
#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "datapath/kernel.h"

struct flow_list {
	struct bl_flow_row *rows;
	size_t count;
	size_t capacity;
};

static struct bl_flow_row *add_row(struct flow_list *list)
{
	if (list->count == list->capacity) {
		size_t capacity = list->capacity ? 2 * list->capacity : 256;
		struct bl_flow_row *grown = reallocarray(list->rows, capacity, sizeof(*grown));

		if (!grown)
			return NULL;
		list->rows = grown;
		list->capacity = capacity;
	}
	list->rows[list->count] = (struct bl_flow_row){0};
	return &list->rows[list->count++];
}

/* An entry of flows4 or flows6. */
static void set_row(struct bl_flow_row *row, uint8_t family, const void *entry)
{
	const struct bl_flow4 *entry4 = entry;
	const struct bl_flow6 *entry6 = entry;

	if (family == BL_FAMILY_IPV4) {
		const struct bl_flow4_key *key = &entry4->key;

		row->flow = entry4->flow;
		row->from = (struct bl_tuple){.source_port = key->source_port,
					      .destination_port = key->destination_port,
					      .family = family,
					      .protocol = key->protocol};
		memcpy(row->from.source.ipv4, key->source, 4);
		memcpy(row->from.destination.ipv4, key->destination, 4);
		memcpy(row->to.source.ipv4, entry4->source, 4);
		memcpy(row->to.destination.ipv4, entry4->destination, 4);
	} else {
		row->flow = entry6->flow;
		row->from = entry6->key;
		memcpy(row->to.source.ipv6, entry6->source, 16);
		memcpy(row->to.destination.ipv6, entry6->destination, 16);
	}
	row->to.source_port = row->flow.source_port;
	row->to.destination_port = row->flow.destination_port;
	row->to.family = family;
	row->to.protocol = row->from.protocol;
}

/* The maps of a family. */
struct flow_maps {
	uint8_t family;
	uint32_t buckets;
	struct bl_array tags;
	struct bl_array entries;
};

static void close_maps(struct flow_maps *maps)
{
	bl_array_done(&maps->tags);
	bl_array_done(&maps->entries);
}

static int open_maps(struct bl_kernel *kernel, uint8_t family, struct flow_maps *ret,
		     struct bl_err *err)
{
	bool is_ipv4 = family == BL_FAMILY_IPV4;
	enum bl_map_id tags = is_ipv4 ? BL_MAP_ID_FLOW_TAGS4 : BL_MAP_ID_FLOW_TAGS6;
	int r;

	*ret = (struct flow_maps){.family = family,
				  .buckets = kernel->maps.sizes[tags],
				  .tags.fd = -1,
				  .entries.fd = -1};
	r = bl_kernel_open_array(kernel, tags, sizeof(struct bl_flow_tags), &ret->tags, err);
	if (r < 0)
		return r;
	return bl_kernel_open_array(kernel, is_ipv4 ? BL_MAP_ID_FLOWS4 : BL_MAP_ID_FLOWS6,
				    is_ipv4 ? sizeof(struct bl_flow4) : sizeof(struct bl_flow6),
				    &ret->entries, err);
}

/* The entry of a bucket's way, if there is one. What was written meanwhile is left out. */
static int add_way(struct flow_list *list, struct flow_maps *maps, uint32_t bucket, uint32_t way)
{
	struct bl_flow_row *row;
	void *tags, *entry;
	uint32_t tag;
	int r = bl_array_row(&maps->tags, bucket, &tags);

	if (r < 0)
		return r;
	tag = *(const volatile uint32_t *)&((struct bl_flow_tags *)tags)->tags[way];
	if (!(tag & 1)) /* free, or being written */
		return 0;
	r = bl_array_row(&maps->entries, bl_flow_index(maps->buckets, bucket, way), &entry);
	if (r < 0)
		return r;
	row = add_row(list);
	if (!row)
		return -ENOMEM;
	set_row(row, maps->family, entry);
	if (*(const volatile uint32_t *)&((struct bl_flow_tags *)tags)->tags[way] != tag)
		list->count--;
	return 0;
}

static int add_ways(struct flow_list *list, struct flow_maps *maps, uint32_t first, uint32_t end,
		    size_t limit)
{
	size_t most = list->count + limit;
	int r = 0;

	for (uint32_t bucket = 0; r == 0 && bucket < maps->buckets; bucket++)
		for (uint32_t way = first; r == 0 && way < end && list->count < most; way++)
			r = add_way(list, maps, bucket, way);
	return r;
}

static int read_family(struct bl_kernel *kernel, uint8_t family, size_t limit,
		       struct flow_list *list, struct bl_err *err)
{
	struct flow_maps maps;
	int r = open_maps(kernel, family, &maps, err);

	if (r == 0)
		r = add_ways(list, &maps, 0, BL_FLOW_ESTABLISHED_WAYS, limit);
	if (r == 0)
		r = add_ways(list, &maps, BL_FLOW_ESTABLISHED_WAYS, BL_FLOW_WAYS, limit);
	close_maps(&maps);
	return r;
}

int bl_kernel_read_flows(struct bl_datapath *datapath, size_t limit, struct bl_flow_row **ret_rows,
			 size_t *ret_count, struct bl_err *err)
{
	static const uint8_t families[] = {BL_FAMILY_IPV4, BL_FAMILY_IPV6};
	struct flow_list list = {0};

	for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
		int r = read_family((struct bl_kernel *)datapath, families[i], limit, &list, err);

		if (r < 0) {
			free(list.rows);
			errno = -r;
			return bl_err_set(err, r, "cannot read map '%s': %m",
					  families[i] == BL_FAMILY_IPV4 ? BL_MAP_FLOWS4
									: BL_MAP_FLOWS6);
		}
	}
	*ret_rows = list.rows;
	*ret_count = list.count;
	return 0;
}
