/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table of commands and of their options: help, man page and completion follow from it. */
#include <string.h>

#include "cli/cli.h"

const struct bl_option bl_client_options[] = {
	{"socket", 's', BL_OPTION_STRING, "PATH",
	 "socket of the agent (BEELINE_SOCKET, /run/beeline.sock)"},
	{NULL},
};

static const struct bl_option version_options[] = {
	{"client", 0, BL_OPTION_FLAG, NULL, "do not ask the agent for its version"},
	{NULL},
};

const struct bl_command bl_commands[] = {
	{
		.name = "version",
		.args = "",
		.help = "print the version of this program and of the agent",
		.group = BL_GROUP_OTHER,
		.tables = {version_options, bl_client_options},
		.run = bl_cmd_version,
	},
	{
		.name = "completion",
		.args = "bash",
		.help = "print what makes the shell complete beeline's command lines",
		.details = "Put this into ~/.bashrc:\n"
			   "    source <(beeline completion bash)\n",
		.group = BL_GROUP_OTHER,
		.words = BL_WORDS_SHELLS,
		.words_min = 1,
		.words_max = 1,
		.run = bl_cmd_completion,
	},
	{
		.name = "help",
		.args = "[COMMAND]",
		.help = "list the commands, or explain one",
		.group = BL_GROUP_OTHER,
		.words = BL_WORDS_COMMANDS,
		.words_max = 1,
		.run = bl_cmd_help,
	},
	{NULL},
};

const struct bl_command *bl_command_find(const char *name)
{
	for (const struct bl_command *command = bl_commands; command->name; command++) {
		if (strcmp(command->name, name) == 0)
			return command;
	}
	return NULL;
}
