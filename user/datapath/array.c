/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "datapath/array.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"

/* Windows start at multiples of WINDOW_STEP and reach one step further, so that every row lies
 * wholly in the window in which it begins. */
#define WINDOW_STEP ((size_t)128 * 1024)
#define WINDOW_LEN (2 * WINDOW_STEP)
#define STRIDE_ALIGN ((size_t)8)

static size_t stride_of(size_t row_size)
{
	return (row_size + STRIDE_ALIGN - 1) & ~(STRIDE_ALIGN - 1);
}

int bl_array_init_memory(struct bl_array *array, const char *name, size_t row_size, uint32_t count)
{
	size_t stride = stride_of(row_size);
	uint8_t *memory = calloc(count > 0 ? count : 1, stride);

	if (!memory)
		return -ENOMEM;
	*array = (struct bl_array){
		.name = name,
		.count = count,
		.row_size = row_size,
		.stride = stride,
		.fd = -1,
		.writable = true,
		.window = memory,
		.window_len = stride * count,
	};
	return 0;
}

void bl_array_init_map(struct bl_array *array, const char *name, size_t row_size, uint32_t count,
		       enum bl_array_layout layout, int fd, bool writable)
{
	*array = (struct bl_array){
		.name = name,
		.count = count,
		.row_size = row_size,
		.stride = layout == BL_ARRAY_PACKED ? row_size : stride_of(row_size),
		.fd = fd,
		.writable = writable,
	};
}

static void drop_window(struct bl_array *array)
{
	if (array->window)
		(void)munmap(array->window, array->window_len);
	array->window = NULL;
	array->window_len = 0;
}

void bl_array_done(struct bl_array *array)
{
	if (array->stride == 0)
		return; /* never initialised */
	if (array->fd < 0) {
		free(array->window);
	} else {
		drop_window(array);
		(void)close(array->fd);
	}
	*array = (struct bl_array){.fd = -1};
}

static int slide_window(struct bl_array *array, size_t offset)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t map_len = (array->stride * array->count + page - 1) & ~(page - 1);
	size_t start = offset / WINDOW_STEP * WINDOW_STEP;
	size_t len = map_len - start < WINDOW_LEN ? map_len - start : WINDOW_LEN;
	void *window;

	drop_window(array);
	window = mmap(NULL, len, PROT_READ | (array->writable ? PROT_WRITE : 0), MAP_SHARED,
		      array->fd, (off_t)start);
	if (window == MAP_FAILED)
		return -errno;
	array->window = window;
	array->window_start = start;
	array->window_len = len;
	return 0;
}

int bl_array_row(struct bl_array *array, uint32_t index, void **ret)
{
	size_t offset = array->stride * index;
	int r;

	if (index >= array->count)
		return -E2BIG;
	if (!array->window || offset < array->window_start ||
	    offset + array->stride > array->window_start + array->window_len) {
		if (array->fd < 0)
			return -EBADF;
		r = slide_window(array, offset);
		if (r < 0)
			return r;
	}
	assert(array->window);
	*ret = array->window + (offset - array->window_start);
	return 0;
}

static bool is_zero(const uint8_t *bytes, size_t len)
{
	return bytes[0] == 0 && memcmp(bytes, bytes + 1, len - 1) == 0;
}

int bl_array_used(struct bl_array *array, uint32_t *ret)
{
	uint32_t used = array->count;
	void *row;
	int r;

	for (; used > 0; used--) {
		r = bl_array_row(array, used - 1, &row);
		if (r < 0)
			return r;
		if (!is_zero(row, array->row_size))
			break;
	}
	*ret = used;
	return 0;
}

int bl_array_copy(struct bl_array *array, void **ret, size_t *ret_count)
{
	_cleanup_free_ uint8_t *copy = NULL;
	uint32_t used;
	void *row;
	int r;

	r = bl_array_used(array, &used);
	if (r < 0)
		return r;
	if (used == 0) {
		*ret = NULL;
		*ret_count = 0;
		return 0;
	}
	copy = reallocarray(NULL, used, array->row_size);
	if (!copy)
		return -ENOMEM;
	for (uint32_t i = 0; i < used; i++) {
		r = bl_array_row(array, i, &row);
		if (r < 0)
			return r;
		memcpy(copy + i * array->row_size, row, array->row_size);
	}
	*ret = TAKE_PTR(copy);
	*ret_count = used;
	return 0;
}
