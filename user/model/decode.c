/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "model/decode.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/endpoints.h"
#include "model/kept.h"
#include "model/service.h"

#define SHOWN 40 /* of a value in a message */

static bool out_of_memory(struct bl_decoder *decoder)
{
	decoder->failure = -ENOMEM;
	return false;
}

static const char *describe(const struct bl_tree *tree, char buffer[static SHOWN + 32])
{
	static const char *const words[] = {
		[BL_TREE_NULL] = "null",     [BL_TREE_BOOL] = "boolean",
		[BL_TREE_INT] = "integer",   [BL_TREE_DOUBLE] = "number",
		[BL_TREE_STRING] = "string", [BL_TREE_MAP] = "a mapping",
		[BL_TREE_LIST] = "a list",
	};

	if (tree->type == BL_TREE_NULL || tree->type == BL_TREE_MAP || tree->type == BL_TREE_LIST)
		return words[tree->type];
	if (tree->type == BL_TREE_INT && !tree->text)
		(void)snprintf(buffer, SHOWN + 32, "integer %lld", (long long)tree->integer);
	else
		(void)snprintf(buffer, SHOWN + 32, "%s '%.*s%s'", words[tree->type], SHOWN,
			       tree->text, strlen(tree->text) > SHOWN ? "..." : "");
	return buffer;
}

bool bl_decode_mismatch(struct bl_decoder *decoder, const struct bl_path *path,
			const struct bl_tree *tree, const char *expected)
{
	char field[BL_FIELD_TEXT], got[SHOWN + 32];
	const char *hint = "";

	if (!decoder->report)
		return false;
	bl_path_format(path, field);
	if (strcmp(expected, "a string") == 0 &&
	    (tree->type == BL_TREE_BOOL || tree->type == BL_TREE_INT ||
	     tree->type == BL_TREE_DOUBLE))
		hint = " (write it in quotes)";
	else if (strstr(expected, "integer") && tree->type == BL_TREE_STRING &&
		 tree->text[0] != '\0' && strspn(tree->text, "0123456789") == strlen(tree->text))
		hint = " (write it without quotes)";
	bl_report_add(decoder->report, BL_SEVERITY_ERROR, BL_PLACE_VALUE, field,
		      "field '%s': expected %s, got %s%s", field, expected, describe(tree, got),
		      hint);
	return false;
}

static bool decode_fields(struct bl_decoder *decoder, const struct bl_type *type, void *base,
			  const struct bl_tree *tree, const struct bl_path *path);

/* Items of a list mostly have the same words in them: a text that was met lately is shared. */
static const char *share(struct bl_decoder *decoder, const char *text, size_t len)
{
	uint32_t hash = (uint32_t)len;
	const char **recent, *word;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ (uint8_t)text[i]) * 0x01000193u;
	recent = &decoder->recent[(hash ^ hash >> 16) % ARRAY_SIZE(decoder->recent)];
	if (*recent && strncmp(*recent, text, len) == 0 && (*recent)[len] == '\0')
		return *recent;
	word = decoder->words ? bl_words_find(decoder->words, text, len) : NULL;
	*recent = word ? word : bl_arena_strndup(decoder->arena, text, len);
	return *recent;
}

static bool take_string(struct bl_decoder *decoder, const struct bl_path *path,
			const struct bl_tree *tree, const char **ret)
{
	if (tree->type != BL_TREE_STRING)
		return bl_decode_mismatch(decoder, path, tree, "a string");
	*ret = share(decoder, tree->text, tree->count);
	return *ret ? true : out_of_memory(decoder);
}

static bool tree_integer(const struct bl_tree *tree, int64_t *ret)
{
	if (tree->type == BL_TREE_INT) {
		*ret = tree->integer;
		return true;
	}
	/* 80.0 and 1e3 are whole numbers to the tools of Kubernetes too. */
	if (tree->type == BL_TREE_DOUBLE && fabs(tree->number) < 9e15 &&
	    trunc(tree->number) == tree->number) {
		*ret = (int64_t)tree->number;
		return true;
	}
	return false;
}

