/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The whole way from a server's wire to batches of objects: recordings over HTTP/1.1 and HTTP/2. */
#include <criterion/criterion.h>
#include <string.h>

#include "asking.h"
#include "base/map.h"
#include "source/kubernetes.h"

struct receiver {
	struct bl_map *objects; /* "kind/ns/name" -> struct bl_object */
	struct bl_buf reports;
	size_t full;
	size_t before_full; /* objects that came before */
};

static const unsigned int wires[] = {0, FAULT_TLS | FAULT_HTTP1, FAULT_TLS};

static const char *key_of(enum bl_kind kind, const char *ns, const char *name)
{
	static char key[600];

	(void)snprintf(key, sizeof(key), "%s/%s/%s", bl_kind_info(kind)->singular, ns ? ns : "",
		       name);
	return key;
}

static void on_deliver(struct bl_source *source, const struct bl_source_batch *batch,
		       void *userdata)
{
	struct receiver *receiver = userdata;

	(void)source;
	cr_assert(batch->admitted);
	for (size_t i = 0; i < batch->removal_count; i++) {
		const struct bl_source_name *name = &batch->removals[i];

		bl_object_unref(bl_map_remove_str(receiver->objects,
						  key_of(name->kind, name->ns, name->name)));
	}
	for (size_t i = 0; i < batch->upsert_count; i++) {
		struct bl_object *object = batch->upserts[i];
		void *old = NULL;

		cr_assert_eq(object->origin.file, bl_source_cluster);
		cr_assert_eq(
			bl_map_put_str(receiver->objects,
				       key_of(object->kind, object->meta.ns, object->meta.name),
				       bl_object_ref(object), &old),
			0);
		bl_object_unref(old);
	}
	if (batch->full && !receiver->full++)
		receiver->before_full = bl_map_count(receiver->objects);
}

static void on_report(struct bl_source *source, const char *subject, const struct bl_diag *diag,
		      void *userdata)
{
	struct receiver *receiver = userdata;

	(void)source;
	bl_buf_addf(&receiver->reports, "%s: %s;\n", subject,
		    diag->count ? diag->problems[0].text : "ok");
}

static int in_force(struct bl_source *source, enum bl_kind kind,
		    const struct bl_object ***ret_items, size_t *ret_count, void *userdata)
{
	struct receiver *receiver = userdata;
	const struct bl_object **items =
		calloc(bl_map_count(receiver->objects) + 1, sizeof(*items));
	size_t cursor = 0, count = 0;
	void *object;

	(void)source;
	while (bl_map_next(receiver->objects, &cursor, NULL, NULL, &object))
		if (((const struct bl_object *)object)->kind == kind)
			items[count++] = object;
	if (ret_items)
		*ret_items = items;
	else
		free(items);
	*ret_count = count;
	return 0;
}

struct play {
	struct fault_server *server;
	struct asking asking;
	struct receiver receiver;
	struct bl_source *source;
};

/* Of one kind: no streamed lists, its list, and `watch` as what comes after. */
static void add_kind(struct bl_buf *rules, const char *path, const char *list, const char *watch)
{
	bl_buf_addf(rules,
		    "{'path':'%s','query':{'sendInitialEvents':'true'},'answer':{'recording':"
		    "'errors/422-sendInitialEvents-without-match.http'}},",
		    path);
	bl_buf_addf(rules,
		    "{'path':'%s','query':{'limit':'500'},'answer':{'file':'list/%s.json',"
		    "'pieces':900,'seed':5}},",
		    path, list);
	bl_buf_addf(rules, "{'path':'%s','query':{'watch':'1'},'answer':{%s,'stream':'%s'}},", path,
		    watch, list);
}

static void rules(struct play *play, const char *services_watch, const char *nodes,
		  const char *pods)
{
	struct bl_buf text = {0};

	bl_buf_addf(&text, "%s%s%s", services_watch, nodes, pods);
	add_kind(&text, "/api/v1/services", "services",
		 "'file':'watch/services.jsonl','pieces':300,'seed':7");
	add_kind(&text, "/apis/discovery.k8s.io/v1/endpointslices", "endpointslices",
		 "'file':'watch/endpointslices.jsonl','pieces':5000,'seed':9");
	add_kind(&text, "/api/v1/nodes", "nodes.field-selector", "'body':''");
	add_kind(&text, "/api/v1/pods", "pods.field-selector", "'body':''");
	text.data[text.len - 1] = '\0'; /* the last comma */
	fault_server_tell(play->server, "{'do':'rules','rules':[%s]}", text.data);
	bl_buf_done(&text);
}

