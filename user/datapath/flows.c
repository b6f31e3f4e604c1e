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

static void set_ends(struct bl_flow_row *row, const struct bl_flow *flow, uint8_t family,
		     uint8_t protocol)
{
	row->flow = *flow;
	row->from.family = row->to.family = family;
	row->from.protocol = row->to.protocol = protocol;
	row->to.source_port = flow->source_port;
	row->to.destination_port = flow->destination_port;
}

static int add_flow4(struct flow_list *list, const struct bl_flow4 *entry)
{
	struct bl_flow_row *row = add_row(list);

	if (!row)
		return -ENOMEM;
	set_ends(row, &entry->flow, BL_FAMILY_IPV4, entry->key.protocol);
	row->from.source_port = entry->key.source_port;
	row->from.destination_port = entry->key.destination_port;
	memcpy(row->from.source.ipv4, entry->key.source, 4);
	memcpy(row->from.destination.ipv4, entry->key.destination, 4);
	memcpy(row->to.source.ipv4, entry->source, 4);
	memcpy(row->to.destination.ipv4, entry->destination, 4);
	return 0;
}

static int add_flow6(struct flow_list *list, const struct bl_flow6 *entry)
{
	struct bl_flow_row *row = add_row(list);

	if (!row)
		return -ENOMEM;
	set_ends(row, &entry->flow, BL_FAMILY_IPV6, entry->key.protocol);
	row->from.source_port = entry->key.source_port;
	row->from.destination_port = entry->key.destination_port;
	memcpy(row->from.source.ipv6, entry->key.source, 16);
	memcpy(row->from.destination.ipv6, entry->key.destination, 16);
	memcpy(row->to.source.ipv6, entry->source, 16);
	memcpy(row->to.destination.ipv6, entry->destination, 16);
	return 0;
}

/* A bucket of either family begins with its tags. What was written meanwhile is left out. */
static int add_bucket(struct flow_list *list, uint8_t family, const void *bucket, size_t end)
{
	const volatile uint32_t *tags = bucket;
	const struct bl_flow4_bucket *bucket4 = bucket;
	const struct bl_flow6_bucket *bucket6 = bucket;
	int r = 0;

	for (uint32_t way = 0; r == 0 && way < BL_FLOW_WAYS && list->count < end; way++) {
		uint32_t tag = tags[way];

		if (tag == 0 || tag == BL_FLOW_BUSY)
			continue;
		r = family == BL_FAMILY_IPV4 ? add_flow4(list, &bucket4->entries[way])
					     : add_flow6(list, &bucket6->entries[way]);
		if (r == 0 && tags[way] != tag)
			list->count--;
	}
	return r;
}

static int read_family(struct bl_kernel *kernel, uint8_t family, size_t limit,
		       struct flow_list *list)
{
	enum bl_map_id map = family == BL_FAMILY_IPV4 ? BL_MAP_ID_FLOWS4 : BL_MAP_ID_FLOWS6;
	size_t size = family == BL_FAMILY_IPV4 ? sizeof(struct bl_flow4_bucket)
					       : sizeof(struct bl_flow6_bucket);
	size_t end = list->count + limit;
	struct bl_array buckets = {.fd = -1};
	int r = bl_kernel_open_array(kernel, map, size, &buckets, NULL);

	for (uint32_t i = 0; r == 0 && list->count < end && i < kernel->maps.sizes[map]; i++) {
		void *bucket;

		r = bl_array_row(&buckets, i, &bucket);
		if (r == 0)
			r = add_bucket(list, family, bucket, end);
	}
	bl_array_done(&buckets);
	return r;
}

static int read_pending(const struct bl_kernel *kernel, size_t limit, struct flow_list *list)
{
	int fd = kernel->maps.fds[BL_MAP_ID_PENDING];
	size_t end = list->count + limit;

	for (uint32_t i = 0; i < kernel->maps.sizes[BL_MAP_ID_PENDING]; i++) {
		struct bl_pending_bucket bucket;
		int r = bpf_map_lookup_elem_flags(fd, &i, &bucket, BPF_F_LOCK);

		if (r < 0)
			return r;
		for (uint32_t k = 0; k < BL_PENDING_WAYS && list->count < end; k++) {
			const struct bl_pending *entry = &bucket.entries[k];
			struct bl_flow_row *row;

			if (bucket.tags[k] == 0)
				continue;
			row = add_row(list);
			if (!row)
				return -ENOMEM;
			*row = (struct bl_flow_row){entry->from, entry->to, entry->flow};
		}
	}
	return 0;
}

static int read_failed(struct flow_list *list, int code, const char *map, struct bl_err *err)
{
	free(list->rows);
	errno = -code;
	return bl_err_set(err, code, "cannot read map '%s': %m", map);
}

int bl_kernel_read_flows(struct bl_datapath *datapath, size_t limit, struct bl_flow_row **ret_rows,
			 size_t *ret_count, struct bl_err *err)
{
	static const uint8_t families[] = {BL_FAMILY_IPV4, BL_FAMILY_IPV6};
	struct flow_list list = {0};
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
		r = read_family((struct bl_kernel *)datapath, families[i], limit, &list);

		if (r < 0)
			return read_failed(
				&list, r,
				families[i] == BL_FAMILY_IPV4 ? BL_MAP_FLOWS4 : BL_MAP_FLOWS6, err);
	}
	r = read_pending((const struct bl_kernel *)datapath, limit, &list);
	if (r < 0)
		return read_failed(&list, r, BL_MAP_PENDING, err);
	*ret_rows = list.rows;
	*ret_count = list.count;
	return 0;
}
