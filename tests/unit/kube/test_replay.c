/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Every recording, played to a reflector in portions of random sizes. */
#include <criterion/criterion.h>
#include <json-c/json.h>
#include <string.h>

#include "model/codec.h"
#include "model/endpoints.h"
#include "model/pod.h"
#include "model/service.h"
#include "reflect.h"

/* Name -> resourceVersion as json-c alone reads the recordings, to compare with. */
static void note(struct json_object *state, struct json_object *object, bool gone)
{
	struct json_object *meta = json_object_object_get(object, "metadata");
	struct json_object *ns = json_object_object_get(meta, "namespace");
	char key[600];

	(void)snprintf(key, sizeof(key), "%s/%s", ns ? json_object_get_string(ns) : "",
		       json_object_get_string(json_object_object_get(meta, "name")));
	json_object_object_del(state, key);
	if (!gone)
		json_object_object_add(
			state, key,
			json_object_get(json_object_object_get(meta, "resourceVersion")));
}

static void note_list(struct json_object *state, const char *name)
{
	struct recording recording = recording_read(name);
	struct json_object *list = json_tokener_parse(recording.body);
	struct json_object *items = json_object_object_get(list, "items");

	for (size_t i = 0; i < json_object_array_length(items); i++)
		note(state, json_object_array_get_idx(items, i), false);
	json_object_put(list);
	recording_done(&recording);
}

static void note_watch(struct json_object *state, const char *name)
{
	struct recording recording = recording_read(name);
	char *body = strndup(recording.body, recording.len), *rest = body;

	for (char *line = strsep(&rest, "\n"); line; line = strsep(&rest, "\n")) {
		struct json_object *event = json_tokener_parse(line);
		const char *type = json_object_get_string(json_object_object_get(event, "type"));

		if (type && strcmp(type, "BOOKMARK") != 0)
			note(state, json_object_object_get(event, "object"),
			     !strcmp(type, "DELETED"));
		json_object_put(event);
	}
	free(body);
	recording_done(&recording);
}

static void expect_state(const struct reflect *reflect, struct json_object *state, const char *what)
{
	cr_expect_eq(reflect_count(reflect), (size_t)json_object_object_length(state), "%s: %zu",
		     what, reflect_count(reflect));
	json_object_object_foreach(state, key, version)
	{
		const struct bl_object *object = reflect_find(reflect, key);

		cr_assert_not_null(object, "%s: %s", what, key);
		cr_expect_eq(object->meta.resource_version,
			     (uint64_t)json_object_get_int64(version), "%s: %s", what, key);
	}
	cr_expect_eq(reflect->refused.len, 0, "%s: %s", what, reflect->refused.data);
}

static const struct {
	enum bl_kind kind;
	const char *name;
	const char *version; /* of the list, and the last bookmark's */
	const char *last;
} kinds[] = {
	{BL_KIND_SERVICE, "services", "389", "660"},
	{BL_KIND_ENDPOINT_SLICE, "endpointslices", "389", "666"},
	{BL_KIND_NODE, "nodes", "389", "660"},
	{BL_KIND_POD, "pods", "389", "609"},
};

static void play_list_and_watch(struct reflect *reflect, size_t index)
{
	char list[64], watch[64], version[64];

	(void)snprintf(list, sizeof(list), "list/%s.json", kinds[index].name);
	(void)snprintf(watch, sizeof(watch), "watch/%s.jsonl", kinds[index].name);
	(void)snprintf(version, sizeof(version), "resourceVersion=%s", kinds[index].version);
	reflect_play(reflect, list);
	cr_assert(reflect_asked(reflect, version), "%s: %s", list, reflect->path);
	reflect_play(reflect, watch);
}

Test(replay, list_and_watch_of_every_kind_give_the_end_state, .timeout = 600)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct json_object *state = json_object_new_object();
		struct reflect reflect;
		char list[64], watch[64];

		(void)snprintf(list, sizeof(list), "list/%s.json", kinds[i].name);
		(void)snprintf(watch, sizeof(watch), "watch/%s.jsonl", kinds[i].name);
		note_list(state, list);
		note_watch(state, watch);
		for (size_t round = 0; round < 12; round++) {
			reflect_open(&reflect, kinds[i].kind, false);
			reflect.random = (uint32_t)(round * 7919 + 1);
			reflect.portion = round < 2 ? round * 16 + 1 : 0;
			play_list_and_watch(&reflect, i);
			expect_state(&reflect, state, kinds[i].name);
			cr_expect(reflect.in_call, "watched on after the clean end");
			cr_expect_str_eq(bl_reflector_info(reflect.reflector).version,
					 kinds[i].last, "%s", kinds[i].name);
			cr_expect_str_eq(reflect.problem, "");
			reflect_close(&reflect);
		}
		json_object_put(state);
	}
}

