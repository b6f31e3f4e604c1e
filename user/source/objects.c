/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "source/objects.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "model/codec.h"

#define NO_NAMESPACE "_"
#define ENDING ".yaml"

struct objects {
	struct bl_source source;
	char *folder;
	bool synced;
	size_t files;
	size_t problems;
};

static int path_of(const struct objects *objects, const struct bl_source_name *name, bool folder,
		   char **ret)
{
	const char *ns = name->ns ? name->ns : NO_NAMESPACE;
	char *path;

	/* Names were validated, but a file outside the folder would be too bad to rely on it. */
	if (strchr(ns, '/') || strchr(name->name, '/') || name->name[0] == '.' || ns[0] == '.')
		return -EINVAL;
	if (asprintf(&path, "%s/%s/%s%s%s%s", objects->folder, bl_kind_info(name->kind)->plural, ns,
		     folder ? "" : "/", folder ? "" : name->name, folder ? "" : ENDING) < 0)
		return -ENOMEM;
	*ret = path;
	return 0;
}

/* A folder that is new is as lasting as what is put into it. */
static int make_folder(const char *path)
{
	if (mkdir(path, 0700) == 0)
		return bl_sync_folder_of(path);
	return errno == EEXIST ? 0 : -errno;
}

static int make_folders(const char *path)
{
	_cleanup_free_ char *copy = strdup(path);

	if (!copy)
		return -ENOMEM;
	for (char *slash = strchr(copy + 1, '/');; slash = strchr(slash + 1, '/')) {
		int r;

		if (slash)
			*slash = '\0';
		r = make_folder(copy);
		if (r < 0 || !slash)
			return r;
		*slash = '/';
	}
}

static struct bl_source_name name_of(const struct bl_object *object)
{
	return (struct bl_source_name){object->kind, object->meta.ns, object->meta.name};
}

int bl_objects_write(struct bl_source *source, const struct bl_object *object, struct bl_err *err)
{
	struct objects *objects = (struct objects *)source;
	struct bl_source_name name = name_of(object);
	_cleanup_free_ char *folder = NULL, *path = NULL;
	_cleanup_(bl_buf_done) struct bl_buf text = {0};
	bool is_new;
	int r;

	r = path_of(objects, &name, true, &folder);
	if (r >= 0)
		r = path_of(objects, &name, false, &path);
	if (r >= 0)
		r = make_folders(folder);
	if (r >= 0)
		r = bl_encode_yaml(object, &text);
	if (r >= 0 && text.failed)
		r = -ENOMEM;
	if (r < 0)
		return bl_err_set(err, r, "cannot write '%s': %s", path ? path : objects->folder,
				  strerror(-r));
	is_new = access(path, F_OK) < 0;
	r = bl_write_file_atomic(path, text.data, text.len, 0600);
	if (r < 0)
		return bl_err_set(err, r, "cannot write '%s': %s", path, strerror(-r));
	objects->files += is_new;
	return 0;
}

int bl_objects_remove(struct bl_source *source, const struct bl_source_name *name,
		      struct bl_err *err)
{
	struct objects *objects = (struct objects *)source;
	_cleanup_free_ char *path = NULL;
	int r = path_of(objects, name, false, &path);

	if (r < 0)
		return r;
	if (unlink(path) < 0)
		return errno == ENOENT ? 0
				       : bl_err_set(err, -errno, "cannot remove '%s': %m", path);
	objects->files -= objects->files > 0;
	r = bl_sync_folder_of(path);
	return r < 0 ? bl_err_set(err, r, "cannot remove '%s' for good: %s", path, strerror(-r))
		     : 0;
}

/* One file, one object, and the one that the path names: someone may have edited or copied it. */
static int decode_one(const char *path, const struct bl_source_name *name, struct bl_object **ret,
		      struct bl_diag *diag)
{
	_cleanup_(bl_object_list_done) struct bl_object_list list = {0};
	_cleanup_(bl_buf_done) struct bl_buf text = {0};
	struct bl_pos pos = {.file = path};
	struct bl_object *object;
	int r;

	r = bl_buf_read_file(&text, path, bl_limits_default.bytes);
	if (r < 0) {
		if (r != -ENOENT)
			bl_diag_add(diag, BL_SEVERITY_ERROR, &pos, NULL, "cannot read the file: %s",
				    strerror(-r));
		return r;
	}
	r = bl_decode(path, text.data ? text.data : "", text.len, &bl_limits_default,
		      BL_DECODE_MANAGED | BL_DECODE_KEPT_AS_IT_IS, &list, diag);
	if (r < 0)
		return r;
	object = list.count == 1 ? list.items[0] : NULL;
	if (!object || object->kind != name->kind || strcmp(object->meta.name, name->name) ||
	    strcmp(object->meta.ns ? object->meta.ns : "", name->ns ? name->ns : "")) {
		bl_diag_add(diag, BL_SEVERITY_ERROR, &pos, NULL,
			    "expected exactly the %s that the path names; mend or remove the file",
			    bl_kind_info(name->kind)->singular);
		return -EINVAL;
	}
	object->origin = (struct bl_pos){0}; /* an object of the API has no file */
	*ret = bl_object_ref(object);
	return 0;
}

