/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <criterion/criterion.h>
#include <string.h>

#include "api/json.h"
#include "api/openapi.h"
#include "api/resources.h"

#define SERVICE "io.k8s.api.core.v1.Service"

static struct json_object *schemas_of(struct json_object *document)
{
	struct json_object *schemas = bl_json_at(document, "definitions");

	return schemas ? schemas : bl_json_at(document, "components.schemas");
}

/* Every "$ref" below leads to a schema of the document. */
static size_t check_refs(struct json_object *json, struct json_object *schemas)
{
	const char *ref = bl_json_str(bl_json_key(json, "$ref"), "");
	size_t count = 0;

	if (ref) {
		cr_assert_not_null(bl_json_key(schemas, strrchr(ref, '/') + 1), "%s", ref);
		return 1;
	}
	for (size_t i = 0; i < bl_json_len(json); i++)
		count += check_refs(bl_json_item(json, i), schemas);
	if (json_object_is_type(json, json_type_object)) {
		json_object_object_foreach(json, key, value)
		{
			(void)key;
			count += check_refs(value, schemas);
		}
	}
	return count;
}

Test(openapi, every_reference_of_every_document_leads_to_a_schema)
{
	_cleanup_json_ struct json_object *v2 = bl_openapi_v2("0");
	const char *version;

	cr_assert_gt(check_refs(v2, schemas_of(v2)), 100);
	for (size_t i = 0; (version = bl_api_group_version(i)); i++) {
		_cleanup_json_ struct json_object *v3 = bl_openapi_v3(version, "0");

		cr_assert_gt(check_refs(v3, schemas_of(v3)), 10, "%s", version);
	}
}

Test(openapi, every_kind_has_its_rows_its_name_and_a_list)
{
	_cleanup_json_ struct json_object *document = bl_openapi_v2("0");
	struct json_object *schemas = schemas_of(document);
	struct bl_api_resource resource;

	for (size_t i = 0; bl_api_resource(i, &resource); i++) {
		struct json_object *found = NULL, *fields;
		bool has_list = false;

		json_object_object_foreach(schemas, name, schema)
		{
			const char *kind =
				bl_json_str(schema, "x-kubernetes-group-version-kind.0.kind");
			size_t len = kind ? strlen(resource.kind) : 0;

			(void)name;
			if (!kind || strncmp(kind, resource.kind, len) ||
			    strcmp(bl_json_str_or(schema, "x-kubernetes-group-version-kind.0.group",
						  ""),
				   resource.group))
				continue;
			if (!kind[len])
				found = schema;
			has_list = has_list || !strcmp(kind + len, "List");
		}
		cr_assert(found && has_list, "%s", resource.kind);
		fields = bl_json_at(found, "properties");
		cr_assert_eq((size_t)json_object_object_length(fields), resource.type->count + 2,
			     "%s", resource.kind);
	}
}

/* Two types of one name would hide one another. */
static void check_type(const struct bl_type *type, struct json_object *schemas)
{
	json_object_object_foreach(schemas, name, schema)
	{
		struct json_object *fields = bl_json_at(schema, "properties");
		bool is_same = true;

		if (strcmp(strrchr(name, '.') + 1, type->name))
			continue;
		for (size_t i = 0; i < type->count; i++)
			is_same = is_same && bl_json_key(fields, type->fields[i].name);
		if (is_same)
			goto inside;
	}
	cr_assert(false, "no schema has the rows of '%s'", type->name);
inside:
	for (size_t i = 0; i < type->count; i++)
		if (type->fields[i].sub)
			check_type(type->fields[i].sub, schemas);
}

Test(openapi, every_type_of_the_tables_is_there_with_all_its_rows)
{
	_cleanup_json_ struct json_object *document = bl_openapi_v2("0");
	struct bl_api_resource resource;

	for (size_t i = 0; bl_api_resource(i, &resource); i++)
		check_type(resource.type, schemas_of(document));
}