Test(replay, initial_events_give_the_same_end_state_as_list_and_watch, .timeout = 600)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct json_object *state = json_object_new_object();
		struct reflect reflect;
		char name[64];

		(void)snprintf(name, sizeof(name), "watch/%s.sendInitialEvents.jsonl",
			       kinds[i].name);
		note_watch(state, name);
		reflect_open(&reflect, kinds[i].kind, true);
		reflect_play(&reflect, name);
		expect_state(&reflect, state, name);
		cr_expect(bl_reflector_info(reflect.reflector).synced);
		cr_expect_eq(bl_reflector_info(reflect.reflector).lists, 1);
		reflect_close(&reflect);
		json_object_put(state);
	}
}

/* What STEPS.txt says was done while the watches ran. */
Test(replay, the_end_state_is_what_was_done_to_the_cluster)
{
	struct reflect services, nodes, pods, slices;
	struct bl_endpoint_cursor cursor = {0};
	const struct bl_service *service;

	reflect_open(&services, BL_KIND_SERVICE, false);
	play_list_and_watch(&services, 0);
	cr_expect_null(reflect_find(&services, "shop/sctp"));
	cr_expect_null(reflect_find(&services, "shop/new-one"));
	service = bl_service_of(reflect_find(&services, "shop/clusterip"));
	cr_expect_eq(service->spec.ports.items[0].port, 8000);
	cr_expect_null(bl_pairs_get(&service->object.meta.labels, "app"));
	service = bl_service_of(reflect_find(&services, "shop/nodeport"));
	cr_expect_eq(service->spec.type, BL_SERVICE_CLUSTER_IP);
	service = bl_service_of(reflect_find(&services, "shop/affinity"));
	cr_expect_eq(service->spec.session_affinity, BL_SESSION_AFFINITY_NONE);
	service = bl_service_of(reflect_find(&services, "shop/externalname"));
	cr_expect_eq(service->spec.type, BL_SERVICE_CLUSTER_IP);
	cr_expect_not_null(
		bl_pairs_get(&reflect_find(&services, "shop/proxied-elsewhere")->meta.labels,
			     BL_LABEL_SERVICE_PROXY_NAME));
	reflect_close(&services);

	reflect_open(&nodes, BL_KIND_NODE, false);
	play_list_and_watch(&nodes, 2);
	cr_expect_null(reflect_find(&nodes, "/node-c"));
	cr_expect_not_null(reflect_find(&nodes, "/node-b"));
	reflect_close(&nodes);

	reflect_open(&pods, BL_KIND_POD, false);
	play_list_and_watch(&pods, 3);
	cr_expect_null(reflect_find(&pods, "shop/web-2"));
	cr_expect_not_null(reflect_find(&pods, "shop/web-4"));
	reflect_close(&pods);

	reflect_open(&slices, BL_KIND_ENDPOINT_SLICE, false);
	play_list_and_watch(&slices, 1);
	cursor.list =
		&bl_endpoint_slice_of(reflect_find(&slices, "shop/no-selector-hand"))->endpoints;
	cr_assert(bl_endpoint_next(&cursor));
	cr_expect_eq(cursor.endpoint.ready, BL_FALSE);
	reflect_close(&slices);
}

Test(replay, old_versions_that_the_server_still_has_are_served_as_if_nothing_was)
{
	struct reflect reflect;

	reflect_open(&reflect, BL_KIND_SERVICE, false);
	reflect_play(&reflect, "list/services.rv0.json");
	cr_expect_eq(reflect_count(&reflect), 23);
	reflect_play(&reflect, "errors/200-compacted-but-served-from-watch-cache-watch-rv1.http");
	cr_expect(reflect_asked(&reflect, "watch=1"));
	cr_expect_str_eq(reflect.problem, "");
	cr_expect(bl_reflector_info(reflect.reflector).events > 60);
	reflect_close(&reflect);

	reflect_open(&reflect, BL_KIND_SERVICE, false);
	reflect_play(&reflect, "errors/200-compacted-but-served-from-watch-cache-list-exact.http");
	cr_expect(bl_reflector_info(reflect.reflector).synced);
	cr_expect_eq(reflect_count(&reflect), 22);
	reflect_close(&reflect);

	reflect_open(&reflect, BL_KIND_NODE, false);
	reflect_play(&reflect, "list/nodes.raw.http");
	cr_expect_eq(reflect_count(&reflect), 2);
	reflect_play(&reflect, "list/pods.field-selector.json"); /* no events: not a watch */
	cr_expect_str_neq(reflect.problem, "");
	cr_expect_eq(reflect_count(&reflect), 2);
	reflect_close(&reflect);
}

