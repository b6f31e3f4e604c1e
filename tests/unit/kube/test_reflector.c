/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "reflect.h"

#define ITEM(name) "{\"metadata\":{\"name\":\"" name "\",\"namespace\":\"n\"},\"spec\":{}}"
#define LIST(version, items)                                                                       \
	"{\"kind\":\"ServiceList\",\"items\":[" items                                              \
	"],\"metadata\":{\"resourceVersion\":\"" version "\"}}"
#define PAGE(version, more, items)                                                                 \
	"{\"metadata\":{\"resourceVersion\":\"" version "\",\"continue\":\"" more                  \
	"\"},\"items\":[" items "]}"
#define EVENT(type, version, name)                                                                 \
	"{\"type\":\"" type "\",\"object\":{\"metadata\":{\"name\":\"" name                        \
	"\",\"namespace\":\"n\",\"resourceVersion\":\"" version "\"},\"spec\":{}}}\n"
#define BOOKMARK(version)                                                                          \
	"{\"type\":\"BOOKMARK\",\"object\":{\"metadata\":{\"resourceVersion\":\"" version "\"}}}"  \
	"\n"
#define INITIAL_END(version)                                                                       \
	"{\"type\":\"BOOKMARK\",\"object\":{\"metadata\":{\"resourceVersion\":\"" version          \
	"\",\"annotations\":{\"k8s.io/initial-events-end\":\"true\"}}}}\n"
#define GONE                                                                                       \
	"{\"type\":\"ERROR\",\"object\":{\"kind\":\"Status\",\"message\":\"too old resource "      \
	"version\",\"reason\":\"Expired\",\"code\":410}}\n"

static void begin(struct reflect *reflect, const char *text)
{
	reflect_begin(reflect, 200, text, strlen(text));
}

/* Listed with a and b at version 10, and watching. */
static void open_watching(struct reflect *reflect)
{
	reflect_open(reflect, BL_KIND_SERVICE, false);
	reflect_text(reflect, 200, LIST("10", ITEM("a") "," ITEM("b")));
	cr_assert_str_eq(reflect_log(reflect), "+n/a;+n/b;full;");
	cr_assert(reflect_asked(reflect, "watch=1"));
	cr_assert(reflect_asked(reflect, "resourceVersion=10"));
}

Test(reflector, a_list_then_a_watch_with_bookmarks_that_ends_after_five_to_ten_minutes)
{
	struct reflect reflect;
	unsigned long seconds;

	reflect_open(&reflect, BL_KIND_ENDPOINT_SLICE, false);
	cr_assert(!strncmp(reflect.path, "/apis/discovery.k8s.io/v1/endpointslices?", 41), "%s",
		  reflect.path);
	cr_assert(reflect_asked(&reflect, "limit=500"));
	cr_assert(reflect_asked(&reflect, "resourceVersion=0"));
	reflect_text(&reflect, 200, "{\"metadata\":{\"resourceVersion\":\"5\"},\"items\":[]}");
	cr_assert_str_eq(reflect_log(&reflect), "full;");
	cr_assert(reflect_asked(&reflect, "watch=1&allowWatchBookmarks=true&timeoutSeconds="));
	cr_assert(reflect_asked(&reflect, "&resourceVersion=5"));
	seconds = strtoul(strstr(reflect.path, "timeoutSeconds=") + 15, NULL, 10);
	cr_assert(seconds >= 300 && seconds <= 600, "%lu", seconds);
	cr_assert_eq(reflect.get.total_timeout_ms, seconds * 1000 + 60000);
	cr_assert_eq(reflect.get.idle_timeout_ms, 150000);
	cr_assert_eq(bl_reflector_info(reflect.reflector).state, BL_REFLECTOR_WATCHING);
	reflect_close(&reflect);
}

Test(reflector, a_list_in_pages_is_complete_with_the_last_one_only)
{
	struct reflect reflect;

	reflect_open(&reflect, BL_KIND_SERVICE, false);
	reflect_text(&reflect, 200, PAGE("10", "tok/1", ITEM("a")));
	cr_assert_str_eq(reflect_log(&reflect), "+n/a;");
	cr_assert(reflect_asked(&reflect, "limit=500&continue=tok%2F1"), "%s", reflect.path);
	cr_assert(!reflect_asked(&reflect, "resourceVersion"));
	cr_assert(!bl_reflector_info(reflect.reflector).synced);
	reflect_text(&reflect, 200, PAGE("10", "", ITEM("b")));
	cr_assert_str_eq(reflect_log(&reflect), "+n/b;full;");
	cr_assert(bl_reflector_info(reflect.reflector).synced);
	reflect_close(&reflect);
}

