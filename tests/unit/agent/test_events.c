/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <criterion/criterion.h>
#include <errno.h>
#include <json-c/json.h>
#include <string.h>

#include "agent/events.h"
#include "api/json.h"
#include "fixture.h"

struct state {
	struct bl_store *store;
	struct bl_watches *watches;
	struct bl_events *events;
};

static void setup(struct state *state)
{
	cr_assert_eq(bl_store_new(&state->store), 0);
	bl_store_set_version(state->store, 100);
	cr_assert_eq(bl_watches_new(state->store, &state->watches), 0);
	cr_assert_eq(bl_events_new(state->store, state->watches, &state->events), 0);
}

static void done(struct state *state)
{
	bl_events_free(state->events);
	bl_watches_free(state->watches);
	bl_store_free(state->store);
}

static void put(struct state *state, const char *ns, const char *name, int64_t now_s)
{
	struct json_object *json = json_object_new_object(), *meta;

	meta = bl_json_add_object(json, "metadata");
	bl_json_set_str(meta, "name", name);
	bl_json_set_str(meta, "namespace", ns);
	bl_events_put(state->events, json, now_s);
}

static struct bl_watcher *open_watcher(struct state *state)
{
	struct bl_watch_request request = {.kind = BL_WATCH_EVENTS, .from_now = true};
	struct bl_watcher *watcher = NULL;

	cr_assert_eq(bl_selector_parse(NULL, NULL, bl_selector_fields(BL_KIND_POD),
				       &request.selector, NULL),
		     0);
	cr_assert_eq(bl_watcher_open(state->watches, &request, &watcher), 0);
	return watcher;
}

/* "ADDED a@101;" of what can be read now. */
static const char *read_all(struct bl_watcher *watcher)
{
	static char text[4096];
	struct bl_buf buf = {0};
	size_t used = 0;

	while (bl_watcher_read(watcher, &buf, 1u << 20) > 0)
		;
	text[0] = '\0';
	for (char *line = buf.data ? strtok(buf.data, "\n") : NULL; line;
	     line = strtok(NULL, "\n")) {
		struct json_object *json = json_tokener_parse(line);

		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s %s@%s;",
					 bl_json_str(json, "type"),
					 bl_json_str(json, "object.metadata.name"),
					 bl_json_str(json, "object.metadata.resourceVersion"));
		json_object_put(json);
	}
	bl_buf_done(&buf);
	return text;
}

Test(events, come_change_and_go_with_versions_of_the_store)
{
	struct state state;
	struct bl_watcher *watcher;

	setup(&state);
	watcher = open_watcher(&state);
	put(&state, "a", "x", 0);
	put(&state, "a", "y", 0);
	put(&state, "a", "x", 1);
	cr_expect_eq(bl_events_count(state.events), 2);
	cr_expect_str_eq(bl_json_str(bl_events_at(state.events, 1), "metadata.name"), "x");
	cr_expect_null(bl_events_find(state.events, "b", "x"));
	cr_expect_eq(bl_events_remove(state.events, "b", "x"), -ENOENT);
	cr_expect_eq(bl_events_remove(state.events, "a", "x"), 0);
	cr_expect_str_eq(read_all(watcher),
			 "ADDED x@101;ADDED y@102;MODIFIED x@103;DELETED x@104;");
	cr_expect_eq(bl_store_version(state.store), 104);
	bl_watcher_close(watcher);
	done(&state);
}

Test(events, a_watch_goes_on_from_a_version_until_something_went_unseen)
{
	static const struct {
		uint64_t version;
		int result;
		const char *told;
	} rows[] = {
		{0, 0, "ADDED z@102;ADDED y@103;ADDED x@104;"},
		{101, 0, "ADDED z@102;ADDED y@103;MODIFIED x@104;"},
		{103, 0, "MODIFIED x@104;"},
		{104, 0, ""},
		{99, -ESTALE, ""},  /* of an agent before this one */
		{105, -ESTALE, ""}, /* likewise */
	};
	struct bl_watcher *watcher;
	struct state state;

	setup(&state);
	put(&state, "a", "x", 0);
	put(&state, "a", "z", 0);
	put(&state, "a", "y", 0);
	put(&state, "a", "x", 0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		watcher = open_watcher(&state);
		cr_expect_eq(bl_events_tell(state.events, watcher, rows[i].version),
			     rows[i].result);
		cr_expect_str_eq(read_all(watcher), rows[i].told, "from %llu",
				 (unsigned long long)rows[i].version);
		bl_watcher_close(watcher);
	}
	cr_assert_eq(bl_events_remove(state.events, "a", "z"), 0);
	watcher = open_watcher(&state);
	cr_expect_eq(bl_events_tell(state.events, watcher, 104), -ESTALE);
	cr_expect_eq(bl_events_tell(state.events, watcher, 105), 0);
	bl_watcher_close(watcher);
	done(&state);
}

Test(events, the_oldest_go_by_number_and_by_age)
{
	struct state state;
	char name[32];

	setup(&state);
	for (unsigned int i = 0; i < BL_EVENTS_MAX + 10; i++) {
		(void)snprintf(name, sizeof(name), "e%u", i);
		put(&state, "a", name, i);
	}
	cr_expect_eq(bl_events_count(state.events), BL_EVENTS_MAX);
	cr_expect_null(bl_events_find(state.events, "a", "e9"));
	cr_expect_not_null(bl_events_find(state.events, "a", "e10"));
	bl_events_expire(state.events, BL_EVENTS_LIFE_S + 19);
	cr_expect_eq(bl_events_count(state.events), BL_EVENTS_MAX - 10);
	cr_expect_null(bl_events_find(state.events, "a", "e19"));
	put(&state, "a", "late", 3 * BL_EVENTS_LIFE_S);
	cr_expect_eq(bl_events_count(state.events), 1);
	done(&state);
}

Test(events, go_with_their_namespace)
{
	struct state state;
	struct bl_object *ns = decode_one(NULL, "apiVersion: v1\nkind: Namespace\n"
						"metadata: {name: b}\n");

	setup(&state);
	cr_assert_eq(bl_store_put(state.store, ns, 1, NULL), 0);
	bl_object_unref(ns);
	put(&state, "a", "x", 0);
	put(&state, "b", "x", 0);
	put(&state, "b", "y", 0);
	cr_assert_eq(bl_store_delete(state.store, BL_KIND_NAMESPACE, NULL, "b"), 0);
	cr_expect_eq(bl_events_count(state.events), 1);
	cr_expect_not_null(bl_events_find(state.events, "a", "x"));
	done(&state);
}
