/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "kube/reflector.h"

#include <errno.h>
#include <string.h>

#include "base/map.h"
#include "kube/reflector_parts.h"

#define PAGE "500"
#define HEAD_MS 30000u      /* for the first line of an answer */
#define LIST_IDLE_MS 30000u /* between two portions of a list */
/* Bookmarks come about every minute; what says nothing for longer may be gone. */
#define WATCH_IDLE_MS 150000u
#define WATCH_MIN_S 300u
#define WATCH_MAX_S 600u
#define WATCH_GRACE_MS 60000u /* the server ends a watch itself */
/* Servers that ignore `sendInitialEvents` say nothing at its end. */
#define STREAM_SILENCE_MS 10000u
#define SHORT_WATCH_MS 1000u
#define BACKOFF_MIN_MS 1000u
#define BACKOFF_MAX_MS 20000u /* and up to half of it more */
#define BACKOFF_STEPS 5u
/* Failures in a row from which one that happens now and then is a problem. */
#define PROBLEM_FAILURES 2u

static void ask(struct bl_reflector *reflector, enum bl_reflector_ask what, uint64_t now);

const char *bl_reflector_state_name(enum bl_reflector_state state)
{
	static const char *const names[BL_REFLECTOR_STATE_COUNT] = {
		[BL_REFLECTOR_OFF] = "off",
		[BL_REFLECTOR_LISTING] = "listing",
		[BL_REFLECTOR_WATCHING] = "watching",
		[BL_REFLECTOR_WAITING] = "waiting",
	};

	return names[state];
}

static void set_problem(struct bl_reflector *reflector, const char *text)
{
	const struct bl_reflector_receiver *receiver = &reflector->config.receiver;

	if (!strcmp(reflector->problem, text ? text : ""))
		return;
	(void)snprintf(reflector->problem, sizeof(reflector->problem), "%s", text ? text : "");
	receiver->problem(text ? reflector->problem : NULL, receiver->userdata);
}

static void wake_at(struct bl_reflector *reflector, uint64_t at)
{
	reflector->wake_ms = at;
	reflector->config.transport.wake_at(at, reflector->config.transport.userdata);
}

static uint32_t get_random(const struct bl_reflector *reflector)
{
	const struct bl_reflector_transport *transport = &reflector->config.transport;

	return transport->random(transport->userdata);
}

static int set_text(char **text, const char *value)
{
	char *copy = value ? strdup(value) : NULL;

	if (value && !copy)
		return -ENOMEM;
	free(*text);
	*text = copy;
	return 0;
}

static uint64_t hash_of(const struct bl_reflector *reflector, const char *ns, const char *name)
{
	uint64_t seed = bl_map_hash(reflector->seed, ns ? ns : "", ns ? strlen(ns) : 0);

	return bl_map_hash(seed, name, strlen(name));
}

bool bl_reflector_saw(const struct bl_reflector *reflector, const char *ns, const char *name)
{
	return bl_hashes_has(&reflector->seen, hash_of(reflector, ns, name));
}

/* Pieces of bodies */

static int fail_body(struct bl_reflector *reflector, enum bl_reflector_fault fault)
{
	reflector->fault = fault;
	return -ECANCELED;
}

static int put(struct bl_reflector *reflector, const struct bl_piece *piece,
	       const struct bl_diag *diag)
{
	const struct bl_reflector_receiver *receiver = &reflector->config.receiver;

	if (reflector->ask != BL_ASK_WATCH &&
	    bl_hashes_add(&reflector->seen, hash_of(reflector, piece->ns, piece->name)) < 0)
		return fail_body(reflector, BL_FAULT_MEMORY);
	if (piece->object) {
		receiver->put(piece->object, receiver->userdata);
	} else {
		reflector->info.refused++;
		receiver->refuse(piece->ns, piece->name, diag, receiver->userdata);
	}
	return 0;
}

static int note_version(struct bl_reflector *reflector, const char *version)
{
	if (version && set_text(&reflector->version, version) < 0)
		return fail_body(reflector, BL_FAULT_MEMORY);
	return 0;
}

