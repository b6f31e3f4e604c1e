/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Hash maps of the kernel: frontends in batches where it can, and pods. */
#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "datapath/kernel.h"

#define BATCH_ROWS 1024u
#define KERNEL_ENOTSUPP 524 /* the kernel's own; libc has no name for it */

struct batch {
	void *keys; /* of either family */
	struct bl_frontend *values;
	size_t rows;
};

static void batch_done(struct batch *batch)
{
	free(batch->keys);
	free(batch->values);
}

static void batch_done_p(struct batch *batch)
{
	batch_done(batch);
}

enum { KEY_BYTES = sizeof(struct bl_frontend6_key) }; /* the longest key of all maps */

static int batch_init(struct batch *batch, size_t rows)
{
	struct batch made = {.rows = rows};

	made.keys = calloc(rows, KEY_BYTES);
	made.values = calloc(rows, sizeof(*made.values));
	if (!made.keys || !made.values) {
		batch_done(&made);
		return -ENOMEM;
	}
	*batch = made;
	return 0;
}

static bool is_unsupported(int code)
{
	return code == -EINVAL || code == -KERNEL_ENOTSUPP || code == -EOPNOTSUPP;
}

static int frontends_fd(const struct bl_kernel *kernel, uint8_t family)
{
	return kernel->maps
		.fds[family == BL_FAMILY_IPV4 ? BL_MAP_ID_FRONTENDS4 : BL_MAP_ID_FRONTENDS6];
}

static size_t key_size(uint8_t family)
{
	return family == BL_FAMILY_IPV4 ? sizeof(struct bl_frontend4_key)
					: sizeof(struct bl_frontend6_key);
}

/* The key as the family's map has it. */
static void pack_key(uint8_t family, const struct bl_frontend6_key *key, void *ret)
{
	if (family == BL_FAMILY_IPV4) {
		struct bl_frontend4_key key4 = {.port = key->port, .protocol = key->protocol};

		memcpy(key4.address, key->address, sizeof(key4.address));
		memcpy(ret, &key4, sizeof(key4));
	} else {
		memcpy(ret, key, sizeof(*key));
	}
}

static void unpack_key(uint8_t family, const void *key, struct bl_frontend6_key *ret)
{
	if (family == BL_FAMILY_IPV4) {
		struct bl_frontend4_key key4;

		memcpy(&key4, key, sizeof(key4));
		*ret = (struct bl_frontend6_key){.port = key4.port, .protocol = key4.protocol};
		memcpy(ret->address, key4.address, sizeof(key4.address));
	} else {
		memcpy(ret, key, sizeof(*ret));
	}
}

static int set_one(struct bl_kernel *kernel, const struct bl_op *op)
{
	uint8_t key[sizeof(struct bl_frontend6_key)];

	pack_key(op->family, &op->frontend.key, key);
	return bpf_map_update_elem(frontends_fd(kernel, op->family), key, &op->frontend.value,
				   BPF_ANY);
}

/* -EOPNOTSUPP when the kernel has no batches; nothing was written then. */
static int set_batch(struct bl_kernel *kernel, struct batch *batch, const struct bl_op *ops,
		     size_t count, size_t *ret_done)
{
	size_t size = key_size(ops[0].family);
	uint32_t done = (uint32_t)count;
	int r;

	for (size_t i = 0; i < count; i++) {
		pack_key(ops[i].family, &ops[i].frontend.key, (uint8_t *)batch->keys + i * size);
		batch->values[i] = ops[i].frontend.value;
	}
	r = bpf_map_update_batch(frontends_fd(kernel, ops[0].family), batch->keys, batch->values,
				 &done, NULL);
	if (r == 0) {
		*ret_done = count;
		return 0;
	}
	/* A call that the kernel does not know leaves the count as it was. */
	if (is_unsupported(r) && (done == count || done == 0)) {
		*ret_done = 0;
		return -EOPNOTSUPP;
	}
	*ret_done = done < count ? done : 0;
	return r;
}

