/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "api/openapi_schema.h"

#include <string.h>

#include "api/json.h"
#include "base/cleanup.h"

#define CORE "io.k8s.api.core.v1."
#define DISCOVERY "io.k8s.api.discovery.v1."
#define COORDINATION "io.k8s.api.coordination.v1."
#define EVENTS "io.k8s.api.events.v1."
#define META "io.k8s.apimachinery.pkg.apis.meta.v1."
#define TIME META "Time"
#define LIST_META META "ListMeta"
#define QUANTITY "io.k8s.apimachinery.pkg.api.resource.Quantity"
#define INT_OR_STRING "io.k8s.apimachinery.pkg.util.intstr.IntOrString"
#define TYPES_MAX 256
#define NAME_MAX_LEN 160

/* Every type once, with the group that had it first. */
struct types {
	struct {
		const struct bl_type *type;
		const char *prefix;
	} items[TYPES_MAX];
	size_t count;
};

const char *bl_openapi_version_of(const struct bl_api_resource *resource)
{
	const char *slash = strchr(resource->group_version, '/');

	return slash ? slash + 1 : resource->group_version;
}

static const char *prefix_of(const struct bl_type *type, const struct bl_api_resource *resource)
{
	static const char *const of_meta[] = {"ObjectMeta", "OwnerReference", "LabelSelector",
					      "LabelSelectorRequirement"};

	for (size_t i = 0; i < ARRAY_SIZE(of_meta); i++)
		if (strcmp(type->name, of_meta[i]) == 0)
			return META;
	if (!resource->group[0])
		return CORE;
	return strcmp(resource->group, "coordination.k8s.io") == 0 ? COORDINATION
	       : strcmp(resource->group, "events.k8s.io") == 0     ? EVENTS
								   : DISCOVERY;
}

static void collect(struct types *types, const struct bl_type *type,
		    const struct bl_api_resource *resource)
{
	for (size_t i = 0; i < types->count; i++)
		if (types->items[i].type == type)
			return;
	if (types->count == TYPES_MAX)
		return;
	types->items[types->count].type = type;
	types->items[types->count++].prefix = prefix_of(type, resource);
	for (size_t i = 0; i < type->count; i++)
		if (type->fields[i].sub)
			collect(types, type->fields[i].sub, resource);
}

static void collect_all(struct types *types)
{
	struct bl_api_resource resource;

	for (size_t i = 0; bl_api_resource(i, &resource); i++)
		collect(types, resource.type, &resource);
}

static void name_of(const struct types *types, const struct bl_type *type, char *ret)
{
	const char *prefix = CORE;

	for (size_t i = 0; i < types->count; i++)
		if (types->items[i].type == type)
			prefix = types->items[i].prefix;
	(void)snprintf(ret, NAME_MAX_LEN, "%s%s", prefix, type->name);
}

/* In OpenAPI 3 nothing may stand beside a reference, so what describes it wraps it. */
static struct json_object *ref(const struct bl_openapi_dialect *dialect, const char *name)
{
	struct json_object *json = json_object_new_object(), *inner = json;
	char text[NAME_MAX_LEN + 32];

	(void)snprintf(text, sizeof(text), "%s%s", dialect->ref_prefix, name);
	if (dialect->v3) {
		struct json_object *all = json_object_new_array();

		inner = json_object_new_object();
		bl_json_push(all, inner);
		bl_json_set(json, "allOf", all);
	}
	bl_json_set_str(inner, "$ref", text);
	return json;
}

static struct json_object *plain(const char *type, const char *format)
{
	struct json_object *json = json_object_new_object();

	bl_json_set_str(json, "type", type);
	bl_json_set_str(json, "format", format);
	return json;
}

static struct json_object *list_of(struct json_object *items)
{
	struct json_object *json = plain("array", NULL);

	bl_json_set(json, "items", items);
	return json;
}

static struct json_object *names_of(const struct bl_enum_name *names)
{
	struct json_object *list = json_object_new_array();

