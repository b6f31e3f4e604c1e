/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <criterion/criterion.h>
#include <errno.h>
#include <json-c/json.h>
#include <string.h>

#include "agent/watch.h"
#include "fixture.h"

struct state {
	struct bl_store *store;
	struct bl_watches *watches;
	unsigned int wakes;
};

static void setup(struct state *state)
{
	*state = (struct state){0};
	cr_assert_eq(bl_store_new(&state->store), 0);
	cr_assert_eq(bl_watches_new(state->store, &state->watches), 0);
}

static void done(struct state *state)
{
	bl_watches_free(state->watches);
	bl_store_free(state->store);
}

static void put(struct state *state, const char *name, const char *label)
{
	struct bl_object *object;
	char text[256];

	(void)snprintf(text, sizeof(text),
		       "apiVersion: v1\nkind: Namespace\nmetadata: {name: %s, labels: {l: '%s'}}\n",
		       name, label);
	object = decode_one(NULL, text);
	cr_assert_eq(bl_store_put(state->store, object, 1, NULL), 0);
	bl_object_unref(object);
}

static void on_wake(void *userdata)
{
	((struct state *)userdata)->wakes++;
}

static struct bl_watcher *open_watcher(struct state *state, const char *labels, bool from_start,
				       uint64_t version)
{
	struct bl_watch_request request = {
		.kind = BL_KIND_NAMESPACE,
		.from_start = from_start,
		.version = version,
		.wake = on_wake,
		.userdata = state,
	};
	struct bl_watcher *watcher = NULL;

	cr_assert_eq(bl_selector_parse(labels, NULL, bl_selector_fields(BL_KIND_NAMESPACE),
				       &request.selector, NULL),
		     0);
	cr_assert_eq(bl_watcher_open(state->watches, &request, &watcher), 0);
	return watcher;
}

/* "ADDED a;MODIFIED a;" of what can be read now. */
static const char *read_all(struct bl_watcher *watcher, int *ret)
{
	static char text[65536];
	struct bl_buf buf = {0};
	size_t used = 0;
	int r = 1;

	while (r > 0)
		r = bl_watcher_read(watcher, &buf, 1u << 20);
	text[0] = '\0';
	for (const char *at = buf.data; at && *at; at = strchr(at, '\n') + 1) {
		const char *name = strstr(at, "\"name\":\"");

		used += (size_t)snprintf(
			text + used, sizeof(text) - used, "%.*s %.*s;", (int)strcspn(at + 9, "\""),
			at + 9, name ? (int)strcspn(name + 8, "\"") : 1, name ? name + 8 : "-");
	}
	bl_buf_done(&buf);
	if (ret)
		*ret = r;
	return text;
}

Test(watch, starts_with_what_is_there_and_goes_on_with_changes)
{
	struct bl_watcher *watcher;
	struct state state;
	int r;

	setup(&state);
	put(&state, "a", "1");
	watcher = open_watcher(&state, NULL, true, 0);
	cr_assert_str_eq(read_all(watcher, &r), "ADDED a;");
	cr_assert_eq(r, 0);
	put(&state, "b", "1");
	put(&state, "b", "2");
	cr_assert_eq(bl_store_delete(state.store, BL_KIND_NAMESPACE, NULL, "b"), 0);
	cr_assert_geq(state.wakes, 1);
	cr_assert_str_eq(read_all(watcher, &r), "ADDED b;MODIFIED b;DELETED b;");
	bl_watcher_close(watcher);
	done(&state);
}

Test(watch, a_selector_turns_changes_into_comings_and_goings)
{
	struct bl_watcher *watcher;
	struct state state;

	setup(&state);
	watcher = open_watcher(&state, "l=yes", true, 0);
	put(&state, "a", "no");
	put(&state, "a", "yes");
	put(&state, "a", "no");
	put(&state, "a", "other");
	cr_assert_str_eq(read_all(watcher, NULL), "ADDED a;DELETED a;");
	bl_watcher_close(watcher);
	done(&state);
}

