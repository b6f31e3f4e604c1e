/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdlib.h>

#include "base/arena.h"
#include "plan/state.h"

void bl_delta_done(struct bl_delta *delta)
{
	free(delta->ops);
	(void)bl_arena_free(delta->arena);
	*delta = (struct bl_delta){0};
}

int bl_delta_reserve(struct bl_delta *delta, size_t ops)
{
	size_t capacity = delta->capacity ? delta->capacity : 32;
	struct bl_op *grown;
	int r;

	if (!delta->arena) {
		r = bl_arena_new(&delta->arena);
		if (r < 0)
			return r;
	}
	while (capacity < delta->count + ops)
		capacity *= 2;
	if (capacity == delta->capacity)
		return 0;
	grown = reallocarray(delta->ops, capacity, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	delta->ops = grown;
	delta->capacity = capacity;
	return 0;
}

struct bl_op *bl_delta_add(struct bl_delta *delta, enum bl_op_kind kind, uint32_t index,
			   uint32_t count)
{
	struct bl_op *op = &delta->ops[delta->count++];

	*op = (struct bl_op){.kind = kind, .index = index, .count = count};
	return op;
}

void bl_delta_add_frontend(struct bl_delta *delta, enum bl_op_kind kind,
			   const struct bl_frontend_row *frontend)
{
	struct bl_op *op = bl_delta_add(delta, kind, 0, 1);

	op->family = frontend->family;
	op->frontend.key = frontend->key;
	op->frontend.value = frontend->value;
}