	for (; names->name; names++)
		bl_json_push(list, json_object_new_string(names->name));
	return list;
}

static struct json_object *named_strings(const char *key)
{
	struct json_object *item = plain("object", NULL), *fields = json_object_new_object();

	bl_json_set(fields, key, plain("string", NULL));
	bl_json_set(item, "properties", fields);
	return list_of(item);
}

static struct json_object *mapping_to(struct json_object *values)
{
	struct json_object *json = plain("object", NULL);

	bl_json_set(json, "additionalProperties", values);
	return json;
}

/* NULL: nothing is known of it, or its type has a name of its own. */
static struct json_object *plain_kept(enum bl_kept_as looks)
{
	switch (looks) {
	case BL_KEPT_STRING:
		return plain("string", NULL);
	case BL_KEPT_INT:
		return plain("integer", "int32");
	case BL_KEPT_LONG:
		return plain("integer", "int64");
	case BL_KEPT_BOOL:
		return plain("boolean", NULL);
	case BL_KEPT_INTS:
		return list_of(plain("integer", "int64"));
	case BL_KEPT_STRINGS:
		return list_of(plain("string", NULL));
	case BL_KEPT_PAIRS:
		return mapping_to(plain("string", NULL));
	case BL_KEPT_MAP:
		return plain("object", NULL);
	default:
		return NULL;
	}
}

/* Kept as it was read. */
static struct json_object *kept(const struct types *types, const struct bl_field *field,
				const struct bl_openapi_dialect *dialect)
{
	enum bl_kept_as looks = bl_field_looks(field);
	struct json_object *json = field->sub ? NULL : plain_kept(looks);
	char name[NAME_MAX_LEN];

	if (field->sub) {
		name_of(types, field->sub, name);
		json = ref(dialect, name);
		return looks == BL_KEPT_LIST ? list_of(json) : json;
	}
	if (looks == BL_KEPT_TIME)
		return ref(dialect, TIME);
	if (looks == BL_KEPT_INT_OR_STRING)
		return ref(dialect, INT_OR_STRING);
	if (looks == BL_KEPT_QUANTITY)
		return ref(dialect, QUANTITY);
	if (looks == BL_KEPT_QUANTITIES)
		return mapping_to(ref(dialect, QUANTITY));
	return json ? json : json_object_new_object();
}

static struct json_object *value_schema(const struct types *types, const struct bl_field *field,
					const struct bl_openapi_dialect *dialect)
{
	char name[NAME_MAX_LEN];
	struct json_object *json;

	switch ((enum bl_field_type)field->type) {
	case BL_FIELD_STRING:
	case BL_FIELD_VERSION:
		return plain("string", NULL);
	case BL_FIELD_ENUM:
		json = plain("string", NULL);
		bl_json_set(json, "enum", names_of(field->names));
		return json;
	case BL_FIELD_INT:
		return plain("integer", field->size == sizeof(int64_t) ? "int64" : "int32");
	case BL_FIELD_BOOL:
		return plain("boolean", NULL);
	case BL_FIELD_TIME:
		return ref(dialect, TIME);
	case BL_FIELD_INT_OR_STRING:
		return ref(dialect, INT_OR_STRING);
	case BL_FIELD_FAMILIES:
	case BL_FIELD_STRINGS:
		return list_of(plain("string", NULL));
	case BL_FIELD_NAMED_STRINGS:
		return named_strings(field->key);
	case BL_FIELD_PAIRS:
		return mapping_to(plain("string", NULL));
	case BL_FIELD_STRUCT:
	case BL_FIELD_OPTIONAL:
		name_of(types, field->sub, name);
		return ref(dialect, name);
	case BL_FIELD_LIST:
	case BL_FIELD_ENDPOINTS:
		name_of(types, field->sub, name);
		return list_of(ref(dialect, name));
	case BL_FIELD_KEPT:
		return kept(types, field, dialect);
	case BL_FIELD_MANAGED:
		return list_of(plain("object", NULL));
	}
	return json_object_new_object();
}