static void begin(struct play *play, unsigned int flags, const char *services_watch,
		  const char *nodes, const char *pods)
{
	const struct bl_source_handler handler = {
		.deliver = on_deliver,
		.report = on_report,
		.in_force = in_force,
		.userdata = &play->receiver,
	};
	struct bl_kubernetes_config config = {.node_name = "node-a"};
	struct bl_err err = {0};

	*play = (struct play){.server = fault_server_start(flags)};
	rules(play, services_watch, nodes, pods);
	asking_init(&play->asking, play->server);
	asking_connect(&play->asking);
	config.client = play->asking.client;
	cr_assert_eq(bl_map_new(&play->receiver.objects), 0);
	cr_assert_eq(bl_kubernetes_new(&config, &handler, &play->source), 0);
	cr_assert_eq(bl_source_start(play->source, play->asking.loop, &err), 0, "%s", err.text);
}

static void finish(struct play *play)
{
	size_t cursor = 0;
	void *object;

	bl_source_free(play->source);
	while (bl_map_next(play->receiver.objects, &cursor, NULL, NULL, &object))
		bl_object_unref(object);
	bl_map_free(play->receiver.objects);
	bl_buf_done(&play->receiver.reports);
	asking_done(&play->asking);
	fault_server_stop(play->server);
}

static bool has(const struct play *play, enum bl_kind kind, const char *ns, const char *name)
{
	return bl_map_get_str(play->receiver.objects, key_of(kind, ns, name));
}

/* What STEPS.txt says was done while the watches were recorded. */
static bool is_at_the_end(const struct play *play)
{
	return play->receiver.full && !has(play, BL_KIND_SERVICE, "shop", "sctp") &&
	       has(play, BL_KIND_SERVICE, "shop", "clusterip") &&
	       has(play, BL_KIND_ENDPOINT_SLICE, "shop", "no-selector-hand") &&
	       has(play, BL_KIND_NODE, NULL, "node-a") &&
	       bl_source_info(play->source).kinds[1].events > 100;
}

static bool wait_for(struct play *play, bool (*done)(const struct play *play), unsigned int ms)
{
	for (unsigned int waited = 0; waited < ms && !done(play); waited += 20)
		ask_run(&play->asking, 20);
	return done(play);
}

static bool is_full(const struct play *play)
{
	return play->receiver.full;
}

static const char *reports(const struct play *play)
{
	return play->receiver.reports.data ? play->receiver.reports.data : "";
}

Test(source_kubernetes, recordings_give_their_end_state_over_every_wire, .timeout = 600)
{
	for (size_t i = 0; i < ARRAY_SIZE(wires); i++) {
		struct bl_source_info info;
		struct play play;

		begin(&play, wires[i], "", "", "");
		cr_assert(wait_for(&play, is_at_the_end, 8000), "%s", reports(&play));
		info = bl_source_info(play.source);
		cr_expect_eq(play.receiver.full, 1);
		cr_expect_str_eq(reports(&play), "");
		cr_expect_eq(info.kind_count, 4, "pods too: a Service has affinity");
		for (size_t k = 0; k < info.kind_count; k++)
			cr_expect_str_eq(info.kinds[k].state, "watching");
		if (wires[i] == FAULT_TLS)
			cr_expect_eq(bl_kube_client_info(play.asking.client).connections, 1,
				     "all over one connection");
		finish(&play);
	}
}

Test(source_kubernetes, a_watch_that_breaks_off_goes_on_to_the_same_end, .timeout = 600)
{
	static const char *const ends[] = {"cut", "reset"};

	for (size_t i = 0; i < ARRAY_SIZE(wires) * ARRAY_SIZE(ends); i++) {
		struct play play;
		char rule[400];

		(void)snprintf(rule, sizeof(rule),
			       "{'path':'/api/v1/services','query':{'watch':'1',"
			       "'sendInitialEvents':null},'times':1,'answer':{'file':'watch/"
			       "services.jsonl','cut_at':%zu,'after':'%s'}},",
			       3000 + i * 777, ends[i % 2]);
		begin(&play, wires[i / 2], rule, "", "");
		cr_assert(wait_for(&play, is_at_the_end, 8000), "%s", reports(&play));
		cr_expect_eq(play.receiver.full, 1);
		finish(&play);
	}
}

