/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Positions of fields. A YAML tree has them; json-c keeps none, so a JSON text is walked again
 * along the field's path, only when a message needs it. The text has been parsed without error
 * before.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "model/tree.h"

/* YAML */

static bool entry_matches(const char *key, size_t key_len, const struct bl_path_step *step)
{
	return key_len == step->name_len && memcmp(key, step->name, key_len) == 0;
}

static bool is_scalar(const struct bl_tree *tree)
{
	return tree->type != BL_TREE_MAP && tree->type != BL_TREE_LIST;
}

static void set_pos(struct bl_pos *pos, unsigned int line, unsigned int column)
{
	pos->line = line;
	pos->column = column;
}

static const struct bl_tree *step_yaml(const struct bl_tree *at, const struct bl_path_step *step,
				       bool of_key, struct bl_pos *ret)
{
	if (at->type == BL_TREE_LIST && step->index < at->count) {
		at = at->items[step->index];
		set_pos(ret, at->line, at->column);
		return at;
	}
	for (size_t i = 0; at->type == BL_TREE_MAP && i < at->count; i++) {
		const struct bl_tree_entry *entry = &at->entries[i];

		if (!entry_matches(entry->key, entry->key_len, step))
			continue;
		set_pos(ret, entry->line, entry->column);
		if (!of_key && is_scalar(entry->value) && entry->value->type != BL_TREE_NULL)
			set_pos(ret, entry->value->line, entry->value->column);
		return entry->value;
	}
	return NULL;
}

static bool locate_yaml(const struct bl_document *document, const char *field, bool of_key,
			struct bl_pos *ret)
{
	const struct bl_tree *at = document->root;
	struct bl_path_step step;

	set_pos(ret, at->line, at->column);
	while (bl_path_next(&field, &step)) {
		at = step_yaml(at, &step, of_key, ret);
		if (!at)
			return false;
	}
	return at->type != BL_TREE_NULL;
}

/* JSON */

struct scanner {
	const char *text;
	size_t len;
	size_t at;
};

static char peek(const struct scanner *scanner)
{
	return scanner->at < scanner->len ? scanner->text[scanner->at] : '\0';
}

static void skip_space(struct scanner *scanner)
{
	while (scanner->at < scanner->len && strchr(" \t\r\n", scanner->text[scanner->at]))
		scanner->at++;
}

/* From the opening quote to behind the closing one. */
static void skip_string(struct scanner *scanner)
{
	scanner->at++;
	while (scanner->at < scanner->len && scanner->text[scanner->at] != '"')
		scanner->at += scanner->text[scanner->at] == '\\' ? 2 : 1;
	scanner->at++;
}

static void skip_scalar(struct scanner *scanner)
{
	size_t start = scanner->at;

	while (scanner->at < scanner->len && !strchr(" \t\r\n,:]}", scanner->text[scanner->at]))
		scanner->at++;
	if (scanner->at == start)
		scanner->at++; /* never stand still */
}

static void skip_value(struct scanner *scanner)
{
	size_t depth = 0;

	do {
		skip_space(scanner);
		switch (peek(scanner)) {
		case '"':
			skip_string(scanner);
			break;
		case '{':
		case '[':
			depth++;
			scanner->at++;
			break;
		case '}':
		case ']':
			depth--;
			scanner->at++;
			break;
		case ',':
		case ':':
			scanner->at++;
			break;
		default:
			skip_scalar(scanner);
			break;
		}
		/* Inside a collection, separators and scalars pass by until it is closed. */
	} while (depth > 0 && scanner->at < scanner->len);
}

/* At a key of a mapping: the key without quotes; the scanner stands at the value afterwards. */
static void read_key(struct scanner *scanner, const char **ret_key, size_t *ret_len)
{
	size_t start = scanner->at + 1;

	skip_string(scanner);
	*ret_key = scanner->text + start;
	*ret_len = scanner->at > start ? scanner->at - start - 1 : 0;
	skip_space(scanner);
	if (peek(scanner) == ':')
		scanner->at++;
	skip_space(scanner);
}

/* Behind a value: true when there is another one in this collection. */
static bool next_child(struct scanner *scanner)
{
	skip_space(scanner);
	if (peek(scanner) != ',')
		return false;
	scanner->at++;
	skip_space(scanner);
	return true;
}

static bool enter(struct scanner *scanner)
{
	scanner->at++;
	skip_space(scanner);
	return peek(scanner) != '}' && peek(scanner) != ']' && peek(scanner) != '\0';
}

static bool step_json(struct scanner *scanner, const struct bl_path_step *step, size_t *ret_key_at)
{
	bool is_map = peek(scanner) == '{';
	size_t index = 0;

	if ((!is_map && peek(scanner) != '[') || !enter(scanner))
		return false;
	do {
		*ret_key_at = scanner->at;
		if (is_map) {
			const char *key;
			size_t key_len;

			read_key(scanner, &key, &key_len);
			if (entry_matches(key, key_len, step))
				return true;
		} else if (index++ == step->index) {
			return true;
		}
		skip_value(scanner);
	} while (next_child(scanner));
	return false;
}

static void pos_of_offset(const struct bl_document *document, size_t offset, struct bl_pos *ret)
{
	ret->line = document->line;
	ret->column = document->column;
	for (size_t i = 0; i < offset && i < document->len; i++) {
		unsigned char byte = (unsigned char)document->text[i];

		if (byte == '\n') {
			ret->line++;
			ret->column = 1;
		} else if ((byte & 0xc0) != 0x80) { /* characters, not bytes */
			ret->column++;
		}
	}
}

