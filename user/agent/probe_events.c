/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/probe_events.h"

#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "agent/rest.h"

struct event {
	bool warning;
	char reason[32];
	char message[BL_PROBE_EVENT_TEXT];
	int64_t first_s, last_s;
	uint32_t count;
};

struct history {
	struct event items[BL_PROBE_EVENTS_MAX]; /* oldest first */
	size_t count;
};

int bl_probe_events_init(struct bl_probe_events *events)
{
	return bl_map_new(&events->pods);
}

void bl_probe_events_done(struct bl_probe_events *events)
{
	size_t cursor = 0;
	void *history;

	while (events->pods && bl_map_next(events->pods, &cursor, NULL, NULL, &history))
		free(history);
	events->pods = bl_map_free(events->pods);
}

static const char *key_of(const char *ns, const char *name, char buffer[static 600])
{
	(void)snprintf(buffer, 600, "%s/%s", ns, name);
	return buffer;
}

static struct event *find(struct history *history, const char *reason, const char *message)
{
	for (size_t i = 0; i < history->count; i++)
		if (!strcmp(history->items[i].reason, reason) &&
		    !strcmp(history->items[i].message, message))
			return &history->items[i];
	return NULL;
}

/* The event becomes the last of its list. */
static void move_to_end(struct history *history, struct event *event)
{
	struct event *last = &history->items[history->count - 1];
	struct event moved = *event;

	memmove(event, event + 1, (size_t)(last - event) * sizeof(*event));
	*last = moved;
}

void bl_probe_events_add(struct bl_probe_events *events, const char *ns, const char *name,
			 bool warning, const char *reason, const char *message, int64_t now_s)
{
	char key[600];
	struct history *history = bl_map_get_str(events->pods, key_of(ns, name, key));
	struct event *event;

	if (!history) {
		history = calloc(1, sizeof(*history));
		if (!history || bl_map_put_str(events->pods, key, history, NULL) < 0) {
			free(history);
			return;
		}
	}
	event = find(history, reason, message);
	if (!event && history->count < BL_PROBE_EVENTS_MAX)
		event = &history->items[history->count++];
	if (!event)
		event = &history->items[0]; /* the oldest goes */
	if (!event->count || strcmp(event->reason, reason) || strcmp(event->message, message)) {
		*event = (struct event){.first_s = now_s};
		(void)snprintf(event->reason, sizeof(event->reason), "%s", reason);
		(void)snprintf(event->message, sizeof(event->message), "%s", message);
	}
	event->warning = warning;
	event->last_s = now_s;
	event->count++;
	move_to_end(history, event);
}

void bl_probe_events_forget(struct bl_probe_events *events, const char *ns, const char *name)
{
	char key[600];

	free(bl_map_remove_str(events->pods, key_of(ns, name, key)));
}

struct json_object *bl_probe_events_json(const struct bl_probe_events *events, const char *ns,
					 const char *name)
{
	char key[600];
	const struct history *history = bl_map_get_str(events->pods, key_of(ns, name, key));
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; history && i < history->count; i++) {
		const struct event *event = &history->items[i];
		struct json_object *json = json_object_new_object();

		json_object_object_add(
			json, "type",
			json_object_new_string(event->warning ? "Warning" : "Normal"));
		json_object_object_add(json, "reason", json_object_new_string(event->reason));
		json_object_object_add(json, "message", json_object_new_string(event->message));
		json_object_object_add(json, "count", json_object_new_int64(event->count));
		json_object_object_add(json, "firstTimestamp", bl_rest_time(event->first_s));
		json_object_object_add(json, "lastTimestamp", bl_rest_time(event->last_s));
		json_object_array_add(list, json);
	}
	return list;
}
