/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * libyaml's events as a tree. libyaml limits neither depth nor aliases, so it is done here: an
 * alias shares the nodes of its anchor, and its weight is taken from the budget each time it is
 * used.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/map.h"
#include "model/tree.h"

struct reader {
	yaml_parser_t parser;
	yaml_event_t event; /* the current one, valid while has_event */
	bool has_event;
	const struct bl_document *piece;
	struct bl_tree_budget *budget;
	struct bl_diag *diag;
	struct bl_arena *arena;
	struct bl_map *anchors; /* name -> struct bl_tree * */
	/* Children of the open mappings and lists, in a stack. */
	struct bl_tree_entry *stack;
	size_t stack_count;
	size_t stack_capacity;
};

static struct bl_pos position(const struct reader *reader, yaml_mark_t mark)
{
	return (struct bl_pos){
		.file = reader->piece->file,
		.line = reader->piece->line + (unsigned int)mark.line,
		.column = (unsigned int)mark.column + (mark.line == 0 ? reader->piece->column : 1),
	};
}

static int fail(struct reader *reader, int code, yaml_mark_t mark, const char *text)
{
	struct bl_pos pos = position(reader, mark);

	bl_diag_add(reader->diag, BL_SEVERITY_ERROR, &pos, NULL, "%s", text);
	return code;
}

static int fail_memory(struct reader *reader)
{
	return fail(reader, -ENOMEM, reader->event.start_mark,
		    "cannot read the document: no memory");
}

static int fail_syntax(struct reader *reader)
{
	const yaml_parser_t *parser = &reader->parser;
	struct bl_pos pos = position(reader, parser->problem_mark);
	const char *problem = parser->problem ? parser->problem : "unreadable text";

	if (parser->error == YAML_MEMORY_ERROR) {
		bl_diag_add(reader->diag, BL_SEVERITY_ERROR, &pos, NULL,
			    "cannot read the document: no memory");
		return -ENOMEM;
	}
	if (parser->error == YAML_READER_ERROR) {
		/* Here libyaml tells an offset and no mark. */
		pos.line = reader->piece->line;
		for (size_t i = 0; i < parser->problem_offset && i < reader->piece->len; i++)
			pos.line += reader->piece->text[i] == '\n';
		pos.column = 1;
	}
	if (strstr(problem, "cannot start any token") && parser->buffer.pointer &&
	    *parser->buffer.pointer == '\t')
		problem = "a tab cannot indent YAML; use spaces";
	bl_diag_add(reader->diag, BL_SEVERITY_ERROR, &pos, NULL, "cannot read YAML: %s%s%s",
		    problem, parser->context ? ", " : "", parser->context ? parser->context : "");
	return -EINVAL;
}

static int next(struct reader *reader)
{
	if (reader->has_event)
		yaml_event_delete(&reader->event);
	reader->has_event = false;
	if (!yaml_parser_parse(&reader->parser, &reader->event))
		return fail_syntax(reader);
	reader->has_event = true;
	return 0;
}

static int push(struct reader *reader, struct bl_tree_entry entry)
{
	if (reader->stack_count == reader->stack_capacity) {
		size_t capacity = reader->stack_capacity ? reader->stack_capacity * 2 : 64;
		struct bl_tree_entry *grown = reallocarray(reader->stack, capacity, sizeof(*grown));
		if (!grown)
			return fail_memory(reader);
		reader->stack = grown;
		reader->stack_capacity = capacity;
	}
	reader->stack[reader->stack_count++] = entry;
	return 0;
}

static int new_node(struct reader *reader, struct bl_tree **ret)
{
	struct bl_tree *node;
	struct bl_pos pos = position(reader, reader->event.start_mark);

	if (reader->budget->nodes == 0)
		return fail(reader, -E2BIG, reader->event.start_mark,
			    "too many nodes in this text");
	reader->budget->nodes--;
	node = bl_arena_alloc(reader->arena, sizeof(*node));
	if (!node)
		return fail_memory(reader);
	node->line = pos.line;
	node->column = pos.column;
	node->weight = 1;
	*ret = node;
	return 0;
}

