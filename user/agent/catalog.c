/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/catalog.h"

#include <errno.h>
#include <string.h>
#include <systemd/sd-id128.h>
#include <time.h>

#include "agent/admission.h"
#include "agent/catalog_parts.h"
#include "base/buf.h"
#include "base/log.h"
#include "model/codec.h"
#include "model/service.h"
#include "source/objects.h"

#define STATE_SUBJECT "state"
/* kubectl and the libraries of Kubernetes know these words. */
#define CHANGED                                                                                    \
	"Operation cannot be fulfilled on %s \"%s\": the object has been modified; please apply "  \
	"your changes to the latest version and try again"

int bl_catalog_new(const struct bl_catalog_config *config, struct bl_catalog **ret)
{
	_cleanup_(bl_catalog_free) struct bl_catalog *catalog = calloc(1, sizeof(*catalog));
	int r;

	if (!catalog)
		return -ENOMEM;
	catalog->config = *config;
	r = bl_map_new(&catalog->own);
	if (r >= 0)
		r = bl_map_new(&catalog->waiting);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(catalog);
	return 0;
}

void bl_catalog_set_objects(struct bl_catalog *catalog, struct bl_source *objects)
{
	catalog->config.objects = objects;
}

struct bl_catalog *bl_catalog_free(struct bl_catalog *catalog)
{
	size_t cursor = 0;
	void *object;

	if (!catalog)
		return NULL;
	while (catalog->waiting && bl_map_next(catalog->waiting, &cursor, NULL, NULL, &object))
		bl_object_unref(object);
	bl_map_free(catalog->waiting);
	bl_map_free(catalog->own);
	bl_object_list_done(&catalog->pending);
	free(catalog);
	return NULL;
}

const char *bl_catalog_label(const struct bl_source_name *name, char *buffer, size_t size)
{
	(void)snprintf(buffer, size, "%s '%s%s%s'", bl_kind_info(name->kind)->singular,
		       name->ns ? name->ns : "", name->ns ? "/" : "", name->name);
	return buffer;
}

/* Nothing to write and nothing to tell: only times of writers may differ. */
static bool changes_nothing(const struct bl_catalog *catalog, const struct bl_object *old,
			    const struct bl_object *object)
{
	struct bl_source_name name = {object->kind, object->meta.ns, object->meta.name};

	return old && !bl_catalog_is_own(catalog, &name) && bl_object_equal(old, object);
}

static struct bl_source_name name_of(const struct bl_object *object)
{
	return (struct bl_source_name){object->kind, object->meta.ns, object->meta.name};
}

static const struct bl_object *find(const struct bl_catalog *catalog,
				    const struct bl_source_name *name)
{
	return bl_store_find(catalog->config.store, name->kind, name->ns, name->name);
}

bool bl_catalog_is_own(const struct bl_catalog *catalog, const struct bl_source_name *name)
{
	char label[BL_CATALOG_LABEL];

	return bl_map_get_str(catalog->own, bl_catalog_label(name, label, sizeof(label)));
}

static void disown(struct bl_catalog *catalog, const struct bl_source_name *name)
{
	char label[BL_CATALOG_LABEL];

	bl_map_remove_str(catalog->own, bl_catalog_label(name, label, sizeof(label)));
}

int bl_catalog_put_own(struct bl_catalog *catalog, struct bl_object *object)
{
	struct bl_source_name name = name_of(object);
	char label[BL_CATALOG_LABEL];
	bool was_own = bl_catalog_is_own(catalog, &name);
	int r;

	if (!was_own && find(catalog, &name))
		return 0; /* somebody else's comes first */
	r = bl_map_put_str(catalog->own, bl_catalog_label(&name, label, sizeof(label)), catalog,
			   NULL);
	if (r < 0)
		return r;
	r = bl_store_put(catalog->config.store, object, time(NULL), NULL);
	if (r < 0 && !was_own)
		disown(catalog, &name);
	return r;
}