/* All that there is has come. */
static int finish_list(struct bl_reflector *reflector, const char *version)
{
	const struct bl_reflector_receiver *receiver = &reflector->config.receiver;
	int r = note_version(reflector, version);

	if (r < 0)
		return r;
	reflector->info.synced = true;
	reflector->info.lists++;
	reflector->info.failures = 0;
	reflector->fresh = false;
	reflector->unpaged = false;
	reflector->stale = 0;
	reflector->cut_streams = 0;
	reflector->judged_body = false;
	receiver->complete(receiver->userdata);
	bl_hashes_done(&reflector->seen);
	set_problem(reflector, NULL);
	return 0;
}

static int take_bookmark(struct bl_reflector *reflector, const struct bl_piece *piece)
{
	int r;

	if (reflector->ask == BL_ASK_WATCH)
		return note_version(reflector, piece->version);
	if (!piece->ends_initial || !piece->version)
		return fail_body(reflector, BL_FAULT_NO_STREAM);
	r = finish_list(reflector, piece->version);
	if (r < 0)
		return r;
	reflector->ask = BL_ASK_WATCH;
	reflector->info.state = BL_REFLECTOR_WATCHING;
	reflector->info.watches++;
	wake_at(reflector, UINT64_MAX);
	return 0;
}

static int take_event(struct bl_reflector *reflector, const struct bl_piece *piece,
		      const struct bl_diag *diag)
{
	const struct bl_reflector_receiver *receiver = &reflector->config.receiver;
	int r = 0;

	switch (piece->type) {
	case BL_PIECE_PUT:
		r = put(reflector, piece, diag);
		break;
	case BL_PIECE_DELETED:
		receiver->remove(piece->ns, piece->name, receiver->userdata);
		break;
	case BL_PIECE_BOOKMARK:
		r = take_bookmark(reflector, piece);
		break;
	case BL_PIECE_ERROR:
		reflector->status = piece->status;
		return fail_body(reflector, BL_FAULT_EVENT);
	case BL_PIECE_UNKNOWN:
		return 0;
	}
	if (r < 0 || reflector->ask != BL_ASK_WATCH)
		return r;
	reflector->info.failures = 0;
	reflector->stale = 0;
	reflector->judged_body = false;
	set_problem(reflector, NULL);
	return note_version(reflector, piece->version);
}

static int on_piece(const char *text, size_t len, void *userdata)
{
	struct bl_reflector *reflector = userdata;
	struct bl_diag diag = BL_DIAG_INIT;
	struct bl_piece piece;
	int r;

	if (reflector->http != 200)
		return 0;
	if (reflector->ask == BL_ASK_LIST)
		r = bl_piece_read_item(reflector->reader, text, len, &piece, &diag,
				       &reflector->err);
	else
		r = bl_piece_read_event(reflector->reader, text, len, &piece, &diag,
					&reflector->err);
	if (r >= 0) {
		reflector->pieces++;
		reflector->info.events++;
		reflector->info.last_event_ms = reflector->heard_ms;
		r = reflector->ask == BL_ASK_LIST ? put(reflector, &piece, &diag)
						  : take_event(reflector, &piece, &diag);
		bl_object_unref(piece.object);
	}
	bl_diag_done(&diag);
	return r;
}

static int on_member(const char *key, const char *text, size_t len, void *userdata)
{
	struct bl_reflector *reflector = userdata;
	struct bl_list_meta meta;
	int r;

	if (reflector->http != 200) {
		bl_piece_read_status(reflector->reader, key, text, len, &reflector->status);
		return 0;
	}
	if (strcmp(key, "metadata"))
		return 0;
	r = bl_piece_read_list_meta(reflector->reader, text, len, &meta, &reflector->err);
	if (r < 0)
		return r;
	if (set_text(&reflector->more, meta.more) < 0 ||
	    (meta.version && set_text(&reflector->list_version, meta.version) < 0))
		return fail_body(reflector, BL_FAULT_MEMORY);
	return 0;
}

/* Asking */