/* The answer ends after 400 bytes, in the middle of a list. */
Test(replay, half_of_a_list_is_none)
{
	struct reflect reflect;

	reflect_open(&reflect, BL_KIND_NODE, false);
	reflect_play(&reflect, "errors/200-node-proxier-lists-nodes.head.http");
	cr_expect(!bl_reflector_info(reflect.reflector).synced);
	cr_expect_eq(reflect_count(&reflect), 0);
	cr_expect_str_neq(reflect.problem, "");
	reflect_close(&reflect);
}

Test(replay, pages_watches_without_a_version_and_selectors)
{
	struct reflect reflect;

	reflect_open(&reflect, BL_KIND_SERVICE, false);
	reflect_play(&reflect, "list/services.page1.json");
	cr_expect(reflect_asked(&reflect, "continue="));
	reflect_play(&reflect, "list/services.page2.json");
	cr_expect(reflect_asked(&reflect, "continue="));
	cr_expect_eq(reflect_count(&reflect), 10);
	/* The server was restarted meanwhile, and the token has expired: all at once then. */
	reflect_play(&reflect, "errors/410-continue-after-restart.http");
	cr_expect(!reflect_asked(&reflect, "limit"));
	reflect_play(&reflect, "list/services.json");
	cr_expect_eq(reflect_count(&reflect), 23);
	cr_expect(reflect_asked(&reflect, "watch=1"));
	reflect_close(&reflect);

	/* A version that is compacted but in the watch cache is served as if nothing was. */
	reflect_open(&reflect, BL_KIND_SERVICE, false);
	reflect_play(&reflect, "list/services.page1.json");
	reflect_play(&reflect, "errors/200-compacted-but-served-from-watch-cache-continue.http");
	cr_expect(reflect_asked(&reflect, "continue="), "and has more pages");
	reflect_close(&reflect);

	/* Without a version a watch begins with all there is, and no word about its end. */
	reflect_open(&reflect, BL_KIND_SERVICE, true);
	reflect_play(&reflect, "watch/services.no-rv.jsonl");
	cr_expect(reflect_asked(&reflect, "limit=500"));
	cr_expect(!bl_reflector_info(reflect.reflector).synced);
	reflect_play(&reflect, "list/services.kubeproxy-selector.json");
	cr_expect_null(reflect_find(&reflect, "shop/proxied-elsewhere"));
	reflect_close(&reflect);

	reflect_open(&reflect, BL_KIND_NODE, false);
	reflect_play(&reflect, "list/nodes.field-selector.json");
	cr_expect_eq(reflect_count(&reflect), 1);
	reflect_close(&reflect);
}

/* An object that leaves the selector comes as DELETED. */
Test(replay, a_label_taken_away_takes_the_object_away)
{
	struct reflect reflect;

	reflect_open(&reflect, BL_KIND_SERVICE, false);
	reflect_play(&reflect, "list/services.json");
	cr_expect_not_null(reflect_find(&reflect, "shop/clusterip"));
	(void)reflect_log(&reflect);
	reflect_play(&reflect, "watch/services.labelselector-app-web.jsonl");
	cr_expect_null(reflect_find(&reflect, "shop/clusterip"));
	reflect_close(&reflect);
}

Test(replay, what_is_no_list_of_objects_is_refused_item_by_item)
{
	struct reflect reflect;

	reflect_open(&reflect, BL_KIND_SERVICE, false);
	reflect_play(&reflect, "list/services.partialmetadata.json");
	cr_expect_eq(reflect_count(&reflect), 0);
	cr_expect_eq(bl_reflector_info(reflect.reflector).refused, 23);
	reflect_close(&reflect);
}

Test(replay, a_server_that_stops_in_mid_watch_is_asked_again)
{
	struct reflect reflect;

	reflect_open(&reflect, BL_KIND_SERVICE, false);
	reflect_play(&reflect, "list/services.json");
	reflect_play(&reflect, "watch/services.server-stopped.raw.http");
	cr_expect(!reflect.in_call);
	(void)reflect_wait(&reflect);
	cr_expect(reflect_asked(&reflect, "resourceVersion=734"), "%s", reflect.path);
	cr_expect_eq(reflect_count(&reflect), 23);
	reflect_close(&reflect);
}

