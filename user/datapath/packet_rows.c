/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Hashes and tries of the packet path whose values are one number. */
#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

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

static struct bl_dsr_peer_key peer_key(const struct bl_prefix *peer)
{
	return (struct bl_dsr_peer_key){
		.prefixlen = 32u + peer->bits,
		.family = peer->addr.family,
		.address = peer->addr.ip,
	};
}

static int compare_peers(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct bl_dsr_peer_key));
}

/* Those that stand in the map and not among `keys`, which are sorted: the caller's to free. */
static int list_other_peers(int fd, const struct bl_dsr_peer_key *keys, size_t count,
			    struct bl_dsr_peer_key **ret, size_t *ret_count)
{
	_cleanup_free_ struct bl_dsr_peer_key *others = NULL;
	struct bl_dsr_peer_key key, next;
	size_t used = 0, room = 0;
	int r = bpf_map_get_next_key(fd, NULL, &next);

	while (r == 0) {
		key = next;
		if (count == 0 || !bsearch(&key, keys, count, sizeof(key), compare_peers)) {
			if (used == room) {
				struct bl_dsr_peer_key *grown =
					reallocarray(others, 2 * room + 16, sizeof(key));

				if (!grown)
					return -ENOMEM;
				others = grown;
				room = 2 * room + 16;
			}
			others[used++] = key;
		}
		r = bpf_map_get_next_key(fd, &key, &next);
	}
	*ret = TAKE_PTR(others);
	*ret_count = used;
	return r == -ENOENT ? 0 : r;
}

static int set_peers(int fd, const struct bl_dsr_peer_key *keys, size_t count)
{
	const struct bl_dsr_peer admitted = {.admitted = 1};
	_cleanup_free_ struct bl_dsr_peer_key *others = NULL;
	size_t other_count = 0;
	int r = 0;

	for (size_t i = 0; r == 0 && i < count; i++)
		r = bpf_map_update_elem(fd, &keys[i], &admitted, BPF_ANY);
	if (r == 0)
		r = list_other_peers(fd, keys, count, &others, &other_count);
	for (size_t i = 0; r == 0 && i < other_count; i++) {
		r = bpf_map_delete_elem(fd, &others[i]);
		if (r == -ENOENT)
			r = 0;
	}
	return r;
}

int bl_kernel_set_dsr_peers(struct bl_datapath *datapath, const struct bl_prefix *peers,
			    size_t count, struct bl_err *err)
{
	const struct bl_map_set *set = &((const struct bl_kernel *)datapath)->maps;
	_cleanup_free_ struct bl_dsr_peer_key *keys = calloc(count + 1, sizeof(*keys));
	int r;

	if (!keys)
		return bl_err_set(err, -ENOMEM, "cannot allocate %zu rows", count);
	for (size_t i = 0; i < count; i++)
		keys[i] = peer_key(&peers[i]);
	if (count > 1)
		qsort(keys, count, sizeof(*keys), compare_peers);
	r = set_peers(set->fds[BL_MAP_ID_DSR_PEERS], keys, count);
	if (r == -ENOSPC)
		return bl_err_set(err, r,
				  "map '" BL_MAP_DSR_PEERS "' of %u entries is full: there are "
				  "%zu addresses of other nodes",
				  set->sizes[BL_MAP_ID_DSR_PEERS], count);
	errno = -r;
	return r < 0 ? bl_err_set(err, r, "cannot write map '" BL_MAP_DSR_PEERS "': %m") : 0;
}
