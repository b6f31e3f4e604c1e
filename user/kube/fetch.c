/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "kube/fetch.h"

#include <errno.h>
#include <json-c/json.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"

struct bl_kube_fetch {
	struct bl_kube_call *call;
	bl_kube_reply_fn *replied;
	void *userdata;
	struct bl_buf body;
	bool replying; /* its end is under way */
};

const char *bl_kube_json_text(struct json_object *json, const char *path)
{
	struct json_object *value = NULL;

	while (json && *path) {
		char step[64];
		size_t len = strcspn(path, ".");

		if (len >= sizeof(step))
			return NULL;
		memcpy(step, path, len);
		step[len] = '\0';
		if (!json_object_object_get_ex(json, step, &value))
			return NULL;
		json = value;
		path += len + (path[len] == '.');
	}
	return json_object_is_type(json, json_type_string) ? json_object_get_string(json) : NULL;
}

const char *bl_kube_time_format(uint64_t now_us, char text[static BL_KUBE_TIME_TEXT])
{
	time_t seconds = (time_t)(now_us / 1000000);
	struct tm tm;
	size_t len;

	(void)gmtime_r(&seconds, &tm);
	len = strftime(text, 30, "%Y-%m-%dT%H:%M:%S", &tm);
	(void)snprintf(text + len, BL_KUBE_TIME_TEXT - len, ".%06uZ",
		       (unsigned int)(now_us % 1000000));
	return text;
}

struct bl_kube_fetch *bl_kube_fetch_cancel(struct bl_kube_fetch *fetch)
{
	if (!fetch || fetch->replying)
		return NULL;
	(void)bl_kube_call_cancel(fetch->call);
	bl_buf_done(&fetch->body);
	free(fetch);
	return NULL;
}

static int on_data(struct bl_kube_call *call, const void *bytes, size_t len, void *userdata)
{
	struct bl_kube_fetch *fetch = userdata;

	(void)call;
	bl_buf_add(&fetch->body, bytes, len);
	return fetch->body.failed ? -ENOMEM : 0;
}

/* "403 Forbidden: leases.coordination.k8s.io is forbidden: ..." */
static void write_words(const struct bl_kube_outcome *outcome, struct json_object *body,
			char words[static BL_KUBE_TEXT])
{
	const char *reason = bl_kube_json_text(body, "reason");
	const char *message = bl_kube_json_text(body, "message");

	words[0] = '\0';
	if (outcome->end != BL_KUBE_END_COMPLETE)
		(void)snprintf(words, BL_KUBE_TEXT, "%s", outcome->text);
	else if (outcome->status >= 300)
		(void)snprintf(words, BL_KUBE_TEXT, "%d%s%s%s%s", outcome->status,
			       reason ? " " : "", reason ? reason : "", message ? ": " : "",
			       message ? message : "");
	else if (!body)
		(void)snprintf(words, BL_KUBE_TEXT, "the answer is no JSON object");
}

static void on_done(struct bl_kube_call *call, const struct bl_kube_outcome *outcome,
		    void *userdata)
{
	struct bl_kube_fetch *fetch = userdata;
	struct json_tokener *tokener = json_tokener_new();
	struct json_object *body = NULL;
	char words[BL_KUBE_TEXT];
	struct bl_kube_reply reply = {
		.status = outcome->status,
		.retry_after_ms = outcome->retry_after_ms,
		.words = words,
	};

	(void)call;
	fetch->call = NULL;
	if (tokener && fetch->body.len && outcome->end == BL_KUBE_END_COMPLETE)
		body = json_tokener_parse_ex(tokener, fetch->body.data, (int)fetch->body.len);
	json_tokener_free(tokener);
	if (!json_object_is_type(body, json_type_object)) {
		(void)json_object_put(body);
		body = NULL;
	}
	write_words(outcome, body, words);
	reply.body = body;
	fetch->replying = true;
	fetch->replied(&reply, fetch->userdata);
	fetch->replying = false;
	(void)json_object_put(body);
	(void)bl_kube_fetch_cancel(fetch);
}

struct bl_kube_fetch *bl_kube_fetch_start(struct bl_kube_client *client,
					  const struct bl_kube_request *request,
					  bl_kube_reply_fn *replied, void *userdata,
					  struct bl_err *err)
{
	struct bl_kube_fetch *fetch = calloc(1, sizeof(*fetch));
	struct bl_kube_request limited = *request;
	const struct bl_kube_handler handler = {
		.data = on_data, .done = on_done, .userdata = fetch};

	if (!fetch) {
		(void)bl_err_set(err, -ENOMEM, "no memory for a request");
		return NULL;
	}
	if (!limited.body_max || limited.body_max > BL_KUBE_FETCH_MAX)
		limited.body_max = BL_KUBE_FETCH_MAX;
	if (!limited.total_timeout_ms)
		limited.total_timeout_ms = BL_KUBE_FETCH_MS;
	fetch->replied = replied;
	fetch->userdata = userdata;
	fetch->call = bl_kube_send(client, &limited, &handler, err);
	return fetch->call ? fetch : bl_kube_fetch_cancel(fetch);
}
