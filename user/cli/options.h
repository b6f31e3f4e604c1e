/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Commands and their options as rows, and the one parser for them. A row says the type of an
 * option; the parser checks it, so that a command reads values that are good already. Help, man
 * page and completion are made from the same rows.
 *
 * Values borrow from argv, or from what bl_args_add_file() read. Options may stand before, between
 * and after the words; "--" ends them.
 */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include "base/arena.h"
#include "base/err.h"

enum bl_option_type {
	BL_OPTION_FLAG, /* also --name=true and --name=false */
	BL_OPTION_STRING,
	BL_OPTION_LIST, /* may be given several times */
	BL_OPTION_INT,  /* min..max of the row */
	BL_OPTION_ENUM, /* one of `value`, which lists them as "a|b|c" */
	BL_OPTION_FILE, /* a list of strings that completion completes as paths */
};

struct bl_option {
	const char *name; /* without the dashes; NULL ends a table */
	char letter;      /* 0: none */
	enum bl_option_type type;
	const char *value; /* what help shows after the name, or the words of an enum */
	const char *help;
	long min, max; /* of BL_OPTION_INT */
};

enum bl_need {
	BL_NEEDS_NOTHING,
	BL_NEEDS_AGENT, /* talks to the agent's socket */
	BL_NEEDS_ROOT,  /* unless --dry-run is given */
};

enum bl_command_group {
	BL_GROUP_NODE,
	BL_GROUP_OBJECTS,
	BL_GROUP_LOOK,
	BL_GROUP_OTHER,
	BL_GROUP_COUNT,
};

/* What completion offers for a command's words. */
enum bl_words {
	BL_WORDS_NONE,
	BL_WORDS_RESOURCES, /* a type, then names of it */
	BL_WORDS_COMMANDS,
	BL_WORDS_SHELLS,
};

struct bl_cli;

#define BL_OPTION_TABLES 4

struct bl_command {
	const char *name;    /* NULL ends the table */
	const char *args;    /* the words after the options, for help */
	const char *help;    /* one line */
	const char *details; /* more lines, for "help COMMAND"; NULL: none */
	enum bl_command_group group;
	enum bl_need needs;
	enum bl_words words;
	size_t words_min, words_max;
	const struct bl_option *tables[BL_OPTION_TABLES]; /* the rest is NULL */
	int (*run)(struct bl_cli *cli);                   /* enum bl_exit */
};

#define BL_OPTIONS_MAX 64 /* options of one command */

struct bl_value {
	const struct bl_option *option;
	const char **items; /* owned array of borrowed strings */
	size_t count;
	long number; /* of BL_OPTION_INT; of BL_OPTION_FLAG 0 or 1 */
	bool given;  /* also as --name=false */
};

struct bl_args {
	const struct bl_command *command;
	struct bl_value values[BL_OPTIONS_MAX];
	size_t value_count;
	const char **words; /* owned array of borrowed strings */
	size_t word_count;
	bool help;                /* --help or -h was given: nothing else was checked */
	struct bl_arena *strings; /* owned: values that are not from argv; NULL: none */
};

/* Parses what follows the command's name. -EINVAL with the reason, -ENOMEM. */
int bl_args_parse(const struct bl_command *command, int argc, char *const *argv,
		  struct bl_args *ret, struct bl_err *err);
/*
 * Gives the options that the command line left alone the values of a file: a YAML mapping from long
 * names to values, with a list where an option may be given several times. Options of another
 * command of the table are left alone, so that one file serves all. Every problem goes to `diag`
 * with its place. -EINVAL, -ENOMEM, or why the file cannot be read.
 */
int bl_args_add_file(struct bl_args *args, const char *path, struct bl_diag *diag);
/* Checks one value as the command line does, and takes it. `text` NULL: a flag without a value. */
int bl_args_set(struct bl_args *args, const struct bl_option *option, const char *text,
		struct bl_err *err);
void bl_args_done(struct bl_args *args);
static inline void bl_args_done_p(struct bl_args *args)
{
	bl_args_done(args);
}

/* The option must be in the command's tables. The last value given, or NULL. */
const char *bl_arg(const struct bl_args *args, const char *name);
const struct bl_value *bl_arg_list(const struct bl_args *args, const char *name);
bool bl_arg_flag(const struct bl_args *args, const char *name);
long bl_arg_int(const struct bl_args *args, const char *name, long fallback);
/* Has the command such an option, and was it given? */
bool bl_arg_given(const struct bl_args *args, const char *name);

/* The row of a long name of `len` bytes, or of a letter; NULL when the command has none. */
const struct bl_option *bl_option_find(const struct bl_command *command, const char *name,
				       size_t len);
const struct bl_option *bl_option_find_letter(const struct bl_command *command, char letter);
static inline bool bl_option_takes_value(const struct bl_option *option)
{
	return option->type != BL_OPTION_FLAG;
}
/* The index-th option of all tables, NULL at the end. */
const struct bl_option *bl_command_option(const struct bl_command *command, size_t index);

/* The word of `words` (ended by NULL) nearest to `word` when it is near enough for a slip of the
 * fingers, else NULL. */
const char *bl_suggest_word(const char *word, const char *const *words);

#endif
