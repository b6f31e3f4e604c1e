/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/rest.h"

#include <errno.h>
#include <json-c/json.h>
#include <string.h>

#include "model/codec.h"

#define WATCH_TIMEOUT_MAX_S 86400u

/* A number of a query; false when it is none. */
static bool parse_number(const char *text, uint64_t max, uint64_t *ret)
{
	unsigned long long value;
	char *end;

	if (!text || text[0] < '0' || text[0] > '9')
		return false;
	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno || *end || value > max)
		return false;
	*ret = value;
	return true;
}

static int parse_selector(const struct bl_request *request, struct bl_selector **ret,
			  struct bl_reply *reply)
{
	struct bl_err err = {0};
	int r = bl_selector_parse(bl_request_query(request, "labelSelector"),
				  bl_request_query(request, "fieldSelector"), ret, &err);

	if (r == -EINVAL)
		bl_rest_error(reply, 400, NULL, "unable to parse selector: %s", err.text);
	else if (r < 0)
		bl_rest_error(reply, 500, NULL, "no memory for the selector");
	return r;
}

static void add_items(struct bl_buf *buf, const struct bl_object *const *items, size_t count,
		      const struct bl_selector *selector)
{
	bool first = true;

	for (size_t i = 0; i < count; i++) {
		struct json_object *json = NULL;

		if (!bl_selector_match(selector, items[i]))
			continue;
		if (bl_encode_json(items[i], &json) < 0) {
			buf->failed = true;
			return;
		}
		bl_buf_add_str(buf, first ? "" : ",");
		bl_buf_add_str(buf, json_object_to_json_string_ext(
					    json, JSON_C_TO_STRING_PLAIN |
							  JSON_C_TO_STRING_NOSLASHESCAPE));
		json_object_put(json);
		first = false;
	}
}

void bl_rest_list(struct bl_agent *agent, const struct bl_request *request,
		  const struct bl_rest_target *target, struct bl_reply *reply)
{
	const struct bl_kind_info *info = bl_kind_info(target->kind);
	_cleanup_(bl_selector_free) struct bl_selector *selector = NULL;
	_cleanup_free_ const struct bl_object **items = NULL;
	size_t count = 0;

	if (parse_selector(request, &selector, reply) < 0)
		return;
	if (bl_store_list(agent->store, target->kind, target->ns[0] ? target->ns : NULL, &items,
			  &count) < 0) {
		bl_rest_error(reply, 500, NULL, "no memory for the list");
		return;
	}
	bl_buf_addf(&reply->body,
		    "{\"kind\":\"%sList\",\"apiVersion\":\"%s\",\"metadata\":"
		    "{\"resourceVersion\":\"%llu\"},\"items\":[",
		    info->kind, info->api_version,
		    (unsigned long long)bl_store_version(agent->store));
	add_items(&reply->body, items, count, selector);
	bl_buf_add_str(&reply->body, "]}\n");
}

void bl_rest_watch(struct bl_agent *agent, const struct bl_request *request,
		   const struct bl_rest_target *target, struct bl_reply *reply)
{
	const char *version = bl_request_query(request, "resourceVersion");
	const char *timeout = bl_request_query(request, "timeoutSeconds");
	struct bl_watch_request watch = {
		.kind = target->kind,
		.ns = target->ns[0] ? target->ns : NULL,
	};
	uint64_t seconds = 0;
	int r;

	if (version && version[0] && !parse_number(version, UINT64_MAX, &watch.version)) {
		bl_rest_error(reply, 400, NULL, "resourceVersion '%.60s' is no number", version);
		return;
	}
	if (timeout && timeout[0] && !parse_number(timeout, WATCH_TIMEOUT_MAX_S, &seconds)) {
		bl_rest_error(reply, 400, NULL, "timeoutSeconds '%.60s' is no number up to %u",
			      timeout, WATCH_TIMEOUT_MAX_S);
		return;
	}
	watch.from_start = !watch.version;
	if (parse_selector(request, &watch.selector, reply) < 0)
		return;
	r = bl_watcher_open(agent->watches, &watch, &reply->watcher);
	if (r == -EUSERS)
		bl_rest_error(reply, 429, NULL, "there are %u watches already", BL_WATCHERS_MAX);
	else if (r < 0)
		bl_rest_error(reply, 500, NULL, "no memory for the watch");
	reply->timeout_s = (unsigned int)seconds;
}

void bl_rest_get(struct bl_agent *agent, const struct bl_rest_target *target,
		 struct bl_reply *reply)
{
	const struct bl_object *object = bl_store_find(
		agent->store, target->kind, target->ns[0] ? target->ns : NULL, target->name);

	if (object)
		bl_rest_object(reply, 200, object);
	else
		bl_rest_error(reply, 404, target, "%s \"%s\" not found",
			      bl_kind_info(target->kind)->plural, target->name);
}
