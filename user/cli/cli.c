/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/cli.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/version.h"
#include "cli/client.h"

#define ARGUMENTS_MAX 65536

const char *bl_cli_socket(const struct bl_cli *cli)
{
	const char *socket = bl_arg(&cli->args, "socket");

	if (!socket)
		socket = getenv("BEELINE_SOCKET");
	return socket && *socket ? socket : BL_SOCKET_DEFAULT;
}

int bl_cli_client(struct bl_cli *cli, struct bl_client **ret, struct bl_err *err)
{
	int r = cli->client ? 0 : bl_client_new(bl_cli_socket(cli), &cli->client);

	if (r < 0)
		return bl_err_set(err, r, "cannot allocate a client");
	*ret = cli->client;
	return 0;
}

int bl_cli_fail(struct bl_cli *cli, int r, const struct bl_err *error)
{
	bool from_server = strncmp(error->text, "Error from server", 17) == 0;

	fflush(cli->out); /* so that both streams in one file read in order */
	fprintf(cli->err, "%s%s\n",
		from_server ? "" : "beeline: ", error->text[0] ? error->text : strerror(-r));
	switch (r) {
	case -ENOTCONN:
		return BL_EXIT_NO_AGENT;
	case -EACCES:
	case -EPERM:
		return BL_EXIT_NEEDS_PRIVILEGE;
	default:
		return BL_EXIT_FAILURE;
	}
}

int bl_cli_usage(struct bl_cli *cli, const char *format, ...)
{
	va_list arguments;

	fflush(cli->out);
	fprintf(cli->err, "beeline %s: ", cli->args.command->name);
	va_start(arguments, format);
	vfprintf(cli->err, format, arguments);
	va_end(arguments);
	fprintf(cli->err, "\nbeeline %s: see 'beeline help %s'\n", cli->args.command->name,
		cli->args.command->name);
	return BL_EXIT_USAGE;
}

/* Options before the command, as in "beeline -n shop get svc": how many arguments are they? Only
 * those that all commands of a kind share are known here. */
static int leading_options(int argc, char *const *argv)
{
	const struct bl_command *get = bl_command_find("get");
	int i = 1;

	while (i < argc && argv[i][0] == '-' && argv[i][1]) {
		const char *text = argv[i++];
		const struct bl_option *option;
		bool more;

		if (!get)
			continue;
		if (text[1] == '-') {
			option = bl_option_find(get, text + 2, strcspn(text + 2, "="));
			more = !strchr(text, '=');
		} else {
			option = bl_option_find_letter(get, text[1]);
			more = text[2] == '\0';
		}
		if (option && bl_option_takes_value(option) && more && i < argc)
			i++;
	}
	return i - 1;
}

static int run_command(struct bl_cli *cli)
{
	const struct bl_command *command = cli->args.command;
	int exit_code;

	if (command->needs == BL_NEEDS_ROOT && geteuid() != 0 &&
	    !bl_arg_given(&cli->args, "dry-run")) {
		fprintf(cli->err, "beeline %s: needs root: run it with sudo\n", command->name);
		return BL_EXIT_NEEDS_PRIVILEGE;
	}
	exit_code = command->run(cli);
	cli->client = bl_client_free(cli->client);
	return exit_code;
}

/* Prints what is wrong. */
static int read_config_file(struct bl_args *args, FILE *err)
{
	struct bl_diag diag = BL_DIAG_INIT;
	int r;

	if (!bl_arg_given(args, "config"))
		return 0;
	r = bl_args_add_file(args, bl_arg(args, "config"), &diag);
	bl_diag_print(&diag, err);
	bl_diag_done(&diag);
	return r;
}

static int parse_and_run(const struct bl_command *command, int argc, char *const *argv, FILE *out,
			 FILE *err)
{
	struct bl_cli cli = {.out = out, .err = err, .args.command = command};
	_cleanup_(bl_args_done) struct bl_args args = {0};
	struct bl_err error = {0};
	int r;

	r = bl_args_parse(command, argc, argv, &args, &error);
	if (r < 0)
		return bl_cli_usage(&cli, "%s", error.text);
	if (args.help) {
		bl_help_command(command, out);
		return BL_EXIT_OK;
	}
	r = read_config_file(&args, err);
	if (r < 0)
		return BL_EXIT_USAGE;
	cli.args = args;
	return run_command(&cli);
}

static bool is_any(const char *word, const char *a, const char *b)
{
	return strcmp(word, a) == 0 || strcmp(word, b) == 0;
}

int bl_cli_main(int argc, char *const *argv, FILE *out, FILE *err)
{
	int leading = leading_options(argc, argv);
	_cleanup_free_ char **arguments = NULL;
	const struct bl_command *command;
	int count = 0;

	if (argc > 1 && is_any(argv[1], "--help", "-h")) {
		bl_help_all(out);
		return BL_EXIT_OK;
	}
	if (argc > 1 && is_any(argv[1], "--version", "-V")) {
		fprintf(out, "beeline %s\n", bl_version);
		return BL_EXIT_OK;
	}
	if (1 + leading >= argc || argc > ARGUMENTS_MAX) {
		bl_help_all(err);
		return BL_EXIT_USAGE;
	}
	command = bl_command_find(argv[1 + leading]);
	if (!command) {
		bl_help_unknown_command(argv[1 + leading], err);
		return BL_EXIT_USAGE;
	}
	arguments = calloc((size_t)argc, sizeof(*arguments));
	if (!arguments) {
		fprintf(err, "beeline: cannot allocate arguments\n");
		return BL_EXIT_FAILURE;
	}
	for (int i = 1; i < argc; i++) {
		if (i != 1 + leading)
			arguments[count++] = argv[i];
	}
	return parse_and_run(command, count, arguments, out, err);
}