Test(openapi, a_field_tells_its_help_its_words_and_how_lists_are_joined)
{
	_cleanup_json_ struct json_object *document = bl_openapi_v3("v1", "0");
	struct json_object *schemas = schemas_of(document), *ports, *port, *type;

	ports = bl_json_at(bl_json_key(schemas, SERVICE "Spec"), "properties.ports");
	cr_assert_str_eq(bl_json_str(ports, "x-kubernetes-patch-merge-key"), "port");
	cr_assert_str_eq(bl_json_str(ports, "x-kubernetes-patch-strategy"), "merge");
	cr_assert_str_eq(bl_json_str(ports, "x-kubernetes-list-type"), "map");
	cr_assert_str_eq(bl_json_str(ports, "x-kubernetes-list-map-keys.1"), "protocol");
	port = bl_json_key(schemas, SERVICE "Port");
	cr_assert_str_eq(bl_json_str(port, "required.0"), "port");
	cr_assert_str_eq(bl_json_str(port, "properties.port.format"), "int32");
	type = bl_json_at(bl_json_key(schemas, SERVICE "Spec"), "properties.type");
	cr_assert_str_eq(bl_json_str(type, "enum.1"), "NodePort");
	cr_assert_gt(strlen(bl_json_str(type, "description")), 10);
	cr_assert_null(
		bl_json_key(bl_json_key(schemas, "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"),
			    "required"));
}

/* kubectl finds out from these whether it may ask for a dry run. */
Test(openapi, patches_say_that_they_can_be_tried)
{
	_cleanup_json_ struct json_object *v2 = bl_openapi_v2("0");
	struct json_object *path = bl_json_key(bl_json_key(v2, "paths"),
					       "/api/v1/namespaces/{namespace}/services/{name}");
	struct json_object *parameters = bl_json_at(path, "patch.parameters");

	cr_assert_not_null(bl_json_find(parameters, "name", "dryRun"));
	cr_assert_not_null(bl_json_find(parameters, "name", "fieldValidation"));
	cr_assert_str_eq(bl_json_str(path, "patch.x-kubernetes-group-version-kind.kind"),
			 "Service");
	path = bl_json_key(bl_json_key(v2, "paths"), "/api/v1/namespaces/{namespace}/events");
	cr_assert(bl_json_key(path, "get") && bl_json_key(path, "post"));
}

/* One field of a message: its number, and the bytes of its value. */
static const uint8_t *next_field(const uint8_t *at, const uint8_t *end, uint32_t *ret_field,
				 size_t *ret_len)
{
	uint64_t values[2] = {0};

	for (int i = 0; i < 2; i++) {
		for (unsigned int shift = 0;; shift += 7) {
			cr_assert_lt(at, end);
			values[i] |= (uint64_t)(*at & 0x7f) << shift;
			if (!(*at++ & 0x80))
				break;
		}
	}
	cr_assert_eq(values[0] & 7, 2, "only texts and messages are written");
	cr_assert_leq(values[1], (size_t)(end - at));
	*ret_field = (uint32_t)(values[0] >> 3);
	*ret_len = values[1];
	return at;
}

static size_t count_fields(const uint8_t *at, size_t len, uint32_t wanted)
{
	const uint8_t *end = at + len;
	size_t count = 0;

	while (at < end) {
		uint32_t field;

		at = next_field(at, end, &field, &len);
		count += field == wanted;
		at += len;
	}
	return count;
}

Test(openapi, the_protobuf_has_all_definitions_and_paths)
{
	_cleanup_json_ struct json_object *document = bl_openapi_v2("0");
	_cleanup_(bl_buf_done) struct bl_buf text = {0};
	const uint8_t *at, *end;
	size_t definitions = 0, paths = 0;

	bl_openapi_v2_protobuf(document, &text);
	cr_assert(!text.failed && text.len > 10000);
	at = (const uint8_t *)text.data;
	end = at + text.len;
	while (at < end) {
		uint32_t field;
		size_t len;

		at = next_field(at, end, &field, &len);
		if (field == 8)
			paths = count_fields(at, len, 2);
		if (field == 9)
			definitions = count_fields(at, len, 1);
		at += len;
	}
	cr_assert_eq(definitions, (size_t)json_object_object_length(schemas_of(document)));
	cr_assert_eq(paths, (size_t)json_object_object_length(bl_json_key(document, "paths")));
}

Test(openapi, the_index_leads_to_every_group_by_an_address_that_changes_with_the_document)
{
	_cleanup_json_ struct json_object *index = bl_openapi_v3_index("0");
	_cleanup_json_ struct json_object *other = bl_openapi_v3_index("1");
	struct json_object *paths = bl_json_key(index, "paths");
	const char *url =
		bl_json_str(bl_json_key(paths, "apis/discovery.k8s.io/v1"), "serverRelativeURL");

	cr_assert_eq(json_object_object_length(paths), 4);
	cr_assert_not_null(bl_json_key(paths, "api/v1"));
	cr_assert_eq(strncmp(url, "/openapi/v3/apis/discovery.k8s.io/v1?hash=", 42), 0, "%s", url);
	cr_assert_not(json_object_equal(index, other));
}
