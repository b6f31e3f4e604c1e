/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "source/kubernetes.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "base/map.h"
#include "kube/reflector.h"
#include "model/service.h"

#define BATCH_MAX 256u
#define NODE_SUBJECT "kubernetes: own node"

const char bl_source_cluster[] = "the cluster";

struct kubernetes;

struct follower {
	struct kubernetes *kubernetes;
	struct bl_reflector *reflector;
	struct bl_kube_call *call; /* NULL: none */
	sd_event_source *timer;
	enum bl_kind kind;
	bool started;
	bool optional; /* not waited for when it cannot be had */
	bool lost;     /* memory was short: only a new list helps */
	char *selector;
};

struct kubernetes {
	struct bl_source source;
	struct bl_kube_client *client;
	char *node_name;
	sd_event *loop;
	struct follower followers[BL_SOURCE_KINDS];
	bool synced;
	bool node_missing;
	struct bl_map *refused; /* subject -> anything: objects with a problem */
	/* The batch in hand: either puts or removals. */
	struct bl_object_list puts;
	struct bl_source_name removals[BATCH_MAX]; /* strings are owned */
	size_t removal_count;
};

static uint64_t now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* Batches */

static void free_name(struct bl_source_name *name)
{
	free((void *)(uintptr_t)name->ns);
	free((void *)(uintptr_t)name->name);
}

static void deliver(struct kubernetes *kubernetes, bool full)
{
	struct bl_source *source = &kubernetes->source;
	const struct bl_source_batch batch = {
		.upserts = kubernetes->puts.items,
		.upsert_count = kubernetes->puts.count,
		.removals = kubernetes->removals,
		.removal_count = kubernetes->removal_count,
		.full = full,
		.admitted = true,
	};

	if (!batch.upsert_count && !batch.removal_count && !full)
		return;
	source->handler.deliver(source, &batch, source->handler.userdata);
	bl_object_list_done(&kubernetes->puts);
	for (size_t i = 0; i < kubernetes->removal_count; i++)
		free_name(&kubernetes->removals[i]);
	kubernetes->removal_count = 0;
}

static void on_flush(void *userdata)
{
	deliver(((struct follower *)userdata)->kubernetes, false);
}

/* Problems */

static void report(struct kubernetes *kubernetes, const char *subject, enum bl_severity severity,
		   const char *text)
{
	struct bl_source *source = &kubernetes->source;
	struct bl_diag diag = BL_DIAG_INIT;

	if (text)
		bl_diag_add(&diag, severity, NULL, NULL, "%s", text);
	if (source->handler.report)
		source->handler.report(source, subject, &diag, source->handler.userdata);
	bl_diag_done(&diag);
}

static void check_full(struct kubernetes *kubernetes);

static void on_problem(const char *text, void *userdata)
{
	struct follower *follower = userdata;
	struct kubernetes *kubernetes = follower->kubernetes;
	bool synced = bl_reflector_info(follower->reflector).synced;
	char subject[64], words[1200];

	(void)snprintf(subject, sizeof(subject), "kubernetes: %s",
		       bl_kind_info(follower->kind)->plural);
	(void)snprintf(words, sizeof(words), "%s%s", text ? text : "",
		       synced ? "; what is in force stays so until that works" : "");
	report(kubernetes, subject, synced ? BL_SEVERITY_WARNING : BL_SEVERITY_ERROR,
	       text ? words : NULL);
	if (text && follower->optional)
		check_full(kubernetes);
}

static void label_of(enum bl_kind kind, const char *ns, const char *name, char *buffer, size_t size)
{
	(void)snprintf(buffer, size, "%s '%s%s%s'", bl_kind_info(kind)->singular, ns ? ns : "",
		       ns ? "/" : "", name);
}

static void forget_refused(struct kubernetes *kubernetes, enum bl_kind kind, const char *ns,
			   const char *name)
{
	char label[400];

	if (!bl_map_count(kubernetes->refused))
		return;
	label_of(kind, ns, name, label, sizeof(label));
	if (bl_map_remove_str(kubernetes->refused, label))
		report(kubernetes, label, BL_SEVERITY_ERROR, NULL);
}