int bl_objects_read(struct bl_source *source, const struct bl_source_name *name,
		    struct bl_object **ret)
{
	_cleanup_free_ char *path = NULL;
	struct bl_diag diag = BL_DIAG_INIT;
	int r = path_of((struct objects *)source, name, false, &path);

	if (r >= 0)
		r = decode_one(path, name, ret, &diag);
	bl_diag_done(&diag);
	return r;
}

static int load_file(struct objects *objects, const struct bl_source_name *name,
		     struct bl_object_list *list)
{
	struct bl_source *source = &objects->source;
	_cleanup_free_ char *path = NULL;
	struct bl_object *object = NULL;
	struct bl_diag diag = BL_DIAG_INIT;
	int r = path_of(objects, name, false, &path);

	if (r < 0)
		return r == -EINVAL ? 0 : r;
	r = decode_one(path, name, &object, &diag);
	objects->files++;
	if (diag.error_count) {
		objects->problems++;
		if (source->handler.report)
			source->handler.report(source, path, &diag, source->handler.userdata);
	}
	bl_diag_done(&diag);
	if (r == -ENOMEM)
		return r;
	return r < 0 ? 0 : bl_object_list_add_take(list, object);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int visible(const struct dirent *item)
{
	return item->d_name[0] != '.';
}

static void free_items(struct dirent **items, int count)
{
	for (int i = 0; i < count; i++)
		free(items[i]);
	free(items);
}

static int load_namespace(struct objects *objects, enum bl_kind kind, const char *ns,
			  struct bl_object_list *list)
{
	struct bl_source_name name = {.kind = kind, .ns = ns};
	_cleanup_free_ char *path = NULL;
	struct dirent **items;
	int count, r = 0;

	if (!bl_kind_info(kind)->namespaced)
		name.ns = NULL;
	name.name = "x"; /* only the folder is asked for */
	r = path_of(objects, &name, true, &path);
	if (r < 0)
		return r;
	count = scandir(path, &items, visible, by_name);
	if (count < 0)
		return errno == ENOTDIR || errno == ENOENT ? 0 : -errno;
	for (int i = 0; r >= 0 && i < count; i++) {
		char *text = items[i]->d_name;
		size_t len = strlen(text);

		if (len <= strlen(ENDING) || strcmp(text + len - strlen(ENDING), ENDING))
			continue; /* what a crash left of an atomic write */
		text[len - strlen(ENDING)] = '\0';
		name.name = text;
		r = load_file(objects, &name, list);
	}
	free_items(items, count);
	return r;
}

static int load_kind(struct objects *objects, enum bl_kind kind, struct bl_object_list *list)
{
	_cleanup_free_ char *path = NULL;
	struct dirent **items;
	int count, r = 0;

	if (asprintf(&path, "%s/%s", objects->folder, bl_kind_info(kind)->plural) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	count = scandir(path, &items, visible, by_name);
	if (count < 0)
		return errno == ENOENT ? 0 : -errno;
	for (int i = 0; r >= 0 && i < count; i++)
		r = load_namespace(objects, kind, items[i]->d_name, list);
	free_items(items, count);
	return r;
}

static int start(struct bl_source *source, sd_event *loop, struct bl_err *err)
{
	struct objects *objects = (struct objects *)source;
	_cleanup_(bl_object_list_done) struct bl_object_list list = {0};
	struct bl_source_batch batch = {.full = true};
	int r;

	(void)loop;
	r = make_folders(objects->folder);
	for (int kind = 0; r >= 0 && kind < BL_KIND_COUNT; kind++)
		r = load_kind(objects, (enum bl_kind)kind, &list);
	if (r < 0)
		return bl_err_set(err, r, "cannot read the objects in '%s': %s", objects->folder,
				  strerror(-r));
	batch.upserts = list.items;
	batch.upsert_count = list.count;
	objects->synced = true;
	source->handler.deliver(source, &batch, source->handler.userdata);
	return 0;
}

/* Nobody else writes there. */
static void rescan(struct bl_source *source)
{
	(void)source;
}

static struct bl_source_info info(const struct bl_source *source)
{
	const struct objects *objects = (const struct objects *)source;

	return (struct bl_source_info){
		.name = "api",
		.path = objects->folder,
		.synced = objects->synced,
		.files = objects->files,
		.objects = objects->files - objects->problems,
		.problems = objects->problems,
	};
}

static void objects_free(struct bl_source *source)
{
	struct objects *objects = (struct objects *)source;

	free(objects->folder);
	free(objects);
}

static const struct bl_source_ops objects_ops = {
	.start = start,
	.rescan = rescan,
	.info = info,
	.free = objects_free,
};

int bl_objects_new(const char *folder, const struct bl_source_handler *handler,
		   struct bl_source **ret)
{
	struct objects *objects = calloc(1, sizeof(*objects));

	if (!objects)
		return -ENOMEM;
	objects->source = (struct bl_source){.ops = &objects_ops, .handler = *handler};
	objects->folder = strdup(folder);
	if (!objects->folder) {
		free(objects);
		return -ENOMEM;
	}
	*ret = &objects->source;
	return 0;
}
