/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"

static enum bl_log_level most_verbose = BL_LOG_INFO;

static const char *const level_names[] = {
	[BL_LOG_ERROR] = "error: ", [BL_LOG_WARNING] = "warning: ", [BL_LOG_NOTICE] = "",
	[BL_LOG_INFO] = "",         [BL_LOG_DEBUG] = "debug: ",
};

void bl_log_set_level(enum bl_log_level level)
{
	most_verbose = level;
}

void bl_log(enum bl_log_level level, const char *format, ...)
{
	_cleanup_free_ char *text = NULL;
	va_list args;
	int length;

	if (level > most_verbose)
		return;
	va_start(args, format);
	length = vasprintf(&text, format, args);
	va_end(args);
	if (length < 0) {
		text = NULL;
		return;
	}
	if (getenv("JOURNAL_STREAM"))
		fprintf(stderr, "<%d>%s\n", level, text);
	else
		fprintf(stderr, "beeline: %s%s\n", level_names[level], text);
}
