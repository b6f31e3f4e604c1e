/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "kube/leases.h"

#include <errno.h>
#include <json-c/json.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "kube/feed.h"
#include "kube/fetch.h"
#include "model/codec.h"

#define PATH_MAX_LEN 1024
#define SETTLE_MS 5 /* in which what the watch says is gathered */
#define REQUESTS_MAX (BL_LEASE_WRITES_MAX + 1)
#define RBAC                                                                                       \
	"; a Role in namespace '%s' must give the agent the verbs 'list', 'watch', 'create', "     \
	"'update' and 'delete' on resource 'leases' in API group 'coordination.k8s.io'"

struct request { /* under way, or a free place */
	struct bl_leases *leases;
	struct bl_kube_fetch *fetch; /* NULL: free */
	enum bl_lease_act act;
	char name[BL_LEASE_NAME];
};

struct bl_leases {
	struct bl_leases_config config;
	struct bl_lease_book *book;
	struct bl_feed *feed;
	sd_event_source *timer;
	struct request requests[REQUESTS_MAX];
	struct bl_leases_info info;
	bool started;
	bool has_problem;   /* of requests */
	bool watch_problem; /* of the watch */
	void (*left)(void *userdata);
	void *left_userdata;
};

static uint64_t now_us(clockid_t clock)
{
	struct timespec now;

	(void)clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static uint64_t now_ms(void)
{
	return now_us(CLOCK_MONOTONIC) / 1000;
}

static void wake_at(sd_event_source *timer, uint64_t at_ms)
{
	if (at_ms == UINT64_MAX) {
		(void)sd_event_source_set_enabled(timer, SD_EVENT_OFF);
		return;
	}
	/* Not before that millisecond has begun. */
	(void)sd_event_source_set_time(timer, at_ms * 1000);
	(void)sd_event_source_set_enabled(timer, SD_EVENT_ONESHOT);
}

static void schedule(struct bl_leases *leases)
{
	wake_at(leases->timer, bl_lease_book_due(leases->book, now_ms()));
}

/* Problems */

static void say(struct bl_leases *leases, const char *what, int status, const char *words)
{
	char text[BL_ERR_TEXT], rule[384] = "";

	if (status == 403)
		(void)snprintf(rule, sizeof(rule), RBAC, leases->config.ns);
	(void)snprintf(text, sizeof(text), "cannot %s Leases: %s%s", what, words, rule);
	leases->config.problem(text, leases->config.userdata);
}

static void be_well(struct bl_leases *leases)
{
	if (leases->has_problem && !leases->watch_problem)
		leases->config.problem(NULL, leases->config.userdata);
	leases->has_problem = false;
}

/* Requests */

static int decode(struct json_object *json, struct bl_object **ret)
{
	struct bl_diag diag = BL_DIAG_INIT;
	int r = bl_decode_json_tree(NULL, json, BL_DECODE_LENIENT, ret, &diag);

	bl_diag_done(&diag);
	return r;
}

/* Of a list that was asked for one: it, or NULL. */
static struct json_object *only_item(struct json_object *list)
{
	struct json_object *items = NULL;

	if (!json_object_object_get_ex(list, "items", &items) ||
	    !json_object_is_type(items, json_type_array) || !json_object_array_length(items))
		return NULL;
	return json_object_array_get_idx(items, 0);
}

static void name_kind(struct json_object *json)
{
	(void)json_object_object_add(json, "apiVersion",
				     json_object_new_string("coordination.k8s.io/v1"));
	(void)json_object_object_add(json, "kind", json_object_new_string("Lease"));
}

static void step(struct bl_leases *leases);

static void on_replied(const struct bl_kube_reply *reply, void *userdata)
{
	struct request *request = userdata;
	struct bl_leases *leases = request->leases;
	_cleanup_(bl_object_unref) struct bl_object *object = NULL;
	bool good = bl_kube_reply_is_good(reply), raced;
	struct json_object *json = reply->body;
	int status = reply->status;

	request->fetch = NULL;
	raced = status == 409 || (status == 404 && request->act != BL_LEASE_CREATE);
	if (good && request->act == BL_LEASE_LOOK)
		json = only_item(json);
	if (good && json && request->act != BL_LEASE_DELETE) {
		name_kind(json); /* items of lists do without */
		if (decode(json, &object) < 0 || object->kind != BL_KIND_LEASE)
			status = 0;
	}
	/* A 404 for a POST is of the namespace, or of the API: it is told, and tried again. */
	bl_lease_book_done(leases->book, request->name, good || raced ? status : 0,
			   status ? (const struct bl_lease_object *)object : NULL, now_ms());
	if (good || raced) {
		be_well(leases);
	} else {
		leases->has_problem = true;
		say(leases, request->act == BL_LEASE_LOOK ? "list" : "write", reply->status,
		    reply->words);
	}
	step(leases);
}

static void write_path(const struct bl_leases *leases, const struct bl_lease_request *request,
		       char path[static PATH_MAX_LEN])
{
	static const char base[] = "/apis/coordination.k8s.io/v1/namespaces";
	const char *ns = leases->config.ns;

	if (request->act == BL_LEASE_LOOK)
		(void)snprintf(path, PATH_MAX_LEN, "%s/%s/leases?fieldSelector=metadata.name%%3D%s",
			       base, ns, request->name);
	else if (request->act == BL_LEASE_CREATE)
		(void)snprintf(path, PATH_MAX_LEN, "%s/%s/leases", base, ns);
	else
		(void)snprintf(path, PATH_MAX_LEN, "%s/%s/leases/%s", base, ns, request->name);
}

static struct request *free_place(struct bl_leases *leases)
{
	for (size_t i = 0; i < REQUESTS_MAX; i++)
		if (!leases->requests[i].fetch)
			return &leases->requests[i];
	return NULL;
}

static bool send_request(const struct bl_lease_request *told, void *userdata)
{
	static const char *const methods[] = {
		[BL_LEASE_LOOK] = "GET",
		[BL_LEASE_CREATE] = "POST",
		[BL_LEASE_UPDATE] = "PUT",
		[BL_LEASE_DELETE] = "DELETE",
	};
	struct bl_leases *leases = userdata;
	struct request *request = free_place(leases);
	char path[PATH_MAX_LEN];
	const struct bl_kube_request get = {
		.method = methods[told->act],
		.path = path,
		.body = told->body->data,
		.body_len = told->body->len,
		/* A write that is not done before we would give up is of no use. */
		.total_timeout_ms = leases->config.times.deadline_ms / 2,
	};

	if (!request)
		return false;
	write_path(leases, told, path);
	request->leases = leases;
	request->act = told->act;
	(void)snprintf(request->name, sizeof(request->name), "%s", told->name);
	request->fetch =
		bl_kube_fetch_start(leases->config.client, &get, on_replied, request, NULL);
	if (request->fetch && told->act != BL_LEASE_LOOK) {
		leases->info.writes++;
		leases->info.renewals +=
			!strncmp(told->name, BL_LEASE_HEARTBEAT, strlen(BL_LEASE_HEARTBEAT));
	}
	return request->fetch != NULL;
}

/* What follows from all that is known now. */
static void step(struct bl_leases *leases)
{
	void (*left)(void *) = leases->left;

	bl_lease_book_set_watching(leases->book,
				   bl_feed_info(leases->feed).state == BL_REFLECTOR_WATCHING);
	if (bl_lease_book_changed(leases->book, now_ms()))
		leases->config.changed(leases->config.userdata);
	bl_lease_book_turn(leases->book, now_ms(), now_us(CLOCK_REALTIME), send_request, leases);
	if (bl_lease_book_needs_list(leases->book, now_ms()))
		bl_feed_relist(leases->feed);
	if (left && bl_lease_book_has_left(leases->book)) {
		leases->left = NULL;
		left(leases->left_userdata);
	}
	schedule(leases);
}

static int on_timer(sd_event_source *timer, uint64_t usec, void *userdata)
{
	struct bl_leases *leases = userdata;

	(void)timer;
	(void)usec;
	if (!leases->started) {
		leases->started = true;
		bl_feed_start(leases->feed);
	}
	step(leases);
	return 0;
}

/* The watch */

static void settle(struct bl_leases *leases)
{
	wake_at(leases->timer, now_ms() + SETTLE_MS);
}

static void on_put(struct bl_object *object, void *userdata)
{
	struct bl_leases *leases = userdata;

	if (bl_lease_book_put(leases->book, (const struct bl_lease_object *)object, now_ms()) < 0)
		bl_feed_lose(leases->feed);
}

/* Nobody but an agent writes such Leases: one that cannot be read stays as it was known. */
static void on_refuse(const char *ns, const char *name, const struct bl_diag *diag, void *userdata)
{
	struct bl_leases *leases = userdata;
	char text[BL_ERR_TEXT];

	(void)ns;
	(void)snprintf(text, sizeof(text), "Lease '%s' cannot be read: %s", name,
		       diag->count ? diag->problems[0].text : "");
	leases->has_problem = true;
	leases->config.problem(text, leases->config.userdata);
}

static void on_remove(const char *ns, const char *name, void *userdata)
{
	struct bl_leases *leases = userdata;

	(void)ns;
	bl_lease_book_remove(leases->book, name, now_ms());
}

static bool saw(const char *name, void *userdata)
{
	const struct bl_leases *leases = userdata;

	return bl_feed_saw(leases->feed, leases->config.ns, name);
}

static void on_complete(void *userdata)
{
	struct bl_leases *leases = userdata;

	bl_lease_book_complete(leases->book, saw, leases, now_ms());
}

static void on_flush(void *userdata)
{
	struct bl_leases *leases = userdata;

	if (bl_feed_info(leases->feed).state != BL_REFLECTOR_WAITING)
		bl_lease_book_hear(leases->book, now_ms());
	settle(leases);
}

static void on_problem(const char *text, void *userdata)
{
	struct bl_leases *leases = userdata;
	char words[BL_ERR_TEXT];

	leases->watch_problem = text != NULL;
	if (!text && !leases->has_problem)
		leases->config.problem(NULL, leases->config.userdata);
	if (!text)
		return;
	(void)snprintf(words, sizeof(words), "Leases: %s", text);
	leases->config.problem(words, leases->config.userdata);
}

static int make_feed(struct bl_leases *leases)
{
	const struct bl_feed_config config = {
		.loop = leases->config.loop,
		.client = leases->config.client,
		.resource = {.kind = BL_KIND_LEASE,
			     .ns = leases->config.ns,
			     .label_selector = BL_LEASE_LABEL "=" BL_LEASE_LABEL_VALUE},
		.receiver = {.put = on_put,
			     .refuse = on_refuse,
			     .remove = on_remove,
			     .complete = on_complete,
			     .flush = on_flush,
			     .problem = on_problem,
			     .userdata = leases},
	};

	return bl_feed_new(&config, &leases->feed);
}

/* The set */

static int make_timer(struct bl_leases *leases)
{
	int r = sd_event_add_time(leases->config.loop, &leases->timer, CLOCK_MONOTONIC, 0, 1000,
				  on_timer, leases);

	return r < 0 ? r : sd_event_source_set_enabled(leases->timer, SD_EVENT_OFF);
}

int bl_leases_new(const struct bl_leases_config *config, struct bl_leases **ret)
{
	_cleanup_(bl_leases_free) struct bl_leases *leases = calloc(1, sizeof(*leases));
	struct bl_lease_book_config book = {
		.ns = config->ns,
		.identity = config->identity,
		.times = config->times,
	};
	int r;

	if (!leases)
		return -ENOMEM;
	leases->config = *config;
	(void)!getrandom(&book.seed, sizeof(book.seed), 0); /* eight bytes are never cut short */
	r = bl_lease_book_new(&book, &leases->book);
	if (r >= 0)
		r = make_timer(leases);
	if (r >= 0)
		r = make_feed(leases);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(leases);
	return 0;
}

struct bl_leases *bl_leases_free(struct bl_leases *leases)
{
	if (!leases)
		return NULL;
	for (size_t i = 0; i < REQUESTS_MAX; i++)
		(void)bl_kube_fetch_cancel(leases->requests[i].fetch);
	(void)bl_feed_free(leases->feed);
	sd_event_source_disable_unref(leases->timer);
	(void)bl_lease_book_free(leases->book);
	free(leases);
	return NULL;
}

int bl_leases_want(struct bl_leases *leases, const char *name, bool wanted)
{
	int r = bl_lease_book_want(leases->book, name, wanted, now_ms());

	settle(leases);
	return r;
}

void bl_leases_begin(struct bl_leases *leases)
{
	bl_lease_book_begin(leases->book);
}

void bl_leases_end(struct bl_leases *leases)
{
	bl_lease_book_end(leases->book);
	if (leases->started)
		settle(leases);
}

enum bl_lease_standing bl_leases_standing(const struct bl_leases *leases, const char *name)
{
	return bl_lease_book_standing(leases->book, name, now_ms());
}

bool bl_leases_may_act(const struct bl_leases *leases)
{
	return bl_lease_book_may_act(leases->book, now_ms());
}

const char *bl_leases_holder(const struct bl_leases *leases, const char *name)
{
	return bl_lease_book_holder(leases->book, name);
}

size_t bl_leases_held_count(const struct bl_leases *leases)
{
	return bl_lease_book_held_count(leases->book, now_ms());
}

void bl_leases_sweep(struct bl_leases *leases, bool (*needed)(const char *name, void *userdata),
		     void *userdata)
{
	bl_lease_book_sweep(leases->book, needed, userdata, now_ms());
	settle(leases);
}

void bl_leases_leave(struct bl_leases *leases, void (*left)(void *userdata), void *userdata)
{
	leases->left = left;
	leases->left_userdata = userdata;
	bl_lease_book_leave(leases->book);
	wake_at(leases->timer, 0);
}

struct bl_leases_info bl_leases_info(const struct bl_leases *leases)
{
	return leases->info;
}
