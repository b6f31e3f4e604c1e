/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "model/decode.h"

/* Years of four digits. */
#define FIRST_SECOND (-62135596800) /* 0001-01-01T00:00:00Z */
#define LAST_SECOND 253402300799    /* 9999-12-31T23:59:59Z */

/* "Z" or "+01:00", seconds east of Greenwich. */
static int parse_zone(const char *text, int64_t *ret)
{
	int hours, minutes, length = 0;

	if (strcmp(text, "Z") == 0) {
		*ret = 0;
		return 0;
	}
	if ((text[0] != '+' && text[0] != '-') || strlen(text) != 6 ||
	    sscanf(text + 1, "%2d:%2d%n", &hours, &minutes, &length) != 2 || length != 5 ||
	    hours < 0 || hours > 23 || minutes < 0 || minutes > 59)
		return -EINVAL;
	*ret = (hours * 60 + minutes) * 60 * (text[0] == '-' ? -1 : 1);
	return 0;
}

int bl_time_parse(const char *text, int64_t *ret)
{
	struct tm tm = {0};
	const char *rest;
	int64_t east, seconds;

	if (strspn(text, "0123456789-") < 10)
		return -EINVAL;
	rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
	if (!rest || rest - text != 19)
		return -EINVAL;
	if (*rest == '.') {
		size_t digits = strspn(rest + 1, "0123456789");

		if (digits == 0)
			return -EINVAL;
		rest += digits + 1;
	}
	if (parse_zone(rest, &east) < 0)
		return -EINVAL;
	seconds = (int64_t)timegm(&tm) - east;
	if (seconds < FIRST_SECOND || seconds > LAST_SECOND)
		return -EINVAL;
	*ret = seconds;
	return 0;
}

const char *bl_time_format(int64_t time, char buffer[static BL_TIME_TEXT])
{
	time_t seconds = (time_t)time;
	struct tm tm;

	buffer[0] = '\0';
	if (gmtime_r(&seconds, &tm))
		(void)snprintf(buffer, BL_TIME_TEXT, "%04u-%02u-%02uT%02u:%02u:%02uZ",
			       (unsigned int)(tm.tm_year + 1900) % 10000u,
			       (unsigned int)(tm.tm_mon + 1) % 100u,
			       (unsigned int)tm.tm_mday % 100u, (unsigned int)tm.tm_hour % 100u,
			       (unsigned int)tm.tm_min % 100u, (unsigned int)tm.tm_sec % 100u);
	return buffer;
}
