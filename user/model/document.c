/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Texts into documents, documents into objects. */
#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <json-c/json.h>

#include "model/build.h"
#include "model/check.h"
#include "model/codec.h"
#include "model/tree.h"

BL_DEFINE_CLEANUP(struct json_object *, json_object_put);
BL_DEFINE_CLEANUP(struct json_tokener *, json_tokener_free);

const struct bl_limits bl_limits_default = {
	.bytes = 64u << 20,
	.depth = 64,
	.aliases = 100000,
	.documents = 100000,
	.objects = 200000,
	.nodes = 8000000,
};

struct job {
	const char *file;
	const struct bl_limits *limits;
	struct bl_tree_budget budget;
	unsigned int flags;
	struct bl_object_list *list;
	struct bl_diag *diag;
	size_t documents;
	size_t objects;
	int result;               /* -EINVAL once a document was bad */
	struct bl_arena *trees;   /* of JSON documents and items */
	struct bl_arena *scratch; /* where objects are decoded first */
};

static int fail_at(struct job *job, const struct bl_document *document, int code, const char *text)
{
	struct bl_pos pos = {document->file, document->line, document->column};

	bl_diag_add(job->diag, BL_SEVERITY_ERROR, &pos, NULL, "%s", text);
	return code;
}

static int fail_memory(struct job *job)
{
	bl_diag_add(job->diag, BL_SEVERITY_ERROR, &(struct bl_pos){.file = job->file}, NULL,
		    "cannot read objects: no memory");
	return -ENOMEM;
}

static int add_object(struct job *job, const struct bl_document *document, const char *root,
		      const struct bl_tree *tree, const struct bl_inherited *inherited)
{
	struct bl_report report = {.diag = job->diag, .document = document, .root = root};
	struct bl_object *object = NULL;
	enum bl_kind kind;
	int r;

	if (job->objects++ >= job->limits->objects)
		return fail_at(job, document, -E2BIG, "too many objects in this text");
	r = bl_build_read_kind(&report, tree, inherited, job->flags, &kind);
	if (r == -ENOENT)
		return 0;
	if (r == 0)
		r = bl_build_checked(&(struct bl_workplace){.scratch = job->scratch}, kind, tree,
				     job->flags, &report, &object);
	if (r == -EINVAL) {
		job->result = -EINVAL;
		return 0;
	}
	if (r < 0 || bl_object_list_add_take(job->list, object) < 0)
		return fail_memory(job);
	return 0;
}

/* "ServiceList" or "List"; the kind of its items goes to `buffer`. */
static bool is_list(const char *kind, bool has_items, char *buffer, size_t size)
{
	size_t len = kind ? strlen(kind) : 0;

	if (!has_items || len < 4 || strcmp(kind + len - 4, "List") != 0 || len - 4 >= size)
		return false;
	memcpy(buffer, kind, len - 4);
	buffer[len - 4] = '\0';
	return true;
}

static int add_tree(struct job *job, const struct bl_document *document, const struct bl_tree *tree)
{
	const struct bl_tree *items = bl_tree_get(tree, "items");
	const char *version = bl_tree_string(bl_tree_get(tree, "apiVersion"));
	char kind[64], root[32];
	struct bl_inherited inherited = {0};

	if (!is_list(bl_tree_string(bl_tree_get(tree, "kind")),
		     items && items->type == BL_TREE_LIST, kind, sizeof(kind)))
		return add_object(job, document, "", tree, &inherited);
	if (kind[0])
		inherited = (struct bl_inherited){.kind = kind, .api_version = version};
	for (size_t i = 0; items && i < items->count; i++) {
		int r;

		(void)snprintf(root, sizeof(root), "items[%zu]", i);
		r = add_object(job, document, root, items->items[i], &inherited);
		if (r < 0)
			return r;
	}
	return 0;
}

/* YAML */

static int add_yaml_root(struct bl_document *document, void *userdata)
{
	struct job *job = userdata;

	if (document->root->type == BL_TREE_NULL)
		return 0;
	if (job->documents++ >= job->limits->documents)
		return fail_at(job, document, -E2BIG, "too many documents in this text");
	return add_tree(job, document, document->root);
}

/* Books write "..." where they leave something out. */
static void point_out_ellipsis(struct job *job, const struct bl_document *piece)
{
	unsigned int line = piece->line;
	const char *at = piece->text, *end = piece->text + piece->len;

	while (at < end) {
		const char *eol = memchr(at, '\n', (size_t)(end - at));
		size_t len = (size_t)((eol ? eol : end) - at), blanks = 0;

		while (blanks < len && (at[blanks] == ' ' || at[blanks] == '\t'))
			blanks++;
		if (blanks > 0 && blanks + 3 <= len && strncmp(at + blanks, "...", 3) == 0) {
			struct bl_pos pos = {piece->file, line, (unsigned int)blanks + 1};

			bl_diag_add(job->diag, BL_SEVERITY_ERROR, &pos, NULL,
				    "'...' stands for something left out: write the manifest in "
				    "full");
			return;
		}
		at += len + 1;
		line++;
	}
}

