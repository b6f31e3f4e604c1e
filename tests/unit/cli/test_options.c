/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "cli/cli.h"

static const struct bl_option options[] = {
	{"all", 'A', BL_OPTION_FLAG, NULL, "everything"},
	{"watch", 'w', BL_OPTION_FLAG, NULL, "go on"},
	{"output", 'o', BL_OPTION_ENUM, "wide|yaml|json", "how"},
	{"port", 'p', BL_OPTION_INT, "PORT", "where", 1, 65535},
	{"name", 0, BL_OPTION_STRING, "NAME", "who"},
	{"filename", 'f', BL_OPTION_FILE, "FILE", "which"},
	{NULL},
};

static const struct bl_command command = {
	.name = "get",
	.args = "TYPE [NAME]...",
	.help = "get",
	.words_min = 1,
	.words_max = 2,
	.tables = {options},
};

#define WORDS_MAX 8

static int parse(const char *const *argv, struct bl_args *args, struct bl_err *err)
{
	int argc = 0;

	while (argc < WORDS_MAX && argv[argc])
		argc++;
	return bl_args_parse(&command, argc, (char *const *)argv, args, err);
}

Test(options, values_are_taken_in_every_way_that_they_are_written)
{
	static const struct row {
		const char *argv[WORDS_MAX + 1];
	} rows[] = {
		{{"-o", "yaml", "-p", "80", "-A", "svc"}},
		{{"svc", "-oyaml", "-p=80", "-A"}},
		{{"--output=yaml", "--port=80", "--all", "svc"}},
		{{"--output", "yaml", "svc", "--port", "80", "--all=true"}},
		{{"-Ao", "yaml", "-p80", "--", "svc"}},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_(bl_args_done) struct bl_args args = {0};
		struct bl_err err = {0};

		cr_assert_eq(parse(rows[i].argv, &args, &err), 0, "row %zu: %s", i, err.text);
		cr_assert_str_eq(bl_arg(&args, "output"), "yaml");
		cr_assert_eq(bl_arg_int(&args, "port", 0), 80);
		cr_assert(bl_arg_flag(&args, "all"));
		cr_assert_not(bl_arg_flag(&args, "watch"));
		cr_assert_eq(args.word_count, 1);
		cr_assert_str_eq(args.words[0], "svc");
	}
}

Test(options, lists_keep_every_value_and_strings_the_last)
{
	static const char *const argv[] = {"-f", "a",        "--filename=-", "--name",
					   "x",  "--name=y", "svc",          NULL};
	_cleanup_(bl_args_done) struct bl_args args = {0};
	const struct bl_value *files;

	cr_assert_eq(parse(argv, &args, NULL), 0);
	files = bl_arg_list(&args, "filename");
	cr_assert_eq(files->count, 2);
	cr_assert_str_eq(files->items[0], "a");
	cr_assert_str_eq(files->items[1], "-");
	cr_assert_str_eq(bl_arg(&args, "name"), "y");
	cr_assert(bl_arg_given(&args, "filename"));
	cr_assert_not(bl_arg_given(&args, "port"));
	cr_assert_not(bl_arg_given(&args, "no-such-option"));
}