static void on_refuse(const char *ns, const char *name, const struct bl_diag *diag, void *userdata)
{
	struct follower *follower = userdata;
	struct kubernetes *kubernetes = follower->kubernetes;
	struct bl_source *source = &kubernetes->source;
	char label[400];

	label_of(follower->kind, ns, name, label, sizeof(label));
	/* Without memory it is reported, but goes on being so. */
	(void)bl_map_put_str(kubernetes->refused, label, kubernetes, NULL);
	if (source->handler.report)
		source->handler.report(source, label, diag, source->handler.userdata);
}

/* Objects */

static void set_node_missing(struct kubernetes *kubernetes, bool missing)
{
	char text[400];

	if (kubernetes->node_missing == missing)
		return;
	kubernetes->node_missing = missing;
	(void)snprintf(text, sizeof(text),
		       "the cluster has no Node '%s': no endpoint is known to be on this node; "
		       "give the Node's name with --node-name",
		       kubernetes->node_name);
	report(kubernetes, NODE_SUBJECT, BL_SEVERITY_WARNING, missing ? text : NULL);
}

static void start_follower(struct follower *follower)
{
	if (follower->started)
		return;
	follower->started = true;
	bl_reflector_start(follower->reflector, now_ms());
}

static struct follower *follower_of(struct kubernetes *kubernetes, enum bl_kind kind)
{
	for (size_t i = 0; i < BL_SOURCE_KINDS; i++)
		if (kubernetes->followers[i].kind == kind)
			return &kubernetes->followers[i];
	return NULL;
}

/* Those that the rest waits for. The first goes alone, so that they find its connection and share
 * it where the server speaks HTTP/2. */
static void start_needed(struct kubernetes *kubernetes)
{
	for (size_t i = 0; i < BL_SOURCE_KINDS; i++)
		if (!kubernetes->followers[i].optional)
			start_follower(&kubernetes->followers[i]);
}

static void on_put(struct bl_object *object, void *userdata)
{
	struct follower *follower = userdata;
	struct kubernetes *kubernetes = follower->kubernetes;

	object->origin = (struct bl_pos){.file = bl_source_cluster};
	if (kubernetes->removal_count || kubernetes->puts.count >= BATCH_MAX)
		deliver(kubernetes, false);
	forget_refused(kubernetes, object->kind, object->meta.ns, object->meta.name);
	if (object->kind == BL_KIND_NODE && !strcmp(object->meta.name, kubernetes->node_name))
		set_node_missing(kubernetes, false);
	if (object->kind == BL_KIND_SERVICE &&
	    bl_service_of(object)->spec.session_affinity == BL_SESSION_AFFINITY_CLIENT_IP)
		start_follower(follower_of(kubernetes, BL_KIND_POD));
	if (bl_object_list_add_take(&kubernetes->puts, bl_object_ref(object)) < 0)
		follower->lost = true;
}

static void on_remove(const char *ns, const char *name, void *userdata)
{
	struct follower *follower = userdata;
	struct kubernetes *kubernetes = follower->kubernetes;
	struct bl_source_name copy = {.kind = follower->kind};

	if (kubernetes->puts.count || kubernetes->removal_count == BATCH_MAX)
		deliver(kubernetes, false);
	forget_refused(kubernetes, follower->kind, ns, name);
	copy.ns = ns ? strdup(ns) : NULL;
	copy.name = strdup(name);
	if ((ns && !copy.ns) || !copy.name) {
		free_name(&copy);
		follower->lost = true;
		return;
	}
	kubernetes->removals[kubernetes->removal_count++] = copy;
	if (follower->kind == BL_KIND_NODE && !strcmp(name, kubernetes->node_name))
		set_node_missing(kubernetes, true);
}

static void check_full(struct kubernetes *kubernetes)
{
	if (kubernetes->synced)
		return;
	for (size_t i = 0; i < BL_SOURCE_KINDS; i++) {
		const struct follower *follower = &kubernetes->followers[i];
		struct bl_reflector_info info = bl_reflector_info(follower->reflector);

		if (info.synced || (follower->optional && (!follower->started || info.problem)))
			continue;
		return;
	}
	kubernetes->synced = true;
	deliver(kubernetes, true);
}