/* "port,protocol" as a list. */
static struct json_object *split(const char *keys)
{
	struct json_object *list = json_object_new_array();

	while (*keys) {
		size_t len = strcspn(keys, ",");

		bl_json_push(list, json_object_new_string_len(keys, (int)len));
		keys += len + (keys[len] == ',');
	}
	return list;
}

/* How patches and server-side apply join it with what is there. */
static void add_strategy(struct json_object *json, const struct bl_field *field)
{
	bool is_list = bl_json_key(json, "items") != NULL;

	if (field->merge_key) {
		bl_json_set_str(json, "x-kubernetes-patch-strategy",
				field->retain_keys ? "merge,retainKeys" : "merge");
		bl_json_set_str(json, "x-kubernetes-patch-merge-key",
				field->merge_key[0] ? field->merge_key : NULL);
	}
	if (is_list && field->list_keys && field->list_keys[0]) {
		bl_json_set(json, "x-kubernetes-list-map-keys", split(field->list_keys));
		bl_json_set_str(json, "x-kubernetes-list-type", "map");
	} else if (is_list) {
		bl_json_set_str(json, "x-kubernetes-list-type",
				field->list_keys ? "set" : "atomic");
	} else if (field->atomic) {
		bl_json_set_str(json, "x-kubernetes-map-type", "atomic");
	}
}

static struct json_object *field_schema(const struct types *types, const struct bl_field *field,
					const struct bl_openapi_dialect *dialect)
{
	struct json_object *json = value_schema(types, field, dialect);

	bl_json_set_str(json, "description",
			field->help ? field->help
			: field->type == BL_FIELD_KEPT
				? "kept as it was given, without any effect here"
				: NULL);
	add_strategy(json, field);
	return json;
}

/* A name is not asked for here: the server's own words about a missing one are better. */
static struct json_object *required_of(const struct bl_type *type)
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < type->count && type != &bl_type_meta; i++)
		if (type->fields[i].required)
			bl_json_push(list, json_object_new_string(type->fields[i].name));
	return list;
}

static struct json_object *type_schema(const struct types *types, const struct bl_type *type,
				       const struct bl_openapi_dialect *dialect)
{
	struct json_object *json = plain("object", NULL), *fields = json_object_new_object();
	struct json_object *required = required_of(type);

	for (size_t i = 0; i < type->count; i++)
		bl_json_set(fields, type->fields[i].name,
			    field_schema(types, &type->fields[i], dialect));
	if (json_object_array_length(required))
		bl_json_set(json, "required", required);
	else
		(void)json_object_put(required);
	bl_json_set(json, "properties", fields);
	return json;
}

struct json_object *bl_openapi_gvk(const struct bl_api_resource *resource)
{
	struct json_object *json = json_object_new_object();

	bl_json_set_str(json, "group", resource->group);
	bl_json_set_str(json, "kind", resource->kind);
	bl_json_set_str(json, "version", bl_openapi_version_of(resource));
	return json;
}

static void add_kind_fields(struct json_object *schema)
{
	struct json_object *fields = bl_json_key(schema, "properties");
	struct json_object *version = plain("string", NULL), *kind = plain("string", NULL);

	bl_json_set_str(version, "description", "group and version of the kind");
	bl_json_set_str(kind, "description", "the kind of the object");
	bl_json_set(fields, "apiVersion", version);
	bl_json_set(fields, "kind", kind);
}

static void add_gvk(struct json_object *schema, const struct bl_api_resource *resource,
		    const char *suffix)
{
	struct json_object *list = json_object_new_array(), *gvk = bl_openapi_gvk(resource);
	char kind[64];

	(void)snprintf(kind, sizeof(kind), "%s%s", resource->kind, suffix);
	bl_json_set_str(gvk, "kind", kind);
	bl_json_push(list, gvk);
	bl_json_set(schema, "x-kubernetes-group-version-kind", list);
}