static bool take_int(struct bl_decoder *decoder, const struct bl_field *field, void *base,
		     const struct bl_tree *tree, const struct bl_path *path)
{
	char name[BL_FIELD_TEXT];
	int64_t value;

	if (!tree_integer(tree, &value))
		return bl_decode_mismatch(decoder, path, tree, "an integer");
	if (field->size == 4 && (value < INT32_MIN || value > INT32_MAX)) {
		bl_path_format(path, name);
		if (decoder->report)
			bl_report_add(decoder->report, BL_SEVERITY_ERROR, BL_PLACE_VALUE, name,
				      "field '%s': %lld does not fit into 32 bits", name,
				      (long long)value);
		return false;
	}
	bl_field_set_int(field, base, value);
	return true;
}

static bool take_enum(struct bl_decoder *decoder, const struct bl_field *field, void *base,
		      const struct bl_tree *tree, const struct bl_path *path)
{
	_cleanup_(bl_buf_done) struct bl_buf list = {0};
	struct bl_suggest suggest;
	char name[BL_FIELD_TEXT];

	if (tree->type != BL_TREE_STRING)
		return bl_decode_mismatch(decoder, path, tree, "a string");
	if (tree->text[0] == '\0')
		return true; /* as if it was not given */
	bl_suggest_init(&suggest, tree->text, tree->count);
	for (const struct bl_enum_name *row = field->names; row->name; row++) {
		if (strcmp(row->name, tree->text) == 0) {
			bl_field_set_int(field, base, row->value);
			return true;
		}
	}
	if (!decoder->report)
		return false;
	for (const struct bl_enum_name *row = field->names; row->name; row++) {
		bl_suggest_try(&suggest, row->name);
		bl_buf_addf(&list, "%s%s",
			    list.len == 0 ? ""
			    : row[1].name ? ", "
					  : " or ",
			    row->name);
	}
	bl_path_format(path, name);
	bl_report_add(decoder->report, decoder->lenient ? BL_SEVERITY_WARNING : BL_SEVERITY_ERROR,
		      BL_PLACE_VALUE, name, "field '%s': expected %s, got '%.*s'%s%s%s", name,
		      list.data ? list.data : "", SHOWN, tree->text,
		      suggest.best ? " (did you mean '" : "", suggest.best ? suggest.best : "",
		      suggest.best ? "'?)" : "");
	return false;
}

static bool take_time(struct bl_decoder *decoder, const struct bl_field *field, void *base,
		      const struct bl_tree *tree, const struct bl_path *path)
{
	int64_t value;

	if (tree->type != BL_TREE_STRING || bl_time_parse(tree->text, &value) < 0)
		return bl_decode_mismatch(decoder, path, tree,
					  "a time such as 2026-01-31T12:00:00Z");
	bl_field_set_int(field, base, value);
	return true;
}

static bool take_version(struct bl_decoder *decoder, const struct bl_field *field, void *base,
			 const struct bl_tree *tree, const struct bl_path *path)
{
	char *end;
	unsigned long long value;

	if (tree->type != BL_TREE_STRING)
		return bl_decode_mismatch(decoder, path, tree, "a string");
	errno = 0;
	value = strtoull(tree->text, &end, 10);
	/* Versions of others need not be numbers; then there is nothing to compare with. */
	if (errno == 0 && *end == '\0' && isdigit((unsigned char)tree->text[0]))
		bl_field_set_int(field, base, (int64_t)value);
	return true;
}

static bool take_int_or_string(struct bl_decoder *decoder, const struct bl_field *field, void *base,
			       const struct bl_tree *tree, const struct bl_path *path)
{
	struct bl_int_or_string *target = bl_field_at(field, base);
	int64_t value;

	if (tree->type == BL_TREE_STRING)
		return tree->text[0] == '\0' || take_string(decoder, path, tree, &target->name);
	if (!tree_integer(tree, &value) || value < INT32_MIN || value > INT32_MAX)
		return bl_decode_mismatch(decoder, path, tree, "an integer or a name");
	target->number = (int32_t)value;
	return true;
}

