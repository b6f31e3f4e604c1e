/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Comparing two structs by their table, without making text of them. */
#include <string.h>

#include "model/codec.h"
#include "model/endpoints.h"
#include "model/schema.h"
#include "model/service.h"

struct side {
	const struct bl_kept *kept;
	const void *base;
};

/* To Kubernetes an empty string is one that was not given. */
static bool same_text(const char *a, const char *b)
{
	return a == b || strcmp(a ? a : "", b ? b : "") == 0;
}

static bool same_strings(const struct bl_strings *a, const struct bl_strings *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++) {
		if (!same_text(a->items[i], b->items[i]))
			return false;
	}
	return true;
}

static bool same_pairs(const struct bl_pairs *a, const struct bl_pairs *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++) {
		if (!same_text(a->items[i].key, b->items[i].key) ||
		    !same_text(a->items[i].value, b->items[i].value))
			return false;
	}
	return true;
}

static const char *kept_text(const struct side *side, const struct bl_field *field)
{
	for (const struct bl_kept *kept = side->kept; kept; kept = kept->next) {
		if (kept->field == field && kept->base == side->base)
			return kept->json;
	}
	return NULL;
}

static bool same_struct(const struct bl_type *type, const struct side *a, const struct side *b);

static bool same_list(const struct bl_field *field, const struct side *a, const struct side *b)
{
	const struct bl_any_list *left = bl_field_at(field, a->base);
	const struct bl_any_list *right = bl_field_at(field, b->base);

	if (left->count != right->count)
		return false;
	for (size_t i = 0; i < left->count; i++) {
		size_t offset = i * field->sub->size;
		struct side a_item = {a->kept, (const char *)left->items + offset};
		struct side b_item = {b->kept, (const char *)right->items + offset};

		if (!same_struct(field->sub, &a_item, &b_item))
			return false;
	}
	return true;
}

/* No row of theirs is kept as text. */
static bool same_endpoints(const struct bl_field *field, const struct bl_slice_endpoints *a,
			   const struct bl_slice_endpoints *b)
{
	struct bl_endpoint_cursor left = {.list = a}, right = {.list = b};

	if (a->count != b->count)
		return false;
	while (bl_endpoint_next(&left) && bl_endpoint_next(&right)) {
		struct side a_item = {NULL, &left.endpoint}, b_item = {NULL, &right.endpoint};

		if (!same_struct(field->sub, &a_item, &b_item))
			return false;
	}
	return true;
}

static bool same_field(const struct bl_field *field, const struct side *a, const struct side *b)
{
	const void *left = bl_field_at(field, a->base), *right = bl_field_at(field, b->base);

	switch ((enum bl_field_type)field->type) {
	case BL_FIELD_STRING:
	case BL_FIELD_MANAGED:
		return same_text(*(const char *const *)left, *(const char *const *)right);
	case BL_FIELD_INT:
	case BL_FIELD_BOOL:
	case BL_FIELD_ENUM:
	case BL_FIELD_TIME:
		return bl_field_get_int(field, a->base) == bl_field_get_int(field, b->base);
	case BL_FIELD_INT_OR_STRING: {
		const struct bl_int_or_string *x = left, *y = right;

		return same_text(x->name, y->name) && (x->name || x->number == y->number);
	}
	case BL_FIELD_FAMILIES:
		return memcmp(left, right, 2) == 0;
	case BL_FIELD_STRINGS:
	case BL_FIELD_NAMED_STRINGS:
		return same_strings(left, right);
	case BL_FIELD_PAIRS:
		return same_pairs(left, right);
	case BL_FIELD_STRUCT:
		return same_struct(field->sub, &(struct side){a->kept, left},
				   &(struct side){b->kept, right});
	case BL_FIELD_LIST:
		return same_list(field, a, b);
	case BL_FIELD_ENDPOINTS:
		return same_endpoints(field, left, right);
	case BL_FIELD_OPTIONAL: {
		const void *x = *(const void *const *)left, *y = *(const void *const *)right;

		return !x == !y && (!x || same_struct(field->sub, &(struct side){a->kept, x},
						      &(struct side){b->kept, y}));
	}
	case BL_FIELD_KEPT:
		return same_text(kept_text(a, field), kept_text(b, field));
	case BL_FIELD_VERSION:
		return true;
	}
	return false;
}

static bool same_struct(const struct bl_type *type, const struct side *a, const struct side *b)
{
	for (size_t i = 0; i < type->count; i++) {
		if (!same_field(&type->fields[i], a, b))
			return false;
	}
	return true;
}

bool bl_object_equal(const struct bl_object *a, const struct bl_object *b)
{
	return a->kind == b->kind && same_struct(bl_type_of(a->kind), &(struct side){a->kept, a},
						 &(struct side){b->kept, b});
}
