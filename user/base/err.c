/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/err.h"

#include <assert.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

int bl_err_set(struct bl_err *err, int code, const char *format, ...)
{
	va_list args;
	int length;

	assert(code < 0);
	if (!err)
		return code;

	err->code = code;
	va_start(args, format);
	length = vsnprintf(err->text, sizeof(err->text), format, args);
	va_end(args);
	err->truncated = length < 0 || (size_t)length >= sizeof(err->text);
	return code;
}

int bl_err_wrap(struct bl_err *err, int code, const char *format, ...)
{
	char inner[BL_ERR_TEXT];
	va_list args;
	int length;

	assert(code < 0);
	if (!err)
		return code;

	err->code = code;
	memcpy(inner, err->text, sizeof(inner));
	va_start(args, format);
	length = vsnprintf(err->text, sizeof(err->text), format, args);
	va_end(args);
	if (length < 0 || (size_t)length >= sizeof(err->text)) {
		err->truncated = true;
		return code;
	}
	if (inner[0] == '\0')
		return code;
	int rest = snprintf(err->text + length, sizeof(err->text) - (size_t)length, ": %s", inner);
	if (rest < 0 || (size_t)rest >= sizeof(err->text) - (size_t)length)
		err->truncated = true;
	return code;
}

static void problem_done(struct bl_problem *problem)
{
	free(problem->file);
	free(problem->field);
	free(problem->text);
}

void bl_diag_clear(struct bl_diag *diag)
{
	for (size_t i = 0; i < diag->count; i++)
		problem_done(&diag->problems[i]);
	diag->count = 0;
	diag->error_count = 0;
	diag->warning_count = 0;
}

void bl_diag_done(struct bl_diag *diag)
{
	bl_diag_clear(diag);
	free(diag->problems);
	diag->problems = NULL;
}

/* Room for one more problem, zeroed, or NULL. Grows by doubling. */
static struct bl_problem *diag_slot(struct bl_diag *diag)
{
	if (diag->count >= diag->cap)
		return NULL;
	if ((diag->count & (diag->count - 1)) == 0) {
		size_t capacity = diag->count == 0 ? 1 : diag->count * 2;
		struct bl_problem *grown =
			reallocarray(diag->problems, capacity, sizeof(*diag->problems));
		if (!grown)
			return NULL;
		diag->problems = grown;
	}
	struct bl_problem *problem = &diag->problems[diag->count];
	memset(problem, 0, sizeof(*problem));
	return problem;
}

void bl_diag_add(struct bl_diag *diag, enum bl_severity severity, const struct bl_pos *pos,
		 const char *field, const char *format, ...)
{
	_cleanup_free_ char *text = NULL;
	va_list args;
	int length;

	if (severity == BL_SEVERITY_ERROR)
		diag->error_count++;
	else
		diag->warning_count++;

	va_start(args, format);
	length = vasprintf(&text, format, args);
	va_end(args);
	if (length < 0) {
		text = NULL;
		return;
	}

	struct bl_problem *problem = diag_slot(diag);
	if (!problem)
		return;
	problem->severity = severity;
	problem->text = TAKE_PTR(text);
	problem->field = field ? strdup(field) : NULL;
	if (pos) {
		problem->file = pos->file ? strdup(pos->file) : NULL;
		problem->line = pos->line;
		problem->column = pos->column;
	}
	diag->count++;
}

static void problem_print(const struct bl_problem *problem, FILE *out)
{
	if (problem->file)
		fprintf(out, "%s:", problem->file);
	if (problem->line > 0)
		fprintf(out, "%u:%u:", problem->line, problem->column);
	if (problem->file || problem->line > 0)
		fputc(' ', out);
	if (problem->severity == BL_SEVERITY_WARNING)
		fputs("warning: ", out);
	fprintf(out, "%s\n", problem->text);
}

void bl_diag_print(const struct bl_diag *diag, FILE *out)
{
	size_t total = diag->error_count + diag->warning_count;

	for (size_t i = 0; i < diag->count; i++)
		problem_print(&diag->problems[i], out);
	if (total > diag->count)
		fprintf(out, "and %zu more\n", total - diag->count);
}