Test(reflector, events_take_effect_in_order_and_a_clean_end_is_watched_on_at_once)
{
	struct reflect reflect;

	open_watching(&reflect);
	begin(&reflect, EVENT("ADDED", "11", "c") EVENT("MODIFIED", "12", "a")
				EVENT("DELETED", "13", "b") BOOKMARK("20"));
	cr_assert_str_eq(reflect_log(&reflect), "+n/c;+n/a;-n/b;");
	reflect_finish(&reflect, BL_KUBE_END_COMPLETE);
	cr_assert(reflect_asked(&reflect, "resourceVersion=20"), "%s", reflect.path);
	cr_assert(reflect.in_call);
	cr_assert_str_eq(reflect.problem, "");
	reflect_close(&reflect);
}

Test(reflector, a_cut_watch_goes_on_from_the_last_event_after_a_back_off)
{
	struct reflect reflect;
	uint64_t waited;

	open_watching(&reflect);
	begin(&reflect, EVENT("ADDED", "11", "c") "{\"type\":\"ADDED\",\"obj");
	reflect_finish(&reflect, BL_KUBE_END_CUT);
	cr_assert(!reflect.in_call);
	cr_assert_str_eq(reflect.problem, "", "once is no problem yet");
	waited = reflect_wait(&reflect);
	cr_assert(waited >= 1000 && waited <= 1500, "%lu", (unsigned long)waited);
	cr_assert(reflect_asked(&reflect, "resourceVersion=11"));
	cr_assert_str_eq(reflect_log(&reflect), "+n/c;");
	reflect_close(&reflect);
}

Test(reflector, the_back_off_doubles_with_jitter_up_to_thirty_seconds_and_a_success_resets_it)
{
	static const uint64_t least[] = {1000, 2000, 4000, 8000, 16000, 20000, 20000, 20000};
	struct reflect reflect;
	uint64_t last = 0;
	bool differs = false;

	open_watching(&reflect);
	for (size_t i = 0; i < 30; i++) {
		size_t step = i < 7 ? i : 7;
		uint64_t waited;

		reflect_fail(&reflect, BL_KUBE_END_CONNECT, "connection refused");
		waited = reflect_wait(&reflect);
		cr_assert(waited >= least[step] && waited <= least[step] * 3 / 2, "%zu: %lu", i,
			  (unsigned long)waited);
		differs |= i > 8 && waited != last;
		last = waited;
	}
	cr_assert(differs);
	cr_assert_str_eq(reflect.problem, "cannot watch services: connection refused");
	cr_assert_eq(reflect.problems, 1);
	cr_assert_eq(reflect_count(&reflect), 2, "what is in force stays");
	begin(&reflect, BOOKMARK("11"));
	cr_assert_str_eq(reflect.problem, "");
	reflect_finish(&reflect, BL_KUBE_END_CUT);
	cr_assert_leq(reflect_wait(&reflect), 1500);
	reflect_close(&reflect);
}

Test(reflector, an_hour_without_a_server_changes_nothing_and_is_made_up_for_when_it_is_back)
{
	struct reflect reflect;
	size_t sent;

	open_watching(&reflect);
	sent = reflect.sent;
	for (uint64_t until = reflect.now_ms + 3600 * 1000; reflect.now_ms < until;) {
		reflect_fail(&reflect, BL_KUBE_END_CONNECT, "connection refused");
		(void)reflect_wait(&reflect);
	}
	cr_assert(reflect.sent - sent > 100 && reflect.sent - sent < 200, "%zu tries",
		  reflect.sent - sent);
	cr_assert_eq(reflect_count(&reflect), 2);
	cr_assert_str_eq(reflect_log(&reflect), "");
	cr_assert_eq(reflect.problems, 1);
	/* The history that we have seen is gone meanwhile. */
	reflect_text(&reflect, 200, GONE);
	cr_assert(reflect_asked(&reflect, "/services?limit=500"), "%s", reflect.path);
	cr_assert(!reflect_asked(&reflect, "resourceVersion"));
	reflect_text(&reflect, 200, LIST("900", ITEM("b") "," ITEM("z")));
	cr_assert_str_eq(reflect_log(&reflect), "+n/b;+n/z;-n/a;full;");
	cr_assert_str_eq(reflect.problem, "");
	cr_assert(reflect_asked(&reflect, "resourceVersion=900"));
	reflect_close(&reflect);
}