static int set_all_in_batches(struct bl_kernel *kernel, const struct bl_op *ops, size_t count,
			      size_t *ret_done)
{
	__attribute__((cleanup(batch_done_p))) struct batch batch = {0};
	size_t step;
	size_t done;
	int r;

	r = batch_init(&batch, count < BATCH_ROWS ? count : BATCH_ROWS);
	if (r < 0)
		return r;
	for (size_t i = 0; i < count; i += step) {
		step = count - i < batch.rows ? count - i : batch.rows;
		r = set_batch(kernel, &batch, ops + i, step, &done);
		*ret_done = i + done;
		if (r < 0)
			return r;
	}
	return 0;
}

int bl_kernel_set_frontends(struct bl_datapath *datapath, const struct bl_op *ops, size_t count,
			    size_t *ret_done)
{
	struct bl_kernel *kernel = (struct bl_kernel *)datapath;
	int r;

	*ret_done = 0;
	if (count > 1 && !kernel->no_batch) {
		r = set_all_in_batches(kernel, ops, count, ret_done);
		if (r != -EOPNOTSUPP)
			return r;
		kernel->no_batch = true;
	}
	for (; *ret_done < count; (*ret_done)++) {
		r = set_one(kernel, &ops[*ret_done]);
		if (r < 0)
			return r;
	}
	return 0;
}

int bl_kernel_delete_frontend(struct bl_datapath *datapath, const struct bl_op *op)
{
	const struct bl_kernel *kernel = (struct bl_kernel *)datapath;
	uint8_t key[sizeof(struct bl_frontend6_key)];

	pack_key(op->family, &op->frontend.key, key);
	return bpf_map_delete_elem(frontends_fd(kernel, op->family), key);
}

struct row_list {
	struct bl_frontend_row *rows;
	size_t count;
	size_t capacity;
};

static void row_list_done_p(struct row_list *list)
{
	free(list->rows);
}

static int row_list_add(struct row_list *list, uint8_t family, const void *key,
			const struct bl_frontend *value)
{
	if (list->count == list->capacity) {
		size_t capacity = list->capacity == 0 ? 64 : list->capacity * 2;
		struct bl_frontend_row *grown = reallocarray(list->rows, capacity, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		list->rows = grown;
		list->capacity = capacity;
	}
	struct bl_frontend_row *row = &list->rows[list->count++];
	row->family = family;
	row->value = *value;
	unpack_key(family, key, &row->key);
	return 0;
}

/* Needs no batches; rows that come and go meanwhile may be missed or seen twice. */
static int read_one_by_one(int fd, uint8_t family, struct row_list *list)
{
	uint8_t key[sizeof(struct bl_frontend6_key)];
	struct bl_frontend value;
	const void *previous = NULL;
	int r;

	while ((r = bpf_map_get_next_key(fd, previous, key)) == 0) {
		previous = key;
		if (bpf_map_lookup_elem(fd, key, &value) == 0) {
			r = row_list_add(list, family, key, &value);
			if (r < 0)
				return r;
		}
	}
	return r == -ENOENT ? 0 : r;
}

static int read_batches(int fd, uint8_t family, struct batch *batch, struct row_list *list)
{
	uint32_t cursor = 0;
	bool first = true;
	int r = 0;

	while (r == 0) {
		uint32_t count = (uint32_t)batch->rows;

		r = bpf_map_lookup_batch(fd, first ? NULL : &cursor, &cursor, batch->keys,
					 batch->values, &count, NULL);
		if (r < 0 && r != -ENOENT)
			return r;
		for (uint32_t i = 0; i < count; i++) {
			int added = row_list_add(list, family,
						 (uint8_t *)batch->keys + i * key_size(family),
						 &batch->values[i]);
			if (added < 0)
				return added;
		}
		first = false;
	}
	return 0;
}

static int read_family(struct bl_kernel *kernel, uint8_t family, struct row_list *list)
{
	int fd = frontends_fd(kernel, family);
	size_t before = list->count;

	/* -ENOSPC: a bucket of the map holds more rows than the batch has room for. */
	for (size_t rows = BATCH_ROWS; !kernel->no_batch; rows *= 2) {
		__attribute__((cleanup(batch_done_p))) struct batch batch = {0};
		int r = batch_init(&batch, rows);

		if (r < 0)
			return r;
		list->count = before;
		r = read_batches(fd, family, &batch, list);
		if (r == 0)
			return 0;
		if (is_unsupported(r))
			kernel->no_batch = true;
		else if (r != -ENOSPC || rows > kernel->base.limits.frontends)
			return r;
	}
	list->count = before;
	return read_one_by_one(fd, family, list);
}

int bl_kernel_read_frontends(struct bl_datapath *datapath, struct bl_frontend_row **ret_rows,
			     size_t *ret_count, struct bl_err *err)
{
	__attribute__((cleanup(row_list_done_p))) struct row_list list = {0};
	static const uint8_t families[] = {BL_FAMILY_IPV4, BL_FAMILY_IPV6};

	for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
		int r = read_family((struct bl_kernel *)datapath, families[i], &list);

		if (r < 0) {
			errno = -r;
			return bl_err_set(err, r, "cannot read map '%s': %m",
					  families[i] == BL_FAMILY_IPV4 ? BL_MAP_FRONTENDS4
									: BL_MAP_FRONTENDS6);
		}
	}
	*ret_rows = TAKE_PTR(list.rows);
	*ret_count = list.count;
	return 0;
}