void bl_catalog_remove_own(struct bl_catalog *catalog, const struct bl_source_name *name)
{
	if (!bl_catalog_is_own(catalog, name))
		return;
	disown(catalog, name);
	(void)bl_store_delete(catalog->config.store, name->kind, name->ns, name->name);
}

int bl_catalog_put_status(struct bl_catalog *catalog, struct bl_object *object)
{
	return bl_store_put(catalog->config.store, object, time(NULL), NULL);
}

int bl_catalog_give_away(struct bl_catalog *catalog, const struct bl_source_name *name)
{
	const struct bl_object *object = find(catalog, name);
	struct bl_err err = {0};
	int r;

	if (!object || !bl_catalog_is_own(catalog, name))
		return 0;
	if (catalog->config.objects) {
		r = bl_objects_write(catalog->config.objects, object, &err);
		if (r < 0) {
			bl_problems_set(catalog->config.problems, STATE_SUBJECT, BL_SEVERITY_ERROR,
					"%s", err.text);
			return r;
		}
	}
	disown(catalog, name);
	return 0;
}

int bl_catalog_make_namespace(const char *ns, struct bl_object **ret)
{
	_cleanup_(bl_object_list_done) struct bl_object_list list = {0};
	_cleanup_(bl_buf_done) struct bl_buf text = {0};
	struct bl_diag diag = BL_DIAG_INIT;
	int r;

	/* A namespace's name holds nothing that JSON would have to escape: it was validated. */
	bl_buf_addf(&text,
		    "{\"apiVersion\":\"v1\",\"kind\":\"Namespace\",\"metadata\":{\"name\":\"%s\"},"
		    "\"status\":{\"phase\":\"Active\"}}",
		    ns);
	if (text.failed)
		return -ENOMEM;
	r = bl_decode("namespace", text.data, text.len, &bl_limits_default, 0, &list, &diag);
	bl_diag_done(&diag);
	if (r < 0)
		return r;
	list.items[0]->origin = (struct bl_pos){0};
	*ret = bl_object_ref(list.items[0]);
	return 0;
}

/* Nobody writes Namespaces for a single node: the names that objects use are enough. */
static int ensure_namespace(struct bl_catalog *catalog, const char *ns)
{
	_cleanup_(bl_object_unref) struct bl_object *object = NULL;
	struct bl_source_name name = {BL_KIND_NAMESPACE, NULL, ns};
	int r;

	if (find(catalog, &name))
		return 0;
	r = bl_catalog_make_namespace(ns, &object);
	return r < 0 ? r : bl_catalog_put_own(catalog, object);
}

static void wait_for_better(struct bl_catalog *catalog, struct bl_object *object, const char *label)
{
	void *old = NULL;

	if (bl_map_put_str(catalog->waiting, label, bl_object_ref(object), &old) < 0)
		bl_object_unref(object); /* it is reported; a change of its file brings it again */
	bl_object_unref(old);
}

static void stop_waiting(struct bl_catalog *catalog, const char *label)
{
	bl_object_unref(bl_map_remove_str(catalog->waiting, label));
	bl_problems_clear(catalog->config.problems, label);
}

static int admit(struct bl_catalog *catalog, struct bl_object *object, struct bl_diag *diag)
{
	const struct bl_admission admission = {
		.store = catalog->config.store,
		.allocator = catalog->config.allocations->allocator,
		.pool = catalog->config.allocations->pool,
		.node_name = catalog->config.node_name,
		.probing = catalog->config.probing,
	};

	return bl_admit(&admission, object, diag);
}

/* What bl_admit did for an object that does not go into the store. The pool keeps the address of a
 * Service that is there. */
static void unadmit(struct bl_catalog *catalog, const struct bl_object *object)
{
	struct bl_allocations *allocations = catalog->config.allocations;

	bl_unadmit(catalog->config.store, allocations->allocator, object);
	if (allocations->pool && object->kind == BL_KIND_SERVICE &&
	    !bl_store_find(catalog->config.store, object->kind, object->meta.ns, object->meta.name))
		bl_pool_release(allocations->pool, object->meta.ns, object->meta.name);
}