static bool take_families(struct bl_decoder *decoder, const struct bl_field *field, void *base,
			  const struct bl_tree *tree, const struct bl_path *path)
{
	uint8_t *families = bl_field_at(field, base);

	if (tree->type != BL_TREE_LIST)
		return bl_decode_mismatch(decoder, path, tree, "a list");
	for (size_t i = 0; i < tree->count; i++) {
		struct bl_path at = {.parent = path, .index = i};
		const char *text = bl_tree_string(tree->items[i]);
		bool is_v4 = text && strcmp(text, "IPv4") == 0;

		if (!text || (!is_v4 && strcmp(text, "IPv6") != 0))
			return bl_decode_mismatch(decoder, &at, tree->items[i], "IPv4 or IPv6");
		if (i >= 2)
			return bl_decode_mismatch(decoder, path, tree, "at most two families");
		families[i] = is_v4 ? BL_FAMILY_IPV4 : BL_FAMILY_IPV6;
	}
	return true;
}

/* `key` NULL: a list of strings; else a list of mappings that hold one under this key. */
static bool take_strings(struct bl_decoder *decoder, const struct bl_field *field, void *base,
			 const struct bl_tree *tree, const struct bl_path *path)
{
	struct bl_strings *strings = bl_field_at(field, base);
	const char **items;

	if (tree->type != BL_TREE_LIST)
		return bl_decode_mismatch(decoder, path, tree, "a list");
	if (tree->count == 0)
		return true;
	items = bl_arena_alloc(decoder->arena, tree->count * sizeof(*items));
	if (!items)
		return out_of_memory(decoder);
	for (size_t i = 0; i < tree->count; i++) {
		struct bl_path at = {.parent = path, .index = i};
		const struct bl_tree *item = tree->items[i];

		if (field->key) {
			item = bl_tree_get(item, field->key);
			if (!item)
				return bl_decode_mismatch(decoder, &at, tree->items[i],
							  "a mapping with a name");
		}
		if (!take_string(decoder, &at, item, &items[i]))
			return false;
	}
	strings->items = items;
	strings->count = tree->count;
	return true;
}

static int compare_pairs(const void *a, const void *b)
{
	return strcmp(((const struct bl_pair *)a)->key, ((const struct bl_pair *)b)->key);
}

static bool take_pairs(struct bl_decoder *decoder, const struct bl_field *field, void *base,
		       const struct bl_tree *tree, const struct bl_path *path)
{
	struct bl_pairs *pairs = bl_field_at(field, base);
	struct bl_pair *items;
	bool good = true;

	if (tree->type != BL_TREE_MAP)
		return bl_decode_mismatch(decoder, path, tree, "a mapping");
	if (tree->count == 0)
		return true;
	items = bl_arena_alloc(decoder->arena, tree->count * sizeof(*items));
	if (!items)
		return out_of_memory(decoder);
	for (size_t i = 0; i < tree->count; i++) {
		const struct bl_tree_entry *entry = &tree->entries[i];
		struct bl_path at = {.parent = path, .name = entry->key, entry->key_len};

		items[i].key = share(decoder, entry->key, entry->key_len);
		if (!items[i].key)
			return out_of_memory(decoder);
		items[i].value = "";
		if (entry->value->type != BL_TREE_NULL &&
		    !take_string(decoder, &at, entry->value, &items[i].value))
			good = false;
	}
	qsort(items, tree->count, sizeof(*items), compare_pairs);
	pairs->items = items;
	pairs->count = tree->count;
	return good;
}

static bool decode_items(struct bl_decoder *decoder, const struct bl_field *field,
			 const struct bl_tree *tree, const struct bl_path *path,
			 struct bl_any_list *ret)
{
	size_t size = field->sub->size;
	bool good = true;
	char *items = bl_arena_alloc(decoder->arena, tree->count * size);

	if (!items)
		return out_of_memory(decoder);
	for (size_t i = 0; i < tree->count; i++) {
		struct bl_path at = {.parent = path, .index = i};

		if (!decode_fields(decoder, field->sub, items + i * size, tree->items[i], &at))
			good = false;
	}
	ret->items = items;
	ret->count = tree->count;
	return good;
}

static bool take_list(struct bl_decoder *decoder, const struct bl_field *field, void *base,
		      const struct bl_tree *tree, const struct bl_path *path)
{
	if (tree->type != BL_TREE_LIST)
		return bl_decode_mismatch(decoder, path, tree, "a list");
	if (tree->count == 0)
		return true;
	return decode_items(decoder, field, tree, path, bl_field_at(field, base));
}

