/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "source/kubernetes.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <time.h>

#include "base/map.h"
#include "kube/feed.h"
#include "model/service.h"

#define BATCH_MAX 256u
#define NODE_SUBJECT "kubernetes: own node"

const char bl_source_cluster[] = "the cluster";

struct kubernetes;

struct follower {
	struct kubernetes *kubernetes;
	struct bl_feed *feed;
	enum bl_kind kind;
	bool started;
	bool optional; /* not waited for when it cannot be had */
	char *selector;
};

struct kubernetes {
	struct bl_source source;
	struct bl_kube_client *client;
	char *node_name;
	bool all_services;
	bool all_nodes;
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
	bool synced = bl_feed_info(follower->feed).synced;
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
	bl_feed_start(follower->feed);
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
		bl_feed_lose(follower->feed);
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
		bl_feed_lose(follower->feed);
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
		struct bl_reflector_info info = bl_feed_info(follower->feed);

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
		if (!bl_feed_saw(follower->feed, slash ? names : NULL, slash ? slash + 1 : names))
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
		    !bl_feed_saw(follower->feed, meta->ns, meta->name)) {
			/* Delivering frees it. */
			if (kubernetes->removal_count == BATCH_MAX)
				deliver(kubernetes, false);
			on_remove(meta->ns, meta->name, follower);
		}
	}
	deliver(kubernetes, false);
	if (follower->kind == BL_KIND_NODE)
		set_node_missing(kubernetes,
				 !bl_feed_saw(follower->feed, NULL, kubernetes->node_name));
	check_full(kubernetes);
}

/* The source */

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

static void on_answered(void *userdata)
{
	start_needed(((struct follower *)userdata)->kubernetes);
}

static int make_feed(struct kubernetes *kubernetes, size_t index, sd_event *loop)
{
	bool all_of_kind = rows[index].kind == BL_KIND_NODE && kubernetes->all_nodes;
	struct follower *follower = &kubernetes->followers[index];
	struct bl_feed_config config = {
		.loop = loop,
		.client = kubernetes->client,
		.resource = {.kind = rows[index].kind},
		.receiver = {.put = on_put,
			     .refuse = on_refuse,
			     .remove = on_remove,
			     .complete = on_complete,
			     .flush = on_flush,
			     .problem = on_problem,
			     .userdata = follower},
		.answered = on_answered,
	};

	if (rows[index].of_services && !kubernetes->all_services)
		config.resource.label_selector = BL_KUBE_PROXIED_SELECTOR;
	if (rows[index].field && !all_of_kind &&
	    asprintf(&follower->selector, "%s=%s", rows[index].field, kubernetes->node_name) < 0) {
		follower->selector = NULL;
		return -ENOMEM;
	}
	config.resource.field_selector = follower->selector;
	return bl_feed_new(&config, &follower->feed);
}

static int start(struct bl_source *source, sd_event *loop, struct bl_err *err)
{
	struct kubernetes *kubernetes = (struct kubernetes *)source;

	for (size_t i = 0; i < BL_SOURCE_KINDS; i++) {
		int r = make_feed(kubernetes, i, loop);

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
			bl_feed_relist(kubernetes->followers[i].feed);
}

static struct bl_source_kind info_of(const struct follower *follower, uint64_t now)
{
	struct bl_reflector_info info = bl_feed_info(follower->feed);
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

		(void)bl_feed_free(follower->feed);
		free(follower->selector);
	}
	bl_object_list_done(&kubernetes->puts);
	for (size_t i = 0; i < kubernetes->removal_count; i++)
		free_name(&kubernetes->removals[i]);
	bl_map_free(kubernetes->refused);
	free(kubernetes->node_name);
	free(kubernetes);
}

static const struct bl_source_ops kubernetes_ops = {
	.start = start,
	.rescan = rescan,
	.info = info,
	.free = kubernetes_free,
};

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
	kubernetes->all_services = config->all_services;
	kubernetes->all_nodes = config->all_nodes;
	for (size_t i = 0; i < BL_SOURCE_KINDS; i++)
		kubernetes->followers[i] = (struct follower){
			.kubernetes = kubernetes,
			.kind = rows[i].kind,
			.optional = rows[i].optional,
		};
	kubernetes->node_name = strdup(config->node_name);
	r = kubernetes->node_name ? bl_map_new(&kubernetes->refused) : -ENOMEM;
	if (r < 0) {
		kubernetes_free(&kubernetes->source);
		return r;
	}
	*ret = &kubernetes->source;
	return 0;
}
