/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "api/openapi.h"

#include <string.h>

#include "api/json.h"
#include "api/openapi_schema.h"
#include "base/cleanup.h"

static const struct bl_openapi_dialect swagger = {.ref_prefix = "#/definitions/"};
static const struct bl_openapi_dialect openapi = {.ref_prefix = "#/components/schemas/",
						  .v3 = true};

struct operation {
	const char *method;
	const char *action; /* as Kubernetes calls it */
	bool of_object;     /* not of the collection */
	bool writes;
	bool has_body;
};

static const struct operation operations[] = {
	{"get", "list", false, false, false}, {"post", "post", false, true, true},
	{"get", "get", true, false, false},   {"put", "put", true, true, true},
	{"patch", "patch", true, true, true}, {"delete", "delete", true, true, false},
};

static void add_parameter(struct json_object *list, const struct bl_openapi_dialect *dialect,
			  const char *name, const char *in, const char *type)
{
	struct json_object *json = json_object_new_object(), *schema = json;

	bl_json_set_str(json, "name", name);
	bl_json_set_str(json, "in", in);
	if (strcmp(in, "path") == 0)
		bl_json_set(json, "required", json_object_new_boolean(true));
	if (dialect->v3) {
		schema = json_object_new_object();
		bl_json_set(json, "schema", schema);
	}
	bl_json_set_str(schema, "type", type);
	bl_json_push(list, json);
}

/* What kubectl looks for: whether the server can check without keeping, and names unknown fields.
 */
static struct json_object *query_of(const struct operation *operation,
				    const struct bl_openapi_dialect *dialect)
{
	struct json_object *list = json_object_new_array();

	if (operation->writes)
		add_parameter(list, dialect, "dryRun", "query", "string");
	if (operation->has_body) {
		add_parameter(list, dialect, "fieldManager", "query", "string");
		add_parameter(list, dialect, "fieldValidation", "query", "string");
	}
	if (strcmp(operation->action, "patch") == 0)
		add_parameter(list, dialect, "force", "query", "boolean");
	if (strcmp(operation->action, "list") == 0) {
		add_parameter(list, dialect, "labelSelector", "query", "string");
		add_parameter(list, dialect, "fieldSelector", "query", "string");
		add_parameter(list, dialect, "limit", "query", "integer");
		add_parameter(list, dialect, "continue", "query", "string");
		add_parameter(list, dialect, "resourceVersion", "query", "string");
		add_parameter(list, dialect, "watch", "query", "boolean");
	}
	return list;
}

/* {"content": {"application/json": {"schema": ...}}} around it in OpenAPI 3. */
static void put_content(struct json_object *json, const struct bl_openapi_dialect *dialect,
			struct json_object *schema)
{
	struct json_object *content;

	if (dialect->v3) {
		content = bl_json_add_object(json, "content");
		json = bl_json_add_object(content, "application/json");
	}
	bl_json_set(json, "schema", schema);
}

static struct json_object *operation_json(const struct bl_api_resource *resource,
					  const struct operation *operation,
					  const struct bl_openapi_dialect *dialect)
{
	struct json_object *json = json_object_new_object(), *query, *answer, *body;
	bool list = strcmp(operation->action, "list") == 0;

	query = query_of(operation, dialect);
	bl_json_set(json, "parameters", query);
	if (operation->has_body && dialect->v3) {
		body = bl_json_add_object(json, "requestBody");
		put_content(body, dialect, bl_openapi_ref_of(resource, false, dialect));
	} else if (operation->has_body) {
		body = json_object_new_object();
		bl_json_set_str(body, "name", "body");
		bl_json_set_str(body, "in", "body");
		bl_json_set(body, "required", json_object_new_boolean(true));
		bl_json_set(body, "schema", bl_openapi_ref_of(resource, false, dialect));
		bl_json_push(query, body);
	}
	answer = bl_json_add_object(bl_json_add_object(json, "responses"), "200");
	bl_json_set_str(answer, "description", "OK");
	put_content(answer, dialect, bl_openapi_ref_of(resource, list, dialect));
	bl_json_set_str(json, "x-kubernetes-action", operation->action);
	bl_json_set(json, "x-kubernetes-group-version-kind", bl_openapi_gvk(resource));
	return json;
}

