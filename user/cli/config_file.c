/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Options from a file, held against the same rows as those of the command line. */
#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "cli/cli.h"
#include "model/codec.h"
#include "model/tree.h"

#define CONFIG_BYTES_MAX (1u << 20)

struct reading {
	struct bl_args *args;
	const char *path;
	struct bl_diag *diag;
	size_t documents;
};

static struct bl_pos pos_of(const struct reading *reading, unsigned int line, unsigned int column)
{
	return (struct bl_pos){.file = reading->path, .line = line, .column = column};
}

static bool takes_several(const struct bl_option *option)
{
	return option->type == BL_OPTION_LIST || option->type == BL_OPTION_FILE;
}

/* The option `name` of this command, or of any other that can read the file. */
static const struct bl_option *find_anywhere(const struct bl_args *args,
					     const struct bl_tree_entry *entry, bool *ret_ours)
{
	const struct bl_option *option = bl_option_find(args->command, entry->key, entry->key_len);

	*ret_ours = option != NULL;
	for (const struct bl_command *other = bl_commands; !option && other->name; other++)
		if (bl_option_find(other, "config", strlen("config")))
			option = bl_option_find(other, entry->key, entry->key_len);
	return option;
}

static void report_unknown(struct reading *reading, const struct bl_tree_entry *entry)
{
	const struct bl_command *agent = bl_command_find("agent");
	struct bl_pos pos = pos_of(reading, entry->line, entry->column);
	const char *names[BL_OPTIONS_MAX + 1] = {NULL};
	const struct bl_option *option;
	const char *near;

	for (size_t i = 0; agent && (option = bl_command_option(agent, i)); i++)
		names[i] = option->name;
	near = bl_suggest_word(entry->key, names);
	if (near)
		bl_diag_add(reading->diag, BL_SEVERITY_ERROR, &pos, NULL,
			    "unknown option '%s' (did you mean '%s'?)", entry->key, near);
	else
		bl_diag_add(reading->diag, BL_SEVERITY_ERROR, &pos, NULL,
			    "unknown option '%s': 'beeline help agent' lists them", entry->key);
}

static void take_scalar(struct reading *reading, const struct bl_option *option,
			const struct bl_tree *value)
{
	struct bl_pos pos = pos_of(reading, value->line, value->column);
	struct bl_err err = {0};
	const char *text;

	if (value->type == BL_TREE_MAP || value->type == BL_TREE_LIST ||
	    value->type == BL_TREE_NULL) {
		bl_diag_add(reading->diag, BL_SEVERITY_ERROR, &pos, NULL,
			    "option '%s': expected %s, got %s", option->name,
			    bl_option_takes_value(option) ? option->value : "true or false",
			    value->type == BL_TREE_MAP    ? "a mapping"
			    : value->type == BL_TREE_LIST ? "a list"
							  : "nothing");
		return;
	}
	text = bl_arena_strdup(reading->args->strings, value->text);
	if (!text)
		(void)bl_err_set(&err, -ENOMEM, "cannot allocate options");
	if (!text || bl_args_set(reading->args, option, text, &err) < 0)
		bl_diag_add(reading->diag, BL_SEVERITY_ERROR, &pos, NULL, "%s", err.text);
}

static void take_entry(struct reading *reading, const struct bl_tree_entry *entry)
{
	bool ours;
	const struct bl_option *option = find_anywhere(reading->args, entry, &ours);

	if (!option) {
		report_unknown(reading, entry);
		return;
	}
	if (strcmp(option->name, "config") == 0) {
		struct bl_pos pos = pos_of(reading, entry->line, entry->column);

		bl_diag_add(reading->diag, BL_SEVERITY_ERROR, &pos, NULL,
			    "option 'config' may stand on the command line only");
		return;
	}
	if (!ours || bl_arg_list(reading->args, option->name)->given)
		return;
	if (!takes_several(option) || entry->value->type != BL_TREE_LIST) {
		take_scalar(reading, option, entry->value);
		return;
	}
	for (size_t i = 0; i < entry->value->count; i++)
		take_scalar(reading, option, entry->value->items[i]);
}

static int take_document(struct bl_document *document, void *userdata)
{
	struct reading *reading = userdata;
	const struct bl_tree *root = document->root;
	struct bl_pos pos;

	if (!root || root->type == BL_TREE_NULL)
		return 0; /* all is commented out */
	pos = pos_of(reading, root->line, root->column);
	if (root->type != BL_TREE_MAP || reading->documents++ > 0) {
		bl_diag_add(reading->diag, BL_SEVERITY_ERROR, &pos, NULL,
			    "expected one mapping from option names to values, such as "
			    "'manifests: /etc/beeline/manifests'");
		return 0;
	}
	for (size_t i = 0; i < root->count; i++)
		take_entry(reading, &root->entries[i]);
	return 0;
}

static int parse_file(struct reading *reading, const struct bl_buf *text)
{
	const struct bl_limits *limits = &bl_limits_default;
	const struct bl_document document = {.file = reading->path,
					     .text = text->data ? text->data : "",
					     .len = text->len,
					     .line = 1,
					     .column = 1};
	struct bl_tree_budget budget = {
		.depth = limits->depth, .aliases = limits->aliases, .nodes = limits->nodes};

	return bl_tree_read_yaml(&document, &budget, reading->diag, take_document, reading);
}

int bl_args_add_file(struct bl_args *args, const char *path, struct bl_diag *diag)
{
	struct reading reading = {.args = args, .path = path, .diag = diag};
	_cleanup_(bl_buf_done) struct bl_buf text = {0};
	struct bl_pos pos = {.file = path};
	int r = bl_buf_read_file(&text, path, CONFIG_BYTES_MAX);

	if (r < 0) {
		bl_diag_add(diag, BL_SEVERITY_ERROR, &pos, NULL, "cannot read it: %s",
			    strerror(-r));
		return r;
	}
	if (!args->strings && bl_arena_new(&args->strings) < 0)
		return -ENOMEM;
	r = parse_file(&reading, &text);
	return r < 0 ? r : diag->error_count ? -EINVAL : 0;
}