Test(options, mistakes_say_what_was_expected_and_what_was_got)
{
	static const struct row {
		const char *argv[WORDS_MAX + 1];
		const char *text;
	} rows[] = {
		{{"svc", "--outptu", "yaml"},
		 "unknown option '--outptu' (did you mean '--output'?)"},
		{{"svc", "--xyzzy=1"},
		 "unknown option '--xyzzy': 'get' knows --all, --watch, --output, --port, --name, "
		 "--filename"},
		{{"svc", "-Ax"}, "unknown option '-x': see 'beeline help get'"},
		{{"svc", "-o", "toml"},
		 "option '--output': expected one of wide|yaml|json, got 'toml'"},
		{{"svc", "-o", "wide|yaml"},
		 "option '--output': expected one of wide|yaml|json, got 'wide|yaml'"},
		{{"svc", "-o", ""}, "option '--output': expected one of wide|yaml|json, got ''"},
		{{"svc", "--port", "0"},
		 "option '--port': expected a number from 1 to 65535, got '0'"},
		{{"svc", "--port", "80x"},
		 "option '--port': expected a number from 1 to 65535, got '80x'"},
		{{"svc", "--port", "99999999999999999999"},
		 "option '--port': expected a number from 1 to 65535, got '99999999999999999999'"},
		{{"svc", "--port"}, "option '--port' needs a value: PORT"},
		{{"svc", "--all=yes"}, "option '--all': expected true or false, got 'yes'"},
		{{"--all"}, "too few words: expected 'beeline get TYPE [NAME]...'"},
		{{"a", "b", "c"}, "unexpected word 'c': expected 'beeline get TYPE [NAME]...'"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_(bl_args_done) struct bl_args args = {0};
		struct bl_err err = {0};

		cr_assert_eq(parse(rows[i].argv, &args, &err), -EINVAL, "row %zu", i);
		cr_expect_str_eq(err.text, rows[i].text);
		cr_assert_eq(args.value_count, 0, "untouched on failure");
	}
}

Test(options, help_wins_over_everything_else)
{
	static const char *const argv[] = {"a", "--help", "b", "--nonsense", NULL};
	_cleanup_(bl_args_done) struct bl_args args = {0};

	cr_assert_eq(parse(argv, &args, NULL), 0);
	cr_assert(args.help);
}

Test(options, a_near_word_is_suggested_and_a_far_one_is_not)
{
	static const char *const words[] = {"get", "describe", "delete", "apply", NULL};

	cr_assert_str_eq(bl_suggest_word("descrbe", words), "describe");
	cr_assert_str_eq(bl_suggest_word("gte", words), "get");
	cr_assert_str_eq(bl_suggest_word("aply", words), "apply");
	cr_assert_eq(bl_suggest_word("xyz", words), NULL);
	cr_assert_eq(bl_suggest_word("completely-else", words), NULL);
}

static int run(const char *const *argv, struct bl_buf *ret_out, struct bl_buf *ret_err)
{
	char *out_text = NULL, *err_text = NULL;
	size_t out_len, err_len;
	FILE *out = open_memstream(&out_text, &out_len);
	FILE *err = open_memstream(&err_text, &err_len);
	int argc = 0, exit_code;

	while (argv[argc])
		argc++;
	exit_code = bl_cli_main(argc, (char *const *)argv, out, err);
	fclose(out);
	fclose(err);
	bl_buf_add(ret_out, out_text, out_len);
	bl_buf_add(ret_err, err_text, err_len);
	free(out_text);
	free(err_text);
	return exit_code;
}

Test(cli, an_unknown_command_lists_all_and_the_nearest)
{
	static const char *const argv[] = {"beeline", "verison", NULL};
	_cleanup_(bl_buf_done) struct bl_buf out = {0}, err = {0};

	cr_assert_eq(run(argv, &out, &err), BL_EXIT_USAGE);
	cr_assert_eq(out.len, 0);
	cr_assert_neq(strstr(err.data, "did you mean 'version'?"), NULL);
	for (const struct bl_command *c = bl_commands; c->name; c++)
		cr_expect_neq(strstr(err.data, c->name), NULL, "%s", c->name);
}

Test(cli, help_names_every_command_and_each_command_its_options)
{
	for (const struct bl_command *c = bl_commands; c->name; c++) {
		const char *const by_word[] = {"beeline", "help", c->name, NULL};
		const char *const by_option[] = {"beeline", c->name, "--help", NULL};
		_cleanup_(bl_buf_done) struct bl_buf a = {0}, b = {0}, err = {0};
		const struct bl_option *option;

		cr_assert_eq(run(by_word, &a, &err), BL_EXIT_OK);
		cr_assert_eq(run(by_option, &b, &err), BL_EXIT_OK);
		cr_assert_str_eq(a.data, b.data);
		for (size_t i = 0; (option = bl_command_option(c, i)); i++)
			cr_expect_neq(strstr(a.data, option->name), NULL);
	}
}

Test(cli, no_command_is_a_mistake_and_help_is_not)
{
	static const char *const none[] = {"beeline", NULL};
	static const char *const help[] = {"beeline", "--help", NULL};
	_cleanup_(bl_buf_done) struct bl_buf a = {0}, b = {0}, out = {0}, err = {0};

	cr_assert_eq(run(none, &a, &err), BL_EXIT_USAGE);
	cr_assert_eq(run(help, &out, &b), BL_EXIT_OK);
	cr_assert_str_eq(err.data, out.data);
}

Test(cli, the_table_is_sound)
{
	for (const struct bl_command *c = bl_commands; c->name; c++) {
		const struct bl_option *option, *other;

		cr_expect(c->args && c->help && c->run, "%s", c->name);
		for (size_t i = 0; (option = bl_command_option(c, i)); i++) {
			cr_expect_lt(i, BL_OPTIONS_MAX);
			cr_expect_neq(option->help, NULL);
			cr_expect(bl_option_takes_value(option) == (option->value != NULL),
				  "%s --%s", c->name, option->name);
			for (size_t j = 0; j < i; j++) {
				other = bl_command_option(c, j);
				cr_expect_str_neq(option->name, other->name);
				cr_expect(!option->letter || option->letter != other->letter,
					  "%s -%c twice", c->name, option->letter);
			}
		}
	}
}

Test(completion, knows_every_command_and_option)
{
	static const char *const argv[] = {"beeline", "completion", "bash", NULL};
	_cleanup_(bl_buf_done) struct bl_buf out = {0}, err = {0};
	char text[128];

	cr_assert_eq(run(argv, &out, &err), BL_EXIT_OK);
	for (const struct bl_command *c = bl_commands; c->name; c++) {
		const struct bl_option *option;

		for (size_t i = 0; (option = bl_command_option(c, i)); i++) {
			(void)snprintf(text, sizeof(text), "--%s", option->name);
			cr_expect_neq(strstr(out.data, text), NULL, "%s %s", c->name, text);
		}
	}
}
