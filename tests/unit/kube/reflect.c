/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reflect.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#define KEY_MAX 600

static void key_of(const char *ns, const char *name, char key[static KEY_MAX])
{
	(void)snprintf(key, KEY_MAX, "%s/%s", ns ? ns : "", name);
}

static int send(const struct bl_reflector_get *get, void *userdata, struct bl_err *err)
{
	struct reflect *reflect = userdata;

	cr_assert(!reflect->in_call, "two calls at a time");
	reflect->sent++;
	reflect->get = *get;
	(void)snprintf(reflect->path, sizeof(reflect->path), "%s", get->path);
	if (reflect->send_failure < 0)
		return bl_err_set(err, reflect->send_failure, "no more calls");
	reflect->in_call = true;
	return 0;
}

static void cancel(void *userdata)
{
	struct reflect *reflect = userdata;

	cr_assert(reflect->in_call, "nothing to cancel");
	reflect->in_call = false;
	reflect->cancelled++;
}

static void wake_at(uint64_t at_ms, void *userdata)
{
	((struct reflect *)userdata)->wake_ms = at_ms;
}

static uint32_t next_random(void *userdata)
{
	uint32_t *state = &((struct reflect *)userdata)->random;

	*state = *state * 1664525u + 1013904223u;
	return *state >> 3;
}

static void put(struct bl_object *object, void *userdata)
{
	struct reflect *reflect = userdata;
	char key[KEY_MAX];
	void *old = NULL;

	key_of(object->meta.ns, object->meta.name, key);
	bl_buf_addf(&reflect->log, "+%s;", key);
	cr_assert_eq(bl_map_put_str(reflect->force, key, bl_object_ref(object), &old), 0);
	bl_object_unref(old);
}

static void refuse(const char *ns, const char *name, const struct bl_diag *diag, void *userdata)
{
	struct reflect *reflect = userdata;

	cr_assert_gt(diag->error_count, 0);
	bl_buf_addf(&reflect->refused, "%s/%s: %s;", ns ? ns : "", name, diag->problems[0].text);
}

static void take_out(struct reflect *reflect, const char *key)
{
	bl_buf_addf(&reflect->log, "-%s;", key);
	bl_object_unref(bl_map_remove_str(reflect->force, key));
}

static void remove_one(const char *ns, const char *name, void *userdata)
{
	char key[KEY_MAX];

	key_of(ns, name, key);
	take_out(userdata, key);
}

static void complete(void *userdata)
{
	struct reflect *reflect = userdata;
	struct bl_object_list gone = {0};
	size_t cursor = 0;
	void *value;

	while (bl_map_next(reflect->force, &cursor, NULL, NULL, &value)) {
		struct bl_object *object = value;

		if (!bl_reflector_saw(reflect->reflector, object->meta.ns, object->meta.name))
			cr_assert_eq(bl_object_list_add_take(&gone, bl_object_ref(object)), 0);
	}
	for (size_t i = 0; i < gone.count; i++)
		remove_one(gone.items[i]->meta.ns, gone.items[i]->meta.name, reflect);
	bl_object_list_done(&gone);
	bl_buf_add_str(&reflect->log, "full;");
}

static void flush(void *userdata)
{
	((struct reflect *)userdata)->flushes++;
}

static void problem(const char *text, void *userdata)
{
	struct reflect *reflect = userdata;

	reflect->problems += text != NULL;
	(void)snprintf(reflect->problem, sizeof(reflect->problem), "%s", text ? text : "");
}

void reflect_open(struct reflect *reflect, enum bl_kind kind, bool streams)
{
	const struct bl_reflector_config config = {
		.resource = {.kind = kind},
		.transport = {.send = send,
			      .cancel = cancel,
			      .wake_at = wake_at,
			      .random = next_random,
			      .userdata = reflect},
		.receiver = {.put = put,
			     .refuse = refuse,
			     .remove = remove_one,
			     .complete = complete,
			     .flush = flush,
			     .problem = problem,
			     .userdata = reflect},
		.no_streaming_lists = !streams,
	};

	*reflect = (struct reflect){.now_ms = 1000, .wake_ms = UINT64_MAX, .random = 7};
	cr_assert_eq(bl_map_new(&reflect->force), 0);
	cr_assert_eq(bl_reflector_new(&config, &reflect->reflector), 0);
	bl_reflector_start(reflect->reflector, reflect->now_ms);
}

void reflect_close(struct reflect *reflect)
{
	size_t cursor = 0;
	void *object;

	while (bl_map_next(reflect->force, &cursor, NULL, NULL, &object))
		bl_object_unref(object);
	bl_map_free(reflect->force);
	bl_reflector_free(reflect->reflector);
	bl_buf_done(&reflect->log);
	bl_buf_done(&reflect->refused);
}