static void add_path(struct json_object *paths, const struct bl_api_resource *resource,
		     const struct bl_openapi_dialect *dialect, bool of_object)
{
	struct json_object *item = json_object_new_object(), *parameters = json_object_new_array();
	char path[256];

	(void)snprintf(path, sizeof(path), "/%s/%s%s/%s%s", resource->group[0] ? "apis" : "api",
		       resource->group_version,
		       resource->namespaced ? "/namespaces/{namespace}" : "", resource->plural,
		       of_object ? "/{name}" : "");
	for (size_t i = 0; i < ARRAY_SIZE(operations); i++)
		if (operations[i].of_object == of_object)
			bl_json_set(item, operations[i].method,
				    operation_json(resource, &operations[i], dialect));
	if (of_object)
		add_parameter(parameters, dialect, "name", "path", "string");
	if (resource->namespaced)
		add_parameter(parameters, dialect, "namespace", "path", "string");
	bl_json_set(item, "parameters", parameters);
	bl_json_set(paths, path, item);
}

static void add_paths(const char *group_version, const struct bl_openapi_dialect *dialect,
		      struct json_object *ret)
{
	struct bl_api_resource resource;

	for (size_t i = 0; bl_api_resource(i, &resource); i++) {
		if (group_version && strcmp(group_version, resource.group_version) != 0)
			continue;
		add_path(ret, &resource, dialect, false);
		add_path(ret, &resource, dialect, true);
	}
}

static void add_info(struct json_object *json, const char *version)
{
	struct json_object *info = bl_json_add_object(json, "info");

	bl_json_set_str(info, "title", "beeline");
	bl_json_set_str(info, "version", version);
}

struct json_object *bl_openapi_v2(const char *version)
{
	struct json_object *json = json_object_new_object();

	bl_json_set_str(json, "swagger", "2.0");
	add_info(json, version);
	add_paths(NULL, &swagger, bl_json_add_object(json, "paths"));
	bl_openapi_schemas(NULL, &swagger, bl_json_add_object(json, "definitions"));
	return json;
}

struct json_object *bl_openapi_v3(const char *group_version, const char *version)
{
	struct json_object *json = json_object_new_object(), *components;

	bl_json_set_str(json, "openapi", "3.0.0");
	add_info(json, version);
	add_paths(group_version, &openapi, bl_json_add_object(json, "paths"));
	components = bl_json_add_object(json, "components");
	bl_openapi_schemas(group_version, &openapi, bl_json_add_object(components, "schemas"));
	return json;
}

uint64_t bl_openapi_hash(const char *text, size_t len)
{
	uint64_t hash = 0xcbf29ce484222325;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ (uint8_t)text[i]) * 0x100000001b3;
	return hash;
}

void bl_openapi_v3_path(const char *group_version, struct bl_buf *ret)
{
	bl_buf_addf(ret, "%s/%s", strchr(group_version, '/') ? "apis" : "api", group_version);
}

static uint64_t hash_of(const char *group_version, const char *version)
{
	_cleanup_json_ struct json_object *json = bl_openapi_v3(group_version, version);
	size_t len = 0;
	const char *text = json_object_to_json_string_length(json, JSON_C_TO_STRING_PLAIN, &len);

	return text ? bl_openapi_hash(text, len) : 0;
}

struct json_object *bl_openapi_v3_index(const char *version)
{
	struct json_object *json = json_object_new_object();
	struct json_object *paths = bl_json_add_object(json, "paths");
	const char *group_version;

	for (size_t i = 0; (group_version = bl_api_group_version(i)); i++) {
		_cleanup_(bl_buf_done) struct bl_buf path = {0}, url = {0};

		bl_openapi_v3_path(group_version, &path);
		if (path.failed)
			continue;
		bl_buf_addf(&url, "/openapi/v3/%s?hash=%016llX", path.data,
			    (unsigned long long)hash_of(group_version, version));
		bl_json_set_str(bl_json_add_object(paths, path.data), "serverRelativeURL",
				url.data);
	}
	return json;
}
