/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "model/codec.h"
#include "recorder.h"
#include "source/objects.h"

static struct bl_source *open_source(const char *folder, struct recorder *recorder)
{
	struct bl_source_handler handler = recorder_handler(recorder);
	struct bl_source *source = NULL;
	struct bl_err err = {0};

	cr_assert_eq(bl_objects_new(folder, &handler, &source), 0);
	cr_assert_geq(bl_source_start(source, NULL, &err), 0, "%s", err.text);
	return source;
}

static struct bl_object *decode(const char *text)
{
	struct bl_object_list list = {0};
	struct bl_diag diag = BL_DIAG_INIT;
	struct bl_object *object;

	cr_assert_eq(bl_decode("t", text, strlen(text), &bl_limits_default, 0, &list, &diag), 0);
	object = bl_object_ref(list.items[0]);
	bl_object_list_done(&list);
	bl_diag_done(&diag);
	return object;
}

Test(objects, what_was_written_is_there_after_a_restart_and_gone_after_a_removal)
{
	const struct bl_source_name name = {BL_KIND_SERVICE, "default", "web"};
	struct recorder recorder = {0};
	struct bl_object *object = decode(service_yaml("web", 80)), *read = NULL;
	struct bl_source *source;
	struct bl_err err = {0};
	char folder[64];

	make_folder(folder);
	source = open_source(folder, &recorder);
	cr_assert_str_eq(recorder_take(&recorder), "full;");
	cr_assert_eq(bl_objects_write(source, object, &err), 0, "%s", err.text);
	cr_assert_eq(bl_objects_read(source, &name, &read), 0);
	cr_assert(bl_object_equal(read, object));
	cr_assert_null(read->origin.file);
	bl_object_unref(read);
	bl_source_free(source);

	source = open_source(folder, &recorder);
	cr_assert_str_eq(recorder_take(&recorder), "+service/default/web=80;full;");
	cr_assert_eq(bl_source_info(source).files, 1);
	cr_assert_eq(bl_objects_remove(source, &name, &err), 0);
	cr_assert_eq(bl_objects_remove(source, &name, &err), 0);
	cr_assert_eq(bl_objects_read(source, &name, &read), -ENOENT);
	bl_source_free(source);

	source = open_source(folder, &recorder);
	cr_assert_str_eq(recorder_take(&recorder), "full;");
	bl_source_free(source);
	bl_object_unref(object);
	recorder_done(&recorder);
	remove_folder(folder);
}

Test(objects, a_file_that_is_not_what_its_path_says_is_reported_and_left)
{
	static const struct {
		const char *file;
		const char *text;
	} rows[] = {
		{"other.yaml", "name of the object differs"},
		{"broken.yaml", "kind: ["},
	};
	struct recorder recorder = {0};
	struct bl_source *source;
	char folder[64], services[128], path[256];

	make_folder(folder);
	(void)snprintf(services, sizeof(services), "%s/services", folder);
	cr_assert_eq(mkdir(services, 0700), 0);
	(void)snprintf(services, sizeof(services), "%s/services/default", folder);
	cr_assert_eq(mkdir(services, 0700), 0);
	write_text(services, rows[0].file, service_yaml("web", 80));
	write_text(services, rows[1].file, rows[1].text);
	write_text(services, "web.yaml.Xy12ab", "left by a crash");
	source = open_source(folder, &recorder);
	cr_assert_str_eq(recorder_take(&recorder), "full;");
	cr_assert(strstr(recorder_take_reports(&recorder), "other.yaml: expected exactly"));
	cr_assert_eq(bl_source_info(source).problems, 2);
	(void)snprintf(path, sizeof(path), "%s/broken.yaml", services);
	cr_assert_eq(access(path, F_OK), 0);
	bl_source_free(source);
	recorder_done(&recorder);
	remove_folder(folder);
}

Test(objects, a_name_with_a_slash_never_leaves_the_folder)
{
	static const struct bl_source_name rows[] = {
		{BL_KIND_SERVICE, "default", "../../x"},
		{BL_KIND_SERVICE, "..", "x"},
		{BL_KIND_NODE, NULL, ".hidden"},
	};
	struct recorder recorder = {0};
	struct bl_source *source;
	char folder[64];

	make_folder(folder);
	source = open_source(folder, &recorder);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		cr_expect_eq(bl_objects_remove(source, &rows[i], NULL), -EINVAL);
	bl_source_free(source);
	recorder_done(&recorder);
	remove_folder(folder);
}
