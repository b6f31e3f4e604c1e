/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "kube/leases.h"

#include <errno.h>
#include <json-c/json.h>
#include <string.h>
#include <time.h>

#include "base/map.h"
#include "kube/fetch.h"

#define PATH_MAX_LEN 1024
#define NAME_MAX_LEN 254
#define WRITES_MAX 16 /* under way at a time */
#define RBAC                                                                                       \
	"; a Role in namespace '%s' must give the agent the verbs 'list', 'create', 'update' and " \
	"'delete' on resource 'leases' in API group 'coordination.k8s.io'"

struct entry {
	struct bl_lease lease;
	struct bl_leases *leases;
	struct bl_kube_fetch *write;
	bool was_held; /* as `changed` was told last */
	bool named;    /* since bl_leases_begin */
	char name[NAME_MAX_LEN];
};

struct bl_leases {
	struct bl_leases_config config;
	struct bl_map *entries; /* name -> struct entry, owned */
	sd_event_source *timer;
	struct bl_kube_fetch *look;
	uint64_t look_ms; /* when it was sent */
	size_t writes;
	uint64_t told_ms; /* when the server last told us anything; 0: never */
	bool was_fresh;   /* as `changed` was told last */
	bool has_problem;
};

static uint64_t now_ms(const struct bl_leases *leases)
{
	uint64_t now = 0;

	(void)sd_event_now(leases->config.loop, CLOCK_MONOTONIC, &now);
	return now / 1000;
}

static void schedule(struct bl_leases *leases);

/* Problems */

static void say(struct bl_leases *leases, const char *what, const struct bl_kube_reply *reply)
{
	char text[BL_ERR_TEXT], rule[384] = "";

	if (reply->status == 403)
		(void)snprintf(rule, sizeof(rule), RBAC, leases->config.ns);
	(void)snprintf(text, sizeof(text), "cannot %s Leases: %s%s", what, reply->words, rule);
	leases->has_problem = true;
	leases->config.problem(text, leases->config.userdata);
}

static void be_well(struct bl_leases *leases)
{
	if (leases->has_problem)
		leases->config.problem(NULL, leases->config.userdata);
	leases->has_problem = false;
}

/* Changes */

static void note_changes(struct bl_leases *leases)
{
	uint64_t now = now_ms(leases);
	bool fresh = bl_leases_is_fresh(leases);
	bool changed = fresh != leases->was_fresh;
	size_t cursor = 0;
	void *value;

	while (bl_map_next(leases->entries, &cursor, NULL, NULL, &value)) {
		struct entry *entry = value;
		bool held = entry->lease.wanted && bl_lease_is_held(&entry->lease, now);

		changed |= held != entry->was_held;
		entry->was_held = held;
	}
	leases->was_fresh = fresh;
	if (changed)
		leases->config.changed(leases->config.userdata);
}

/* Entries that nobody wants, and that are not ours to delete any more. */
static void drop_unwanted(struct bl_leases *leases)
{
	bool again = true;

	while (again) {
		size_t cursor = 0;
		void *value;

		again = false;
		while (!again && bl_map_next(leases->entries, &cursor, NULL, NULL, &value)) {
			struct entry *entry = value;

			if (entry->lease.wanted || entry->lease.held || entry->lease.writing)
				continue;
			(void)bl_map_remove_str(leases->entries, entry->name);
			free(entry);
			again = true;
		}
	}
}

/* Writes */

static void on_written(const struct bl_kube_reply *reply, void *userdata)
{
	struct entry *entry = userdata;
	struct bl_leases *leases = entry->leases;
	bool deleted = entry->lease.deleting;

	entry->write = NULL;
	leases->writes--;
	bl_lease_wrote(&entry->lease, reply->status, reply->body, now_ms(leases));
	if (bl_kube_reply_is_good(reply) || reply->status == 409 || reply->status == 404)
		leases->told_ms = now_ms(leases);
	if (bl_kube_reply_is_good(reply))
		be_well(leases);
	else if (reply->status != 409 && reply->status != 404)
		say(leases, deleted ? "delete" : "write", reply);
	note_changes(leases);
	drop_unwanted(leases);
	schedule(leases);
}

