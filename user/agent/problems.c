/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/problems.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "base/map.h"

struct line {
	char *text;
	enum bl_severity severity;
};

struct subject {
	char *name;
	struct line *lines;
	size_t count;
	int64_t since_s;
};

struct bl_problems {
	struct bl_map *subjects;
	size_t lines;
	size_t errors;
};

static struct subject *subject_free(struct subject *subject)
{
	if (!subject)
		return NULL;
	for (size_t i = 0; i < subject->count; i++)
		free(subject->lines[i].text);
	free(subject->lines);
	free(subject->name);
	free(subject);
	return NULL;
}
BL_DEFINE_CLEANUP(struct subject *, subject_free);

int bl_problems_new(struct bl_problems **ret)
{
	struct bl_problems *problems = calloc(1, sizeof(*problems));
	int r;

	if (!problems)
		return -ENOMEM;
	r = bl_map_new(&problems->subjects);
	if (r < 0) {
		free(problems);
		return r;
	}
	*ret = problems;
	return 0;
}

struct bl_problems *bl_problems_free(struct bl_problems *problems)
{
	size_t cursor = 0;
	void *subject;

	if (!problems)
		return NULL;
	while (bl_map_next(problems->subjects, &cursor, NULL, NULL, &subject))
		subject_free(subject);
	bl_map_free(problems->subjects);
	free(problems);
	return NULL;
}

static int subject_new(const char *name, size_t lines, struct subject **ret)
{
	_cleanup_(subject_free) struct subject *subject = calloc(1, sizeof(*subject));

	if (!subject)
		return -ENOMEM;
	subject->since_s = time(NULL);
	subject->name = strdup(name);
	subject->lines = calloc(lines, sizeof(*subject->lines));
	if (!subject->name || !subject->lines)
		return -ENOMEM;
	*ret = TAKE_PTR(subject);
	return 0;
}

/* A line of the log is one line, whatever a file's text put into the message. */
static int add_line(struct subject *subject, enum bl_severity severity, char *text)
{
	if (!text)
		return -ENOMEM;
	for (char *at = text; *at; at++)
		if ((unsigned char)*at < ' ')
			*at = ' ';
	subject->lines[subject->count++] = (struct line){text, severity};
	return 0;
}

static bool same_lines(const struct subject *a, const struct subject *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (a->lines[i].severity != b->lines[i].severity ||
		    strcmp(a->lines[i].text, b->lines[i].text))
			return false;
	return true;
}

static size_t errors_of(const struct subject *subject)
{
	size_t errors = 0;

	for (size_t i = 0; i < subject->count; i++)
		errors += subject->lines[i].severity == BL_SEVERITY_ERROR;
	return errors;
}

static struct subject *take_out(struct bl_problems *problems, const char *name)
{
	struct subject *subject = bl_map_remove_str(problems->subjects, name);

	if (subject) {
		problems->lines -= subject->count;
		problems->errors -= errors_of(subject);
	}
	return subject;
}

static void put_subject_take(struct bl_problems *problems, struct subject *fresh)
{
	_cleanup_(subject_free) struct subject *subject = fresh;
	const struct subject *old = bl_map_get_str(problems->subjects, subject->name);

	if (old && same_lines(old, subject))
		return;
	for (size_t i = 0; i < subject->count; i++)
		bl_log(subject->lines[i].severity == BL_SEVERITY_ERROR ? BL_LOG_ERROR
								       : BL_LOG_WARNING,
		       "%s", subject->lines[i].text);
	subject_free(take_out(problems, subject->name));
	if (bl_map_count(problems->subjects) >= BL_PROBLEM_SUBJECTS_MAX ||
	    bl_map_put_str(problems->subjects, subject->name, subject, NULL) < 0)
		return; /* it has been logged */
	problems->lines += subject->count;
	problems->errors += errors_of(subject);
	(void)TAKE_PTR(subject); /* the map has it */
}