static int compare_pods(const void *a, const void *b)
{
	uint64_t cookie_a = ((const struct bl_netns_pod_row *)a)->cookie;
	uint64_t cookie_b = ((const struct bl_netns_pod_row *)b)->cookie;

	return cookie_a < cookie_b ? -1 : cookie_a > cookie_b;
}

/* Takes out the pods that are not in `rows` (sorted), so that there is room for the new ones. */
static int drop_other_pods(int fd, const struct bl_netns_pod_row *rows, size_t count)
{
	struct bl_netns_pod_row next = {0};
	uint64_t key;
	int r = bpf_map_get_next_key(fd, NULL, &key);

	while (r == 0) {
		/* The next key first: a deleted one would start the walk again. */
		r = bpf_map_get_next_key(fd, &key, &next.cookie);
		struct bl_netns_pod_row wanted = {.cookie = key};

		if (count == 0 || !bsearch(&wanted, rows, count, sizeof(*rows), compare_pods)) {
			int deleted = bpf_map_delete_elem(fd, &key);

			if (deleted < 0 && deleted != -ENOENT)
				return deleted;
		}
		key = next.cookie;
	}
	return r == -ENOENT ? 0 : r;
}

int bl_kernel_set_netns_pods(struct bl_datapath *datapath, const struct bl_netns_pod_row *rows,
			     size_t count, struct bl_err *err)
{
	_cleanup_free_ struct bl_netns_pod_row *sorted = NULL;
	int fd = ((const struct bl_kernel *)datapath)->maps.fds[BL_MAP_ID_NETNS_PODS];
	int r;

	sorted = reallocarray(NULL, count > 0 ? count : 1, sizeof(*sorted));
	if (!sorted)
		return bl_err_set(err, -ENOMEM, "cannot allocate %zu rows", count);
	if (count > 0) {
		memcpy(sorted, rows, count * sizeof(*sorted));
		qsort(sorted, count, sizeof(*sorted), compare_pods);
	}
	r = drop_other_pods(fd, sorted, count);
	for (size_t i = 0; i < count && r == 0; i++)
		r = bpf_map_update_elem(fd, &sorted[i].cookie, &sorted[i].pod, BPF_ANY);
	if (r < 0) {
		errno = -r;
		return bl_err_set(err, r, "cannot write map '" BL_MAP_NETNS_PODS "': %m");
	}
	return 0;
}
