/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "model/report.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"

static void add_path(const struct bl_path *path, struct bl_buf *ret)
{
	if (path->parent)
		add_path(path->parent, ret);
	if (path->name) {
		if (ret->len > 0)
			bl_buf_add_str(ret, ".");
		bl_buf_add(ret, path->name, path->name_len);
	} else {
		bl_buf_addf(ret, "[%zu]", path->index);
	}
}

void bl_path_format(const struct bl_path *path, char ret[static BL_FIELD_TEXT])
{
	_cleanup_(bl_buf_done) struct bl_buf buf = {0};

	if (path)
		add_path(path, &buf);
	(void)snprintf(ret, BL_FIELD_TEXT, "%s", buf.data ? buf.data : "");
}

static bool locate(const struct bl_report *report, enum bl_place place, const char *field,
		   struct bl_pos *ret)
{
	_cleanup_free_ char *path = NULL;

	*ret = (struct bl_pos){0};
	if (!report->document)
		return false;
	if (asprintf(&path, "%s%s%s", report->root, report->root[0] ? "." : "",
		     field ? field : "") < 0) {
		path = NULL;
		return false;
	}
	return bl_document_locate(report->document, path, place == BL_PLACE_KEY, ret);
}

void bl_report_add(struct bl_report *report, enum bl_severity severity, enum bl_place place,
		   const char *field, const char *format, ...)
{
	_cleanup_free_ char *text = NULL;
	struct bl_pos pos;
	va_list args;
	int length;

	if (severity == BL_SEVERITY_ERROR && report->errors++ == 0)
		report->first = report->diag->count;
	va_start(args, format);
	length = vasprintf(&text, format, args);
	va_end(args);
	if (length < 0)
		text = NULL;
	/* Looking for the place costs a walk: not for problems that nobody will see. */
	if (report->diag->count < report->diag->cap)
		(void)locate(report, place, field, &pos);
	else
		pos = (struct bl_pos){0};
	bl_diag_add(report->diag, severity, &pos, field, "%s%s%s", report->subject,
		    report->subject[0] ? ": " : "", text ? text : "out of memory");
}

bool bl_report_has(const struct bl_report *report, const char *field)
{
	struct bl_pos pos;

	return locate(report, BL_PLACE_VALUE, field, &pos);
}

bool bl_report_said(const struct bl_report *report, const char *field)
{
	size_t len = strlen(field);

	for (size_t i = report->first; report->errors > 0 && i < report->diag->count; i++) {
		const char *other = report->diag->problems[i].field;

		if (other && strncmp(other, field, len) == 0 &&
		    (other[len] == '\0' || other[len] == '.' || other[len] == '['))
			return true;
	}
	return false;
}
