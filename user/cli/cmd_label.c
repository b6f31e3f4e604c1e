/* SPDX-License-Identifier: GPL-3.0-or-later */
/* label and annotate: the same words, another field of the metadata. */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/client.h"
#include "cli/resource.h"

/* The field that is changed and the words about it. */
struct subject {
	const char *field; /* of metadata */
	const char *noun;  /* "label" */
	const char *set;   /* "labeled" */
	const char *unset; /* "unlabeled" */
};

static const struct subject labels = {"labels", "label", "labeled", "unlabeled"};
static const struct subject annotations = {"annotations", "annotation", "annotated", "annotated"};

struct change {
	const struct subject *subject;
	const char *const *pairs; /* "key=value" and "key-" */
	size_t count;
};

/* No name of an object ends in a dash. */
static bool is_pair(const char *word)
{
	size_t len = strlen(word);

	return strchr(word, '=') || (len > 1 && word[len - 1] == '-');
}

/* Copies the key of a pair; NULL: no memory. `*ret_value` is NULL when the key is to go. */
static char *split_pair(const char *pair, const char **ret_value)
{
	const char *equals = strchr(pair, '=');
	size_t len = equals ? (size_t)(equals - pair) : strlen(pair) - 1;

	*ret_value = equals ? equals + 1 : NULL;
	return strndup(pair, len);
}

/* Adds one pair to the patch. 1: it changes something, 0: it does not. */
static int add_pair(struct bl_cli *cli, const struct change *change, const char *pair,
		    struct json_object *existing, struct json_object *patch, struct bl_err *err)
{
	const char *value = NULL, *old = NULL;
	_cleanup_free_ char *key = split_pair(pair, &value);

	if (!key)
		return bl_err_set(err, -ENOMEM, "cannot allocate a patch");
	old = bl_json_str(bl_json_key(existing, key), "");
	if (!value && !old) {
		fprintf(cli->out, "%s \"%s\" not found.\n", change->subject->noun, key);
		return 0;
	}
	if (value && old && strcmp(value, old) == 0)
		return 0;
	if (value && old && !bl_arg_flag(&cli->args, "overwrite"))
		return bl_err_set(err, -EINVAL,
				  "'%s' already has a value (%s), and --overwrite is false", key,
				  old);
	if (value)
		return bl_json_add_str(patch, key, value) < 0 ? -ENOMEM : 1;
	return json_object_object_add(patch, key, NULL) < 0 ? -ENOMEM : 1;
}

/* Makes the patch; NULL in `*ret` when nothing would change. */
static int make_patch(struct bl_cli *cli, const struct change *change, struct json_object *object,
		      struct json_object **ret, bool *ret_sets, struct bl_err *err)
{
	_cleanup_json_ struct json_object *root = json_object_new_object();
	struct json_object *meta = root ? bl_json_add_object(root, "metadata") : NULL;
	struct json_object *patch = meta ? bl_json_add_object(meta, change->subject->field) : NULL;
	struct json_object *existing =
		bl_json_key(bl_json_at(object, "metadata"), change->subject->field);
	bool changes = false;

	if (!patch)
		return bl_err_set(err, -ENOMEM, "cannot allocate a patch");
	*ret_sets = false;
	for (size_t i = 0; i < change->count; i++) {
		int r = add_pair(cli, change, change->pairs[i], existing, patch, err);

		if (r < 0)
			return r;
		changes = changes || r > 0;
		*ret_sets = *ret_sets || strchr(change->pairs[i], '=');
	}
	*ret = changes ? TAKE_PTR(root) : NULL;
	return 0;
}

static int change_one(struct bl_cli *cli, struct bl_client *client, const struct change *change,
		      const struct bl_found *found, struct bl_err *err)
{
	const char *name = bl_json_str_or(found->object, "metadata.name", "");
	_cleanup_free_ char *path = bl_resource_path(
		found->kind, bl_json_str(found->object, "metadata.namespace"), name);
	_cleanup_json_ struct json_object *patch = NULL;
	const char *word = change->subject->unset;
	bool sets = false;
	int r;

	if (!path)
		return bl_err_set(err, -ENOMEM, "cannot allocate a path");
	r = make_patch(cli, change, found->object, &patch, &sets, err);
	if (r < 0)
		return r;
	if (sets)
		word = change->subject->set;
	if (!patch) {
		fprintf(cli->out, "%s/%s not %s\n", bl_kind_word(found->kind), name,
			change->subject->set);
		return 0;
	}
	r = bl_client_call(client, BL_METHOD_MERGE_PATCH, path, patch, NULL, err);
	if (r == 0)
		fprintf(cli->out, "%s/%s %s\n", bl_kind_word(found->kind), name, word);
	return r;
}

static int check_pairs(struct bl_cli *cli, const struct change *change)
{
	if (change->count == 0)
		return bl_cli_usage(cli, "at least one %s must be given: KEY=VALUE or KEY-",
				    change->subject->noun);
	for (size_t i = 0; i < change->count; i++) {
		if (!is_pair(change->pairs[i]) || change->pairs[i][0] == '=')
			return bl_cli_usage(cli, "expected KEY=VALUE or KEY-, got '%s'",
					    change->pairs[i]);
	}
	return BL_EXIT_OK;
}

/* Types alone mean all of them only when that is said. */
static int check_targets(struct bl_cli *cli, const struct bl_targets *targets)
{
	for (size_t i = 0; i < targets->count; i++) {
		if (!targets->items[i].name && !bl_arg_flag(&cli->args, "all") &&
		    !bl_arg(&cli->args, "selector"))
			return bl_cli_usage(cli, "no name was given: name objects, or choose them "
						 "with --selector or --all");
	}
	return BL_EXIT_OK;
}

static int change_all(struct bl_cli *cli, const struct change *change,
		      const struct bl_targets *targets)
{
	_cleanup_(bl_found_list_done) struct bl_found_list found = {0};
	struct bl_client *client;
	struct bl_err err = {0};
	int r, exit_code = BL_EXIT_OK;

	r = bl_cli_client(cli, &client, &err);
	if (r == 0)
		r = bl_cli_find(cli, targets, &found, &err);
	if (r < 0)
		return bl_cli_fail(cli, r, &err);
	for (size_t i = 0; i < found.count; i++) {
		r = change_one(cli, client, change, &found.items[i], &err);
		if (r < 0)
			exit_code = bl_cli_fail(cli, r, &err);
	}
	return found.some_missing ? BL_EXIT_FAILURE : exit_code;
}

static int run(struct bl_cli *cli, const struct subject *subject)
{
	_cleanup_(bl_targets_done) struct bl_targets targets = {0};
	struct change change = {.subject = subject};
	struct bl_err err = {0};
	size_t words = 0;
	int r;

	while (words < cli->args.word_count && !is_pair(cli->args.words[words]))
		words++;
	change.pairs = cli->args.words + words;
	change.count = cli->args.word_count - words;
	r = check_pairs(cli, &change);
	if (r != BL_EXIT_OK)
		return r;
	r = bl_targets_parse(cli->args.words, words, &targets, &err);
	if (r < 0)
		return bl_cli_usage(cli, "%s", err.text);
	r = check_targets(cli, &targets);
	return r == BL_EXIT_OK ? change_all(cli, &change, &targets) : r;
}

int bl_cmd_label(struct bl_cli *cli)
{
	return run(cli, &labels);
}

int bl_cmd_annotate(struct bl_cli *cli)
{
	return run(cli, &annotations);
}
