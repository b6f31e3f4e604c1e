/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "api/render.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"

#define META_V1 "meta.k8s.io/v1"
#define META_BETA "meta.k8s.io/v1beta1"
#define PLAIN (JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE)

int bl_include_parse(const char *word, enum bl_include *ret)
{
	static const char *const words[] = {
		[BL_INCLUDE_METADATA] = "Metadata",
		[BL_INCLUDE_OBJECT] = "Object",
		[BL_INCLUDE_NONE] = "None",
	};

	*ret = BL_INCLUDE_METADATA;
	for (size_t i = 0; word && *word && i < ARRAY_SIZE(words); i++) {
		*ret = (enum bl_include)i;
		if (strcmp(word, words[i]) == 0)
			return 0;
	}
	return word && *word ? -EINVAL : 0;
}

static bool is_table(const struct bl_render *render)
{
	return render->media == BL_MEDIA_TABLE || render->media == BL_MEDIA_TABLE_BETA;
}

static bool is_metadata(const struct bl_render *render)
{
	return render->media >= BL_MEDIA_METADATA && render->media <= BL_MEDIA_METADATA_LIST_BETA;
}

static const char *meta_version(const struct bl_render *render)
{
	return render->media == BL_MEDIA_TABLE_BETA || render->media == BL_MEDIA_METADATA_BETA ||
			       render->media == BL_MEDIA_METADATA_LIST_BETA
		       ? META_BETA
		       : META_V1;
}

static struct json_object *new_kind(const char *kind, const char *version)
{
	struct json_object *json = json_object_new_object();

	bl_json_set_str(json, "kind", kind);
	bl_json_set_str(json, "apiVersion", version);
	return json;
}

static struct json_object *in_form(const struct bl_render *render, struct json_object *object)
{
	return render->form ? render->form(object) : object;
}

/* Takes the object. */
static struct json_object *metadata_of(const struct bl_render *render, struct json_object *object)
{
	struct json_object *json = new_kind("PartialObjectMetadata", meta_version(render));

	bl_json_set(json, "metadata", json_object_get(bl_json_at(object, "metadata")));
	(void)json_object_put(object);
	return json;
}

static struct json_object *definitions_of(const struct bl_column *columns)
{
	struct json_object *list = json_object_new_array();

	for (; columns->head; columns++) {
		struct json_object *one;

		if (columns->ours)
			continue;
		one = json_object_new_object();

		bl_json_set_str(one, "name", columns->head);
		bl_json_set_str(one, "type", "string");
		bl_json_set_str(one, "format", columns->add == bl_column_name ? "name" : "");
		bl_json_set_str(one, "description", "");
		bl_json_set(one, "priority", json_object_new_int(columns->wide));
		bl_json_push(list, one);
	}
	return list;
}

/* Takes the object. */
static struct json_object *row_of(const struct bl_render *render, struct json_object *object)
{
	/* The client leaves wide columns away itself, and has room for all of a narrow one. */
	const struct bl_view view = {.wide = true, .now = render->now_s};
	struct json_object *row = json_object_new_object(), *cells = json_object_new_array();
	_cleanup_(bl_buf_done) struct bl_buf cell = {0};

	for (const struct bl_column *column = render->columns; column->head; column++) {
		if (column->ours)
			continue;
		cell.len = 0;
		bl_buf_add_str(&cell, "");
		column->add(object, &view, &cell);
		bl_json_push(cells, json_object_new_string(cell.failed ? "" : cell.data));
	}
	bl_json_set(row, "cells", cells);
	if (render->include == BL_INCLUDE_OBJECT)
		bl_json_set(row, "object", in_form(render, object));
	else if (render->include == BL_INCLUDE_METADATA)
		bl_json_set(row, "object", metadata_of(render, object));
	else
		(void)json_object_put(object);
	return row;
}

static struct json_object *new_table(struct bl_render *render, const char *version)
{
	struct json_object *table = new_kind("Table", meta_version(render));