static void go_wait(struct bl_reflector *reflector, const struct bl_verdict *verdict, uint64_t now)
{
	unsigned int step = reflector->info.failures++;
	uint64_t base = BACKOFF_MIN_MS << (step < BACKOFF_STEPS ? step : BACKOFF_STEPS);
	uint32_t random = get_random(reflector);

	if (base > BACKOFF_MAX_MS)
		base = BACKOFF_MAX_MS;
	base += random % (base / 2 + 1);
	if (base < verdict->delay_ms)
		base = verdict->delay_ms + random % 1000;
	reflector->next = verdict->next;
	reflector->info.state = BL_REFLECTOR_WAITING;
	wake_at(reflector, now + base);
}

static void act(struct bl_reflector *reflector, const struct bl_verdict *verdict, uint64_t now)
{
	bool hush = verdict->quiet && reflector->info.failures + 1 < PROBLEM_FAILURES;

	if (verdict->text[0] && !hush)
		set_problem(reflector, verdict->text);
	if (verdict->at_once)
		ask(reflector, verdict->next, now);
	else
		go_wait(reflector, verdict, now);
}

static void add_watch_time(struct bl_reflector *reflector, struct bl_buf *path,
			   struct bl_reflector_get *get)
{
	uint32_t random = get_random(reflector);
	unsigned int seconds = WATCH_MIN_S + random % (WATCH_MAX_S - WATCH_MIN_S + 1);
	char text[16];

	(void)snprintf(text, sizeof(text), "%u", seconds);
	bl_kube_query(path, "watch", "1");
	bl_kube_query(path, "allowWatchBookmarks", "true");
	bl_kube_query(path, "timeoutSeconds", text);
	get->idle_timeout_ms = WATCH_IDLE_MS;
	get->total_timeout_ms = seconds * 1000u + WATCH_GRACE_MS;
}

/* KEP-1904 says what the versions of lists mean. */
static void add_list_version(const struct bl_reflector *reflector, struct bl_buf *path)
{
	if (reflector->more) {
		bl_kube_query(path, "continue", reflector->more);
	} else if (!reflector->fresh) {
		bl_kube_query(path, "resourceVersion",
			      reflector->version ? reflector->version : "0");
		if (reflector->version)
			bl_kube_query(path, "resourceVersionMatch", "NotOlderThan");
	}
}

static void make_get(struct bl_reflector *reflector, struct bl_buf *path,
		     struct bl_reflector_get *get)
{
	bl_kube_path(&reflector->config.resource, path);
	switch (reflector->ask) {
	case BL_ASK_LIST:
		if (!reflector->unpaged)
			bl_kube_query(path, "limit", PAGE);
		add_list_version(reflector, path);
		get->idle_timeout_ms = LIST_IDLE_MS;
		get->compressed = true;
		return;
	case BL_ASK_STREAM:
		add_watch_time(reflector, path, get);
		bl_kube_query(path, "sendInitialEvents", "true");
		bl_kube_query(path, "resourceVersionMatch", "NotOlderThan");
		bl_kube_query(path, "resourceVersion",
			      reflector->version && !reflector->fresh ? reflector->version : "");
		return;
	case BL_ASK_WATCH:
		add_watch_time(reflector, path, get);
		bl_kube_query(path, "resourceVersion", reflector->version);
		return;
	}
}

static void send(struct bl_reflector *reflector, uint64_t now)
{
	_cleanup_(bl_buf_done) struct bl_buf path = {0};
	struct bl_reflector_get get = {0};
	struct bl_verdict verdict = {.next = reflector->ask};
	const struct bl_reflector_transport *transport = &reflector->config.transport;
	struct bl_err err = {0};
	int r;

	reflector->http = 0;
	reflector->pieces = 0;
	reflector->fault = BL_FAULT_NONE;
	reflector->err = (struct bl_err){0};
	reflector->status = (struct bl_kube_status){0};
	reflector->sent_ms = reflector->heard_ms = now;
	make_get(reflector, &path, &get);
	get.path = path.data;
	r = path.failed ? bl_err_set(&err, -ENOMEM, "no memory")
			: transport->send(&get, transport->userdata, &err);
	if (r < 0) {
		(void)snprintf(verdict.text, sizeof(verdict.text), "cannot ask the server: %.700s",
			       err.text);
		act(reflector, &verdict, now);
		return;
	}
	reflector->in_call = true;
	wake_at(reflector, now + HEAD_MS);
}

