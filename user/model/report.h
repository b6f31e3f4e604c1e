/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Problems of one object on their way to a bl_diag: each gets the object's name in front and, where
 * the text is known, the position of its field. Shared by decoding and validation.
 */
#ifndef MODEL_REPORT_H
#define MODEL_REPORT_H

#include "base/buf.h"
#include "base/err.h"
#include "model/tree.h"

#define BL_FIELD_TEXT 256 /* longer paths are cut */

struct bl_report {
	struct bl_diag *diag;
	const struct bl_document *document; /* NULL: no positions */
	const char *root;  /* path of the object in its document, "" or "items[3]" */
	char subject[384]; /* "service 'default/web'" */
	size_t errors;
	size_t first; /* index of the first one in `diag` */
};

/* Where in a struct one is; frames live on the stack of who walks. */
struct bl_path {
	const struct bl_path *parent;
	const char *name; /* NULL: `index` */
	size_t name_len;
	size_t index;
};
void bl_path_format(const struct bl_path *path, char ret[static BL_FIELD_TEXT]);

enum bl_place {
	BL_PLACE_VALUE,
	BL_PLACE_KEY,
};

/* "SUBJECT: TEXT" at the position of `field` (NULL: of the object). */
void bl_report_add(struct bl_report *report, enum bl_severity severity, enum bl_place place,
		   const char *field, const char *format, ...)
	__attribute__((format(printf, 5, 6)));
/* Does the text have this field, not null? False when there is no text. */
bool bl_report_has(const struct bl_report *report, const char *field);

/* Was something wrong with this field, or below it, already? */
bool bl_report_said(const struct bl_report *report, const char *field);

#endif