static struct json_object *list_schema(const char *name, const struct bl_api_resource *resource,
				       const struct bl_openapi_dialect *dialect)
{
	struct json_object *json = plain("object", NULL), *fields = json_object_new_object();
	struct json_object *required = json_object_new_array();

	bl_json_set(json, "properties", fields);
	bl_json_set(fields, "metadata", ref(dialect, LIST_META));
	bl_json_set(fields, "items", list_of(ref(dialect, name)));
	add_kind_fields(json);
	bl_json_push(required, json_object_new_string("items"));
	bl_json_set(json, "required", required);
	add_gvk(json, resource, "List");
	return json;
}

struct json_object *bl_openapi_ref_of(const struct bl_api_resource *resource, bool list,
				      const struct bl_openapi_dialect *dialect)
{
	struct json_object *json = json_object_new_object();
	char text[NAME_MAX_LEN + 32];

	(void)snprintf(text, sizeof(text), "%s%s%s%s", dialect->ref_prefix,
		       prefix_of(resource->type, resource), resource->type->name,
		       list ? "List" : "");
	bl_json_set_str(json, "$ref", text);
	return json;
}

/* OpenAPI 2 has no choice of types: there it is a string, and clients know better by the format. */
static struct json_object *number_or_string(const struct bl_openapi_dialect *dialect,
					    const char *number, const char *format)
{
	struct json_object *json = plain(dialect->v3 ? NULL : "string", format), *either;

	if (!dialect->v3)
		return json;
	either = json_object_new_array();
	bl_json_push(either, plain(number, NULL));
	bl_json_push(either, plain("string", NULL));
	bl_json_set(json, "oneOf", either);
	return json;
}

/* Of metadata's parts, those that no table has. */
static void add_common(struct json_object *ret, const struct bl_openapi_dialect *dialect)
{
	struct json_object *list_meta = plain("object", NULL);
	struct json_object *fields = json_object_new_object();

	bl_json_set(ret, TIME, plain("string", "date-time"));
	bl_json_set(ret, QUANTITY, number_or_string(dialect, "number", NULL));
	bl_json_set(ret, INT_OR_STRING, number_or_string(dialect, "integer", "int-or-string"));
	bl_json_set(fields, "continue", plain("string", NULL));
	bl_json_set(fields, "remainingItemCount", plain("integer", "int64"));
	bl_json_set(fields, "resourceVersion", plain("string", NULL));
	bl_json_set(list_meta, "properties", fields);
	bl_json_set(ret, LIST_META, list_meta);
}

static void add_resource(const struct types *types, const struct bl_api_resource *resource,
			 const struct bl_openapi_dialect *dialect, struct json_object *ret)
{
	struct types inside = {0};
	char name[NAME_MAX_LEN], list_name[NAME_MAX_LEN + 4];
	struct json_object *schema;

	collect(&inside, resource->type, resource);
	for (size_t i = 1; i < inside.count; i++) {
		name_of(types, inside.items[i].type, name);
		if (!bl_json_key(ret, name))
			bl_json_set(ret, name, type_schema(types, inside.items[i].type, dialect));
	}
	name_of(types, resource->type, name);
	schema = type_schema(types, resource->type, dialect);
	bl_json_set_str(schema, "description", resource->help);
	add_kind_fields(schema);
	add_gvk(schema, resource, "");
	bl_json_set(ret, name, schema);
	(void)snprintf(list_name, sizeof(list_name), "%sList", name);
	bl_json_set(ret, list_name, list_schema(name, resource, dialect));
}

void bl_openapi_schemas(const char *group_version, const struct bl_openapi_dialect *dialect,
			struct json_object *ret)
{
	struct bl_api_resource resource;
	struct types types = {0};

	collect_all(&types);
	add_common(ret, dialect);
	for (size_t i = 0; bl_api_resource(i, &resource); i++)
		if (!group_version || strcmp(group_version, resource.group_version) == 0)
			add_resource(&types, &resource, dialect, ret);
}