/* A list is asked for in the way that the server is known to serve, from its start. */
static void ask(struct bl_reflector *reflector, enum bl_reflector_ask what, uint64_t now)
{
	if (what == BL_ASK_WATCH && !reflector->version)
		what = BL_ASK_LIST;
	if (what != BL_ASK_WATCH) {
		if (!reflector->can_stream && !reflector->config.no_streaming_lists &&
		    now >= reflector->stream_again_ms) {
			reflector->can_stream = true;
			reflector->cut_streams = 0;
		}
		what = reflector->can_stream ? BL_ASK_STREAM : BL_ASK_LIST;
		bl_hashes_done(&reflector->seen);
		(void)set_text(&reflector->more, NULL);
		(void)set_text(&reflector->list_version, NULL);
	} else {
		reflector->info.watches++;
	}
	reflector->ask = what;
	reflector->info.state = what == BL_ASK_WATCH ? BL_REFLECTOR_WATCHING : BL_REFLECTOR_LISTING;
	send(reflector, now);
}

/* What the transport says */

void bl_reflector_head(struct bl_reflector *reflector, int status, uint64_t now)
{
	reflector->http = status;
	reflector->heard_ms = now;
	bl_splitter_start(reflector->splitter, status == 200 && reflector->ask != BL_ASK_LIST
						       ? BL_SPLITTER_WATCH
						       : BL_SPLITTER_LIST);
	wake_at(reflector, status == 200 && reflector->ask == BL_ASK_STREAM
				   ? now + STREAM_SILENCE_MS
				   : UINT64_MAX);
	if (status == 200 && reflector->ask == BL_ASK_WATCH && !reflector->judged_body)
		set_problem(reflector, NULL);
}

int bl_reflector_data(struct bl_reflector *reflector, const void *bytes, size_t len, uint64_t now)
{
	int r;

	reflector->heard_ms = now;
	r = bl_splitter_feed(reflector->splitter, bytes, len, &reflector->err);
	/* Of an error, what can be read is enough. */
	if (reflector->http != 200)
		return 0;
	if (r < 0 && reflector->fault == BL_FAULT_NONE)
		reflector->fault = r == -ENOMEM ? BL_FAULT_MEMORY : BL_FAULT_BODY;
	reflector->config.receiver.flush(reflector->config.receiver.userdata);
	return r < 0 ? -ECANCELED : 0;
}

static bool is_whole(struct bl_reflector *reflector, const struct bl_kube_outcome *outcome)
{
	if (reflector->http != 200 || reflector->fault != BL_FAULT_NONE ||
	    outcome->end != BL_KUBE_END_COMPLETE)
		return false;
	if (bl_splitter_end(reflector->splitter, &reflector->err) < 0) {
		reflector->fault = BL_FAULT_BODY;
		return false;
	}
	if (reflector->ask == BL_ASK_LIST && !reflector->list_version) {
		reflector->fault = BL_FAULT_BODY;
		(void)bl_err_set(&reflector->err, -EBADMSG,
				 "a list has no metadata.resourceVersion");
		return false;
	}
	return true;
}

/* True when what was asked for has come, and the next thing is asked for. */
static bool go_on(struct bl_reflector *reflector, const struct bl_kube_outcome *outcome,
		  uint64_t now)
{
	if (!is_whole(reflector, outcome))
		return false;
	if (reflector->ask == BL_ASK_STREAM)
		return false;
	if (reflector->ask == BL_ASK_WATCH) {
		if (!reflector->pieces && now - reflector->sent_ms < SHORT_WATCH_MS)
			return false;
		reflector->info.failures = 0;
		reflector->stale = 0;
		ask(reflector, BL_ASK_WATCH, now);
		return true;
	}
	if (reflector->more) {
		send(reflector, now);
		return true;
	}
	if (finish_list(reflector, reflector->list_version) < 0)
		return false;
	ask(reflector, BL_ASK_WATCH, now);
	return true;
}

