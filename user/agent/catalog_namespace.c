/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Namespaces: what may be made in them, and how they end with all that they hold. */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "agent/catalog_parts.h"
#include "model/codec.h"
#include "model/node.h"

#define OBJECTS_MAX 100000u /* of a kind; what follows them is not made for more */

static struct bl_source_name name_of(const struct bl_object *object)
{
	return (struct bl_source_name){object->kind, object->meta.ns, object->meta.name};
}

/* Does the namespace take something new? */
static int check_takes(const struct bl_catalog *catalog, const char *ns, const char *what,
		       struct bl_err *err)
{
	const struct bl_object *object =
		bl_store_find(catalog->config.store, BL_KIND_NAMESPACE, NULL, ns);

	if (!object)
		return bl_err_set(err, -ENOENT, "namespaces \"%s\" not found", ns);
	if (object->meta.deletion_time)
		return bl_err_set(err, -EACCES,
				  "%s is forbidden: unable to create new content in namespace %s "
				  "because it is being terminated",
				  what, ns);
	return 0;
}

int bl_catalog_check_namespace(const struct bl_catalog *catalog, const char *ns, const char *what,
			       bool is_new, struct bl_err *err)
{
	if (catalog->config.read_only)
		return bl_err_set(
			err, -EACCES,
			"%s: this agent follows a cluster; change things at its API server", what);
	return is_new ? check_takes(catalog, ns, what, err) : 0;
}

int bl_catalog_check_room(const struct bl_catalog *catalog, const struct bl_object *object,
			  struct bl_err *err)
{
	const struct bl_kind_info *info = bl_kind_info(object->kind);
	char what[320];
	int r;

	(void)snprintf(what, sizeof(what), "%s \"%s\"", info->plural, object->meta.name);
	r = object->meta.ns ? check_takes(catalog, object->meta.ns, what, err) : 0;
	if (r < 0)
		return r;
	if (bl_store_count(catalog->config.store, object->kind) >= OBJECTS_MAX)
		return bl_err_set(err, -EACCES,
				  "%s \"%s\" is forbidden: there are %u %s, and no room for more",
				  info->plural, object->meta.name, OBJECTS_MAX, info->plural);
	return 0;
}

static bool is_waiting_in(const struct bl_object *object, enum bl_kind kind, const char *ns)
{
	return object->kind == kind && !object->origin.file &&
	       (!ns || (object->meta.ns && !strcmp(object->meta.ns, ns)));
}

static bool is_users(const struct bl_catalog *catalog, const struct bl_object *object)
{
	struct bl_source_name name = name_of(object);

	return !object->origin.file && !bl_catalog_is_own(catalog, &name);
}

int bl_catalog_list_of_users(const struct bl_catalog *catalog, enum bl_kind kind, const char *ns,
			     struct bl_object_list *ret)
{
	_cleanup_free_ const struct bl_object **items = NULL;
	size_t count = 0, cursor = 0;
	void *waiting;
	int r;

	if (ns && !bl_kind_info(kind)->namespaced)
		return 0;
	r = bl_store_list(catalog->config.store, kind, ns, &items, &count);
	for (size_t i = 0; r == 0 && i < count; i++)
		if (is_users(catalog, items[i]))
			r = bl_object_list_add_take(ret,
						    bl_object_ref((struct bl_object *)items[i]));
	while (r == 0 && bl_map_next(catalog->waiting, &cursor, NULL, NULL, &waiting)) {
		const struct bl_meta *meta = &((struct bl_object *)waiting)->meta;

		if (is_waiting_in(waiting, kind, ns) &&
		    !bl_store_find(catalog->config.store, kind, meta->ns, meta->name))
			r = bl_object_list_add_take(ret, bl_object_ref(waiting));
	}
	return r;
}

static bool is_permanent(const char *ns)
{
	return !strcmp(ns, "default") || !strcmp(ns, "kube-system");
}