Test(reflector, too_old_a_version_leads_to_a_fresh_list_and_only_then_are_objects_removed)
{
	struct reflect reflect;

	open_watching(&reflect);
	reflect_text(&reflect, 410, "{\"kind\":\"Status\",\"code\":410,\"message\":\"too old\"}");
	cr_assert(reflect.in_call, "the first time at once");
	cr_assert(!reflect_asked(&reflect, "resourceVersion"));
	reflect_text(&reflect, 200, PAGE("30", "t", ITEM("c")));
	cr_assert_str_eq(reflect_log(&reflect), "+n/c;");
	cr_assert_eq(reflect_count(&reflect), 3);
	reflect_text(&reflect, 200, PAGE("30", "", ITEM("a")));
	cr_assert_str_eq(reflect_log(&reflect), "+n/a;-n/b;full;");
	/* A server that says so again and again is not asked in a busy loop. */
	reflect_text(&reflect, 200, GONE);
	cr_assert(reflect.in_call);
	reflect_text(&reflect, 410, "{\"code\":410}");
	cr_assert(!reflect.in_call);
	cr_assert_geq(reflect_wait(&reflect), 1000);
	reflect_close(&reflect);
}

Test(reflector, a_page_token_that_expired_leads_to_one_list_without_pages)
{
	struct reflect reflect;

	reflect_open(&reflect, BL_KIND_SERVICE, false);
	reflect_text(&reflect, 200, PAGE("10", "t1", ITEM("a") "," ITEM("gone")));
	reflect_play(&reflect, "errors/410-continue-after-restart.http");
	cr_assert(reflect_asked(&reflect, "/api/v1/services"), "%s", reflect.path);
	cr_assert(!reflect_asked(&reflect, "limit"), "%s", reflect.path);
	cr_assert(!reflect_asked(&reflect, "continue"));
	reflect_text(&reflect, 200, LIST("40", ITEM("a")));
	/* It was on the first page, and is no longer there: nothing else would ever say so. */
	cr_assert_str_eq(reflect_log(&reflect), "+n/a;+n/gone;+n/a;-n/gone;full;");
	cr_assert(reflect_asked(&reflect, "watch=1"));
	cr_assert_str_eq(reflect.problem, "");
	reflect_close(&reflect);
}

Test(reflector, a_streamed_list_is_complete_at_its_bookmark_and_goes_on_as_the_watch)
{
	struct reflect reflect;
	size_t sent;

	reflect_open(&reflect, BL_KIND_SERVICE, true);
	cr_assert(reflect_asked(&reflect, "sendInitialEvents=true"));
	cr_assert(reflect_asked(&reflect, "resourceVersionMatch=NotOlderThan&resourceVersion="));
	sent = reflect.sent;
	begin(&reflect, EVENT("ADDED", "3", "a") EVENT("ADDED", "5", "b"));
	cr_assert_str_eq(reflect_log(&reflect), "+n/a;+n/b;");
	reflect_more(&reflect, INITIAL_END("9"));
	cr_assert_str_eq(reflect_log(&reflect), "full;");
	reflect_more(&reflect, EVENT("DELETED", "12", "a"));
	cr_assert_str_eq(reflect_log(&reflect), "-n/a;");
	cr_assert_eq(reflect.sent, sent);
	reflect_finish(&reflect, BL_KUBE_END_COMPLETE);
	cr_assert(reflect_asked(&reflect, "resourceVersion=12"));
	cr_assert(!reflect_asked(&reflect, "sendInitialEvents"));
	/* The next list does not go back in time. */
	bl_reflector_relist(reflect.reflector, reflect.now_ms);
	cr_assert(reflect_asked(&reflect, "resourceVersionMatch=NotOlderThan&resourceVersion=12"));
	begin(&reflect, EVENT("ADDED", "14", "c") INITIAL_END("20"));
	cr_assert_str_eq(reflect_log(&reflect), "+n/c;-n/b;full;");
	reflect_close(&reflect);
}

