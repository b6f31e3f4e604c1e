/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Objects on standard output, in the forms of -o. */
#ifndef CLI_PRINT_H
#define CLI_PRINT_H

#include <stdio.h>

#include "api/columns.h"
#include "cli/grid.h"
#include "cli/resource.h"

enum bl_form {
	BL_FORM_TABLE,
	BL_FORM_WIDE,
	BL_FORM_NAME,
	BL_FORM_JSON,
	BL_FORM_YAML,
};
/* The words of -o, in the order of the enum; the first has none. */
#define BL_FORM_WORDS "wide|name|json|yaml"
/* NULL is the table. */
enum bl_form bl_form_of(const char *word);

struct bl_printer {
	enum bl_form form;
	bool heads;      /* print the line of heads, once */
	bool namespaces; /* a column for the namespace */
	bool labels;     /* a column for the labels */
	bool with_kind;  /* "service/web" */
	int64_t now;
	struct json_object *live; /* owned; open connections by address, NULL: not known */
	FILE *out;
	struct bl_grid grid; /* of the kind below */
	enum bl_kind kind;
	bool started; /* something was printed already */
};

void bl_printer_done(struct bl_printer *printer);
static inline void bl_printer_done_p(struct bl_printer *printer)
{
	bl_printer_done(printer);
}

/* A whole result: tables by kind with an empty line between them, or one document. */
int bl_print_found(struct bl_printer *printer, const struct bl_found_list *found, bool as_list);
/* One more object, as a watch brings it. */
int bl_print_one(struct bl_printer *printer, const struct bl_found *found);
/* A tree as it is, pretty. */
int bl_print_json(struct json_object *json, FILE *out);
int bl_print_yaml(struct json_object *json, FILE *out);

#endif