/* Admits one object of a source; what is good joins the pending ones. */
static int admit_one(struct bl_catalog *catalog, struct bl_object *object)
{
	struct bl_source_name name = name_of(object);
	const struct bl_object *old = find(catalog, &name);
	char label[BL_CATALOG_LABEL];
	struct bl_diag diag = BL_DIAG_INIT;
	int r;

	bl_catalog_label(&name, label, sizeof(label));
	if (!object->origin.file && old && old->origin.file)
		return 0; /* hidden behind a manifest's */
	r = admit(catalog, object, &diag);
	if (r == -EINVAL) {
		bl_problems_set_diag(catalog->config.problems, label, &diag);
		wait_for_better(catalog, object, label);
		r = 0;
	} else if (r >= 0) {
		stop_waiting(catalog, label);
		if (diag.warning_count)
			bl_problems_set_diag(catalog->config.problems, label, &diag);
		r = bl_object_list_add_take(&catalog->pending, bl_object_ref(object));
	}
	bl_diag_done(&diag);
	return r;
}

static int put_one(struct bl_catalog *catalog, struct bl_object *object)
{
	struct bl_source_name name = name_of(object);
	int r = object->meta.ns ? ensure_namespace(catalog, object->meta.ns) : 0;

	if (r < 0)
		return r;
	disown(catalog, &name);
	/* The store numbers a version once; an object that is delivered again is there already. */
	if (find(catalog, &name) == object)
		return 0;
	return bl_store_put(catalog->config.store, object, time(NULL), NULL);
}

int bl_catalog_settle(struct bl_catalog *catalog)
{
	struct bl_err err = {0};
	int r = bl_allocations_save(catalog->config.allocations, &err), first_failure = 0;

	if (r < 0) {
		bl_problems_set(catalog->config.problems, STATE_SUBJECT, BL_SEVERITY_ERROR,
				"%s; new objects wait until that works", err.text);
		return -EIO;
	}
	bl_problems_clear(catalog->config.problems, STATE_SUBJECT);
	for (size_t i = 0; i < catalog->pending.count; i++) {
		r = put_one(catalog, catalog->pending.items[i]);
		if (r < 0 && !first_failure)
			first_failure = r;
	}
	bl_object_list_done(&catalog->pending);
	catalog->pending = (struct bl_object_list){0};
	return first_failure;
}

/* What comes back when a manifest's object goes: the one of the API that it hid. */
static int restore_hidden(struct bl_catalog *catalog, const struct bl_source_name *name)
{
	_cleanup_(bl_object_unref) struct bl_object *object = NULL;

	if (!catalog->config.objects || bl_objects_read(catalog->config.objects, name, &object) < 0)
		return -ENOENT;
	return admit_one(catalog, object);
}

static void drop_pending(struct bl_catalog *catalog, const struct bl_source_name *name)
{
	struct bl_object_list *pending = &catalog->pending;

	for (size_t i = 0; i < pending->count; i++) {
		struct bl_source_name other = name_of(pending->items[i]);
		char a[BL_CATALOG_LABEL], b[BL_CATALOG_LABEL];

		if (strcmp(bl_catalog_label(name, a, sizeof(a)),
			   bl_catalog_label(&other, b, sizeof(b))))
			continue;
		bl_object_unref(pending->items[i]);
		memmove(&pending->items[i], &pending->items[i + 1],
			(pending->count - i - 1) * sizeof(*pending->items));
		pending->count--;
		return;
	}
}

static void take_out(struct bl_catalog *catalog, const struct bl_source_name *name)
{
	if (name->kind == BL_KIND_SERVICE)
		bl_allocations_release(catalog->config.allocations, name->ns, name->name);
	(void)bl_store_delete(catalog->config.store, name->kind, name->ns, name->name);
}

