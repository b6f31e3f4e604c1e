/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/print.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "model/codec.h"

#define JSON_STYLE                                                                                 \
	(JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED | JSON_C_TO_STRING_NOSLASHESCAPE)

enum bl_form bl_form_of(const char *word)
{
	if (!word)
		return BL_FORM_TABLE;
	switch (word[0]) {
	case 'w':
		return BL_FORM_WIDE;
	case 'n':
		return BL_FORM_NAME;
	case 'j':
		return BL_FORM_JSON;
	default:
		return BL_FORM_YAML;
	}
}

void bl_printer_done(struct bl_printer *printer)
{
	bl_grid_done(&printer->grid);
	bl_json_put_p(&printer->live);
}

int bl_print_json(struct json_object *json, FILE *out)
{
	const char *text = json_object_to_json_string_ext(json, JSON_STYLE);

	if (!text)
		return -ENOMEM;
	fprintf(out, "%s\n", text);
	return 0;
}

int bl_print_yaml(struct json_object *json, FILE *out)
{
	_cleanup_(bl_buf_done) struct bl_buf text = {0};
	int r = bl_json_to_yaml(json, &text);

	if (r < 0)
		return r;
	if (text.failed)
		return -ENOMEM;
	(void)fwrite(text.data, 1, text.len, out);
	return 0;
}

static bool is_wide(const struct bl_printer *printer)
{
	return printer->form == BL_FORM_WIDE;
}

static bool is_shown(const struct bl_printer *printer, const struct bl_column *column)
{
	return (!column->wide || is_wide(printer)) && (!column->ours || printer->live);
}

static size_t count_columns(const struct bl_printer *printer, const struct bl_column *columns)
{
	size_t count = (size_t)printer->namespaces + (size_t)printer->labels;

	for (; columns->head; columns++)
		count += is_shown(printer, columns);
	return count;
}

static void add_head(struct bl_printer *printer, const char *head)
{
	char text[64];
	size_t len = 0;

	for (; head[len] && len + 1 < sizeof(text); len++)
		text[len] = (char)toupper((unsigned char)head[len]);
	text[len] = '\0';
	bl_grid_add(&printer->grid, text);
}

static void add_heads(struct bl_printer *printer, const struct bl_column *columns)
{
	if (printer->namespaces)
		bl_grid_add(&printer->grid, "NAMESPACE");
	for (; columns->head; columns++) {
		if (is_shown(printer, columns))
			add_head(printer, columns->head);
	}
	if (printer->labels)
		bl_grid_add(&printer->grid, "LABELS");
}

static void start_table(struct bl_printer *printer, enum bl_kind kind)
{
	const struct bl_column *columns = bl_columns_of(kind);

	bl_grid_done(&printer->grid);
	printer->kind = kind;
	/* The namespace of what has none would be an empty column. */
	printer->namespaces = printer->namespaces && bl_kind_info(kind)->namespaced;
	bl_grid_init(&printer->grid, count_columns(printer, columns));
	if (printer->heads)
		add_heads(printer, columns);
}

static int add_row(struct bl_printer *printer, struct json_object *object)
{
	const struct bl_column *columns = bl_columns_of(printer->kind);
	const struct bl_view view = {
		.wide = is_wide(printer), .now = printer->now, .live = printer->live};
	_cleanup_(bl_buf_done) struct bl_buf cell = {0};

	if (printer->namespaces)
		bl_grid_add(&printer->grid, bl_json_str_or(object, "metadata.namespace", ""));
	for (const struct bl_column *column = columns; column->head; column++) {
		if (!is_shown(printer, column))
			continue;
		cell.len = 0;
		bl_buf_add_str(&cell, "");
		if (column == columns && printer->with_kind)
			bl_buf_addf(&cell, "%s/", bl_kind_word(printer->kind));
		column->add(object, &view, &cell);
		if (cell.failed)
			return -ENOMEM;
		bl_grid_add(&printer->grid, cell.len ? cell.data : "");
	}
	if (printer->labels) {
		cell.len = 0;
		bl_labels_add(bl_json_at(object, "metadata.labels"), &cell);
		bl_grid_add(&printer->grid, cell.data ? cell.data : "");
	}
	return cell.failed ? -ENOMEM : 0;
}

