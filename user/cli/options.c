/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/options.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"

const struct bl_option *bl_command_option(const struct bl_command *command, size_t index)
{
	for (size_t i = 0; i < BL_OPTION_TABLES && command->tables[i]; i++) {
		for (const struct bl_option *option = command->tables[i]; option->name; option++) {
			if (index-- == 0)
				return option;
		}
	}
	return NULL;
}

const struct bl_option *bl_option_find(const struct bl_command *command, const char *name,
				       size_t len)
{
	const struct bl_option *option;

	for (size_t i = 0; (option = bl_command_option(command, i)); i++) {
		if (strlen(option->name) == len && memcmp(option->name, name, len) == 0)
			return option;
	}
	return NULL;
}

const struct bl_option *bl_option_find_letter(const struct bl_command *command, char letter)
{
	const struct bl_option *option;

	for (size_t i = 0; (option = bl_command_option(command, i)); i++) {
		if (option->letter == letter)
			return option;
	}
	return NULL;
}

void bl_args_done(struct bl_args *args)
{
	for (size_t i = 0; i < args->value_count; i++)
		free(args->values[i].items);
	free(args->words);
	bl_arena_free(args->strings);
	memset(args, 0, sizeof(*args));
}

static struct bl_value *find_value(const struct bl_args *args, const char *name)
{
	for (size_t i = 0; i < args->value_count; i++) {
		if (strcmp(args->values[i].option->name, name) == 0)
			return (struct bl_value *)&args->values[i];
	}
	return NULL;
}

const struct bl_value *bl_arg_list(const struct bl_args *args, const char *name)
{
	const struct bl_value *value = find_value(args, name);

	assert(value);
	return value;
}

const char *bl_arg(const struct bl_args *args, const char *name)
{
	const struct bl_value *value = bl_arg_list(args, name);

	return value->count ? value->items[value->count - 1] : NULL;
}

bool bl_arg_flag(const struct bl_args *args, const char *name)
{
	return bl_arg_list(args, name)->number != 0;
}

long bl_arg_int(const struct bl_args *args, const char *name, long fallback)
{
	const struct bl_value *value = bl_arg_list(args, name);

	return value->count ? value->number : fallback;
}

bool bl_arg_given(const struct bl_args *args, const char *name)
{
	const struct bl_value *value = find_value(args, name);

	return value && (value->count > 0 || value->number != 0);
}

static int append(const char ***items, size_t *count, const char *item, struct bl_err *err)
{
	const char **grown = reallocarray(*items, *count + 1, sizeof(**items));

	if (!grown)
		return bl_err_set(err, -ENOMEM, "cannot allocate arguments");
	grown[(*count)++] = item;
	*items = grown;
	return 0;
}

static int check_int(struct bl_value *value, const char *text, struct bl_err *err)
{
	const struct bl_option *option = value->option;
	char *end;
	long number;

	errno = 0;
	number = strtol(text, &end, 10);
	if (errno || end == text || *end || number < option->min || number > option->max)
		return bl_err_set(err, -EINVAL,
				  "option '--%s': expected a number from %ld to %ld, got '%s'",
				  option->name, option->min, option->max, text);
	value->number = number;
	return 0;
}

static int check_enum(const struct bl_option *option, const char *text, struct bl_err *err)
{
	size_t len = strlen(text);
	const char *at = option->value;

	for (;;) {
		size_t span = strcspn(at, "|");

		if (span == len && memcmp(at, text, len) == 0)
			return 0;
		if (!at[span])
			break;
		at += span + 1;
	}
	return bl_err_set(err, -EINVAL, "option '--%s': expected one of %s, got '%s'", option->name,
			  option->value, text);
}

static int check_flag(struct bl_value *value, const char *text, struct bl_err *err)
{
	if (!text || strcmp(text, "true") == 0)
		value->number = 1;
	else if (strcmp(text, "false") == 0)
		value->number = 0;
	else
		return bl_err_set(err, -EINVAL, "option '--%s': expected true or false, got '%s'",
				  value->option->name, text);
	return 0;
}

int bl_args_set(struct bl_args *args, const struct bl_option *option, const char *text,
		struct bl_err *err)
{
	struct bl_value *value = find_value(args, option->name);
	int r = 0;

	value->given = true;
	if (option->type == BL_OPTION_FLAG)
		return check_flag(value, text, err);
	if (option->type == BL_OPTION_INT)
		r = check_int(value, text, err);
	else if (option->type == BL_OPTION_ENUM)
		r = check_enum(option, text, err);
	if (r < 0)
		return r;
	return append(&value->items, &value->count, text, err);
}