static bool locate_json(const struct bl_document *document, const char *field, bool of_key,
			struct bl_pos *ret)
{
	struct scanner scanner = {.text = document->text, .len = document->len};
	struct bl_path_step step;
	size_t best, key_at;

	skip_space(&scanner);
	best = scanner.at;
	while (bl_path_next(&field, &step)) {
		if (!step_json(&scanner, &step, &key_at)) {
			pos_of_offset(document, best, ret);
			return false;
		}
		best = of_key || peek(&scanner) == '{' || peek(&scanner) == '[' ? key_at
										: scanner.at;
	}
	pos_of_offset(document, best, ret);
	return peek(&scanner) != 'n';
}

bool bl_json_items_start(const struct bl_document *document, const char *key,
			 struct bl_json_items *ret)
{
	struct scanner scanner = {.text = document->text, .len = document->len};
	struct bl_path_step step = {.name = key, .name_len = strlen(key), .index = SIZE_MAX};
	size_t key_at;

	skip_space(&scanner);
	if (!step_json(&scanner, &step, &key_at) || peek(&scanner) != '[')
		return false;
	*ret = (struct bl_json_items){.rest = *document};
	ret->more = enter(&scanner);
	ret->at = scanner.at;
	return true;
}

bool bl_json_items_next(struct bl_json_items *items, struct bl_document *ret)
{
	struct bl_document *rest = &items->rest;
	struct scanner scanner;
	struct bl_pos pos;

	if (!items->more)
		return false;
	/* Count on from where the last item began. */
	pos_of_offset(rest, items->at, &pos);
	rest->line = pos.line;
	rest->column = pos.column;
	rest->text += items->at;
	rest->len -= items->at;
	scanner = (struct scanner){.text = rest->text, .len = rest->len};
	skip_value(&scanner);
	*ret = *rest;
	ret->len = scanner.at;
	items->more = next_child(&scanner);
	items->at = scanner.at;
	return true;
}

bool bl_document_locate(const struct bl_document *document, const char *field, bool of_key,
			struct bl_pos *ret)
{
	*ret = (struct bl_pos){.file = document->file};
	if (document->root)
		return locate_yaml(document, field, of_key, ret);
	if (document->text)
		return locate_json(document, field, of_key, ret);
	return false;
}

/* Keys of the mappings that are open while a JSON text is walked. */
struct keys {
	const char **starts;
	size_t *lens;
	size_t count;
	size_t capacity;
};

static bool keys_push(struct keys *keys, const char *start, size_t len)
{
	if (keys->count == keys->capacity) {
		size_t capacity = keys->capacity ? keys->capacity * 2 : 64;
		const char **starts = reallocarray(keys->starts, capacity, sizeof(*starts));
		if (!starts)
			return false;
		keys->starts = starts;
		size_t *lens = reallocarray(keys->lens, capacity, sizeof(*lens));
		if (!lens)
			return false;
		keys->lens = lens;
		keys->capacity = capacity;
	}
	keys->starts[keys->count] = start;
	keys->lens[keys->count++] = len;
	return true;
}

/* Index of a key at or after `first` that was there before; SIZE_MAX: none. Short of memory it says
 * none: json-c then lets the last one win. */
static size_t keys_twin(const struct keys *keys, size_t first)
{
	_cleanup_(bl_map_free) struct bl_map *seen = NULL;
	size_t count = keys->count - first;

	for (size_t i = first; count <= 16 && i < keys->count; i++) {
		for (size_t j = first; j < i; j++) {
			if (keys->lens[i] == keys->lens[j] &&
			    memcmp(keys->starts[i], keys->starts[j], keys->lens[i]) == 0)
				return i;
		}
	}
	if (count <= 16 || bl_map_new(&seen) < 0)
		return SIZE_MAX;
	for (size_t i = first; i < keys->count; i++) {
		void *old = NULL;

		if (bl_map_put(seen, keys->starts[i], keys->lens[i], (void *)&keys->lens[i], &old) <
		    0)
			return SIZE_MAX;
		if (old)
			return i;
	}
	return SIZE_MAX;
}

/* Walks one value; the start of the first key that is there twice, or NULL. The parser has limited
 * the depth before. */
static const char *walk_value(struct scanner *scanner, struct keys *keys, size_t *ret_len)
{
	bool is_map = peek(scanner) == '{';
	size_t first = keys->count, twin;

	if (!is_map && peek(scanner) != '[') {
		skip_value(scanner);
		return NULL;
	}
	if (enter(scanner)) {
		do {
			if (is_map) {
				const char *key;
				size_t key_len;

				read_key(scanner, &key, &key_len);
				if (!keys_push(keys, key, key_len))
					return NULL;
			}
			const char *found = walk_value(scanner, keys, ret_len);
			if (found)
				return found;
		} while (next_child(scanner));
	}
	scanner->at++;
	twin = is_map ? keys_twin(keys, first) : SIZE_MAX;
	keys->count = first;
	if (twin == SIZE_MAX)
		return NULL;
	*ret_len = keys->lens[twin];
	return keys->starts[twin];
}

bool bl_json_find_duplicate(const struct bl_document *document, struct bl_pos *ret,
			    struct bl_buf *ret_key)
{
	struct scanner scanner = {.text = document->text, .len = document->len};
	struct keys keys = {0};
	const char *found;
	size_t len = 0;

	skip_space(&scanner);
	found = walk_value(&scanner, &keys, &len);
	free(keys.starts);
	free(keys.lens);
	if (!found)
		return false;
	*ret = (struct bl_pos){.file = document->file};
	pos_of_offset(document, (size_t)(found - document->text) - 1, ret);
	bl_buf_add(ret_key, found, len);
	return true;
}