/* Read in another arena, of which only the packed list goes over. */
static bool take_endpoints(struct bl_decoder *decoder, const struct bl_field *field, void *base,
			   const struct bl_tree *tree, const struct bl_path *path)
{
	struct bl_arena *arena = decoder->arena;
	struct bl_words *words = decoder->words;
	struct bl_any_list list = {0};
	bool good;

	if (tree->type != BL_TREE_LIST)
		return bl_decode_mismatch(decoder, path, tree, "a list");
	if (decoder->endpoints && !decoder->endpoints->has_pointers)
		return bl_slice_endpoints_copy(decoder->endpoints, arena,
					       bl_field_at(field, base)) == 0 ||
		       out_of_memory(decoder);
	if (!decoder->items && bl_arena_new(&decoder->items) < 0)
		return out_of_memory(decoder);
	/* Texts are shared within one arena only, and these are none of the object's. */
	memset(decoder->recent, 0, sizeof(decoder->recent));
	decoder->arena = decoder->items;
	decoder->words = NULL;
	good = decode_items(decoder, field, tree, path, &list);
	decoder->arena = arena;
	decoder->words = words;
	memset(decoder->recent, 0, sizeof(decoder->recent));
	if (decoder->failure == 0 &&
	    bl_slice_endpoints_pack(list.items, list.count, arena, bl_field_at(field, base)) < 0)
		return out_of_memory(decoder);
	return good;
}

/* Rows of such a struct have no `unset`: a new one is all zeros. */
static bool take_optional(struct bl_decoder *decoder, const struct bl_field *field, void *base,
			  const struct bl_tree *tree, const struct bl_path *path)
{
	void **target = bl_field_at(field, base);
	void *made;

	if (tree->type != BL_TREE_MAP)
		return bl_decode_mismatch(decoder, path, tree, "a mapping");
	made = bl_arena_alloc(decoder->arena, field->sub->size);
	if (!made)
		return out_of_memory(decoder);
	*target = made;
	return decode_fields(decoder, field->sub, made, tree, path);
}

static bool keep(struct bl_decoder *decoder, const struct bl_field *field, void *base,
		 const struct bl_tree *tree, const struct bl_path *path)
{
	struct bl_kept *kept;

	decoder->scratch.len = 0;
	if (decoder->checks_kept && decoder->report)
		bl_kept_check(decoder, field, tree, path);
	if (decoder->checks_kept)
		bl_kept_text(field, tree, &decoder->scratch);
	else
		bl_tree_to_json_text(tree, &decoder->scratch);
	if (decoder->scratch.failed)
		return out_of_memory(decoder);
	kept = bl_arena_alloc(decoder->arena, sizeof(*kept));
	if (!kept)
		return out_of_memory(decoder);
	kept->json = bl_arena_strndup(decoder->arena, decoder->scratch.data, decoder->scratch.len);
	if (!kept->json)
		return out_of_memory(decoder);
	kept->field = field;
	kept->base = base;
	kept->next = decoder->kept;
	decoder->kept = kept;
	return true;
}

static bool take_managed(struct bl_decoder *decoder, const struct bl_field *field, void *base,
			 const struct bl_tree *tree, const struct bl_path *path)
{
	const char **target = bl_field_at(field, base);

	if (!decoder->keeps_managed)
		return true;
	if (tree->type != BL_TREE_LIST)
		return bl_decode_mismatch(decoder, path, tree, "a list");
	decoder->scratch.len = 0;
	bl_tree_to_json_text(tree, &decoder->scratch);
	if (decoder->scratch.failed)
		return out_of_memory(decoder);
	*target = bl_arena_strndup(decoder->arena, decoder->scratch.data, decoder->scratch.len);
	return *target ? true : out_of_memory(decoder);
}

