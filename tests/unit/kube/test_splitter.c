/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "kube/splitter.h"
#include "recording.h"

struct trace {
	struct bl_buf log;
	size_t pieces;
	size_t longest;
};

static int on_piece(const char *text, size_t len, void *userdata)
{
	struct trace *trace = userdata;

	trace->pieces++;
	if (len > trace->longest)
		trace->longest = len;
	bl_buf_addf(&trace->log, "<%.*s>", (int)len, text);
	return 0;
}

static int on_member(const char *key, const char *text, size_t len, void *userdata)
{
	struct trace *trace = userdata;

	bl_buf_addf(&trace->log, "%s=%.*s;", key, (int)len, text);
	return 0;
}

/* Feeds the body in portions of `step` bytes (0: of random sizes). */
static int split(enum bl_splitter_shape shape, const char *body, size_t len, size_t step,
		 struct trace *trace, struct bl_err *err)
{
	const struct bl_splitter_handler handler = {on_piece, on_member, trace};
	struct bl_splitter *splitter = NULL;
	size_t at = 0;
	int r = 0;

	*trace = (struct trace){0};
	cr_assert_eq(bl_splitter_new(&handler, &splitter), 0);
	bl_splitter_start(splitter, shape);
	while (r == 0 && at < len) {
		size_t portion = step ? step : 1 + (size_t)rand() % 5000;
		char *copy;

		if (portion > len - at)
			portion = len - at;
		/* A copy, so that a sanitizer sees who reads behind it. */
		copy = malloc(portion);
		memcpy(copy, body + at, portion);
		r = bl_splitter_feed(splitter, copy, portion, err);
		free(copy);
		at += portion;
	}
	if (r == 0)
		r = bl_splitter_end(splitter, err);
	bl_splitter_free(splitter);
	return r;
}

static const char *split_text(enum bl_splitter_shape shape, const char *body)
{
	static char text[8192];
	struct trace trace;
	struct bl_err err = {0};
	int r = split(shape, body, strlen(body), 0, &trace, &err);

	if (r < 0)
		(void)snprintf(text, sizeof(text), "%s", err.text);
	else
		(void)snprintf(text, sizeof(text), "%s", trace.log.data ? trace.log.data : "");
	bl_buf_done(&trace.log);
	return text;
}

Test(splitter, items_of_a_list_come_one_by_one_and_the_other_members_by_name)
{
	cr_assert_str_eq(
		split_text(BL_SPLITTER_LIST,
			   "{\"kind\":\"L\",\"items\":[{\"a\":1}, {\"b\":[{}]}],\"metadata\""
			   ":{\"resourceVersion\":\"7\"}}"),
		"kind=\"L\";<{\"a\":1}><{\"b\":[{}]}>metadata={\"resourceVersion\":\"7\"};");
	cr_assert_str_eq(split_text(BL_SPLITTER_LIST, " { \"items\" : [ ] , \"n\" : 12 }\n"),
			 "n=12;");
	cr_assert_str_eq(split_text(BL_SPLITTER_LIST, "{\"items\":null}"), "items=null;");
	cr_assert_str_eq(split_text(BL_SPLITTER_LIST, "{}"), "");
}

Test(splitter, brackets_and_quotes_in_strings_are_text)
{
	cr_assert_str_eq(split_text(BL_SPLITTER_LIST, "{\"items\":[{\"a\":\"}]\\\"{\\\\\"},{}]}"),
			 "<{\"a\":\"}]\\\"{\\\\\"}><{}>");
	cr_assert_str_eq(split_text(BL_SPLITTER_LIST, "{\"a\":\"x\\\\\",\"b\":true}"),
			 "a=\"x\\\\\";b=true;");
}

Test(splitter, events_need_no_newline_between_them)
{
	cr_assert_str_eq(split_text(BL_SPLITTER_WATCH, "{\"a\":1}\n{\"b\":2}{\"c\":3}"),
			 "<{\"a\":1}><{\"b\":2}><{\"c\":3}>");
	cr_assert_str_eq(split_text(BL_SPLITTER_WATCH, ""), "");
}