void bl_problems_set(struct bl_problems *problems, const char *name, enum bl_severity severity,
		     const char *format, ...)
{
	_cleanup_(subject_free) struct subject *subject = NULL;
	char *text = NULL;
	va_list args;
	int r;

	va_start(args, format);
	r = vasprintf(&text, format, args);
	va_end(args);
	if (r < 0 || subject_new(name, 1, &subject) < 0) {
		bl_log(BL_LOG_ERROR, "%s: no memory to note a problem", name);
		if (r >= 0)
			free(text);
		return;
	}
	(void)add_line(subject, severity, text);
	put_subject_take(problems, TAKE_PTR(subject));
}

static char *line_of(const struct bl_problem *problem)
{
	const char *words = problem->text ? problem->text : "no memory for the words";
	char *text;
	int r;

	if (problem->file && problem->line)
		r = asprintf(&text, "%s:%u:%u: %s", problem->file, problem->line, problem->column,
			     words);
	else
		r = asprintf(&text, "%s%s%s", problem->file ? problem->file : "",
			     problem->file ? ": " : "", words);
	return r < 0 ? NULL : text;
}

void bl_problems_set_diag(struct bl_problems *problems, const char *name,
			  const struct bl_diag *diag)
{
	_cleanup_(subject_free) struct subject *subject = NULL;
	size_t total = diag->error_count + diag->warning_count;
	int r;

	if (!total) {
		bl_problems_clear(problems, name);
		return;
	}
	r = subject_new(name, diag->count + 1, &subject);
	for (size_t i = 0; r >= 0 && i < diag->count; i++)
		r = add_line(subject, diag->problems[i].severity, line_of(&diag->problems[i]));
	if (r >= 0 && total > diag->count) {
		char *text;

		if (asprintf(&text, "%s: %zu more problems", name, total - diag->count) < 0)
			text = NULL;
		r = add_line(subject, BL_SEVERITY_ERROR, text);
	}
	if (r < 0) {
		bl_log(BL_LOG_ERROR, "%s: %zu problems, and no memory to list them", name, total);
		return;
	}
	put_subject_take(problems, TAKE_PTR(subject));
}

void bl_problems_clear(struct bl_problems *problems, const char *name)
{
	_cleanup_(subject_free) struct subject *subject = take_out(problems, name);

	if (subject && errors_of(subject))
		bl_log(BL_LOG_NOTICE, "%s: all is well again", subject->name);
}

size_t bl_problems_count(const struct bl_problems *problems)
{
	return problems->lines;
}

size_t bl_problems_errors(const struct bl_problems *problems)
{
	return problems->errors;
}

static int by_name(const void *a, const void *b)
{
	return strcmp((*(const struct subject *const *)a)->name,
		      (*(const struct subject *const *)b)->name);
}

int bl_problems_list(const struct bl_problems *problems, size_t max,
		     struct bl_problem_line **ret_lines, size_t *ret_count)
{
	size_t subject_count = bl_map_count(problems->subjects), cursor = 0, used = 0;
	_cleanup_free_ const struct subject **subjects =
		calloc(subject_count + 1, sizeof(struct subject *));
	struct bl_problem_line *lines = calloc(max + 1, sizeof(*lines));
	void *value;

	if (!subjects || !lines) {
		free(lines);
		return -ENOMEM;
	}
	for (size_t i = 0; bl_map_next(problems->subjects, &cursor, NULL, NULL, &value); i++)
		subjects[i] = value;
	qsort(subjects, subject_count, sizeof(*subjects), by_name);
	for (size_t i = 0; i < subject_count; i++)
		for (size_t k = 0; k < subjects[i]->count && used < max; k++)
			lines[used++] = (struct bl_problem_line){
				.subject = subjects[i]->name,
				.text = subjects[i]->lines[k].text,
				.severity = subjects[i]->lines[k].severity,
				.since_s = subjects[i]->since_s,
			};
	*ret_lines = lines;
	*ret_count = used;
	return 0;
}