/* An object left its manifest. */
static void remove_one(struct bl_catalog *catalog, const struct bl_source_name *name)
{
	const struct bl_object *object = find(catalog, name);
	char label[BL_CATALOG_LABEL];

	bl_catalog_label(name, label, sizeof(label));
	stop_waiting(catalog, label);
	if (catalog->pending.count)
		drop_pending(catalog, name);
	if (!object) {
		if (name->kind == BL_KIND_SERVICE)
			bl_allocations_release(catalog->config.allocations, name->ns, name->name);
		return;
	}
	if (!object->origin.file)
		return; /* its manifest never came into force */
	take_out(catalog, name);
	(void)restore_hidden(catalog, name); /* none, or a reported problem */
	if (name->kind == BL_KIND_NAMESPACE &&
	    bl_catalog_check_empty(catalog, name->name, NULL) < 0)
		(void)ensure_namespace(catalog, name->name); /* no memory: the next object does */
}

/* Fixed addresses first, so that no address drawn at random in the same batch is one of them. */
static int wanted_rank(const struct bl_object *object)
{
	const struct bl_service *service;

	if (object->kind == BL_KIND_NAMESPACE || object->kind == BL_KIND_NODE)
		return 0;
	if (object->kind != BL_KIND_SERVICE)
		return 3;
	service = bl_service_of(object);
	if (service->spec.cluster_ip || service->spec.cluster_ips.count ||
	    service->spec.health_check_node_port)
		return 1;
	for (size_t i = 0; i < service->spec.ports.count; i++)
		if (service->spec.ports.items[i].node_port)
			return 1;
	return 2;
}

/* Admission fills in addresses, which changes an object's rank: ranks are taken before. */
static int admit_batch(struct bl_catalog *catalog, const struct bl_source_batch *batch)
{
	_cleanup_free_ struct bl_object **sorted = calloc(batch->upsert_count + 1, sizeof(*sorted));
	size_t used = 0;

	if (!sorted)
		return -ENOMEM;
	for (int rank = 0; rank <= 3; rank++)
		for (size_t i = 0; i < batch->upsert_count; i++)
			if (wanted_rank(batch->upserts[i]) == rank)
				sorted[used++] = batch->upserts[i];
	for (size_t i = 0; i < used; i++) {
		int r = admit_one(catalog, sorted[i]);

		if (r < 0)
			return r;
	}
	return 0;
}

static int retry_waiting(struct bl_catalog *catalog)
{
	_cleanup_(bl_object_list_done) struct bl_object_list list = {0};
	size_t cursor = 0;
	void *object;
	int r = 0;

	while (r >= 0 && bl_map_next(catalog->waiting, &cursor, NULL, NULL, &object))
		r = bl_object_list_add_take(&list, bl_object_ref(object));
	for (size_t i = 0; r >= 0 && i < list.count; i++)
		r = admit_one(catalog, list.items[i]);
	return r;
}

/* Only Services wait for each other; anything may have waited for its former self to go. */
static bool may_help(const struct bl_source_batch *batch)
{
	for (size_t i = 0; i < batch->upsert_count; i++)
		if (batch->upserts[i]->kind == BL_KIND_SERVICE)
			return true;
	return batch->removal_count > 0;
}

/* What comes admitted already; a failure does not keep the rest away. */
static int put_batch(struct bl_catalog *catalog, const struct bl_source_batch *batch)
{
	int first_failure = 0;

	for (size_t i = 0; i < batch->upsert_count; i++) {
		int r = put_one(catalog, batch->upserts[i]);

		if (r < 0 && !first_failure)
			first_failure = r;
	}
	return first_failure;
}

int bl_catalog_deliver(struct bl_catalog *catalog, const struct bl_source_batch *batch)
{
	int r;

	for (size_t i = 0; i < batch->removal_count; i++)
		remove_one(catalog, &batch->removals[i]);
	if (batch->admitted)
		return put_batch(catalog, batch);
	r = admit_batch(catalog, batch);
	if (r >= 0 && bl_map_count(catalog->waiting) && may_help(batch))
		r = retry_waiting(catalog);
	if (r < 0)
		return r;
	return bl_catalog_settle(catalog);
}