static int keep_anchor(struct reader *reader, const yaml_char_t *anchor, struct bl_tree *node)
{
	if (!anchor)
		return 0;
	if (bl_map_put_str(reader->anchors, (const char *)anchor, node, NULL) < 0)
		return fail_memory(reader);
	return 0;
}

static int read_scalar(struct reader *reader, struct bl_tree **ret)
{
	const char *value = (const char *)reader->event.data.scalar.value;
	size_t len = reader->event.data.scalar.length;
	const char *tag = (const char *)reader->event.data.scalar.tag;
	struct bl_tree *node;
	int r;

	r = new_node(reader, &node);
	if (r < 0)
		return r;
	if (memchr(value, '\0', len))
		return fail(reader, -EINVAL, reader->event.start_mark, "zero byte in a string");
	node->text = bl_arena_strndup(reader->arena, value, len);
	if (!node->text)
		return fail_memory(reader);
	node->count = len;
	node->type = BL_TREE_STRING;
	if (tag && strncmp(tag, "tag:yaml.org,2002:", 18) != 0 && strcmp(tag, "!") != 0)
		return fail(reader, -EINVAL, reader->event.start_mark,
			    "unknown YAML tag; write the value without a tag");
	if (reader->event.data.scalar.plain_implicit ||
	    (tag && strncmp(tag, "tag:yaml.org,2002:", 18) == 0 && strcmp(tag + 18, "str") != 0))
		bl_tree_resolve_plain(node);
	*ret = node;
	return keep_anchor(reader, reader->event.data.scalar.anchor, node);
}

static int read_alias(struct reader *reader, struct bl_tree **ret)
{
	const char *name = (const char *)reader->event.data.alias.anchor;
	struct bl_tree *node = bl_map_get_str(reader->anchors, name);

	if (!node)
		return fail(reader, -EINVAL, reader->event.start_mark,
			    "alias of an anchor that is not (yet) there");
	if (node->weight > reader->budget->aliases)
		return fail(reader, -E2BIG, reader->event.start_mark,
			    "aliases of this text grow beyond the limit");
	reader->budget->aliases -= node->weight;
	*ret = node;
	return 0;
}

static int read_node(struct reader *reader, size_t depth, struct bl_tree **ret);

static bool same_key(const struct bl_tree_entry *a, const struct bl_tree_entry *b)
{
	return a->key_len == b->key_len && memcmp(a->key, b->key, a->key_len) == 0;
}

static bool is_merge(const struct bl_tree_entry *entry)
{
	return entry->key_len == 2 && memcmp(entry->key, "<<", 2) == 0;
}

/* Keys of one mapping, to find the ones that are there twice; large mappings by hash. */
static int find_twin(struct reader *reader, const struct bl_tree_entry *entries, size_t count,
		     size_t *ret)
{
	_cleanup_(bl_map_free) struct bl_map *seen = NULL;
	void *old;

	*ret = count;
	if (count <= 16) {
		for (size_t i = 1; i < count; i++) {
			for (size_t j = 0; j < i; j++) {
				if (same_key(&entries[i], &entries[j])) {
					*ret = i;
					return 0;
				}
			}
		}
		return 0;
	}
	if (bl_map_new(&seen) < 0)
		return fail_memory(reader);
	for (size_t i = 0; i < count; i++) {
		if (bl_map_put(seen, entries[i].key, entries[i].key_len, (void *)(entries + i),
			       &old) < 0)
			return fail_memory(reader);
		if (old) {
			*ret = i;
			return 0;
		}
	}
	return 0;
}

/* Adds the pairs of a mapping that `<<` names, unless the mapping has the key itself. */
static int merge_from(struct reader *reader, size_t first, const struct bl_tree *source)
{
	if (source->type != BL_TREE_MAP)
		return fail(reader, -EINVAL, reader->event.start_mark,
			    "the value of a merge key '<<' must be a mapping or a list of them");
	for (size_t i = 0; i < source->count; i++) {
		bool there = false;

		for (size_t j = first; j < reader->stack_count && !there; j++)
			there = same_key(&reader->stack[j], &source->entries[i]);
		if (there)
			continue;
		if (source->entries[i].value->weight > reader->budget->aliases)
			return fail(reader, -E2BIG, reader->event.start_mark,
				    "aliases of this text grow beyond the limit");
		reader->budget->aliases -= source->entries[i].value->weight;
		int r = push(reader, source->entries[i]);
		if (r < 0)
			return r;
	}
	return 0;
}

