/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Columns of Event. */
#include <inttypes.h>
#include <string.h>

#include "api/age.h"
#include "api/columns.h"

/* Events of events.k8s.io know the first time alone, and a series when there is one. */
static const char *first_time(struct json_object *object)
{
	const char *first = bl_json_str(object, "firstTimestamp");

	return first ? first : bl_json_str(object, "eventTime");
}

static const char *last_time(struct json_object *object)
{
	const char *last = bl_json_str(object, "series.lastObservedTime");

	if (!last)
		last = bl_json_str(object, "lastTimestamp");
	return last ? last : first_time(object);
}

static int64_t count_of(struct json_object *object)
{
	return bl_json_int(object, "series.count", bl_json_int(object, "count", 1));
}

static void event_last_seen(struct json_object *object, const struct bl_view *view,
			    struct bl_buf *ret)
{
	int64_t count = count_of(object);

	bl_age_add(last_time(object), view->now, ret);
	if (count <= 1)
		return;
	bl_buf_addf(ret, " (x%" PRId64 " over ", count);
	bl_age_add(first_time(object), view->now, ret);
	bl_buf_add_str(ret, ")");
}

static void event_type(struct json_object *object, const struct bl_view *view, struct bl_buf *ret)
{
	(void)view;
	bl_buf_add_str(ret, bl_json_str_or(object, "type", ""));
}

static void event_reason(struct json_object *object, const struct bl_view *view, struct bl_buf *ret)
{
	(void)view;
	bl_buf_add_str(ret, bl_json_str_or(object, "reason", ""));
}

/* "pod/web-1" */
static void event_object(struct json_object *object, const struct bl_view *view, struct bl_buf *ret)
{
	const char *kind = bl_json_str_or(object, "involvedObject.kind", "");

	(void)view;
	for (; *kind; kind++) {
		char lower = (char)(*kind | 0x20);

		bl_buf_add(ret, &lower, 1);
	}
	bl_buf_addf(ret, "/%s", bl_json_str_or(object, "involvedObject.name", ""));
}

static void event_part(struct json_object *object, const struct bl_view *view, struct bl_buf *ret)
{
	(void)view;
	bl_buf_add_str(ret, bl_json_str_or(object, "involvedObject.fieldPath", ""));
}

static void event_source(struct json_object *object, const struct bl_view *view, struct bl_buf *ret)
{
	const char *host = bl_json_str_or(object, "source.host", NULL);

	(void)view;
	bl_buf_add_str(ret, bl_json_str_or(object, "source.component",
					   bl_json_str_or(object, "reportingComponent", "")));
	if (host)
		bl_buf_addf(ret, ", %s", host);
}

static void event_message(struct json_object *object, const struct bl_view *view,
			  struct bl_buf *ret)
{
	(void)view;
	bl_buf_add_str(ret, bl_json_str_or(object, "message", ""));
}

static void event_first_seen(struct json_object *object, const struct bl_view *view,
			     struct bl_buf *ret)
{
	bl_age_add(first_time(object), view->now, ret);
}

static void event_count(struct json_object *object, const struct bl_view *view, struct bl_buf *ret)
{
	(void)view;
	bl_buf_addf(ret, "%" PRId64, count_of(object));
}

const struct bl_column bl_columns_event[] = {
	{"Last Seen", false, event_last_seen},
	{"Type", false, event_type},
	{"Reason", false, event_reason},
	{"Object", false, event_object},
	{"Subobject", true, event_part},
	{"Source", true, event_source},
	{"Message", false, event_message},
	{"First Seen", true, event_first_seen},
	{"Count", true, event_count},
	{"Name", true, bl_column_name},
	{NULL},
};