static void write_lease(struct bl_leases *leases, struct entry *entry, enum bl_lease_act act)
{
	static const char *const methods[] = {
		[BL_LEASE_CREATE] = "POST",
		[BL_LEASE_UPDATE] = "PUT",
		[BL_LEASE_DELETE] = "DELETE",
	};
	_cleanup_(bl_buf_done) struct bl_buf body = {0};
	char path[PATH_MAX_LEN];
	struct bl_kube_request request = {
		.method = methods[act],
		.path = path,
		/* A write that is not done before we would give the Lease up is of no use. */
		.total_timeout_ms = leases->config.times.deadline_ms / 2,
	};
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	bl_lease_write(&entry->lease, act,
		       (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000, &body);
	(void)snprintf(path, sizeof(path), "/apis/coordination.k8s.io/v1/namespaces/%s/leases%s%s",
		       leases->config.ns, act == BL_LEASE_CREATE ? "" : "/",
		       act == BL_LEASE_CREATE ? "" : entry->name);
	request.body = body.data;
	request.body_len = body.len;
	if (!body.failed)
		entry->write = bl_kube_fetch_start(leases->config.client, &request, on_written,
						   entry, NULL);
	if (entry->write)
		leases->writes++;
	else
		bl_lease_wrote(&entry->lease, 0, NULL, now_ms(leases));
}

/* Looks */

static struct json_object *find_item(struct json_object *list, const char *name)
{
	struct json_object *items = NULL;

	if (!json_object_object_get_ex(list, "items", &items) ||
	    !json_object_is_type(items, json_type_array))
		return NULL;
	for (size_t i = 0; i < json_object_array_length(items); i++) {
		struct json_object *item = json_object_array_get_idx(items, i);
		const char *found = bl_kube_json_text(item, "metadata.name");

		if (found && !strcmp(found, name))
			return item;
	}
	return NULL;
}

static void on_looked(const struct bl_kube_reply *reply, void *userdata)
{
	struct bl_leases *leases = userdata;
	uint64_t now = now_ms(leases);
	size_t cursor = 0;
	void *value;

	leases->look = NULL;
	if (!bl_kube_reply_is_good(reply)) {
		say(leases, "list", reply);
		note_changes(leases);
		schedule(leases);
		return;
	}
	leases->told_ms = now;
	be_well(leases);
	while (bl_map_next(leases->entries, &cursor, NULL, NULL, &value)) {
		struct entry *entry = value;

		/* What was written since is newer than this list. */
		if (entry->lease.writing ||
		    (entry->lease.tried_ms && entry->lease.tried_ms >= leases->look_ms))
			continue;
		bl_lease_saw(&entry->lease, find_item(reply->body, entry->name), now);
	}
	note_changes(leases);
	schedule(leases);
}

static void look(struct bl_leases *leases)
{
	char path[PATH_MAX_LEN];
	const struct bl_kube_request request = {.method = "GET", .path = path};

	if (leases->look)
		return;
	(void)snprintf(path, sizeof(path),
		       "/apis/coordination.k8s.io/v1/namespaces/%s/leases?labelSelector="
		       "app.kubernetes.io%%2Fmanaged-by%%3Dbeeline",
		       leases->config.ns);
	leases->look_ms = now_ms(leases);
	leases->look =
		bl_kube_fetch_start(leases->config.client, &request, on_looked, leases, NULL);
}

/* Time */

static int on_timer(sd_event_source *timer, uint64_t usec, void *userdata)
{
	struct bl_leases *leases = userdata;
	uint64_t now = now_ms(leases);
	bool looks = false;
	size_t cursor = 0;
	void *value;

	(void)timer;
	(void)usec;
	while (bl_map_next(leases->entries, &cursor, NULL, NULL, &value)) {
		struct entry *entry = value;
		enum bl_lease_act act = leases->writes < WRITES_MAX
						? bl_lease_turn(&entry->lease, now)
						: BL_LEASE_NOTHING;

		if (act == BL_LEASE_LOOK)
			looks = true;
		else if (act != BL_LEASE_NOTHING)
			write_lease(leases, entry, act);
	}
	if (looks)
		look(leases);
	note_changes(leases);
	schedule(leases);
	return 0;
}

static void schedule(struct bl_leases *leases)
{
	uint64_t now = now_ms(leases), due = UINT64_MAX;
	size_t cursor = 0;
	void *value;

	while (bl_map_next(leases->entries, &cursor, NULL, NULL, &value)) {
		uint64_t at = bl_lease_due(&((struct entry *)value)->lease, now);

		due = at < due ? at : due;
	}
	/* With all writes under way the next end of one is what is waited for. */
	if (due == UINT64_MAX || (due <= now && leases->writes >= WRITES_MAX)) {
		(void)sd_event_source_set_enabled(leases->timer, SD_EVENT_OFF);
		return;
	}
	(void)sd_event_source_set_time(leases->timer, due * 1000);
	(void)sd_event_source_set_enabled(leases->timer, SD_EVENT_ONESHOT);
}

/* The set */

int bl_leases_new(const struct bl_leases_config *config, struct bl_leases **ret)
{
	_cleanup_(bl_leases_free) struct bl_leases *leases = calloc(1, sizeof(*leases));
	int r;

	if (!leases)
		return -ENOMEM;
	leases->config = *config;
	r = bl_map_new_borrowing(&leases->entries);
	if (r >= 0)
		r = sd_event_add_time(config->loop, &leases->timer, CLOCK_MONOTONIC, 0, 1000,
				      on_timer, leases);
	if (r >= 0)
		r = sd_event_source_set_enabled(leases->timer, SD_EVENT_OFF);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(leases);
	return 0;
}

struct bl_leases *bl_leases_free(struct bl_leases *leases)
{
	size_t cursor = 0;
	void *value;

	if (!leases)
		return NULL;
	(void)bl_kube_fetch_cancel(leases->look);
	while (leases->entries && bl_map_next(leases->entries, &cursor, NULL, NULL, &value)) {
		struct entry *entry = value;

		(void)bl_kube_fetch_cancel(entry->write);
		free(entry);
	}
	(void)bl_map_free(leases->entries);
	sd_event_source_disable_unref(leases->timer);
	free(leases);
	return NULL;
}

static struct entry *make_entry(struct bl_leases *leases, const char *name)
{
	struct entry *entry = calloc(1, sizeof(*entry));

	if (!entry)
		return NULL;
	(void)snprintf(entry->name, sizeof(entry->name), "%s", name);
	entry->leases = leases;
	entry->lease.name = entry->name;
	entry->lease.ns = leases->config.ns;
	entry->lease.identity = leases->config.identity;
	entry->lease.times = leases->config.times;
	if (bl_map_put_str(leases->entries, entry->name, entry, NULL) < 0) {
		free(entry);
		return NULL;
	}
	return entry;
}

int bl_leases_want(struct bl_leases *leases, const char *name, bool wanted)
{
	struct entry *entry = bl_map_get_str(leases->entries, name);

	if (!entry && !wanted)
		return 0;
	if (!entry)
		entry = make_entry(leases, name);
	if (!entry)
		return -ENOMEM;
	entry->named = wanted;
	if (entry->lease.wanted == wanted)
		return 0;
	entry->lease.wanted = wanted;
	entry->lease.next_ms = 0;
	schedule(leases);
	return 0;
}

void bl_leases_begin(struct bl_leases *leases)
{
	size_t cursor = 0;
	void *value;

	while (bl_map_next(leases->entries, &cursor, NULL, NULL, &value))
		((struct entry *)value)->named = false;
}

void bl_leases_end(struct bl_leases *leases)
{
	size_t cursor = 0;
	void *value;

	while (bl_map_next(leases->entries, &cursor, NULL, NULL, &value)) {
		struct entry *entry = value;

		if (!entry->named && entry->lease.wanted) {
			entry->lease.wanted = false;
			entry->lease.next_ms = 0;
		}
	}
	drop_unwanted(leases);
	schedule(leases);
}

bool bl_leases_is_held(const struct bl_leases *leases, const char *name)
{
	const struct entry *entry = bl_map_get_str(leases->entries, name);

	return entry && entry->lease.wanted && bl_lease_is_held(&entry->lease, now_ms(leases));
}

const char *bl_leases_holder(const struct bl_leases *leases, const char *name)
{
	const struct entry *entry = bl_map_get_str(leases->entries, name);

	return entry && entry->lease.exists && entry->lease.holder[0] ? entry->lease.holder : NULL;
}

bool bl_leases_is_fresh(const struct bl_leases *leases)
{
	return leases->told_ms &&
	       now_ms(leases) < leases->told_ms + leases->config.times.duration_ms;
}

size_t bl_leases_held_count(const struct bl_leases *leases)
{
	size_t cursor = 0, count = 0;
	void *value;

	while (bl_map_next(leases->entries, &cursor, NULL, NULL, &value))
		count += ((struct entry *)value)->was_held;
	return count;
}
