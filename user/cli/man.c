/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The sections of docs/man/ that follow from the table of commands, in scdoc's language. */
#include <string.h>

#include "cli/cli.h"

/* Underscores and asterisks mean emphasis to scdoc. */
static void print_escaped(const char *text, FILE *out)
{
	for (; *text; text++) {
		if (strchr("_*\\", *text))
			fputc('\\', out);
		fputc(*text, out);
	}
}

static void print_option(const struct bl_option *option, FILE *out)
{
	fputs("*", out);
	if (option->letter)
		fprintf(out, "-%c*, *", option->letter);
	fprintf(out, "--%s*", option->name);
	if (bl_option_takes_value(option)) {
		fputs(" _", out);
		for (const char *at = option->value; *at; at++)
			fputc(*at, out);
		fputs("_", out);
	}
	fputs("\n\t", out);
	print_escaped(option->help, out);
	if (option->type == BL_OPTION_INT)
		fprintf(out, " (%ld-%ld)", option->min, option->max);
	if (option->type == BL_OPTION_LIST || option->type == BL_OPTION_FILE)
		fputs(" (repeatable)", out);
	fputs("\n\n", out);
}

void bl_man_options(const struct bl_command *command, FILE *out)
{
	const struct bl_option *option;

	for (size_t i = 0; (option = bl_command_option(command, i)); i++)
		print_option(option, out);
}

static void print_command(const struct bl_command *command, FILE *out)
{
	fprintf(out, "## %s\n\n*beeline %s* ", command->name, command->name);
	fputs(bl_command_option(command, 0) ? "[_OPTION_]... " : "", out);
	print_escaped(command->args, out);
	fputs("\n\n", out);
	print_escaped(command->help, out);
	fputs("\n\n", out);
	if (command->details) {
		fputs("```\n", out);
		fputs(command->details, out);
		fputs("```\n\n", out);
	}
	bl_man_options(command, out);
}

void bl_man_commands(FILE *out)
{
	for (const struct bl_command *command = bl_commands; command->name; command++)
		print_command(command, out);
}