	bl_json_set_str(bl_json_add_object(table, "metadata"), "resourceVersion", version);
	bl_json_set(table, "columnDefinitions",
		    render->heads_sent ? json_object_new_array() : definitions_of(render->columns));
	render->heads_sent = true;
	return table;
}

struct json_object *bl_render_object(struct bl_render *render, struct json_object *object)
{
	struct json_object *table, *rows;

	if (is_metadata(render))
		return metadata_of(render, object);
	if (!is_table(render))
		return in_form(render, object);
	table = new_table(render, bl_json_str(object, "metadata.resourceVersion"));
	rows = json_object_new_array();
	bl_json_push(rows, row_of(render, object));
	bl_json_set(table, "rows", rows);
	return table;
}

static void add_json(struct bl_buf *buf, struct json_object *json)
{
	const char *text = json ? json_object_to_json_string_ext(json, PLAIN) : NULL;

	if (text)
		bl_buf_add_str(buf, text);
	else
		buf->failed = true;
	(void)json_object_put(json);
}

static void add_list_meta(const struct bl_list_meta *meta, struct bl_buf *ret)
{
	bl_buf_addf(ret, "\"metadata\":{\"resourceVersion\":\"%" PRIu64 "\"", meta->version);
	if (meta->next)
		bl_buf_addf(ret, ",\"continue\":\"%s\"", meta->next);
	if (meta->remaining)
		bl_buf_addf(ret, ",\"remainingItemCount\":%" PRIu64, meta->remaining);
	bl_buf_add_str(ret, "}");
}

void bl_render_list_begin(const struct bl_render *render, const struct bl_list_meta *meta,
			  struct bl_buf *ret)
{
	if (is_table(render))
		bl_buf_addf(ret, "{\"kind\":\"Table\",\"apiVersion\":\"%s\",",
			    meta_version(render));
	else if (is_metadata(render))
		bl_buf_addf(ret, "{\"kind\":\"PartialObjectMetadataList\",\"apiVersion\":\"%s\",",
			    meta_version(render));
	else
		bl_buf_addf(ret, "{\"kind\":\"%sList\",\"apiVersion\":\"%s\",", render->kind,
			    render->api_version);
	add_list_meta(meta, ret);
	if (is_table(render)) {
		bl_buf_add_str(ret, ",\"columnDefinitions\":");
		add_json(ret, definitions_of(render->columns));
		bl_buf_add_str(ret, ",\"rows\":[");
	} else {
		bl_buf_add_str(ret, ",\"items\":[");
	}
}

void bl_render_list_item(const struct bl_render *render, struct json_object *object, bool is_first,
			 struct bl_buf *ret)
{
	bl_buf_add_str(ret, is_first ? "" : ",");
	if (is_table(render))
		object = row_of(render, object);
	else if (is_metadata(render))
		object = metadata_of(render, object);
	else
		object = in_form(render, object);
	add_json(ret, object);
}

void bl_render_list_end(struct bl_buf *ret)
{
	bl_buf_add_str(ret, "]}\n");
}

struct json_object *bl_render_bookmark(const struct bl_render *render, uint64_t version,
				       bool initial_end)
{
	struct json_object *json, *meta;
	char text[24];

	if (is_table(render))
		json = new_kind("Table", meta_version(render));
	else if (is_metadata(render))
		json = new_kind("PartialObjectMetadata", meta_version(render));
	else
		json = new_kind(render->kind, render->api_version);
	(void)snprintf(text, sizeof(text), "%" PRIu64, version);
	meta = bl_json_add_object(json, "metadata");
	bl_json_set_str(meta, "resourceVersion", text);
	if (is_table(render)) {
		bl_json_set(json, "columnDefinitions", json_object_new_array());
		bl_json_set(json, "rows", json_object_new_array());
	} else if (initial_end) {
		bl_json_set_str(bl_json_add_object(meta, "annotations"),
				"k8s.io/initial-events-end", "true");
	}
	return json;
}