Test(reflector, a_server_that_did_not_stream_is_asked_again_after_an_hour)
{
	struct reflect reflect;

	reflect_open(&reflect, BL_KIND_SERVICE, true);
	reflect_play(&reflect, "errors/422-sendInitialEvents-without-match.http");
	cr_assert(reflect_asked(&reflect, "limit=500"), "%s", reflect.path);
	reflect.now_ms += 3500000;
	bl_reflector_relist(reflect.reflector, reflect.now_ms);
	cr_assert(reflect_asked(&reflect, "limit=500"), "too early: %s", reflect.path);
	reflect.now_ms += 3600000;
	bl_reflector_relist(reflect.reflector, reflect.now_ms);
	cr_assert(reflect_asked(&reflect, "sendInitialEvents=true"), "%s", reflect.path);
	cr_assert(bl_reflector_info(reflect.reflector).streams_lists);
	reflect_close(&reflect);

	/* What was told never to ask does not. */
	reflect_open(&reflect, BL_KIND_SERVICE, false);
	reflect.now_ms += 7200000;
	bl_reflector_relist(reflect.reflector, reflect.now_ms);
	cr_assert(!reflect_asked(&reflect, "sendInitialEvents"), "%s", reflect.path);
	reflect_close(&reflect);
}

Test(reflector, servers_without_streamed_lists_are_asked_for_a_plain_one)
{
	struct reflect reflect;

	reflect_open(&reflect, BL_KIND_SERVICE, true);
	reflect_play(&reflect, "errors/422-sendInitialEvents-without-match.http");
	cr_assert(reflect_asked(&reflect, "limit=500"), "refused: %s", reflect.path);
	cr_assert_str_eq(reflect.problem, "");
	cr_assert(!bl_reflector_info(reflect.reflector).streams_lists);
	reflect_close(&reflect);

	reflect_open(&reflect, BL_KIND_SERVICE, true);
	reflect_text(&reflect, 200, EVENT("ADDED", "3", "a") BOOKMARK("4"));
	cr_assert(reflect_asked(&reflect, "limit=500"), "a bookmark of another kind");
	reflect_text(&reflect, 200, LIST("10", ITEM("b")));
	cr_assert_str_eq(reflect_log(&reflect), "+n/a;+n/b;-n/a;full;");
	reflect_close(&reflect);

	reflect_open(&reflect, BL_KIND_SERVICE, true);
	begin(&reflect, EVENT("ADDED", "3", "a"));
	reflect_pass(&reflect, 5000);
	reflect_more(&reflect, EVENT("ADDED", "4", "b"));
	reflect_pass(&reflect, 9000);
	cr_assert(reflect_asked(&reflect, "sendInitialEvents"), "it may just be slow");
	reflect_pass(&reflect, 1001);
	cr_assert_eq(reflect.cancelled, 1);
	cr_assert(reflect_asked(&reflect, "limit=500"), "silence");
	reflect_close(&reflect);

	reflect_open(&reflect, BL_KIND_SERVICE, true);
	reflect_text(&reflect, 200, EVENT("ADDED", "3", "a"));
	cr_assert(reflect_asked(&reflect, "limit=500"), "a clean end");
	reflect_close(&reflect);

	reflect_open(&reflect, BL_KIND_SERVICE, true);
	for (int i = 0; i < 2; i++) {
		cr_assert(reflect_asked(&reflect, "sendInitialEvents"));
		begin(&reflect, EVENT("ADDED", "3", "a"));
		reflect_finish(&reflect, BL_KUBE_END_CUT);
		(void)reflect_wait(&reflect);
	}
	cr_assert(reflect_asked(&reflect, "limit=500"), "cut twice");
	reflect_close(&reflect);
}

Test(reflector, a_half_open_connection_is_left_for_a_new_one)
{
	struct reflect reflect;

	open_watching(&reflect);
	reflect_pass(&reflect, 29999);
	cr_assert_eq(reflect.cancelled, 0);
	reflect_pass(&reflect, 1);
	cr_assert_eq(reflect.cancelled, 1, "no head in 30 s");
	cr_assert_str_eq(reflect.problem, "cannot watch services: the server does not answer");
	(void)reflect_wait(&reflect);
	begin(&reflect, BOOKMARK("11"));
	cr_assert_str_eq(reflect.problem, "");
	/* The transport's idle timer: no bookmark for two and a half minutes. */
	reflect_pass(&reflect, 150000);
	reflect_finish(&reflect, BL_KUBE_END_IDLE);
	cr_assert(reflect.in_call, "watched on at once");
	cr_assert(reflect_asked(&reflect, "resourceVersion=11"));
	reflect_close(&reflect);
}

