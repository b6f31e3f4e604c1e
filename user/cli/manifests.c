/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/manifests.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "api/json.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "model/codec.h"

#define DEPTH_MAX 16

struct reading {
	struct bl_cli *cli;
	struct bl_object_list *objects;
	bool recursive;
	int result; /* the last failure that was said */
};

static bool is_manifest_name(const char *name)
{
	static const char *const endings[] = {".yaml", ".yml", ".json"};
	size_t len = strlen(name);

	for (size_t i = 0; i < ARRAY_SIZE(endings); i++) {
		size_t ending = strlen(endings[i]);

		if (name[0] != '.' && len > ending && strcmp(name + len - ending, endings[i]) == 0)
			return true;
	}
	return false;
}

static void say_failure(struct reading *reading, int r, const char *path)
{
	fprintf(reading->cli->err, "beeline: cannot read '%s': %s\n", path, strerror(-r));
	reading->result = r;
}

static int read_file(struct reading *reading, const char *path)
{
	struct bl_diag diag __attribute__((cleanup(bl_diag_done))) = BL_DIAG_INIT;
	_cleanup_(bl_buf_done) struct bl_buf text = {0};
	const char *name = strcmp(path, "-") == 0 ? "standard input" : path;
	int r;

	r = bl_buf_read_file(&text, path, bl_limits_default.bytes);
	if (r == -ENOMEM)
		return r;
	if (r < 0) {
		say_failure(reading, r, name);
		return 0;
	}
	r = bl_decode(name, text.data ? text.data : "", text.len, &bl_limits_default,
		      BL_DECODE_SKIP_UNKNOWN_KINDS, reading->objects, &diag);
	bl_diag_print(&diag, reading->cli->err);
	if (r < 0)
		reading->result = r;
	return r == -ENOMEM ? r : 0;
}

static int read_path(struct reading *reading, const char *path, unsigned int depth);

static void free_entries(struct dirent **entries, int count)
{
	for (int i = 0; i < count; i++)
		free(entries[i]);
	free(entries);
}

/* In the order of the names, so that the same folder always gives the same result. */
static int read_folder(struct reading *reading, const char *path, unsigned int depth)
{
	struct dirent **entries = NULL;
	int count = scandir(path, &entries, NULL, alphasort);
	int r = 0;

	if (count < 0) {
		say_failure(reading, -errno, path);
		return 0;
	}
	for (int i = 0; r == 0 && i < count; i++) {
		_cleanup_free_ char *child = NULL;
		struct stat about;

		if (entries[i]->d_name[0] == '.')
			continue;
		if (asprintf(&child, "%s/%s", path, entries[i]->d_name) < 0)
			r = -ENOMEM;
		else if (stat(child, &about) == 0 && S_ISDIR(about.st_mode))
			r = reading->recursive ? read_path(reading, child, depth + 1) : 0;
		else if (is_manifest_name(entries[i]->d_name))
			r = read_file(reading, child);
	}
	free_entries(entries, count);
	return r;
}

static int read_path(struct reading *reading, const char *path, unsigned int depth)
{
	struct stat about;

	if (depth > DEPTH_MAX) {
		say_failure(reading, -ELOOP, path);
		return 0;
	}
	if (strcmp(path, "-") != 0 && stat(path, &about) == 0 && S_ISDIR(about.st_mode))
		return read_folder(reading, path, depth);
	return read_file(reading, path);
}

int bl_cli_read_manifests(struct bl_cli *cli, struct bl_object_list *ret)
{
	const struct bl_value *files = bl_arg_list(&cli->args, "filename");
	struct reading reading = {
		.cli = cli,
		.objects = ret,
		.recursive = bl_arg_flag(&cli->args, "recursive"),
	};

	for (size_t i = 0; i < files->count; i++) {
		int r = read_path(&reading, files->items[i], 0);

		if (r < 0)
			return r;
	}
	return reading.result;
}

int bl_cli_manifest_json(const struct bl_cli *cli, const struct bl_object *object,
			 struct json_object **ret, struct bl_err *err)
{
	const char *wanted = bl_arg(&cli->args, "namespace");
	const char *ns = object->meta.ns;
	_cleanup_json_ struct json_object *json = NULL;
	int r;

	r = bl_encode_json(object, &json);
	if (r < 0)
		return bl_err_set(err, r, "cannot encode %s '%s'",
				  bl_kind_info(object->kind)->singular, object->meta.name);
	if (wanted && ns && strcmp(ns, wanted) != 0) {
		if (ns != bl_default_namespace)
			return bl_err_set(err, -EINVAL,
					  "%s '%s' is of namespace '%s', but --namespace says '%s'",
					  bl_kind_info(object->kind)->singular, object->meta.name,
					  ns, wanted);
		r = bl_json_add_str(bl_json_at(json, "metadata"), "namespace", wanted);
		if (r < 0)
			return bl_err_set(err, r, "cannot allocate an object");
	}
	*ret = TAKE_PTR(json);
	return 0;
}