Test(watch, a_known_version_is_replayed_from)
{
	struct bl_watcher *watcher;
	struct state state;
	uint64_t version;

	setup(&state);
	put(&state, "a", "1");
	version = bl_store_version(state.store);
	put(&state, "b", "1");
	watcher = open_watcher(&state, NULL, false, version);
	cr_assert_str_eq(read_all(watcher, NULL), "ADDED b;");
	bl_watcher_close(watcher);
	done(&state);
}

Test(watch, what_was_added_before_the_version_is_not_told_again_because_it_was_deleted_since)
{
	struct bl_watcher *watcher;
	struct state state;
	uint64_t version;

	setup(&state);
	put(&state, "a", "1");
	version = bl_store_version(state.store);
	cr_assert_eq(bl_store_delete(state.store, BL_KIND_NAMESPACE, NULL, "a"), 0);
	watcher = open_watcher(&state, NULL, false, version);
	cr_assert_str_eq(read_all(watcher, NULL), "DELETED a;");
	bl_watcher_close(watcher);
	done(&state);
}

Test(watch, bookmarks_come_when_asked_for_and_when_all_there_was_has_been_told)
{
	struct bl_watch_request request = {
		.kind = BL_KIND_NAMESPACE,
		.render = {.kind = "Namespace", .api_version = "v1"},
		.from_start = true,
		.bookmarks = true,
		.tells_initial_end = true,
	};
	struct bl_watcher *watcher = NULL, *other;
	struct state state;
	int r;

	setup(&state);
	put(&state, "a", "1");
	cr_assert_eq(bl_selector_parse(NULL, NULL, bl_selector_fields(BL_KIND_NAMESPACE),
				       &request.selector, NULL),
		     0);
	cr_assert_eq(bl_watcher_open(state.watches, &request, &watcher), 0);
	other = open_watcher(&state, NULL, false, bl_store_version(state.store));
	cr_assert_str_eq(read_all(watcher, NULL), "ADDED a;BOOKMARK -;");
	put(&state, "b", "1");
	cr_assert_str_eq(read_all(watcher, NULL), "ADDED b;");
	bl_watches_bookmark(state.watches);
	cr_assert_str_eq(read_all(watcher, NULL), "BOOKMARK -;");
	cr_assert_str_eq(read_all(watcher, NULL), "");
	bl_watcher_finish(watcher);
	cr_assert_str_eq(read_all(watcher, &r), "BOOKMARK -;");
	cr_assert_eq(r, -EPIPE);
	cr_assert_str_eq(read_all(other, NULL), "ADDED b;");
	bl_watcher_close(watcher);
	bl_watcher_close(other);
	done(&state);
}

Test(watch, one_from_now_on_tells_nothing_of_what_there_was)
{
	struct bl_watch_request request = {.kind = BL_KIND_NAMESPACE, .from_now = true};
	struct bl_watcher *watcher = NULL;
	struct state state;

	setup(&state);
	put(&state, "a", "1");
	cr_assert_eq(bl_selector_parse(NULL, NULL, bl_selector_fields(BL_KIND_NAMESPACE),
				       &request.selector, NULL),
		     0);
	cr_assert_eq(bl_watcher_open(state.watches, &request, &watcher), 0);
	put(&state, "b", "1");
	cr_assert_str_eq(read_all(watcher, NULL), "ADDED b;");
	bl_watcher_close(watcher);
	done(&state);
}

