/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "base/cleanup.h"
#include "cli/cli.h"

#define COMMANDS_MAX 64

static const char *const group_titles[] = {
	[BL_GROUP_NODE] = "The node",
	[BL_GROUP_OBJECTS] = "Objects",
	[BL_GROUP_LOOK] = "Looking into it",
	[BL_GROUP_OTHER] = "Other",
};
_Static_assert(ARRAY_SIZE(group_titles) == BL_GROUP_COUNT, "every group has a title");

void bl_help_all(FILE *out)
{
	fprintf(out, "Kubernetes Services on a node with eBPF.\n\n"
		     "Usage: beeline COMMAND [OPTION]... [WORD]...\n");
	for (int group = 0; group < BL_GROUP_COUNT; group++) {
		bool titled = false;

		for (const struct bl_command *c = bl_commands; c->name; c++) {
			if (c->group != (enum bl_command_group)group)
				continue;
			if (!titled)
				fprintf(out, "\n%s:\n", group_titles[group]);
			titled = true;
			fprintf(out, "  %-11s %s\n", c->name, c->help);
		}
	}
	fprintf(out, "\n'beeline help COMMAND' explains one.\n");
}

static void print_option(const struct bl_option *option, FILE *out)
{
	char left[128];
	char letter[8] = "    ";
	bool value = bl_option_takes_value(option);

	if (option->letter)
		(void)snprintf(letter, sizeof(letter), "-%c, ", option->letter);
	(void)snprintf(left, sizeof(left), "%s--%s%s%s", letter, option->name, value ? " " : "",
		       value ? option->value : "");
	if (strlen(left) > 30)
		fprintf(out, "  %s\n  %-30s  %s", left, "", option->help);
	else
		fprintf(out, "  %-30s  %s", left, option->help);
	if (option->type == BL_OPTION_INT)
		fprintf(out, " (%ld-%ld)", option->min, option->max);
	if (option->type == BL_OPTION_LIST || option->type == BL_OPTION_FILE)
		fprintf(out, " (repeatable)");
	fputc('\n', out);
}

void bl_help_command(const struct bl_command *command, FILE *out)
{
	const struct bl_option *option;

	fprintf(out, "beeline %s: %s\n\nUsage: beeline %s%s%s%s\n", command->name, command->help,
		command->name, bl_command_option(command, 0) ? " [OPTION]..." : "",
		command->args[0] ? " " : "", command->args);
	if (command->details)
		fprintf(out, "\n%s", command->details);
	for (size_t i = 0; (option = bl_command_option(command, i)); i++) {
		if (i == 0)
			fprintf(out, "\nOptions:\n");
		print_option(option, out);
	}
	if (command->needs == BL_NEEDS_ROOT)
		fprintf(out, "\nNeeds root%s.\n",
			bl_option_find(command, "dry-run", 7) ? " unless --dry-run is given" : "");
	else if (command->needs == BL_NEEDS_AGENT)
		fprintf(out, "\nNeeds a running agent.\n");
}

void bl_help_unknown_command(const char *name, FILE *out)
{
	const char *names[COMMANDS_MAX + 1] = {NULL};
	const char *near;
	size_t count = 0;

	for (const struct bl_command *c = bl_commands; c->name && count < COMMANDS_MAX; c++)
		names[count++] = c->name;
	near = bl_suggest_word(name, names);
	fprintf(out, "beeline: unknown command '%s'", name);
	if (near)
		fprintf(out, " (did you mean '%s'?)", near);
	fprintf(out, "\nbeeline: the commands are");
	for (size_t i = 0; i < count; i++)
		fprintf(out, "%s %s", i ? "," : "", names[i]);
	fputc('\n', out);
}

int bl_cmd_help(struct bl_cli *cli)
{
	const struct bl_command *command;

	if (cli->args.word_count == 0) {
		bl_help_all(cli->out);
		return BL_EXIT_OK;
	}
	command = bl_command_find(cli->args.words[0]);
	if (!command) {
		bl_help_unknown_command(cli->args.words[0], cli->err);
		return BL_EXIT_USAGE;
	}
	bl_help_command(command, cli->out);
	return BL_EXIT_OK;
}
