/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Shell completion. The script holds the tables; only names of objects are asked of the agent. */
#include <string.h>

#include "cli/cli.h"

static const char types[] = "services svc pods po endpoints ep endpointslices nodes no namespaces "
			    "ns all";

static void print_commands(FILE *out)
{
	for (const struct bl_command *c = bl_commands; c->name; c++)
		fprintf(out, "%s%s", c == bl_commands ? "" : " ", c->name);
}

static void print_options(const struct bl_command *command, FILE *out)
{
	const struct bl_option *option;

	for (size_t i = 0; (option = bl_command_option(command, i)); i++)
		fprintf(out, "--%s%s ", option->name, bl_option_takes_value(option) ? "=" : "");
	fprintf(out, "--help");
}

/* "--output|-o" as a pattern of the shell's case. */
static void print_pattern(const struct bl_command *command, const struct bl_option *option,
			  FILE *out)
{
	fprintf(out, "\t%s:--%s", command->name, option->name);
	if (option->letter)
		fprintf(out, "|%s:-%c", command->name, option->letter);
	fprintf(out, ") ");
}

static void print_value(const struct bl_command *command, const struct bl_option *option, FILE *out)
{
	print_pattern(command, option, out);
	if (option->type == BL_OPTION_ENUM) {
		fprintf(out, "words=\"");
		for (const char *at = option->value; *at; at++)
			fputc(*at == '|' ? ' ' : *at, out);
		fprintf(out, "\" ;;\n");
	} else if (strcmp(option->name, "namespace") == 0) {
		fprintf(out, "words=$(_beeline_names namespaces) ;;\n");
	} else if (option->type == BL_OPTION_FILE || strcmp(option->value, "PATH") == 0 ||
		   strcmp(option->value, "DIR") == 0) {
		fprintf(out, "COMPREPLY=($(compgen -f -- \"$cur\")); return ;;\n");
	} else {
		fprintf(out, "return ;;\n");
	}
}

static void print_values(FILE *out)
{
	for (const struct bl_command *c = bl_commands; c->name; c++) {
		const struct bl_option *option;

		for (size_t i = 0; (option = bl_command_option(c, i)); i++) {
			if (bl_option_takes_value(option))
				print_value(c, option, out);
		}
	}
}

static void print_words(FILE *out)
{
	for (const struct bl_command *c = bl_commands; c->name; c++) {
		switch (c->words) {
		case BL_WORDS_RESOURCES:
			fprintf(out, "\t%s) words=$(_beeline_resources) ;;\n", c->name);
			break;
		case BL_WORDS_COMMANDS:
			fprintf(out, "\t%s) words=\"", c->name);
			print_commands(out);
			fprintf(out, "\" ;;\n");
			break;
		case BL_WORDS_SHELLS:
			fprintf(out, "\t%s) words=bash ;;\n", c->name);
			break;
		case BL_WORDS_NONE:
			break;
		}
	}
}

static void print_functions(FILE *out)
{
	fprintf(out,
		"# bash completion for beeline; made by 'beeline completion bash'\n"
		"_beeline_names() {\n"
		"\tlocal i pass=()\n"
		"\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
		"\t\tcase ${COMP_WORDS[i]} in\n"
		"\t\t-n|--namespace|-s|--socket)\n"
		"\t\t\tif [[ ${COMP_WORDS[i+1]} == = ]]; then\n"
		"\t\t\t\tpass+=(\"${COMP_WORDS[i]}=${COMP_WORDS[i+2]}\")\n"
		"\t\t\telse\n"
		"\t\t\t\tpass+=(\"${COMP_WORDS[i]}\" \"${COMP_WORDS[i+1]}\")\n"
		"\t\t\tfi ;;\n"
		"\t\tesac\n"
		"\tdone\n"
		"\tbeeline get \"$1\" -o name \"${pass[@]}\" 2>/dev/null | sed 's,^[^/]*/,,'\n"
		"}\n"
		"_beeline_resources() {\n"
		"\tlocal i words=0 type=\n"
		"\tfor ((i = 2; i < COMP_CWORD; i++)); do\n"
		"\t\tcase ${COMP_WORDS[i]} in\n"
		"\t\t-n|-s|-o|-l|-f|--namespace|--socket|--output|--selector|--filename) ((i++)) "
		";;\n"
		"\t\t-*|=) ;;\n"
		"\t\t*) [[ -z $type ]] && type=${COMP_WORDS[i]} ;;\n"
		"\t\tesac\n"
		"\tdone\n"
		"\tif [[ -z $type ]]; then echo \"%s\"; else _beeline_names \"$type\"; fi\n"
		"}\n",
		types);
}

void bl_completion_bash(FILE *out)
{
	print_functions(out);
	fprintf(out, "_beeline() {\n"
		     "\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
		     "\tlocal command=${COMP_WORDS[1]} words=\n"
		     "\tCOMPREPLY=()\n"
		     "\tif [[ $COMP_CWORD -eq 1 ]]; then\n\t\twords=\"");
	print_commands(out);
	fprintf(out, "\"\n"
		     "\t\tCOMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
		     "\t\treturn\n"
		     "\tfi\n"
		     "\tif [[ $cur == = ]]; then cur=; "
		     "elif [[ $prev == = ]]; then prev=${COMP_WORDS[COMP_CWORD-2]}; fi\n"
		     "\tcase $command:$prev in\n");
	print_values(out);
	fprintf(out, "\t*)\n"
		     "\t\tcase $cur in\n"
		     "\t\t-*)\n"
		     "\t\t\tcase $command in\n");
	for (const struct bl_command *c = bl_commands; c->name; c++) {
		fprintf(out, "\t\t\t%s) words=\"", c->name);
		print_options(c, out);
		fprintf(out, "\" ;;\n");
	}
	fprintf(out, "\t\t\tesac\n"
		     "\t\t\tCOMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
		     "\t\t\t[[ ${COMPREPLY[0]} == *= ]] && compopt -o nospace\n"
		     "\t\t\treturn ;;\n"
		     "\t\tesac\n"
		     "\t\tcase $command in\n");
	print_words(out);
	fprintf(out, "\t\tesac ;;\n"
		     "\tesac\n"
		     "\tCOMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
		     "}\n"
		     "complete -F _beeline beeline\n");
}

int bl_cmd_completion(struct bl_cli *cli)
{
	if (strcmp(cli->args.words[0], "bash") != 0)
		return bl_cli_usage(cli, "no completion for '%s': expected 'bash'",
				    cli->args.words[0]);
	bl_completion_bash(cli->out);
	return BL_EXIT_OK;
}