static void end(struct reflect *reflect, int status, uint64_t retry_after_ms, enum bl_kube_end how,
		const char *text)
{
	const struct bl_kube_outcome outcome = {
		.end = how, .status = status, .retry_after_ms = retry_after_ms, .text = text};

	if (!reflect->in_call)
		return; /* it was cancelled */
	reflect->in_call = false;
	bl_reflector_end(reflect->reflector, &outcome, reflect->now_ms);
}

/* False: the reflector wants no more of it. */
static bool feed(struct reflect *reflect, const char *body, size_t len)
{
	for (size_t at = 0; at < len;) {
		size_t portion =
			reflect->portion ? reflect->portion : 1 + next_random(reflect) % 3000;
		char *copy;
		int r;

		if (portion > len - at)
			portion = len - at;
		copy = malloc(portion);
		memcpy(copy, body + at, portion);
		r = bl_reflector_data(reflect->reflector, copy, portion, reflect->now_ms);
		free(copy);
		if (r < 0)
			return false;
		at += portion;
	}
	return true;
}

void reflect_begin(struct reflect *reflect, int status, const char *body, size_t len)
{
	cr_assert(reflect->in_call, "nothing was asked");
	bl_reflector_head(reflect->reflector, status, reflect->now_ms);
	cr_assert(feed(reflect, body, len));
}

void reflect_more(struct reflect *reflect, const char *text)
{
	cr_assert(reflect->in_call);
	cr_assert(feed(reflect, text, strlen(text)));
}

void reflect_finish(struct reflect *reflect, enum bl_kube_end how)
{
	end(reflect, 200, BL_KUBE_NO_RETRY_AFTER, how,
	    how == BL_KUBE_END_COMPLETE ? "" : "the connection was cut");
}

void reflect_answer(struct reflect *reflect, int status, uint64_t retry_after_ms, const char *body,
		    size_t len, enum bl_kube_end how)
{
	cr_assert(reflect->in_call, "nothing was asked");
	bl_reflector_head(reflect->reflector, status, reflect->now_ms);
	if (!feed(reflect, body, len))
		how = BL_KUBE_END_STOPPED;
	end(reflect, status, retry_after_ms, how, how == BL_KUBE_END_COMPLETE ? "" : "was cut");
}

void reflect_text(struct reflect *reflect, int status, const char *body)
{
	reflect_answer(reflect, status, BL_KUBE_NO_RETRY_AFTER, body, strlen(body),
		       BL_KUBE_END_COMPLETE);
}

void reflect_fail(struct reflect *reflect, enum bl_kube_end how, const char *text)
{
	cr_assert(reflect->in_call, "nothing was asked");
	end(reflect, 0, BL_KUBE_NO_RETRY_AFTER, how, text);
}

void reflect_play(struct reflect *reflect, const char *name)
{
	struct recording recording = recording_read(name);

	reflect_answer(reflect, recording.status, recording.retry_after_ms, recording.body,
		       recording.len, recording.whole ? BL_KUBE_END_COMPLETE : BL_KUBE_END_CUT);
	recording_done(&recording);
}

void reflect_pass(struct reflect *reflect, uint64_t ms)
{
	uint64_t until = reflect->now_ms + ms;

	while (reflect->wake_ms <= until) {
		reflect->now_ms =
			reflect->wake_ms > reflect->now_ms ? reflect->wake_ms : reflect->now_ms;
		reflect->wake_ms = UINT64_MAX;
		bl_reflector_wake(reflect->reflector, reflect->now_ms);
	}
	reflect->now_ms = until;
}

uint64_t reflect_wait(struct reflect *reflect)
{
	uint64_t ms = reflect->wake_ms - reflect->now_ms;

	cr_assert_neq(reflect->wake_ms, UINT64_MAX, "it does not want to be woken");
	reflect_pass(reflect, ms);
	return ms;
}

const char *reflect_log(struct reflect *reflect)
{
	static char text[65536];

	(void)snprintf(text, sizeof(text), "%s", reflect->log.data ? reflect->log.data : "");
	bl_buf_done(&reflect->log);
	reflect->log = (struct bl_buf){0};
	return text;
}

const struct bl_object *reflect_find(const struct reflect *reflect, const char *key)
{
	return bl_map_get_str(reflect->force, key);
}

size_t reflect_count(const struct reflect *reflect)
{
	return bl_map_count(reflect->force);
}

bool reflect_asked(const struct reflect *reflect, const char *part)
{
	return strstr(reflect->path, part);
}