/* What the agent derives goes by itself. */
int bl_catalog_check_empty(const struct bl_catalog *catalog, const char *ns, struct bl_err *err)
{
	if (is_permanent(ns))
		return bl_err_set(
			err, -EACCES,
			"namespaces \"%s\" is forbidden: this namespace may not be deleted", ns);
	for (int kind = 0; kind < BL_KIND_COUNT; kind++) {
		_cleanup_free_ const struct bl_object **items = NULL;
		size_t count = 0;
		int r;

		if (!bl_kind_info((enum bl_kind)kind)->namespaced)
			continue;
		r = bl_store_list(catalog->config.store, (enum bl_kind)kind, ns, &items, &count);
		if (r < 0)
			return r;
		for (size_t i = 0; i < count; i++) {
			struct bl_source_name name = name_of(items[i]);
			char label[BL_CATALOG_LABEL];

			if (bl_catalog_is_own(catalog, &name))
				continue;
			return bl_err_set(err, -EBUSY, "namespace '%s' is not empty: it holds %s",
					  ns, bl_catalog_label(&name, label, sizeof(label)));
		}
	}
	return 0;
}

/* A manifest's object would be there again at once. */
static int check_manifests(const struct bl_catalog *catalog, const char *ns, struct bl_err *err)
{
	for (int kind = 0; kind < BL_KIND_COUNT; kind++) {
		_cleanup_free_ const struct bl_object **items = NULL;
		size_t count = 0;
		int r = 0;

		if (bl_kind_info((enum bl_kind)kind)->namespaced)
			r = bl_store_list(catalog->config.store, (enum bl_kind)kind, ns, &items,
					  &count);
		for (size_t i = 0; i < count; i++) {
			struct bl_source_name name = name_of(items[i]);
			char label[BL_CATALOG_LABEL];

			if (items[i]->origin.file)
				return bl_err_set(err, -EBUSY,
						  "namespace '%s' holds %s, which comes from '%s': "
						  "take it out there first",
						  ns, bl_catalog_label(&name, label, sizeof(label)),
						  items[i]->origin.file);
		}
		if (r < 0)
			return r;
	}
	return 0;
}

int bl_catalog_check_end(const struct bl_catalog *catalog, const char *ns, const char *uid,
			 uint64_t resource_version, struct bl_err *err)
{
	const struct bl_object *object =
		bl_store_find(catalog->config.store, BL_KIND_NAMESPACE, NULL, ns);

	if (!object)
		return bl_err_set(err, -ENOENT, "namespaces \"%s\" not found", ns);
	if (catalog->config.read_only)
		return bl_err_set(err, -EACCES,
				  "namespace '%s': this agent follows a cluster; change objects at "
				  "its API server",
				  ns);
	if (is_permanent(ns))
		return bl_catalog_check_empty(catalog, ns, err);
	if (object->origin.file)
		return bl_err_set(err, -EACCES, "namespace '%s' comes from '%s': change it there",
				  ns, object->origin.file);
	if ((uid[0] && object->meta.uid && strcmp(uid, object->meta.uid) != 0) ||
	    (resource_version && resource_version != object->meta.resource_version))
		return bl_err_set(
			err, -ESTALE,
			"Operation cannot be fulfilled on namespaces \"%s\": it is another "
			"one by now",
			ns);
	return check_manifests(catalog, ns, err);
}

int bl_catalog_begin_end(struct bl_catalog *catalog, const char *ns, struct bl_object **ret,
			 struct bl_err *err)
{
	const struct bl_object *object =
		bl_store_find(catalog->config.store, BL_KIND_NAMESPACE, NULL, ns);
	_cleanup_(bl_object_unref) struct bl_object *marked = NULL;
	struct bl_namespace *made;
	int r;

	if (!object)
		return -ENOENT;
	r = bl_object_clone(object, &marked);
	if (r < 0)
		return bl_err_set(err, r, "no memory for the namespace");
	made = (struct bl_namespace *)marked;
	made->phase = "Terminating";
	if (!marked->meta.deletion_time)
		marked->meta.deletion_time = time(NULL);
	marked->meta.resource_version = 0;
	r = object->meta.deletion_time ? 0 : bl_catalog_mark(catalog, marked, err);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(marked);
	return 0;
}

int bl_catalog_finish_end(struct bl_catalog *catalog, const char *ns, struct bl_err *err)
{
	const struct bl_object *object =
		bl_store_find(catalog->config.store, BL_KIND_NAMESPACE, NULL, ns);
	struct bl_source_name name = {BL_KIND_NAMESPACE, NULL, ns};

	if (!object || !object->meta.deletion_time || object->origin.file ||
	    bl_catalog_check_empty(catalog, ns, NULL) < 0)
		return 0;
	return bl_catalog_remove(catalog, &name, 0, false, err);
}
