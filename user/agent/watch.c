/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/watch.h"

#include <errno.h>
#include <json-c/json.h>
#include <string.h>
#include <time.h>

#include "agent/status_error.h"
#include "api/json.h"
#include "model/codec.h"

struct change {
	enum bl_change type;
	struct bl_object *object; /* an owned reference, or */
	struct json_object *told; /* a reference to what is in no store */
};

struct bl_watcher {
	struct bl_watches *watches; /* NULL: orphaned, the watches are gone */
	struct bl_watcher *next;
	enum bl_kind kind;
	char *ns;
	struct bl_selector *selector;
	struct bl_render render;
	bool bookmarks;
	bool tells_initial_end; /* a bookmark behind the initial ones is due */
	bool wants_bookmark;
	struct bl_object **initial; /* owned references, sent first */
	size_t initial_count;
	size_t initial_sent;
	struct change *queue; /* ring of BL_WATCH_QUEUE, made with the first change */
	size_t queue_first;
	size_t queue_count;
	bool expired; /* ends with a 410 */
	bool finished;
	bool ended;
	void (*wake)(void *userdata);
	void *userdata;
};

struct bl_watches {
	struct bl_store *store;
	struct bl_store_watch *watch;
	struct bl_history history;
	struct bl_watcher *watchers;
	size_t count;
};

static void change_done(struct change *change)
{
	bl_object_unref(change->object);
	json_object_put(change->told);
	*change = (struct change){0};
}

static bool in_scope(const struct bl_watcher *watcher, const struct bl_object *object)
{
	return object->kind == watcher->kind &&
	       (!watcher->ns || (object->meta.ns && !strcmp(object->meta.ns, watcher->ns)));
}

static bool selects(const struct bl_watcher *watcher, const struct bl_object *object)
{
	return object && bl_selector_match(watcher->selector, object);
}

/* What a change means to a watcher that sees only what its selector matches. */
static enum bl_change seen_as(const struct bl_watcher *watcher,
			      const struct bl_history_change *change)
{
	bool before = change->type != BL_CHANGE_ADDED && selects(watcher, change->old);
	bool after = change->type != BL_CHANGE_DELETED && selects(watcher, change->object);

	if (before && after)
		return BL_CHANGE_MODIFIED;
	if (after)
		return BL_CHANGE_ADDED;
	return before ? BL_CHANGE_DELETED : BL_CHANGE_NONE;
}

static void wake(struct bl_watcher *watcher)
{
	if (watcher->wake)
		watcher->wake(watcher->userdata);
}

static void clear_queue(struct bl_watcher *watcher)
{
	while (watcher->queue_count) {
		change_done(&watcher->queue[watcher->queue_first]);
		watcher->queue_first = (watcher->queue_first + 1) % BL_WATCH_QUEUE;
		watcher->queue_count--;
	}
}

/* Takes the references of the change. */
static void push(struct bl_watcher *watcher, struct change *change)
{
	if (!watcher->queue)
		watcher->queue = calloc(BL_WATCH_QUEUE, sizeof(*watcher->queue));
	if (!watcher->queue || watcher->queue_count == BL_WATCH_QUEUE) {
		watcher->expired = true;
		clear_queue(watcher);
		change_done(change);
	} else {
		size_t at = (watcher->queue_first + watcher->queue_count++) % BL_WATCH_QUEUE;

		watcher->queue[at] = *change;
	}
	wake(watcher);
}

static void offer(struct bl_watcher *watcher, const struct bl_history_change *change)
{
	struct change seen = {0};

	if (watcher->expired || watcher->finished || !in_scope(watcher, change->object))
		return;
	seen.type = seen_as(watcher, change);
	if (seen.type == BL_CHANGE_NONE)
		return;
	seen.object = bl_object_ref(change->object);
	push(watcher, &seen);
}

void bl_watcher_tell(struct bl_watcher *watcher, enum bl_change type, struct json_object *object)
{
	struct change change = {.type = type};

	if (watcher->expired || watcher->finished || watcher->kind != BL_WATCH_EVENTS ||
	    (watcher->ns &&
	     strcmp(bl_json_str_or(object, "metadata.namespace", ""), watcher->ns) != 0) ||
	    !bl_selector_match_json(watcher->selector, object))
		return;
	change.told = json_object_get(object);
	push(watcher, &change);
}

