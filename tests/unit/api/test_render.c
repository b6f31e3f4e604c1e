/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "api/render.h"

static const char service[] =
	"{\"apiVersion\":\"v1\",\"kind\":\"Service\",\"metadata\":{\"name\":\"web\","
	"\"namespace\":\"shop\",\"resourceVersion\":\"7\","
	"\"creationTimestamp\":\"1970-01-01T00:01:40Z\"},"
	"\"spec\":{\"type\":\"LoadBalancer\",\"clusterIP\":\"10.96.0.9\","
	"\"ports\":[{\"port\":80,\"nodePort\":30080}],\"selector\":{\"app\":\"web\"}},"
	"\"status\":{\"loadBalancer\":{\"ingress\":[{\"ip\":\"203.0.113.10\"},"
	"{\"ip\":\"203.0.113.11\"}]}}}";

static struct bl_render render_as(enum bl_media media, enum bl_include include)
{
	return (struct bl_render){
		.media = media,
		.include = include,
		.kind = "Service",
		.api_version = "v1",
		.columns = bl_columns_of(BL_KIND_SERVICE),
		.now_s = 220,
	};
}

static struct json_object *one(struct bl_render *render)
{
	return bl_render_object(render, json_tokener_parse(service));
}

Test(render, a_table_has_the_columns_of_get_and_cells_as_wide_as_they_are)
{
	struct bl_render render = render_as(BL_MEDIA_TABLE, BL_INCLUDE_METADATA);
	_cleanup_json_ struct json_object *table = one(&render);
	struct json_object *columns = bl_json_at(table, "columnDefinitions");
	struct json_object *cells = bl_json_at(table, "rows.0.cells");
	static const char *const words[] = {
		"web",          "LoadBalancer", "10.96.0.9", "203.0.113.10,203.0.113.11",
		"80:30080/TCP", "2m",           "app=web",
	};

	cr_assert_str_eq(bl_json_str(table, "kind"), "Table");
	cr_assert_str_eq(bl_json_str(table, "apiVersion"), "meta.k8s.io/v1");
	cr_assert_str_eq(bl_json_str(table, "metadata.resourceVersion"), "7");
	cr_assert_eq(bl_json_len(columns), sizeof(words) / sizeof(words[0]));
	cr_assert_eq(bl_json_len(cells), bl_json_len(columns));
	for (size_t i = 0; i < bl_json_len(cells); i++)
		cr_assert_str_eq(bl_json_str(bl_json_item(cells, i), ""), words[i]);
	cr_assert_str_eq(bl_json_str(columns, "0.format"), "name");
	cr_assert_str_eq(bl_json_str(columns, "4.name"), "Port(s)");
	cr_assert_eq(bl_json_int(columns, "0.priority", -1), 0);
	cr_assert_eq(bl_json_int(columns, "6.priority", -1), 1);
}

Test(render, a_row_has_what_was_asked_for_beside_its_cells)
{
	static const struct {
		enum bl_include include;
		const char *kind;
		bool has_spec;
	} rows[] = {
		{BL_INCLUDE_METADATA, "PartialObjectMetadata", false},
		{BL_INCLUDE_OBJECT, "Service", true},
		{BL_INCLUDE_NONE, NULL, false},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bl_render render = render_as(BL_MEDIA_TABLE_BETA, rows[i].include);
		_cleanup_json_ struct json_object *table = one(&render);
		struct json_object *object = bl_json_at(table, "rows.0.object");

		cr_assert_str_eq(bl_json_str(table, "apiVersion"), "meta.k8s.io/v1beta1");
		cr_assert_eq(object != NULL, rows[i].kind != NULL);
		if (rows[i].kind)
			cr_assert_str_eq(bl_json_str(object, "kind"), rows[i].kind);
		cr_assert_eq(bl_json_at(object, "spec") != NULL, rows[i].has_spec);
		if (rows[i].kind)
			cr_assert_str_eq(bl_json_str(object, "metadata.namespace"), "shop");
	}
}