static int print_tables(struct bl_printer *printer, const struct bl_found_list *found)
{
	bool namespaces = printer->namespaces;
	int r = 0;

	for (size_t i = 0; r == 0 && i < found->count; i++) {
		const struct bl_found *one = &found->items[i];

		if (i == 0 || one->kind != found->items[i - 1].kind) {
			r = i ? bl_grid_print(&printer->grid, printer->out) : 0;
			if (i)
				fputc('\n', printer->out);
			printer->namespaces = namespaces;
			start_table(printer, one->kind);
		}
		if (r == 0)
			r = add_row(printer, one->object);
	}
	if (r == 0 && found->count)
		r = bl_grid_print(&printer->grid, printer->out);
	printer->started = printer->started || found->count;
	return r;
}

/* managedFields says who changed which field and would be most of the text. */
static void drop_noise(struct json_object *object)
{
	struct json_object *meta = bl_json_at(object, "metadata");

	if (json_object_is_type(meta, json_type_object))
		json_object_object_del(meta, "managedFields");
}

static struct json_object *make_list(const struct bl_found_list *found)
{
	struct json_object *list = json_object_new_object();
	struct json_object *items = json_object_new_array();
	struct json_object *meta = NULL;

	if (!list || bl_json_add_str(list, "apiVersion", "v1") < 0 ||
	    bl_json_add_take(list, "items", items) < 0 ||
	    bl_json_add_str(list, "kind", "List") < 0 ||
	    !(meta = bl_json_add_object(list, "metadata")) ||
	    bl_json_add_str(meta, "resourceVersion", "") < 0) {
		bl_json_put_p(&list);
		return NULL;
	}
	for (size_t i = 0; i < found->count; i++) {
		struct json_object *object = json_object_get(found->items[i].object);

		drop_noise(object);
		if (json_object_array_add(items, object) < 0) {
			(void)json_object_put(object);
			(void)json_object_put(list);
			return NULL;
		}
	}
	return list;
}

static int print_tree(struct bl_printer *printer, struct json_object *json)
{
	if (printer->form == BL_FORM_JSON)
		return bl_print_json(json, printer->out);
	if (printer->started)
		fputs("---\n", printer->out);
	printer->started = true;
	return bl_print_yaml(json, printer->out);
}

static void print_name(struct bl_printer *printer, const struct bl_found *found)
{
	fprintf(printer->out, "%s/%s\n", bl_kind_word(found->kind),
		bl_json_str_or(found->object, "metadata.name", ""));
}

int bl_print_found(struct bl_printer *printer, const struct bl_found_list *found, bool as_list)
{
	_cleanup_json_ struct json_object *list = NULL;

	switch (printer->form) {
	case BL_FORM_TABLE:
	case BL_FORM_WIDE:
		return print_tables(printer, found);
	case BL_FORM_NAME:
		for (size_t i = 0; i < found->count; i++)
			print_name(printer, &found->items[i]);
		return 0;
	case BL_FORM_JSON:
	case BL_FORM_YAML:
		break;
	}
	if (!as_list && found->count == 0)
		return 0;
	if (!as_list && found->count == 1) {
		drop_noise(found->items[0].object);
		return print_tree(printer, found->items[0].object);
	}
	list = make_list(found);
	return list ? print_tree(printer, list) : -ENOMEM;
}

int bl_print_one(struct bl_printer *printer, const struct bl_found *found)
{
	const struct bl_found_list list = {.items = (struct bl_found *)found, .count = 1};
	int r;

	if (printer->form != BL_FORM_TABLE && printer->form != BL_FORM_WIDE)
		return bl_print_found(printer, &list, false);
	if (!printer->started)
		return bl_print_found(printer, &list, false);
	r = add_row(printer, found->object);
	return r < 0 ? r : bl_grid_print(&printer->grid, printer->out);
}