static int apply_merge(struct reader *reader, size_t first)
{
	const struct bl_tree *value = NULL;

	for (size_t i = first; i < reader->stack_count && !value; i++) {
		if (!is_merge(&reader->stack[i]))
			continue;
		value = reader->stack[i].value;
		reader->stack[i] = reader->stack[--reader->stack_count];
	}
	if (!value)
		return 0;
	if (value->type != BL_TREE_LIST)
		return merge_from(reader, first, value);
	for (size_t i = 0; i < value->count; i++) {
		int r = merge_from(reader, first, value->items[i]);
		if (r < 0)
			return r;
	}
	return 0;
}

static int close_map(struct reader *reader, size_t first, struct bl_tree *node)
{
	size_t twin, count = reader->stack_count - first;
	struct bl_tree_entry *entries;
	int r;

	if (count == 0)
		return 0;
	r = find_twin(reader, reader->stack + first, count, &twin);
	if (r < 0)
		return r;
	if (twin < count) {
		const struct bl_tree_entry *entry = &reader->stack[first + twin];
		struct bl_pos pos = {reader->piece->file, entry->line, entry->column};

		bl_diag_add(reader->diag, BL_SEVERITY_ERROR, &pos, NULL,
			    "key '%s' stands twice in one mapping", entry->key);
		return -EINVAL;
	}
	r = apply_merge(reader, first);
	if (r < 0)
		return r;
	count = reader->stack_count - first;
	entries = bl_arena_alloc(reader->arena, count * sizeof(*entries));
	if (!entries)
		return fail_memory(reader);
	if (count > 0)
		memcpy(entries, reader->stack + first, count * sizeof(*entries));
	for (size_t i = 0; i < count; i++)
		node->weight += entries[i].value->weight;
	node->entries = entries;
	node->count = count;
	reader->stack_count = first;
	return 0;
}

static int read_key(struct reader *reader, struct bl_tree_entry *ret)
{
	struct bl_tree *key = NULL;
	int r;

	if (reader->event.type == YAML_ALIAS_EVENT)
		r = read_alias(reader, &key);
	else if (reader->event.type == YAML_SCALAR_EVENT)
		r = read_scalar(reader, &key);
	else
		return fail(reader, -EINVAL, reader->event.start_mark,
			    "a mapping's key must be a plain word, not a mapping or list");
	if (r < 0)
		return r;
	if (key->type == BL_TREE_MAP || key->type == BL_TREE_LIST)
		return fail(reader, -EINVAL, reader->event.start_mark,
			    "a mapping's key must be a plain word, not a mapping or list");
	*ret = (struct bl_tree_entry){
		.key = key->text, .key_len = key->count, .line = key->line, .column = key->column};
	return 0;
}

static int read_map(struct reader *reader, size_t depth, struct bl_tree *node)
{
	size_t first = reader->stack_count;
	int r;

	node->type = BL_TREE_MAP;
	for (;;) {
		struct bl_tree_entry entry;
		struct bl_tree *value = NULL;

		r = next(reader);
		if (r < 0)
			return r;
		if (reader->event.type == YAML_MAPPING_END_EVENT)
			return close_map(reader, first, node);
		r = read_key(reader, &entry);
		if (r < 0)
			return r;
		r = next(reader);
		if (r < 0)
			return r;
		r = read_node(reader, depth + 1, &value);
		if (r < 0)
			return r;
		entry.value = value;
		r = push(reader, entry);
		if (r < 0)
			return r;
	}
}

static int close_list(struct reader *reader, size_t first, struct bl_tree *node)
{
	size_t count = reader->stack_count - first;
	const struct bl_tree **items = bl_arena_alloc(reader->arena, count * sizeof(*items));

	if (!items)
		return fail_memory(reader);
	for (size_t i = 0; i < count; i++) {
		items[i] = reader->stack[first + i].value;
		node->weight += items[i]->weight;
	}
	node->items = items;
	node->count = count;
	reader->stack_count = first;
	return 0;
}

