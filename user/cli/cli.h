/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What every command gets, and the table of commands. A command is a function in a file of its own
 * (cmd_NAME.c); it prints results on standard output, errors on standard error, and returns a value
 * of enum bl_exit.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <stdio.h>

#include "base/exit.h"
#include "cli/options.h"

struct bl_client;

struct bl_cli {
	struct bl_args args;
	struct bl_client *client; /* made by the first bl_cli_client() */
	FILE *out;
	FILE *err;
};

extern const struct bl_command bl_commands[];
const struct bl_command *bl_command_find(const char *name);

/* Options that many commands share. */
extern const struct bl_option bl_client_options[]; /* of all that talk to the agent */
extern const struct bl_option bl_agent_options[];  /* of all that work on the node itself */

/* Runs a whole command line; argv[0] is skipped. */
int bl_cli_main(int argc, char *const *argv, FILE *out, FILE *err);

/* Prints an error and says how to exit: 5 for no agent, 4 for no permission, else 1. */
int bl_cli_fail(struct bl_cli *cli, int r, const struct bl_err *error);
/* A mistake of the person who typed: prints it with a pointer to the help; BL_EXIT_USAGE. */
int bl_cli_usage(struct bl_cli *cli, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* --socket, else BEELINE_SOCKET, else the usual place. */
const char *bl_cli_socket(const struct bl_cli *cli);
/* The client for --socket, BEELINE_SOCKET or the usual place; -ENOMEM. */
int bl_cli_client(struct bl_cli *cli, struct bl_client **ret, struct bl_err *err);

void bl_help_all(FILE *out);
void bl_help_command(const struct bl_command *command, FILE *out);
void bl_completion_bash(FILE *out);
/* The sections of the man pages that the table makes. */
void bl_man_commands(FILE *out);
void bl_man_options(const struct bl_command *command, FILE *out);
/* Names the command that was probably meant, and all there are. */
void bl_help_unknown_command(const char *name, FILE *out);

int bl_cmd_status(struct bl_cli *cli);
int bl_cmd_label(struct bl_cli *cli);
int bl_cmd_expose(struct bl_cli *cli);
int bl_cmd_env(struct bl_cli *cli);
int bl_cmd_resolv_conf(struct bl_cli *cli);
int bl_cmd_delete(struct bl_cli *cli);
int bl_cmd_create(struct bl_cli *cli);
int bl_cmd_apply(struct bl_cli *cli);
int bl_cmd_agent(struct bl_cli *cli);
int bl_cmd_annotate(struct bl_cli *cli);
int bl_cmd_describe(struct bl_cli *cli);
int bl_cmd_get(struct bl_cli *cli);
int bl_cmd_help(struct bl_cli *cli);
int bl_cmd_version(struct bl_cli *cli);
int bl_cmd_check(struct bl_cli *cli);
int bl_cmd_load(struct bl_cli *cli);
int bl_cmd_plan(struct bl_cli *cli);
int bl_cmd_unload(struct bl_cli *cli);
int bl_cmd_verify(struct bl_cli *cli);
int bl_cmd_completion(struct bl_cli *cli);

#endif
