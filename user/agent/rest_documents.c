/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the API is: version, discovery, OpenAPI. */
#include <json-c/json.h>
#include <string.h>
#include <sys/utsname.h>

#include "agent/rest.h"
#include "api/accept.h"
#include "api/discovery.h"
#include "api/openapi.h"
#include "api/resources.h"
#include "base/version.h"

static void serve_version(const struct bl_request *request, struct bl_reply *reply)
{
	struct json_object *json = json_object_new_object();
	struct utsname host;
	char platform[160];
	char version[64];

	(void)request;
	(void)uname(&host);
	(void)snprintf(platform, sizeof(platform), "linux/%s",
		       !strcmp(host.machine, "x86_64")    ? "amd64"
		       : !strcmp(host.machine, "aarch64") ? "arm64"
							  : host.machine);
	/* kubectl compares these with its own version: the API that is spoken is the one of 1.36.
	 */
	json_object_object_add(json, "major", json_object_new_string("1"));
	json_object_object_add(json, "minor", json_object_new_string("36"));
	(void)snprintf(version, sizeof(version), "v1.36.0+beeline-%s", bl_version);
	json_object_object_add(json, "gitVersion", json_object_new_string(version));
	json_object_object_add(json, "platform", json_object_new_string(platform));
	bl_rest_json(reply, 200, json);
}

/* Both forms of `/api` and `/apis`. */
static void serve_groups(const struct bl_request *request, struct bl_reply *reply, bool core)
{
	enum bl_media media = bl_rest_media(
		request, reply, BL_MEDIA(JSON) | BL_MEDIA(DISCOVERY) | BL_MEDIA(DISCOVERY_BETA));

	if (media == BL_MEDIA_NONE)
		return;
	if (media == BL_MEDIA_JSON)
		bl_rest_json(reply, 200, core ? bl_discovery_versions() : bl_discovery_groups());
	else
		bl_rest_json(reply, 200,
			     bl_discovery_aggregated(
				     core, media == BL_MEDIA_DISCOVERY ? "v2" : "v2beta1"));
}

static void serve_api(const struct bl_request *request, struct bl_reply *reply)
{
	serve_groups(request, reply, true);
}

static void serve_apis(const struct bl_request *request, struct bl_reply *reply)
{
	serve_groups(request, reply, false);
}

static void tag(struct bl_reply *reply)
{
	if (!reply->body.failed)
		(void)snprintf(
			reply->etag, sizeof(reply->etag), "\"%016llX\"",
			(unsigned long long)bl_openapi_hash(reply->body.data, reply->body.len));
}

static void serve_openapi_v2(const struct bl_request *request, struct bl_reply *reply)
{
	enum bl_media media = bl_rest_media(request, reply, BL_MEDIA(JSON) | BL_MEDIA(OPENAPI_V2));
	struct json_object *json;

	if (media == BL_MEDIA_NONE)
		return;
	json = bl_openapi_v2(bl_version);
	if (media == BL_MEDIA_JSON) {
		bl_rest_json(reply, 200, json);
	} else {
		bl_openapi_v2_protobuf(json, &reply->body);
		json_object_put(json);
	}
	tag(reply);
}

static void serve_openapi_v3(const struct bl_request *request, struct bl_reply *reply)
{
	if (bl_rest_media(request, reply, BL_MEDIA(JSON)) == BL_MEDIA_NONE)
		return;
	bl_rest_json(reply, 200, bl_openapi_v3_index(bl_version));
	tag(reply);
}

static void serve_root(const struct bl_request *request, struct bl_reply *reply);

static const struct {
	const char *path;
	void (*serve)(const struct bl_request *request, struct bl_reply *reply);
} documents[] = {
	{"/", serve_root},
	{"/api", serve_api},
	{"/apis", serve_apis},
	{"/openapi/v2", serve_openapi_v2},
	{"/openapi/v3", serve_openapi_v3},
	{"/version", serve_version},
};

/* The address of a group's version: "/" PREFIX "api/v1". */
static void group_path(const char *prefix, const char *group_version, struct bl_buf *ret)
{
	bl_buf_add_str(ret, prefix);
	bl_openapi_v3_path(group_version, ret);
}

static void serve_root(const struct bl_request *request, struct bl_reply *reply)
{
	static const char *const others[] = {"/beeline/v1/status", "/healthz", "/livez", "/metrics",
					     "/readyz"};
	struct json_object *json = json_object_new_object(), *list = json_object_new_array();
	const char *group_version;

	(void)request;
	for (size_t i = 1; i < ARRAY_SIZE(documents); i++)
		json_object_array_add(list, json_object_new_string(documents[i].path));
	for (size_t i = 0; (group_version = bl_api_group_version(i)); i++) {
		_cleanup_(bl_buf_done) struct bl_buf path = {0};

		group_path("/", group_version, &path);
		json_object_array_add(list, json_object_new_string(path.failed ? "" : path.data));
	}
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		json_object_array_add(list, json_object_new_string(others[i]));
	json_object_object_add(json, "paths", list);
	bl_rest_json(reply, 200, json);
}

static bool is_path(const char *path, const char *prefix, const char *group_version)
{
	_cleanup_(bl_buf_done) struct bl_buf wanted = {0};

	group_path(prefix, group_version, &wanted);
	return !wanted.failed && !strcmp(path, wanted.data);
}

/* `/apis/GROUP`, and the addresses of a group's version. */
static bool serve_group(const struct bl_request *request, struct bl_reply *reply)
{
	const char *path = request->path, *group_version;
	struct json_object *json = NULL;

	if (!strncmp(path, "/apis/", strlen("/apis/")) && !strchr(path + strlen("/apis/"), '/'))
		json = bl_discovery_group(path + strlen("/apis/"));
	for (size_t i = 0; !json && (group_version = bl_api_group_version(i)); i++) {
		if (is_path(path, "/", group_version)) {
			json = bl_discovery_resources(group_version);
		} else if (is_path(path, "/openapi/v3/", group_version)) {
			bl_rest_json(reply, 200, bl_openapi_v3(group_version, bl_version));
			tag(reply);
			return true;
		}
	}
	if (json)
		bl_rest_json(reply, 200, json);
	return json != NULL;
}

static bool serve(const struct bl_request *request, struct bl_reply *reply)
{
	for (size_t i = 0; i < ARRAY_SIZE(documents); i++) {
		if (strcmp(request->path, documents[i].path))
			continue;
		documents[i].serve(request, reply);
		return true;
	}
	return serve_group(request, reply);
}

bool bl_rest_document(const struct bl_request *request, struct bl_reply *reply)
{
	if (!serve(request, reply))
		return false;
	if (strcmp(request->method, "GET")) {
		bl_buf_done(&reply->body);
		reply->body = (struct bl_buf){0};
		bl_rest_not_allowed(reply, "GET");
	}
	return true;
}