/* The label of an object with a problem that the list did not have. False: there is none. */
static bool find_gone_refused(const struct follower *follower, char label[static 400])
{
	const char *singular = bl_kind_info(follower->kind)->singular;
	size_t cursor = 0, len, start = strlen(singular) + 2;
	const void *key;

	while (bl_map_next(follower->kubernetes->refused, &cursor, &key, &len, NULL)) {
		char names[400], *slash;

		if (len <= start || len >= sizeof(names) || memcmp(key, singular, start - 2) != 0 ||
		    memcmp((const char *)key + start - 2, " '", 2) != 0)
			continue;
		(void)snprintf(label, 400, "%.*s", (int)len, (const char *)key);
		(void)snprintf(names, sizeof(names), "%.*s", (int)(len - start - 1), label + start);
		slash = strchr(names, '/');
		if (slash)
			*slash = '\0';
		if (!bl_reflector_saw(follower->reflector, slash ? names : NULL,
				      slash ? slash + 1 : names))
			return true;
	}
	return false;
}

/* A list is complete: what is in force and was not in it is gone, as is what was refused. */
static void on_complete(void *userdata)
{
	struct follower *follower = userdata;
	struct kubernetes *kubernetes = follower->kubernetes;
	struct bl_source *source = &kubernetes->source;
	_cleanup_free_ const struct bl_object **items = NULL;
	char label[400];
	size_t count = 0;

	deliver(kubernetes, false);
	while (find_gone_refused(follower, label) && bl_map_remove_str(kubernetes->refused, label))
		report(kubernetes, label, BL_SEVERITY_ERROR, NULL);
	if (source->handler.in_force(source, follower->kind, &items, &count,
				     source->handler.userdata) < 0)
		count = 0; /* no memory: what is gone stays until the next list */
	for (size_t i = 0; i < count; i++) {
		const struct bl_meta *meta = &items[i]->meta;

		if (items[i]->origin.file == bl_source_cluster &&
		    !bl_reflector_saw(follower->reflector, meta->ns, meta->name)) {
			/* Delivering frees it. */
			if (kubernetes->removal_count == BATCH_MAX)
				deliver(kubernetes, false);
			on_remove(meta->ns, meta->name, follower);
		}
	}
	deliver(kubernetes, false);
	if (follower->kind == BL_KIND_NODE)
		set_node_missing(kubernetes, !bl_reflector_saw(follower->reflector, NULL,
							       kubernetes->node_name));
	check_full(kubernetes);
}

/* Calls and clocks */

static int on_head(struct bl_kube_call *call, int status, uint64_t retry_after_ms, void *userdata)
{
	struct follower *follower = userdata;

	(void)call;
	(void)retry_after_ms; /* comes again at the end */
	start_needed(follower->kubernetes);
	bl_reflector_head(follower->reflector, status, now_ms());
	return 0;
}

/* Not while the reflector is at work. */
static bool make_up_for_lost(struct follower *follower)
{
	if (!follower->lost)
		return false;
	follower->lost = false;
	bl_reflector_relist(follower->reflector, now_ms());
	return true;
}

static int on_data(struct bl_kube_call *call, const void *bytes, size_t len, void *userdata)
{
	struct follower *follower = userdata;
	int r = bl_reflector_data(follower->reflector, bytes, len, now_ms());

	(void)call;
	return make_up_for_lost(follower) ? 0 : r;
}

static void on_done(struct bl_kube_call *call, const struct bl_kube_outcome *outcome,
		    void *userdata)
{
	struct follower *follower = userdata;

	(void)call;
	follower->call = NULL;
	start_needed(follower->kubernetes);
	bl_reflector_end(follower->reflector, outcome, now_ms());
	(void)make_up_for_lost(follower);
}