void bl_reflector_end(struct bl_reflector *reflector, const struct bl_kube_outcome *outcome,
		      uint64_t now)
{
	struct bl_verdict verdict;

	reflector->in_call = false;
	wake_at(reflector, UINT64_MAX);
	if (outcome->status)
		reflector->http = outcome->status;
	if (!go_on(reflector, outcome, now)) {
		bl_reflector_judge(reflector, outcome, &verdict);
		act(reflector, &verdict, now);
	}
	reflector->config.receiver.flush(reflector->config.receiver.userdata);
}

static void give_up_call(struct bl_reflector *reflector, enum bl_reflector_fault fault,
			 uint64_t now)
{
	const struct bl_reflector_transport *transport = &reflector->config.transport;
	const struct bl_kube_outcome outcome = {.end = BL_KUBE_END_IDLE,
						.status = reflector->http,
						.retry_after_ms = BL_KUBE_NO_RETRY_AFTER,
						.text = "the server does not answer"};

	reflector->fault = fault;
	transport->cancel(transport->userdata);
	bl_reflector_end(reflector, &outcome, now);
}

void bl_reflector_wake(struct bl_reflector *reflector, uint64_t now)
{
	if (now < reflector->wake_ms)
		return;
	reflector->wake_ms = UINT64_MAX;
	if (!reflector->in_call) {
		if (reflector->info.state != BL_REFLECTOR_WAITING)
			return;
		reflector->info.retries++;
		ask(reflector, reflector->next, now);
		return;
	}
	if (!reflector->http)
		give_up_call(reflector, BL_FAULT_NONE, now);
	else if (reflector->ask == BL_ASK_STREAM) {
		if (now >= reflector->heard_ms + STREAM_SILENCE_MS)
			give_up_call(reflector, BL_FAULT_NO_STREAM, now);
		else
			wake_at(reflector, reflector->heard_ms + STREAM_SILENCE_MS);
	}
}

void bl_reflector_start(struct bl_reflector *reflector, uint64_t now)
{
	ask(reflector, BL_ASK_LIST, now);
}

void bl_reflector_relist(struct bl_reflector *reflector, uint64_t now)
{
	const struct bl_reflector_transport *transport = &reflector->config.transport;

	if (reflector->in_call)
		transport->cancel(transport->userdata);
	reflector->in_call = false;
	ask(reflector, BL_ASK_LIST, now);
}

struct bl_reflector_info bl_reflector_info(const struct bl_reflector *reflector)
{
	struct bl_reflector_info info = reflector->info;

	info.version = reflector->version;
	info.problem = reflector->problem[0] ? reflector->problem : NULL;
	info.wake_ms = reflector->wake_ms;
	info.streams_lists = reflector->can_stream;
	return info;
}

int bl_reflector_new(const struct bl_reflector_config *config, struct bl_reflector **ret)
{
	_cleanup_(bl_reflector_free) struct bl_reflector *reflector = calloc(1, sizeof(*reflector));
	const struct bl_splitter_handler handler = {
		.piece = on_piece, .member = on_member, .userdata = reflector};
	int r;

	if (!reflector)
		return -ENOMEM;
	reflector->config = *config;
	reflector->can_stream = !config->no_streaming_lists;
	reflector->wake_ms = UINT64_MAX;
	reflector->seed = (uint64_t)get_random(reflector) << 32 | get_random(reflector);
	r = bl_splitter_new(&handler, &reflector->splitter);
	if (r >= 0)
		r = bl_piece_reader_new(config->resource.kind, &reflector->reader);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(reflector);
	return 0;
}

struct bl_reflector *bl_reflector_free(struct bl_reflector *reflector)
{
	if (!reflector)
		return NULL;
	bl_splitter_free(reflector->splitter);
	bl_piece_reader_free(reflector->reader);
	bl_hashes_done(&reflector->seen);
	free(reflector->version);
	free(reflector->more);
	free(reflector->list_version);
	free(reflector);
	return NULL;
}