Test(splitter, what_is_no_list_or_no_event_is_refused_with_words)
{
	static const struct {
		enum bl_splitter_shape shape;
		const char *body, *words;
	} cases[] = {
		{BL_SPLITTER_LIST, "[]", "expected an object, got '['"},
		{BL_SPLITTER_LIST, "404 page not found", "expected an object, got '4'"},
		{BL_SPLITTER_LIST, "{\"a\" 1}", "expected ':', got '1'"},
		{BL_SPLITTER_LIST, "{,}", "expected a key or '}', got ','"},
		{BL_SPLITTER_LIST, "{\"a\":1,}", "expected a key, got '}'"},
		{BL_SPLITTER_LIST, "{\"a\":x}", "expected a value, got 'x'"},
		{BL_SPLITTER_LIST, "{\"items\":[1]}", "expected a value, got '1'"},
		{BL_SPLITTER_LIST, "{\"items\":[{} {}]}", "expected ',' or ']', got '{'"},
		{BL_SPLITTER_LIST, "{\"items\":[{},]}", "expected a value, got ']'"},
		{BL_SPLITTER_LIST, "{}{}", "expected the end of the body, got '{'"},
		{BL_SPLITTER_LIST, "", "the body ends too early"},
		{BL_SPLITTER_LIST, "{\"items\":[{}]", "the body ends too early"},
		{BL_SPLITTER_LIST, "{\"a\":\"", "the body ends too early"},
		{BL_SPLITTER_WATCH, "{\"a\":", "the body ends too early"},
		{BL_SPLITTER_WATCH, "{}\x01", "expected an object, got byte 0x01"},
		{BL_SPLITTER_WATCH, "7", "expected an object, got '7'"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		cr_expect_str_eq(split_text(cases[i].shape, cases[i].body), cases[i].words, "%s",
				 cases[i].body);
}

/* Without the zero byte. */
static void write_at(char *to, const char *text)
{
	while (*text)
		*to++ = *text++;
}

Test(splitter, an_object_too_large_too_deep_or_with_an_endless_key_ends_it)
{
	size_t len = BL_SPLITTER_PIECE_MAX + 100;
	char *body = malloc(len);
	struct trace trace;
	struct bl_err err = {0};

	memset(body, 'x', len);
	write_at(body, "{\"a\":\"");
	cr_assert_eq(split(BL_SPLITTER_WATCH, body, len, 65536, &trace, &err), -E2BIG);
	cr_assert_str_eq(err.text, "an object is larger than 3145728 bytes");
	bl_buf_done(&trace.log);
	cr_assert_eq(split(BL_SPLITTER_LIST, body + 2, 0, 1, &trace, &err), -EBADMSG);
	write_at(body, "{\"");
	memset(body + 2, 'k', 400);
	cr_assert_eq(split(BL_SPLITTER_LIST, body, 400, 7, &trace, &err), -E2BIG);
	memset(body, '[', 200);
	body[0] = '{';
	write_at(body, "{\"a\":");
	cr_assert_eq(split(BL_SPLITTER_LIST, body, 200, 1, &trace, &err), -E2BIG);
	cr_assert_str_eq(err.text, "an object is nested deeper than 64 levels");
	free(body);
}

static int refuse(const char *text, size_t len, void *userdata)
{
	(void)text;
	(void)len;
	++*(int *)userdata;
	return -ECANCELED;
}

Test(splitter, a_handler_can_end_it_and_a_start_makes_it_good_again)
{
	int calls = 0;
	const struct bl_splitter_handler handler = {.piece = refuse, .userdata = &calls};
	struct bl_splitter *splitter = NULL;
	struct bl_err err = {0};

	cr_assert_eq(bl_splitter_new(&handler, &splitter), 0);
	cr_assert_eq(bl_splitter_feed(splitter, "{}", 2, &err), -EBADMSG);
	bl_splitter_start(splitter, BL_SPLITTER_WATCH);
	cr_assert_eq(bl_splitter_feed(splitter, "{}{}", 4, &err), -ECANCELED);
	cr_assert_eq(bl_splitter_feed(splitter, "{}", 2, &err), -EBADMSG);
	cr_assert_eq(calls, 1);
	bl_splitter_start(splitter, BL_SPLITTER_WATCH);
	cr_assert_eq(bl_splitter_feed(splitter, " {", 2, &err), 0);
	bl_splitter_start(splitter, BL_SPLITTER_WATCH);
	cr_assert_eq(bl_splitter_feed(splitter, "{}", 2, &err), -ECANCELED);
	cr_assert_eq(calls, 2);
	bl_splitter_free(splitter);
}

static const struct {
	const char *name;
	enum bl_splitter_shape shape;
	size_t pieces;
} recordings[] = {
	{"list/services.json", BL_SPLITTER_LIST, 23},
	{"list/endpointslices.json", BL_SPLITTER_LIST, 23},
	{"list/nodes.json", BL_SPLITTER_LIST, 2},
	{"list/nodes.raw.http", BL_SPLITTER_LIST, 2},
	{"list/pods.json", BL_SPLITTER_LIST, 3},
	{"list/services.page1.json", BL_SPLITTER_LIST, 5},
	{"list/services.partialmetadata.json", BL_SPLITTER_LIST, 23},
	{"watch/services.jsonl", BL_SPLITTER_WATCH, 0},
	{"watch/nodes.jsonl", BL_SPLITTER_WATCH, 0},
	{"watch/pods.jsonl", BL_SPLITTER_WATCH, 0},
	{"watch/services.raw-chunked.http", BL_SPLITTER_WATCH, 0},
	{"watch/services.sendInitialEvents.jsonl", BL_SPLITTER_WATCH, 0},
	{"errors/410-watch-services.raw.http", BL_SPLITTER_WATCH, 1},
	{"errors/403-list-services.http", BL_SPLITTER_LIST, 0},
};

static size_t lines_of(const struct recording *recording)
{
	size_t lines = 0;

	for (size_t i = 0; i < recording->len; i++)
		lines += recording->body[i] == '\n';
	return lines;
}

Test(splitter, recordings_give_the_same_in_portions_of_any_size, .timeout = 600)
{
	srand(4);
	for (size_t i = 0; i < sizeof(recordings) / sizeof(recordings[0]); i++) {
		struct recording recording = recording_read(recordings[i].name);
		size_t pieces = recordings[i].pieces;
		struct trace whole, cut;
		struct bl_err err = {0};

		if (recordings[i].shape == BL_SPLITTER_WATCH && !pieces)
			pieces = lines_of(&recording);
		cr_assert_eq(split(recordings[i].shape, recording.body, recording.len,
				   recording.len, &whole, &err),
			     0, "%s: %s", recordings[i].name, err.text);
		cr_expect_eq(whole.pieces, pieces, "%s: %zu pieces", recordings[i].name,
			     whole.pieces);
		for (size_t round = 0; round < 24; round++) {
			cr_assert_eq(split(recordings[i].shape, recording.body, recording.len,
					   round < 4 ? round + 1 : 0, &cut, &err),
				     0, "%s: %s", recordings[i].name, err.text);
			cr_assert_str_eq(cut.log.data, whole.log.data);
			bl_buf_done(&cut.log);
		}
		bl_buf_done(&whole.log);
		recording_done(&recording);
	}
}

Test(splitter, every_single_cut_of_a_watch_gives_the_same, .timeout = 600)
{
	struct recording recording = recording_read("watch/services.labelselector-app-web.jsonl");
	struct trace whole, cut;
	struct bl_err err = {0};

	cr_assert_eq(split(BL_SPLITTER_WATCH, recording.body, recording.len, recording.len, &whole,
			   &err),
		     0);
	for (size_t at = 1; at < recording.len; at++) {
		const struct bl_splitter_handler handler = {on_piece, on_member, &cut};
		struct bl_splitter *splitter = NULL;

		cut = (struct trace){0};
		cr_assert_eq(bl_splitter_new(&handler, &splitter), 0);
		bl_splitter_start(splitter, BL_SPLITTER_WATCH);
		cr_assert_eq(bl_splitter_feed(splitter, recording.body, at, &err), 0);
		cr_assert_eq(
			bl_splitter_feed(splitter, recording.body + at, recording.len - at, &err),
			0);
		cr_assert_eq(bl_splitter_end(splitter, &err), 0);
		cr_assert_str_eq(cut.log.data, whole.log.data, "cut at %zu", at);
		bl_buf_done(&cut.log);
		bl_splitter_free(splitter);
	}
	bl_buf_done(&whole.log);
	recording_done(&recording);
}

Test(splitter, a_server_that_stops_in_mid_event_leaves_a_body_that_is_not_whole)
{
	struct recording recording = recording_read("watch/services.server-stopped.raw.http");

	cr_assert(!recording.whole);
	recording_done(&recording);
}