static int on_send(const struct bl_reflector_get *get, void *userdata, struct bl_err *err)
{
	struct follower *follower = userdata;
	const struct bl_kube_request request = {
		.method = "GET",
		.path = get->path,
		.compressed = get->compressed,
		.idle_timeout_ms = get->idle_timeout_ms,
		.total_timeout_ms = get->total_timeout_ms,
	};
	const struct bl_kube_handler handler = {on_head, on_data, on_done, follower};

	follower->call = bl_kube_send(follower->kubernetes->client, &request, &handler, err);
	if (follower->call)
		return 0;
	return err->code ? err->code : -EIO;
}

static void on_cancel(void *userdata)
{
	struct follower *follower = userdata;

	follower->call = bl_kube_call_cancel(follower->call);
}

static int on_timer(sd_event_source *timer, uint64_t usec, void *userdata)
{
	struct follower *follower = userdata;

	(void)timer;
	(void)usec;
	bl_reflector_wake(follower->reflector, now_ms());
	return 0;
}

static void on_wake_at(uint64_t at_ms, void *userdata)
{
	struct follower *follower = userdata;

	if (at_ms == UINT64_MAX) {
		(void)sd_event_source_set_enabled(follower->timer, SD_EVENT_OFF);
		return;
	}
	(void)sd_event_source_set_time(follower->timer, (at_ms + 1) * 1000);
	(void)sd_event_source_set_enabled(follower->timer, SD_EVENT_ONESHOT);
}

static uint32_t on_random(void *userdata)
{
	uint32_t value = 0;

	(void)userdata;
	/* Four bytes are never cut short. */
	(void)!getrandom(&value, sizeof(value), 0);
	return value;
}

/* The source */

static int start(struct bl_source *source, sd_event *loop, struct bl_err *err)
{
	struct kubernetes *kubernetes = (struct kubernetes *)source;

	kubernetes->loop = sd_event_ref(loop);
	for (size_t i = 0; i < BL_SOURCE_KINDS; i++) {
		struct follower *follower = &kubernetes->followers[i];
		int r = sd_event_add_time_relative(loop, &follower->timer, CLOCK_MONOTONIC, 0, 0,
						   on_timer, follower);

		if (r >= 0)
			r = sd_event_source_set_enabled(follower->timer, SD_EVENT_OFF);
		if (r < 0)
			return bl_err_set(err, r, "cannot follow the cluster: %s", strerror(-r));
	}
	start_follower(&kubernetes->followers[0]);
	return 0;
}

static void rescan(struct bl_source *source)
{
	struct kubernetes *kubernetes = (struct kubernetes *)source;

	for (size_t i = 0; i < BL_SOURCE_KINDS; i++)
		if (kubernetes->followers[i].started)
			bl_reflector_relist(kubernetes->followers[i].reflector, now_ms());
}

static struct bl_source_kind info_of(const struct follower *follower, uint64_t now)
{
	struct bl_reflector_info info = bl_reflector_info(follower->reflector);
	bool waits = info.state == BL_REFLECTOR_WAITING;

	return (struct bl_source_kind){
		.kind = follower->kind,
		.state = bl_reflector_state_name(info.state),
		.synced = info.synced,
		.problem = info.problem,
		.retry_ms = waits && info.wake_ms > now ? info.wake_ms - now : 0,
		.last_event_ms = info.last_event_ms ? now - info.last_event_ms : UINT64_MAX,
		.lists = info.lists,
		.watches = info.watches,
		.events = info.events,
		.retries = info.retries,
		.refused = info.refused,
	};
}

static size_t count_objects(const struct kubernetes *kubernetes, enum bl_kind kind)
{
	struct bl_source *source = (struct bl_source *)(uintptr_t)&kubernetes->source;
	size_t count = 0;

	(void)source->handler.in_force(source, kind, NULL, &count, source->handler.userdata);
	return count;
}

static struct bl_source_info info(const struct bl_source *source)
{
	const struct kubernetes *kubernetes = (const struct kubernetes *)source;
	struct bl_source_info ret = {
		.name = "kubernetes",
		.path = bl_kube_client_info(kubernetes->client).server,
		.synced = kubernetes->synced,
		.problems = bl_map_count(kubernetes->refused) + kubernetes->node_missing,
	};
	uint64_t now = now_ms();

