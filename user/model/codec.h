/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Text to objects and back, all from the schema tables (schema.h): strict decoding with positions,
 * defaults, encoding. Problems go into a bl_diag with file, line and column and the field's path; a
 * document with an error yields no object, the others of the same text still do.
 */
#ifndef MODEL_CODEC_H
#define MODEL_CODEC_H

#include <stdio.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "model/object.h"

struct json_object;

/* Limits on what a text may hold; beyond them decoding fails with -E2BIG and says which. */
struct bl_limits {
	size_t bytes;
	size_t depth;
	size_t aliases; /* nodes that alias expansion may add */
	size_t documents;
	size_t objects;
	size_t nodes;
};
extern const struct bl_limits bl_limits_default;

enum bl_decode_flag {
	/* Unknown fields are ignored: for answers of an API server, which may be newer. */
	BL_DECODE_LENIENT = 1u << 0,
	/* The text may hold kinds that beeline does not know; each is named in a warning and
	 * skipped. Without it they are errors. */
	BL_DECODE_SKIP_UNKNOWN_KINDS = 1u << 1,
	/* Unknown fields are named in warnings and let go, instead of being errors. */
	BL_DECODE_WARN_UNKNOWN = 1u << 2,
	/* metadata.managedFields is kept. */
	BL_DECODE_MANAGED = 1u << 3,
	/* What is only kept is not looked into: it was when it came in. */
	BL_DECODE_KEPT_AS_IT_IS = 1u << 4,
};

/*
 * Decodes every document of `text` (YAML or JSON, told apart by itself; `kind: List` is unfolded),
 * applies the defaults and appends the objects to `ret`. Returns 0 when all documents were good,
 * -EINVAL when some were not (diag has every problem, the good ones are in `ret`), -E2BIG, -ENOMEM.
 * `file` is for messages and is copied.
 */
int bl_decode(const char *file, const char *text, size_t len, const struct bl_limits *limits,
	      unsigned int flags, struct bl_object_list *ret, struct bl_diag *diag);

/* One object from a json-c tree, as the API server's stream decoder has it. The tree is borrowed.
 */
int bl_decode_json_tree(const char *file, struct json_object *json, unsigned int flags,
			struct bl_object **ret, struct bl_diag *diag);

/*
 * The same for many objects of one kind, which need not name it: the items of a server's lists and
 * watches. -EINVAL with problems in `diag`, -E2BIG, -ENOMEM. The memory that decoding takes is kept
 * for the next.
 */
struct bl_item_decoder;
int bl_item_decoder_new(enum bl_kind kind, struct bl_item_decoder **ret);
struct bl_item_decoder *bl_item_decoder_free(struct bl_item_decoder *decoder);
BL_DEFINE_CLEANUP(struct bl_item_decoder *, bl_item_decoder_free);
int bl_item_decode(struct bl_item_decoder *decoder, struct json_object *json,
		   struct bl_object **ret, struct bl_diag *diag);

/* Also `apiVersion` and `kind`. The caller owns the tree (json_object_put). */
int bl_encode_json(const struct bl_object *object, struct json_object **ret);
/* One document without "---". */
int bl_encode_yaml(const struct bl_object *object, struct bl_buf *ret);
/* Any JSON tree as YAML, keys in their order; strings are quoted only where YAML needs it. */
int bl_json_to_yaml(struct json_object *json, struct bl_buf *ret);

/* RFC 7386: what `target` becomes; both are borrowed, the result is a new tree (NULL is JSON's
 * null). -E2BIG when the patch is nested beyond reason, -ENOMEM. */
int bl_json_merge_patch(struct json_object *target, struct json_object *patch,
			struct json_object **ret);

/* What a field such as "spec.ports.nodePort" is; an empty path is the object. -ENOENT. */
struct bl_field_help {
	const char *type; /* "integer", "list of mappings" ... */
	bool required;
	bool is_used; /* false: accepted and shown again, but without any effect here */
	const char *help;
};
int bl_field_help(enum bl_kind kind, const char *path, struct bl_field_help *ret);
/* Names of the fields below `path`, by index; NULL behind the last one. */
const char *bl_field_child(enum bl_kind kind, const char *path, size_t index);

/* A deep copy in an arena of its own, with one reference; encode and decode by table. */
int bl_object_clone(const struct bl_object *object, struct bl_object **ret);

/* Same content, resourceVersion and origin left aside? */
bool bl_object_equal(const struct bl_object *a, const struct bl_object *b);

#endif
