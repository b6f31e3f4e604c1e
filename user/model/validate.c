/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The rules that all kinds share: rows of the schema (required, range), metadata, immutability.
 * Source where none is named: Kubernetes v1.36, apimachinery/pkg/api/validation/objectmeta.go.
 */
#include "model/validate.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "model/check.h"
#include "model/endpoints.h"
#include "model/schema.h"
#include "model/service.h"

#define ANNOTATIONS_MAX (256u * 1024u)

void bl_report_name(struct bl_report *report, const char *singular, const char *ns,
		    const char *name)
{
	if (!name || !name[0])
		(void)snprintf(report->subject, sizeof(report->subject), "%s without a name",
			       singular);
	else
		(void)snprintf(report->subject, sizeof(report->subject), "%s '%s%s%s'", singular,
			       ns ? ns : "", ns ? "/" : "", name);
}

const char *bl_check_field(char buffer[static BL_FIELD_TEXT], const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(buffer, BL_FIELD_TEXT, format, args);
	va_end(args);
	return buffer;
}

void bl_check_fail(struct bl_report *report, const char *field, const char *format, ...)
{
	_cleanup_free_ char *text = NULL;
	va_list args;
	int length;

	va_start(args, format);
	length = vasprintf(&text, format, args);
	va_end(args);
	if (length < 0)
		text = NULL;
	bl_report_add(report, BL_SEVERITY_ERROR, BL_PLACE_VALUE, field, "field '%s': %s", field,
		      text ? text : "out of memory");
}

void bl_check_rule(struct bl_report *report, const char *field, const char *got, const char *rule)
{
	if (rule)
		bl_check_fail(report, field, "%s, got '%.80s'", rule, got);
}

/* Rows */

static void missing(struct bl_report *report, const char *field)
{
	bl_report_add(report, BL_SEVERITY_ERROR, BL_PLACE_VALUE, field,
		      "required field '%s' is missing", field);
}

static bool is_empty(const struct bl_field *field, const void *base)
{
	const void *at = bl_field_at(field, base);

	switch ((enum bl_field_type)field->type) {
	case BL_FIELD_STRING: {
		const char *text = *(const char *const *)at;

		return !text || !text[0];
	}
	case BL_FIELD_STRINGS:
	case BL_FIELD_NAMED_STRINGS:
		return ((const struct bl_strings *)at)->count == 0;
	case BL_FIELD_LIST:
		return ((const struct bl_any_list *)at)->count == 0;
	case BL_FIELD_INT:
	case BL_FIELD_ENUM:
	case BL_FIELD_BOOL:
		return bl_field_get_int(field, base) == field->unset;
	default:
		return false;
	}
}

static void check_range(struct bl_report *report, const struct bl_field *field, int64_t value,
			const struct bl_path *path)
{
	char name[BL_FIELD_TEXT];

	if (field->max == 0 || value == field->unset ||
	    (value >= field->min && value <= field->max))
		return;
	bl_path_format(path, name);
	bl_check_fail(report, name, "expected %lld-%lld, got %lld", (long long)field->min,
		      (long long)field->max, (long long)value);
}

static void check_required(struct bl_report *report, const struct bl_field *field,
			   const struct bl_path *path)
{
	char name[BL_FIELD_TEXT];

	bl_path_format(path, name);
	if (bl_report_said(report, name))
		return;
	if (field->type == BL_FIELD_INT && bl_report_has(report, name))
		bl_check_fail(report, name, "expected %lld-%lld, got 0", (long long)field->min,
			      (long long)field->max);
	else
		missing(report, name);
}

static void check_rows(struct bl_report *report, const struct bl_type *type, const void *base,
		       const struct bl_path *parent);

static void check_row(struct bl_report *report, const struct bl_field *field, const void *base,
		      const struct bl_path *path)
{
	const void *at = bl_field_at(field, base);

	if (field->required && is_empty(field, base)) {
		check_required(report, field, path);
	} else if (field->type == BL_FIELD_STRUCT) {
		check_rows(report, field->sub, at, path);
	} else if (field->type == BL_FIELD_OPTIONAL) {
		const void *inner = *(const void *const *)at;

		if (inner)
			check_rows(report, field->sub, inner, path);
	} else if (field->type == BL_FIELD_LIST) {
		const struct bl_any_list *list = at;

		for (size_t i = 0; i < list->count; i++) {
			struct bl_path item = {.parent = path, .index = i};

			check_rows(report, field->sub,
				   (const char *)list->items + i * field->sub->size, &item);
		}
	} else if (field->type == BL_FIELD_ENDPOINTS) {
		struct bl_endpoint_cursor cursor = {.list = at};

		while (bl_endpoint_next(&cursor)) {
			struct bl_path item = {.parent = path, .index = cursor.done - 1};

			check_rows(report, field->sub, &cursor.endpoint, &item);
		}
	} else if (field->type == BL_FIELD_INT) {
		check_range(report, field, bl_field_get_int(field, base), path);
	} else if (field->type == BL_FIELD_INT_OR_STRING) {
		const struct bl_int_or_string *value = at;

		if (!value->name)
			check_range(report, field, value->number, path);
	}
}

