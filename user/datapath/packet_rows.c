/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Hashes and tries of the packet path whose values are one number. */
#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>

#include "datapath/kernel.h"

_Static_assert(sizeof(struct bl_source_range) == sizeof(uint32_t) &&
		       sizeof(struct bl_dsr_backend) == sizeof(uint32_t),
	       "values of packet rows are one number");

static const enum bl_map_id maps[BL_PACKET_TABLE_COUNT] = {
	[BL_PACKET_SOURCES4] = BL_MAP_ID_SOURCES4,
	[BL_PACKET_SOURCES6] = BL_MAP_ID_SOURCES6,
	[BL_PACKET_DSR_BACKENDS] = BL_MAP_ID_DSR_BACKENDS,
};

static int map_fd(const struct bl_datapath *datapath, enum bl_packet_table table)
{
	return ((const struct bl_kernel *)datapath)->maps.fds[maps[table]];
}

int bl_kernel_set_packet_row(struct bl_datapath *datapath, const struct bl_packet_row *row)
{
	return bpf_map_update_elem(map_fd(datapath, row->table), &row->key, &row->value, BPF_ANY);
}

int bl_kernel_delete_packet_row(struct bl_datapath *datapath, const struct bl_packet_row *row)
{
	return bpf_map_delete_elem(map_fd(datapath, row->table), &row->key);
}

struct row_list {
	struct bl_packet_row *rows;
	size_t count;
	size_t capacity;
};

static int add_row(struct row_list *list, const struct bl_packet_row *row)
{
	if (list->count == list->capacity) {
		size_t capacity = list->capacity ? 2 * list->capacity : 64;
		struct bl_packet_row *grown = reallocarray(list->rows, capacity, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		list->rows = grown;
		list->capacity = capacity;
	}
	list->rows[list->count++] = *row;
	return 0;
}

/* A row that goes while it is read is left out. */
static int read_table(const struct bl_datapath *datapath, enum bl_packet_table table,
		      struct row_list *list)
{
	struct bl_packet_row row = {.table = table};
	struct bl_packet_row next = {.table = table};
	int fd = map_fd(datapath, table);
	int r = bpf_map_get_next_key(fd, NULL, &next.key);

	while (r == 0) {
		row = next;
		r = bpf_map_lookup_elem(fd, &row.key, &row.value);
		if (r == 0)
			r = add_row(list, &row);
		if (r < 0 && r != -ENOENT)
			return r;
		r = bpf_map_get_next_key(fd, &row.key, &next.key);
	}
	return r == -ENOENT ? 0 : r;
}

int bl_kernel_read_packet_rows(struct bl_datapath *datapath, struct bl_packet_row **ret_rows,
			       size_t *ret_count, struct bl_err *err)
{
	struct row_list list = {0};

	for (enum bl_packet_table table = 0; table < BL_PACKET_TABLE_COUNT; table++) {
		int r = read_table(datapath, table, &list);

		if (r < 0) {
			free(list.rows);
			errno = -r;
			return bl_err_set(err, r, "cannot read map '%s': %m",
					  bl_map_names[maps[table]]);
		}
	}
	*ret_rows = list.rows;
	*ret_count = list.count;
	return 0;
}