Test(reflector, a_watch_that_ends_at_once_again_and_again_is_no_busy_loop)
{
	struct reflect reflect;

	open_watching(&reflect);
	reflect_text(&reflect, 200, "");
	cr_assert(!reflect.in_call);
	cr_assert_geq(reflect_wait(&reflect), 1000);
	reflect_text(&reflect, 200, "");
	cr_assert_geq(reflect_wait(&reflect), 2000);
	cr_assert_str_neq(reflect.problem, "");
	reflect_close(&reflect);
}

Test(reflector, errors_are_said_in_words_and_what_is_in_force_stays)
{
	static const struct {
		const char *name, *words;
	} cases[] = {
		{"errors/401-watch.http",
		 "cannot watch services: the server does not accept the agent's credentials (401): "
		 "Unauthorized"},
		{"errors/403-watch-services.http",
		 "cannot watch services: not allowed (403): services is forbidden: User \"nobody\" "
		 "cannot watch resource \"services\" in API group \"\" at the cluster scope; a "
		 "ClusterRole must give the agent the verbs 'list' and 'watch' on resource "
		 "'services' in API group ''"},
		{"errors/404-unknown-version.http",
		 "cannot watch services: the server does not have them (404): the server could not "
		 "find the requested resource; they are part of Kubernetes 1.21 and newer"},
		{"errors/500-bad-rv.http",
		 "cannot watch services: the server answered 500: resourceVersion: Invalid value: "
		 "\"abc\": strconv.ParseUint: parsing \"abc\": invalid syntax"},
		{"errors/406-accept.http", "cannot watch services: the server answered 406: "},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct reflect reflect;

		open_watching(&reflect);
		reflect_play(&reflect, cases[i].name);
		cr_expect(!strncmp(reflect.problem, cases[i].words, strlen(cases[i].words)),
			  "%s: %s", cases[i].name, reflect.problem);
		cr_assert(!reflect.in_call, "%s", cases[i].name);
		cr_assert_geq(reflect_wait(&reflect), 1000);
		cr_assert(reflect_asked(&reflect, "watch=1&"), "%s", cases[i].name);
		cr_assert(reflect_asked(&reflect, "resourceVersion=10"), "%s", cases[i].name);
		begin(&reflect, EVENT("ADDED", "11", "c"));
		cr_assert_str_eq(reflect.problem, "");
		cr_assert_eq(reflect_count(&reflect), 3);
		reflect_close(&reflect);
	}
}

Test(reflector, a_version_from_the_future_leads_to_a_fresh_list_when_the_server_says)
{
	struct reflect reflect;

	open_watching(&reflect);
	reflect_play(&reflect, "errors/504-too-large-rv-list.http");
	cr_assert_geq(reflect_wait(&reflect), 1000);
	cr_assert(reflect_asked(&reflect, "/services?limit=500"));
	cr_assert(!reflect_asked(&reflect, "resourceVersion"));
	reflect_close(&reflect);
}

Test(reflector, retry_after_is_waited_for)
{
	struct reflect reflect;
	uint64_t waited;

	open_watching(&reflect);
	reflect_answer(&reflect, 429, 17000, "too many", 8, BL_KUBE_END_COMPLETE);
	waited = reflect_wait(&reflect);
	cr_assert(waited >= 17000 && waited < 18000, "%lu", (unsigned long)waited);
	reflect_answer(&reflect, 503, 3600 * 1000, "", 0, BL_KUBE_END_COMPLETE);
	cr_assert_leq(reflect_wait(&reflect), 301000, "but not for ever");
	reflect_close(&reflect);
}

Test(reflector, a_watch_that_cannot_be_had_is_given_up_for_a_list)
{
	struct reflect reflect;

	open_watching(&reflect);
	for (int i = 0; i < 2; i++) {
		reflect_play(&reflect, "errors/500-bad-rv.http");
		(void)reflect_wait(&reflect);
		cr_assert(reflect_asked(&reflect, "watch=1"));
	}
	reflect_play(&reflect, "errors/500-bad-rv.http");
	(void)reflect_wait(&reflect);
	cr_assert(reflect_asked(&reflect, "limit=500"), "%s", reflect.path);
	reflect_close(&reflect);
}

