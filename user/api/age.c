/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "api/age.h"

#include <inttypes.h>
#include <time.h>

#include "model/decode.h"

#define MINUTE 60
#define HOUR 3600
#define DAY 86400
#define YEAR (365 * (int64_t)DAY)

/* "3d4h", or "3d" when there is nothing left over. */
static void add_two(struct bl_buf *ret, int64_t big, char big_unit, int64_t small, char small_unit)
{
	bl_buf_addf(ret, "%" PRId64 "%c", big, big_unit);
	if (small)
		bl_buf_addf(ret, "%" PRId64 "%c", small, small_unit);
}

/* The steps are those of k8s.io/apimachinery/pkg/util/duration: the second unit is dropped where it
 * says little. */
void bl_duration_add(int64_t seconds, struct bl_buf *ret)
{
	if (seconds < -1)
		bl_buf_add_str(ret, "<invalid>");
	else if (seconds < 0)
		bl_buf_add_str(ret, "0s");
	else if (seconds < 2 * MINUTE)
		bl_buf_addf(ret, "%" PRId64 "s", seconds);
	else if (seconds < 10 * MINUTE)
		add_two(ret, seconds / MINUTE, 'm', seconds % MINUTE, 's');
	else if (seconds < 3 * HOUR)
		bl_buf_addf(ret, "%" PRId64 "m", seconds / MINUTE);
	else if (seconds < 8 * HOUR)
		add_two(ret, seconds / HOUR, 'h', seconds % HOUR / MINUTE, 'm');
	else if (seconds < 2 * DAY)
		bl_buf_addf(ret, "%" PRId64 "h", seconds / HOUR);
	else if (seconds < 8 * DAY)
		add_two(ret, seconds / DAY, 'd', seconds % DAY / HOUR, 'h');
	else if (seconds < 2 * YEAR)
		bl_buf_addf(ret, "%" PRId64 "d", seconds / DAY);
	else if (seconds < 8 * YEAR)
		add_two(ret, seconds / YEAR, 'y', seconds % YEAR / DAY, 'd');
	else
		bl_buf_addf(ret, "%" PRId64 "y", seconds / YEAR);
}

void bl_age_add(const char *since, int64_t now, struct bl_buf *ret)
{
	int64_t time;

	if (!since || bl_time_parse(since, &time) < 0)
		bl_buf_add_str(ret, "<unknown>");
	else
		bl_duration_add(now - time, ret);
}

void bl_time_add(const char *text, struct bl_buf *ret)
{
	char formatted[64];
	struct tm tm;
	int64_t time;
	time_t seconds;

	if (!text || bl_time_parse(text, &time) < 0) {
		bl_buf_add_str(ret, text ? text : "<unset>");
		return;
	}
	seconds = time;
	if (!localtime_r(&seconds, &tm) ||
	    strftime(formatted, sizeof(formatted), "%a, %d %b %Y %H:%M:%S %z", &tm) == 0)
		bl_buf_add_str(ret, text);
	else
		bl_buf_add_str(ret, formatted);
}
