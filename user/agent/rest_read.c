/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/rest.h"

#include <errno.h>
#include <json-c/json.h>
#include <string.h>
#include <time.h>

#include "agent/page.h"
#include "api/slice_beta.h"
#include "model/codec.h"

/* A number of a query; false when it is none. */
static bool parse_number(const char *text, uint64_t max, uint64_t *ret)
{
	unsigned long long value;
	char *end;

	if (text[0] < '0' || text[0] > '9')
		return false;
	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno || *end || value > max)
		return false;
	*ret = value;
	return true;
}

int bl_rest_number(const struct bl_request *request, const char *key, uint64_t max, uint64_t *ret,
		   struct bl_reply *reply)
{
	const char *text = bl_request_query(request, key);

	if (!text || !text[0] || parse_number(text, max, ret))
		return 0;
	if (max == UINT64_MAX)
		bl_rest_error(reply, 400, NULL, "%s '%.60s' is no number", key, text);
	else
		bl_rest_error(reply, 400, NULL, "%s '%.60s' is no number up to %llu", key, text,
			      (unsigned long long)max);
	return -EINVAL;
}

int bl_rest_selector(const struct bl_request *request, const char *const *fields,
		     struct bl_selector **ret, struct bl_reply *reply)
{
	struct bl_err err = {0};
	int r = bl_selector_parse(bl_request_query(request, "labelSelector"),
				  bl_request_query(request, "fieldSelector"), fields, ret, &err);

	if (r == -EINVAL)
		bl_rest_error(reply, 400, NULL, "unable to parse selector: %s", err.text);
	else if (r < 0)
		bl_rest_error(reply, 500, NULL, "no memory for the selector");
	return r;
}

int bl_rest_render(const struct bl_request *request, struct bl_reply *reply, struct bl_render *ret)
{
	const char *include = bl_request_query(request, "includeObject");
	enum bl_include what;

	ret->media = bl_rest_media(request, reply, BL_MEDIA_OF_OBJECTS);
	if (ret->media == BL_MEDIA_NONE)
		return -EINVAL;
	if (bl_include_parse(include, &what) < 0) {
		bl_rest_error(reply, 400, NULL,
			      "includeObject '%.60s': expected None, Metadata or Object", include);
		return -EINVAL;
	}
	ret->include = what;
	ret->now_s = time(NULL);
	return 0;
}

static struct bl_render render_of(const struct bl_rest_target *target)
{
	const struct bl_kind_info *info = bl_kind_info(target->kind);

	return (struct bl_render){
		.kind = info->kind,
		.api_version = target->is_beta ? BL_SLICE_BETA : info->api_version,
		.columns = bl_columns_of(target->kind),
		.form = target->is_beta ? bl_slice_beta : NULL,
	};
}

/* 410, as for a watch: the client lists again from the start. */
static void reply_expired(struct bl_reply *reply, uint64_t version)
{
	bl_rest_error(reply, 410, NULL,
		      "how things were at version %llu is not remembered any more: list again "
		      "without it",
		      (unsigned long long)version);
}

/* Which version the list is of. -EINVAL: the reply says why not. */
static int read_version(struct bl_agent *agent, const struct bl_request *request,
			struct bl_page *page, struct bl_reply *reply)
{
	const struct bl_history *history = bl_watches_history(agent->watches);
	const char *match = bl_request_query(request, "resourceVersionMatch");
	const char *token = bl_request_query(request, "continue");
	uint64_t now = bl_store_version(agent->store), wanted = 0;

	page->version = now;
	if (bl_rest_number(request, "resourceVersion", UINT64_MAX, &wanted, reply) < 0 ||
	    bl_rest_number(request, "limit", UINT32_MAX, &page->limit, reply) < 0)
		return -EINVAL;
	if (token && token[0]) {
		if (bl_page_token_parse(token, page) < 0) {
			bl_rest_error(reply, 400, NULL,
				      "the token to continue by is none that this agent has given");
			return -EINVAL;
		}
	} else if (match && !strcmp(match, "Exact")) {
		page->version = wanted;
	} else if (wanted > now) {
		bl_rest_error(reply, 504, NULL, "version %llu is not reached yet, this is %llu",
			      (unsigned long long)wanted, (unsigned long long)now);
		return -EINVAL;
	}
	if (page->version == now || bl_history_reaches(history, page->version, now))
		return 0;
	reply_expired(reply, page->version);
	return -EINVAL;
}

static void add_items(const struct bl_render *render, const struct bl_object *const *items,
		      size_t count, struct bl_buf *buf)
{
	for (size_t i = 0; i < count; i++) {
		struct json_object *json = NULL;

		if (bl_encode_json(items[i], &json) < 0) {
			buf->failed = true;
			return;
		}
		bl_render_list_item(render, json, i == 0, buf);
	}
}

