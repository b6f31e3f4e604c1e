/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/rest.h"

#include <json-c/json.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

#include "agent/status_error.h"
#include "api/event.h"
#include "api/slice_beta.h"
#include "model/codec.h"
#include "model/schema.h"

#define CORE "/api/v1"
#define GROUPS "/apis/"

struct bl_source_name bl_rest_name(const struct bl_rest_target *target)
{
	return (struct bl_source_name){
		.kind = target->kind,
		.ns = target->ns[0] ? target->ns : NULL,
		.name = target->name,
	};
}

void bl_rest_error(struct bl_reply *reply, unsigned int code, const struct bl_rest_target *target,
		   const char *format, ...)
{
	struct bl_source_name about;
	char message[BL_ERR_TEXT];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	if (target)
		about = bl_rest_name(target);
	reply->code = code;
	bl_status_error(&reply->body, code, bl_status_reason(code), message,
			target ? &about : NULL);
}

void bl_rest_json(struct bl_reply *reply, unsigned int code, struct json_object *json)
{
	reply->code = code;
	bl_buf_add_str(&reply->body,
		       json_object_to_json_string_ext(
			       json, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
	bl_buf_add_str(&reply->body, "\n");
	json_object_put(json);
}

void bl_rest_object(struct bl_reply *reply, unsigned int code, const struct bl_object *object)
{
	struct json_object *json = NULL;

	if (bl_encode_json(object, &json) < 0)
		bl_rest_error(reply, 500, NULL, "no memory to show the object");
	else
		bl_rest_json(reply, code, json);
}

struct json_object *bl_rest_time(int64_t seconds)
{
	time_t when = (time_t)seconds;
	struct tm parts;
	char text[40];

	if (!seconds || !gmtime_r(&when, &parts) ||
	    !strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &parts))
		return NULL;
	return json_object_new_string(text);
}

/* The next part of a path; false at its end. Parts that do not fit are no names. */
static bool next_part(const char **at, char *part, size_t size)
{
	size_t len;

	if (**at != '/')
		return false;
	len = strcspn(*at + 1, "/");
	if (!len || len >= size)
		return false;
	memcpy(part, *at + 1, len);
	part[len] = '\0';
	*at += len + 1;
	return true;
}

static bool kind_of(const char *plural, const char *group_version, enum bl_kind *ret)
{
	for (int i = 0; i < BL_KIND_COUNT; i++) {
		const struct bl_kind_info *info = bl_kind_info((enum bl_kind)i);

		if (strcmp(info->plural, plural) || strcmp(info->api_version, group_version))
			continue;
		*ret = (enum bl_kind)i;
		return true;
	}
	return false;
}

/* "v1" of "/api/v1/...", "GROUP/VERSION" of "/apis/GROUP/VERSION/...", and what follows. */
static bool split_version(const char **path, char *version, size_t size)
{
	const char *at = *path, *slash;

	if (!strncmp(at, CORE "/", strlen(CORE "/"))) {
		at += strlen("/api/");
		slash = strchr(at, '/');
	} else if (!strncmp(at, GROUPS, strlen(GROUPS))) {
		at += strlen(GROUPS);
		slash = strchr(at, '/');
		slash = slash ? strchr(slash + 1, '/') : NULL;
	} else {
		return false;
	}
	if (!slash || (size_t)(slash - at) >= size)
		return false;
	memcpy(version, at, (size_t)(slash - at));
	version[slash - at] = '\0';
	*path = slash;
	return true;
}

/* "/services", "/namespaces/NS/services/NAME" ... after the group's prefix. False: too many parts.
 */
static bool split_path(const char *path, char plural[static 256], struct bl_rest_target *target)
{
	*target = (struct bl_rest_target){0};
	if (!next_part(&path, plural, 256))
		return false;
	if (!strcmp(plural, "namespaces")) {
		const char *rest = path;
		char ns[256], part[256];

		if (next_part(&rest, ns, sizeof(ns)) && next_part(&rest, part, sizeof(part))) {
			memcpy(target->ns, ns, sizeof(ns));
			memcpy(plural, part, sizeof(part));
			path = rest;
		}
	}
	if (!*path)
		return true;
	if (!next_part(&path, target->name, sizeof(target->name)))
		return false;
	target->is_status = !strcmp(path, "/status");
	return target->is_status || !*path;
}

static bool has_status(enum bl_kind kind)
{
	size_t hint = 0;

	return bl_type_find(bl_type_of(kind), "status", strlen("status"), &hint);
}

static bool find_kind(const char *plural, const char *group_version, struct bl_rest_target *target)
{
	bool namespaced;

	target->is_beta = !strcmp(group_version, BL_SLICE_BETA);
	if (!kind_of(plural, target->is_beta ? "discovery.k8s.io/v1" : group_version,
		     &target->kind))
		return false;
	if (target->is_status && !has_status(target->kind))
		return false;
	namespaced = bl_kind_info(target->kind)->namespaced;
	/* An object of a namespaced kind is never addressed without its namespace. */
	return namespaced ? !target->name[0] || target->ns[0] : !target->ns[0];
}

static bool is_true(const char *text)
{
	return text && (!strcmp(text, "1") || !strcmp(text, "true"));
}

enum bl_media bl_rest_media(const struct bl_request *request, struct bl_reply *reply,
			    unsigned int offered)
{
	const char *wish = bl_request_header(request, "Accept");
	enum bl_media media = bl_accept(wish, offered);

	if (media == BL_MEDIA_NONE)
		bl_rest_error(reply, 406, NULL,
			      "nothing of '%.200s' can be answered with: this path has JSON", wish);
	else
		reply->content_type = bl_media_type(media);
	return media;
}

void bl_rest_not_allowed(struct bl_reply *reply, const char *allow)
{
	bl_rest_error(reply, 405, NULL, "this path takes %s", allow);
	reply->allow = allow;
}

static void serve_collection(struct bl_agent *agent, const struct bl_request *request,
			     const struct bl_rest_target *target, struct bl_reply *reply)
{
	bool namespaced = bl_kind_info(target->kind)->namespaced;

	if (!strcmp(request->method, "GET")) {
		if (is_true(bl_request_query(request, "watch")))
			bl_rest_watch(agent, request, target, reply);
		else
			bl_rest_list(agent, request, target, reply);
	} else if (!strcmp(request->method, "POST") && (target->ns[0] || !namespaced)) {
		bl_rest_create(agent, request, target, reply);
	} else if (!strcmp(request->method, "DELETE") && (target->ns[0] || !namespaced)) {
		bl_rest_delete_collection(agent, request, target, reply);
	} else {
		bl_rest_not_allowed(reply,
				    target->ns[0] || !namespaced ? "GET, POST, DELETE" : "GET");
	}
}

static void serve_object(struct bl_agent *agent, const struct bl_request *request,
			 const struct bl_rest_target *target, struct bl_reply *reply)
{
	if (!strcmp(request->method, "GET"))
		bl_rest_get(agent, request, target, reply);
	else if (!strcmp(request->method, "PUT"))
		bl_rest_replace(agent, request, target, reply);
	else if (!strcmp(request->method, "PATCH"))
		bl_rest_patch(agent, request, target, reply);
	else if (!strcmp(request->method, "DELETE") && !target->is_status)
		bl_rest_delete(agent, request, target, reply);
	else
		bl_rest_not_allowed(reply, target->is_status ? "GET, PUT, PATCH"
							     : "GET, PUT, PATCH, DELETE");
}

static void serve_livez(struct bl_reply *reply)
{
	reply->content_type = "text/plain; charset=utf-8";
	bl_buf_add_str(&reply->body, "ok\n");
}

enum fixed_path {
	PATH_LIVEZ,
	PATH_READYZ,
	PATH_HEALTHZ,
	PATH_METRICS,
	PATH_STATUS,
	PATH_VERIFY,
	PATH_PLAN,
	PATH_ENV,
	PATH_RESOLV_CONF,
	PATH_CONNECTIONS,
	PATH_LIVE,
	PATH_FLOWS,
	PATH_MAGLEV,
	PATH_PROBES,
	PATH_COUNT,
};

static const char *const fixed_paths[PATH_COUNT] = {
	[PATH_LIVEZ] = "/livez",
	[PATH_READYZ] = "/readyz",
	[PATH_HEALTHZ] = "/healthz",
	[PATH_METRICS] = "/metrics",
	[PATH_STATUS] = "/beeline/v1/status",
	[PATH_VERIFY] = "/beeline/v1/verify",
	[PATH_PLAN] = "/beeline/v1/plan",
	[PATH_ENV] = "/beeline/v1/env",
	[PATH_RESOLV_CONF] = "/beeline/v1/resolv-conf",
	[PATH_CONNECTIONS] = "/beeline/v1/connections",
	[PATH_LIVE] = "/beeline/v1/live",
	[PATH_FLOWS] = "/beeline/v1/flows",
	[PATH_MAGLEV] = "/beeline/v1/maglev",
	[PATH_PROBES] = "/beeline/v1/probes",
};

static void serve_fixed(struct bl_agent *agent, enum fixed_path path,
			const struct bl_request *request, struct bl_reply *reply)
{
	switch (path) {
	case PATH_LIVEZ:
		return serve_livez(reply);
	case PATH_READYZ:
		return bl_own_readyz(agent, reply);
	case PATH_HEALTHZ:
		return bl_own_healthz(agent, reply);
	case PATH_METRICS:
		return bl_metrics_reply(agent, reply);
	case PATH_STATUS:
		return bl_status_reply(agent, request, reply);
	case PATH_VERIFY:
		return bl_own_verify(agent, reply);
	case PATH_PLAN:
		return bl_own_plan(agent, reply);
	case PATH_ENV:
		return bl_own_env(agent, request, reply);
	case PATH_RESOLV_CONF:
		return bl_own_resolv_conf(agent, request, reply);
	case PATH_CONNECTIONS:
		return bl_own_connections(agent, request, reply);
	case PATH_LIVE:
		return bl_own_live(agent, reply);
	case PATH_FLOWS:
		return bl_own_flows(agent, reply);
	case PATH_MAGLEV:
		return bl_own_maglev(agent, request, reply);
	case PATH_PROBES:
		return bl_own_probes(agent, request, reply);
	case PATH_COUNT:
		break;
	}
}

static bool serve_objects(struct bl_agent *agent, const struct bl_request *request,
			  struct bl_reply *reply)
{
	struct bl_rest_target target;
	const char *path = request->path;
	char plural[256], group_version[256];

	if (!split_version(&path, group_version, sizeof(group_version)))
		return false;
	if (!split_path(path, plural, &target))
		return false;
	if (!strcmp(plural, "events") && !target.is_status && (target.ns[0] || !target.name[0]) &&
	    (!strcmp(group_version, "v1") || !strcmp(group_version, BL_EVENT_GROUP))) {
		const struct bl_rest_events_target events = {
			.ns = target.ns,
			.name = target.name,
			.group = !strcmp(group_version, BL_EVENT_GROUP),
		};

		bl_rest_events(agent, request, &events, reply);
		return true;
	}
	if (!find_kind(plural, group_version, &target))
		return false;
	if (target.is_beta && strcmp(request->method, "GET") != 0)
		bl_rest_not_allowed(reply, "GET");
	else if (target.name[0])
		serve_object(agent, request, &target, reply);
	else
		serve_collection(agent, request, &target, reply);
	return true;
}

void bl_rest_handle(const struct bl_request *request, struct bl_reply *reply, void *userdata)
{
	for (int i = 0; i < PATH_COUNT; i++) {
		if (strcmp(request->path, fixed_paths[i]))
			continue;
		if (strcmp(request->method, "GET"))
			bl_rest_not_allowed(reply, "GET");
		else
			serve_fixed(userdata, (enum fixed_path)i, request, reply);
		return;
	}
	if (bl_rest_document(request, reply))
		return;
	if (!serve_objects(userdata, request, reply) && !bl_rest_refuse(request, reply))
		bl_rest_error(reply, 404, NULL, "there is nothing at '%.200s'", request->path);
}

void bl_rest_handle_health(const struct bl_request *request, struct bl_reply *reply, void *userdata)
{
	static const enum fixed_path paths[] = {PATH_LIVEZ, PATH_READYZ, PATH_HEALTHZ,
						PATH_METRICS};

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
		if (!strcmp(request->path, fixed_paths[paths[i]]))
			return bl_rest_handle(request, reply, userdata);
	bl_rest_error(reply, 404, NULL,
		      "there is nothing at '%.200s': this port serves /livez, /readyz, /healthz "
		      "and /metrics",
		      request->path);
}