static int unknown_option(const struct bl_command *command, const char *name, struct bl_err *err)
{
	const char *names[BL_OPTIONS_MAX + 1] = {NULL};
	_cleanup_(bl_buf_done) struct bl_buf list = {0};
	const struct bl_option *option;
	const char *near;

	for (size_t i = 0; (option = bl_command_option(command, i)); i++) {
		names[i] = option->name;
		bl_buf_addf(&list, "%s--%s", i ? ", " : "", option->name);
	}
	near = bl_suggest_word(name, names);
	if (near)
		return bl_err_set(err, -EINVAL, "unknown option '--%s' (did you mean '--%s'?)",
				  name, near);
	return bl_err_set(err, -EINVAL, "unknown option '--%s': '%s' knows %s", name, command->name,
			  list.data ? list.data : "none");
}

/* A cursor over the arguments. */
struct scan {
	char *const *argv;
	int argc;
	int at;
};

static int next_value(struct scan *scan, const struct bl_option *option, const char **ret,
		      struct bl_err *err)
{
	if (scan->at >= scan->argc)
		return bl_err_set(err, -EINVAL, "option '--%s' needs a value: %s", option->name,
				  option->value);
	*ret = scan->argv[scan->at++];
	return 0;
}

static int parse_long(struct bl_args *args, struct scan *scan, const char *text, struct bl_err *err)
{
	size_t len = strcspn(text, "=");
	const char *value = text[len] ? text + len + 1 : NULL;
	const struct bl_option *option = bl_option_find(args->command, text, len);
	int r;

	if (len == 4 && memcmp(text, "help", 4) == 0) {
		args->help = true;
		return 0;
	}
	if (!option) {
		_cleanup_free_ char *name = strndup(text, len);

		return unknown_option(args->command, name ? name : text, err);
	}
	if (!value && bl_option_takes_value(option)) {
		r = next_value(scan, option, &value, err);
		if (r < 0)
			return r;
	}
	return bl_args_set(args, option, value, err);
}

/* "-Aw", "-o yaml", "-oyaml", "-o=yaml" */
static int parse_letters(struct bl_args *args, struct scan *scan, const char *text,
			 struct bl_err *err)
{
	for (; *text; text++) {
		const struct bl_option *option = bl_option_find_letter(args->command, *text);
		const char *value = NULL;
		int r;

		if (!option && *text == 'h') {
			args->help = true;
			return 0;
		}
		if (!option)
			return bl_err_set(err, -EINVAL,
					  "unknown option '-%c': see 'beeline help %s'", *text,
					  args->command->name);
		if (bl_option_takes_value(option)) {
			value = text + 1;
			if (*value == '=')
				value++;
			else if (!*value) {
				r = next_value(scan, option, &value, err);
				if (r < 0)
					return r;
			}
			return bl_args_set(args, option, value, err);
		}
		r = bl_args_set(args, option, NULL, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int check_words(const struct bl_args *args, struct bl_err *err)
{
	const struct bl_command *command = args->command;

	if (args->word_count > command->words_max)
		return bl_err_set(err, -EINVAL, "unexpected word '%s': expected 'beeline %s %s'",
				  args->words[command->words_max], command->name, command->args);
	if (args->word_count < command->words_min)
		return bl_err_set(err, -EINVAL, "too few words: expected 'beeline %s %s'",
				  command->name, command->args);
	return 0;
}

static int parse(struct bl_args *args, struct scan *scan, struct bl_err *err)
{
	bool only_words = false;
	int r;

	while (scan->at < scan->argc && !args->help) {
		const char *text = scan->argv[scan->at++];

		if (only_words || text[0] != '-' || !text[1])
			r = append(&args->words, &args->word_count, text, err);
		else if (strcmp(text, "--") == 0) {
			only_words = true;
			r = 0;
		} else if (text[1] == '-')
			r = parse_long(args, scan, text + 2, err);
		else
			r = parse_letters(args, scan, text + 1, err);
		if (r < 0)
			return r;
	}
	return args->help ? 0 : check_words(args, err);
}

int bl_args_parse(const struct bl_command *command, int argc, char *const *argv,
		  struct bl_args *ret, struct bl_err *err)
{
	_cleanup_(bl_args_done) struct bl_args args = {.command = command};
	struct scan scan = {.argv = argv, .argc = argc};
	const struct bl_option *option;
	int r;

	for (size_t i = 0; (option = bl_command_option(command, i)); i++) {
		assert(i < BL_OPTIONS_MAX);
		args.values[args.value_count++].option = option;
	}
	r = parse(&args, &scan, err);
	if (r < 0)
		return r;
	*ret = args;
	memset(&args, 0, sizeof(args));
	return 0;
}