/* JSON */

static int add_json_item(struct job *job, const struct bl_document *document,
			 struct json_object *json, const struct bl_inherited *inherited)
{
	const struct bl_tree *tree;
	struct bl_err err = {0};
	int r;

	bl_arena_reset(job->trees);
	r = bl_tree_from_json(job->trees, json, &job->budget, &tree, &err);
	if (r == -EINVAL) {
		job->result = -EINVAL;
		(void)fail_at(job, document, r, err.text);
		return 0;
	}
	if (r < 0)
		return fail_at(job, document, r, err.text);
	return add_object(job, document, "", tree, inherited);
}

static const char *json_string(struct json_object *json, const char *key)
{
	struct json_object *child = json_object_object_get(json, key);

	return json_object_is_type(child, json_type_string) ? json_object_get_string(child) : NULL;
}

/* Long lists are taken apart before they become trees, item by item. */
static int add_json_list(struct job *job, const struct bl_document *document,
			 struct json_object *items, const struct bl_inherited *inherited)
{
	struct bl_json_items texts;
	bool found = bl_json_items_start(document, "items", &texts);

	for (size_t i = 0; i < json_object_array_length(items); i++) {
		struct bl_document item = {.file = document->file};
		int r;

		if (found)
			found = bl_json_items_next(&texts, &item);
		r = add_json_item(job, &item, json_object_array_get_idx(items, i), inherited);
		if (r < 0)
			return r;
	}
	return 0;
}

static int add_json(struct job *job, const struct bl_document *document, struct json_object *json)
{
	struct json_object *items = NULL;
	struct bl_inherited inherited = {0};
	char kind[64];

	if (json_object_is_type(json, json_type_object))
		items = json_object_object_get(json, "items");
	if (!is_list(json_string(json, "kind"), json_object_is_type(items, json_type_array), kind,
		     sizeof(kind)))
		return add_json_item(job, document, json, &inherited);
	if (kind[0])
		inherited = (struct bl_inherited){.kind = kind,
						  .api_version = json_string(json, "apiVersion")};
	return add_json_list(job, document, items, &inherited);
}

static int fail_json(struct job *job, const struct bl_document *document,
		     struct json_tokener *tokener)
{
	enum json_tokener_error error = json_tokener_get_error(tokener);
	size_t offset = json_tokener_get_parse_end(tokener);
	struct bl_pos pos = {document->file, document->line, document->column};

	for (size_t i = 0; i < offset && i < document->len; i++) {
		pos.column++;
		if (document->text[i] == '\n') {
			pos.line++;
			pos.column = 1;
		}
	}
	bl_diag_add(job->diag, BL_SEVERITY_ERROR, &pos, NULL, "cannot read JSON: %s",
		    error == json_tokener_continue ? "the text ends too early"
						   : json_tokener_error_desc(error));
	if (error == json_tokener_error_depth)
		return -E2BIG;
	return -EINVAL;
}

static int check_duplicates(struct job *job, const struct bl_document *document)
{
	_cleanup_(bl_buf_done) struct bl_buf key = {0};
	struct bl_pos pos;

	if (!bl_json_find_duplicate(document, &pos, &key))
		return 0;
	bl_diag_add(job->diag, BL_SEVERITY_ERROR, &pos, NULL,
		    "key '%s' stands twice in one mapping", key.data ? key.data : "");
	job->result = -EINVAL;
	return -EINVAL;
}

/* One JSON text at the start of `document`, whose length is set to what it takes up. */
static int read_json(struct job *job, struct bl_document *document)
{
	_cleanup_(json_tokener_free) struct json_tokener *tokener = NULL;
	_cleanup_(json_object_put) struct json_object *json = NULL;

	tokener = json_tokener_new_ex((int)job->limits->depth);
	if (!tokener)
		return fail_memory(job);
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_ALLOW_TRAILING_CHARS |
						JSON_TOKENER_VALIDATE_UTF8);
	json = json_tokener_parse_ex(tokener, document->text, (int)document->len);
	if (json_tokener_get_error(tokener) != json_tokener_success)
		return fail_json(job, document, tokener);
	document->len = json_tokener_get_parse_end(tokener);
	if (job->documents++ >= job->limits->documents)
		return fail_at(job, document, -E2BIG, "too many documents in this text");
	if (check_duplicates(job, document) < 0)
		return 0;
	return add_json(job, document, json);
}