Test(source_kubernetes, the_list_is_full_only_with_every_kind, .timeout = 600)
{
	struct play play;

	begin(&play, 0, "",
	      "{'path':'/api/v1/nodes','times':2,'answer':{'recording':'errors/"
	      "403-list-nodes.http'}},",
	      "");
	ask_run(&play.asking, 700);
	cr_expect_eq(play.receiver.full, 0);
	cr_expect(has(&play, BL_KIND_SERVICE, "shop", "clusterip"), "but what came is there");
	cr_expect(
		strstr(reports(&play), "kubernetes: nodes: cannot watch nodes: not allowed (403)"),
		"%s", reports(&play));
	cr_assert(wait_for(&play, is_full, 8000));
	cr_expect(strstr(reports(&play), "kubernetes: nodes: ok"), "%s", reports(&play));
	finish(&play);
}

Test(source_kubernetes, pods_that_are_refused_are_not_waited_for, .timeout = 600)
{
	struct play play;

	begin(&play, 0, "", "",
	      "{'path':'/api/v1/pods','answer':{'recording':'errors/"
	      "403-node-proxier-may-not-list-pods.http'}},");
	cr_assert(wait_for(&play, is_full, 3000));
	cr_expect(strstr(reports(&play), "kubernetes: pods: cannot watch pods: not allowed"), "%s",
		  reports(&play));
	finish(&play);
}

Test(source_kubernetes, a_node_that_the_cluster_does_not_have_is_said, .timeout = 600)
{
	struct play play;

	begin(&play, 0, "",
	      "{'path':'/api/v1/nodes','query':{'limit':'500'},'answer':{'body':'{\\\"metadata\\\":"
	      "{\\\"resourceVersion\\\":\\\"5\\\"},\\\"items\\\":[]}'}},",
	      "");
	cr_assert(wait_for(&play, is_full, 3000), "%s", reports(&play));
	cr_expect(strstr(reports(&play), "the cluster has no Node 'node-a'"), "%s", reports(&play));
	finish(&play);
}

Test(source_kubernetes, a_rescan_lists_again_and_takes_out_what_is_gone, .timeout = 600)
{
	struct play play;

	begin(&play, FAULT_TLS, "", "", "");
	cr_assert(wait_for(&play, is_at_the_end, 8000), "%s", reports(&play));
	rules(&play,
	      "{'path':'/api/v1/services','query':{'limit':'500'},'answer':{'file':"
	      "'list/services.kubeproxy-selector.json'}},",
	      "", "");
	cr_expect(has(&play, BL_KIND_SERVICE, "shop", "proxied-elsewhere"));
	bl_source_rescan(play.source);
	ask_run(&play.asking, 1500);
	cr_expect(!has(&play, BL_KIND_SERVICE, "shop", "proxied-elsewhere"));
	cr_expect(has(&play, BL_KIND_SERVICE, "shop", "clusterip"));
	finish(&play);
}

static bool is_refused(const struct play *play)
{
	return strstr(reports(play), "service 'shop/bad': ");
}

static bool is_well_again(const struct play *play)
{
	return strstr(reports(play), "service 'shop/bad': ok;");
}

Test(source_kubernetes, what_was_refused_is_no_problem_any_more_when_a_list_is_without_it,
     .timeout = 600)
{
	struct play play;

	begin(&play, 0,
	      "{'path':'/api/v1/"
	      "services','query':{'limit':'500'},'answer':{'body':'{\\\"metadata\\\":"
	      "{\\\"resourceVersion\\\":\\\"5\\\"},\\\"items\\\":[{\\\"metadata\\\":{\\\"name\\\":"
	      "\\\"bad\\\",\\\"namespace\\\":\\\"shop\\\"},\\\"spec\\\":{\\\"ports\\\":7}}]}'}},",
	      "", "");
	cr_assert(wait_for(&play, is_refused, 3000), "%s", reports(&play));
	cr_assert(wait_for(&play, is_full, 3000), "%s", reports(&play));
	cr_expect_eq(bl_source_info(play.source).problems, 1);
	rules(&play, "", "", "");
	bl_source_rescan(play.source);
	cr_assert(wait_for(&play, is_well_again, 8000), "%s", reports(&play));
	cr_expect_eq(bl_source_info(play.source).problems, 0);
	finish(&play);
}
