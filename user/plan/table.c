/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plan/table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_ROWS 32u

void bl_table_done(struct bl_table *table)
{
	free(table->rows);
	free(table->index);
	*table = (struct bl_table){0};
}

/* No secret seed: keys are the addresses that the administrator's own Services have, and the same
 * Services must give the same plan. */
static uint32_t hash_key(uint8_t family, const struct bl_frontend6_key *key)
{
	uint64_t words[3] = {0};
	uint64_t hash = family;

	memcpy(words, key, sizeof(*key));
	for (size_t i = 0; i < 3; i++) {
		hash = (hash ^ words[i]) * 0xd6e8feb86659fd93u;
		hash ^= hash >> 32;
	}
	hash *= 0xd6e8feb86659fd93u;
	return (uint32_t)(hash >> 32);
}

static bool is_row(const struct bl_table_row *row, uint8_t family,
		   const struct bl_frontend6_key *key)
{
	return row->frontend.family == family && memcmp(&row->frontend.key, key, sizeof(*key)) == 0;
}

/* The place of this key in the index, or the free one where it belongs. */
static uint32_t find_place(const struct bl_table *table, uint8_t family,
			   const struct bl_frontend6_key *key)
{
	uint32_t mask = table->index_capacity - 1;
	uint32_t i = hash_key(family, key) & mask;

	while (table->index[i] != 0 && !is_row(&table->rows[table->index[i] - 1], family, key))
		i = (i + 1) & mask;
	return i;
}

static void enter_row(struct bl_table *table, uint32_t row)
{
	const struct bl_frontend_row *frontend = &table->rows[row].frontend;

	table->index[find_place(table, frontend->family, &frontend->key)] = row + 1;
}

static int reserve_index(struct bl_table *table, uint32_t needed)
{
	uint32_t capacity = table->index_capacity ? table->index_capacity : FIRST_ROWS * 2;
	uint32_t *index;

	while ((uint64_t)needed * 4 > (uint64_t)capacity * 3)
		capacity *= 2;
	if (capacity == table->index_capacity)
		return 0;
	index = calloc(capacity, sizeof(*index));
	if (!index)
		return -ENOMEM;
	free(table->index);
	table->index = index;
	table->index_capacity = capacity;
	for (uint32_t i = 0; i < table->count; i++)
		enter_row(table, i);
	return 0;
}

int bl_table_reserve(struct bl_table *table, uint32_t more)
{
	uint32_t needed = table->count + more;

	if (needed > table->capacity) {
		uint32_t capacity = table->capacity ? table->capacity : FIRST_ROWS;
		struct bl_table_row *rows;

		while (capacity < needed)
			capacity += capacity / 2;
		rows = reallocarray(table->rows, capacity, sizeof(*rows));
		if (!rows)
			return -ENOMEM;
		table->rows = rows;
		table->capacity = capacity;
	}
	return reserve_index(table, needed);
}

int64_t bl_table_find(const struct bl_table *table, uint8_t family,
		      const struct bl_frontend6_key *key)
{
	if (table->index_capacity == 0)
		return -1;
	return (int64_t)table->index[find_place(table, family, key)] - 1;
}

uint32_t bl_table_add(struct bl_table *table, const struct bl_frontend_row *frontend)
{
	table->rows[table->count] = (struct bl_table_row){.frontend = *frontend};
	enter_row(table, table->count);
	return table->count++;
}

/* Frees a place in the index and moves back those behind it that would not be found past it. */
static void free_place(struct bl_table *table, uint32_t hole)
{
	uint32_t mask = table->index_capacity - 1;

	for (uint32_t i = (hole + 1) & mask; table->index[i] != 0; i = (i + 1) & mask) {
		const struct bl_frontend_row *frontend = &table->rows[table->index[i] - 1].frontend;
		uint32_t home = hash_key(frontend->family, &frontend->key) & mask;

		if (((i - home) & mask) < ((i - hole) & mask))
			continue;
		table->index[hole] = table->index[i];
		hole = i;
	}
	table->index[hole] = 0;
}

void bl_table_remove(struct bl_table *table, uint32_t row)
{
	const struct bl_frontend_row *frontend = &table->rows[row].frontend;
	uint32_t last = table->count - 1;

	free_place(table, find_place(table, frontend->family, &frontend->key));
	if (row != last) {
		const struct bl_frontend_row *moved = &table->rows[last].frontend;

		table->index[find_place(table, moved->family, &moved->key)] = row + 1;
		table->rows[row] = table->rows[last];
	}
	table->count = last;
}
