/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The log of the agent and the commands; libraries do not log. One complete line an event, on
 * standard error, with the journal's "<N>" priority when JOURNAL_STREAM says that a journal reads
 * it and the level's name otherwise.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

enum bl_log_level {
	BL_LOG_ERROR = 3, /* numbers of syslog(3) */
	BL_LOG_WARNING = 4,
	BL_LOG_NOTICE = 5,
	BL_LOG_INFO = 6,
	BL_LOG_DEBUG = 7,
};

void bl_log_set_level(enum bl_log_level level); /* BL_LOG_INFO unless set */
void bl_log(enum bl_log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