Test(render, a_watch_tells_the_columns_once)
{
	struct bl_render render = render_as(BL_MEDIA_TABLE, BL_INCLUDE_NONE);
	_cleanup_json_ struct json_object *first = one(&render);
	_cleanup_json_ struct json_object *second = one(&render);

	cr_assert_gt(bl_json_len(bl_json_at(first, "columnDefinitions")), 0);
	cr_assert_eq(bl_json_len(bl_json_at(second, "columnDefinitions")), 0);
	cr_assert_eq(bl_json_len(bl_json_at(second, "rows")), 1);
}

static struct json_object *list(enum bl_media media, const struct bl_list_meta *meta)
{
	struct bl_render render = render_as(media, BL_INCLUDE_METADATA);
	struct json_object *json;
	struct bl_buf text = {0};

	bl_render_list_begin(&render, meta, &text);
	for (int i = 0; i < 2; i++)
		bl_render_list_item(&render, json_tokener_parse(service), i == 0, &text);
	bl_render_list_end(&text);
	cr_assert_not(text.failed);
	json = json_tokener_parse(text.data);
	cr_assert_not_null(json, "%s", text.data);
	bl_buf_done(&text);
	return json;
}

Test(render, lists_are_of_the_form_that_was_asked_for)
{
	const struct bl_list_meta meta = {.version = 9, .next = "token", .remaining = 3};
	const struct bl_list_meta last = {.version = 9};
	_cleanup_json_ struct json_object *full = list(BL_MEDIA_JSON, &meta);
	_cleanup_json_ struct json_object *table = list(BL_MEDIA_TABLE, &last);
	_cleanup_json_ struct json_object *part = list(BL_MEDIA_METADATA_LIST, &last);

	cr_assert_str_eq(bl_json_str(full, "kind"), "ServiceList");
	cr_assert_str_eq(bl_json_str(full, "metadata.continue"), "token");
	cr_assert_eq(bl_json_int(full, "metadata.remainingItemCount", 0), 3);
	cr_assert_str_eq(bl_json_str(full, "items.1.spec.type"), "LoadBalancer");
	cr_assert_str_eq(bl_json_str(table, "kind"), "Table");
	cr_assert_str_eq(bl_json_str(table, "metadata.resourceVersion"), "9");
	cr_assert_null(bl_json_at(table, "metadata.continue"));
	cr_assert_eq(bl_json_len(bl_json_at(table, "rows")), 2);
	cr_assert_str_eq(bl_json_str(part, "kind"), "PartialObjectMetadataList");
	cr_assert_str_eq(bl_json_str(part, "items.1.kind"), "PartialObjectMetadata");
	cr_assert_null(bl_json_at(part, "items.1.spec"));
}

Test(render, a_bookmark_has_a_version_and_says_when_all_there_is_was_told)
{
	struct bl_render render = render_as(BL_MEDIA_JSON, BL_INCLUDE_METADATA);
	_cleanup_json_ struct json_object *end = bl_render_bookmark(&render, 12, true);
	_cleanup_json_ struct json_object *plain = bl_render_bookmark(&render, 13, false);

	cr_assert_str_eq(bl_json_str(end, "kind"), "Service");
	cr_assert_str_eq(bl_json_str(end, "metadata.resourceVersion"), "12");
	cr_assert_str_eq(bl_json_str(bl_json_key(bl_json_at(end, "metadata.annotations"),
						 "k8s.io/initial-events-end"),
				     ""),
			 "true");
	cr_assert_null(bl_json_at(plain, "metadata.annotations"));
}

Test(render, what_to_include_is_one_of_three_words)
{
	enum bl_include include;

	cr_assert_eq(bl_include_parse(NULL, &include), 0);
	cr_assert_eq(include, BL_INCLUDE_METADATA);
	cr_assert_eq(bl_include_parse("", &include), 0);
	cr_assert_eq(bl_include_parse("Object", &include), 0);
	cr_assert_eq(include, BL_INCLUDE_OBJECT);
	cr_assert_eq(bl_include_parse("None", &include), 0);
	cr_assert_eq(include, BL_INCLUDE_NONE);
	cr_assert_eq(bl_include_parse("none", &include), -EINVAL);
}
