/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What kubectl may ask of an API server and beeline does not do: said in words, where a bare "not
 * found" would leave people looking for a mistake of theirs. */
#include <string.h>

#include "agent/rest.h"
#include "api/resources.h"

#define NO_CONTAINERS "beeline does not run containers; ask what runs this pod"

static const struct {
	const char *part; /* behind the name of an object */
	const char *message;
} parts[] = {
	{"log", "no logs: " NO_CONTAINERS},
	{"exec", "no commands in containers: " NO_CONTAINERS},
	{"attach", "no attaching to containers: " NO_CONTAINERS},
	{"portforward", "no ports of containers forwarded: " NO_CONTAINERS},
	{"eviction", "no evictions: " NO_CONTAINERS},
	{"binding", "no scheduling: " NO_CONTAINERS},
	{"ephemeralcontainers", "no debugging in containers: " NO_CONTAINERS},
	{"scale", "nothing to scale: beeline has no deployments; make more pods"},
	{"resize", "no resizing: " NO_CONTAINERS},
	{"proxy", "no way through this API to pods, services and nodes: dial their addresses"},
};

static const struct {
	const char *prefix;
	const char *message;
} groups[] = {
	{"/apis/authorization.k8s.io/",
	 "beeline has no users and no permissions: whoever reaches this socket may do everything"},
	{"/apis/authentication.k8s.io/",
	 "beeline has no users: whoever reaches this socket may do everything"},
};

/* "/api/v1/namespaces/NS/pods/NAME/PART..." and "/api/v1/nodes/NAME/PART..." */
static const char *part_of(const char *path)
{
	static const char core[] = "/api/v1/";
	int skip = 2; /* plural and name */

	if (strncmp(path, core, strlen(core)) != 0)
		return NULL;
	path += strlen(core);
	if (strncmp(path, "namespaces/", strlen("namespaces/")) == 0)
		skip = 4;
	for (; skip; skip--) {
		path = strchr(path, '/');
		if (!path)
			return NULL;
		path++;
	}
	return path;
}

/* kubectl looks here for a kind that no other group has. */
#define CUSTOM_KINDS "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"

static void reply_no_custom_kinds(struct bl_reply *reply)
{
	bl_buf_add_str(&reply->body, "{\"kind\":\"CustomResourceDefinitionList\","
				     "\"apiVersion\":\"apiextensions.k8s.io/v1\","
				     "\"metadata\":{},\"items\":[]}\n");
}

/* "deployments" of "/apis/apps/v1/namespaces/NS/deployments/NAME"; false: no such path. */
static bool plural_of(const char *path, char *ret, size_t size)
{
	static const char in_namespace[] = "/namespaces/";
	int skip; /* parts before the plural, or before "namespaces" */
	size_t len;

	if (!strncmp(path, "/api/", strlen("/api/")))
		skip = 2;
	else if (!strncmp(path, "/apis/", strlen("/apis/")))
		skip = 3;
	else
		return false;
	for (; path && skip; skip--)
		path = strchr(path + 1, '/');
	if (path && !strncmp(path, in_namespace, strlen(in_namespace))) {
		const char *rest = strchr(path + strlen(in_namespace), '/');

		path = rest ? rest : path;
	}
	len = path ? strcspn(path + 1, "/") : 0;
	if (!len || len >= size)
		return false;
	memcpy(ret, path + 1, len);
	ret[len] = '\0';
	return true;
}

/* The kinds that there are, as a sentence has them. */
static void list_kinds(struct bl_buf *ret)
{
	struct bl_api_resource resource, next;

	for (size_t i = 0; bl_api_resource(i, &resource); i++) {
		bool more = bl_api_resource(i + 1, &next);

		if (strcmp(resource.group, "events.k8s.io") != 0)
			bl_buf_addf(ret, "%s%s",
				    !ret->len ? ""
				    : more    ? ", "
					      : " and ",
				    resource.plural);
	}
}

/* A kind of Kubernetes that is none here, or a version of one that is not served. */
static bool reply_no_kind(const struct bl_request *request, struct bl_reply *reply)
{
	_cleanup_(bl_buf_done) struct bl_buf kinds = {0};
	struct bl_api_resource resource;
	char plural[128];

	if (!plural_of(request->path, plural, sizeof(plural)))
		return false;
	for (size_t i = 0; bl_api_resource(i, &resource); i++)
		if (!strcmp(resource.plural, plural))
			return false;
	list_kinds(&kinds);
	bl_rest_error(reply, 404, NULL,
		      "there are no %s at '%.200s': beeline is no cluster, it has %s", plural,
		      request->path, kinds.failed ? "few kinds" : kinds.data);
	return true;
}

bool bl_rest_refuse(const struct bl_request *request, struct bl_reply *reply)
{
	const char *part = part_of(request->path);

	if (strcmp(request->path, CUSTOM_KINDS) == 0 && strcmp(request->method, "GET") == 0) {
		reply_no_custom_kinds(reply);
		return true;
	}
	for (size_t i = 0; part && i < ARRAY_SIZE(parts); i++) {
		size_t len = strlen(parts[i].part);

		if (strncmp(part, parts[i].part, len) != 0 || (part[len] && part[len] != '/'))
			continue;
		bl_rest_error(reply, 501, NULL, "%s", parts[i].message);
		return true;
	}
	for (size_t i = 0; i < ARRAY_SIZE(groups); i++) {
		if (strncmp(request->path, groups[i].prefix, strlen(groups[i].prefix)) != 0)
			continue;
		bl_rest_error(reply, 404, NULL, "%s", groups[i].message);
		return true;
	}
	return reply_no_kind(request, reply);
}
