/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A document as a tree of mappings, lists and scalars, the same for YAML and JSON, and where in the
 * text each field stands. Knows the syntax of both and nothing of Kubernetes. Trees live in the
 * arena they were built in and are dropped once their objects are decoded; strings of a JSON tree
 * are borrowed from json-c.
 */
#ifndef MODEL_TREE_H
#define MODEL_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "model/codec.h"

enum bl_tree_type {
	BL_TREE_NULL,
	BL_TREE_BOOL,
	BL_TREE_INT,
	BL_TREE_DOUBLE,
	BL_TREE_STRING,
	BL_TREE_MAP,
	BL_TREE_LIST,
};

struct bl_tree;

struct bl_tree_entry {
	const char *key;
	size_t key_len;
	unsigned int line; /* of the key; 0 in JSON */
	unsigned int column;
	const struct bl_tree *value;
};

struct bl_tree {
	enum bl_tree_type type;
	unsigned int line; /* 0 in JSON: bl_document_locate finds it */
	unsigned int column;
	unsigned int
		weight; /* nodes below, aliases counted as often as they are used, and itself */
	union {
		const char *text; /* scalars as they were written, ends with a zero byte */
		const struct bl_tree_entry *entries;
		const struct bl_tree *const *items;
	};
	size_t count; /* bytes of `text`, or children */
	union {
		bool boolean;
		int64_t integer;
		double number;
	};
};

/* One document of a text. */
struct bl_document {
	const char *file; /* NULL: unknown */
	const char *text; /* of this document alone */
	size_t len;
	unsigned int line; /* where it starts */
	unsigned int column;
	bool is_json;
	const struct bl_tree *root; /* YAML only */
};

/* What building a tree is charged against. */
struct bl_tree_budget {
	size_t depth;
	size_t aliases; /* left */
	size_t nodes;   /* left */
};

/* All documents of a piece of YAML text; `each` gets every root and stops with a result below 0.
 * Problems go to `diag`: -EINVAL for syntax, -E2BIG for limits. */
typedef int bl_tree_root_fn(struct bl_document *document, void *userdata);
int bl_tree_read_yaml(const struct bl_document *piece, struct bl_tree_budget *budget,
		      struct bl_diag *diag, bl_tree_root_fn *each, void *userdata);
/* The tree is borrowed as long as the result lives. -E2BIG, -EINVAL (a zero byte in a string). */
int bl_tree_from_json(struct bl_arena *arena, struct json_object *json,
		      struct bl_tree_budget *budget, const struct bl_tree **ret,
		      struct bl_err *err);

/* Gives a plain YAML scalar its type, as the YAML library of Kubernetes (YAML 1.1) does. */
void bl_tree_resolve_plain(struct bl_tree *scalar);

/* NULL: no such key, or `tree` is no mapping. */
const struct bl_tree *bl_tree_get(const struct bl_tree *tree, const char *key);
/* The text of a string scalar, else NULL. */
const char *bl_tree_string(const struct bl_tree *tree);
/* The tree as compact JSON text. */
void bl_tree_to_json_text(const struct bl_tree *tree, struct bl_buf *ret);

/*
 * Where a field such as "spec.ports[0].nodePort" stands: of its key, or of its value when that is a
 * scalar and `of_key` is not set. A field that is not there is looked for in its parents; false
 * then. `ret` always gets a position.
 */
bool bl_document_locate(const struct bl_document *document, const char *field, bool of_key,
			struct bl_pos *ret);
/* The first key that a JSON text has twice in one mapping, as a position; false: none. */
bool bl_json_find_duplicate(const struct bl_document *document, struct bl_pos *ret,
			    struct bl_buf *ret_key);

/* The items of a list in a JSON text as documents of their own, so that finding a place in one does
 * not walk all before it. False: there is no such list (by this spelling of its key), or no more.
 */
struct bl_json_items {
	struct bl_document rest; /* from the last item on */
	size_t at;               /* of the next item in it */
	bool more;
};
bool bl_json_items_start(const struct bl_document *document, const char *key,
			 struct bl_json_items *ret);
bool bl_json_items_next(struct bl_json_items *items, struct bl_document *ret);

/* One step of a field path: a name, or an index when `name` is NULL. Advances; false at the end. */
struct bl_path_step {
	const char *name;
	size_t name_len;
	size_t index;
};
bool bl_path_next(const char **cursor, struct bl_path_step *ret);

#endif