	for (size_t i = 0; i < BL_SOURCE_KINDS; i++) {
		const struct follower *follower = &kubernetes->followers[i];

		if (!follower->started)
			continue;
		ret.kinds[ret.kind_count] = info_of(follower, now);
		ret.problems += ret.kinds[ret.kind_count++].problem != NULL;
		ret.objects += count_objects(kubernetes, follower->kind);
	}
	return ret;
}

static void kubernetes_free(struct bl_source *source)
{
	struct kubernetes *kubernetes = (struct kubernetes *)source;

	for (size_t i = 0; i < BL_SOURCE_KINDS; i++) {
		struct follower *follower = &kubernetes->followers[i];

		bl_kube_call_cancel(follower->call);
		sd_event_source_disable_unref(follower->timer);
		bl_reflector_free(follower->reflector);
		free(follower->selector);
	}
	bl_object_list_done(&kubernetes->puts);
	for (size_t i = 0; i < kubernetes->removal_count; i++)
		free_name(&kubernetes->removals[i]);
	bl_map_free(kubernetes->refused);
	sd_event_unref(kubernetes->loop);
	free(kubernetes->node_name);
	free(kubernetes);
}

static const struct bl_source_ops kubernetes_ops = {
	.start = start,
	.rescan = rescan,
	.info = info,
	.free = kubernetes_free,
};

static const struct {
	enum bl_kind kind;
	const char *field; /* that must be the name of this node */
	bool of_services;
	bool optional;
} rows[BL_SOURCE_KINDS] = {
	{.kind = BL_KIND_SERVICE, .of_services = true},
	{.kind = BL_KIND_ENDPOINT_SLICE, .of_services = true},
	{.kind = BL_KIND_NODE, .field = "metadata.name"},
	{.kind = BL_KIND_POD, .field = "spec.nodeName", .optional = true},
};

static int make_follower(struct kubernetes *kubernetes, size_t index,
			 const struct bl_kubernetes_config *asked)
{
	bool all_of_kind = rows[index].kind == BL_KIND_NODE && asked->all_nodes;
	struct follower *follower = &kubernetes->followers[index];
	struct bl_reflector_config config = {
		.resource = {.kind = rows[index].kind},
		.ops = {.send = on_send,
			.cancel = on_cancel,
			.wake_at = on_wake_at,
			.random = on_random,
			.put = on_put,
			.refuse = on_refuse,
			.remove = on_remove,
			.complete = on_complete,
			.flush = on_flush,
			.problem = on_problem},
		.userdata = follower,
	};

	follower->kubernetes = kubernetes;
	follower->kind = rows[index].kind;
	follower->optional = rows[index].optional;
	if (rows[index].of_services && !asked->all_services)
		config.resource.label_selector = BL_KUBE_PROXIED_SELECTOR;
	if (rows[index].field && !all_of_kind &&
	    asprintf(&follower->selector, "%s=%s", rows[index].field, kubernetes->node_name) < 0) {
		follower->selector = NULL;
		return -ENOMEM;
	}
	config.resource.field_selector = follower->selector;
	return bl_reflector_new(&config, &follower->reflector);
}

int bl_kubernetes_new(const struct bl_kubernetes_config *config,
		      const struct bl_source_handler *handler, struct bl_source **ret)
{
	struct kubernetes *kubernetes = calloc(1, sizeof(*kubernetes));
	int r;

	assert(handler->in_force);
	if (!kubernetes)
		return -ENOMEM;
	kubernetes->source = (struct bl_source){.ops = &kubernetes_ops, .handler = *handler};
	kubernetes->client = config->client;
	kubernetes->node_name = strdup(config->node_name);
	r = kubernetes->node_name ? bl_map_new(&kubernetes->refused) : -ENOMEM;
	for (size_t i = 0; r >= 0 && i < BL_SOURCE_KINDS; i++)
		r = make_follower(kubernetes, i, config);
	if (r < 0) {
		kubernetes_free(&kubernetes->source);
		return r;
	}
	*ret = &kubernetes->source;
	return 0;
}