/* Is this object the user's to change? */
static int check_owner(const struct bl_catalog *catalog, const struct bl_source_name *name,
		       const struct bl_object *old, struct bl_err *err)
{
	char label[BL_CATALOG_LABEL];

	bl_catalog_label(name, label, sizeof(label));
	if (old->origin.file)
		return bl_err_set(err, -EACCES, "%s comes from '%s': change it there", label,
				  old->origin.file);
	if (name->kind == BL_KIND_ENDPOINTS && bl_catalog_is_own(catalog, name))
		return bl_err_set(err, -EACCES,
				  "%s is made from the pods that the Service selects: change "
				  "those, or take the selector away",
				  label);
	return 0;
}

static int refuse_write(const char *label, struct bl_err *err)
{
	return bl_err_set(err, -EACCES,
			  "%s: this agent follows a cluster; change objects at its API server",
			  label);
}

static int check_write(const struct bl_catalog *catalog, enum bl_write write,
		       const struct bl_object *object, const struct bl_object *old,
		       struct bl_err *err)
{
	struct bl_source_name name = name_of(object);
	bool own = bl_catalog_is_own(catalog, &name);
	char label[BL_CATALOG_LABEL];
	int r;

	if (catalog->config.read_only)
		return refuse_write(bl_catalog_label(&name, label, sizeof(label)), err);
	if (write == BL_WRITE_REPLACE && !old)
		return bl_err_set(err, -ENOENT, "%s \"%s\" not found",
				  bl_kind_info(name.kind)->plural, name.name);
	if (old) {
		r = check_owner(catalog, &name, old, err);
		if (r < 0)
			return r;
	}
	if (write == BL_WRITE_CREATE && old && !(own && name.kind == BL_KIND_NODE))
		return bl_err_set(err, -EEXIST, "%s \"%s\" already exists",
				  bl_kind_info(name.kind)->plural, name.name);
	r = write == BL_WRITE_CREATE ? bl_catalog_check_room(catalog, object, err) : 0;
	if (r < 0)
		return r;
	if (write == BL_WRITE_REPLACE && object->meta.resource_version &&
	    object->meta.resource_version != old->meta.resource_version)
		return bl_err_set(err, -ESTALE, CHANGED, bl_kind_info(name.kind)->plural,
				  name.name);
	if (write == BL_WRITE_REPLACE && object->meta.uid && old->meta.uid &&
	    strcmp(object->meta.uid, old->meta.uid))
		return bl_err_set(err, -ESTALE,
				  "Operation cannot be fulfilled on %s \"%s\": the UID in the "
				  "object (%.40s) does not match the UID in record (%s)",
				  bl_kind_info(name.kind)->plural, name.name, object->meta.uid,
				  old->meta.uid);
	return 0;
}

/* What the server sets, not the client. Set before the file is written, so that a restart finds
 * the same. */
static int complete_meta(struct bl_object *object, const struct bl_object *old)
{
	struct bl_meta *meta = &object->meta;
	char uid[SD_ID128_UUID_STRING_MAX];
	sd_id128_t id;
	int r;

	object->origin = (struct bl_pos){0};
	meta->creation_time = old ? old->meta.creation_time : time(NULL);
	if (old && old->meta.uid) {
		meta->uid = bl_arena_strdup(object->arena, old->meta.uid);
	} else {
		r = sd_id128_randomize(&id);
		if (r < 0)
			return r;
		meta->uid = bl_arena_strdup(object->arena, sd_id128_to_uuid_string(id, uid));
	}
	return meta->uid ? 0 : -ENOMEM;
}

/* File, then store: what a client was told is on disk. */
static int commit_write(struct bl_catalog *catalog, struct bl_object *object, struct bl_err *err)
{
	struct bl_source_name name = name_of(object);
	int r = bl_allocations_save(catalog->config.allocations, err);

	if (r < 0)
		return -EIO;
	if (catalog->config.objects) {
		r = bl_objects_write(catalog->config.objects, object, err);
		if (r < 0)
			return -EIO;
	}
	disown(catalog, &name);
	r = bl_store_put(catalog->config.store, object, time(NULL), NULL);
	return r < 0 ? bl_err_set(err, r, "no memory for the object") : 0;
}