static void advance(struct bl_document *piece, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++) {
		piece->column++;
		if (piece->text[i] == '\n') {
			piece->line++;
			piece->column = 1;
		}
	}
	piece->text += bytes;
	piece->len -= bytes;
}

static void skip_blanks(struct bl_document *piece)
{
	size_t blanks = 0;

	while (blanks < piece->len && strchr(" \t\r\n", piece->text[blanks]))
		blanks++;
	advance(piece, blanks);
}

/* JSON texts may follow each other. */
static int read_json_piece(struct job *job, struct bl_document piece)
{
	while (piece.len > 0) {
		struct bl_document document = piece;
		int r;

		document.is_json = true;
		r = read_json(job, &document);
		if (r < 0)
			return r;
		advance(&piece, document.len);
		skip_blanks(&piece);
	}
	return 0;
}

static bool starts_json(const struct bl_document *piece)
{
	struct bl_document rest = *piece;

	if (rest.len >= 3 && memcmp(rest.text, "---", 3) == 0)
		advance(&rest, 3);
	skip_blanks(&rest);
	return rest.len > 0 && (rest.text[0] == '{' || rest.text[0] == '[');
}

static int read_piece(struct job *job, struct bl_document piece)
{
	size_t errors = job->diag->error_count;
	int r;

	if (starts_json(&piece)) {
		if (piece.text[0] == '-')
			advance(&piece, 3);
		skip_blanks(&piece);
		r = read_json_piece(job, piece);
	} else {
		r = bl_tree_read_yaml(&piece, &job->budget, job->diag, add_yaml_root, job);
		if (r == -EINVAL && job->diag->error_count > errors)
			point_out_ellipsis(job, &piece);
	}
	if (r == -EINVAL) {
		job->result = -EINVAL;
		return 0;
	}
	return r;
}

/* A line of "---", perhaps with more behind a blank. */
static bool is_separator(const char *line, size_t len)
{
	return len >= 3 && memcmp(line, "---", 3) == 0 &&
	       (len == 3 || strchr(" \t\r\n", line[3]) != NULL);
}

/* Does the line hold more than a comment, a directive or nothing? */
static bool has_content(const char *line, size_t len)
{
	size_t blanks = 0;

	while (blanks < len && strchr(" \t\r\n", line[blanks]))
		blanks++;
	return blanks < len && line[blanks] != '#' && line[0] != '%';
}

/*
 * Documents are split before they are parsed: one that cannot be read then does not take the ones
 * behind it along. "---" at the start of a line is never anything else.
 */
static int read_text(struct job *job, struct bl_document text)
{
	struct bl_document piece = text;
	bool content = false;
	int r;

	piece.len = 0;
	while (text.len > 0) {
		const char *eol = memchr(text.text, '\n', text.len);
		size_t len = eol ? (size_t)(eol - text.text) + 1 : text.len;

		if (is_separator(text.text, len) && content) {
			r = read_piece(job, piece);
			if (r < 0)
				return r;
			piece = text;
			piece.len = 0;
		}
		content = (piece.len > 0 && content) || has_content(text.text, len);
		piece.len += len;
		text.text += len;
		text.len -= len;
		text.line++;
		text.column = 1;
	}
	return piece.len > 0 ? read_piece(job, piece) : 0;
}

int bl_decode(const char *file, const char *text, size_t len, const struct bl_limits *limits,
	      unsigned int flags, struct bl_object_list *ret, struct bl_diag *diag)
{
	_cleanup_(bl_arena_free) struct bl_arena *trees = NULL;
	_cleanup_(bl_arena_free) struct bl_arena *scratch = NULL;
	struct bl_document document = {
		.file = file, .text = text, .len = len, .line = 1, .column = 1};
	struct job job = {
		.file = file, .limits = limits, .flags = flags, .list = ret, .diag = diag};
	int r;

	if (len > limits->bytes || len > INT_MAX)
		return fail_at(&job, &document, -E2BIG, "text is larger than the limit");
	if (bl_arena_new(&trees) < 0 || bl_arena_new(&scratch) < 0)
		return fail_memory(&job);
	job.trees = trees;
	job.scratch = scratch;
	job.budget = (struct bl_tree_budget){
		.depth = limits->depth, .aliases = limits->aliases, .nodes = limits->nodes};
	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) { /* byte order mark */
		document.text += 3;
		document.len -= 3;
	}
	r = read_text(&job, document);
	return r < 0 ? r : job.result;
}