static void check_rows(struct bl_report *report, const struct bl_type *type, const void *base,
		       const struct bl_path *parent)
{
	for (size_t i = 0; i < type->count; i++) {
		const struct bl_field *field = &type->fields[i];
		struct bl_path path = {
			.parent = parent, .name = field->name, .name_len = field->name_len};

		check_row(report, field, base, &path);
	}
}

/* Metadata */

static bl_check_fn *name_check(enum bl_kind kind)
{
	/* Services: KEP-5311 (RelaxedServiceNameValidation) lets them start with a digit. */
	return kind == BL_KIND_SERVICE || kind == BL_KIND_NAMESPACE ? bl_check_dns_label
								    : bl_check_dns_subdomain;
}

static void check_labels(struct bl_report *report, const struct bl_pairs *labels, const char *field)
{
	for (size_t i = 0; i < labels->count; i++) {
		const struct bl_pair *pair = &labels->items[i];
		const char *rule = bl_check_qualified_name(pair->key);

		if (rule)
			bl_check_fail(report, field, "key '%.80s': %s", pair->key, rule);
		rule = bl_check_label_value(pair->value);
		if (rule)
			bl_check_fail(report, field, "value of '%.80s': %s, got '%.80s'", pair->key,
				      rule, pair->value);
	}
}

static void check_annotations(struct bl_report *report, const struct bl_pairs *annotations)
{
	const char *field = "metadata.annotations";
	size_t total = 0;

	for (size_t i = 0; i < annotations->count; i++) {
		const struct bl_pair *pair = &annotations->items[i];
		const char *rule = bl_check_qualified_name(pair->key);

		if (rule)
			bl_check_fail(report, field, "key '%.80s': %s", pair->key, rule);
		total += strlen(pair->key) + strlen(pair->value);
	}
	if (total > ANNOTATIONS_MAX)
		bl_check_fail(report, field, "expected at most 262144 bytes in all, got %zu",
			      total);
}

static void check_meta(struct bl_report *report, const struct bl_object *object)
{
	const struct bl_meta *meta = &object->meta;

	if (meta->name && meta->name[0])
		bl_check_rule(report, "metadata.name", meta->name,
			      name_check(object->kind)(meta->name));
	if (!bl_kind_info(object->kind)->namespaced) {
		if (meta->ns)
			bl_check_fail(report, "metadata.namespace",
				      "kind '%s' has no namespace, got '%.80s'",
				      bl_kind_info(object->kind)->kind, meta->ns);
	} else if (meta->ns) {
		bl_check_rule(report, "metadata.namespace", meta->ns, bl_check_dns_label(meta->ns));
	}
	check_labels(report, &meta->labels, "metadata.labels");
	check_annotations(report, &meta->annotations);
}

static void check_meta_update(struct bl_report *report, const struct bl_object *object,
			      const struct bl_object *old)
{
	const char *uid = object->meta.uid, *old_uid = old->meta.uid;

	/* ValidateObjectMetaAccessorUpdate: uid and creationTimestamp never change. */
	if (uid && old_uid && strcmp(uid, old_uid) != 0)
		bl_check_fail(report, "metadata.uid", "cannot be changed from '%s', got '%.80s'",
			      old_uid, uid);
	/* Over the API only a deletion sets it; a manifest may say that its pod is terminating. */
	if (!object->origin.file && object->meta.deletion_time != 0 && old->meta.deletion_time == 0)
		bl_check_fail(report, "metadata.deletionTimestamp",
			      "cannot be set by a change; delete the object");
}

typedef void check_kind_fn(struct bl_report *report, const struct bl_object *object,
			   const struct bl_object *old);

void bl_check_object(struct bl_report *report, const struct bl_object *object,
		     const struct bl_object *old)
{
	static check_kind_fn *const checks[BL_KIND_COUNT] = {
		[BL_KIND_SERVICE] = bl_check_service,
		[BL_KIND_POD] = bl_check_pod,
		[BL_KIND_ENDPOINTS] = bl_check_endpoints,
		[BL_KIND_ENDPOINT_SLICE] = bl_check_endpoint_slice,
		[BL_KIND_NODE] = bl_check_node,
		[BL_KIND_NAMESPACE] = NULL,
		[BL_KIND_LEASE] = NULL,
	};

	check_rows(report, bl_type_of(object->kind), object, NULL);
	check_meta(report, object);
	if (old)
		check_meta_update(report, object, old);
	if (checks[object->kind])
		checks[object->kind](report, object, old);
}

int bl_validate(const struct bl_object *object, const struct bl_object *old, struct bl_diag *diag)
{
	struct bl_report report = {.diag = diag, .root = ""};

	bl_report_name(&report, bl_kind_info(object->kind)->singular, object->meta.ns,
		       object->meta.name);
	bl_check_object(&report, object, old);
	return report.errors > 0 ? -EINVAL : 0;
}