static int read_list(struct reader *reader, size_t depth, struct bl_tree *node)
{
	size_t first = reader->stack_count;
	int r;

	node->type = BL_TREE_LIST;
	for (;;) {
		struct bl_tree *value = NULL;

		r = next(reader);
		if (r < 0)
			return r;
		if (reader->event.type == YAML_SEQUENCE_END_EVENT)
			return close_list(reader, first, node);
		r = read_node(reader, depth + 1, &value);
		if (r < 0)
			return r;
		r = push(reader, (struct bl_tree_entry){.value = value});
		if (r < 0)
			return r;
	}
}

static int read_collection(struct reader *reader, size_t depth, struct bl_tree **ret)
{
	bool is_map = reader->event.type == YAML_MAPPING_START_EVENT;
	const yaml_char_t *anchor = is_map ? reader->event.data.mapping_start.anchor
					   : reader->event.data.sequence_start.anchor;
	_cleanup_free_ char *name = anchor ? strdup((const char *)anchor) : NULL;
	struct bl_tree *node;
	int r;

	if (anchor && !name)
		return fail_memory(reader);
	r = new_node(reader, &node);
	if (r < 0)
		return r;
	r = is_map ? read_map(reader, depth, node) : read_list(reader, depth, node);
	if (r < 0)
		return r;
	*ret = node;
	/* Only now: an alias of a node inside itself would be a tree without end. */
	return keep_anchor(reader, (const yaml_char_t *)name, node);
}

/* The node that starts at the current event; the current event is its last one afterwards. */
static int read_node(struct reader *reader, size_t depth, struct bl_tree **ret)
{
	if (depth > reader->budget->depth)
		return fail(reader, -E2BIG, reader->event.start_mark,
			    "document is nested too deep");
	switch (reader->event.type) {
	case YAML_ALIAS_EVENT:
		return read_alias(reader, ret);
	case YAML_SCALAR_EVENT:
		return read_scalar(reader, ret);
	case YAML_MAPPING_START_EVENT:
	case YAML_SEQUENCE_START_EVENT:
		return read_collection(reader, depth, ret);
	default:
		return fail(reader, -EINVAL, reader->event.start_mark,
			    "cannot read YAML: no value here");
	}
}

static int read_document(struct reader *reader, bl_tree_root_fn *each, void *userdata)
{
	_cleanup_(bl_arena_free) struct bl_arena *arena = NULL;
	_cleanup_(bl_map_free) struct bl_map *anchors = NULL;
	struct bl_document document = *reader->piece;
	struct bl_tree *root = NULL;
	int r;

	if (bl_arena_new(&arena) < 0 || bl_map_new(&anchors) < 0)
		return fail_memory(reader);
	reader->arena = arena;
	reader->anchors = anchors;
	r = next(reader);
	if (r < 0)
		return r;
	r = read_node(reader, 1, &root);
	if (r < 0)
		return r;
	document.root = root;
	r = next(reader); /* the end of the document */
	if (r < 0)
		return r;
	return each(&document, userdata);
}

static int read_stream(struct reader *reader, bl_tree_root_fn *each, void *userdata)
{
	int r;

	for (;;) {
		r = next(reader);
		if (r < 0)
			return r;
		if (reader->event.type == YAML_STREAM_END_EVENT)
			return 0;
		if (reader->event.type != YAML_DOCUMENT_START_EVENT)
			continue;
		r = read_document(reader, each, userdata);
		if (r < 0)
			return r;
	}
}

int bl_tree_read_yaml(const struct bl_document *piece, struct bl_tree_budget *budget,
		      struct bl_diag *diag, bl_tree_root_fn *each, void *userdata)
{
	struct reader reader = {.piece = piece, .budget = budget, .diag = diag};
	int r;

	if (!yaml_parser_initialize(&reader.parser))
		return fail_memory(&reader);
	yaml_parser_set_encoding(&reader.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&reader.parser, (const unsigned char *)piece->text,
				     piece->len);
	r = read_stream(&reader, each, userdata);
	if (reader.has_event)
		yaml_event_delete(&reader.event);
	yaml_parser_delete(&reader.parser);
	free(reader.stack);
	return r;
}