void bl_watches_tell(struct bl_watches *watches, enum bl_change type, struct json_object *object)
{
	for (struct bl_watcher *watcher = watches->watchers; watcher; watcher = watcher->next)
		bl_watcher_tell(watcher, type, object);
}

static void on_event(const struct bl_event *event, void *userdata)
{
	struct bl_watches *watches = userdata;
	struct bl_history_change change = {
		.type = event->change,
		.object = event->object,
		/* For DELETED the object itself is what was there. */
		.old = event->old ? (struct bl_object *)event->old : event->object,
	};

	bl_history_add(&watches->history, &change);
	for (struct bl_watcher *watcher = watches->watchers; watcher; watcher = watcher->next)
		offer(watcher, &change);
}

int bl_watches_new(struct bl_store *store, struct bl_watches **ret)
{
	struct bl_watches *watches = calloc(1, sizeof(*watches));
	int r;

	if (!watches)
		return -ENOMEM;
	watches->store = store;
	watches->history.forgotten = bl_store_version(store);
	r = bl_store_watch_add(store, on_event, watches, &watches->watch);
	if (r < 0) {
		free(watches);
		return r;
	}
	*ret = watches;
	return 0;
}

struct bl_watches *bl_watches_free(struct bl_watches *watches)
{
	if (!watches)
		return NULL;
	for (struct bl_watcher *watcher = watches->watchers; watcher; watcher = watcher->next)
		watcher->watches = NULL;
	bl_store_watch_remove(watches->store, watches->watch);
	bl_history_done(&watches->history);
	free(watches);
	return NULL;
}

const struct bl_history *bl_watches_history(const struct bl_watches *watches)
{
	return &watches->history;
}

size_t bl_watches_count(const struct bl_watches *watches)
{
	return watches->count;
}

static int snapshot(struct bl_watches *watches, struct bl_watcher *watcher)
{
	_cleanup_free_ const struct bl_object **items = NULL;
	size_t count = 0;
	int r = bl_store_list(watches->store, watcher->kind, watcher->ns, &items, &count);

	if (r < 0)
		return r;
	watcher->initial = calloc(count + 1, sizeof(*watcher->initial));
	if (!watcher->initial)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		if (selects(watcher, items[i]))
			watcher->initial[watcher->initial_count++] =
				bl_object_ref((struct bl_object *)items[i]);
	return 0;
}

static void replay(struct bl_watches *watches, struct bl_watcher *watcher, uint64_t version)
{
	if (!bl_history_reaches(&watches->history, version, bl_store_version(watches->store))) {
		watcher->expired = true;
		return;
	}
	for (size_t i = 0; i < watches->history.count; i++) {
		const struct bl_history_change *change = bl_history_at(&watches->history, i);

		if (change->version > version)
			offer(watcher, change);
	}
}

int bl_watcher_open(struct bl_watches *watches, const struct bl_watch_request *request,
		    struct bl_watcher **ret)
{
	struct bl_watcher *watcher;
	int r = 0;

	if (watches->count >= BL_WATCHERS_MAX) {
		bl_selector_free(request->selector);
		return -EUSERS;
	}
	watcher = calloc(1, sizeof(*watcher));
	if (!watcher) {
		bl_selector_free(request->selector);
		return -ENOMEM;
	}
	watcher->kind = request->kind;
	watcher->selector = request->selector;
	watcher->render = request->render;
	watcher->bookmarks = request->bookmarks;
	watcher->tells_initial_end = request->tells_initial_end;
	watcher->ns = request->ns ? strdup(request->ns) : NULL;
	if (request->ns && !watcher->ns)
		r = -ENOMEM;
	if (r >= 0 && request->from_start)
		r = snapshot(watches, watcher);
	if (r < 0) {
		bl_watcher_close(watcher);
		return r;
	}
	if (!request->from_start && !request->from_now)
		replay(watches, watcher, request->version);
	watcher->wake = request->wake;
	watcher->userdata = request->userdata;
	watcher->watches = watches;
	watcher->next = watches->watchers;
	watches->watchers = watcher;
	watches->count++;
	*ret = watcher;
	return 0;
}

