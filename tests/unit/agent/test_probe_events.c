/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <criterion/criterion.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "agent/probe_events.h"

/* "REASON MESSAGE xCOUNT" of an event of a pod, counted from the oldest. */
static const char *event_at(const struct bl_probe_events *events, const char *name, size_t at)
{
	static char text[512];
	struct json_object *list = bl_probe_events_json(events, "default", name), *event;

	(void)snprintf(text, sizeof(text), "none");
	if (at < json_object_array_length(list)) {
		event = json_object_array_get_idx(list, at);
		(void)snprintf(text, sizeof(text), "%s %s x%s",
			       json_object_get_string(json_object_object_get(event, "reason")),
			       json_object_get_string(json_object_object_get(event, "message")),
			       json_object_get_string(json_object_object_get(event, "count")));
	}
	json_object_put(list);
	return text;
}

static void add(struct bl_probe_events *events, const char *name, const char *message,
		int64_t now_s)
{
	bl_probe_events_add(events, "default", name, true, "Unhealthy", message, now_s);
}

Test(probe_events, the_same_thing_again_is_counted_and_comes_last)
{
	struct bl_probe_events events = {0};

	cr_assert_eq(bl_probe_events_init(&events), 0);
	add(&events, "a", "one", 10);
	add(&events, "a", "two", 20);
	add(&events, "a", "one", 30);
	add(&events, "b", "other", 40);
	cr_expect_str_eq(event_at(&events, "a", 0), "Unhealthy two x1");
	cr_expect_str_eq(event_at(&events, "a", 1), "Unhealthy one x2");
	cr_expect_str_eq(event_at(&events, "a", 2), "none");
	cr_expect_str_eq(event_at(&events, "b", 0), "Unhealthy other x1");
	bl_probe_events_forget(&events, "default", "a");
	cr_expect_str_eq(event_at(&events, "a", 0), "none");
	bl_probe_events_forget(&events, "default", "never");
	bl_probe_events_done(&events);
	cr_expect_null(events.pods);
}

Test(probe_events, of_many_the_latest_stay)
{
	struct bl_probe_events events = {0};
	char message[BL_PROBE_EVENT_TEXT + 100];

	cr_assert_eq(bl_probe_events_init(&events), 0);
	for (int i = 0; i < BL_PROBE_EVENTS_MAX + 3; i++) {
		(void)snprintf(message, sizeof(message), "m%d", i);
		add(&events, "a", message, i);
	}
	cr_expect_str_eq(event_at(&events, "a", 0), "Unhealthy m3 x1");
	cr_expect_str_eq(event_at(&events, "a", BL_PROBE_EVENTS_MAX - 1), "Unhealthy m12 x1");
	cr_expect_str_eq(event_at(&events, "a", BL_PROBE_EVENTS_MAX), "none");
	memset(message, 'x', sizeof(message) - 1);
	message[sizeof(message) - 1] = '\0';
	add(&events, "a", message, 99);
	cr_expect_eq(strlen(event_at(&events, "a", BL_PROBE_EVENTS_MAX - 1)),
		     strlen("Unhealthy  x1") + BL_PROBE_EVENT_TEXT - 1, "cut to what is kept");
	bl_probe_events_done(&events);
}