static bool decode_field(struct bl_decoder *decoder, const struct bl_field *field, void *base,
			 const struct bl_tree *tree, const struct bl_path *path)
{
	switch ((enum bl_field_type)field->type) {
	case BL_FIELD_STRING:
		return take_string(decoder, path, tree, bl_field_at(field, base));
	case BL_FIELD_INT:
		return take_int(decoder, field, base, tree, path);
	case BL_FIELD_VERSION:
		return take_version(decoder, field, base, tree, path);
	case BL_FIELD_BOOL:
		if (tree->type != BL_TREE_BOOL)
			return bl_decode_mismatch(decoder, path, tree, "true or false");
		bl_field_set_int(field, base, tree->boolean ? BL_TRUE : BL_FALSE);
		return true;
	case BL_FIELD_ENUM:
		return take_enum(decoder, field, base, tree, path);
	case BL_FIELD_TIME:
		return take_time(decoder, field, base, tree, path);
	case BL_FIELD_INT_OR_STRING:
		return take_int_or_string(decoder, field, base, tree, path);
	case BL_FIELD_FAMILIES:
		return take_families(decoder, field, base, tree, path);
	case BL_FIELD_STRINGS:
	case BL_FIELD_NAMED_STRINGS:
		return take_strings(decoder, field, base, tree, path);
	case BL_FIELD_PAIRS:
		return take_pairs(decoder, field, base, tree, path);
	case BL_FIELD_STRUCT:
		return decode_fields(decoder, field->sub, bl_field_at(field, base), tree, path);
	case BL_FIELD_LIST:
		return take_list(decoder, field, base, tree, path);
	case BL_FIELD_ENDPOINTS:
		return take_endpoints(decoder, field, base, tree, path);
	case BL_FIELD_OPTIONAL:
		return take_optional(decoder, field, base, tree, path);
	case BL_FIELD_KEPT:
		return keep(decoder, field, base, tree, path);
	case BL_FIELD_MANAGED:
		return take_managed(decoder, field, base, tree, path);
	}
	return false;
}

bool bl_decode_unknown(struct bl_decoder *decoder, const struct bl_type *type,
		       const struct bl_tree_entry *entry, const struct bl_path *path)
{
	struct bl_path at = {.parent = path, .name = entry->key, .name_len = entry->key_len};
	struct bl_suggest suggest;
	char field[BL_FIELD_TEXT];

	if (decoder->lenient || !decoder->report)
		return true;
	bl_suggest_init(&suggest, entry->key, entry->key_len);
	for (size_t i = 0; i < type->count; i++)
		bl_suggest_try(&suggest, type->fields[i].name);
	bl_path_format(&at, field);
	bl_report_add(decoder->report,
		      decoder->forgives_unknown ? BL_SEVERITY_WARNING : BL_SEVERITY_ERROR,
		      BL_PLACE_KEY, field, "unknown field '%s'%s%s%s", field,
		      suggest.best ? " (did you mean '" : "", suggest.best ? suggest.best : "",
		      suggest.best ? "'?)" : "");
	return false;
}

bool bl_decode_is_of_object(const struct bl_tree_entry *entry, const struct bl_path *path)
{
	return !path && ((entry->key_len == 4 && memcmp(entry->key, "kind", 4) == 0) ||
			 (entry->key_len == 10 && memcmp(entry->key, "apiVersion", 10) == 0));
}

static bool decode_fields(struct bl_decoder *decoder, const struct bl_type *type, void *base,
			  const struct bl_tree *tree, const struct bl_path *path)
{
	size_t hint = 0;
	bool good = true;

	if (tree->type != BL_TREE_MAP)
		return bl_decode_mismatch(decoder, path, tree, "a mapping");
	for (size_t i = 0; i < tree->count && decoder->failure == 0; i++) {
		const struct bl_tree_entry *entry = &tree->entries[i];
		struct bl_path at = {
			.parent = path, .name = entry->key, .name_len = entry->key_len};
		const struct bl_field *field;

		if (bl_decode_is_of_object(entry, path))
			continue;
		field = bl_type_find(type, entry->key, entry->key_len, &hint);
		if (!field)
			good = bl_decode_unknown(decoder, type, entry, path) && good;
		else if (entry->value->type != BL_TREE_NULL) /* null: as if it was not given */
			good = decode_field(decoder, field, base, entry->value, &at) && good;
	}
	return good;
}

int bl_decode_struct(struct bl_decoder *decoder, const struct bl_type *type, void *base,
		     const struct bl_tree *tree)
{
	(void)decode_fields(decoder, type, base, tree, NULL);
	return decoder->failure;
}

void bl_decoder_done(struct bl_decoder *decoder)
{
	bl_buf_done(&decoder->scratch);
	decoder->items = bl_arena_free(decoder->items);
}