struct bl_watcher *bl_watcher_close(struct bl_watcher *watcher)
{
	if (!watcher)
		return NULL;
	if (watcher->watches) {
		struct bl_watcher **link = &watcher->watches->watchers;

		while (*link != watcher)
			link = &(*link)->next;
		*link = watcher->next;
		watcher->watches->count--;
	}
	for (size_t i = watcher->initial_sent; i < watcher->initial_count; i++)
		bl_object_unref(watcher->initial[i]);
	free(watcher->initial);
	clear_queue(watcher);
	free(watcher->queue);
	bl_selector_free(watcher->selector);
	free(watcher->ns);
	free(watcher);
	return NULL;
}

void bl_watcher_set_wake(struct bl_watcher *watcher, void (*wake_fn)(void *userdata),
			 void *userdata)
{
	watcher->wake = wake_fn;
	watcher->userdata = userdata;
}

/* Takes the tree; NULL: no memory. */
static void add_line(struct bl_buf *buf, const char *type, struct json_object *json)
{
	if (!json) {
		buf->failed = true;
		return;
	}
	bl_buf_addf(buf, "{\"type\":\"%s\",\"object\":", type);
	bl_buf_add_str(buf, json_object_to_json_string_ext(
				    json, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
	bl_buf_add_str(buf, "}\n");
	json_object_put(json);
}

static void add_change(struct bl_watcher *watcher, struct bl_buf *buf, const struct change *change)
{
	static const char *const names[] = {
		[BL_CHANGE_ADDED] = "ADDED",
		[BL_CHANGE_MODIFIED] = "MODIFIED",
		[BL_CHANGE_DELETED] = "DELETED",
	};
	struct json_object *json = NULL;

	watcher->render.now_s = time(NULL);
	if (change->told)
		json = json_object_get(change->told);
	else if (bl_encode_json(change->object, &json) < 0)
		json = NULL;
	add_line(buf, names[change->type], json ? bl_render_object(&watcher->render, json) : NULL);
}

/* Everything up to the store's version has been told. */
static void add_bookmark(struct bl_watcher *watcher, struct bl_buf *buf, bool initial_end)
{
	uint64_t version = watcher->watches ? bl_store_version(watcher->watches->store) : 0;

	watcher->wants_bookmark = false;
	if (version)
		add_line(buf, "BOOKMARK",
			 bl_render_bookmark(&watcher->render, version, initial_end));
}

static void add_expired(struct bl_buf *buf)
{
	bl_buf_add_str(buf, "{\"type\":\"ERROR\",\"object\":");
	bl_status_error(buf, 410, "Expired",
			"too old resource version, or too slow a reader; list again", NULL);
	bl_buf_add_str(buf, "}\n");
}

int bl_watcher_read(struct bl_watcher *watcher, struct bl_buf *buf, size_t max)
{
	size_t start = buf->len;

	if (watcher->ended)
		return -EPIPE;
	while (watcher->initial_sent < watcher->initial_count && buf->len < max) {
		struct change added = {BL_CHANGE_ADDED, watcher->initial[watcher->initial_sent++]};

		add_change(watcher, buf, &added);
		change_done(&added);
	}
	while (watcher->queue_count && buf->len < max) {
		struct change *change = &watcher->queue[watcher->queue_first];

		add_change(watcher, buf, change);
		change_done(change);
		watcher->queue_first = (watcher->queue_first + 1) % BL_WATCH_QUEUE;
		watcher->queue_count--;
	}
	/* What came while the initial ones were sent is before the bookmark, too: its version is
	 * the newest. */
	if (buf->len < max && !watcher->expired &&
	    (watcher->tells_initial_end || watcher->wants_bookmark)) {
		add_bookmark(watcher, buf, watcher->tells_initial_end);
		watcher->tells_initial_end = false;
	}
	if (buf->len < max && (watcher->expired || watcher->finished)) {
		watcher->ended = true;
		if (watcher->expired)
			add_expired(buf);
	}
	if (buf->failed)
		return -EPIPE;
	if (buf->len > start)
		return 1;
	return watcher->ended ? -EPIPE : 0;
}

void bl_watcher_finish(struct bl_watcher *watcher)
{
	watcher->finished = true;
	watcher->wants_bookmark = watcher->bookmarks;
	wake(watcher);
}

void bl_watches_bookmark(struct bl_watches *watches)
{
	for (struct bl_watcher *watcher = watches->watchers; watcher; watcher = watcher->next) {
		if (!watcher->bookmarks)
			continue;
		watcher->wants_bookmark = true;
		wake(watcher);
	}
}