Test(watch, events_are_told_to_those_who_watch_them_in_their_namespace)
{
	struct bl_watch_request request = {
		.kind = BL_WATCH_EVENTS,
		.ns = "shop",
		.render = {.kind = "Event", .api_version = "v1"},
		.from_now = true,
	};
	static const char *const fields[] = {"type", NULL};
	static const char *const texts[] = {
		"{\"metadata\":{\"name\":\"a\",\"namespace\":\"shop\"},\"type\":\"Warning\"}",
		"{\"metadata\":{\"name\":\"b\",\"namespace\":\"other\"},\"type\":\"Warning\"}",
		"{\"metadata\":{\"name\":\"c\",\"namespace\":\"shop\"},\"type\":\"Normal\"}",
	};
	struct bl_watcher *watcher = NULL, *other;
	struct state state;

	setup(&state);
	cr_assert_eq(bl_selector_parse(NULL, "type=Warning", fields, &request.selector, NULL), 0);
	cr_assert_eq(bl_watcher_open(state.watches, &request, &watcher), 0);
	other = open_watcher(&state, NULL, true, 0);
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct json_object *event = json_tokener_parse(texts[i]);

		bl_watches_tell(state.watches, BL_CHANGE_ADDED, event);
		bl_watches_tell(state.watches, BL_CHANGE_MODIFIED, event);
		json_object_put(event);
	}
	put(&state, "d", "1");
	cr_assert_str_eq(read_all(watcher, NULL), "ADDED a;MODIFIED a;");
	cr_assert_str_eq(read_all(other, NULL), "ADDED d;");
	bl_watcher_close(watcher);
	bl_watcher_close(other);
	done(&state);
}

Test(watch, forgotten_and_future_versions_expire)
{
	struct state state;
	int r;

	setup(&state);
	put(&state, "a", "1");
	for (unsigned int i = 0; i <= BL_HISTORY_MAX; i++)
		put(&state, "b", i % 2 ? "x" : "y");
	for (int future = 0; future < 2; future++) {
		uint64_t version = future ? bl_store_version(state.store) + 1 : 1;
		struct bl_watcher *watcher = open_watcher(&state, NULL, false, version);

		cr_assert(!strncmp(read_all(watcher, &r), "ERROR", 5));
		cr_assert_eq(r, -EPIPE);
		bl_watcher_close(watcher);
	}
	done(&state);
}

Test(watch, a_reader_that_lags_too_far_is_cut_off)
{
	struct bl_watcher *watcher;
	struct state state;
	int r;

	setup(&state);
	watcher = open_watcher(&state, NULL, true, 0);
	for (unsigned int i = 0; i <= BL_WATCH_QUEUE; i++)
		put(&state, "b", i % 2 ? "x" : "y");
	cr_assert(!strncmp(read_all(watcher, &r), "ERROR", 5));
	cr_assert_eq(r, -EPIPE);
	bl_watcher_close(watcher);
	done(&state);
}

Test(watch, watchers_are_limited_and_closing_makes_room)
{
	struct bl_watcher *watchers[BL_WATCHERS_MAX];
	struct bl_watch_request request = {.kind = BL_KIND_NAMESPACE};
	struct bl_watcher *one_more = NULL;
	struct state state;

	setup(&state);
	for (size_t i = 0; i < BL_WATCHERS_MAX; i++)
		watchers[i] = open_watcher(&state, NULL, true, 0);
	cr_assert_eq(bl_selector_parse(NULL, NULL, bl_selector_fields(BL_KIND_NAMESPACE),
				       &request.selector, NULL),
		     0);
	cr_assert_eq(bl_watcher_open(state.watches, &request, &one_more), -EUSERS);
	bl_watcher_close(watchers[7]);
	watchers[7] = open_watcher(&state, NULL, true, 0);
	for (size_t i = 0; i < BL_WATCHERS_MAX; i++)
		bl_watcher_close(watchers[i]);
	cr_assert_eq(bl_watches_count(state.watches), 0);
	done(&state);
}

Test(watch, a_finished_one_ends_without_an_error)
{
	struct bl_watcher *watcher;
	struct state state;
	int r;

	setup(&state);
	put(&state, "a", "1");
	watcher = open_watcher(&state, NULL, true, 0);
	bl_watcher_finish(watcher);
	cr_assert_str_eq(read_all(watcher, &r), "ADDED a;");
	cr_assert_eq(r, -EPIPE);
	bl_watcher_close(watcher);
	done(&state);
}
