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

union flow_key {
	struct bl_flow4_key ipv4;
	struct bl_flow6_key ipv6;
};

union flow_value {
	struct bl_flow flow; /* both begin with it */
	struct bl_flow4 ipv4;
	struct bl_flow6 ipv6;
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

static void set_ends(struct bl_tuple *ret, uint8_t family, const void *source,
		     const void *destination, size_t size)
{
	ret->family = family;
	memcpy(ret->source.ipv6, source, size);
	memcpy(ret->destination.ipv6, destination, size);
}

static int add_flow(struct flow_list *list, uint8_t family, const union flow_key *key,
		    const union flow_value *value)
{
	const struct bl_flow4_key *key4 = &key->ipv4;
	const struct bl_flow6_key *key6 = &key->ipv6;
	struct bl_flow_row *row = add_row(list);
	bool is_ipv4 = family == BL_FAMILY_IPV4;

	if (!row)
		return -ENOMEM;
	row->flow = value->flow;
	if (is_ipv4) {
		set_ends(&row->from, family, key4->source, key4->destination, 4);
		set_ends(&row->to, family, value->ipv4.source, value->ipv4.destination, 4);
	} else {
		set_ends(&row->from, family, key6->source, key6->destination, 16);
		set_ends(&row->to, family, value->ipv6.source, value->ipv6.destination, 16);
	}
	row->from.protocol = row->to.protocol = is_ipv4 ? key4->protocol : key6->protocol;
	row->from.source_port = is_ipv4 ? key4->source_port : key6->source_port;
	row->from.destination_port = is_ipv4 ? key4->destination_port : key6->destination_port;
	row->to.source_port = value->flow.source_port;
	row->to.destination_port = value->flow.destination_port;
	return 0;
}

/* A flow that goes between its key and its value is left out; when the key to go on from is gone,
 * the kernel starts over, so the size of the map bounds the walk. */
static int read_family(const struct bl_kernel *kernel, uint8_t family, size_t limit,
		       struct flow_list *list)
{
	enum bl_map_id map = family == BL_FAMILY_IPV4 ? BL_MAP_ID_FLOWS4 : BL_MAP_ID_FLOWS6;
	int fd = kernel->maps.fds[map];
	size_t end = list->count + limit;
	union flow_key key;
	union flow_key next;
	int r = bpf_map_get_next_key(fd, NULL, &next);

	for (uint32_t i = 0; r == 0 && list->count < end && i < kernel->maps.sizes[map]; i++) {
		union flow_value value;

		key = next;
		r = bpf_map_lookup_elem(fd, &key, &value);
		if (r == 0)
			r = add_flow(list, family, &key, &value);
		if (r < 0 && r != -ENOENT)
			return r;
		r = bpf_map_get_next_key(fd, &key, &next);
	}
	return r == -ENOENT ? 0 : r;
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
		r = read_family((const struct bl_kernel *)datapath, families[i], limit, &list);

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