Test(replay, chunks_on_the_wire_are_no_boundaries)
{
	struct json_object *state = json_object_new_object();
	struct reflect reflect;

	note_list(state, "list/services.json");
	note_watch(state, "watch/services.raw-chunked.http");
	reflect_open(&reflect, BL_KIND_SERVICE, false);
	reflect_play(&reflect, "list/services.json");
	reflect_play(&reflect, "watch/services.raw-chunked.http");
	expect_state(&reflect, state, "raw-chunked");
	reflect_close(&reflect);
	json_object_put(state);
}

/* Every error of the recordings, as the answer to a list and to a watch. */
static const struct {
	const char *name;
	const char *problem;                /* a part of it; NULL: none */
	const char *list_then, *watch_then; /* a part of the next request */
} errors[] = {
	{"errors/401-no-token.http", "(401)", "limit=500", "watch=1"},
	{"errors/401-bad-token.http", "(401)", "limit=500", "watch=1"},
	{"errors/401-bad-token-under-RBAC.http", "(401)", "limit=500", "watch=1"},
	{"errors/401-watch.http", "(401)", "limit=500", "watch=1"},
	{"errors/403-list-services.http", "verbs 'list' and 'watch'", "limit=500", "watch=1"},
	{"errors/403-list-endpointslices.http", "verbs 'list' and 'watch'", "limit=500", "watch=1"},
	{"errors/403-list-nodes.http", "verbs 'list' and 'watch'", "limit=500", "watch=1"},
	{"errors/403-list-pods.http", "verbs 'list' and 'watch'", "limit=500", "watch=1"},
	{"errors/403-watch-services.http", "verbs 'list' and 'watch'", "limit=500", "watch=1"},
	{"errors/403-anonymous-under-RBAC.http", "system:anonymous", "limit=500", "watch=1"},
	{"errors/403-node-proxier-may-not-list-pods.http", "cannot list resource \"pods",
	 "limit=500", "watch=1"},
	{"errors/404-unknown-version.http", "(404)", "limit=500", "watch=1"},
	{"errors/404-absent-object.http", "(404)", "limit=500", "watch=1"},
	{"errors/406-accept.http", "406", "limit=500", "watch=1"},
	{"errors/400-bad-continue.http", "400", "limit=500", "limit=500"},
	{"errors/410-continue-after-restart.http", NULL, "limit=500", "limit=500"},
	{"errors/410-list-exact-after-restart.http", NULL, "limit=500", "limit=500"},
	{"errors/422-sendInitialEvents-without-match.http", "422", "limit=500", "limit=500"},
	{"errors/500-bad-rv.http", "answered 500", "limit=500", "watch=1"},
	{"errors/504-too-large-rv-list.http", NULL, "limit=500", "limit=500"},
};

static void expect_error(struct reflect *reflect, size_t index, const char *then)
{
	const char *problem = errors[index].problem;

	reflect_play(reflect, errors[index].name);
	if (problem)
		cr_expect(strstr(reflect->problem, problem), "%s: '%s'", errors[index].name,
			  reflect->problem);
	else
		cr_expect_str_eq(reflect->problem, "", "%s", errors[index].name);
	if (!reflect->in_call)
		cr_expect_geq(reflect_wait(reflect), 1000, "%s", errors[index].name);
	cr_expect(reflect_asked(reflect, then), "%s: %s", errors[index].name, reflect->path);
	cr_expect(reflect->in_call);
}

Test(replay, every_error_is_survived_by_lists_and_watches)
{
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		struct reflect reflect;

		reflect_open(&reflect, BL_KIND_SERVICE, false);
		expect_error(&reflect, i, errors[i].list_then);
		reflect_play(&reflect, "list/services.json");
		cr_expect(bl_reflector_info(reflect.reflector).synced, "%s", errors[i].name);
		cr_expect_str_eq(reflect.problem, "", "%s", errors[i].name);
		expect_error(&reflect, i, errors[i].watch_then);
		cr_expect_eq(reflect_count(&reflect), 23, "%s", errors[i].name);
		reflect_close(&reflect);
	}
}

Test(replay, an_expired_version_of_a_watch_comes_as_200_with_an_error_event)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct reflect reflect;
		char name[64];

		(void)snprintf(name, sizeof(name), "errors/410-watch-%s.raw.http", kinds[i].name);
		reflect_open(&reflect, kinds[i].kind, false);
		play_list_and_watch(&reflect, i);
		reflect_play(&reflect, name);
		cr_expect(reflect.in_call, "%s", name);
		cr_expect(reflect_asked(&reflect, "limit=500"), "%s: %s", name, reflect.path);
		cr_expect(!reflect_asked(&reflect, "resourceVersion"), "%s", name);
		cr_expect_gt(reflect_count(&reflect), 0, "nothing is removed before the list");
		reflect_close(&reflect);
	}
}