Test(reflector, garbage_ends_the_stream_and_is_asked_for_again)
{
	struct reflect reflect;

	open_watching(&reflect);
	reflect_text(&reflect, 200, EVENT("ADDED", "11", "c") "<html>");
	cr_assert_str_eq(reflect.problem, "cannot watch services: the server's answer cannot be "
					  "read: expected an object, got '<'");
	(void)reflect_wait(&reflect);
	cr_assert(reflect_asked(&reflect, "resourceVersion=11"));
	reflect_text(&reflect, 200, "{\"type\":\"ADDED\",\"object\":{\"metadata\":}}");
	(void)reflect_wait(&reflect);
	begin(&reflect, "");
	cr_assert_str_neq(reflect.problem, "", "a good head does not mend a bad body");
	reflect_more(&reflect, EVENT("ADDED", "12", "d"));
	cr_assert_str_eq(reflect.problem, "");
	cr_assert_eq(reflect_count(&reflect), 4);
	reflect_close(&reflect);

	reflect_open(&reflect, BL_KIND_SERVICE, false);
	reflect_text(&reflect, 200, "{\"items\":[" ITEM("a") "]}");
	cr_assert_str_eq(reflect.problem, "cannot list services: the server's answer cannot be "
					  "read: a list has no metadata.resourceVersion");
	cr_assert_str_eq(reflect_log(&reflect), "+n/a;");
	(void)reflect_wait(&reflect);
	reflect_answer(&reflect, 200, 0, "{\"items\":[", 10, BL_KUBE_END_CUT);
	(void)reflect_wait(&reflect);
	reflect_text(&reflect, 200, LIST("10", ITEM("b")));
	cr_assert_str_eq(reflect_log(&reflect), "+n/b;-n/a;full;", "half a list removes nothing");
	reflect_close(&reflect);
}

Test(reflector, an_object_that_cannot_be_used_is_named_and_its_last_version_stays)
{
	struct reflect reflect;

	open_watching(&reflect);
	begin(&reflect,
	      "{\"type\":\"MODIFIED\",\"object\":{\"metadata\":{\"name\":\"a\",\"namespace"
	      "\":\"n\",\"resourceVersion\":\"11\"},\"spec\":{\"ports\":\"none\"}}}");
	cr_assert(strstr(reflect.refused.data, "n/a: "), "%s", reflect.refused.data);
	cr_assert(strstr(reflect.refused.data, "expected a list"), "%s", reflect.refused.data);
	cr_assert_str_eq(reflect_log(&reflect), "");
	cr_assert_not_null(reflect_find(&reflect, "n/a"));
	reflect_finish(&reflect, BL_KUBE_END_COMPLETE);
	cr_assert(reflect_asked(&reflect, "resourceVersion=11"));
	/* Also when it turns up so in a list. */
	bl_reflector_relist(reflect.reflector, reflect.now_ms);
	reflect_text(&reflect, 200,
		     LIST("20", "{\"metadata\":{\"name\":\"a\",\"namespace\":\"n\"},\"spec\":7}"));
	cr_assert_str_eq(reflect_log(&reflect), "-n/b;full;");
	cr_assert_eq(bl_reflector_info(reflect.reflector).refused, 2);
	reflect_close(&reflect);
}

Test(reflector, fields_and_events_of_a_newer_server_are_ignored)
{
	struct reflect reflect;

	open_watching(&reflect);
	begin(&reflect,
	      "{\"type\":\"SHINY\",\"object\":{}}"
	      "{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"name\":\"c\",\"namespace\":\"n"
	      "\",\"resourceVersion\":\"11\",\"new\":{\"a\":[1]}},\"spec\":{\"newer\":1}}}");
	cr_assert_str_eq(reflect_log(&reflect), "+n/c;");
	cr_assert_eq(reflect.refused.len, 0);
	reflect_close(&reflect);
}

Test(reflector, a_transport_that_cannot_send_is_tried_again)
{
	struct reflect reflect;

	open_watching(&reflect);
	reflect.send_failure = -EMFILE;
	reflect_finish(&reflect, BL_KUBE_END_CUT);
	(void)reflect_wait(&reflect);
	cr_assert_str_eq(reflect.problem, "cannot ask the server: no more calls");
	reflect.send_failure = 0;
	(void)reflect_wait(&reflect);
	cr_assert(reflect.in_call);
	begin(&reflect, EVENT("ADDED", "11", "c"));
	cr_assert_str_eq(reflect.problem, "");
	reflect_close(&reflect);
}