void bl_rest_list(struct bl_agent *agent, const struct bl_request *request,
		  const struct bl_rest_target *target, struct bl_reply *reply)
{
	struct bl_render render = render_of(target);
	_cleanup_(bl_selector_free) struct bl_selector *selector = NULL;
	_cleanup_free_ const struct bl_object **items = NULL;
	_cleanup_(bl_buf_done) struct bl_buf token = {0};
	struct bl_page page = {0};
	struct bl_list_meta meta;
	size_t count = 0;

	if (bl_rest_render(request, reply, &render) < 0 ||
	    bl_rest_selector(request, bl_selector_fields(target->kind), &selector, reply) < 0 ||
	    read_version(agent, request, &page, reply) < 0)
		return;
	if (bl_history_list(bl_watches_history(agent->watches), agent->store, target->kind,
			    target->ns[0] ? target->ns : NULL, page.version, &items, &count) < 0) {
		bl_rest_error(reply, 500, NULL, "no memory for the list");
		return;
	}
	bl_page_cut(&page, selector, items, &count, &token);
	meta = (struct bl_list_meta){
		.version = page.version,
		.next = token.len ? token.data : NULL,
		.remaining = page.remaining,
	};
	bl_render_list_begin(&render, &meta, &reply->body);
	add_items(&render, items, count, &reply->body);
	bl_render_list_end(&reply->body);
}

static bool is_true(const char *text)
{
	return text && (!strcmp(text, "1") || !strcmp(text, "true"));
}

int bl_rest_watch_start(const struct bl_request *request, struct bl_watch_request *watch,
			struct bl_reply *reply)
{
	const char *initial = bl_request_query(request, "sendInitialEvents");
	const char *match = bl_request_query(request, "resourceVersionMatch");
	bool asked = initial && initial[0];

	if (asked && (!match || strcmp(match, "NotOlderThan") != 0)) {
		bl_rest_error(reply, 422, NULL,
			      "sendInitialEvents needs resourceVersionMatch=NotOlderThan");
		return -EINVAL;
	}
	if (bl_rest_number(request, "resourceVersion", UINT64_MAX, &watch->version, reply) < 0)
		return -EINVAL;
	watch->bookmarks = is_true(bl_request_query(request, "allowWatchBookmarks"));
	watch->from_start = asked ? is_true(initial) : !watch->version;
	watch->from_now = asked && !watch->from_start && !watch->version;
	watch->tells_initial_end = asked && watch->from_start && watch->bookmarks;
	return 0;
}

void bl_rest_open_watch(struct bl_agent *agent, const struct bl_watch_request *watch,
			uint64_t seconds, struct bl_reply *reply)
{
	int r = bl_watcher_open(agent->watches, watch, &reply->watcher);

	if (r == -EUSERS)
		bl_rest_error(reply, 429, NULL, "there are %u watches already", BL_WATCHERS_MAX);
	else if (r < 0)
		bl_rest_error(reply, 500, NULL, "no memory for the watch");
	reply->timeout_s = (unsigned int)seconds;
}

void bl_rest_watch(struct bl_agent *agent, const struct bl_request *request,
		   const struct bl_rest_target *target, struct bl_reply *reply)
{
	struct bl_watch_request watch = {
		.kind = target->kind,
		.ns = target->ns[0] ? target->ns : NULL,
		.render = render_of(target),
	};
	uint64_t seconds = 0;

	if (bl_rest_render(request, reply, &watch.render) < 0 ||
	    bl_rest_watch_start(request, &watch, reply) < 0 ||
	    bl_rest_number(request, "timeoutSeconds", BL_WATCH_TIMEOUT_MAX_S, &seconds, reply) <
		    0 ||
	    bl_rest_selector(request, bl_selector_fields(target->kind), &watch.selector, reply) < 0)
		return;
	bl_rest_open_watch(agent, &watch, seconds, reply);
}

void bl_rest_get(struct bl_agent *agent, const struct bl_request *request,
		 const struct bl_rest_target *target, struct bl_reply *reply)
{
	const struct bl_object *object = bl_store_find(
		agent->store, target->kind, target->ns[0] ? target->ns : NULL, target->name);
	struct bl_render render = render_of(target);
	struct json_object *json = NULL;

	if (bl_rest_render(request, reply, &render) < 0)
		return;
	if (!object)
		bl_rest_error(reply, 404, target, "%s \"%s\" not found",
			      bl_kind_info(target->kind)->plural, target->name);
	else if (bl_encode_json(object, &json) < 0)
		bl_rest_error(reply, 500, NULL, "no memory to show the object");
	else
		bl_rest_json(reply, 200, bl_render_object(&render, json));
}