int bl_catalog_mark(struct bl_catalog *catalog, struct bl_object *object, struct bl_err *err)
{
	return commit_write(catalog, object, err);
}

int bl_catalog_write(struct bl_catalog *catalog, enum bl_write write, struct bl_object *object,
		     bool dry_run, struct bl_diag *diag, struct bl_err *err)
{
	struct bl_source_name name = name_of(object);
	const struct bl_object *old = find(catalog, &name);
	char label[BL_CATALOG_LABEL];
	int r = check_write(catalog, write, object, old, err);

	bl_catalog_label(&name, label, sizeof(label));
	if (r >= 0)
		r = complete_meta(object, old);
	if (r < 0)
		return r;
	r = admit(catalog, object, diag);
	if (r < 0)
		return bl_err_set(err, r, "%s is not valid", label);
	if (dry_run) {
		unadmit(catalog, object);
		return 0;
	}
	if (changes_nothing(catalog, old, object))
		return 0;
	r = commit_write(catalog, object, err);
	if (r < 0) {
		unadmit(catalog, object);
		return r;
	}
	stop_waiting(catalog, label);
	if (bl_map_count(catalog->waiting) && retry_waiting(catalog) >= 0)
		(void)bl_catalog_settle(catalog); /* reported as a problem of the state folder */
	return 0;
}

static int check_remove(const struct bl_catalog *catalog, const struct bl_source_name *name,
			uint64_t resource_version, struct bl_err *err)
{
	const struct bl_object *old = find(catalog, name);
	char label[BL_CATALOG_LABEL];
	int r;

	bl_catalog_label(name, label, sizeof(label));
	if (catalog->config.read_only)
		return refuse_write(label, err);
	if (!old && bl_map_get_str(catalog->waiting, label))
		return 0; /* refused at the start, but its file is there */
	if (!old)
		return bl_err_set(err, -ENOENT, "%s \"%s\" not found",
				  bl_kind_info(name->kind)->plural, name->name);
	r = check_owner(catalog, name, old, err);
	if (r < 0)
		return r;
	if (name->kind == BL_KIND_NODE && bl_catalog_is_own(catalog, name))
		return bl_err_set(err, -EACCES, "%s is the one that this agent runs on", label);
	if (resource_version && resource_version != old->meta.resource_version)
		return bl_err_set(err, -ESTALE, CHANGED, bl_kind_info(name->kind)->plural,
				  name->name);
	return name->kind == BL_KIND_NAMESPACE ? bl_catalog_check_empty(catalog, name->name, err)
					       : 0;
}

int bl_catalog_remove(struct bl_catalog *catalog, const struct bl_source_name *name,
		      uint64_t resource_version, bool dry_run, struct bl_err *err)
{
	char label[BL_CATALOG_LABEL], ns[256] = "";
	int r = check_remove(catalog, name, resource_version, err);

	if (r < 0 || dry_run)
		return r;
	if (catalog->config.objects) {
		r = bl_objects_remove(catalog->config.objects, name, err);
		if (r < 0)
			return -EIO;
	}
	if (name->ns) /* which may be the object's own text */
		(void)snprintf(ns, sizeof(ns), "%s", name->ns);
	bl_catalog_label(name, label, sizeof(label));
	stop_waiting(catalog, label);
	disown(catalog, name);
	take_out(catalog, name);
	if (bl_map_count(catalog->waiting))
		(void)retry_waiting(catalog); /* what fails goes on waiting */
	(void)bl_catalog_settle(catalog);     /* reported as a problem of the state folder */
	if (ns[0])
		(void)bl_catalog_finish_end(catalog, ns, NULL); /* tried again at the next start */
	return 0;
}
