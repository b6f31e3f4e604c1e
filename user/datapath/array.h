/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Rows of an array map in memory: of a pinned map through a window that slides over it, or of plain
 * memory for the fake. A whole map mapped at once would count as resident memory of the agent, 26
 * MiB at the default sizes; a window of 256 KiB an array does not.
 *
 * A row pointer is good until the next call for the same array.
 */
#ifndef DATAPATH_ARRAY_H
#define DATAPATH_ARRAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bl_array {
	const char *name; /* of the map; borrowed */
	uint32_t count;   /* rows */
	size_t row_size;  /* of a value */
	size_t stride;    /* elements of the kernel are rounded up to eight bytes */
	int fd;           /* owned; -1: plain memory */
	bool writable;
	uint8_t *window;     /* the mapping, or all of the plain memory; owned; NULL: none yet */
	size_t window_start; /* in bytes of the map */
	size_t window_len;
};

/*
 * Rows are elements of their own, or parts of them: `packed` ones follow each other without a gap,
 * because an element of the map is a whole number of them.
 */
enum bl_array_layout {
	BL_ARRAY_ELEMENTS,
	BL_ARRAY_PACKED,
};

/* Plain zeroed memory. */
int bl_array_init_memory(struct bl_array *array, const char *name, size_t row_size, uint32_t count);
/* Takes `fd` over, also on failure. */
void bl_array_init_map(struct bl_array *array, const char *name, size_t row_size, uint32_t count,
		       enum bl_array_layout layout, int fd, bool writable);
void bl_array_done(struct bl_array *array);

/* -E2BIG beyond the last row, or what mmap answered. */
int bl_array_row(struct bl_array *array, uint32_t index, void **ret);
/* Index of the last row with a byte that is not zero, plus one: 0 for an empty array. */
int bl_array_used(struct bl_array *array, uint32_t *ret);
/* A packed copy of the used rows; NULL and 0 for an empty array. The copy is the caller's. */
int bl_array_copy(struct bl_array *array, void **ret, size_t *ret_count);

#endif
