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

static void widen(const struct bl_flow4_key *from, struct bl_flow6_key *ret)
{
	*ret = (struct bl_flow6_key){
		.source_port = from->source_port,
		.destination_port = from->destination_port,
		.protocol = from->protocol,
	};
	memcpy(ret->source, from->source, sizeof(from->source));
	memcpy(ret->destination, from->destination, sizeof(from->destination));
}

static int add_flow(struct flow_list *list, uint8_t family, const union flow_key *key,
		    const struct bl_flow *flow)
{
	struct bl_flow_row *row;

	if (list->count == list->capacity) {
		size_t capacity = list->capacity ? 2 * list->capacity : 256;
		struct bl_flow_row *grown = reallocarray(list->rows, capacity, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		list->rows = grown;
		list->capacity = capacity;
	}
	row = &list->rows[list->count++];
	row->family = family;
	row->flow = *flow;
	if (family == BL_FAMILY_IPV4)
		widen(&key->ipv4, &row->key);
	else
		row->key = key->ipv6;
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
		struct bl_flow flow;

		key = next;
		r = bpf_map_lookup_elem(fd, &key, &flow);
		if (r == 0)
			r = add_flow(list, family, &key, &flow);
		if (r < 0 && r != -ENOENT)
			return r;
		r = bpf_map_get_next_key(fd, &key, &next);
	}
	return r == -ENOENT ? 0 : r;
}

int bl_kernel_read_flows(struct bl_datapath *datapath, size_t limit, struct bl_flow_row **ret_rows,
			 size_t *ret_count, struct bl_err *err)
{
	static const uint8_t families[] = {BL_FAMILY_IPV4, BL_FAMILY_IPV6};
	struct flow_list list = {0};

	for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
		int r = read_family((const struct bl_kernel *)datapath, families[i], limit, &list);

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
